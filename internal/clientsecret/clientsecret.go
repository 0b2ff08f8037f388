// Package clientsecret is the JSON in which a client's credential is stored:
// read, changed and written back without a change to what it does not know.
//
// A consumer of the stored secret finds the names that OAuth gives:
//
//	client_id                   who the client is
//	client_secret               the shared secret, if it logs in with one
//	token_endpoint              where to ask for a token
//	issuer                      the tenant, and the audience of an assertion
//	token_endpoint_auth_method  client_secret_post, client_secret_basic, private_key_jwt or none
//	private_key_pem             the private key, if it logs in with one (PKCS #8)
//	kid                         the key's id, its RFC 7638 thumbprint
//	alg                         the algorithm of its assertions
//
// Where a consumer that exists reads other names, the secret itself says which,
// so that everybody who reads it knows them:
//
//	{"clientkeeper:names": {"client_secret": "AUTH0_CLIENT_SECRET"},
//	 "client_id": "...", "AUTH0_CLIENT_SECRET": "..."}
//
// Only client_id, client_secret, private_key_pem and kid can have other names.
//
// The package knows nothing of where the text is stored, nor of the tenant.
package clientsecret

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// A ClientSecret is the JSON that is stored for a client, with the names that
// OAuth gives its members (RFC 6749, RFC 7591, RFC 7517, RFC 8414).
//
// What [Parse] did not know it keeps, and [ClientSecret.Encode] writes it back
// byte for byte where it was: others may read the secret too. The zero
// ClientSecret is empty and ready to be filled in.
type ClientSecret struct {
	ClientID      string       // client_id
	ClientSecret  secret.Value // client_secret
	TokenEndpoint string       // token_endpoint
	Issuer        string       // issuer
	AuthMethod    string       // token_endpoint_auth_method
	PrivateKeyPEM secret.Value // private_key_pem
	KeyID         string       // kid
	Alg           string       // alg

	members []member          // as they were parsed, known ones too
	names   map[string]string // a field's own name in this secret, by OAuth's
}

// namesMember is the member that gives fields other names.
const namesMember = "clientkeeper:names"

// renamable are the fields that may have another name.
var renamable = []string{"client_id", "client_secret", "private_key_pem", "kid"}

// nameOf is the name that a field has in this secret.
func (c *ClientSecret) nameOf(f field) string {
	if own := c.names[f.name]; own != "" {
		return own
	}
	return f.name
}

// A member is a part of an object as it was written. Whatever we do not know
// may be a secret.
type member struct {
	name string       // without quotes and escapes
	key  secret.Value // as written, with its quotes
	raw  secret.Value
}

// A field lets a known member be read and written by name.
type field struct {
	name string
	get  func(*ClientSecret) secret.Value
	set  func(*ClientSecret, string)
}

func plain(name string, at func(*ClientSecret) *string) field {
	return field{name,
		func(c *ClientSecret) secret.Value { return secret.New(*at(c)) },
		func(c *ClientSecret, s string) { *at(c) = s }}
}

func hidden(name string, at func(*ClientSecret) *secret.Value) field {
	return field{name,
		func(c *ClientSecret) secret.Value { return *at(c) },
		func(c *ClientSecret, s string) { *at(c) = secret.New(s) }}
}

// fields are in the order in which new members are written.
var fields = []field{
	plain("client_id", func(c *ClientSecret) *string { return &c.ClientID }),
	hidden("client_secret", func(c *ClientSecret) *secret.Value { return &c.ClientSecret }),
	plain("token_endpoint", func(c *ClientSecret) *string { return &c.TokenEndpoint }),
	plain("issuer", func(c *ClientSecret) *string { return &c.Issuer }),
	plain("token_endpoint_auth_method", func(c *ClientSecret) *string { return &c.AuthMethod }),
	hidden("private_key_pem", func(c *ClientSecret) *secret.Value { return &c.PrivateKeyPEM }),
	plain("kid", func(c *ClientSecret) *string { return &c.KeyID }),
	plain("alg", func(c *ClientSecret) *string { return &c.Alg }),
}

func (c *ClientSecret) fieldNamed(name string) (field, bool) {
	i := slices.IndexFunc(fields, func(f field) bool { return c.nameOf(f) == name })
	if i < 0 {
		return field{}, false
	}
	return fields[i], true
}

