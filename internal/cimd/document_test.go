package cimd

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	plainID  = "https://client.example.com/oauth/client.json"
	vscodeID = "https://vscode.dev/oauth/client-metadata.json"
)

// vscode is the published document of Visual Studio Code.
const vscode = `{
  "client_id": "https://vscode.dev/oauth/client-metadata.json",
  "client_name": "Visual Studio Code",
  "client_uri": "https://vscode.dev/product",
  "logo_uri": "https://code.visualstudio.com/assets/branding/code-stable.png",
  "application_type": "native",
  "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
  "response_types": ["code"],
  "redirect_uris": ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
  "token_endpoint_auth_method": "none"
}`

func mustID(t testing.TB, s string) ClientID {
	t.Helper()
	id, findings := CheckURL(s, Draft)
	if id.String() != s {
		t.Fatalf("CheckURL(%q): %v", s, findings)
	}
	return id
}

// plain is a document that both books accept, with changes: a nil value removes
// the member, and raw JSON stands for itself.
func plain(t testing.TB, changes map[string]any) []byte {
	t.Helper()
	doc := map[string]any{
		"client_id": plainID, "client_name": "Example Client", "redirect_uris": []string{"https://client.example.com/callback"},
		"grant_types": []string{"authorization_code"}, "response_types": []string{"code"}, "token_endpoint_auth_method": "none",
	}
	for name, value := range changes {
		if doc[name] = value; value == nil {
			delete(doc, name)
		}
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestVisualStudioCode(t *testing.T) {
	doc, findings := CheckDocument(mustID(t, vscodeID), []byte(vscode), Auth0)
	var texts []string
	for _, f := range findings {
		texts = append(texts, f.Severity.String()+": "+f.Text)
	}
	if diff := cmp.Diff([]string{
		"warning: Grant type not supported: 'urn:ietf:params:oauth:grant-type:device_code'",
		"warning: Ignoring unsupported properties: client_uri. These properties are not validated or mapped to the Auth0 client configuration.",
	}, texts); diff != "" {
		t.Error(diff)
	}
	want := Document{
		ClientID: vscodeID, ClientName: "Visual Studio Code",
		LogoURI:                 "https://code.visualstudio.com/assets/branding/code-stable.png",
		RedirectURIs:            []string{"http://127.0.0.1:33418/", "https://vscode.dev/redirect"},
		GrantTypes:              []string{"authorization_code", "refresh_token"},
		FilteredGrantTypes:      []string{"urn:ietf:params:oauth:grant-type:device_code"},
		ResponseTypes:           []string{"code"},
		ApplicationType:         "native",
		TokenEndpointAuthMethod: "none",
		Members: []string{"client_id", "client_name", "client_uri", "logo_uri", "application_type", "grant_types",
			"response_types", "redirect_uris", "token_endpoint_auth_method"},
		Unsupported: []string{"client_uri"},
	}
	if diff := cmp.Diff(want, doc); diff != "" {
		t.Error(diff)
	}
	if _, findings := CheckDocument(mustID(t, vscodeID), []byte(vscode), Draft); findings.Verdict() != Accept {
		t.Errorf("the draft's book: %v", findings)
	}
}

// TestClientsInTheWild has the shapes of published documents, as far as they
// are known, and what a tenant makes of them.
func TestClientsInTheWild(t *testing.T) {
	const code, loopbackV4, byName = `"grant_types":["authorization_code"]`, `"http://127.0.0.1/callback"`, `"http://localhost/callback"`
	tests := map[string]struct {
		id, members  string
		draft, auth0 string
	}{
		"client.dev": {"https://client.dev/oauth/metadata.json",
			`"client_name":"client.dev","redirect_uris":["https://client.dev/oauth/callback"],` + code, "accept", "accept"},
		"Claude Code without a type": {"https://claude.ai/oauth/claude-code-client-metadata",
			`"client_name":"Claude Code","redirect_uris":[` + byName + `,` + loopbackV4 + `]`, "warn", "reject"},
		"Claude Code as a native application": {"https://claude.ai/oauth/claude-code-client-metadata",
			`"client_name":"Claude Code","application_type":"native","redirect_uris":[` + byName + `,` + loopbackV4 + `],` + code, "warn", "warn"},
		"claude.ai": {"https://claude.ai/oauth/mcp-oauth-client-metadata",
			`"client_name":"Claude","redirect_uris":["https://claude.ai/api/mcp/auth_callback"],"grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:jwt-bearer"]`,
			"accept", "warn"},
		"ChatGPT": {"https://chatgpt.com/oauth/client.json",
			`"client_name":"ChatGPT","redirect_uris":["https://chatgpt.com/connector_platform_oauth_redirect"],"token_endpoint_auth_method":"private_key_jwt","jwks_uri":"https://chatgpt.com/oauth/jwks.json",` + code,
			"accept", "accept"},
		"Zed": {"https://zed.dev/oauth/client-metadata.json",
			`"client_name":"Zed","client_uri":"https://zed.dev","application_type":"native","redirect_uris":[` + loopbackV4 + `],` + code, "accept", "warn"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			body := []byte(`{"client_id":"` + tt.id + `",` + tt.members + `}`)
			for book, want := range map[Rules]string{Draft: tt.draft, Auth0: tt.auth0} {
				if _, findings := CheckDocument(mustID(t, tt.id), body, book); findings.Verdict().String() != want {
					t.Errorf("%v: %v, want %s: %v", book, findings.Verdict(), want, findings)
				}
			}
		})
	}
}

// TestDocumentRules are the rules that testdata/cases.json do not reach.
func TestDocumentRules(t *testing.T) {
	list := func(s ...string) []string { return append([]string{}, s...) }
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	statement := func(claims string) string {
		return encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(`{"iss":"x",`+claims+`}`)) + ".c2ln"
	}
	tests := map[string]struct {
		changes      map[string]any
		rule         string
		draft, auth0 string
	}{
		"unchanged":                   {nil, "", "accept", "accept"},
		"null is left out":            {map[string]any{"logo_uri": raw("null")}, "document_null_member", "warn", "warn"},
		"null redirect URIs":          {map[string]any{"redirect_uris": raw("null")}, "redirect_uris_missing", "reject", "reject"},
		"null client id":              {map[string]any{"client_id": raw("null")}, "document_client_id_missing", "reject", "reject"},
		"lone surrogate in a name":    {map[string]any{"client_name": raw(`"a\ud83d"`)}, "document_lone_surrogate", "warn", "reject"},
		"lone low surrogate":          {map[string]any{"client_name": raw(`"a\udc00\ud83d"`)}, "document_lone_surrogate", "warn", "reject"},
		"pair of surrogates":          {map[string]any{"client_name": raw(`"a\ud83d\ude00"`)}, "", "accept", "accept"},
		"escaped backslash before u":  {map[string]any{"client_name": raw(`"a\\ud83d"`)}, "", "accept", "accept"},
		"empty name":                  {map[string]any{"client_name": ""}, "client_name_missing", "warn", "reject"},
		"name with a joiner":          {map[string]any{"client_name": "می\u200cخواهم"}, "", "accept", "accept"},
		"name is the own domain":      {map[string]any{"client_name": "Client.example.com"}, "", "accept", "accept"},
		"name in another language":    {map[string]any{"client_name#de": "a\u202eb"}, "client_name_has_hidden_character", "warn", "warn"},
		"markup in another language":  {map[string]any{"client_name#de": "<b>"}, "client_name_has_markup", "warn", "warn"},
		"name is another site's URL":  {map[string]any{"client_name": "HTTPS://accounts.google.com/signin"}, "client_name_is_other_domain", "warn", "warn"},
		"name is a URL with a port":   {map[string]any{"client_name": "accounts.google.com:443"}, "client_name_is_other_domain", "warn", "warn"},
		"name with a colon":           {map[string]any{"client_name": "notes.app: the client"}, "", "accept", "accept"},
		"name is the own URL":         {map[string]any{"client_name": "https://client.example.com/"}, "", "accept", "accept"},
		"name of two lines":           {map[string]any{"client_name": "a\u2028b"}, "client_name_has_hidden_character", "warn", "warn"},
		"140 characters":              {map[string]any{"description": strings.Repeat("é", 140)}, "", "accept", "accept"},
		"141 characters":              {map[string]any{"description": strings.Repeat("é", 141)}, "description_too_long", "accept", "reject"},
		"140 characters as 280 units": {map[string]any{"description": strings.Repeat("😀", 140)}, "description_too_long", "accept", "reject"},
		"logo over http":              {map[string]any{"logo_uri": "http://client.example.com/l.png"}, "logo_uri_not_https", "warn", "accept"},
		"logo on a private address":   {map[string]any{"logo_uri": "https://192.168.0.1/l.png"}, "logo_uri_private_host", "reject", "reject"},
		"logo on a bad port":          {map[string]any{"logo_uri": "https://client.example.com:0/l.png"}, "logo_uri_not_a_web_url", "reject", "reject"},
		"logo on no host":             {map[string]any{"logo_uri": "https://*.example.com/l.png"}, "logo_uri_not_a_web_url", "reject", "reject"},
		"localized logo":              {map[string]any{"logo_uri#fr": "data:image/png,x"}, "link_not_a_web_url", "reject", "warn"},
		"link on a wildcard host":     {map[string]any{"client_uri": "https://*.example.com/"}, "link_not_a_web_url", "reject", "warn"},
		"sector over http":            {map[string]any{"sector_identifier_uri": "http://client.example.com/s"}, "server_fetched_url_unsafe", "reject", "warn"},
		"logout by script":            {map[string]any{"post_logout_redirect_uris": list("javascript:alert(1)")}, "link_not_a_web_url", "reject", "warn"},
		"registration access token":   {map[string]any{"registration_access_token": "t"}, "document_registration_response_member", "warn", "warn"},
		"no grants":                   {map[string]any{"grant_types": list(), "response_types": nil}, "grant_types_unusable", "reject", "reject"},
		"unknown extension grant":     {map[string]any{"grant_types": list("urn:example:x"), "response_types": nil}, "grant_types_all_unknown", "warn", "reject"},
		"password":                    {map[string]any{"grant_types": list("authorization_code", "password")}, "grant_types_password", "reject", "warn"},
		"credentials of a public client": {map[string]any{"grant_types": list("authorization_code", "client_credentials")},
			"grant_types_need_authentication", "reject", "warn"},
		"hybrid response":                 {map[string]any{"response_types": list("code id_token")}, "response_types_without_implicit", "warn", "accept"},
		"empty method":                    {map[string]any{"token_endpoint_auth_method": ""}, "auth_method_unknown", "reject", "reject"},
		"no method at all":                {map[string]any{"token_endpoint_auth_method": nil, "token_endpoint_auth_methods_supported": list()}, "auth_methods_supported_conflict", "reject", "warn"},
		"list of keys, no key":            {map[string]any{"token_endpoint_auth_method": nil, "token_endpoint_auth_methods_supported": list("private_key_jwt")}, "auth_method_without_keys", "reject", "warn"},
		"scope with a quote":              {map[string]any{"scope": `open"id`}, "scope_malformed", "warn", "warn"},
		"scope with two spaces":           {map[string]any{"scope": "openid  email"}, "scope_malformed", "warn", "warn"},
		"key set over http":               {map[string]any{"jwks_uri": "http://client.example.com/jwks.json"}, "jwks_uri_not_https", "reject", "reject"},
		"key set with a fragment":         {map[string]any{"jwks_uri": "https://client.example.com/jwks.json#1"}, "jwks_uri_not_https", "reject", "reject"},
		"key set on port 0":               {map[string]any{"jwks_uri": "https://client.example.com:0/jwks.json"}, "jwks_uri_not_https", "reject", "reject"},
		"key set on no host":              {map[string]any{"jwks_uri": "https://0x7f.1/jwks.json"}, "jwks_uri_not_https", "reject", "reject"},
		"private key, bare array":         {map[string]any{"jwks": raw(`[{"kty":"OKP","crv":"Ed25519","d":"AA"}]`)}, "private_key_suspected", "reject", "reject"},
		"private key, deep down":          {map[string]any{"x": raw(`[1,{"a":{"d":1,"b":[true,null],"kty":"EC"}}]`)}, "private_key_suspected", "warn", "warn"},
		"statement that is not base64url": {map[string]any{"software_statement": "e30.***.c2ln"}, "software_statement_not_a_jwt", "reject", "warn"},
		"statement of a list":             {map[string]any{"software_statement": "e30.W10.c2ln"}, "software_statement_not_a_jwt", "reject", "warn"},
		"sector that is no string":        {map[string]any{"sector_identifier_uri": 1}, "document_wrong_type_ignored", "reject", "warn"},
		"statement with a private key":    {map[string]any{"software_statement": statement(`"jwks":{"keys":[{"kty":"EC","d":"x"}]}`)}, "software_statement_private_key", "reject", "warn"},
		"statement with a secret key":     {map[string]any{"software_statement": statement(`"jwks":{"keys":[{"kty":"oct","k":"x"}]}`)}, "software_statement_private_key", "reject", "warn"},
		"statement with secrets for some": {map[string]any{"software_statement": statement(`"token_endpoint_auth_methods_supported":["client_secret_jwt"]`)}, "software_statement_shared_secret", "reject", "warn"},
		"statement with a null secret":    {map[string]any{"software_statement": statement(`"client_secret":null`)}, "software_statement_shared_secret", "reject", "warn"},
		"statement with public keys":      {map[string]any{"software_statement": statement(`"jwks":{"keys":[{"kty":"EC"}]},"token_endpoint_auth_methods_supported":["none"]`)}, "", "accept", "warn"},
		"assertions signed by NONE":       {map[string]any{"token_endpoint_auth_signing_alg": "NONE"}, "auth_signing_alg_symmetric", "reject", "warn"},
		"kty and d in two objects": {map[string]any{"x": raw(`[{"kty":"EC"},{"d":1}]`), "y": raw(`{"kty":"d","a":"kty"}`)},
			"unsupported_members", "accept", "warn"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			spoke := tt.rule == ""
			for book, want := range map[Rules]string{Draft: tt.draft, Auth0: tt.auth0} {
				_, findings := CheckDocument(mustID(t, plainID), plain(t, tt.changes), book)
				if got := findings.Verdict().String(); got != want {
					t.Errorf("%v: %s, want %s: %v", book, got, want, findings)
				}
				spoke = spoke || findings.Has(tt.rule)
			}
			if !spoke {
				t.Errorf("%s did not speak in either book", tt.rule)
			}
		})
	}
}

