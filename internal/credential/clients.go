package credential

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"clientkeeper/internal/fault"
)

// maxPage is the most clients on a page.
const maxPage = 100

// Clients lists the clients with a managed secret, by the names of the secrets,
// limit at most (zero: 50). The cursor is empty or the next of the page before;
// next is empty on the last. A client that was made within five minutes may be
// missing.
func (s *Service) Clients(ctx context.Context, cursor string, limit int) (page []Client, next string, err error) {
	after, err := cursorOf(cursor)
	if err != nil {
		return nil, "", err
	}
	all, err := s.Store.Managed(ctx, "")
	if err != nil {
		return nil, "", err
	}
	slices.SortFunc(all, func(a, b Stored) int { return cmp.Compare(a.Name, b.Name) })
	limit = min(max(cmp.Or(limit, 50), 1), maxPage)
	page = []Client{}
	for _, there := range all {
		if there.Name <= after {
			continue
		}
		if len(page) == limit {
			return page, cursorAfter(after), nil
		}
		page, after = append(page, clientOf(there)), there.Name
	}
	return page, "", nil
}

func clientOf(there Stored) Client {
	method := ""
	switch {
	case there.Kind == PrivateKeyJWT:
		method = PrivateKeyJWT
	case there.Tags[TagRequest] != "": // of others it is not known which of two it is
		method = ClientSecretPost
	}
	name, made := strings.CutPrefix(there.Text, textBefore)
	if !made {
		name = there.Name
	}
	return Client{ClientID: there.ClientID, Name: name, AuthMethod: method, SecretARN: there.ARN, NextDue: there.NextDue}
}

// textBefore is what stands before a client's name in the text of its secret.
const textBefore = "Credential of the client "

const cursorMark = "c1:"

func cursorAfter(name string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorMark + name))
}

func cursorOf(cursor string) (name string, err error) {
	if cursor == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	name, ok := strings.CutPrefix(string(text), cursorMark)
	if err != nil || !ok || len(name) > 512 || !printable(name) || cursorAfter(name) != cursor {
		return "", invalid("cursor_invalid", "that is not a cursor of this list", "begin again without a cursor")
	}
	return name, nil
}

// managedSecret is the managed secret of a client, or nothing. A client that was
// made here names it; of others it is looked for.
func (s *Service) managedSecret(ctx context.Context, c State) (Stored, error) {
	if arn := c.Metadata[MarkSecret]; arn != "" {
		there, err := s.Store.Describe(ctx, arn)
		switch {
		case err == nil && there.Managed && there.ClientID == c.ID && !there.Deleted:
			return there, nil
		case err != nil && !unseenHere(err):
			return Stored{}, err
		}
	}
	found, err := s.Store.Managed(ctx, c.ID)
	if err != nil || len(found) == 0 {
		return Stored{}, err
	}
	slices.SortFunc(found, func(a, b Stored) int { return cmp.Compare(a.Name, b.Name) })
	return found[0], nil
}

// maxID is more than any id of the tenant has.
const maxID = 128

// open reads a client that this service may work on, and its managed secret.
func (s *Service) open(ctx context.Context, clientID string) (State, Stored, error) {
	if clientID == "" || len(clientID) > maxID || !plain(clientID) {
		return State{}, Stored{}, &fault.Error{Kind: fault.NotFound, Op: "credential", Reason: "client_not_found",
			Detail: "that is not the id of a client", Next: "see the list of clients"}
	}
	if s.Self != nil {
		self, err := s.Self(ctx)
		if err != nil {
			return State{}, Stored{}, err
		}
		if self == clientID {
			return State{}, Stored{}, &fault.Error{Kind: fault.Denied, Op: "credential", Reason: "management_client",
				Detail: "the client is the one that clientkeeper itself logs in with", Next: "change it in the tenant's dashboard"}
		}
	}
	c, err := s.Tenant.Client(ctx, clientID)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			err = &fault.Error{Kind: fault.NotFound, Op: "credential", Reason: "client_not_found", Detail: "the tenant has no such client", Next: "see the list of clients"}
		}
		return State{}, Stored{}, err
	}
	there, err := s.managedSecret(ctx, c)
	if err == nil && there.ARN == "" && !s.AnyClient {
		err = &fault.Error{Kind: fault.Denied, Op: "credential", Reason: "client_not_managed",
			Detail: "clientkeeper does not manage that client", Next: "take it over with clientkeeper adopt, or allow any client"}
	}
	return c, there, err
}

// plain reports whether an id has only what ids of the tenant have.
func plain(id string) bool {
	return strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}
