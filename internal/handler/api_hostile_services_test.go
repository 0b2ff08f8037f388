package handler_test

import (
	"fmt"
	"strings"
)

func hostileClients() []hostile {
	var out []hostile
	refuse := func(name, body string) {
		out = append(out, hostile{"client: " + name, apiRequest("POST", "/v1/clients", body), 400, "body_invalid"})
	}
	for name, text := range map[string]string{
		"an empty name": `""`, "no name": `null`, "a number": `7`, "an object": `{}`, "markup": `"<script>canary</script>"`, "a line break": `"a\nb"`, "a header": `"a\r\nx: y"`, "a NUL": `"a\u0000b"`, "an escape": `"\u001b[2J"`, "a next line": `"a\u0085b"`,
		"a long name": `"` + strings.Repeat("x", 101) + `"`,
	} {
		refuse(name, `{"name":`+text+`}`)
	}
	for name, member := range map[string]string{
		"login without a secret": `"token_endpoint_auth_method":"none"`, "login by basic": `"token_endpoint_auth_method":"client_secret_basic"`, "login as a list": `"token_endpoint_auth_method":["private_key_jwt"]`,
		"a grant as text": `"grants":"all"`, "a grant of everything": `"grants":["*"]`, "a grant without an audience": `"grants":[{"scopes":["x"]}]`, "scopes as text": `"grants":[{"audience":"a","scopes":"x y"}]`, "a scope with a space": `"grants":[{"audience":"a","scopes":["x y"]}]`,
		"a scope with a line break": `"grants":[{"audience":"a","scopes":["x\n"]}]`, "an audience twice": `"grants":[{"audience":"a"},{"audience":"a"}]`, "too many grants": `"grants":[` + many(11, `{"audience":"a%d"}`) + `]`, "too many scopes": `"grants":[{"audience":"a","scopes":[` + many(101, `"s%d"`) + `]}]`,
		"a quota of nothing": `"token_quota":{}`, "a negative quota": `"token_quota":{"per_hour":-1}`, "a quota of half": `"token_quota":{"per_hour":0.5}`, "a quota beyond numbers": `"token_quota":{"per_hour":1e300}`, "a quota just beyond": `"token_quota":{"per_hour":2147483648}`, "a quota as text": `"token_quota":{"per_hour":"5"}`,
		"a rotation each second": `"rotation":{"interval":"1s"}`, "a rotation each minute": `"rotation":{"interval":"1m"}`, "a rotation never": `"rotation":{"interval":"0d"}`, "a rotation backwards": `"rotation":{"interval":"-1d"}`, "a rotation in ages": `"rotation":{"interval":"99999d"}`, "an overlap beyond numbers": `"rotation":{"overlap":"999999999999d"}`,
		"a tag of the product": `"tags":{"clientkeeper:managed":"true"}`, "a tag of the product, another case": `"tags":{"ClientKeeper:tenant":"x"}`, "a tag of AWS": `"tags":{"aws:cloudformation:stack-name":"x"}`, "a tag with a line break": `"tags":{"a":"b\n"}`, "too many tags": `"tags":{` + many(21, `"t%d":"x"`) + `}`, "a tag as a list": `"tags":[{"Key":"a","Value":"b"}]`,
		"a long tag": `"tags":{"a":"` + strings.Repeat("x", 257) + `"}`, "a description too long": `"description":"` + strings.Repeat("x", 141) + `"`,
	} {
		refuse(name, `{"name":"x",`+member+`}`)
	}
	withheld := func(name, audience string, changes ...change) {
		out = append(out, hostile{"client: " + name, apiRequest("POST", "/v1/clients", `{"name":"x","grants":[{"audience":"`+audience+`","scopes":["update:clients"]}]}`, changes...), 403, "audience_withheld"})
	}
	withheld("scopes of the Management API", "https://example.eu.auth0.com/api/v2/")
	withheld("scopes of this API", "https://clientkeeper/api", claims(map[string]string{"iss": "i", "sub": "s", "scope": allScopes, "aud": "https://clientkeeper/api"}))
	withheld("scopes of this API, one of two audiences", "https://clientkeeper/api", claims(map[string]string{"iss": "i", "sub": "s", "scope": allScopes, "aud": "[https://other https://clientkeeper/api]"}))
	return out
}

// many is n texts with their number, between commas.
func many(n int, format string) string {
	var parts []string
	for i := range n {
		parts = append(parts, fmt.Sprintf(format, i))
	}
	return strings.Join(parts, ",")
}

