package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const aboutToken = `Gets an access token for the HTTP API from the tenant that AUTH0_DOMAIN names, by
the client credentials grant, and prints nothing else:

  curl -H "authorization: Bearer $(clientkeeper token)" $API_URL/v1/clients

The caller is API_CLIENT_ID with API_CLIENT_SECRET. In the sandbox that is a
client which may do everything; -scope asks for less.`

// maxTokenAnswer is more than any token endpoint's answer, in bytes.
const maxTokenAnswer = 64 << 10

func runToken(ctx context.Context, inv *invocation) error {
	form := url.Values{"grant_type": {"client_credentials"}}
	var audience, scope string
	_, err := inv.only("token", aboutToken, func(f *flag.FlagSet) {
		f.StringVar(&audience, "audience", inv.getenv("API_AUDIENCE"), "the API's `audience`; API_AUDIENCE says it too")
		f.StringVar(&scope, "scope", "", "`scopes`, parted by spaces; all that the client has without it")
	})
	if err != nil {
		return helped(err)
	}
	domain, id, secret := inv.getenv("AUTH0_DOMAIN"), inv.getenv("API_CLIENT_ID"), inv.getenv("API_CLIENT_SECRET")
	if domain == "" || id == "" || secret == "" || audience == "" {
		return errors.New("AUTH0_DOMAIN, API_CLIENT_ID, API_CLIENT_SECRET and API_AUDIENCE must be set; . .sandbox/env sets them for the sandbox")
	}
	form.Set("client_id", id)
	form.Set("client_secret", secret)
	form.Set("audience", audience)
	if scope != "" {
		form.Set("scope", scope)
	}
	client, err := tenantHTTP(inv.getenv("AUTH0_CA_FILE"))
	if err != nil {
		return err
	}
	token, err := askForToken(ctx, client, "https://"+domain+"/oauth/token", form)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(inv.out, token)
	return err
}

// tenantHTTP trusts the roots of a file in addition to the system's, and
// carries a credential nowhere but where it is sent.
func tenantHTTP(caFile string) (*http.Client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil || !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("AUTH0_CA_FILE names no file of PEM certificates; name one, or unset it")
		}
	}
	return &http.Client{
		Timeout:       15 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// askForToken is RFC 6749 section 4.4. Nothing of the request is in its errors.
func askForToken(ctx context.Context, client *http.Client, endpoint string, form url.Values) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", errors.New("AUTH0_DOMAIN is not a domain")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("the tenant cannot be reached: %w; is the sandbox running, and its .sandbox/env sourced again since?", err)
	}
	defer res.Body.Close()
	var answer struct {
		Token       string `json:"access_token"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxTokenAnswer))
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("the tenant's answer (status %d) cannot be read", res.StatusCode)
	case res.StatusCode != http.StatusOK || answer.Token == "":
		return "", fmt.Errorf("the tenant gives no token (status %d, %q: %s); check the client, its grant for the audience and the scopes",
			res.StatusCode, answer.Error, answer.Description)
	}
	return answer.Token, nil
}
