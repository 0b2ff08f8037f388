package cimd

import (
	"crypto"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A Key is a public key that somebody may verify signatures with.
type Key struct {
	// ID is the kid, or the thumbprint of a key without one.
	ID string
	// Type is kty: "RSA", "EC" or "OKP".
	Type string
	// Algorithm is alg. It is empty where the key names none and the book
	// assumes none; Auth0 assumes RS256.
	Algorithm string
	// Public is an *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey, or nil
	// for the rare curves that Go does not know.
	Public crypto.PublicKey
	// Fingerprint is the RFC 7638 thumbprint, SHA-256 in base64url. Two keys
	// with one fingerprint are the same key, whatever their ids.
	Fingerprint string
}

// privateMember are the members that make a JWK private or symmetric (RFC 7518
// sections 6.2.2, 6.3.2 and 6.4.1, and priv of the post-quantum types).
var privateMember = map[string]bool{
	"d": true, "p": true, "q": true, "dp": true, "dq": true, "qi": true, "oth": true, "k": true, "priv": true,
}

// CheckKeys judges body as the key set that jwks_uri points to, and returns the
// keys that are usable under the rule book. Keys that it does not understand
// are left out (RFC 7517 section 5); a set without any usable key is refused. A
// private member refuses the set, by its presence and whatever its value, which
// is never repeated.
func CheckKeys(body []byte, rules Rules) ([]Key, Findings) {
	j := judge{book: rules}
	set, ok := j.readJSON(body, jsonRules{
		tooLarge: setTooLarge, bom: setBOM, invalid: setInvalid, notObject: setNotObject,
		surrogate: setSurrogate, depth: setDepth, limit: MaxKeySet,
	})
	if !ok {
		j.leakOnly("", body[:min(len(body), MaxKeySet)])
		return nil, j.findings
	}
	keys := j.keySet("", set, true)
	j.leakOnly("", body)
	if j.findings.Verdict() == Reject {
		return nil, j.findings
	}
	return keys, j.findings
}

// CheckRotation judges a key set that replaces another: a kid must not be given
// to another key, for Auth0 then keeps the old one.
func CheckRotation(before, after []Key, rules Rules) Findings {
	j := judge{book: rules}
	for _, k := range after {
		if slices.ContainsFunc(before, func(old Key) bool { return old.ID == k.ID && old.Fingerprint != k.Fingerprint }) {
			j.find(keyRotated, "", "the kid %s has been another key's", quote(k.ID))
		}
	}
	return j.findings
}

// keys judges jwks and jwks_uri.
func (r *reader) keys() {
	inline, hasInline := r.present("jwks")
	hosted, hasHosted := r.present("jwks_uri")
	if hasInline {
		r.find(jwksInline, "jwks", "Auth0 takes no inline keys")
		if set, ok := readObject(inline); ok {
			r.doc.Keys = r.keySet("jwks.", set, r.needsKeys())
		}
		r.leakOnly("jwks", inline)
	}
	if hasHosted && kindOf(hosted) == jsonString {
		r.doc.JWKSURI = r.text("jwks_uri")
		r.jwksURI(r.doc.JWKSURI)
	}
	switch {
	case hasInline && hasHosted:
		r.find(jwksBoth, "jwks_uri", "jwks and jwks_uri are both there")
	case !hasInline && !hasHosted && r.needsKeys():
		r.find(methodNoKeys, "token_endpoint_auth_method", "the client is to authenticate with a key, but publishes none")
	}
}

// leakOnly looks for private keys where the shape of the set hid them from
// keySet.
func (j *judge) leakOnly(member string, raw []byte) {
	if what := leak(raw); what != "" && !j.findings.Has(keyPrivate.slug) && !j.findings.Has(keySymmetric.slug) {
		j.find(docLeak, member, "the value seems to contain %s", what)
	}
}

func (r *reader) jwksURI(s string) {
	const member = "jwks_uri"
	u, syntax := parseURI(s)
	switch {
	case syntax != nil:
		r.find(jwksURIBad, member, "it is no absolute URI: %s", syntax.text)
		return
	case !u.is("https") || !u.hasAuthority || u.hasUser || u.hasFr:
		r.find(jwksURIBad, member, "it is no https URL, or it has a user name or a fragment")
		return
	}
	if why := u.badPortNumber(); why != "" {
		r.find(jwksURIBad, member, "%s", why)
	}
	for _, issue := range judgeHost(u.host) {
		switch issue.kind {
		case hostMalformed:
			r.find(jwksURIBad, member, "%s", issue.text)
		case hostPrivate:
			r.find(jwksURIHost, member, "%s", issue.text)
		}
	}
	own, _ := parseURI(r.id.s)
	switch {
	case u.origin() != own.origin():
		r.find(jwksURIOther, member, "its origin is not the client id's")
	case u.scheme != own.scheme || u.host != own.host || u.port != own.port || u.hasPort != own.hasPort:
		r.find(jwksURIForm, member, "it spells the client id's origin differently")
	}
}

// keySet judges the members of a JWK Set. Without any usable key it is refused
// if the client needs one.
func (j *judge) keySet(prefix string, set object, needed bool) []Key {
	raw, ok := set.values["keys"]
	items, isList := arrayOf(raw)
	if !ok || !isList {
		j.find(setNoKeys, prefix+"keys", "there is no array of keys")
		return nil
	}
	j.duplicates(prefix, set)
	var keys []Key
	for i, item := range items {
		at := fmt.Sprintf("%skeys[%d]", prefix, i)
		key, ok := j.key(at, item)
		if !ok {
			continue
		}
		if slices.ContainsFunc(keys, func(k Key) bool { return k.ID == key.ID }) {
			j.find(setTwins, at, "the kid %s is another key's too", quote(key.ID))
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 && needed {
		j.find(setUnusable, prefix+"keys", "none of the %d keys can verify a signature", len(items))
	}
	return keys
}

func (j *judge) duplicates(prefix string, o object) {
	for _, name := range o.twice {
		j.find(setTwice, prefix+quoteMember(name), "the member is there more than once")
	}
}

// key judges one JWK and reports whether it is usable.
func (j *judge) key(at string, raw json.RawMessage) (Key, bool) {
	jwk, ok := readObject(raw)
	if !ok {
		j.find(setNoKeys, at, "the key is %s, not an object", kindOf(raw))
		return Key{}, false
	}
	j.duplicates(at+".", jwk)
	if !j.publicOnly(at, jwk) {
		return Key{}, false
	}
	if _, ok := jwk.values["x5u"]; ok {
		j.find(keyX5U, at, "the key asks for a certificate from another URL")
	}
	if wrong := wrongType(jwk); wrong != "" {
		j.find(keyMalformed, at, "the key is ignored: %s is missing or not what it should be", wrong)
		return Key{}, false
	}
	if alg := jwk.text("alg"); strings.EqualFold(alg, "none") || strings.HasPrefix(alg, "HS") {
		j.find(keyAlg, at, "the alg %s proves no key", quote(alg))
		return Key{}, false
	}
	if !signs(jwk) {
		return Key{}, false
	}
	return j.publicKey(at, jwk)
}

// publicOnly refuses private and symmetric keys. It names the member and never
// its value.
func (j *judge) publicOnly(at string, jwk object) bool {
	if kty := jwk.text("kty"); kty == "oct" {
		j.find(keySymmetric, at, "the key is symmetric")
		return false
	}
	for _, name := range jwk.names {
		switch {
		case name == "k":
			j.find(keySymmetric, at, "the key has the member k of a symmetric key")
			return false
		case privateMember[name]:
			j.find(keyPrivate, at, "the key has the private member %s", name)
			return false
		}
	}
	return true
}

// wrongType names the first of the common members (RFC 7517 section 4) that has
// not the type it should have, an alg that is empty, or a key_ops that says
// something twice.
func wrongType(jwk object) string {
	for _, name := range []string{"kty", "use", "alg", "kid"} {
		if raw, ok := jwk.values[name]; (ok || name == "kty") && kindOf(raw) != jsonString {
			return name
		}
	}
	if raw, ok := jwk.values["alg"]; ok && string(raw) == `""` {
		return "alg"
	}
	if raw, ok := jwk.values["key_ops"]; ok {
		ops, areStrings := stringsOf(raw)
		if unique := slices.Compact(slices.Sorted(slices.Values(ops))); !areStrings || len(unique) < len(ops) {
			return "key_ops"
		}
	}
	return ""
}

// signs reports whether a key says that it verifies signatures, or says nothing
// about its use.
func signs(jwk object) bool {
	if _, ok := jwk.values["use"]; ok && jwk.text("use") != "sig" {
		return false
	}
	ops, ok := stringsOf(jwk.values["key_ops"])
	return !ok || slices.Contains(ops, "verify")
}
