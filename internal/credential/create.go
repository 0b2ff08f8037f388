package credential

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
)

// The defaults of a [NewClient], and by how much its first key outlives its
// rotation.
const (
	defaultInterval = 30 * 24 * time.Hour
	defaultOverlap  = 24 * time.Hour
	keyMargin       = 7 * 24 * time.Hour
)

// CreateClient makes a machine client with its grants, its credential and a
// managed secret whose rotation is on. See "The order" in the package comment.
//
// What is refused for good leaves nothing behind where the tenant lets us
// delete what was made; the doctor names what is left otherwise.
func (s *Service) CreateClient(ctx context.Context, op Operation, n NewClient) (Client, error) {
	n, err := n.complete(s.Floor)
	if err != nil {
		return Client{}, err
	}
	m := &making{Service: s, op: op, want: n}
	if err := s.MayGrant(n.Grants); err != nil {
		if err := m.withdraw(ctx, err); err != nil {
			return Client{}, err
		}
	}
	if err := m.all(ctx); err != nil {
		if fault.KindOf(err).Permanent() && !m.whole {
			err = undone(err, m.undo(ctx))
		}
		return Client{}, err
	}
	return Client{ClientID: m.clientID, Name: n.Name, AuthMethod: n.AuthMethod, SecretARN: m.arn}, nil
}

// A making is a client while it is made.
type making struct {
	*Service
	op   Operation
	want NewClient

	arn      string                    // of the secret
	value    clientsecret.ClientSecret // with a client id only once there is a client
	older    bool                      // an earlier try made the secret
	managed  bool                      // and got to its end, or nearly
	clientID string
	whole    bool // the secret names the client, so all that comes before is done
}

