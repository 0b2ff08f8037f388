package sandbox

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	cred "clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/sandbox/tenant"
)

// problem counts something once, and keeps a line of it.
func (w *makingWorld) problem(count *int, call, text string) {
	if w.told[text] {
		return
	}
	w.told[text] = true
	*count++
	if call != "" {
		text = "after " + call + ": " + text
	}
	w.out.problems = append(w.out.problems, text)
}

// watch asks after every call what has to hold at every instant: a key that is
// in use was stored first, unless it is the caller's own. It is used with the
// turn held.
func (w *makingWorld) watch(call string) {
	w.out.checks++
	stored := w.storedKeys()
	for _, c := range w.tenant.Clients() {
		for _, k := range w.tenant.Credentials(c.ID) {
			own := k.Public != nil && k.Public.Equal(&w.shared.keys[0].PublicKey)
			if k.Public != nil && !own && !stored[k.KeyID] {
				w.problem(&w.out.gaps, call, "the tenant has a key whose private half is stored nowhere")
			}
		}
	}
	for _, v := range w.tenant.Violations() {
		w.problem(&w.out.doubled, call, v)
	}
}

// A madeSecret is a secret that was made, with what it holds.
type madeSecret struct {
	secretsmanager.SecretView
	ClientID string `json:"client_id"`
	Secret   string `json:"client_secret"`
	KeyID    string `json:"kid"`
	Key      string `json:"private_key_pem"`
}

// made are the secrets below the prefix, those that are to be deleted excepted.
func (w *makingWorld) made() (out []madeSecret) {
	for _, s := range w.secrets.Snapshot() {
		if !strings.HasPrefix(s.Name, "clients/") || !s.DeleteAfter.IsZero() {
			continue
		}
		var answer struct{ SecretString string }
		m := madeSecret{SecretView: s}
		if err := w.ask("GetSecretValue", map[string]string{"SecretId": s.ARN}, &answer); err != nil || json.Unmarshal([]byte(answer.SecretString), &m) != nil {
			w.problem(&w.out.lost, "", "the secret "+s.Name+" cannot be read")
		}
		out = append(out, m)
	}
	return out
}

func (w *makingWorld) storedKeys() map[string]bool {
	out := map[string]bool{}
	for _, s := range w.made() {
		if block, _ := pem.Decode([]byte(s.Key)); block != nil {
			if _, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
				out[s.KeyID] = true
			}
		}
	}
	return out
}

// conclude looks at how everything ended.
func (w *makingWorld) conclude(ctx context.Context) {
	w.stage.turn.Lock()
	w.out.calls, w.out.struck = slices.Clone(w.stage.calls), !w.stage.struck.IsZero()
	w.stage.turn.Unlock()
	w.stage.disarm()
	switch {
	case w.request.refused:
		w.concludeRefusal()
	case w.answer == nil:
		w.problem(&w.out.unfinished, "", fmt.Sprintf("no answer: %v; before: %s", w.denied, strings.Join(w.heard, "; ")))
	default:
		w.again(ctx)
		w.concludeAnswer()
	}
	w.examine(ctx)
	if len(w.out.problems) > 0 && len(w.heard) > 0 {
		w.out.problems = append(w.out.problems, "tries said: "+strings.Join(w.heard, "; "))
	}
}

// again sends the request once more.
func (w *makingWorld) again(ctx context.Context) {
	answer, err := w.send(ctx)
	if err != nil || string(answer.Body) != string(w.answer.Body) || answer.Status != w.answer.Status {
		w.problem(&w.out.unfinished, "", fmt.Sprintf("the same request got another answer the second time: %s, %v; before %s", answer.Body, err, w.answer.Body))
	}
}

// concludeRefusal wants nothing to be left.
func (w *makingWorld) concludeRefusal() {
	if w.answer != nil || fault.Reason(w.denied) != "grant_refused" {
		w.problem(&w.out.unfinished, "", fmt.Sprintf("it was not refused: %v; before: %s", w.denied, strings.Join(w.heard, "; ")))
	}
	if n := len(w.machines()); n != 0 {
		w.problem(&w.out.left, "", fmt.Sprintf("%d clients are left of a request that was refused", n))
	}
	if n := len(w.made()); n != 0 {
		w.problem(&w.out.left, "", fmt.Sprintf("%d secrets are left of a request that was refused", n))
	}
}

