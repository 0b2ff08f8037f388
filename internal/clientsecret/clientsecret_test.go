package clientsecret_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

const stored = `{ "username" : "legacy\u00e9",
  "client_id": "c1", "client_secret": "s\/1<&>", "limits": { "b": 1.50, "a": [1e400, null] },
  "issuer": null, "note": "` + canary + `" }`

const canary = "canary-7f3a"

func check(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if fault.KindOf(err) != kind || err == nil {
		t.Fatalf("error %v, want %v", err, kind)
	}
	if strings.Contains(err.Error(), canary) {
		t.Errorf("the error shows the secret: %v", err)
	}
}

func TestParse(t *testing.T) {
	c, err := clientsecret.Parse(secret.New(`{"client_id":"c","client_secret":"` + canary + `-s","token_endpoint":"t","issuer":"i",
		"token_endpoint_auth_method":"private_key_jwt","private_key_pem":"` + canary + `-p","kid":"k","alg":"RS256"}`))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.ClientID, c.ClientSecret.Reveal(), c.TokenEndpoint, c.Issuer, c.AuthMethod, c.PrivateKeyPEM.Reveal(), c.KeyID, c.Alg}
	if want := []string{"c", canary + "-s", "t", "i", "private_key_jwt", canary + "-p", "k", "RS256"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, canary) {
		t.Errorf("printed as %s", text)
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct{ text, detail string }{
		"nothing":             {``, "not a JSON object"},
		"a bare secret":       {canary, "not a JSON object"},
		"a string":            {`"` + canary + `"`, "not a JSON object"},
		"an array":            {`["` + canary + `"]`, "not a JSON object"},
		"null":                {`null`, "not a JSON object"},
		"cut short":           {`{"client_id":"c","client_secret":"` + canary, "not a JSON object"},
		"no end":              {`{"client_id":"c","client_secret":"` + canary + `"`, "not a JSON object"},
		"more behind it":      {`{"client_id":"c","client_secret":"s"} ` + canary, "not a JSON object"},
		"not UTF-8":           {`{"client_id":"c","client_secret":"` + canary + "\xff\"}", "not UTF-8"},
		"half a surrogate":    {`{"client_id":"c","client_secret":"` + canary + `\ud800"}`, "client_secret is not a string"},
		"a number":            {`{"client_id":"c","client_secret":42}`, "client_secret is not a string"},
		"twice":               {`{"client_id":"c","client_secret":"s","client_secret":"` + canary + `"}`, "client_secret twice"},
		"no id":               {`{"client_secret":"` + canary + `"}`, "no client_id"},
		"the wrong case":      {`{"Client_ID":"c","client_secret":"` + canary + `"}`, "no client_id"},
		"an empty id":         {`{"client_id":"","client_secret":"` + canary + `"}`, "no client_id"},
		"no credential":       {`{"client_id":"c"}`, "no client_secret or private_key_pem"},
		"nothing at all":      {`{}`, "no client_id, no client_secret or private_key_pem"},
		"a secret but no key": {`{"client_id":"c","client_secret":"` + canary + `","token_endpoint_auth_method":"private_key_jwt"}`, "no private_key_pem"},
		"a key but no secret": {`{"client_id":"c","private_key_pem":"` + canary + `","token_endpoint_auth_method":"client_secret_post"}`, "no client_secret"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := clientsecret.Parse(secret.New(test.text))
			check(t, err, fault.Invalid)
			if !strings.Contains(err.Error(), test.detail) {
				t.Errorf("error %q, want %q in it", err, test.detail)
			}
			if c.ClientID != "" || !c.ClientSecret.IsZero() {
				t.Error("an error came with a value")
			}
		})
	}
}

