// Package safehttp makes HTTP GET requests to addresses that strangers chose:
// a client metadata document, or the key set that such a document names.
//
// What it promises of every fetch, whatever the URL says and the other side
// answers:
//
//   - Only https, and only to addresses of the public internet. The name is
//     resolved once, every address of the answer is judged, and one bad address
//     refuses the lot. The address that was judged is the one that is dialed,
//     and it is judged again in the moment of connecting, so that a name whose
//     answer changes in between (DNS rebinding) gains nothing.
//   - One connection, one request, no memory. There is no proxy, no redirect, no
//     cookie and no pooled connection; a redirect is a verdict of its own. A
//     [Client] therefore speaks HTTP/1.1 by itself, with net/http doing the
//     reading and writing, where an http.Transport would bring all four.
//   - One deadline for everything: DNS, connecting, TLS, headers and body. An
//     answer that drips ends with it.
//   - Bounded reads. The header has a cap, and so has the body; a content coding
//     that nobody asked for is refused, so the bytes counted are the bytes used.
//   - An error never repeats what the other side sent. It is a [fault.Error]
//     whose kind says whether another try can help, and whose reason is one of
//     the Reason constants.
//
// It knows nothing of what it fetches but the media type. An address that is
// public but means something to this machine alone (a public load balancer of
// the same company, say) is public to this package: give it an allow list of
// hosts before it, not instead of it.
package safehttp

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"time"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/fault"
)

// Defaults of a zero [Config].
const (
	// DefaultMaxBytes is the size that
	// draft-ietf-oauth-client-id-metadata-document section 8.7 recommends.
	DefaultMaxBytes       = cimd.MaxDocument
	DefaultMaxHeaderBytes = 32 * 1024
	DefaultTimeout        = 5 * time.Second
	DefaultPerOrigin      = 4
	DefaultMinFresh       = 5 * time.Minute
	DefaultMaxFresh       = 24 * time.Hour
	DefaultUserAgent      = "clientkeeper/1 (client metadata fetcher)"
)

// A Config says how to fetch. The zero Config is the safe one for production;
// the seams exist for the sandbox and for tests.
type Config struct {
	// Resolve looks up the addresses of a host name. The default asks the
	// system for the absolute name, so that search domains do not apply.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial connects to an address that was judged. The default is a net.Dialer
	// whose Control judges once more.
	Dial func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	// Roots are trusted for TLS; nil means those of the system.
	Roots *x509.CertPool

	// MaxBytes is the size of the longest body that is accepted.
	MaxBytes int64
	// MaxHeaderBytes bounds the status line and the header fields together,
	// those of interim answers included.
	MaxHeaderBytes int64
	// Timeout bounds a whole fetch. Waiting for a turn at the origin does not
	// count: the caller's context bounds that.
	Timeout time.Duration
	// PerOrigin is how many fetches from one scheme, host and port may run at
	// the same time.
	PerOrigin int
	// MinFresh and MaxFresh bound [Response.FreshFor].
	MinFresh, MaxFresh time.Duration
	UserAgent          string

	// Development lifts the rule for loopback addresses, and for nothing else.
	// Draft section 8.6 allows that only while the authorization server itself
	// runs on that loopback, and never in production.
	Development bool
	// Now is the clock for certificates and freshness; nil means time.Now.
	Now func() time.Time
}

// A Client fetches. It is safe for concurrent use and needs no closing: nothing
// outlives a call of Get.
type Client struct {
	c     Config
	turns turns
}

// New returns a Client; zero fields of c have the defaults.
func New(c Config) *Client {
	orDefault(&c.MaxBytes, DefaultMaxBytes)
	orDefault(&c.MaxHeaderBytes, DefaultMaxHeaderBytes)
	orDefault(&c.Timeout, DefaultTimeout)
	orDefault(&c.PerOrigin, DefaultPerOrigin)
	orDefault(&c.MinFresh, DefaultMinFresh)
	orDefault(&c.MaxFresh, DefaultMaxFresh)
	orDefault(&c.UserAgent, DefaultUserAgent)
	if c.Resolve == nil {
		c.Resolve = resolveAbsolute
	}
	if c.Dial == nil {
		c.Dial = guardedDial(c.Development)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{c: c, turns: turns{each: c.PerOrigin}}
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// A Request asks for one URL.
type Request struct {
	// URL is sent as it stands: what net/url would have to repair is refused.
	URL string
	// Stored makes the request conditional on a copy from an earlier [Response].
	// The zero Stored asks for the whole answer.
	Stored Stored
	// MaxBytes, if positive, is used instead of that of the Config.
	MaxBytes int64
	// AnyType accepts every media type. Otherwise only application/json and
	// application/<something>+json are accepted, and, with a warning, none.
	AnyType bool
}

// A Response is an answer of status 200, or 304 to a conditional request.
type Response struct {
	// NotModified says that the stored copy is still good; Body is then nil.
	NotModified bool
	Body        []byte
	// Stored is what to remember beside the body, for the next request.
	Stored Stored
	// FreshFor is how long the answer may be used without asking again, within
	// the bounds of the Config. It is zero if Stored.NoStore.
	FreshFor time.Duration
	// Warnings are the Warning constants that apply, in no particular order.
	Warnings []string
}

// Get fetches r.URL. The error is a *fault.Error with one of the Reason
// constants; with an error the Response is nil.
func (c *Client) Get(ctx context.Context, r Request) (*Response, error) {
	to, err := parseTarget(r.URL)
	if err != nil {
		return nil, err
	}
	leave, err := c.turns.enter(ctx, to.origin())
	if err != nil {
		return nil, failWire(ctx, "waiting for a turn at this origin", err)
	}
	defer leave()

	ctx, cancel := context.WithTimeout(ctx, c.c.Timeout)
	defer cancel()
	conn, err := c.connect(ctx, to)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	// From here on the end of ctx ends every read and write.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	return c.exchange(ctx, conn, to, r)
}

func fail(kind fault.Kind, reason, detail string) *fault.Error {
	return &fault.Error{Kind: kind, Op: "safehttp.get", Reason: reason, Detail: detail}
}
