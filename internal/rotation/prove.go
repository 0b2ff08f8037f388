package rotation

import (
	"context"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
)

// A proof is what a trial login has shown.
type proof int

const (
	unproven  proof = iota // the tenant refuses it
	proven                 // the tenant knows it
	undecided              // the tenant refuses the grant before it looks at the credential
)

// prove tries to log in. A client that may not have the client_credentials
// grant is refused it only after its credential was accepted, if the tenant
// works as its documented answers suggest. Whether it does is tried out, with a
// credential that cannot be right: if that is refused as a credential, the
// first answer was about the grant alone. Otherwise nothing can be told.
func (w *work) prove(ctx context.Context, c clientsecret.ClientSecret) (proof, error) {
	answer, err := w.Tenant.Login(ctx, c, w.settings.Audience)
	if err != nil {
		return unproven, err
	}
	switch answer {
	case Accepted:
		return proven, nil
	case Refused:
		w.out.Refusals++
		return unproven, nil
	}
	if w.control == unproven {
		w.control, err = w.tryWrong(ctx, c)
	}
	return w.control, err
}

// tryWrong finds out what a refused grant proves at this tenant.
func (w *work) tryWrong(ctx context.Context, c clientsecret.ClientSecret) (proof, error) {
	wrong, err := w.wrong(c)
	if err != nil {
		return unproven, err
	}
	answer, err := w.Tenant.Login(ctx, wrong, w.settings.Audience)
	switch {
	case err != nil:
		return unproven, err
	case answer == Refused:
		return proven, nil
	}
	return undecided, nil
}

// wrong is a credential like c that the tenant has never seen.
func (w *work) wrong(c clientsecret.ClientSecret) (clientsecret.ClientSecret, error) {
	if kindOf(c) == KindKey {
		return w.withNewKey(c)
	}
	c.ClientSecret = randomSecret()
	return c, nil
}

func (w *work) test(ctx context.Context) error {
	pending, err := w.loadPending(ctx)
	if err != nil {
		return err
	}
	if !pending.present {
		return w.testConfiguration(ctx)
	}
	if !pending.usable(w.settings.ClientID) {
		return foreignPending()
	}
	w.out.Kind, w.out.Did = kindOf(pending.value), "tested"
	current, err := w.load(ctx, w.secret, Current)
	if err != nil {
		return err
	}
	probes, window := w.probes(), w.window()
	if w.out.Kind == KindKey && current.usable(w.settings.ClientID) && kindOf(current.value) == KindKey {
		// A key is added beside another and nothing is taken away: Auth0
		// documents no window for it, and consumers still have the old one.
		probes, window = 2, keyWindow
	}
	return w.steady(ctx, pending, probes, window)
}

// keyWindow is the time between the two trial logins with a new key.
const keyWindow = 2 * time.Second

// testConfiguration is for RotateSecret with RotateImmediately false: testSecret
// alone, on a version that never gets a value. What is AWSCURRENT has to log in.
func (w *work) testConfiguration(ctx context.Context) error {
	current, err := w.load(ctx, w.secret, Current)
	if err != nil {
		return err
	}
	if !current.usable(w.settings.ClientID) {
		return refuse("rotation.test", "no_current", "AWSCURRENT holds no credential of this client", "adopt the client, which stores its credential")
	}
	return w.testCurrent(ctx, current)
}

// testCurrent tries what is AWSCURRENT.
func (w *work) testCurrent(ctx context.Context, current stored) error {
	w.out.Kind, w.out.Did = kindOf(current.value), "tested_configuration"
	p, err := w.prove(ctx, current.value)
	if err == nil && p == unproven {
		err = refuse("rotation.test", "current_refused", "the tenant refuses the credential in AWSCURRENT", "clientkeeper doctor says what to do")
	}
	return err
}

// steady tries until the new value was accepted so many times in a row over the
// whole window. A refusal begins the row anew: the tenant's parts do not all
// know yet. After three windows without such a row it gives up.
func (w *work) steady(ctx context.Context, pending stored, probes int, window time.Duration) error {
	if !fits(ctx, window) {
		return later("rotation.test", "deadline_too_short", "the function's time does not pay for the time in which the tenant may accept either secret",
			"give the function a timeout of at least "+(window+2*reserve+10*time.Second).String())
	}
	every, began := window/time.Duration(probes-1), time.Now()
	for row, tries := 0, 0; tries < 3*probes; tries++ {
		p, err := w.prove(ctx, pending.value)
		switch {
		case err != nil:
			return err
		case p == undecided:
			return w.readBack(ctx, pending, window)
		case p == unproven:
			row, w.out.Settling = 0, time.Since(began)
		default:
			row++
		}
		if row == probes {
			return nil
		}
		if err := pause(ctx, every); err != nil {
			return err
		}
	}
	return later("rotation.test", "not_steady", "the tenant does not accept the new credential steadily", "let Secrets Manager try again; clientkeeper doctor says what is wrong if it does not help")
}

// readBack is all that can be done where a login proves nothing: the tenant has
// the value, and had a whole window to tell its parts.
func (w *work) readBack(ctx context.Context, pending stored, window time.Duration) error {
	w.out.Note = "read_back"
	if err := pause(ctx, window); err != nil {
		return err
	}
	has, known, err := w.tenantHas(ctx, pending)
	switch {
	case err != nil:
		return err
	case !known:
		return notTold("rotation.test")
	case !has:
		return later("rotation.test", "not_applied", "the tenant does not show the new credential", "let Secrets Manager try again")
	}
	return nil
}

// tenantHas reads whether the tenant has the value; known is false where the
// scope does not show it. Of a key whose kid proves nothing a login decides.
func (w *work) tenantHas(ctx context.Context, s stored) (has, known bool, err error) {
	c, err := w.Tenant.Client(ctx, w.settings.ClientID)
	if err != nil {
		return false, false, err
	}
	if kindOf(s.value) == KindSecret {
		return usesSecret(c.AuthMethod) && holds(s, c.Secret), !c.Secret.IsZero(), nil
	}
	pool, err := w.Tenant.Credentials(ctx, w.settings.ClientID)
	if err != nil {
		return false, fault.KindOf(err) != fault.Denied, err
	}
	p, err := w.proveKey(ctx, c, pool, s)
	return p == proven, p != undecided, err
}
