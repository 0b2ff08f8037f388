package tenant

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Tenant is one Auth0 tenant. It is an [http.Handler]; [Tenant.Listen] and
// [Tenant.Serve] put it on the wire. Make one with [New].
type Tenant struct {
	opts     Options
	domain   string   // host:port; Listen may complete it
	aliases  []string // likewise
	ca       *authority
	signer   *signer
	serve    map[string]func(*call) answer
	listener net.Listener

	mischief atomic.Pointer[func(int, *http.Request) Fault]
	latency  atomic.Pointer[Latency]
	meters   atomic.Pointer[meters]

	log   *requestLog
	watch *watch

	mu    sync.Mutex // guards all of state
	state state
}

// state is everything a tenant remembers.
type state struct {
	plan     Plan
	cimd     bool // client_id_metadata_document_supported
	clients  map[string]*client
	external map[string]string // external_client_id to client_id
	apis     map[string]*api   // by identifier
	grants   map[grant]*granted
	jtis     map[string]time.Time // used assertions, until they expire
	writes   map[string]*Writes   // by external_client_id
	ledgers  map[string]*ledger   // by client_id, also of deleted ones

	propagation Propagation
	seq         int // of the newest client or grant
}

// New makes a tenant. It fails for a reply name that does not exist and for a
// certificate authority that cannot be made, read or kept.
func New(opts Options) (*Tenant, error) {
	opts = opts.withDefaults()
	for name := range opts.Replies {
		if _, known := replies[name]; !known {
			return nil, fmt.Errorf("tenant: no reply is called %q", name)
		}
	}
	ca, err := openAuthority(opts.CADir)
	if err != nil {
		return nil, err
	}
	signer, err := newSigner(opts.SigningKey)
	if err != nil {
		return nil, err
	}
	t := &Tenant{
		opts: opts, domain: opts.Domain, aliases: append([]string(nil), opts.Aliases...),
		ca: ca, signer: signer, log: newRequestLog(opts.LogSize), watch: newWatch(),
	}
	t.serve = t.handlers()
	t.state = state{
		cimd: opts.CIMD, clients: map[string]*client{}, external: map[string]string{},
		apis: map[string]*api{}, grants: map[grant]*granted{},
		jtis: map[string]time.Time{}, writes: map[string]*Writes{}, ledgers: map[string]*ledger{},
	}
	t.addAPI(managementAPI)
	if err := t.SetPropagation(opts.propagation()); err != nil {
		return nil, err
	}
	t.SetPlan(opts.Plan)
	t.SetMischief(opts.Mischief)
	t.SetLatency(opts.Latency)
	if opts.Quirks.GlobalClient {
		t.addGlobalClient()
	}
	return t, nil
}

// Domain is the canonical domain with its port, for AUTH0_DOMAIN.
func (t *Tenant) Domain() string { return t.domain }

// Audience is the identifier of the Management API.
func (t *Tenant) Audience() string { return audienceOf(t.domain) }

func audienceOf(domain string) string { return "https://" + domain + "/api/v2/" }
func issuerOf(domain string) string   { return "https://" + domain + "/" }

// domainOf is the name under which the tenant was called, if it is one of its
// names, and the canonical domain otherwise.
func (t *Tenant) domainOf(r *http.Request) string {
	for _, alias := range t.aliases {
		if r.Host == alias {
			return alias
		}
	}
	return t.domain
}

// SetMischief replaces the mischief hook; nil ends all mischief.
func (t *Tenant) SetMischief(f func(n int, r *http.Request) Fault) {
	if f == nil {
		f = func(int, *http.Request) Fault { return Fault{} }
	}
	t.mischief.Store(&f)
}

// SetLatency replaces the delays of answers; the zero Latency ends them.
func (t *Tenant) SetLatency(l Latency) { t.latency.Store(&l) }

// SetPlan replaces the plan and starts with full buckets.
func (t *Tenant) SetPlan(p Plan) {
	t.mu.Lock()
	t.state.plan = p
	t.mu.Unlock()
	t.meters.Store(newMeters(p, t.opts.Quirks.ContinuousRefill))
}

// SetCIMD switches the setting client_id_metadata_document_supported.
func (t *Tenant) SetCIMD(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.cimd = on
}