// TestFindingsStayBounded: five kilobytes of mistakes are a few findings.
func TestFindingsStayBounded(t *testing.T) {
	uris := strings.Repeat(`"javascript:1",`, 250)
	members := ""
	for i := range 150 {
		members += fmt.Sprintf(`"m%d":0,`, i)
	}
	for _, body := range []string{
		`{"redirect_uris":[` + uris + `"x"],"client_id":"` + plainID + `"}`,
		`{` + members + `"` + strings.Repeat("\u202e", 1000) + `":1,"client_id":"` + plainID + `"}`,
	} {
		if len(body) > MaxDocument {
			t.Fatalf("%d bytes", len(body))
		}
		_, findings := CheckDocument(mustID(t, plainID), []byte(body), Auth0)
		size := 0
		for _, f := range findings {
			size += len(f.String())
			if strings.Contains(f.String(), "\u202e") {
				t.Error("a direction character reached a text")
			}
		}
		if findings.Verdict() != Reject || len(findings) > 40 || size > 8000 {
			t.Errorf("%d findings of %d bytes: %v", len(findings), size, findings.Verdict())
		}
	}
}

func TestDocumentView(t *testing.T) {
	doc, findings := CheckDocument(mustID(t, plainID), []byte(`{"client_id":"`+plainID+`","client_name":"A","client_name#ja":"例",
		"client_name":"B","redirect_uris":["https://client.example.com/"],"grant_types":["refresh_token","refresh_token"],"Client_Name":"C"}`), Draft)
	if doc.ClientName != "B" || doc.ClientNames["ja"] != "例" || doc.ApplicationType != "web" || doc.TokenEndpointAuthMethod != "" {
		t.Errorf("%+v", doc)
	}
	if !slices.Equal(doc.GrantTypes, []string{"refresh_token"}) || !slices.Equal(doc.Unsupported, []string{"client_name#ja", "Client_Name"}) {
		t.Errorf("%+v", doc)
	}
	if !doc.Has("Client_Name") || doc.Has("CLIENT_NAME") || findings.Verdict() != Warn {
		t.Errorf("%+v: %v", doc, findings)
	}
	if _, findings := CheckDocument(ClientID{}, plain(t, map[string]any{"client_id": ""}), Draft); findings.Verdict() != Reject {
		t.Error("the zero ClientID has a document")
	}
}

