package rotation

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"slices"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// The steps, as Secrets Manager names them.
const (
	StepCreate = "createSecret"
	StepSet    = "setSecret"
	StepTest   = "testSecret"
	StepFinish = "finishSecret"
)

// An Event is one step of a rotation that Secrets Manager asks for. The token
// is the id of the version that is being made.
type Event struct {
	Step          string
	SecretID      string
	Token         string
	RotationToken secret.Value // empty unless a role of another account is used
}

// An Outcome says what a step did, for logs and metrics. It holds no secret.
type Outcome struct {
	ClientID string
	Kind     string // of the value that is being made
	Did      string // a slug such as "stored", "applied", "nothing"
	Note     string // a slug for what an operator may want to know; empty: all was as expected
	// Refusals counts the trial logins with a stored value that the tenant
	// refused, and Settling is how long after the first of a row of trials the
	// last of them was.
	Refusals int
	Settling time.Duration
}

// A Rotator performs the steps. The zero durations and counts have defaults. It
// is safe for concurrent use, by several instances too.
type Rotator struct {
	Store  Store
	Tenant Tenant

	// Domain is the tenant's. A secret that is tagged with another one is
	// refused. Empty: not checked.
	Domain string

	// Self tells the id of the management client that Tenant logs in with. Its
	// secret is never made by the tenant: dying before it was stored, we
	// could not log in to read it. Nil: no managed secret is that client's.
	Self func(context.Context) (string, error)

	// SelfSecret is the ARN or the name of the secret that we read that
	// client's credential from. Another secret with its id in a tag is refused:
	// its rotation would lock us out. Empty: not checked.
	SelfSecret string

	// Window is how long the tenant may accept an old or a new secret, either
	// or both, after a change; default 30 s, by Auth0's "Rotate Client
	// Secrets". Probes is how many trial logins in a row, spread over the
	// window, have to be accepted; default 4, at least 2.
	Window time.Duration
	Probes int

	// Spread is how long senders and verifiers of webhooks may go by what they
	// have read of a signing secret; default 75 s, for they read it at least
	// once a minute. It has nothing to do with the tenant's window.
	Spread time.Duration

	// Margin is how much longer than interval and overlap a key is good for;
	// default 7 days. It is the time in which a rotation that keeps failing
	// has to be noticed.
	Margin time.Duration

	makeKey func(bits int) (*rsa.PrivateKey, error) // nil: crypto/rsa
}

func (r *Rotator) window() time.Duration { return orDefault(r.Window, 30*time.Second) }
func (r *Rotator) spread() time.Duration { return orDefault(r.Spread, 75*time.Second) }
func (r *Rotator) probes() int           { return max(2, orDefault(r.Probes, 4)) }
func (r *Rotator) margin() time.Duration { return orDefault(r.Margin, 7*24*time.Hour) }

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func (r *Rotator) newKey(bits int) (*rsa.PrivateKey, error) {
	if r.makeKey != nil {
		return r.makeKey(bits)
	}
	return rsa.GenerateKey(rand.Reader, bits)
}

// work is one step on one secret.
type work struct {
	*Rotator
	event     Event
	secret    Secret
	settings  Settings
	out       Outcome
	restoring bool  // a person adopts: rotation need not be enabled
	control   proof // what a refused grant proves; unproven: not tried yet
}

// Step performs one step. Repeating it, at any time and after any failure, is
// harmless, and so are steps that come out of order. A transient error means
// that Secrets Manager's next try may well succeed.
func (r *Rotator) Step(ctx context.Context, e Event) (Outcome, error) {
	s, err := r.Store.Describe(ctx, e.SecretID)
	if err != nil {
		return Outcome{}, err
	}
	w := &work{Rotator: r, event: e, secret: s}
	verdict, err := admit(s, e.Token)
	if err != nil {
		return Outcome{}, err
	}
	if verdict == over {
		w.out.Did = "nothing"
		if e.Step == StepFinish {
			err = w.clearPending(ctx)
		}
		return w.out, err
	}
	if w.settings, err = r.settingsOf(s); err != nil {
		return Outcome{}, err
	}
	if !w.settings.Managed {
		return Outcome{}, refuse("rotation.tags", "not_managed", "the secret is not managed by clientkeeper",
			"tag it with "+TagManaged+" = true, or cancel its rotation in Secrets Manager")
	}
	w.out.ClientID = w.settings.ClientID
	if w.settings.Kind == KindWebhook {
		err = w.signing(ctx)
		return w.out, err
	}
	if err = w.guardSelf(ctx); err != nil {
		return w.out, err
	}
	switch e.Step {
	case StepCreate:
		err = w.create(ctx)
	case StepSet:
		err = w.set(ctx)
	case StepTest:
		err = w.test(ctx)
	case StepFinish:
		err = w.finish(ctx)
	default:
		err = unknownStep()
	}
	return w.out, err
}

func unknownStep() error {
	return &fault.Error{Kind: fault.Invalid, Op: "rotation.step", Reason: "unknown_step", Detail: "the event names no step that exists"}
}

// settingsOf reads the tags and checks that the secret is this tenant's.
func (r *Rotator) settingsOf(s Secret) (Settings, error) {
	settings, err := ParseTags(s.Tags)
	if err == nil && r.Domain != "" && settings.Tenant != "" && settings.Tenant != r.Domain {
		err = refuse("rotation.tags", "other_tenant", "the secret belongs to another tenant than this function",
			"correct "+TagTenant+", or rotate it with that tenant's function")
	}
	return settings, err
}

type verdict int

const (
	goOn verdict = iota
	over         // the version is AWSCURRENT already
)

// admit is the first table: may this step of this version happen at all?
func admit(s Secret, token string) (verdict, error) {
	labels, known := s.labels(token)
	switch {
	case slices.Contains(labels, Current):
		return over, nil
	case s.Deleted:
		return 0, refuse("rotation.admit", "secret_deleted", "the secret is scheduled for deletion", "restore it, or let it go")
	case !s.RotationEnabled:
		return 0, refuse("rotation.admit", "rotation_disabled", "rotation is not enabled, or was cancelled", "start a rotation")
	case !known:
		return 0, refuse("rotation.admit", "token_unknown", "the secret has no version with this token", "start a new rotation")
	case !slices.Contains(labels, Pending):
		return 0, refuse("rotation.admit", "not_pending", "the version is not AWSPENDING: another one took its place", "start a new rotation")
	}
	return goOn, nil
}

func (s Secret) labels(version string) ([]string, bool) {
	i := slices.IndexFunc(s.Versions, func(v Version) bool { return v.ID == version })
	if i < 0 {
		return nil, false
	}
	return s.Versions[i].Labels, true
}

// labelled is the id of the version with a label, or empty.
func (s Secret) labelled(label string) string {
	for _, v := range s.Versions {
		if slices.Contains(v.Labels, label) {
			return v.ID
		}
	}
	return ""
}

// inFlight reports whether a rotation is under way, or stuck.
func (s Secret) inFlight() bool {
	p := s.labelled(Pending)
	return p != "" && p != s.labelled(Current)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func refuse(op, reason, detail, next string) error {
	return &fault.Error{Kind: fault.Conflict, Op: op, Reason: reason, Detail: detail, Next: next}
}

func later(op, reason, detail, next string) error {
	return &fault.Error{Kind: fault.Unavailable, Op: op, Reason: reason, Detail: detail, Next: next}
}
