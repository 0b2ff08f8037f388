// Package config reads a function's configuration from its environment, once,
// before the function starts: a struct per function, every mistake reported at
// once.
//
// A value is never repeated in an error. What sits in the wrong variable may be
// a secret.
package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/registration"
)

// Tenant says which Auth0 tenant to call, and as whom.
type Tenant struct {
	// Domain is the tenant's domain, such as example.eu.auth0.com, with a port
	// where it is not 443; it is called over HTTPS alone. (AUTH0_DOMAIN)
	Domain string
	// Audience is the Management API's; empty means https://<Domain>/api/v2/.
	// A tenant behind a custom domain needs its canonical one here.
	// (AUTH0_AUDIENCE)
	Audience string
	// ManagementSecret is the ARN or name of the secret that holds the
	// management client's credential. (AUTH0_MANAGEMENT_SECRET_ARN)
	ManagementSecret string
	// TokenSecret is the ARN or name of the secret in which all functions find
	// one management token; empty means that each instance gets its own.
	// (AUTH0_TOKEN_SECRET_ARN)
	TokenSecret string
	// RootsPEM is a PEM file with roots to trust for the tenant alone, in
	// addition to the system's; empty means none. (AUTH0_CA_FILE, its path)
	RootsPEM []byte
	// Reserve is how many requests of the tenant's rate limit bulk work leaves
	// to urgent work; 0 means a fifth of the limit, at least 5 where it allows,
	// -1 none. (RATE_RESERVE, default 0)
	Reserve int
}

// RegisterClient configures functions/register-client.
type RegisterClient struct {
	Tenant Tenant
	// AllowedHosts are the hosts whose clients may be registered, such as
	// agents.example.com, *.example.com (not example.com itself) or
	// agents.example.com:8443. (ALLOWED_HOSTS, comma-separated)
	AllowedHosts []string
	// WarningsAreFatal refuses a document that the tenant warns about; it
	// implies a preview. (WARNINGS_ARE_FATAL, default false)
	WarningsAreFatal bool
	// PreviewFirst asks the tenant for its verdict before anything is written,
	// at the price of a second call. (PREVIEW_FIRST, default false)
	PreviewFirst bool
	// Provenance notes on the client who asked for it, as
	// client_metadata.clientkeeper_..., at the price of one more call.
	// (PROVENANCE, default false)
	Provenance bool
	// Concurrency is how many messages of a batch are worked on at once.
	// (CONCURRENCY, default 5)
	Concurrency int
	// QueueURL is the registrations queue. (REGISTRATIONS_QUEUE_URL)
	QueueURL string
	// DeadLetterURL is the dead-letter queue of that queue.
	// (REGISTRATIONS_DLQ_URL)
	DeadLetterURL string
	// EventsQueueURL is the queue for domain events; empty sends none.
	// (EVENTS_QUEUE_URL)
	EventsQueueURL string
	// MaxTries is how often a message is received before it is dead-lettered
	// with its reason; one that was handed back untouched was received, too.
	// The queue's maxReceiveCount must be higher, or SQS moves it first and
	// gives none. (MAX_TRIES, default 5)
	MaxTries int
	// RetryBase is the wait before the second try of a message; it doubles with
	// every further one. (RETRY_BASE_DELAY, default 30s)
	RetryBase time.Duration
	// RetryMax is the longest wait between two tries. SQS hides a message for
	// 12 hours in all, so 11 is the most. (RETRY_MAX_DELAY, default 15m)
	RetryMax time.Duration
	// MaxAge is how long a message may be put off because the tenant is busy
	// before it is dead-lettered. (MESSAGE_MAX_AGE, default 24h)
	MaxAge time.Duration
}

// LoadRegisterClient reads a RegisterClient from getenv, which is os.Getenv
// outside tests. The error names everything that is wrong, not only the first
// thing.
func LoadRegisterClient(getenv func(string) string) (RegisterClient, error) {
	e := env{get: getenv}
	c := e.registerClient()
	return c, e.err("register-client")
}

func (e *env) registerClient() RegisterClient {
	return RegisterClient{
		Tenant:           e.tenant(),
		AllowedHosts:     e.hosts("ALLOWED_HOSTS"),
		WarningsAreFatal: e.flag("WARNINGS_ARE_FATAL"),
		PreviewFirst:     e.flag("PREVIEW_FIRST"),
		Provenance:       e.flag("PROVENANCE"),
		Concurrency:      e.number("CONCURRENCY", 5, 1, 50),
		QueueURL:         e.url("REGISTRATIONS_QUEUE_URL"),
		DeadLetterURL:    e.url("REGISTRATIONS_DLQ_URL"),
		EventsQueueURL:   e.eventsQueue(),
		MaxTries:         e.number("MAX_TRIES", 5, 1, 1000),
		RetryBase:        e.duration("RETRY_BASE_DELAY", 30*time.Second, 0, time.Hour),
		RetryMax:         e.duration("RETRY_MAX_DELAY", 15*time.Minute, 0, 11*time.Hour),
		MaxAge:           e.duration("MESSAGE_MAX_AGE", 24*time.Hour, time.Minute, 14*24*time.Hour),
	}
}

