package sandbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"clientkeeper/internal/awsrequest"
	"clientkeeper/internal/config"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/sandbox/tenant"
)

const (
	crashWindow   = 200 * time.Millisecond // in which changed secrets spread
	crashAttempts = 4                      // of a rotation, before Secrets Manager gives up
	crashRetry    = crashWindow * 5 / 4    // until it tries again: the old secret is dead by then
	crashFunction = "arn:aws:lambda:" + region + ":" + account + ":function:rotate-secret"
	crashTimeout  = time.Minute // of the function
	crashAge      = 48 * time.Hour
	crashLag      = 300 * time.Millisecond // until a replica has a change
	crashDelay    = 150 * time.Millisecond // until readers see one, where that is asked for
)

// crashShared is what all worlds have in common, because it takes long to make
// and nothing depends on it.
type crashShared struct {
	dir    string // with the certificate authority
	signer *rsa.PrivateKey
	keys   [3]*rsa.PrivateKey // of clients: current, previous, somebody else's
}

func newCrashShared(dir string) (*crashShared, error) {
	s := &crashShared{dir: dir}
	for _, at := range []**rsa.PrivateKey{&s.signer, &s.keys[0], &s.keys[1], &s.keys[2]} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		*at = key
	}
	_, err := tenant.New(tenant.Options{CADir: dir, SigningKey: s.signer}) // makes the authority
	return s, err
}

// A crashWorld is a tenant and a Secrets Manager with one secret to rotate.
type crashWorld struct {
	kind    crashKind
	shared  *crashShared
	stage   *stage
	check   *crashChecker
	look    func(call string) // after each call; nil as long as the world is made
	tenant  *tenant.Tenant
	secrets *secretsmanager.Service
	aws     aws.Config
	config  config.Tenant
	client  string // whose credential is rotated
	arn     string // of its secret

	past    atomic.Int64 // how far the tenant's clock is behind, while the world is made
	stopped atomic.Int64 // when Secrets Manager's clock was stopped, in Unix nanoseconds; zero: it runs
	fate    fate         // of the request that the tenant serves, guarded by the turn
	process *crashProcess
	events  crashEvents
	closers []func() error
}

func newCrashWorld(shared *crashShared, k crashKind) (_ *crashWorld, err error) {
	w := &crashWorld{kind: k, shared: shared, stage: &stage{}}
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
	w.past.Store(int64(crashAge))
	if err := w.furnish(); err != nil {
		return nil, err
	}
	w.past.Store(0)
	w.check = newCrashChecker(w)
	w.look = w.check.look
	w.tenant.SetMischief(w.befall)
	if w.kind.delayed {
		w.secrets.SetMischief(func(op, _ string) secretsmanager.Fault {
			if op == "PutSecretValue" || op == "UpdateSecretVersionStage" {
				return secretsmanager.Fault{Delay: crashDelay}
			}
			return secretsmanager.Fault{}
		})
	}
	return w, nil
}

func (w *crashWorld) close() error {
	var errs []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		errs = append(errs, w.closers[i]())
	}
	return errors.Join(errs...)
}

func (w *crashWorld) openTenant() error {
	plan, err := tenant.PlanNamed("unlimited")
	if err != nil {
		return err
	}
	w.tenant, err = tenant.New(tenant.Options{
		Domain: "localhost:0", CADir: w.shared.dir, SigningKey: w.shared.signer, Plan: plan, Seed: 1,
		Quirks:    tenant.Quirks{SecretPropagation: crashWindow, SecretAcceptance: w.kind.accept, UnusedSecrets: w.kind.early},
		Now:       func() time.Time { return time.Now().Add(-time.Duration(w.past.Load())) },
		OnRequest: w.served,
	})
	if err == nil {
		err = w.tenant.Listen("127.0.0.1:0")
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.tenant.Serve(ctx) }()
	w.closers = append(w.closers, func() error { cancel(); return <-done })
	return nil
}

