package rotation

import (
	"context"
	"maps"
	"slices"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

func notFound(op string) error { return &fault.Error{Kind: fault.NotFound, Op: op} }

func conflict(op, reason string) error {
	return &fault.Error{Kind: fault.Conflict, Op: op, Reason: reason}
}

// fakeStore is a Secrets Manager, by the rules of its labels.
type fakeStore struct{ *world }

func (f fakeStore) Describe(_ context.Context, id string) (out Secret, err error) {
	err = f.do("Describe", false, func() error {
		s, ok := f.seen(f.storeLag).secrets[id]
		if !ok {
			return notFound("Describe")
		}
		out = s.describe()
		return nil
	})
	return out, err
}

func (s *fakeSecret) describe() Secret {
	out := s.Secret
	out.Tags = maps.Clone(s.Tags)
	for _, v := range s.all {
		if len(v.Labels) > 0 {
			v.Labels = slices.Clone(v.Labels)
			out.Versions = append(out.Versions, v)
		}
	}
	return out
}

func (f fakeStore) Value(_ context.Context, id, version string) (out secret.Value, err error) {
	err = f.do("Value", false, func() error {
		s, ok := f.seen(f.storeLag).secrets[id]
		if !ok || s.values[version] == "" {
			return notFound("Value")
		}
		out = secret.New(s.values[version])
		return nil
	})
	return out, err
}

func (f fakeStore) PutPending(_ context.Context, id, version string, v, _ secret.Value) error {
	return f.do("PutPending", true, func() error {
		s := f.state.secrets[id]
		if old := s.values[version]; old != "" && old != v.Reveal() {
			return conflict("PutPending", "")
		}
		s.values[version] = v.Reveal()
		f.mayGap = false
		if !slices.ContainsFunc(s.all, func(v Version) bool { return v.ID == version }) {
			s.all = append(s.all, Version{ID: version, Created: time.Now()})
		}
		if !slices.ContainsFunc(s.all, func(v Version) bool { return v.ID == version && len(v.Labels) > 0 }) {
			s.label(Pending, version)
		}
		return nil
	})
}

func (f fakeStore) MoveCurrent(_ context.Context, id, to, from string) error {
	return f.do("MoveCurrent", true, func() error {
		s := f.state.secrets[id]
		if s.has(Current) != from || to == from {
			return conflict("MoveCurrent", "")
		}
		if f.applied["current "+to] {
			f.twice = append(f.twice, "AWSCURRENT moved twice to "+to)
		}
		f.applied["current "+to] = true
		s.label(Current, to)
		s.label(Previous, from)
		return nil
	})
}

func (f fakeStore) RemoveLabel(_ context.Context, id, label, from string) error {
	return f.do("RemoveLabel", true, func() error {
		s := f.state.secrets[id]
		if s.has(label) != from {
			return conflict("RemoveLabel", "")
		}
		s.label(label, "")
		return nil
	})
}

// fakeTenant is a tenant with slots for two keys and a pool for four.
type fakeTenant struct{ *world }

func (f fakeTenant) Client(_ context.Context, id string) (out Client, err error) {
	err = f.do("Client", false, func() error {
		if err := f.manage("Client"); err != nil {
			return err
		}
		c, ok := f.seen(f.tenantLag).clients[id]
		if !ok {
			return notFound("Client")
		}
		out = c.Client
		out.Attached = slices.Clone(c.Attached)
		if f.hidden || c.AuthMethod == KindKey {
			out.Secret = secret.Value{}
		}
		return nil
	})
	return out, err
}

// change runs a write on a client that exists.
func (f fakeTenant) change(call, id string, do func(*fakeClient) error) error {
	return f.do(call, true, func() error {
		if err := f.manage(call); err != nil {
			return err
		}
		c, ok := f.state.clients[id]
		if !ok {
			return notFound(call)
		}
		return do(c)
	})
}

// become changes how a client logs in, and opens the window.
func (c *fakeClient) become(method, value string) {
	if c.AuthMethod != method {
		c.beforeM, c.beforeA, c.sinceM = c.AuthMethod, c.Attached, time.Now()
	}
	if c.Secret.Reveal() != value {
		c.before, c.since = c.Secret.Reveal(), time.Now()
	}
	c.AuthMethod, c.Secret = method, secret.New(value)
}

func (f fakeTenant) Mark(_ context.Context, id, mark string) error {
	return f.change("Mark", id, func(c *fakeClient) error { c.Mark = mark; return nil })
}

func (f fakeTenant) SetSecret(_ context.Context, id string, v secret.Value) error {
	return f.change("SetSecret", id, func(c *fakeClient) error {
		if !usesSecret(c.AuthMethod) && (f.strict || c.AuthMethod != KindKey) {
			return &fault.Error{Kind: fault.Invalid, Op: "SetSecret"}
		}
		c.become(c.AuthMethod, v.Reveal())
		return nil
	})
}

func (f fakeTenant) RotateSecret(_ context.Context, id string) (out secret.Value, err error) {
	err = f.change("RotateSecret", id, func(c *fakeClient) error {
		f.posts++
		out = secret.New(f.id("made-by-the-tenant-"))
		f.mayGap = true
		c.become(c.AuthMethod, out.Reveal())
		return nil
	})
	if err != nil {
		out = secret.Value{}
	}
	return out, err
}

func (f fakeTenant) UseSecret(_ context.Context, id, method string, v secret.Value) error {
	return f.change("UseSecret", id, func(c *fakeClient) error {
		c.become(method, v.Reveal())
		c.Attached = nil
		return nil
	})
}

func (f fakeTenant) UseKeys(_ context.Context, id string, ids []string) error {
	return f.change("UseKeys", id, func(c *fakeClient) error {
		if len(ids) > maxAttached {
			return &fault.Error{Kind: fault.Invalid, Op: "UseKeys"}
		}
		for _, id := range ids {
			if !slices.ContainsFunc(c.pool, func(k Credential) bool { return k.ID == id }) {
				return conflict("UseKeys", "")
			}
		}
		c.become(KindKey, c.Secret.Reveal())
		c.Attached = slices.Clone(ids)
		return nil
	})
}

func (f fakeTenant) Credentials(_ context.Context, id string) (out []Credential, err error) {
	err = f.do("Credentials", false, func() error {
		if err := f.manage("Credentials"); err != nil {
			return err
		}
		c, ok := f.seen(f.tenantLag).clients[id]
		if !ok {
			return notFound("Credentials")
		}
		out = slices.Clone(c.pool)
		return nil
	})
	return out, err
}

func (f fakeTenant) AddKey(_ context.Context, id string, n NewKey) (out Credential, err error) {
	err = f.change("AddKey", id, func(c *fakeClient) error {
		if slices.ContainsFunc(c.pool, func(k Credential) bool { return k.KeyID == n.KeyID }) {
			return conflict("AddKey", ReasonDuplicateKey)
		}
		if len(c.pool) >= maxPooled {
			return conflict("AddKey", ReasonPoolFull)
		}
		out = Credential{ID: f.id("cred_"), Name: n.Name, KeyID: n.KeyID, Alg: n.Alg, Created: time.Now(), Expires: n.Expires}
		c.pool = append(c.pool, out)
		c.pems[n.KeyID] = n.PublicPEM
		return nil
	})
	return out, err
}

func (f fakeTenant) SetExpiry(_ context.Context, id, credential string, at time.Time) error {
	return f.change("SetExpiry", id, func(c *fakeClient) error {
		for i := range c.pool {
			if c.pool[i].ID == credential {
				c.pool[i].Expires = at
			}
		}
		return nil
	})
}

func (f fakeTenant) DeleteKey(_ context.Context, id, credential string) error {
	return f.change("DeleteKey", id, func(c *fakeClient) error {
		if slices.Contains(c.Attached, credential) || slices.Contains(c.Elsewhere, credential) {
			return conflict("DeleteKey", ReasonStillAttached)
		}
		for _, k := range c.pool {
			if k.ID == credential && k.Name == foreignName {
				f.twice = append(f.twice, "a foreign key was deleted")
			}
		}
		c.pool = slices.DeleteFunc(c.pool, func(k Credential) bool { return k.ID == credential })
		return nil
	})
}

const foreignName = "somebody else's"

func (f fakeTenant) Login(_ context.Context, p clientsecret.ClientSecret, _ string) (out Answer, err error) {
	err = f.do("Login", false, func() error {
		out = f.login(p)
		return nil
	})
	return out, err
}

// login asks one part of the tenant, which in the window knows either the old
// or the new way, never both.
func (w *world) login(p clientsecret.ClientSecret) Answer {
	c, ok := w.state.clients[p.ClientID]
	if !ok {
		return Refused
	}
	if w.noGrant && w.grantFirst {
		return GrantRefused
	}
	ways := c.ways(w.window)
	by := ways[0]
	if len(ways) > 1 && w.rng.IntN(2) == 0 {
		by = ways[1+w.rng.IntN(len(ways)-1)]
	}
	switch {
	case !c.takes(p, by):
		return Refused
	case w.noGrant:
		return GrantRefused
	}
	return Accepted
}
