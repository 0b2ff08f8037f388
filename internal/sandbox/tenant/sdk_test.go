package tenant

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNodeSDK lets Auth0's own SDK for Node talk to the tenant: a client that
// we did not write. It needs node, and AUTH0_NODE_SDK naming a folder in which
// "npm install auth0" was run.
func TestNodeSDK(t *testing.T) {
	if os.Getenv("AUTH0_NODE_SDK") == "" {
		t.Skip("AUTH0_NODE_SDK names no folder with the npm package auth0")
	}
	for _, method := range []string{"client_secret", "private_key_jwt"} {
		t.Run(method, func(t *testing.T) { driveSDK(t, plans["unlimited"], method == "private_key_jwt") })
	}
	t.Run("rate limited", func(t *testing.T) {
		plan := plans["free"]
		plan.API = perSecond(1, 1) // which no machine is too slow to meet
		if driveSDK(t, plan, false) == 0 {
			t.Error("the SDK never met the rate limit")
		}
	})
}

// driveSDK is how many of the SDK's requests were answered 429.
func driveSDK(t *testing.T, plan Plan, withKey bool) (throttled int) {
	docs := &documents{}
	docs.put(t, codeURL, codeDocument())
	w := open(t, Options{Domain: "localhost", Plan: plan, CIMD: true, Fetcher: docs})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, w.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "NODE_EXTRA_CA_CERTS="+ca, "AUTH0_DOMAIN="+w.Domain(),
		"AUTH0_CLIENT_ID="+w.id, "AUTH0_CLIENT_SECRET="+w.secret,
		"DOCUMENT_URL="+codeURL, "MISSING_URL=https://missing.example/client.json")
	if withKey {
		public, private := pemOf(t)
		if _, err := w.AddKey(w.id, public, "RS256"); err != nil {
			t.Fatal(err)
		}
		env = append(env, "AUTH0_PRIVATE_KEY="+private)
	}
	cmd := exec.Command("node", "testdata/sdk.cjs")
	cmd.Env, cmd.Stderr = env, t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	checkSDK(t, out)
	if v := w.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
	return w.Counts().Throttled
}

func checkSDK(t *testing.T, out []byte) {
	var seen struct {
		Preview, Register, Get, Bad map[string]any
		List                        []map[string]any
		RegisterStatus, AgainStatus int
		All, Left                   int
		Error                       struct {
			StatusCode int
			Body       map[string]any
		}
	}
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	id, _ := seen.Register["client_id"].(string)
	switch {
	case seen.RegisterStatus != 201 || seen.AgainStatus != 200 || id == "":
		t.Errorf("register: %d, %d, %v", seen.RegisterStatus, seen.AgainStatus, seen.Register)
	case seen.Preview["validation"] == nil || seen.Bad["errors"] == nil:
		t.Errorf("preview: %v, %v", seen.Preview, seen.Bad)
	case len(seen.List) != 1 || seen.List[0]["client_id"] != id || seen.Get["external_client_id"] != codeURL:
		t.Errorf("list: %v, get: %v", seen.List, seen.Get)
	case seen.All != 2 || seen.Left != 0:
		t.Errorf("%d clients with paging, %d left after delete", seen.All, seen.Left)
	case seen.Error.StatusCode != 404 || seen.Error.Body["errorCode"] != "inexistent_client":
		t.Errorf("error: %+v", seen.Error)
	}
}

// pemOf is the test key as a public and a private PEM.
func pemOf(t testing.TB) (public, private string) {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(&testKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(testKey())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}
