package credential

import (
	"context"
	"slices"
	"strings"
	"time"

	"clientkeeper/internal/fault"
)

// A Finding is something that a request left unfinished, in a sentence, and the
// one safe thing to do about it.
type Finding struct {
	SecretARN, Name string // of the secret it is about, if there is one
	Slug            string
	Says            string
	Repair          string
	Safe            bool // Repair may be done without a person
}

// The slugs of findings; see the package comment.
const (
	UnfinishedClient = "unfinished_client"
	DoubledClient    = "doubled_client"
	ClientUnstored   = "client_unstored"
	OrphanKey        = "orphan_key"
)

// leftAlone is how old something has to be before it counts as left behind: by
// then nobody repeats the request any more.
const leftAlone = time.Hour

// Examine finds what requests left unfinished, at the tenant and in Secrets
// Manager. It reads all clients of the tenant, and changes nothing.
func (s *Service) Examine(ctx context.Context) ([]Finding, error) {
	secrets, err := s.Store.Requested(ctx)
	if err != nil {
		return nil, err
	}
	clients, err := s.Tenant.Marked(ctx)
	if err != nil {
		return nil, err
	}
	byRequest := map[string][]Marked{}
	for _, c := range clients {
		byRequest[c.Request] = append(byRequest[c.Request], c)
	}
	slices.SortFunc(secrets, func(a, b Stored) int { return strings.Compare(a.Name, b.Name) })
	var out []Finding
	for _, there := range secrets {
		found, err := s.examineSecret(ctx, there, byRequest)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	for _, c := range clients {
		if slices.ContainsFunc(secrets, func(there Stored) bool { return there.Tags[TagRequest] == c.Request }) {
			continue // it has been examined with its secret
		}
		found, err := s.examineClient(ctx, c)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// examineSecret is the table of secrets that a request made.
func (s *Service) examineSecret(ctx context.Context, there Stored, byRequest map[string][]Marked) (out []Finding, err error) {
	find := func(slug, says, repair string, safe bool) {
		out = append(out, Finding{SecretARN: there.ARN, Name: there.Name, Slug: slug, Says: says, Repair: repair, Safe: safe})
	}
	const discard = "schedule the secret's deletion"
	clients := byRequest[there.Tags[TagRequest]]
	switch {
	case !there.Ours || there.Deleted || there.Tags[TagRequest] == "" || s.now().Sub(there.Created) < leftAlone:
		// That this tenant knows nothing of another's secret says nothing.
	case there.Tags[TagKeyOf] != "":
		if used, err := s.keyUsed(ctx, there); err != nil || used {
			return nil, err
		}
		find(OrphanKey, "it holds a key of client "+there.Tags[TagKeyOf]+" that the tenant does not have", discard, true)
	case there.Managed:
		for _, c := range clients {
			if c.ID != there.ClientID {
				find(DoubledClient, "client "+c.ID+" was made by the same request as client "+there.ClientID+", and nobody uses it", "delete client "+c.ID+" in the tenant", false)
			}
		}
	case len(clients) == 0:
		find(UnfinishedClient, "a request stored this credential and made no client for it", discard, true)
	default:
		find(UnfinishedClient, "a request made client "+clients[0].ID+" for this secret and did not finish",
			"send the request with its Idempotency-Key again, or delete client "+clients[0].ID+" in the tenant and run the doctor again", false)
	}
	return out, nil
}

// keyUsed reports whether the tenant has the public half of a stored key.
func (s *Service) keyUsed(ctx context.Context, there Stored) (bool, error) {
	pool, err := s.Tenant.Credentials(ctx, there.Tags[TagKeyOf])
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return false, nil
		}
		return false, err
	}
	mark := keyMark(Operation{ID: there.Tags[TagRequest]}.short())
	return slices.ContainsFunc(pool, func(k Credential) bool { return strings.HasSuffix(k.Name, mark) }), nil
}

// examineClient looks for the secret of a client that a request made. One that
// is in another account or region cannot be looked at from here.
func (s *Service) examineClient(ctx context.Context, c Marked) ([]Finding, error) {
	says, repair := "no secret holds its credential", ""
	if c.SecretARN != "" {
		there, err := s.Store.Describe(ctx, c.SecretARN)
		switch {
		case err == nil && !there.Deleted:
			return nil, nil // a list may be five minutes old
		case err != nil && !unseenHere(err):
			return nil, err
		}
		says, repair = "its secret "+c.SecretARN+" is gone, or not to be seen from here", "look for the secret there; if it is gone, "
	}
	managed, err := s.Store.Managed(ctx, c.ID)
	if err != nil || len(managed) > 0 {
		return nil, err
	}
	return []Finding{{Slug: ClientUnstored, Says: "client " + c.ID + " was made by a request, and " + says,
		Repair: repair + "clientkeeper adopt " + c.ID + " gives it one, or delete it in the tenant"}}, nil
}

// unseenHere reports whether a secret that is named by its ARN is not there, or
// not this account's and region's.
func unseenHere(err error) bool {
	return slices.Contains([]fault.Kind{fault.NotFound, fault.Denied, fault.Invalid}, fault.KindOf(err))
}

// Repair does what a finding asks for, if it is safe and if a new look still
// finds it. It reports whether anything was done.
func (s *Service) Repair(ctx context.Context, f Finding) (done bool, err error) {
	if !f.Safe {
		return false, conflict("not_safe", f.Says, f.Repair)
	}
	there, err := s.Store.Describe(ctx, f.SecretARN)
	if err != nil {
		return false, err
	}
	clients, err := s.Tenant.Marked(ctx)
	if err != nil {
		return false, err
	}
	byRequest := map[string][]Marked{}
	for _, c := range clients {
		byRequest[c.Request] = append(byRequest[c.Request], c)
	}
	now, err := s.examineSecret(ctx, there, byRequest)
	if err != nil || !slices.ContainsFunc(now, func(n Finding) bool { return n.Safe && n.Slug == f.Slug }) {
		return false, err
	}
	return true, s.Store.Discard(ctx, f.SecretARN)
}
