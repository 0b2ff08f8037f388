package tenant

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The cases are the same in every run, so that a red test says something of the
// change at hand; -rapid.seed=0 draws new ones.
func init() { _ = flag.Set("rapid.seed", "1") }

// TestCheckerAgrees changes one client at random, and asks after every change
// whether what the checker says is what the token endpoint does.
func TestCheckerAgrees(t *testing.T) {
	c := newClock()
	w := open(t, Options{Now: c.now})
	public := publicPEM(t, &testKey().PublicKey)
	rapid.Check(t, func(rt *rapid.T) {
		p := Propagation{Window: time.Duration(rapid.IntRange(0, 30).Draw(rt, "window")) * time.Second,
			Accept: rapid.SampledFrom([]Acceptance{AcceptBoth, AcceptEither, AcceptOld, AcceptNew}).Draw(rt, "acceptance")}
		if err := w.SetPropagation(p); err != nil {
			rt.Fatal(err)
		}
		id, born := w.AddManagementClient("read:clients")
		cred, err := w.AddCredential(id, NewKey{PEM: public})
		if err != nil {
			rt.Fatal(err)
		}
		secrets := []string{born}
		for range rapid.IntRange(1, 8).Draw(rt, "changes") {
			secrets = changeSomehow(rt, w, c, id, cred, secrets)
			agree(rt, w, id, secrets, p)
		}
		c.advance(p.Window)
		for _, s := range secrets {
			if got := w.secretLogin(id, s) == 200; got != w.Accepts(id, s) || got != w.WillAccept(id, s) {
				rt.Errorf("at the end of the window: login %v, Accepts %v, WillAccept %v", got, w.Accepts(id, s), w.WillAccept(id, s))
			}
		}
	})
}

// changeSomehow makes one change, and returns all secrets there ever were.
func changeSomehow(rt *rapid.T, w *world, c *clock, id, cred string, secrets []string) []string {
	path := "/api/v2/clients/" + id
	switch rapid.SampledFrom([]string{"patch", "repeat", "rotate", "wait", "keys", "no keys", "secret"}).Draw(rt, "change") {
	case "patch":
		s := fmt.Sprintf("secret-%d-%s", len(secrets), id)
		if w.call("PATCH", path, map[string]any{"client_secret": s}).status == 200 {
			return append(secrets, s)
		}
	case "repeat":
		w.call("PATCH", path, map[string]any{"client_secret": secrets[len(secrets)-1]})
	case "rotate":
		if r := w.call("POST", path+"/rotate-secret", nil); r.status == 200 {
			return append(secrets, r.text("client_secret"))
		}
	case "wait":
		c.advance(time.Duration(rapid.IntRange(1, 20).Draw(rt, "seconds")) * time.Second)
	case "keys":
		w.call("PATCH", path, map[string]any{"token_endpoint_auth_method": nil, "client_authentication_methods": oneKey(cred)})
	case "no keys":
		w.call("PATCH", path, map[string]any{"token_endpoint_auth_method": nil, "client_authentication_methods": oneKey()})
	case "secret":
		w.call("PATCH", path, map[string]any{"token_endpoint_auth_method": "client_secret_post", "client_authentication_methods": nil})
	}
	return secrets
}

// agree holds the views against logins. Where logins are drawn the view says
// what may happen; elsewhere it says what does.
func agree(rt *rapid.T, w *world, id string, secrets []string, p Propagation) {
	for i, s := range secrets {
		may := w.Accepts(id, s)
		switch got := w.secretLogin(id, s) == 200; {
		case got && !may:
			rt.Errorf("secret %d logs in, which Accepts denies", i)
		case !got && may && p.Accept != AcceptEither:
			rt.Errorf("secret %d does not log in, which Accepts promises", i)
		}
	}
	keys := 0
	for _, k := range w.AttachedKeys(id) {
		if !k.Expired {
			keys++
		}
	}
	if got := w.keyLogin(id, testKey(), "").status == 200; got != (keys == 1) {
		rt.Errorf("the key logs in: %v, with %d keys attached", got, keys)
	}
}
