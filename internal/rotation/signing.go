package rotation

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strings"

	"clientkeeper/internal/clientsecret"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// What a signing secret may be, after Standard Webhooks, "Signature scheme".
const (
	whsecMember        = "whsec"
	whsecPrefix        = "whsec_"
	whsecSize          = 32 // bytes that are made
	minWhsec, maxWhsec = 24, 64
	whsecHolder        = "client_secret_post" // a stored whsec is held as a shared secret
)

// A memberSpan is where a member's value is in a text.
type memberSpan struct{ begin, end int }

// readSigning reads the JSON of a signing secret. Members that we do not know
// are nobody's business.
func readSigning(v secret.Value) (whsec secret.Value, at memberSpan, err error) {
	bad := &fault.Error{Kind: fault.Invalid, Op: "rotation.signing", Reason: "secret_malformed",
		Detail: "the secret is not a JSON object with one whsec, which is whsec_ and 24 to 64 bytes in base64", Next: `store {"whsec": "whsec_..."}`}
	text := v.Reveal()
	d := json.NewDecoder(strings.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return whsec, at, bad
	}
	found := 0
	for d.More() {
		name, err := d.Token()
		var raw json.RawMessage
		if err != nil || d.Decode(&raw) != nil {
			return whsec, at, bad
		}
		if name == whsecMember {
			found++
			at = memberSpan{int(d.InputOffset()) - len(raw), int(d.InputOffset())}
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') || found != 1 || strings.TrimSpace(text[d.InputOffset():]) != "" {
		return whsec, at, bad
	}
	var s string
	if json.Unmarshal([]byte(text[at.begin:at.end]), &s) != nil || !validWhsec(s) {
		return whsec, at, bad
	}
	return secret.New(s), at, nil
}

// validWhsec takes one without its prefix, too: a generator of passwords made it.
func validWhsec(s string) bool {
	text := strings.TrimPrefix(s, whsecPrefix)
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	return err == nil && len(raw) >= minWhsec && len(raw) <= maxWhsec && !strings.ContainsAny(text, "\r\n")
}

// parseSigning is a signing secret in the form of a credential of no client.
func parseSigning(v secret.Value) (clientsecret.ClientSecret, error) {
	whsec, _, err := readSigning(v)
	return clientsecret.ClientSecret{ClientSecret: whsec, AuthMethod: whsecHolder}, err
}

// signing is a step on a signing secret, which no tenant knows. Who verifies
// accepts what is current, previous and pending, and reads them once a minute.
func (w *work) signing(ctx context.Context) error {
	w.out.Kind = KindWebhook
	switch w.event.Step {
	case StepCreate:
		return w.createSigning(ctx)
	case StepSet:
		w.out.Did = "nothing"
		_, err := w.needPending(ctx)
		return err
	case StepTest:
		return w.testSigning(ctx)
	case StepFinish:
		return w.finishSigning(ctx)
	}
	return unknownStep()
}

// createSigning decides by createSecret's table.
func (w *work) createSigning(ctx context.Context) error {
	pending, err := w.loadVersion(ctx, w.secret, w.event.Token)
	if err != nil {
		return err
	}
	current, err := w.load(ctx, w.secret, Current)
	if err != nil {
		return err
	}
	w.out.Did = "nothing"
	if action, err := planCreate(w.settings, false, pending, current); err != nil || action == createNothing {
		return err
	}
	text, err := w.Store.Value(ctx, w.secret.ID, current.version)
	if err != nil {
		return err
	}
	_, at, err := readSigning(text)
	if err != nil {
		return err
	}
	key := make([]byte, whsecSize)
	_, _ = rand.Read(key) // crypto/rand never fails
	old := text.Reveal()
	next := old[:at.begin] + `"` + whsecPrefix + base64.StdEncoding.EncodeToString(key) + `"` + old[at.end:]
	w.out.Did = "stored"
	return w.putValue(ctx, secret.New(next))
}

// testSigning waits until everybody who verifies has read what is pending: from
// finishSecret on senders sign with it.
func (w *work) testSigning(ctx context.Context) error {
	pending, err := w.loadPending(ctx)
	if err != nil {
		return err
	}
	if pending.present {
		w.out.Did = "tested"
		if !pending.usable("") {
			return foreignPending()
		}
		return pause(ctx, w.spread())
	}
	w.out.Did = "tested_configuration"
	current, err := w.load(ctx, w.secret, Current)
	if err == nil && !current.usable("") {
		err = refuse("rotation.test", "no_current", "AWSCURRENT holds no signing secret", `store {"whsec": "whsec_..."}`)
	}
	return err
}

func (w *work) finishSigning(ctx context.Context) error {
	if _, err := w.needPending(ctx); err != nil {
		return err
	}
	if err := w.awaitReplicas(ctx); err != nil {
		return err
	}
	return w.moveOn(ctx)
}

// revokeSigning ends what was current before: no verifier accepts it any more.
func (d *Doctor) revokeSigning(ctx context.Context, s Secret) (moves int, err error) {
	version := s.labelled(Previous)
	if version == "" {
		return 0, nil
	}
	if err := d.Store.RemoveLabel(ctx, s.ID, Previous, version); err != nil {
		return 0, ignoreConflict(err)
	}
	return 1, nil
}