// machines are the clients that were made.
func (w *makingWorld) machines() (out []tenant.View) {
	for _, c := range w.tenant.Clients() {
		if c.ID != w.manager && c.AppType == "non_interactive" {
			out = append(out, c)
		}
	}
	return out
}

// concludeAnswer wants one client, the credentials and the secrets that the
// answers name, and that they log in.
func (w *makingWorld) concludeAnswer() {
	clients, secrets, credentials := w.machines(), w.made(), 1
	if len(clients) != 1 {
		w.problem(&w.out.doubled, "", fmt.Sprintf("there are %d clients", len(clients)))
		return
	}
	client := clients[0]
	if w.request.client == nil {
		credentials = 2
	} else if w.request.client.AuthMethod != cred.PrivateKeyJWT {
		credentials = 0
	}
	if n := len(w.tenant.Credentials(client.ID)); n != credentials {
		w.problem(&w.out.doubled, "", fmt.Sprintf("there are %d credentials", n))
	}
	want := 1
	if w.request.client == nil && !w.request.own {
		want = 2
	}
	if len(secrets) != want {
		w.problem(&w.out.doubled, "", fmt.Sprintf("there are %d secrets", len(secrets)))
	}
	for _, s := range secrets {
		w.concludeSecret(client, s)
	}
	w.concludeBody(client)
}

// concludeSecret wants a secret to log its client in, and to be rotated if it is
// the client's own.
func (w *makingWorld) concludeSecret(client tenant.View, s madeSecret) {
	works := w.tenant.WillAccept(client.ID, s.Secret)
	for _, k := range w.tenant.Credentials(client.ID) {
		attached := k.Attached || s.Tags["clientkeeper:managed"] != "true" && !w.request.wantsAttached()
		works = works || attached && k.KeyID == s.KeyID && s.KeyID != ""
	}
	if s.ClientID != client.ID || !works {
		w.problem(&w.out.lost, "", "what the secret "+s.Name+" holds does not log in")
	}
	extra := s.Tags["clientkeeper:key-of"] == client.ID
	rotates := s.Tags["clientkeeper:managed"] == "true" && s.Tags["clientkeeper:client-id"] == client.ID && s.RotationEnabled
	if extra == rotates {
		w.problem(&w.out.unfinished, "", "the secret "+s.Name+" is not rotated")
	}
}

func (k makingKind) wantsAttached() bool { return k.credential != nil && k.credential.Attach }

// concludeBody wants the answer to name what is there.
func (w *makingWorld) concludeBody(client tenant.View) {
	var made cred.Client
	if w.request.client != nil {
		if json.Unmarshal(w.answer.Body, &made) != nil || made.ClientID != client.ID || !w.there(made.SecretARN) {
			w.problem(&w.out.lost, "", "the answer names something else than is there")
		}
		return
	}
	var added []cred.Credential
	if json.Unmarshal(w.answer.Body, &added) != nil || len(added) != 1 || added[0].Attached != w.request.wantsAttached() || (added[0].SecretARN == "") != w.request.own {
		w.problem(&w.out.lost, "", "the answer is not that of a credential that was added")
		return
	}
	if !slices.ContainsFunc(w.tenant.Credentials(client.ID), func(k tenant.Key) bool {
		return k.CredentialID == added[0].ID && k.Attached == added[0].Attached
	}) {
		w.problem(&w.out.lost, "", "the answer names another credential than is there")
	}
}

func (w *makingWorld) there(arn string) bool {
	return slices.ContainsFunc(w.made(), func(s madeSecret) bool { return s.ARN == arn })
}

// examine lets the doctor look: there must be nothing for it to name.
func (w *makingWorld) examine(ctx context.Context) {
	p, err := w.begin()
	if err != nil {
		w.problem(&w.out.left, "", err.Error())
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.stage.enter("doctor", cancel)
	p.service.Now = w.tomorrow
	found, err := p.service.Examine(ctx)
	if err != nil {
		w.problem(&w.out.left, "", "the doctor cannot look: "+err.Error())
	}
	for _, f := range found {
		w.problem(&w.out.left, "", "the doctor finds "+f.Slug+": "+f.Says)
	}
}
