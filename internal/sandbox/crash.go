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
)

// The crash matrix breaks a rotation at every remote call it makes, in every
// way there is, and looks after every call whether a promise is broken.
//
// Each try has a world of its own: a tenant and a Secrets Manager on the wire,
// and the code of functions/rotate-secret and functions/schedule-rotations in
// this process. The calls are those that an undisturbed rotation of the same
// kind made, so a call that is added to the code is broken without anybody
// listing it.
//
//	way                  which calls  the call     the caller
//	killed before        all          is not made  is dead, and begins again as another process
//	killed after         all          is made      likewise, without the answer
//	fails                writes       is not made  gets a 5xx, once
//	fails, persistently  writes       is not made  gets a 5xx, as often as it repeats the call
//	answer lost          writes       is made      gets a 5xx, once
//	answer dropped       writes       is made      loses its connection, once
//	answers lost         writes       is made      gets a 5xx, as often as it repeats the call
//
// Secrets Manager then tries again by its rules, and where it gives up, the
// rotation is started once more.

// CrashOptions say what to break. The zero options break everything.
type CrashOptions struct {
	// Kinds are names of [CrashKinds]; none means all.
	Kinds []string
	// Every tries every n-th point only; 0 and 1 mean all.
	Every int
	// Parallel is how many worlds there are at once; 0 means 16.
	Parallel int
	// Progress is told how far it is, by one goroutine at a time.
	Progress func(kind string, done, total int)
}

// A CrashReport is what the matrix found.
type CrashReport struct {
	Kinds []CrashResult
	Took  time.Duration
}

// Bad reports whether a promise was broken.
func (r CrashReport) Bad() bool {
	return slices.ContainsFunc(r.Kinds, func(k CrashResult) bool { return k.Bad() })
}

// A CrashResult is what the matrix found for one kind of rotation.
type CrashResult struct {
	Kind   string
	Calls  int // remote calls of an undisturbed rotation
	Points int // calls and ways to break them that were tried
	Missed int // points that a try never came to: it made fewer calls
	Checks int // looks at the world, one after each remote call

	Lost       int // worlds that ended without a stored credential that logs in
	Gaps       int // looks that found no stored credential that logs in, now and to stay
	Doubled    int // changes that were made twice
	Unfinished int // rotations that were not over in the end
	Left       int // things left over or touched that are not ours, see Problems

	// Unstored counts looks that found that the tenant had made a secret which
	// was not stored yet: the price of the strategy tenant-generated, which is
	// no gap as long as it ends. Undone are secrets of that strategy that could
	// not be stored, and that the tenant was made to forget.
	Unstored        int
	LongestUnstored time.Duration
	Undone          int

	// Waiting counts looks that found that the stored secret of a client which
	// has just been switched from keys to a secret will log in, but does not
	// yet: this tenant takes no secret of a client that uses keys, so it cannot
	// have spread before. It is the price of such a tenant alone.
	Waiting int

	Restarted int           // tries in which Secrets Manager gave up and was asked again
	Recovery  time.Duration // the longest from a fault to the end of the rotation

	Problems []string // one line each, without a secret
}

// Bad reports whether a promise was broken.
func (r CrashResult) Bad() bool {
	return r.Lost+r.Gaps+r.Doubled+r.Unfinished+r.Left+len(r.Problems) > 0 || r.Points == 0
}

const crashParallel = 16 // most of a try is waiting

// CrashMatrix runs the matrix. An error means that it could not be run; what it
// found is in the report.
func CrashMatrix(ctx context.Context, o CrashOptions) (CrashReport, error) {
	start := time.Now()
	kinds, err := crashKindsNamed(o.Kinds)
	if err != nil {
		return CrashReport{}, err
	}
	dir, err := os.MkdirTemp("", "clientkeeper-crash-")
	if err != nil {
		return CrashReport{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	shared, err := newCrashShared(dir)
	if err != nil {
		return CrashReport{}, err
	}
	m := &crashMatrix{shared: shared, options: o, start: start}
	if err := m.record(ctx, kinds); err != nil {
		return m.report(), err
	}
	err = m.breakAll(ctx, kinds)
	return m.report(), err
}

// A crashMatrix is a matrix while it runs.
type crashMatrix struct {
	shared  *crashShared
	options CrashOptions
	start   time.Time

	mu      sync.Mutex
	results []CrashResult
	points  [][]crashPoint
	done    int
	total   int
}

func (m *crashMatrix) group(ctx context.Context) (*errgroup.Group, context.Context) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cmp.Or(m.options.Parallel, crashParallel))
	return g, ctx
}

