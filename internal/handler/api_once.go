package handler

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/idempotency"
)

// keyText is an Idempotency-Key. The draft has it as a quoted string; most
// clients send it bare, which is taken to be the same. Neither may hold a
// comma, which is what two headers of that name would be joined with.
var keyText = regexp.MustCompile(`^(?:[A-Za-z0-9._~:/+=@-]{1,255}|"[A-Za-z0-9._~:/+=@-]{1,255}")$`)

// idempotencyKey is the request's key, or empty where none is needed.
func (r *httpRequest) idempotencyKey() (string, error) {
	text := r.header("idempotency-key")
	_, sent := r.ev.Headers["idempotency-key"]
	switch {
	case r.route.key == noKey, r.route.key == optionalKey && !sent:
		return "", nil
	case !sent:
		return "", apiFault(fault.Invalid, "idempotency_key_missing", "the request has no Idempotency-Key",
			"send a new UUID in it, and the same one when you make the same request again")
	case !keyText.MatchString(text):
		return "", apiFault(fault.Invalid, "idempotency_key_invalid", "the Idempotency-Key is not 1 to 255 letters, digits and ._~:/+=@-, or there is more than one",
			"send a UUID in it")
	}
	return strings.Trim(text, `"`), nil
}

// once does the work, and with a key does it once.
func (h *API) once(ctx context.Context, r *httpRequest, w work) (reply, error) {
	key, err := r.idempotencyKey()
	if err != nil {
		return reply{}, err
	}
	if key == "" {
		if r.refusal != nil {
			return reply{}, r.refusal
		}
		return w(ctx, credential.Operation{ID: newOperation()})
	}
	request := idempotency.Request{Caller: r.caller.id, Key: key, Digest: r.digest()}
	if r.refusal != nil { // what was accepted under another policy has its answer, and all else leaves no record
		if known, err := h.Ledger.Known(ctx, request); err != nil || !known {
			return reply{}, cmp.Or(err, r.refusal)
		}
	}
	answer, replayed, err := h.Ledger.Do(ctx, request, func(ctx context.Context, op idempotency.Operation) (idempotency.Answer, error) {
		out, err := w(ctx, credential.Operation(op))
		if err != nil {
			return idempotency.Answer{}, err
		}
		body, err := out.encode()
		return idempotency.Answer{Status: out.status, Header: out.header, Body: body}, err
	})
	if err != nil {
		return reply{}, err
	}
	out := reply{status: answer.Status, header: answer.Header, body: json.RawMessage(answer.Body)}
	if replayed {
		out = out.with("Idempotency-Replayed", "true")
	}
	return out, nil
}

// digest is over all that makes the request what it is.
func (r *httpRequest) digest() [32]byte {
	h := sha256.New()
	for _, part := range []string{r.route.method, r.route.path, r.parameters["client_id"], string(r.body)} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return [32]byte(h.Sum(nil))
}

// newOperation names a request without a key, which is made once by its nature.
func newOperation() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random))
}
