package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"clientkeeper/internal/credential"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/jsonobject"
)

var (
	credentialNameText = jsonobject.Text{Min: 1, Max: 90, Pattern: nameText.Pattern, Means: nameText.Means}
	pemText            = jsonobject.Text{Min: 1, Max: 16 << 10, Pattern: regexp.MustCompile(`^[\r\n\t -~]+$`), Means: "ASCII"}
	urlText            = jsonobject.Text{Min: 1, Max: 2048, Pattern: regexp.MustCompile(`^https://[!-~]+$`), Means: "an https URL"}
	subjectText        = jsonobject.Text{Min: 1, Max: 256}
)

// maxExpiresIn is ten years, in seconds.
const maxExpiresIn = 10 * 365 * 24 * 3600

func (h *API) addCredential(r *httpRequest) (work, error) {
	o, err := r.object()
	if err != nil {
		return nil, err
	}
	if hasPrivateKey(r.body) {
		return nil, apiFault(fault.Invalid, "private_key_posted", "the body holds a private key, and only the public half is wanted",
			"take that key for known to others and make a new one; send its public half, or none, to have a key made here")
	}
	n := readCredential(o)
	n.Withheld = slices.Concat(h.Withheld, r.caller.audiences)
	if err := o.Err(); err != nil {
		return nil, err
	}
	clientID := r.parameters["client_id"]
	return func(ctx context.Context, op credential.Operation) (reply, error) {
		added, err := h.Credentials.AddCredentials(ctx, op, clientID, n)
		if err != nil {
			return reply{}, err
		}
		at := "/v1/clients/" + clientID + "/credentials"
		if len(added) == 1 {
			at += "/" + added[0].ID
		}
		return reply{status: 201, header: map[string]string{"Location": at}, body: viewCredentials(added)}, nil
	}, nil
}

// sources are the members of which one at most may say where a key is from.
var sources = []string{"pem", "jwk", "jwks", "jwks_uri", "certificate"}

func readCredential(o *jsonobject.Object) credential.NewCredential {
	n := credential.NewCredential{
		Name: o.String("name", credentialNameText),
		PEM:  o.String("pem", pemText), JWK: o.Raw("jwk"), JWKS: o.Raw("jwks"),
		JWKSURI: o.String("jwks_uri", urlText), Certificate: o.String("certificate", pemText),
		Use:       o.Choice("use", "private_key_jwt", "self_signed_tls_client_auth", "tls_client_auth"),
		SubjectDN: o.String("subject_dn", subjectText),
		Alg:       o.Choice("alg", "RS256", "RS384", "PS256"),
		KeySize:   o.Integer("key_size", 2048, 4096),
		ExpiresIn: time.Duration(o.Integer("expires_in", 60, maxExpiresIn)) * time.Second,
		Attach:    o.Flag("attach"),
	}
	var first string
	for _, name := range sources {
		switch {
		case !o.Has(name):
		case first != "":
			o.Wrong(name, "is there beside "+first+"; a credential comes from one of them")
		default:
			first = name
		}
	}
	if n.KeySize != 0 && n.KeySize != 2048 && n.KeySize != 3072 && n.KeySize != 4096 {
		o.Wrong("key_size", "is none of 2048, 3072, 4096")
	}
	if o.Has("key_size") && first != "" {
		o.Wrong("key_size", "is for a key that is made here, and there is one in "+first)
	}
	if n.Use == "tls_client_auth" || n.Use == "self_signed_tls_client_auth" {
		if first != "" && first != "certificate" || first == "" && (n.SubjectDN == "" || n.Use == "self_signed_tls_client_auth") {
			o.Wrong("use", "needs a certificate, or for tls_client_auth a subject_dn")
		}
	} else if o.Has("subject_dn") {
		o.Wrong("subject_dn", "is for tls_client_auth")
	}
	return n
}