func (m *making) all(ctx context.Context) error {
	for _, step := range []func(context.Context) error{m.store, m.create, m.setSecret, m.grant, m.fill, m.enable} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// store makes the secret with the credential in it, or finds the one that an
// earlier try made.
func (m *making) store(ctx context.Context) error {
	name := m.secretName(slugOf(m.want.Name), m.op)
	if m.op.Resumed {
		if found, err := m.find(ctx, name, false); found || err != nil {
			return err
		}
	}
	value, err := m.newCredential()
	if err != nil {
		return err
	}
	text, err := value.Encode()
	if err != nil {
		return err
	}
	tags := maps.Clone(m.want.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[TagRequest] = m.op.ID
	m.arn, err = m.Store.Create(ctx, name, m.op.token("first value"), textBefore+m.want.Name, text, tags)
	switch {
	case err == nil:
		m.value = value
		return nil
	case fault.KindOf(err) != fault.Conflict:
		return err
	}
	if found, findErr := m.find(ctx, name, true); found || findErr != nil {
		return findErr
	}
	return later("secret_unseen", "the secret of this request is there, but cannot be seen yet", "repeat the request with the same key")
}

// find reads the secret of an earlier try of the same operation.
func (m *making) find(ctx context.Context, name string, patient bool) (bool, error) {
	there, v, err := m.readBack(ctx, name, m.op, patient)
	if err != nil || there.ARN == "" {
		return false, err
	}
	value, err := parseOwn(v)
	if err == nil && there.Managed && value.ClientID == "" {
		err = secretChanged()
	}
	if err != nil { // what somebody has changed is not ours to remove
		return true, err
	}
	m.value, m.arn, m.older, m.managed = value, there.ARN, true, there.Managed
	return true, nil
}

// maxMetadata is what a value of client_metadata may have.
const maxMetadata = 255

// create makes the client, or finds the one that an earlier try made: by what
// the secret says, else by the mark.
func (m *making) create(ctx context.Context) error {
	if m.value.ClientID != "" {
		m.clientID, m.whole = m.value.ClientID, true
		return nil
	}
	if m.older {
		if found, err := m.marked(ctx); found || err != nil {
			return err
		}
	}
	key, err := m.publicKey()
	if err != nil {
		return err
	}
	metadata := map[string]string{MarkRequest: m.op.ID}
	if len(m.arn) <= maxMetadata { // else it is found by its tags
		metadata[MarkSecret] = m.arn
	}
	if m.want.RequestedBy != "" {
		metadata[MarkAsked] = clip(m.want.RequestedBy, maxMetadata)
	}
	id, err := m.Tenant.CreateClient(ctx, TenantClient{Name: m.want.Name, Description: m.want.Description,
		AuthMethod: m.want.AuthMethod, Key: key, Quota: m.want.Quota, Metadata: metadata})
	if err == nil {
		m.clientID = id
		return nil
	}
	if fault.Reason(err) != ReasonUnknown {
		return err
	}
	return m.settle(ctx, err)
}

// marked looks for the client by its mark.
func (m *making) marked(ctx context.Context) (bool, error) {
	all, err := m.Tenant.Marked(ctx)
	if err != nil {
		return false, err
	}
	var ours []string
	for _, c := range all {
		if c.Request == m.op.ID {
			ours = append(ours, c.ID)
		}
	}
	slices.Sort(ours) // the same one in every try
	if len(ours) == 0 {
		return false, nil
	}
	m.clientID = ours[0]
	return true, nil
}

// settle looks for a client whose creation may have been done. It does not make
// another: one that appears late would be a second one.
func (m *making) settle(ctx context.Context, unknown error) error {
	end := m.now().Add(cmp.Or(m.Settle, 12*time.Second))
	for wait := 100 * time.Millisecond; ; wait *= 2 {
		found, err := m.marked(ctx)
		if found {
			return nil
		}
		if left := end.Sub(m.now()); left <= 0 || !pause(ctx, min(wait, left)) {
			return cmp.Or(err, unknown)
		}
	}
}

// setSecret gives the client the secret that is stored. The tenant has made up
// another one, which nobody has read.
func (m *making) setSecret(ctx context.Context) error {
	if m.whole || m.want.AuthMethod == PrivateKeyJWT {
		return nil
	}
	err := m.Tenant.SetSecret(ctx, m.clientID, m.value.ClientSecret)
	if err != nil && fault.KindOf(err) == fault.NotFound { // it was just made, or somebody has just deleted it
		return later("client_unseen", "the tenant does not show the client that it has made", "repeat the request with the same key")
	}
	return err
}

// grant gives the client its grants; those that it has stay.
func (m *making) grant(ctx context.Context) error {
	if m.whole {
		return nil
	}
	have := map[string]bool{}
	if m.older {
		there, err := m.Tenant.Grants(ctx, m.clientID)
		if err != nil {
			return err
		}
		for _, g := range there {
			have[g.Audience] = true
		}
	}
	for _, g := range m.want.Grants {
		if have[g.Audience] {
			continue
		}
		if err := m.grantOnce(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

func (m *making) grantOnce(ctx context.Context, g Grant) error {
	err := m.Tenant.Grant(ctx, m.clientID, g)
	switch {
	case err == nil, fault.KindOf(err) == fault.Conflict: // an earlier try's
		return nil
	case fault.Reason(err) != ReasonUnknown:
		return aboutGrant(g, err)
	}
	there, readErr := m.Tenant.Grants(ctx, m.clientID)
	if readErr != nil {
		return err
	}
	if slices.ContainsFunc(there, func(h Grant) bool { return h.Audience == g.Audience }) {
		return nil
	}
	return err
}

// aboutGrant says which API it was; the audience is the caller's own.
func aboutGrant(g Grant, err error) error {
	kind := fault.KindOf(err)
	if kind != fault.Invalid && kind != fault.NotFound {
		return err
	}
	return &fault.Error{Kind: fault.Invalid, Op: "credential.create_client", Reason: "grant_refused",
		Detail: "the tenant refuses the grant for " + clip(g.Audience, 100), Err: err,
		Next: "name an API of the tenant by its identifier, and scopes that it has"}
}

// fill completes the secret with the client's id and makes it a managed one.
func (m *making) fill(ctx context.Context) error {
	if m.value.ClientID == "" {
		m.value.ClientID = m.clientID
		text, err := m.value.Encode()
		if err != nil {
			return err
		}
		if err := m.Store.Put(ctx, m.arn, m.op.token("whole value"), text); err != nil {
			return err
		}
	}
	m.whole = true
	if m.managed {
		return nil
	}
	kind := PrivateKeyJWT
	if m.want.AuthMethod != PrivateKeyJWT {
		kind = "client_secret"
	}
	return m.Store.Manage(ctx, m.arn, Management{ClientID: m.clientID, Kind: kind, Interval: m.want.Interval, Overlap: m.want.Overlap})
}

func (m *making) enable(ctx context.Context) error { return m.Store.EnableRotation(ctx, m.arn) }
