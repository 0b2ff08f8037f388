// Package webhook says whether a request is from who it says, and fresh, by the
// symmetric scheme of Standard Webhooks: an HMAC-SHA256 over
// "id.timestamp.body" in the header webhook-signature, which may carry several
// signatures while the sender changes secrets.
//
// The body is the bytes as they were sent. A caller verifies first and parses
// then: nothing of a request that is not verified is worth looking at.
//
// An id and a timestamp with a full stop in them are refused, so that no part
// of a signed text can move from one to the other ("Signature scheme" there
// asks for that). The id stays the same when the sender tries again, so it may
// be used to do a thing once; a request that is replayed within the tolerance
// verifies again.
//
// Source: Standard Webhooks specification, sections "Signature scheme",
// "Webhook headers" and "Verifying signatures".
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/secret"
)

// The headers, in lower case as API Gateway delivers them.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Tolerance is how far the timestamp may be from the clock, either way.
const Tolerance = 5 * time.Minute

// What is looked at at all.
const (
	MaxID         = 128 // characters; fits an SQS deduplication id
	maxSignatures = 16
	maxHeader     = 2048 // bytes of the signatures' header
)

// What a key may be: "Random. At least 24 bytes (192 bits, 512 maximum)".
const (
	minKey, maxKey = 24, 64
	prefix         = "whsec_"
	scheme         = "v1,"
)

// A Key signs and verifies. The zero Key verifies nothing.
type Key struct{ value secret.Value }

// ParseKey reads a signing secret as it is handed out: whsec_ and 24 to 64
// bytes in base64. As the specification's own libraries do, it takes one without
// whsec_ too, which is what a generator of passwords can make. The error is
// [fault.Invalid] and does not repeat it.
func ParseKey(s secret.Value) (Key, error) {
	text := strings.TrimPrefix(s.Reveal(), prefix)
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < minKey || len(raw) > maxKey || strings.ContainsAny(text, "\r\n") {
		return Key{}, &fault.Error{Kind: fault.Invalid, Op: "webhook.key", Reason: "webhook_secret_invalid",
			Detail: "the signing secret is not whsec_ with 24 to 64 bytes in base64", Next: "store one that is"}
	}
	return Key{secret.New(string(raw))}, nil
}

// A Delivery is what a request says of itself in its headers.
type Delivery struct{ ID, Timestamp, Signature string }

// Verify reports whether body is what the holder of one of the keys signed, at
// a time that is no further than [Tolerance] from now. Every failure is
// [fault.Unauthenticated], with the reasons signature_missing,
// signature_malformed, signature_stale or signature_mismatch.
func Verify(d Delivery, body []byte, now time.Time, keys ...Key) error {
	if d.ID == "" || d.Timestamp == "" || d.Signature == "" {
		return refused("signature_missing", "one of the headers webhook-id, webhook-timestamp and webhook-signature is missing or empty",
			"sign the request as Standard Webhooks says")
	}
	at, ok := seconds(d.Timestamp)
	if !ok || !validID(d.ID) || len(d.Signature) > maxHeader {
		return refused("signature_malformed", "webhook-id is not 1 to 128 visible ASCII characters without a full stop, webhook-timestamp is not whole seconds, or webhook-signature is too long",
			"sign the request as Standard Webhooks says")
	}
	signatures := candidates(d.Signature)
	if len(signatures) == 0 {
		return refused("signature_malformed", "webhook-signature holds no v1 signature", "sign with HMAC-SHA256: v1, and 32 bytes in base64")
	}
	if !matches(d, body, signatures, keys) {
		return refused("signature_mismatch", "no signature is that of this id, timestamp and body with a secret in use",
			"sign the bytes of the body as they are sent, with the current secret")
	}
	if age := now.Sub(at); age > Tolerance || age < -Tolerance {
		return refused("signature_stale", "the timestamp is more than five minutes from now", "sign each try anew, and check the sender's clock")
	}
	return nil
}

// seconds reads digits alone, as many as a year beyond 9999 does not need.
func seconds(text string) (time.Time, bool) {
	if len(text) > 12 || strings.Trim(text, "0123456789") != "" {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(n, 0), err == nil
}

func validID(id string) bool {
	return len(id) <= MaxID && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '.' })
}

// candidates are the signatures of our scheme; others are passed over, as an
// asymmetric one beside ours would be.
func candidates(header string) [][]byte {
	var out [][]byte
	for part := range strings.SplitSeq(header, " ") {
		text, ok := strings.CutPrefix(part, scheme)
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if ok && err == nil && len(raw) == sha256.Size && len(out) < maxSignatures {
			out = append(out, raw)
		}
	}
	return out
}

// matches compares every signature with every key's, in constant time each.
func matches(d Delivery, body []byte, signatures [][]byte, keys []Key) bool {
	found := false
	for _, k := range keys {
		if k.value.IsZero() {
			continue
		}
		want := k.mac(d.ID, d.Timestamp, body)
		for _, s := range signatures {
			if hmac.Equal(s, want) {
				found = true
			}
		}
	}
	return found
}

func (k Key) mac(id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(k.value.Reveal()))
	h.Write([]byte(id + "." + timestamp + "."))
	h.Write(body)
	return h.Sum(nil)
}

// Sign makes the headers of a request with id and body at a time, a signature
// for each key.
func Sign(id string, at time.Time, body []byte, keys ...Key) Delivery {
	d := Delivery{ID: id, Timestamp: strconv.FormatInt(at.Unix(), 10)}
	var signatures []string
	for _, k := range keys {
		signatures = append(signatures, scheme+base64.StdEncoding.EncodeToString(k.mac(d.ID, d.Timestamp, body)))
	}
	d.Signature = strings.Join(signatures, " ")
	return d
}

func refused(reason, detail, next string) error {
	return &fault.Error{Kind: fault.Unauthenticated, Op: "webhook.verify", Reason: reason, Detail: detail, Next: next}
}
