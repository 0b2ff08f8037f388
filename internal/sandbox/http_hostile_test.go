package sandbox_test

import (
	"bufio"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/sandbox"
)

// A forger makes tokens out of a good one.
type forger struct {
	t               *testing.T
	header, payload map[string]any
	signature       string
	own             *rsa.PrivateKey
	modulus         []byte // of the tenant's key, which everybody knows
}

func newForger(t *testing.T, c *caller, token string) *forger {
	t.Helper()
	parts := strings.Split(token, ".")
	f := &forger{t: t, signature: parts[2]}
	for i, into := range []*map[string]any{&f.header, &f.payload} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if f.own, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	r, err := c.tenant.Get("https://" + c.s.Tenant.Domain() + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var set struct{ Keys []struct{ N string } }
	if err := json.NewDecoder(r.Body).Decode(&set); err != nil || len(set.Keys) == 0 {
		t.Fatalf("no keys: %v", err)
	}
	f.modulus, _ = base64.RawURLEncoding.DecodeString(set.Keys[0].N)
	return f
}

func encode(v map[string]any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func merged(a, b map[string]any) map[string]any {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// signed has the forger's own signature.
func (f *forger) signed(header, payload map[string]any) string {
	f.t.Helper()
	text := encode(merged(f.header, header)) + "." + encode(merged(f.payload, payload))
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, f.own, crypto.SHA256, digest[:])
	if err != nil {
		f.t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// stolen has the good token's signature over something else.
func (f *forger) stolen(header, payload map[string]any) string {
	return encode(merged(f.header, header)) + "." + encode(merged(f.payload, payload)) + "." + f.signature
}

// symmetric is signed with what everybody knows as the secret.
func (f *forger) symmetric(alg string, key []byte) string {
	text := encode(merged(f.header, map[string]any{"alg": alg})) + "." + encode(f.payload)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// forgeries are tokens that nobody may accept.
func (f *forger) forgeries() map[string]string {
	unsigned := func(alg string) string {
		return encode(merged(f.header, map[string]any{"alg": alg})) + "." + encode(f.payload) + "."
	}
	jwk := map[string]any{"kty": "RSA", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(f.own.N.Bytes())}
	hour := float64(time.Hour / time.Second)
	now := float64(time.Now().Unix())
	good := f.stolen(nil, nil)
	return map[string]string{
		"alg none": unsigned("none"), "alg None": unsigned("None"), "alg NONE": unsigned("NONE"), "alg nOnE": unsigned("nOnE"), "alg empty": unsigned(""), "alg none with a signature": f.stolen(map[string]any{"alg": "none"}, nil),
		"alg RS256 without a signature": unsigned("RS256"), "HS256 with the modulus": f.symmetric("HS256", f.modulus), "HS256 with the modulus as text": f.symmetric("HS256", []byte(base64.RawURLEncoding.EncodeToString(f.modulus))), "HS256 with nothing": f.symmetric("HS256", nil), "hs256": f.symmetric("hs256", f.modulus),
		"alg RS512 over RS256": f.stolen(map[string]any{"alg": "RS512"}, nil), "alg PS256 over RS256": f.stolen(map[string]any{"alg": "PS256"}, nil), "alg ES256": f.stolen(map[string]any{"alg": "ES256"}, nil), "alg as a list": f.stolen(map[string]any{"alg": []any{"RS256"}}, nil),
		"another key with the same kid": f.signed(nil, nil), "another key with another kid": f.signed(map[string]any{"kid": "mine"}, nil), "no kid": f.signed(map[string]any{"kid": nil}, nil), "a kid that is a path": f.signed(map[string]any{"kid": "../../../../dev/null"}, nil), "a kid that is SQL": f.signed(map[string]any{"kid": "x' UNION SELECT 'y"}, nil), "a kid that is a number": f.signed(map[string]any{"kid": 7}, nil),
		"a key in the header": f.signed(map[string]any{"jwk": jwk}, nil), "a key by URL": f.signed(map[string]any{"jku": "https://evil.example/jwks.json"}, nil), "a certificate in the header": f.signed(map[string]any{"x5c": []any{"MIIB"}}, nil), "a certificate by URL": f.signed(map[string]any{"x5u": "https://evil.example/x"}, nil), "a critical extension": f.stolen(map[string]any{"crit": []any{"x"}, "x": true}, nil), "compressed": f.stolen(map[string]any{"zip": "DEF"}, nil),
		"more scopes": f.stolen(nil, map[string]any{"scope": "clients:create everything"}), "another subject": f.stolen(nil, map[string]any{"sub": "admin@clients"}), "a later expiry": f.stolen(nil, map[string]any{"exp": now + 1000*hour}), "another audience": f.stolen(nil, map[string]any{"aud": "https://other/api"}), "another issuer": f.signed(nil, map[string]any{"iss": "https://evil.example/"}), "no issuer": f.signed(nil, map[string]any{"iss": nil}), "the issuer without its slash": f.signed(nil, map[string]any{"iss": strings.TrimSuffix(f.payload["iss"].(string), "/")}),
		"expired": f.signed(nil, map[string]any{"exp": now - hour}), "not yet": f.signed(nil, map[string]any{"nbf": now + hour}), "issued later": f.signed(nil, map[string]any{"iat": now + hour}), "no expiry": f.signed(nil, map[string]any{"exp": nil}), "an expiry as text": f.signed(nil, map[string]any{"exp": "never"}),
		"a letter of the signature": good[:len(good)-10] + flip(good[len(good)-10:]), "half a signature": good[:len(good)-100], "two parts": good[:strings.LastIndex(good, ".")], "four parts": good + ".x", "five parts": good + ".x.y", "a part of an encrypted one": "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d", "no JSON": "a.b.c", "dots": "...", "a space": good[:20] + " " + good[20:], "padding": good + "==", "the word": "token", "null": "null", "undefined": "undefined",
	}
}

func flip(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

// Hostile requests through the gateway, the functions' own binaries and all:
// what concerns the token and the wire, which the handler never sees.
func TestHostileRequestsThroughTheGateway(t *testing.T) {
	t.Parallel()
	s := start(t, sandbox.Options{Parameters: map[string]string{"ApiRate": "1000", "ApiBurst": "1000"}})
	c := newCaller(t, s)
	good := c.mine("")
	if a := c.ask("GET", "/v1/clients", "", "Authorization", "Bearer "+good); a.status != 200 {
		t.Fatalf("the good token: %d %s", a.status, a.text)
	}
	f := newForger(t, c, good)
	before := c.made()
	management := c.token(c.env["AUTH0_CLIENT_ID"], c.env["AUTH0_CLIENT_SECRET"], s.Tenant.Audience(), "")
	const client = `{"name":"hostile"}`
	create := func(name string, status int, reason string, header ...string) {
		t.Helper()
		a := c.ask("POST", "/v1/clients", client, append([]string{"Idempotency-Key", "k"}, header...)...)
		if a.status != status || a.reason() != reason {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.text, status, reason)
		}
	}
	for name, token := range f.forgeries() {
		create("a token with "+name, 401, "Unauthorized", "Authorization", "Bearer "+token)
	}
	create("no token", 401, "Unauthorized")
	create("an empty one", 401, "Unauthorized", "Authorization", "")
	create("Basic", 401, "Unauthorized", "Authorization", "Basic YWRtaW46YWRtaW4=")
	create("a token of the Management API", 401, "Unauthorized", "Authorization", "Bearer "+management)
	create("the token in another header", 401, "Unauthorized", "X-Authorization", "Bearer "+good)
	create("the token in a cookie", 401, "Unauthorized", "Cookie", "access_token="+good)
	create("two tokens", 401, "Unauthorized", "Authorization", "Bearer "+good, "Authorization", "Bearer "+good)
	create("a token without the scope", 403, "Forbidden", "Authorization", "Bearer "+c.mine("clients:read registrations:create"))
	for _, path := range []string{"/v1/clients?access_token=" + good, "/v1/clients?authorization=Bearer%20" + good} {
		if a := c.ask("GET", path, ""); a.status != 401 {
			t.Errorf("the token in the query: %d %s", a.status, a.text)
		}
	}
	c.hostilePaths(good)
	c.hostileWire(good)
	c.hostileWebhooks()
	if after := c.made(); !maps.Equal(before, after) {
		t.Errorf("something was made: %v before, %v after", before, after)
	}
}

func (c *caller) hostilePaths(token string) {
	for path, want := range map[string][2]any{
		"//v1/clients": {404, "route_unknown"}, "/v1/clients/": {404, "route_unknown"}, "/V1/clients": {404, "route_unknown"}, "/v1/../v1/clients": {404, "route_unknown"}, "/v1/clients/%2e%2e/credentials": {400, "parameter_invalid"}, "/v1/clients/..%2f..%2fx/credentials": {404, "route_unknown"}, "/v1%2fclients": {404, "route_unknown"}, "/v1/clients%2fabc%2fcredentials": {404, "route_unknown"}, "/v1/clients/a%00b/credentials": {400, "parameter_invalid"},
		"/v1/clients/a%0d%0ab/credentials": {400, "parameter_invalid"}, "/v1/clients/%c3%a4/credentials": {400, "parameter_invalid"}, "/v1/clients/" + strings.Repeat("a", 65) + "/credentials": {400, "parameter_invalid"}, "/v1/rotations/%2e%2e": {400, "parameter_invalid"}, "/v1/rotations/made-up": {404, "rotation_not_found"},
		"/v1/clients?limit=0": {400, "query_invalid"}, "/v1/clients?limit=1&limit=2": {400, "query_invalid"}, "/v1/clients?cursor=AAAA": {400, "cursor_invalid"}, "/.env": {404, "route_unknown"}, "/v1": {404, "route_unknown"},
	} {
		a := c.ask("GET", path, "", "Authorization", "Bearer "+token)
		if a.status != want[0] || a.reason() != want[1] {
			c.t.Errorf("GET %s: %d %s, want %v", path, a.status, a.text, want)
		}
	}
	for _, method := range []string{"PUT", "TRACE", "FROB", "OPTIONS", "HEAD"} {
		a := c.ask(method, "/v1/clients", "", "Authorization", "Bearer "+token)
		if a.status != 405 || a.reason() != "method_not_allowed" && method != "HEAD" || a.header.Get("Allow") != "GET, POST" {
			c.t.Errorf("%s: %d %s, Allow %q", method, a.status, a.text, a.header.Get("Allow"))
		}
	}
	for _, path := range []string{"/v1/clients", "/v1/nothing", "/.env"} {
		if a := c.ask("PUT", path, ""); a.status != 401 || a.reason() != "Unauthorized" {
			c.t.Errorf("a stranger at %s: %d %s", path, a.status, a.text)
		}
	}
}

// hostileWire is about what HTTP itself allows one to send.
func (c *caller) hostileWire(token string) {
	bearer := []string{"Authorization", "Bearer " + token, "Idempotency-Key", "k"}
	for name, test := range map[string]struct {
		body   string
		header []string
		status int
		reason string
	}{
		"10 MB and more":      {strings.Repeat("x", 10<<20+1), nil, 413, "Request Entity Too Large"},
		"4 MB":                {strings.Repeat("x", 4<<20), nil, 413, "body_too_large"},
		"binary":              {"\x00\xff\xfe", []string{"Content-Type", "application/octet-stream"}, 415, "media_type"},
		"not UTF-8":           {"{\"name\":\"\xff\"}", nil, 400, "json_invalid"},
		"a form":              {"name=x", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "media_type"},
		"two keys":            {`{"name":"x"}`, []string{"Idempotency-Key", "other"}, 400, "idempotency_key_invalid"},
		"a member twice":      {`{"name":"x","name":"y"}`, nil, 400, "json_ambiguous"},
		"headers of 11 KB":    {`{"name":"x"}`, []string{"X-Fill", strings.Repeat("x", 11000)}, 431, "Request Header Fields Too Large"},
		"said to be in gzip":  {`{"name":"x"}`, []string{"Content-Encoding", "gzip"}, 415, "media_type"},
		"scopes of everybody": {`{"name":"x","grants":[{"audience":"` + c.s.Tenant.Audience() + `"}]}`, nil, 403, "audience_withheld"},
		"scopes of an API":    {`{"name":"x","grants":[{"audience":"https://stock.example.com/"}]}`, nil, 403, "audience_not_allowed"},
		"scopes of this API":  {`{"name":"x","grants":[{"audience":"` + c.env["API_AUDIENCE"] + `"}]}`, nil, 403, "audience_withheld"},
	} {
		header := append(append([]string(nil), bearer...), test.header...)
		a := c.ask("POST", "/v1/clients", test.body, header...)
		if a.status != test.status || a.reason() != test.reason {
			c.t.Errorf("%s: %d %s, want %d %s", name, a.status, a.text, test.status, test.reason)
		}
	}
	for name, text := range map[string]string{
		"no HTTP":            "canary\r\n\r\n",
		"two lengths":        "POST /v1/clients HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		"a length and parts": "POST /v1/clients HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"a negative length":  "POST /v1/clients HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"no host":            "GET /v1/clients HTTP/1.1\r\n\r\n",
		"a space in a name":  "GET /v1/clients HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer x\r\n\r\n",
		"a folded header":    "GET /v1/clients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer\r\n x\r\n\r\n",
		"a body that stops":  "POST /v1/clients HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: k\r\nAuthorization: Bearer " + token + "\r\nContent-Length: 100\r\n\r\n{\"name\":",
		"headers that stop":  "POST /v1/clients HTTP/1.1\r\nHost: x\r\nContent-",
		"a NUL in a header":  "GET /v1/clients HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
	} {
		if status := c.raw(text); status < 400 || status >= 500 && status != http.StatusNotImplemented {
			c.t.Errorf("%s: %d", name, status)
		}
	}
}

// raw sends bytes and reads the status of what comes back.
func (c *caller) raw(text string) int {
	c.t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(c.s.APIURL, "http://"), 30*time.Second)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		c.t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return http.StatusBadRequest // hung up, which is an answer too
	}
	_ = r.Body.Close()
	return r.StatusCode
}

func (c *caller) hostileWebhooks() {
	const message = `{"external_client_id":"https://vscode.dev/oauth/client-metadata.json"}`
	stamp := fmt.Sprint(time.Now().Unix())
	for name, header := range map[string][]string{
		"no signature":             nil,
		"a signature of zeros":     {"webhook-id", "msg_1", "webhook-timestamp", stamp, "webhook-signature", "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))},
		"a token instead":          {"Authorization", "Bearer " + c.mine("")},
		"a timestamp of yesterday": {"webhook-id", "msg_1", "webhook-timestamp", "1614265330", "webhook-signature", "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))},
		"an id with a full stop":   {"webhook-id", "msg.1", "webhook-timestamp", stamp, "webhook-signature", "v1," + base64.StdEncoding.EncodeToString(make([]byte, 32))},
	} {
		if a := c.ask("POST", "/v1/webhooks/registrations", message, header...); a.status != 401 || !strings.HasPrefix(a.reason(), "signature_") {
			c.t.Errorf("a webhook with %s: %d %s", name, a.status, a.text)
		}
	}
	// A partner has no token, and is told all the same.
	for _, path := range []string{"/v1/webhooks/registration", "/v1/webhooks/registrations/", "/v1/webhooks/registrations%2f"} {
		if a := c.ask("POST", path, message); a.status != 404 || a.reason() != "route_unknown" {
			c.t.Errorf("a webhook to %s: %d %s", path, a.status, a.text)
		}
	}
	if a := c.ask("GET", "/v1/webhooks/registrations", ""); a.status != 405 || a.reason() != "method_not_allowed" || a.header.Get("Allow") != "POST" {
		c.t.Errorf("a webhook by GET: %d %s, Allow %q", a.status, a.text, a.header.Get("Allow"))
	}
}
