package sandbox_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"clientkeeper/internal/webhook"
)

// requests has the functions behind the HTTP API do all that they ever do.
func (n *night) requests() {
	n.t.Helper()
	r := requester{n, []string{"Authorization", "Bearer " + n.caller.mine("")}, 0}
	r.credentials(r.clients())
	r.rotations()
	r.registrations()
	body := `{"type":"registration.requested","data":{"external_client_id":"` + good + `"}}`
	n.webhook(body, time.Now(), body, http.StatusAccepted)
	n.must(n.Secrets.Idle(n.t.Context()))
}

// webhook sends a webhook whose signature is over the text signed.
func (n *night) webhook(body string, at time.Time, signed string, want int) {
	n.t.Helper()
	key := visitor{n.t, n.caller.env}.signingKey(n.Sandbox, "AWSCURRENT")
	d := webhook.Sign("msg_night", at, []byte(signed), key)
	a := n.caller.ask("POST", "/v1/webhooks/registrations", body, webhook.HeaderID, d.ID, webhook.HeaderTimestamp, d.Timestamp, webhook.HeaderSignature, d.Signature)
	if a.status != want {
		n.t.Fatalf("a webhook: %d %s, want %d", a.status, a.text, want)
	}
}

// A requester makes requests of the HTTP API, each with a key of its own.
type requester struct {
	*night
	bearer []string
	keys   int
}

func (r *requester) ask(want int, method, path, body string, more ...string) answer {
	r.t.Helper()
	r.keys++
	return r.again(want, method, path, body, more...)
}

// again has the key of the request before.
func (r *requester) again(want int, method, path, body string, more ...string) answer {
	r.t.Helper()
	a := r.request(method, path, body, more...)
	if a.status != want {
		r.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.text, want)
	}
	return a
}

func (r *requester) request(method, path, body string, more ...string) answer {
	header := append(append([]string(nil), r.bearer...), more...)
	if method == http.MethodPost && !strings.HasSuffix(path, "/preview") {
		header = append(header, "Idempotency-Key", fmt.Sprintf("night-%d", r.keys))
	}
	return r.caller.ask(method, path, body, header...)
}

// clients makes one with a secret, at the second try, and one with a key, whose
// id it returns; another is refused, and what was made for it is undone.
func (r *requester) clients() (withKey string) {
	r.t.Helper()
	const body = `{"name":"night","token_endpoint_auth_method":"client_secret_post"}`
	r.mischief("create=503")
	r.ask(503, "POST", "/v1/clients", body)
	r.mischief("")
	r.again(201, "POST", "/v1/clients", body)
	r.ask(400, "POST", "/v1/clients", `{"name":"night-refused","grants":[{"audience":"https://nowhere.example.net","scopes":[]}]}`)
	made := r.ask(201, "POST", "/v1/clients", `{"name":"night-key","token_endpoint_auth_method":"private_key_jwt"}`)
	r.ask(200, "GET", "/v1/clients", "")
	withKey, _ = made.body["client_id"].(string)
	return withKey
}

// credentials adds a key that is made here, and removes it.
func (r *requester) credentials(client string) {
	r.t.Helper()
	path := "/v1/clients/" + client + "/credentials"
	at := r.ask(201, "POST", path, "{}").header.Get("Location")
	r.ask(200, "GET", path, "")
	r.ask(200, "GET", at, "")
	r.ask(200, "PATCH", at, `{"expires_at":"`+time.Now().Add(90*24*time.Hour).UTC().Format(time.RFC3339)+`"}`)
	r.ask(204, "DELETE", at+"?force=true", "")
}

// rotations starts one of a client whose secret has a name of its own, and one
// of a client that the API made; and asks for one that was lost.
func (r *requester) rotations() {
	r.t.Helper()
	arn, own := r.secret("night-own", nil)
	function := "arn:aws:lambda:eu-central-2:123456789012:function:RotateSecretFunction"
	_, err := r.secrets.RotateSecret(r.t.Context(), &awssecrets.RotateSecretInput{SecretId: &arn, RotationLambdaARN: &function, RotateImmediately: aws.Bool(false)})
	r.must(err)
	made := r.ask(201, "POST", "/v1/clients", `{"name":"night-rotated","token_endpoint_auth_method":"client_secret_post"}`)
	theirs, _ := made.body["client_id"].(string)
	r.must(r.Secrets.Idle(r.t.Context()))
	for _, client := range []string{own, theirs} {
		started := r.ask(202, "POST", "/v1/clients/"+client+"/rotations", "")
		id, _ := started.body["id"].(string)
		r.ask(200, "GET", "/v1/rotations/"+id, "")
		text, err := base64.RawURLEncoding.DecodeString(id)
		r.must(err)
		parts := strings.Split(string(text), "|")
		parts[1], parts[2] = strings.Repeat("0", 32), "1700000000"
		r.ask(200, "GET", "/v1/rotations/"+base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, "|"))), "")
	}
	r.must(r.Secrets.Idle(r.t.Context()))
	r.forget()
}

// registrations has a document registered later and at once.
func (r *requester) registrations() {
	r.t.Helper()
	body := `{"external_client_id":"` + good + `"}`
	r.ask(202, "POST", "/v1/registrations", body)
	r.ask(200, "POST", "/v1/registrations/preview", body)
	r.eventually("it is registered at once", func() bool { // or queued, if a busy machine took more than the wait
		r.keys++
		a := r.request("POST", "/v1/registrations", body, "Prefer", "wait=20")
		if a.status != http.StatusOK && a.status != http.StatusAccepted {
			r.t.Fatalf("a registration: %d %s", a.status, a.text)
		}
		return a.status == http.StatusOK // it is there since the evening
	})
}