// FuzzCheckDocument: of an accepted document, encoding/json reads the same
// members by their exact names, and no secret is in it.
func FuzzCheckDocument(f *testing.F) {
	id := mustID(f, plainID)
	f.Add(plain(f, nil))
	f.Add([]byte(strings.ReplaceAll(vscode, vscodeID, plainID)))
	f.Add(plain(f, map[string]any{"client_name#ja": "例", "x": map[string]any{"y": []any{1, nil}}, "logo_uri": "https://a.example/l"}))
	f.Add([]byte(`{"client_\u0073ecret":null,"client_id":"` + plainID + `","redirect_uris":["https://a.example/"]}`))
	f.Add([]byte(`{"client_id":"x","client_id":"` + plainID + `","grant_types":["refresh_token"],"client_name":"\ud800"}`))
	f.Add(plain(f, map[string]any{"jwks_uri": "https://client.example.com/k", "token_endpoint_auth_method": "private_key_jwt"}))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, book := range []Rules{Draft, Auth0} {
			doc, findings := CheckDocument(id, body, book)
			again, findings2 := CheckDocument(id, body, book)
			if diff := cmp.Diff(doc, again) + cmp.Diff(findings, findings2); diff != "" {
				t.Fatalf("not stable: %s", diff)
			}
			if findings.Verdict() == Reject {
				continue
			}
			var members map[string]json.RawMessage
			if err := json.Unmarshal(body, &members); err != nil || len(body) > MaxDocument {
				t.Fatalf("accepted %d bytes: %v", len(body), err)
			}
			for _, name := range []string{"client_secret", "client_secret_expires_at"} {
				if _, ok := members[name]; ok {
					t.Errorf("accepted in spite of %s", name)
				}
			}
			if got := slices.Sorted(slices.Values(doc.Members)); !slices.Equal(got, slices.Sorted(maps.Keys(members))) {
				t.Errorf("members %v", got)
			}
			agree(t, members, doc)
			if doc.ClientID != id.String() || book == Auth0 && (doc.ClientName == "" || len(doc.GrantTypes) == 0 || len(doc.Keys) > 0) {
				t.Errorf("%v accepted %+v", book, doc)
			}
		}
	})
}