// record rotates each kind undisturbed and takes down what it calls. A kind
// that is broken already is not broken further.
func (m *crashMatrix) record(ctx context.Context, kinds []crashKind) error {
	m.results, m.points = make([]CrashResult, len(kinds)), make([][]crashPoint, len(kinds))
	g, ctx := m.group(ctx)
	for i, k := range kinds {
		g.Go(func() error {
			plain, err := crashTry(ctx, m.shared, k, nil)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			r := CrashResult{Kind: k.name, Calls: len(plain.calls)}
			r.add(plain, nil)
			m.mu.Lock()
			defer m.mu.Unlock()
			m.results[i] = r
			if len(r.Problems) == 0 {
				m.points[i] = thinned(crashPoints(plain.calls), m.options.Every)
				m.total += len(m.points[i])
			}
			return nil
		})
	}
	return g.Wait()
}

// breakAll tries every point of every kind.
func (m *crashMatrix) breakAll(ctx context.Context, kinds []crashKind) error {
	g, ctx := m.group(ctx)
	for i, k := range kinds {
		for _, p := range m.points[i] {
			g.Go(func() error {
				try, err := crashTry(ctx, m.shared, k, &p)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", k.name, p, err)
				}
				m.mu.Lock()
				defer m.mu.Unlock()
				m.results[i].add(try, &p)
				m.done++
				if m.options.Progress != nil {
					m.options.Progress(k.name, m.done, m.total)
				}
				return nil
			})
		}
	}
	return g.Wait()
}

func (m *crashMatrix) report() CrashReport {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.results {
		slices.Sort(r.Problems)
	}
	return CrashReport{Kinds: m.results, Took: time.Since(m.start)}
}

func crashKindsNamed(names []string) ([]crashKind, error) {
	if len(names) == 0 {
		return crashKinds, nil
	}
	var out []crashKind
	for _, name := range names {
		i := slices.IndexFunc(crashKinds, func(k crashKind) bool { return k.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no kind %q; there are %q", name, CrashKinds())
		}
		out = append(out, crashKinds[i])
	}
	return out, nil
}

func thinned(points []crashPoint, every int) []crashPoint {
	var out []crashPoint
	for i := 0; i < len(points); i += max(1, every) {
		out = append(out, points[i])
	}
	return out
}

// add counts what became of a try; p is nil for the undisturbed one.
func (r *CrashResult) add(t *crashOutcome, p *crashPoint) {
	title := "undisturbed"
	if p != nil {
		title = p.String()
		r.Points++
		if !t.struck {
			r.Missed++
		}
	}
	r.Checks += t.checks
	r.Lost += t.lost
	r.Gaps += t.gaps
	r.Doubled += t.doubled
	r.Unfinished += t.unfinished
	r.Left += t.left
	r.Unstored += t.unstored
	r.Undone += t.undone
	r.Waiting += t.waiting
	r.LongestUnstored = max(r.LongestUnstored, t.longestUnstored)
	r.Recovery = max(r.Recovery, t.recovery)
	if t.restarts > 0 {
		r.Restarted++
	}
	for _, problem := range t.problems {
		r.Problems = append(r.Problems, title+": "+problem)
	}
}

// crashTry makes a world, rotates in it, breaks the point, and sees it through
// to the end.
func crashTry(ctx context.Context, shared *crashShared, k crashKind, p *crashPoint) (_ *crashOutcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, crashLimit)
	defer cancel()
	w, err := newCrashWorld(shared, k)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	w.stage.arm(p)
	if err := w.rotate(ctx); err != nil {
		return nil, err
	}
	if err := w.tidy(ctx); err != nil {
		return nil, err
	}
	return w.outcome(), nil
}

// crashLimit bounds a try; one takes seconds.
const crashLimit = 10 * time.Minute