// befall and served are the tenant's door: every request comes by at both.
func (w *crashWorld) befall(_ int, r *http.Request) tenant.Fault {
	op, write := tenantCall(r)
	w.fate = w.stage.arrive(op, write)
	return w.fate.fault()
}

func (w *crashWorld) served(tenant.Entry) { w.stage.pass(w.fate, w.look) }

// tenantCall names a request without the ids in its path. A login changes
// nothing.
func tenantCall(r *http.Request) (op string, write bool) {
	parts := strings.Split(r.URL.Path, "/")
	for i := range parts {
		if i > 0 && (parts[i-1] == "clients" || parts[i-1] == "credentials") {
			parts[i] = "{id}"
		}
	}
	return r.Method + " " + strings.Join(parts, "/"), r.Method != http.MethodGet && r.URL.Path != "/oauth/token"
}

func (w *crashWorld) openSecrets() error {
	w.secrets = secretsmanager.New(secretsmanager.Options{Region: region, AccountID: account, Now: w.secretsNow, ReplicationLag: crashLag, Rotation: secretsmanager.Rotation{
		Invoke: w.invoke, OnRotation: w.events.add, Attempts: crashAttempts, RetryDelay: crashRetry,
	}})
	var c net.ListenConfig
	l, err := c.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(w.serveSecrets), ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	w.closers = append(w.closers, func() error {
		err := server.Close()
		if served := <-done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, func() error { w.secrets.Close(); return nil })
	client := awshttp.NewBuildableClient()
	w.closers = append(w.closers, func() error { client.GetTransport().CloseIdleConnections(); return nil })
	url := "http://" + l.Addr().String()
	w.aws = awsrequest.Config(aws.Config{
		Region: region, BaseEndpoint: &url, HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer: func() aws.Retryer { // as many tries as by default, sooner
			return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 100 * time.Millisecond })
		},
	})
	return nil
}

// secretsReads are the operations that change nothing.
var secretsReads = map[string]bool{"DescribeSecret": true, "GetSecretValue": true, "ListSecrets": true, "ListSecretVersionIds": true}

// serveSecrets is the door of Secrets Manager. The answer waits until the
// change has been looked at, as the tenant's does.
func (w *crashWorld) serveSecrets(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<20))
	if err != nil {
		return
	}
	op := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
	f := w.stage.arrive(op, !secretsReads[op])
	answer := &kept{header: http.Header{}}
	w.takeTurn(f, op, body, answer, r)
	switch {
	case f.hangsUp():
		panic(http.ErrAbortHandler) // closes the connection without a word
	case f.failed():
		rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
		rw.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(rw, `{"__type":"InternalServiceError","message":"An error occurred on the server side."}`)
	default:
		answer.send(rw)
	}
}

// takeTurn lets a call have its effect, if it is to have one. The turn ends even
// where the room panics, or every later call would wait for ever.
func (w *crashWorld) takeTurn(f fate, op string, body []byte, answer *kept, r *http.Request) {
	defer w.stage.pass(f, w.look)
	if !f.made() {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.secrets.ServeHTTP(answer, r)
	if w.check != nil && op == "PutSecretValue" && answer.status == http.StatusOK {
		w.check.written(body)
	}
}

// ask makes a request to Secrets Manager that nothing befalls and nobody counts.
func (w *crashWorld) ask(op string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://127.0.0.1/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Amz-Target", "secretsmanager."+op)
	answer := &kept{header: http.Header{}}
	w.secrets.ServeHTTP(answer, r)
	if answer.status != http.StatusOK {
		var e struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		_ = json.Unmarshal(answer.body.Bytes(), &e) // the status says enough
		return fmt.Errorf("%s: %d %s %s", op, answer.status, e.Type, e.Message)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.body.Bytes(), out)
}

// kept is an answer that is not sent yet.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header { return k.header }

func (k *kept) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
}

func (k *kept) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.body.Write(b)
}

func (k *kept) send(w http.ResponseWriter) {
	for name, values := range k.header {
		w.Header()[name] = values
	}
	w.WriteHeader(k.status)
	_, _ = w.Write(k.body.Bytes()) // whoever has gone does not want it
}