func hostileCredentials() []hostile {
	const path = "/v1/clients/abc123/credentials"
	pem := func(kind string) string {
		return `"-----BEGIN ` + kind + `-----\ncanary\n-----END ` + kind + `-----\n"`
	}
	var out []hostile
	for name, member := range map[string]string{
		"a private key": `"pem":` + pem("PRIVATE KEY"), "an RSA private key": `"pem":` + pem("RSA PRIVATE KEY"), "an EC private key": `"pem":` + pem("EC PRIVATE KEY"), "an encrypted private key": `"pem":` + pem("ENCRYPTED PRIVATE KEY"), "an OpenSSH private key": `"pem":` + pem("OPENSSH PRIVATE KEY"),
		"a private key as a certificate": `"certificate":` + pem("PRIVATE KEY"), "a private key behind a public one": `"pem":"-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n-----BEGIN PRIVATE KEY-----\ncanary"`, "a private key as the name": `"name":` + pem("PRIVATE KEY"), "a private key in an unknown member": `"x":` + pem("PRIVATE KEY"),
		"a private JWK": `"jwk":{"kty":"RSA","n":"x","e":"AQAB","d":"canary"}`, "a private JWK beside a number beyond numbers": `"x":1e999,"jwk":{"kty":"RSA","n":"x","e":"AQAB","d":"canary"}`, "a private JWK, by a prime": `"jwk":{"kty":"RSA","n":"x","e":"AQAB","p":"canary"}`, "a private EC key": `"jwk":{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"canary"}`, "a symmetric key": `"jwk":{"kty":"oct","k":"canary"}`,
		"a private key in a set": `"jwks":{"keys":[{"kty":"RSA","n":"x","e":"AQAB"},{"kty":"RSA","n":"y","e":"AQAB","dq":"canary"}]}`, "a private key with many primes": `"jwk":{"kty":"RSA","oth":[{"r":"canary"}]}`,
	} {
		out = append(out, hostile{"credential: " + name, apiRequest("POST", path, `{`+member+`}`), 400, "private_key_posted"})
	}
	for name, body := range map[string]string{
		"two sources": `{"pem":"x","jwk":{}}`, "three sources": `{"pem":"x","jwk":{},"jwks_uri":"https://a.example/"}`, "a PEM that is none": `{"pem":7}`, "a PEM beyond ASCII": `{"pem":"ключ"}`, "a PEM with a NUL": `{"pem":"x\u0000"}`, "an endless PEM": `{"pem":"` + strings.Repeat("x", 16385) + `"}`,
		"a JWK as text": `{"jwk":"{}"}`, "a set as a list": `{"jwks":[]}`, "no JWK": `{"jwk":null}`, "a key URL without TLS": `{"jwks_uri":"http://a.example/jwks"}`, "a key URL of a file": `{"jwks_uri":"file:///etc/passwd"}`, "a key URL with a space": `{"jwks_uri":"https://a.example/ x"}`, "a key URL with a line break": `{"jwks_uri":"https://a.example/\r\nx"}`, "a key URL in data": `{"jwks_uri":"data:application/json,{}"}`, "a key URL in capitals": `{"jwks_uri":"HTTPS://a.example/"}`, "an endless key URL": `{"jwks_uri":"https://a.example/` + strings.Repeat("x", 2048) + `"}`,
		"no algorithm": `{"alg":"none"}`, "a symmetric algorithm": `{"alg":"HS256"}`, "an algorithm of curves": `{"alg":"ES256"}`, "an algorithm in lower case": `{"alg":"rs256"}`, "an algorithm as a list": `{"alg":["RS256"]}`, "an empty algorithm": `{"alg":""}`,
		"512 bits": `{"key_size":512}`, "1024 bits": `{"key_size":1024}`, "2047 bits": `{"key_size":2047}`, "16384 bits": `{"key_size":16384}`, "2049 bits": `{"key_size":2049}`, "bits as text": `{"key_size":"2048"}`, "bits of somebody else's key": `{"key_size":2048,"pem":"x"}`,
		"expired already": `{"expires_in":-1}`, "expiring at once": `{"expires_in":0}`, "never expiring by far": `{"expires_in":315360001}`, "an expiry beyond numbers": `{"expires_in":1e40}`, "an expiry as text": `{"expires_in":"1h"}`,
		"attach as text": `{"attach":"true"}`, "attach as a number": `{"attach":1}`, "another use": `{"use":"client_secret"}`, "TLS with a key": `{"use":"tls_client_auth","pem":"x"}`, "TLS with nothing": `{"use":"tls_client_auth"}`, "self-signed with nothing": `{"use":"self_signed_tls_client_auth"}`, "self-signed with a name": `{"use":"self_signed_tls_client_auth","subject_dn":"CN=x"}`, "a name without TLS": `{"subject_dn":"CN=x"}`,
		"a credential of its own id": `{"id":"cred_x"}`, "a key id of its own": `{"kid":"../../x"}`, "a name with markup": `{"name":"<b>"}`, "a name with a line break": `{"name":"a\r\nb"}`, "a long name": `{"name":"` + strings.Repeat("x", 129) + `"}`,
	} {
		out = append(out, hostile{"credential: " + name, apiRequest("POST", path, body), 400, "body_invalid"})
	}
	for name, body := range map[string]string{
		"nothing": `{}`, "never": `{"expires_at":null}`, "a number": `{"expires_at":1893456000}`, "in the past": `{"expires_at":"2001-01-01T00:00:00Z"}`, "in ages": `{"expires_at":"9999-12-31T23:59:59Z"}`, "a date": `{"expires_at":"2022-01-01"}`, "no zone": `{"expires_at":"2022-01-01T00:00:00"}`,
		"a 30th of February": `{"expires_at":"2022-02-30T00:00:00Z"}`, "seconds beyond sixty": `{"expires_at":"2022-01-01T00:00:61Z"}`, "another member": `{"expires_at":"2022-01-01T00:00:00Z","pem":"x"}`, "an endless fraction": `{"expires_at":"2022-01-01T00:00:00.` + strings.Repeat("1", 100) + `Z"}`,
	} {
		out = append(out, hostile{"expiry: " + name, apiRequest("PATCH", credentialPath, body), 400, "body_invalid"})
	}
	return append(out,
		hostile{"credential: cut off", apiRequest("POST", path, `{"pem":`), 400, "json_invalid"},
		hostile{"expiry: cut off", apiRequest("PATCH", credentialPath, `{"expires_at":`), 400, "json_invalid"})
}