// agree compares the view with what encoding/json reads.
func agree(t *testing.T, members map[string]json.RawMessage, doc Document) {
	t.Helper()
	for name, got := range map[string]string{
		"client_id": doc.ClientID, "client_name": doc.ClientName, "description": doc.Description, "logo_uri": doc.LogoURI,
		"jwks_uri": doc.JWKSURI, "token_endpoint_auth_method": doc.TokenEndpointAuthMethod,
	} {
		var want string
		if err := json.Unmarshal(members[name], &want); err == nil && want != got {
			t.Errorf("%s: %q, encoding/json reads %q", name, got, want)
		}
	}
	grants := append(slices.Clone(doc.GrantTypes), doc.FilteredGrantTypes...)
	for name, got := range map[string][]string{"redirect_uris": doc.RedirectURIs, "response_types": doc.ResponseTypes, "grant_types": grants} {
		var want []string
		if err := json.Unmarshal(members[name], &want); err != nil || name == "grant_types" && want == nil {
			continue
		}
		if name == "grant_types" {
			slices.Sort(want)
			want, got = slices.Compact(want), slices.Sorted(slices.Values(got))
		}
		if !slices.Equal(want, got) {
			t.Errorf("%s: %q, encoding/json reads %q", name, got, want)
		}
	}
}