// Parse reads the JSON of a client's secret. A client_id is required, and so is
// what token_endpoint_auth_method needs; without a method, a client_secret or a
// private_key_pem. A member that is null or empty counts as missing. Errors are
// [fault.Invalid], name every member that is missing, and hold no value.
func Parse(v secret.Value) (ClientSecret, error) {
	var c ClientSecret
	text := v.Reveal()
	if !utf8.ValidString(text) {
		return c, malformed("the secret is not UTF-8 text")
	}
	members, ok := split([]byte(text))
	if !ok {
		return c, malformed("the secret is not a JSON object")
	}
	c.members = members
	if !c.readNames() {
		return ClientSecret{}, malformed("the secret's " + namesMember + " is not an object that gives each of " +
			strings.Join(renamable, ", ") + " at most one name of its own")
	}
	seen := map[string]bool{}
	for _, m := range members {
		f, known := c.fieldNamed(m.name)
		if !known {
			continue
		}
		if seen[m.name] {
			return ClientSecret{}, malformed("the secret has " + m.name + " twice")
		}
		seen[m.name] = true
		s, ok := m.text()
		if !ok {
			return ClientSecret{}, malformed("the secret's " + m.name + " is not a string of whole characters")
		}
		f.set(&c, s)
	}
	if missing := c.missing(); len(missing) > 0 {
		return ClientSecret{}, malformed("the secret has no " + strings.Join(missing, ", no "))
	}
	return c, nil
}

// readNames reads the member that gives fields other names, and reports whether
// it makes sense: no name is given twice, and none is another field's.
func (c *ClientSecret) readNames() bool {
	i := slices.IndexFunc(c.members, func(m member) bool { return m.name == namesMember })
	if i < 0 {
		return true
	}
	names := map[string]string{}
	if json.Unmarshal([]byte(c.members[i].raw.Reveal()), &names) != nil {
		return false
	}
	taken := map[string]bool{namesMember: true}
	for _, f := range fields {
		taken[f.name] = true
	}
	for field, own := range names {
		if !slices.Contains(renamable, field) || own == "" || taken[own] {
			return false
		}
		taken[own] = true
	}
	c.names = names
	return true
}

func malformed(detail string) error {
	return &fault.Error{Kind: fault.Invalid, Op: "clientsecret.parse", Reason: "secret_malformed", Detail: detail,
		Next: "store a JSON object with client_id and client_secret or private_key_pem"}
}

func (c *ClientSecret) missing() []string {
	var out []string
	if c.ClientID == "" {
		out = append(out, "client_id")
	}
	noSecret, noKey := c.ClientSecret.IsZero(), c.PrivateKeyPEM.IsZero()
	switch c.AuthMethod {
	case "none":
	case "private_key_jwt":
		if noKey {
			out = append(out, "private_key_pem")
		}
	case "client_secret_post", "client_secret_basic", "client_secret_jwt":
		if noSecret {
			out = append(out, "client_secret")
		}
	default:
		if noSecret && noKey {
			out = append(out, "client_secret or private_key_pem")
		}
	}
	return out
}

// text is the string that a member holds; "" for null.
func (m member) text() (string, bool) {
	var s *string
	if json.Unmarshal([]byte(m.raw.Reveal()), &s) != nil {
		return "", false
	}
	if s == nil {
		return "", true
	}
	// encoding/json puts the replacement character where an escape made no
	// sense, and a secret with it would log nobody in.
	return *s, !strings.ContainsRune(*s, utf8.RuneError)
}

// split takes an object apart without changing a byte of its keys and values.
func split(text []byte) ([]member, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	var out []member
	for d.More() {
		begin := d.InputOffset()
		t, err := d.Token()
		name, isString := t.(string)
		if err != nil || !isString {
			return nil, false
		}
		// What comes before the key is at most a comma and white space.
		key := text[begin:d.InputOffset()]
		key = key[bytes.IndexByte(key, '"'):]
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return nil, false
		}
		out = append(out, member{name, secret.New(string(key)), secret.New(string(raw))})
	}
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	return out, len(bytes.TrimSpace(text[d.InputOffset():])) == 0
}

// Encode writes the JSON: members that were there in their old places, those
// that were not changed byte for byte, those that are empty now left out, new
// ones at the end. White space between members is not kept. It fails, as
// [fault.Invalid], if a text is not UTF-8 and so cannot be written.
func (c ClientSecret) Encode() (secret.Value, error) {
	var parts []string
	seen := map[string]bool{}
	for _, m := range c.members {
		raw := m.raw
		if f, known := c.fieldNamed(m.name); known {
			seen[m.name] = true
			if old, _ := m.text(); !secret.New(old).Equal(f.get(&c)) {
				raw = quoted(f.get(&c))
			}
		}
		if !raw.IsZero() {
			parts = append(parts, m.key.Reveal()+":"+raw.Reveal())
		}
	}
	for _, f := range fields {
		now := f.get(&c)
		if !utf8.ValidString(now.Reveal()) {
			return secret.Value{}, &fault.Error{Kind: fault.Invalid, Op: "clientsecret.encode",
				Reason: "secret_malformed", Detail: f.name + " is not UTF-8 text"}
		}
		if name := c.nameOf(f); !seen[name] && !now.IsZero() {
			parts = append(parts, quoted(secret.New(name)).Reveal()+":"+quoted(now).Reveal())
		}
	}
	return secret.New("{" + strings.Join(parts, ",") + "}"), nil
}

// quoted is v as a JSON string, or nothing if v is nothing.
func quoted(v secret.Value) secret.Value {
	if v.IsZero() {
		return v
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v.Reveal()) // a string can always be encoded
	return secret.New(strings.TrimSuffix(b.String(), "\n"))
}
