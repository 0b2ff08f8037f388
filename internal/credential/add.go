package credential

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"clientkeeper/internal/fault"
)

// The ways to log in with credentials besides [PrivateKeyJWT] (RFC 8705).
const (
	SelfSignedTLS = "self_signed_tls_client_auth"
	TLS           = "tls_client_auth"
)

// The limits of the tenant: credentials that one method may use, and in a
// client's pool.
const (
	maxAttached = 2
	maxPooled   = 4
)

// AddCredentials gives a client credentials: the public half of a key that is
// made here and stored in a secret of its own, or what the caller sends. It is
// [fault.Invalid] with a private, weak or unsupported key, and [fault.Conflict]
// with "duplicate_key", "pool_full", "slots_taken" or "other_method" where the
// tenant has no place for it. One that is attached to a client with a managed
// key takes the place that its rotation needs: the next one fails, and the
// doctor says so, until it is removed.
func (s *Service) AddCredentials(ctx context.Context, op Operation, clientID string, n NewCredential) ([]Credential, error) {
	a := &adding{Service: s, op: op, want: n}
	read := func() (err error) { a.keys, err = s.materials(ctx, &a.want); return err }
	open := func() (err error) { a.client, a.managed, err = s.open(ctx, clientID); return err }
	first, second := read, open // what is refused costs the tenant nothing
	if n.JWKSURI != "" {
		first, second = open, read // and nobody is asked for keys of a client that gets none
	}
	if err := first(); err != nil {
		return nil, err
	}
	if err := second(); err != nil {
		return nil, err
	}
	out, err := a.all(ctx)
	if err != nil && fault.KindOf(err).Permanent() && a.begun {
		err = undone(err, a.undo(ctx))
	}
	return out, err
}

// An adding is credentials while they are added.
type adding struct {
	*Service
	op      Operation
	want    NewCredential
	client  State
	managed Stored
	keys    []material // none: one is made here

	begun bool // something may have been made
	arn   string
	made  []Credential // of this operation, in the order of keys
}

func (a *adding) all(ctx context.Context) ([]Credential, error) {
	pool, err := a.Tenant.Credentials(ctx, a.client.ID)
	if err != nil {
		return nil, err
	}
	a.begun = a.op.Resumed
	if err := a.mayLogIn(ctx); err != nil {
		return nil, err
	}
	if err := a.room(pool); err != nil {
		return nil, err
	}
	if err := a.dropStale(ctx, pool); err != nil {
		return nil, err
	}
	if len(a.keys) == 0 {
		if err := a.storeKey(ctx); err != nil {
			return nil, err
		}
	}
	for _, k := range a.keys {
		c, err := a.add(ctx, pool, k)
		if err != nil {
			return nil, err
		}
		a.made = append(a.made, c)
	}
	if a.want.Attach {
		if err := a.attach(ctx); err != nil {
			return nil, err
		}
	}
	for i := range a.made {
		a.made[i].SecretARN = a.arn
		a.made[i].Attached = slices.Contains(a.client.Attached, a.made[i].ID)
	}
	return a.made, nil
}

// name is what the credential is called: it carries the operation, by which a
// later try finds it, and says whether the private half is stored here.
func (a *adding) name() string {
	return cmp.Or(a.want.Name, "credential") + a.mark()
}

func (a *adding) mark() string {
	if a.sent() {
		return " (request " + a.op.short() + ")"
	}
	return keyMark(a.op.short())
}

func keyMark(short string) string { return " (key " + short + ")" }

// ours reports whether this operation has made a credential.
func (a *adding) ours(c Credential) bool { return strings.HasSuffix(c.Name, a.mark()) }

