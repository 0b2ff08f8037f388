package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	cred "clientkeeper/internal/credential"
)

// The crash matrix of what functions/api makes: as that of rotations, but a
// request is broken at every remote call it makes, in every way, and then sent
// again with its Idempotency-Key, by another process if the first was killed,
// until there is an answer. Then there has to be one of everything, nothing
// that the doctor would have to name, and the same answer once more.

// A makingKind is a kind of request.
type makingKind struct {
	name string
	// client, if set, makes a client; else credential is made for one.
	client     *cred.NewClient
	credential *cred.NewCredential
	own        bool // the credential is the caller's own key
	refused    bool // by the tenant: nothing may be left
}

const (
	makingAPI   = "https://orders.example.com"
	otherAPI    = "https://stock.example.com"
	missingAPI  = "https://nowhere.example.com"
	makingLimit = 2 * time.Minute // of one try; it takes a second
)

func machine(method string, audiences ...string) *cred.NewClient {
	n := &cred.NewClient{Name: "orders", AuthMethod: method, RequestedBy: "alice", Quota: cred.Quota{PerHour: 60, Enforce: true},
		Tags: map[string]string{"team": "payments"}}
	for _, a := range audiences {
		n.Grants = append(n.Grants, cred.Grant{Audience: a})
	}
	return n
}

var makingKinds = []makingKind{
	{name: "make-client-key", client: machine(cred.PrivateKeyJWT, makingAPI, otherAPI)},
	{name: "make-client-secret", client: machine(cred.ClientSecretPost, makingAPI)},
	{name: "make-client-refused", client: machine(cred.PrivateKeyJWT, makingAPI, missingAPI), refused: true},
	{name: "add-key", credential: &cred.NewCredential{Name: "ci", ExpiresIn: time.Hour}},
	{name: "add-key-attached", credential: &cred.NewCredential{Attach: true}},
	{name: "add-own-key", credential: &cred.NewCredential{}, own: true},
	{name: "add-own-key-attached", credential: &cred.NewCredential{Attach: true}, own: true},
}

// MakingKinds are the names of the kinds of request that [MakingMatrix] breaks.
func MakingKinds() []string {
	var out []string
	for _, k := range makingKinds {
		out = append(out, k.name)
	}
	return out
}

// MakingMatrix runs the matrix of what is made. Of a result, Lost counts answers
// whose credential does not log in or is not stored, Gaps the looks that found a
// key in use that was stored nowhere, Doubled what is there twice, Unfinished
// requests without an answer or with another the second time, Left what nobody
// owns.
func MakingMatrix(ctx context.Context, o CrashOptions) (CrashReport, error) {
	start := time.Now()
	dir, err := os.MkdirTemp("", "clientkeeper-making-")
	if err != nil {
		return CrashReport{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	shared, err := newCrashShared(dir)
	if err != nil {
		return CrashReport{}, err
	}
	m := &makingMatrix{shared: shared, options: o}
	for _, k := range makingKinds {
		if len(o.Kinds) > 0 && !slices.Contains(o.Kinds, k.name) {
			continue
		}
		if err := m.kind(ctx, k); err != nil {
			return CrashReport{Kinds: m.results, Took: time.Since(start)}, fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return CrashReport{Kinds: m.results, Took: time.Since(start)}, nil
}

// A makingMatrix is a matrix while it runs.
type makingMatrix struct {
	shared  *crashShared
	options CrashOptions
	results []CrashResult
}

// kind makes a thing undisturbed, and then breaks every call that this took.
func (m *makingMatrix) kind(ctx context.Context, k makingKind) error {
	plain, err := makingTry(ctx, m.shared, k, nil)
	if err != nil {
		return err
	}
	r := CrashResult{Kind: k.name, Calls: len(plain.calls)}
	r.add(plain, nil)
	if len(r.Problems) == 0 {
		err = m.breakAll(ctx, k, &r, thinned(crashPoints(plain.calls), m.options.Every))
	}
	slices.Sort(r.Problems)
	m.results = append(m.results, r)
	return err
}

func (m *makingMatrix) breakAll(ctx context.Context, k makingKind, r *CrashResult, points []crashPoint) error {
	var mu sync.Mutex
	done := 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cmp.Or(m.options.Parallel, crashParallel))
	for _, p := range points {
		g.Go(func() error {
			try, err := makingTry(ctx, m.shared, k, &p)
			if err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			mu.Lock()
			defer mu.Unlock()
			r.add(try, &p)
			done++
			if m.options.Progress != nil {
				m.options.Progress(k.name, done, len(points))
			}
			return nil
		})
	}
	return g.Wait()
}

// makingTry makes a world, sends the request in it, breaks the point, and sees
// it through to the end.
func makingTry(ctx context.Context, shared *crashShared, k makingKind, p *crashPoint) (_ *crashOutcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, makingLimit)
	defer cancel()
	w, err := newMakingWorld(ctx, shared, k)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	w.stage.arm(p)
	w.insist(ctx)
	w.conclude(ctx)
	return &w.out, nil
}
