package tenant

import (
	"crypto/rand"
	"crypto/rsa"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
)

// moreKeys are three keys besides testKey.
var moreKeys = sync.OnceValue(func() (keys [3]*rsa.PrivateKey) {
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return keys
})

// keyLogin tries to log in with an assertion, with the kid unless it is empty.
func (w *world) keyLogin(id string, key *rsa.PrivateKey, kid string) result {
	w.t.Helper()
	opts := &jose.SignerOptions{}
	if kid != "" {
		opts.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, opts)
	if err != nil {
		w.t.Fatal(err)
	}
	now := w.opts.Now()
	text, err := jwt.Signed(signer).Claims(map[string]any{"iss": id, "sub": id, "aud": "https://" + w.Domain() + "/",
		"jti": uuid.NewString(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}).Serialize()
	if err != nil {
		w.t.Fatal(err)
	}
	return w.token(url.Values{"grant_type": {"client_credentials"}, "audience": {w.Audience()},
		"client_assertion_type": {assertionType}, "client_assertion": {text}}, nil)
}

// TestWhichKeysLogIn tries keys in every state, with and without their kid.
func TestWhichKeysLogIn(t *testing.T) {
	c := newClock()
	w := open(t, Options{Now: c.now})
	id, _ := w.AddManagementClient("read:clients")
	keys := moreKeys()
	add := func(key *rsa.PrivateKey, expires time.Time) string {
		cred, err := w.AddCredential(id, NewKey{PEM: publicPEM(t, &key.PublicKey), Expires: expires})
		if err != nil {
			t.Fatal(err)
		}
		return cred
	}
	forever := add(keys[0], time.Time{})
	soon := add(keys[1], c.now().Add(time.Hour))
	pooled := add(keys[2], time.Time{})
	if err := w.Attach(id, forever, soon); err != nil {
		t.Fatal(err)
	}
	kid := func(key *rsa.PrivateKey) string {
		out, err := thumbprint(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	check := func(when string, want [3]int) {
		t.Helper()
		for i, key := range keys {
			for _, id2 := range []string{"", kid(key)} {
				if r := w.keyLogin(id, key, id2); r.status != want[i] || r.status == 401 && r.text("error") != "invalid_client" {
					t.Errorf("%s: key %d with kid %q: %d %s", when, i, id2, r.status, r.raw)
				}
			}
		}
		if r := w.keyLogin(id, keys[0], kid(keys[1])); r.status != 401 {
			t.Errorf("%s: a kid of another key: %d", when, r.status)
		}
	}
	check("attached, attached, pooled", [3]int{200, 200, 401})
	c.advance(time.Hour)
	check("the second has expired", [3]int{200, 401, 401})
	if pool := w.Credentials(id); len(pool) != 3 || !pool[1].Expired || !pool[1].Attached || pool[0].Expired {
		t.Errorf("pool %+v", pool)
	}
	if attached := w.AttachedKeys(id); len(attached) != 2 || !attached[1].Expired || !attached[1].Expires.Equal(c.now()) {
		t.Errorf("attached %+v", attached)
	}
	path := "/api/v2/clients/" + id + "/credentials/"
	if r := w.call("GET", path+soon, nil); r.status != 200 || r.text("expires_at") == "" {
		t.Errorf("an expired credential: %d %s", r.status, r.raw)
	}
	if r := w.call("PATCH", path+soon, map[string]any{"expires_at": c.now().Format(time.RFC3339)}); r.status != 400 {
		t.Errorf("an expiry that has passed: %d %s", r.status, r.raw)
	}
	check("still expired", [3]int{200, 401, 401})
	if r := w.call("PATCH", path+soon, map[string]any{"expires_at": nil}); r.status != 200 || r.body["expires_at"] != nil {
		t.Errorf("%d %s", r.status, r.raw)
	}
	check("its expiry is cleared", [3]int{200, 200, 401})
	if err := w.Attach(id, pooled); err != nil {
		t.Fatal(err)
	}
	check("only the third is attached", [3]int{401, 401, 200})
	if err := w.DeleteCredential(id, pooled); err != nil {
		t.Fatal(err)
	}
	check("it is deleted", [3]int{401, 401, 401})
	if attached := w.AttachedKeys(id); attached == nil || len(attached) != 0 {
		t.Errorf("a client with no key left still uses keys: %+v", attached)
	}
}

// TestProvenButNotGranted tells who a login was from what it was answered: 401
// before the client has proved itself, 403 unauthorized_client after it.
func TestProvenButNotGranted(t *testing.T) {
	w := open(t, Options{})
	bySecret, secret := w.AddManagementClient("read:clients")
	byKey, _ := w.AddManagementClient("read:clients")
	key, other := testKey(), moreKeys()[0]
	if _, err := w.AddKey(byKey, publicPEM(t, &key.PublicKey), ""); err != nil {
		t.Fatal(err)
	}
	ungranted, ungrantedSecret := w.AddClient("x")
	form := func(id, secret string) result {
		return w.token(url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}, "audience": {w.Audience()}}, nil)
	}
	logins := map[string]struct {
		login               func() result
		granted, notAllowed int
		code                string
	}{
		"right secret":   {func() result { return form(bySecret, secret) }, 200, 403, "unauthorized_client"},
		"wrong secret":   {func() result { return form(bySecret, "wrong") }, 401, 401, "access_denied"},
		"right key":      {func() result { return w.keyLogin(byKey, key, "") }, 200, 403, "unauthorized_client"},
		"wrong key":      {func() result { return w.keyLogin(byKey, other, "") }, 401, 401, "invalid_client"},
		"no grant":       {func() result { return form(ungranted, ungrantedSecret) }, 403, 403, "unauthorized_client"},
		"unknown client": {func() result { return form("nobody", secret) }, 401, 401, "access_denied"},
	}
	for name, login := range logins {
		if r := login.login(); r.status != login.granted {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
	for _, id := range []string{bySecret, byKey, ungranted} {
		if err := w.SetGrantTypes(id, "authorization_code"); err != nil {
			t.Fatal(err)
		}
	}
	for name, login := range logins {
		if r := login.login(); r.status != login.notAllowed || r.text("error") != login.code {
			t.Errorf("%s without the grant type: %d %s", name, r.status, r.raw)
		}
	}
}