// LoadTenant reads what the command line needs to call the tenant.
func LoadTenant(getenv func(string) string) (Tenant, error) {
	e := env{get: getenv}
	t := e.tenant()
	return t, e.err("tenant")
}

// env collects mistakes while it reads.
type env struct {
	get  func(string) string
	errs []string // each begins with the variable's name
}

func (e *env) err(what string) error {
	if len(e.errs) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Op: "config." + what, Reason: "bad_configuration",
		Detail: fmt.Sprintf("the environment is wrong in %d places", len(e.errs)),
		Next:   "correct it and start again", Err: errors.New(strings.Join(e.errs, "; "))}
}

func (e *env) wrong(name, format string, args ...any) {
	e.errs = append(e.errs, name+": "+fmt.Sprintf(format, args...))
}

func (e *env) required(name, meaning string) string {
	v := strings.TrimSpace(e.get(name))
	if v == "" {
		e.wrong(name, "is not set; it is %s", meaning)
	}
	return v
}

func (e *env) tenant() Tenant {
	return Tenant{
		Domain:           e.domain("AUTH0_DOMAIN"),
		Audience:         e.audience("AUTH0_AUDIENCE"),
		ManagementSecret: e.required("AUTH0_MANAGEMENT_SECRET_ARN", "the ARN of the secret with the management client's credential"),
		TokenSecret:      strings.TrimSpace(e.get("AUTH0_TOKEN_SECRET_ARN")),
		RootsPEM:         e.roots("AUTH0_CA_FILE"),
		Reserve:          e.number("RATE_RESERVE", 0, -1, 10000),
	}
}

// domain takes a host name with an optional port, and nothing else: a scheme or
// a path would be a hint that somebody means plain HTTP or another base path.
func (e *env) domain(name string) string {
	v := e.required(name, "the tenant's domain, such as example.eu.auth0.com")
	if v == "" {
		return ""
	}
	u, err := url.Parse("https://" + v + "/")
	if err != nil || u.Host != v || u.Hostname() == "" || strings.ContainsAny(v, " @/?#\\") || !validPort(u) {
		e.wrong(name, "is not a domain; give a host name with an optional port, without https:// and without a path")
		return ""
	}
	// The tenant calls itself by its name alone, and compares names as text.
	return strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(v), ":443"), ".")
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.Atoi(u.Port())
	return err == nil && n >= 1 && n <= 65535
}

func (e *env) audience(name string) string {
	v := strings.TrimSpace(e.get(name))
	if u, err := url.Parse(v); v != "" && (err != nil || u.Scheme != "https" || !strings.HasSuffix(v, "/")) {
		e.wrong(name, "is not an API identifier; it looks like https://example.eu.auth0.com/api/v2/, with the slash at its end")
	}
	return v
}

// maxRoots is how much is read of a file of certificates; all of the system's
// have a quarter of it.
const maxRoots = 1 << 20

func (e *env) roots(name string) []byte {
	path := strings.TrimSpace(e.get(name))
	if path == "" {
		return nil
	}
	pem, err := readFile(path, maxRoots)
	if err != nil || !x509.NewCertPool().AppendCertsFromPEM(pem) {
		e.wrong(name, "is not the path of a file with PEM certificates that can be read; name one, or unset it")
		return nil
	}
	return pem
}

func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = errors.New("too large")
	}
	return b, err
}

func (e *env) url(name string) string {
	v := e.required(name, "a queue's URL")
	if u, err := url.Parse(v); v != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http")) {
		e.wrong(name, "is not a URL")
	}
	return v
}

func (e *env) eventsQueue() string {
	if strings.TrimSpace(e.get("EVENTS_QUEUE_URL")) == "" {
		return ""
	}
	return e.url("EVENTS_QUEUE_URL")
}

func (e *env) list(name, meaning string) []string {
	out := parts(e.get(name))
	if len(out) == 0 {
		e.wrong(name, "is not set; it is %s", meaning)
	}
	return out
}

// hosts are patterns of hosts that a policy takes.
func (e *env) hosts(name string) []string {
	out := e.list(name, "the hosts whose clients may be registered, such as agents.example.com,*.example.org")
	_, err := registration.NewPolicy(out, false, false)
	if refused, ok := errors.AsType[*fault.Error](err); ok {
		e.wrong(name, "%s", refused.Detail)
	}
	return out
}

// parts are what stands between commas.
func parts(list string) []string {
	var out []string
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (e *env) flag(name string) bool {
	v := strings.TrimSpace(e.get(name))
	b, err := strconv.ParseBool(v)
	if v != "" && err != nil {
		e.wrong(name, "is neither true nor false")
	}
	return b
}

func (e *env) number(name string, fallback, low, high int) int {
	v := strings.TrimSpace(e.get(name))
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		e.wrong(name, "is not a whole number from %d to %d", low, high)
		return fallback
	}
	return n
}

func (e *env) duration(name string, fallback, low, high time.Duration) time.Duration {
	v := strings.TrimSpace(e.get(name))
	if v == "" {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < low || d > high {
		e.wrong(name, "is not a duration from %s to %s, such as 30s or 15m", low, high)
		return fallback
	}
	return d
}