// privateMembers are those of a JWK that holds more than a public key: RFC
// 7518, sections 6.2.2, 6.3.2 and 6.4.
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// hasPrivateKey looks for one anywhere in valid JSON, to say so in plain words
// and to keep it away from everything behind this point.
func hasPrivateKey(body []byte) bool {
	private := map[string]bool{}
	for _, name := range privateMembers {
		private[name] = true
	}
	var look func(any) bool
	look = func(v any) bool {
		switch x := v.(type) {
		case string:
			return strings.Contains(x, "PRIVATE KEY")
		case []any:
			for _, item := range x {
				if look(item) {
					return true
				}
			}
		case map[string]any:
			_, key := x["kty"]
			for name, item := range x {
				if key && private[name] || look(item) {
					return true
				}
			}
		}
		return false
	}
	var whole any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return d.Decode(&whole) == nil && look(whole)
}

func (h *API) listCredentials(r *httpRequest) (work, error) {
	return func(ctx context.Context, _ credential.Operation) (reply, error) {
		all, err := h.Credentials.Credentials(ctx, r.parameters["client_id"])
		if err != nil {
			return reply{}, err
		}
		return reply{status: 200, body: viewCredentials(all)}, nil
	}, nil
}

func (h *API) showCredential(r *httpRequest) (work, error) {
	return func(ctx context.Context, _ credential.Operation) (reply, error) {
		c, err := h.Credentials.Credential(ctx, r.parameters["client_id"], r.parameters["credential_id"])
		if err != nil {
			return reply{}, err
		}
		return reply{status: 200, body: viewCredential(c)}, nil
	}, nil
}

func (h *API) changeCredential(r *httpRequest) (work, error) {
	o, err := r.object()
	if err != nil {
		return nil, err
	}
	o.Require("expires_at")
	text := o.String("expires_at", jsonobject.Text{Min: 20, Max: 35})
	at, err := time.Parse(time.RFC3339, text)
	if text != "" && err != nil {
		o.Wrong("expires_at", "is not a time of RFC 3339, such as 2027-01-31T12:00:00Z")
	}
	if text != "" && err == nil && (!at.After(h.now()) || at.After(h.now().Add(maxExpiresIn*time.Second))) {
		o.Wrong("expires_at", "is not a time to come, within ten years; to end a credential now, DELETE it")
	}
	if err := o.Err(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, _ credential.Operation) (reply, error) {
		c, err := h.Credentials.SetExpiry(ctx, r.parameters["client_id"], r.parameters["credential_id"], at)
		if err != nil {
			return reply{}, err
		}
		return reply{status: 200, body: viewCredential(c)}, nil
	}, nil
}

func (h *API) removeCredential(r *httpRequest) (work, error) {
	force := r.query.Get("force")
	if r.query.Has("force") && force != "true" && force != "false" {
		return nil, apiFault(fault.Invalid, "query_invalid", "force is neither true nor false", "correct it, or leave it out")
	}
	return func(ctx context.Context, _ credential.Operation) (reply, error) {
		if err := h.Credentials.Remove(ctx, r.parameters["client_id"], r.parameters["credential_id"], force == "true"); err != nil {
			return reply{}, err
		}
		return reply{status: 204}, nil
	}, nil
}

type credentialView struct {
	ID        string     `json:"id"`
	Name      string     `json:"name,omitempty"`
	Type      string     `json:"credential_type"`
	KeyID     string     `json:"kid,omitempty"`
	Alg       string     `json:"alg,omitempty"`
	Attached  bool       `json:"attached"`
	Created   *time.Time `json:"created_at,omitempty"`
	Updated   *time.Time `json:"updated_at,omitempty"`
	Expires   *time.Time `json:"expires_at,omitempty"`
	SecretARN string     `json:"secret_arn,omitempty"`
}

func viewCredential(c credential.Credential) credentialView {
	return credentialView{c.ID, c.Name, c.Type, c.KeyID, c.Alg, c.Attached, viewTime(c.Created), viewTime(c.Updated), viewTime(c.Expires), c.SecretARN}
}

func viewCredentials(all []credential.Credential) any {
	out := struct {
		Credentials []credentialView `json:"credentials"`
	}{[]credentialView{}}
	for _, c := range all {
		out.Credentials = append(out.Credentials, viewCredential(c))
	}
	return out
}
