package tenant

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

const maxViolations = 1000

// A watch polices what must never happen, whoever calls. It names routes and
// rules, never values.
type watch struct {
	mu         sync.Mutex
	seen       map[string]bool
	violations []string
	secrets    map[[32]byte]bool // hashes of every secret there ever was
	creates    map[string]bool   // creates that were applied, by their mark
}

func newWatch() *watch {
	return &watch{seen: map[string]bool{}, secrets: map[[32]byte]bool{}, creates: map[string]bool{}}
}

// Violations returns what went wrong so far, each thing once, oldest first:
//
//   - a secret, an assertion or a token in a URL;
//   - a request without a User-Agent, or with the one that Go puts in;
//   - a create that was repeated, with the same correlation id and body,
//     although the first one was applied;
//   - two clients for one external_client_id.
func (t *Tenant) Violations() []string {
	t.watch.mu.Lock()
	defer t.watch.mu.Unlock()
	return append([]string(nil), t.watch.violations...)
}

func (w *watch) report(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if w.seen[text] || len(w.violations) == maxViolations {
		return
	}
	w.seen[text] = true
	w.violations = append(w.violations, text)
}

// remember takes note of a secret, so that it is recognised in a URL.
func (w *watch) remember(secret string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets[sha256.Sum256([]byte(secret))] = true
}

// request looks at what every request shows.
func (w *watch) request(c *call) {
	agent := c.UserAgent()
	if agent == "" || strings.HasPrefix(agent, "Go-http-client/") {
		w.report("no User-Agent of its own: %s %s", c.Method, c.route.template)
	}
	if w.revealing(c.URL) {
		w.report("a secret in a URL: %s %s", c.Method, c.route.template)
	}
}

// tokenText is what any JWT begins with, up to the dot that ids do not have: three
// letters of an id may be the same by chance.
var tokenText = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}\.`)

// revealing reports whether a URL holds a known secret, a JWT, or a parameter
// that is named like one.
func (w *watch) revealing(u *url.URL) bool {
	if tokenText.MatchString(u.RequestURI()) {
		return true
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if w.isSecret(segment) {
			return true
		}
	}
	for name, values := range u.Query() {
		switch name {
		case "client_secret", "client_assertion", "access_token", "token", "authorization":
			return true
		}
		for _, v := range append(values, name) {
			if w.isSecret(v) {
				return true
			}
		}
	}
	return false
}

func (w *watch) isSecret(s string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.secrets[sha256.Sum256([]byte(s))]
}

// answered looks at creates that were carried out. What is not idempotent and
// comes again after it was applied has been repeated blindly: a caller that
// had read back would know.
func (w *watch) answered(c *call, a answer) {
	switch c.route.name {
	case routeCreate, routeCredentialCreate, routeRotate:
	default:
		return
	}
	id := correlationID(c.Request)
	if id == "" || a.status >= http.StatusBadRequest {
		return
	}
	mark := fmt.Sprintf("%s %s %x %s", c.route.name, c.params["id"], sha256.Sum256(c.content), id)
	w.mu.Lock()
	again := w.creates[mark]
	w.creates[mark] = true
	w.mu.Unlock()
	if again {
		w.report("repeated although it was applied: %s %s", c.Method, c.route.template)
	}
}