func TestEncodeKeepsWhatItDoesNotKnow(t *testing.T) {
	tests := map[string]struct {
		change func(*clientsecret.ClientSecret)
		want   string
	}{
		"nothing changed": {func(*clientsecret.ClientSecret) {},
			`{"username":"legacy\u00e9","client_id":"c1","client_secret":"s\/1<&>","limits":{ "b": 1.50, "a": [1e400, null] },"issuer":null,"note":"` + canary + `"}`},
		"a new secret, in its place": {func(c *clientsecret.ClientSecret) { c.ClientSecret = secret.New(`"<new>\`) },
			`{"username":"legacy\u00e9","client_id":"c1","client_secret":"\"<new>\\","limits":{ "b": 1.50, "a": [1e400, null] },"issuer":null,"note":"` + canary + `"}`},
		"a key instead, at the end": {func(c *clientsecret.ClientSecret) {
			c.ClientSecret, c.PrivateKeyPEM, c.KeyID, c.Issuer = secret.Value{}, secret.New("p\n"), "k", "i"
		},
			`{"username":"legacy\u00e9","client_id":"c1","limits":{ "b": 1.50, "a": [1e400, null] },"issuer":"i","note":"` + canary + `","private_key_pem":"p\n","kid":"k"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := clientsecret.Parse(secret.New(stored))
			if err != nil {
				t.Fatal(err)
			}
			if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, canary) {
				t.Errorf("printed as %s", text)
			}
			test.change(&c)
			got, err := c.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if got.Reveal() != test.want {
				t.Errorf("got\n%s\nwant\n%s", got.Reveal(), test.want)
			}
		})
	}
}

func TestASecretMaySayItsOwnNames(t *testing.T) {
	const text = `{"clientkeeper:names":{"client_secret":"AUTH0_CLIENT_SECRET","client_id":"user"},"user":"c1","AUTH0_CLIENT_SECRET":"old","x":1}`
	c, err := clientsecret.Parse(secret.New(text))
	if err != nil || c.ClientID != "c1" || c.ClientSecret.Reveal() != "old" {
		t.Fatalf("%q, %v", c.ClientID, err)
	}
	if got := encode(t, c); got != text {
		t.Errorf("unchanged: %s, want %s", got, text)
	}
	c.ClientSecret, c.Issuer = secret.New("new"), "https://example.eu.auth0.com/"
	want := `{"clientkeeper:names":{"client_secret":"AUTH0_CLIENT_SECRET","client_id":"user"},"user":"c1","AUTH0_CLIENT_SECRET":"new","x":1,"issuer":"https://example.eu.auth0.com/"}`
	if got := encode(t, c); got != want {
		t.Errorf("changed: %s, want %s", got, want)
	}
	// A field that was not there gets its own name too.
	c.PrivateKeyPEM = secret.New("key")
	if got := object(t, encode(t, c)); got["private_key_pem"] != "key" {
		t.Errorf("%v", got)
	}

	for name, names := range map[string]string{
		"not an object":          `["user"]`,
		"a number":               `{"client_id":1}`,
		"an empty name":          `{"client_id":""}`,
		"a field that has none":  `{"issuer":"iss"}`,
		"an unknown field":       `{"password":"pw"}`,
		"one name twice":         `{"client_id":"x","client_secret":"x"}`,
		"another field's name":   `{"client_id":"client_secret"}`,
		"the name of the names":  `{"client_id":"clientkeeper:names"}`,
		"itself under its field": `{"client_id":"client_id"}`,
	} {
		_, err := clientsecret.Parse(secret.New(`{"clientkeeper:names":` + names + `,"client_id":"c1","client_secret":"canary","x":"v","iss":"i","pw":"p","":"e"}`))
		if fault.KindOf(err) != fault.Invalid || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	if c, err := clientsecret.Parse(secret.New(`{"clientkeeper:names":{"client_id":"x","client_secret":"x"},"x":"v"}`)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("one member as two fields: %q, %v", c.ClientID, err)
	}
}

// What is there is enough where the secret does not say how its client logs in.
func TestEitherCredentialIsEnough(t *testing.T) {
	for _, text := range []string{`{"client_id":"c","client_secret":"s"}`, `{"client_id":"c","private_key_pem":"p"}`, `{"client_id":"c","token_endpoint_auth_method":"none"}`} {
		if _, err := clientsecret.Parse(secret.New(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestEncodeFromNothing(t *testing.T) {
	got, err := clientsecret.ClientSecret{ClientID: "c", Alg: "RS256", ClientSecret: secret.New("s")}.Encode()
	if want := `{"client_id":"c","client_secret":"s","alg":"RS256"}`; err != nil || got.Reveal() != want {
		t.Errorf("got %s, %v, want %s", got.Reveal(), err, want)
	}
	_, err = clientsecret.ClientSecret{ClientID: "c", ClientSecret: secret.New(canary + "\xff")}.Encode()
	check(t, err, fault.Invalid)
}

// FuzzClientSecret: what was parsed and written says the same as before to
// another reader, is stable from then on, and takes a new secret without a
// change to anything else.
func FuzzClientSecret(f *testing.F) {
	f.Add(stored, "new")
	f.Add(`{"client_id":"c","private_key_pem":"p","x":1,"x":2}`, "n\u2028<\"")
	f.Add(`{"client_\u0069d":"c","client_secret":"s","":{}}`, "")
	f.Fuzz(func(t *testing.T, text, replacement string) {
		c, err := clientsecret.Parse(secret.New(text))
		if err != nil {
			if !reflect.DeepEqual(c, clientsecret.ClientSecret{}) {
				t.Error("an error came with a value")
			}
			return
		}
		written := encode(t, c)
		if !reflect.DeepEqual(object(t, written), object(t, text)) {
			t.Errorf("%q became %q", text, written)
		}
		again, err := clientsecret.Parse(secret.New(written))
		if err != nil || encode(t, again) != written {
			t.Errorf("%q is not stable: %v", written, err)
		}
		c.ClientSecret = secret.New(replacement)
		changed, err := c.Encode()
		if err != nil {
			return // the replacement is not text
		}
		got, want := object(t, changed.Reveal()), object(t, text)
		if s, _ := got["client_secret"].(string); s != replacement {
			t.Errorf("the new secret reads %q, want %q", s, replacement)
		}
		delete(got, "client_secret")
		delete(want, "client_secret")
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the new secret changed something else: %q became %q", text, changed.Reveal())
		}
	})
}

func encode(t *testing.T, c clientsecret.ClientSecret) string {
	t.Helper()
	v, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return v.Reveal()
}

// object is how encoding/json reads a text, numbers as they are written.
func object(t *testing.T, text string) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	out := map[string]any{}
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}