func hostileRegistrations() []hostile {
	var out []hostile
	for name, test := range map[string][2]string{
		"no URL":                  {`{}`, "message_incomplete"},
		"a URL as a number":       {`{"external_client_id":7}`, "message_invalid"},
		"a member more":           {`{"external_client_id":"https://agents.example.com/c","x":1}`, "message_invalid"},
		"another version":         {`{"external_client_id":"https://agents.example.com/c","version":2}`, "message_version"},
		"a mode made up":          {`{"external_client_id":"https://agents.example.com/c","mode":"delete"}`, "message_invalid"},
		"the mode of a preview":   {`{"external_client_id":"https://agents.example.com/c","mode":"preview"}`, "mode_mismatch"},
		"a request id with lines": {`{"external_client_id":"https://agents.example.com/c","request_id":"a\r\nb"}`, "message_invalid"},
		"who asked, endless":      {`{"external_client_id":"https://agents.example.com/c","requested_by":"` + strings.Repeat("x", 257) + `"}`, "message_invalid"},
		"labels as text":          {`{"external_client_id":"https://agents.example.com/c","labels":"x"}`, "message_invalid"},
		"too many labels":         {`{"external_client_id":"https://agents.example.com/c","labels":{` + many(21, `"l%d":"x"`) + `}}`, "message_invalid"},
		"a URL twice":             {`{"external_client_id":"https://agents.example.com/c","external_client_id":"https://evil.example/c"}`, "json_ambiguous"},
		"a URL alone":             {`https://agents.example.com/c`, "json_invalid"},
	} {
		for _, at := range []string{"/v1/registrations", "/v1/registrations/preview"} {
			body := test[0]
			if name == "the mode of a preview" && strings.HasSuffix(at, "preview") {
				body = strings.Replace(body, `"preview"`, `"register"`, 1)
			}
			out = append(out, hostile{"registration: " + name + " at " + at, apiRequest("POST", at, body), 400, test[1]})
		}
	}
	for name, url := range map[string]string{
		"plain HTTP": "http://agents.example.com/c", "a file": "file:///etc/passwd", "user information": "https://agents.example.com@evil.example/c", "a query": "https://agents.example.com/c?x=1", "a fragment": "https://agents.example.com/c#x", "no path": "https://agents.example.com", "a parent": "https://agents.example.com/a/../c",
		"an encoded parent": "https://agents.example.com/%2e%2e/c", "a space": "https://agents.example.com/ c", "a backslash": `https://agents.example.com\\@evil.example/c`, "a tab": `https://agents.example.com/\tc`, "too long": "https://agents.example.com/" + strings.Repeat("c", 120),
	} {
		out = append(out, hostile{"registration: " + name, apiRequest("POST", "/v1/registrations", `{"external_client_id":"`+url+`"}`), 400, ""})
	}
	for name, url := range map[string]string{
		"a stranger": "https://stranger.example.org/c", "a name below an allowed one": "https://x.agents.example.com/c", "a name above an allowed one": "https://example.com/c", "another port": "https://agents.example.com:8443/c", "an allowed name before another": "https://agents.example.com.evil.example/c",
	} {
		for _, prefer := range []string{"", "wait=10"} {
			out = append(out, hostile{"registration: " + name + " " + prefer, apiRequest("POST", "/v1/registrations", `{"external_client_id":"`+url+`"}`, header("prefer", prefer)), 403, "host_not_allowed"})
		}
	}
	return out
}
