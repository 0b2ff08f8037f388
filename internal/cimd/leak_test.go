package cimd

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestPrivateValuesAreNeverRepeated takes every private or secret value out of
// testdata/cases.json and looks for it in what is said about them.
func TestPrivateValuesAreNeverRepeated(t *testing.T) {
	checked := 0
	for _, c := range readCases(t) {
		var private []string
		collect := func(raw json.RawMessage) {
			var v any
			if json.Unmarshal(raw, &v) == nil {
				private = append(private, privateValues(v)...)
			}
		}
		collect(c.Body)
		for _, r := range c.Routes {
			collect(r.Body)
		}
		for _, book := range []Rules{Draft, Auth0} {
			said := fmt.Sprintf("%+v", judgeCase(t, c, book).findings)
			for _, s := range private {
				checked++
				if strings.Contains(said, s) {
					t.Errorf("%s: a private value is repeated", c.ID)
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("only %d values", checked)
	}
}

func privateValues(v any) []string {
	var out []string
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			out = append(out, privateValues(item)...)
		}
	case map[string]any:
		for name, item := range v {
			if s, ok := item.(string); ok && len(s) > 4 && (privateMember[name] || name == "client_secret" || strings.Contains(s, "PRIVATE KEY")) {
				out = append(out, s)
			}
			out = append(out, privateValues(item)...)
		}
	}
	return out
}

// TestLeakBehindADuplicate: the first of two members is not read, but it was
// published all the same.
func TestLeakBehindADuplicate(t *testing.T) {
	body := strings.Replace(string(plain(t, nil)), "{", `{"jwks":{"keys":[{"kty":"EC","d":"x"}]},"jwks":null,`, 1)
	for _, book := range []Rules{Draft, Auth0} {
		if _, findings := CheckDocument(mustID(t, plainID), []byte(body), book); !findings.Has("private_key_suspected") {
			t.Errorf("%v: %v", book, findings)
		}
	}
}

// TestKeySetLeaks: a private key beside the array of keys is as public as one in it.
func TestKeySetLeaks(t *testing.T) {
	good := string(setOf(t, publicKeys(t)["RSA 2048"]))
	for name, member := range map[string]string{
		"private JWK":      `{"old":[{"kty":"EC","d":"x"}],`,
		"private PEM":      `{"note":"-----BEGIN PRIVATE KEY-----",`,
		"in a key's x5c":   `{"keys2":[{"kty":"XYZ","x5c":["-----BEGIN RSA PRIVATE KEY-----"]}],`,
		"another number d": `{"x":{"d":1,"kty":"OKP"},`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, book := range []Rules{Draft, Auth0} {
				keys, findings := CheckKeys([]byte(strings.Replace(good, "{", member, 1)), book)
				if !findings.Has("private_key_suspected") || findings.Verdict() != Warn || len(keys) != 1 {
					t.Errorf("%v: %d keys, %v", book, len(keys), findings)
				}
			}
		})
	}
}
