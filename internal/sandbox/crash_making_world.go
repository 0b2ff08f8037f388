package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"clientkeeper/internal/app"
	"clientkeeper/internal/config"
	cred "clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/idempotency"
)

// A makingWorld is a tenant and a Secrets Manager in which something is made.
type makingWorld struct {
	*crashWorld
	request makingKind
	manager string
	process *makingProcess
	skipped time.Duration // that the clock of the records is ahead: leases are not waited for

	answer *idempotency.Answer // the first that a caller got
	denied error               // or that it was refused for good
	heard  []string            // what it got before
	out    crashOutcome
	told   map[string]bool
}

// A makingProcess is the function's process: all it remembers dies with it.
type makingProcess struct {
	service *cred.Service
	ledger  *idempotency.Ledger
}

// makingScopes are what functions/api needs at the tenant.
var makingScopes = []string{"read:clients", "create:clients", "update:clients", "delete:clients", "update:client_keys", "read:client_credentials",
	"create:client_credentials", "update:client_credentials", "delete:client_credentials", "create:client_grants", "read:client_grants"}

func newMakingWorld(ctx context.Context, shared *crashShared, k makingKind) (_ *makingWorld, err error) {
	w := &makingWorld{crashWorld: &crashWorld{shared: shared, stage: &stage{}}, request: k, told: map[string]bool{}}
	w.look = func(string) {}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if err := w.openTenant(); err != nil {
		return nil, err
	}
	if err := w.openSecrets(); err != nil {
		return nil, err
	}
	for _, api := range []string{makingAPI, otherAPI} {
		w.tenant.AddAPI(api)
	}
	var secret string
	w.manager, secret = w.tenant.AddManagementClient(makingScopes...)
	arn, err := w.secrets.Put("management", w.stored(w.manager, secret, nil), nil)
	if err != nil {
		return nil, err
	}
	w.config = config.Tenant{Domain: w.tenant.Domain(), ManagementSecret: arn, RootsPEM: w.tenant.CAPEM(), Reserve: -1}
	w.tenant.SetMischief(w.befall)
	if k.client == nil {
		if err := w.furnishClient(ctx); err != nil {
			return nil, err
		}
	}
	w.stage.forget()
	w.look = w.watch
	return w, nil
}

// furnishClient makes the client that is to get a credential.
func (w *makingWorld) furnishClient(ctx context.Context) error {
	p, err := w.begin()
	if err != nil {
		return err
	}
	made, err := p.service.CreateClient(ctx, cred.Operation{ID: "zzzzzzzzzzzzzzzzzzzzzzzzzz"}, *machine(cred.PrivateKeyJWT))
	if err == nil {
		err = w.secrets.Idle(ctx)
	}
	w.client, w.arn = made.ClientID, made.SecretARN
	return err
}

// begin builds what functions/api builds.
func (w *makingWorld) begin() (*makingProcess, error) {
	service, ledger, err := app.Credentials(w.aws, app.CredentialOptions{Tenant: w.config, FunctionARN: crashFunction, Audiences: []string{"*"}, Settle: crashWindow})
	if err != nil {
		return nil, err
	}
	ledger.Now = func() time.Time { return time.Now().Add(w.skipped) }
	return &makingProcess{service, ledger}, nil
}

// makingTries is how often a request is sent at most.
const makingTries = 12

// insist sends the request until it is answered or refused for good.
func (w *makingWorld) insist(ctx context.Context) {
	for range makingTries {
		answer, err := w.send(ctx)
		switch {
		case err == nil:
			w.answer = &answer
			return
		case fault.Reason(err) == "idempotency_in_progress":
			w.skipped += fault.RetryAfter(err)
		case fault.KindOf(err).Permanent():
			w.denied = err
			return
		}
		w.heard = append(w.heard, err.Error())
	}
}

// errKilled stands for the end of the process.
var errKilled = errors.New("the process was killed")

// send makes one invocation, in the process of the one before if that lives.
func (w *makingWorld) send(ctx context.Context) (answer idempotency.Answer, err error) {
	if w.process == nil {
		if w.process, err = w.begin(); err != nil {
			return answer, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, crashTimeout)
	defer cancel()
	w.stage.enter("request", cancel)
	answer, _, err = w.process.ledger.Do(ctx, idempotency.Request{Caller: "alice", Key: "PLAT-1842", Digest: [32]byte{1}}, w.work)
	if w.stage.leave() {
		w.process = nil
		return answer, errKilled
	}
	return answer, err
}

// work is what the handler does with the service.
func (w *makingWorld) work(ctx context.Context, op idempotency.Operation) (idempotency.Answer, error) {
	var out any
	var err error
	if w.request.client != nil {
		out, err = w.process.service.CreateClient(ctx, cred.Operation(op), *w.request.client)
	} else {
		n := *w.request.credential
		if w.request.own {
			if n.PEM, err = publicPEM(w.shared.keys[0]); err != nil {
				return idempotency.Answer{}, err
			}
		}
		out, err = w.process.service.AddCredentials(ctx, cred.Operation(op), w.client, n)
	}
	if err != nil {
		return idempotency.Answer{}, err
	}
	body, err := json.Marshal(out)
	return idempotency.Answer{Status: 201, Body: body}, err
}

// tomorrow is when nothing is under way any more.
func (w *makingWorld) tomorrow() time.Time { return time.Now().Add(24 * time.Hour) }
