package handler_test

import "strings"

// bodyCases are bodies about which the description and the handler have to
// agree, whatever they say.
func bodyCases() []struct {
	operation string
	bodies    []string
} {
	long := func(n int) string { return strings.Repeat("x", n) }
	return []struct {
		operation string
		bodies    []string
	}{
		{"createClient", []string{
			`{}`, `{"name":"x"}`, `{"name":""}`, `{"name":7}`, `{"name":null}`, `{"name":"a<b"}`, `{"name":"a\nb"}`, `{"name":"ü"}`,
			`{"name":"` + long(100) + `"}`, `{"name":"` + long(101) + `"}`, `{"name":"` + strings.Repeat("ü", 100) + `"}`,
			`{"name":"x","Name":"y"}`, `{"name":"x","client_id":"y"}`, `{"name":"x","description":"` + long(140) + `"}`, `{"name":"x","description":"` + long(141) + `"}`,
			`{"name":"x","token_endpoint_auth_method":"client_secret_post"}`, `{"name":"x","token_endpoint_auth_method":"none"}`, `{"name":"x","token_endpoint_auth_method":""}`,
			`{"name":"x","grants":[]}`, `{"name":"x","grants":{}}`, `{"name":"x","grants":[{}]}`, `{"name":"x","grants":[{"audience":"a"}]}`, `{"name":"x","grants":[{"audience":"a b"}]}`,
			`{"name":"x","grants":[{"audience":"a","scopes":["r","r"]}]}`, `{"name":"x","grants":[{"audience":"a","scopes":["r w"]}]}`, `{"name":"x","grants":[{"audience":"a","scopes":[""]}]}`,
			`{"name":"x","grants":[{"audience":"a","scopes":["\""]}]}`, `{"name":"x","grants":[{"audience":"a","scopes":["\\"]}]}`, `{"name":"x","grants":[{"audience":"a","scopes":["read:x"]}]}`,
			`{"name":"x","grants":[{"audience":"a","x":1}]}`, `{"name":"x","grants":[` + strings.TrimSuffix(strings.Repeat(`{"audience":"a"},`, 11), ",") + `]}`,
			`{"name":"x","token_quota":{}}`, `{"name":"x","token_quota":{"per_hour":1}}`, `{"name":"x","token_quota":{"per_hour":1.0}}`, `{"name":"x","token_quota":{"per_hour":0}}`, `{"name":"x","token_quota":{"per_hour":1.5}}`,
			`{"name":"x","token_quota":{"per_day":2147483647}}`, `{"name":"x","token_quota":{"per_day":2147483648}}`, `{"name":"x","token_quota":{"enforce":true}}`, `{"name":"x","token_quota":{"per_day":1,"enforce":"true"}}`,
			`{"name":"x","rotation":{}}`, `{"name":"x","rotation":{"interval":"30d"}}`, `{"name":"x","rotation":{"interval":"30"}}`, `{"name":"x","rotation":{"interval":"1.5h"}}`, `{"name":"x","rotation":{"interval":30}}`, `{"name":"x","rotation":{"overlap":"90m"}}`, `{"name":"x","rotation":{"every":"90m"}}`,
			`{"name":"x","tags":{}}`, `{"name":"x","tags":{"a":""}}`, `{"name":"x","tags":{"":"a"}}`, `{"name":"x","tags":{"a":1}}`, `{"name":"x","tags":{"aws:x":"1"}}`, `{"name":"x","tags":{"AWS:x":"1"}}`,
			`{"name":"x","tags":{"clientkeeper:managed":"true"}}`, `{"name":"x","tags":{"ClientKeeper:managed":"true"}}`, `{"name":"x","tags":{"clientkeeper":"true"}}`, `{"name":"x","tags":{"ü":"1"}}`, `{"name":"x","tags":[]}`, `[]`, `"x"`, `null`,
		}},
		{"addCredentials", []string{
			`{}`, `{"attach":true}`, `{"attach":1}`, `{"attach":null}`, `{"name":""}`, `{"name":"` + long(128) + `"}`, `{"name":"` + long(129) + `"}`,
			`{"pem":"x"}`, `{"pem":""}`, `{"pem":"ü"}`, `{"pem":7}`, `{"jwk":{}}`, `{"jwk":[]}`, `{"jwk":"x"}`, `{"jwks":{"keys":[]}}`, `{"jwks":null}`,
			`{"jwks_uri":"https://a.example/jwks"}`, `{"jwks_uri":"http://a.example/jwks"}`, `{"jwks_uri":"https://"}`, `{"jwks_uri":"https://a.example/a b"}`, `{"certificate":"x"}`,
			`{"use":"private_key_jwt"}`, `{"use":"none"}`, `{"alg":"RS256"}`, `{"alg":"none"}`, `{"alg":"HS256"}`, `{"alg":"rs256"}`,
			`{"key_size":2048}`, `{"key_size":2048.0}`, `{"key_size":1024}`, `{"key_size":2049}`, `{"key_size":"2048"}`, `{"key_size":512}`, `{"key_size":8192}`,
			`{"expires_in":60}`, `{"expires_in":59}`, `{"expires_in":315360000}`, `{"expires_in":315360001}`, `{"expires_in":-1}`, `{"expires_in":"60"}`, `{"expires_at":"2030-01-01T00:00:00Z"}`, `{"kid":"x"}`,
		}},
		{"changeCredential", []string{
			`{}`, `{"expires_at":"2021-12-31T00:00:00Z"}`, `{"expires_at":"2021-12-31T00:00:00+02:00"}`, `{"expires_at":"2021-12-31"}`, `{"expires_at":"tomorrow"}`, `{"expires_at":1640908800}`,
			`{"expires_at":null}`, `{"expires_at":""}`, `{"expires_at":"2021-13-31T00:00:00Z"}`, `{"expires_at":"2021-12-31T25:00:00Z"}`, `{"expires_at":"2021-12-31T00:00:00Z","attached":true}`,
		}},
		{"startRotation", []string{`{}`, `{"force":true}`, `[]`, `null`}},
		{"register", []string{
			`{}`, goodMessage, `{"external_client_id":"https://agents.example.com/c"}`, `{"external_client_id":""}`, `{"external_client_id":7}`, `{"external_client_id":"http://agents.example.com/c"}`,
			`{"external_client_id":"https://agents.example.com/c","version":1}`, `{"external_client_id":"https://agents.example.com/c","version":2}`, `{"external_client_id":"https://agents.example.com/c","x":1}`,
			`{"external_client_id":"https://agents.example.com/c","request_id":"a\u0007"}`, `{"external_client_id":"https://agents.example.com/c","labels":{"a":1}}`,
		}},
	}
}
