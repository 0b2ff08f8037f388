package secretsmanager

import (
	"encoding/base64"

	secrettext "clientkeeper/internal/secret"
)

type secretIDInput struct{ SecretId string }

// A reference is the part that nearly every answer begins with.
type reference struct {
	ARN  string
	Name string
}

func (s *secret) reference() reference { return reference{ARN: s.arn, Name: s.name} }

// found is a secret as writers see it, whatever its state.
func (c *call) found(id string) (*secret, error) {
	if err := checkSecretID(id); err != nil {
		return nil, err
	}
	s := c.region.find(id, c.now)
	if s == nil {
		return nil, noSecret()
	}
	return s, nil
}

// live is a secret as writers see it, unless it is scheduled for deletion.
func (c *call) live(id string) (*secret, error) {
	s, err := c.found(id)
	if err != nil {
		return nil, err
	}
	if s.deleted() {
		return nil, markedForDeletion()
	}
	if s.primary != "" {
		return nil, invalidRequest("Operation not permitted on a replica secret. Call must be made in primary secret's region.")
	}
	return s, nil
}

// seen is a secret as readers see it, whatever its state.
func (c *call) seen(id string) (*secret, error) {
	s, err := c.found(id)
	if err != nil {
		return nil, err
	}
	if s = c.visible(s); s == nil {
		return nil, noSecret()
	}
	return s, nil
}

// readValue takes a value from a request: a string, or bytes in base64. It is
// nil if there is none.
func readValue(text, blob *secrettext.Value) (*value, error) {
	switch {
	case text != nil && blob != nil:
		return nil, invalidParameter("You can't specify both SecretString and SecretBinary.")
	case text != nil:
		var v validation
		v.size("SecretString", len(text.Reveal()), 1, maxValue)
		return &value{data: *text}, v.err()
	case blob != nil:
		raw, err := base64.StdEncoding.DecodeString(blob.Reveal())
		if err != nil {
			return nil, &failure{code: "SerializationException"}
		}
		var v validation
		v.size("SecretBinary", len(raw), 1, maxValue)
		return &value{data: secrettext.New(string(raw)), binary: true}, v.err()
	}
	return nil, nil
}

// newVersion makes a version that is in no secret yet.
func (c *call) newVersion(s *secret, id string, v *value) *version {
	return &version{id: id, value: v, kmsKeyID: s.kmsKeyID, created: c.now, seq: c.service.next()}
}

// defaultKey is the alias of the key that AWS manages, which answers leave out.
const defaultKey = "alias/aws/secretsmanager"

func keyID(given *string) string {
	if given == nil || *given == defaultKey {
		return ""
	}
	return *given
}