// room checks that everything has a place before anything is made.
func (a *adding) room(pool []Credential) error {
	missing := max(len(a.keys), 1)
	foreign := map[string]bool{}
	for _, c := range pool {
		if a.ours(c) && (len(a.keys) == 0 || slices.ContainsFunc(a.keys, func(k material) bool { return k.kid == c.KeyID })) {
			missing--
		} else if c.KeyID != "" && !a.ours(c) {
			foreign[c.KeyID] = true
		}
	}
	for _, k := range a.keys {
		if foreign[k.kid] {
			return conflict(ReasonDuplicateKey, "the client has a credential with this key already", "use that one, or remove it first")
		}
	}
	if missing > 0 && len(pool)+missing > maxPooled {
		return conflict(ReasonPoolFull, fmt.Sprintf("the client has %d credentials, and four are the most", len(pool)), "remove one that is not used")
	}
	if !a.want.Attach {
		return nil
	}
	attached := 0
	for _, id := range a.client.Attached {
		if i := slices.IndexFunc(pool, func(c Credential) bool { return c.ID == id }); i < 0 || !a.ours(pool[i]) {
			attached++
		}
	}
	return a.place(attached)
}

// dropStale removes what an earlier try has added of a key set that has changed
// since: the answer will not name it.
func (a *adding) dropStale(ctx context.Context, pool []Credential) error {
	for _, c := range pool {
		wanted := slices.ContainsFunc(a.keys, func(k material) bool { return k.kid == c.KeyID })
		if a.want.JWKSURI == "" || wanted || !a.ours(c) || slices.Contains(a.client.Attached, c.ID) {
			continue
		}
		if err := a.Tenant.DeleteCredential(ctx, a.client.ID, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// place checks that the credentials may be attached, beside so many others.
func (a *adding) place(attached int) error {
	if err := a.sameMethod(a.client); err != nil {
		return err
	}
	if a.client.Method != a.want.Use {
		attached = 0 // the method is switched, and what the other used is no longer used
	}
	if attached+max(len(a.keys), 1) <= maxAttached {
		return nil
	}
	return conflict("slots_taken", fmt.Sprintf("%d credentials are attached, and two are the most", attached), "remove one, or add the credential without attaching it")
}

// sameMethod refuses to take a client away from the method that its managed
// secret is for.
func (a *adding) sameMethod(c State) error {
	if c.Method == a.want.Use || a.managed.ARN == "" {
		return nil
	}
	return conflict("other_method", "the client logs in with "+cmp.Or(c.Method, "a secret")+", and its managed secret holds that credential",
		"add the credential without attaching it, or migrate the managed secret first")
}

// add makes a credential, unless an earlier try did.
func (a *adding) add(ctx context.Context, pool []Credential, k material) (Credential, error) {
	if c, found := a.among(pool, k); found {
		return c, nil
	}
	a.begun = true
	c, err := a.Tenant.AddCredential(ctx, a.client.ID, PublicKey{Type: k.kind, Name: a.name(), PEM: k.pem, SubjectDN: k.dn, KeyID: k.kid, Alg: k.alg, Expires: k.until})
	if err == nil || fault.Reason(err) != ReasonUnknown && fault.Reason(err) != ReasonDuplicateKey {
		return c, err
	}
	pool, readErr := a.Tenant.Credentials(ctx, a.client.ID)
	if readErr == nil {
		if c, found := a.among(pool, k); found {
			return c, nil
		}
	}
	return Credential{}, err
}

func (a *adding) among(pool []Credential, k material) (Credential, bool) {
	i := slices.IndexFunc(pool, func(c Credential) bool { return a.ours(c) && c.KeyID == k.kid })
	if i < 0 {
		return Credential{}, false
	}
	return pool[i], true
}

// attach lets the client log in with what was added, in one PATCH.
func (a *adding) attach(ctx context.Context) error {
	ids := make([]string, len(a.made))
	for i, c := range a.made {
		ids[i] = c.ID
	}
	return a.changeSlot(ctx, &a.client, a.managed, func(now State) (State, error) {
		if err := a.sameMethod(now); err != nil {
			return now, err
		}
		next := now
		next.Method, next.Attached = a.want.Use, nil
		if now.Method == a.want.Use {
			next.Attached = slices.Clone(now.Attached)
		}
		for _, id := range ids {
			if !slices.Contains(next.Attached, id) {
				next.Attached = append(next.Attached, id)
			}
		}
		if len(next.Attached) > maxAttached {
			return now, conflict("slots_taken", "two credentials are attached, which are the most", "remove one, or add the credential without attaching it")
		}
		return next, nil
	})
}
