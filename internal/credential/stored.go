package credential

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// newSecretValue is a secret's value without its client and credential.
func (s *Service) newSecretValue(method string) clientsecret.ClientSecret {
	out := clientsecret.ClientSecret{AuthMethod: method}
	if s.Domain != "" {
		out.TokenEndpoint, out.Issuer = "https://"+s.Domain+"/oauth/token", "https://"+s.Domain+"/"
	}
	return out
}

func (m *making) newCredential() (clientsecret.ClientSecret, error) {
	out := m.newSecretValue(m.want.AuthMethod)
	if m.want.AuthMethod != PrivateKeyJWT {
		out.ClientSecret = randomSecret()
		return out, nil
	}
	key, err := m.makeKey(2048)
	if err != nil {
		return out, err
	}
	out.PrivateKeyPEM, out.KeyID, out.Alg = key.Private, key.KeyID, "RS256"
	return out, nil
}

// publicKey is the public half of the stored key.
func (m *making) publicKey() (PublicKey, error) {
	if m.want.AuthMethod != PrivateKeyJWT {
		return PublicKey{}, nil
	}
	public, err := publicHalf(m.value.PrivateKeyPEM)
	if err != nil {
		return PublicKey{}, err
	}
	return PublicKey{Type: typePublicKey, Name: managedName(m.value.KeyID), PEM: public, KeyID: m.value.KeyID, Alg: m.value.Alg,
		Expires: m.now().Add(m.want.Interval + m.want.Overlap + keyMargin)}, nil
}

// token is the id of a version that this operation writes.
func (op Operation) token(what string) string {
	sum := sha256.Sum256([]byte(op.ID + "\n" + what))
	return hex.EncodeToString(sum[:16])
}

func (op Operation) short() string { return op.ID[:min(len(op.ID), 12)] }

// secretName is the name of a secret that this operation makes. It ends in the
// operation's id, never in a hyphen and six characters, as ARNs do.
func (s *Service) secretName(what string, op Operation) string {
	return cmp.Or(s.Prefix, "clients/") + what + "-" + op.short()
}

// slugOf is a name in letters, digits and hyphens.
func slugOf(name string) string {
	const most = 40
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
	out = strings.Join(strings.FieldsFunc(out, func(r rune) bool { return r == '-' }), "-")
	return cmp.Or(strings.TrimRight(out[:min(len(out), most)], "-"), "client")
}

// readBack reads a secret that an operation has made, with its value. Without
// one there is no ARN; with patience it is waited for.
func (s *Service) readBack(ctx context.Context, name string, op Operation, patient bool) (Stored, secret.Value, error) {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		there, v, err := s.readOnce(ctx, name)
		switch {
		case err == nil && there.Tags[TagRequest] != op.ID:
			return Stored{}, secret.Value{}, conflict("secret_name_taken", "a secret that is not this request's has the name "+name, "send the request with another key")
		case err == nil:
			return there, v, nil
		case fault.KindOf(err) != fault.NotFound:
			return Stored{}, secret.Value{}, err
		case !patient || wait > time.Second || !pause(ctx, wait):
			return Stored{}, secret.Value{}, nil
		}
	}
}

func (s *Service) readOnce(ctx context.Context, name string) (Stored, secret.Value, error) {
	there, err := s.Store.Describe(ctx, name)
	if err == nil && there.Deleted {
		err = later("secret_deleted", "the secret of this request is scheduled for deletion", "restore it, or send the request with another key")
	}
	if err != nil {
		return there, secret.Value{}, err
	}
	v, err := s.Store.Value(ctx, there.ARN)
	return there, v, err
}

// pause waits d if the deadline can pay for it.
func pause(ctx context.Context, d time.Duration) bool {
	const reserve = time.Second
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d+reserve {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
