package auth0

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

// A well is a bucket that gains a few requests every second, up to its burst.
type well struct {
	burst, gain int

	mu             sync.Mutex
	left           int
	at             time.Time
	asked, refused int
}

func (b *well) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/token" {
		grantToken(w, canaryToken, 86400)
		return
	}
	time.Sleep(rand.N(lag)) // what an answer says is old when it arrives
	defer func() { time.Sleep(rand.N(lag)) }()
	b.mu.Lock()
	now := time.Now().Truncate(time.Second)
	if b.at.IsZero() {
		b.left, b.at = b.burst, now
	}
	b.left, b.at = min(b.burst, b.left+b.gain*int(now.Sub(b.at)/time.Second)), now
	ok := b.left > 0
	b.left -= min(b.left, 1)
	b.asked++
	if !ok {
		b.refused++
	}
	w.Header().Set("X-RateLimit-Limit", strconv.Itoa(b.burst))
	w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(b.left))
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(now.Unix()+1, 10))
	b.mu.Unlock()
	if !ok {
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	fmt.Fprint(w, `{"client_id":"a"}`)
}

const lag = 200 * time.Millisecond // at most, of a request and of an answer

// instances are those of one function: the one that was used last is used
// first, and where all are busy there is a new one.
type instances struct {
	make func() *Client

	mu   sync.Mutex
	idle []*Client
}

func (i *instances) with(f func(*Client) error) error {
	i.mu.Lock()
	var c *Client
	if n := len(i.idle); n > 0 {
		c, i.idle = i.idle[n-1], i.idle[:n-1]
	}
	i.mu.Unlock()
	if c == nil {
		c = i.make()
	}
	err := f(c)
	i.mu.Lock()
	i.idle = append(i.idle, c)
	i.mu.Unlock()
	return err
}

// A surge is much urgent work and much bulk work that begin together. The
// instances know nothing of each other.
type surge struct {
	t     *testing.T
	well  *well
	start time.Time
	wg    sync.WaitGroup

	mu               sync.Mutex
	waiting          int // bulk calls
	failed           int // urgent steps that had to be done again
	rotated, settled time.Duration
}

// bulk has calls made by eight instances, five at a time. What is refused comes
// again later, as a message does.
func (s *surge) bulk(calls int) {
	queue := make(chan struct{}, calls)
	s.waiting = calls
	for range calls {
		queue <- struct{}{}
	}
	for range 8 {
		c := inMemory(s.t, s.well)
		for range 5 {
			s.wg.Go(func() {
				for range queue {
					s.one(c, queue)
				}
			})
		}
	}
}

func (s *surge) one(c *Client, queue chan struct{}) {
	if _, err := c.Client(s.t.Context(), "a"); err != nil {
		s.wg.Go(func() {
			time.Sleep(max(fault.RetryAfter(err), 15*time.Second+rand.N(15*time.Second)))
			queue <- struct{}{}
		})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled = time.Since(s.start)
	if s.waiting--; s.waiting == 0 {
		close(queue)
	}
}

// rotate makes the calls of one rotation: two, and one half a minute later.
func (s *surge) rotate(from *instances) {
	get := func(c *Client) error { _, err := c.Client(s.t.Context(), "a"); return err }
	steps := []func(*Client) error{get, get, func(*Client) error { time.Sleep(30 * time.Second); return nil }, get}
	for i := 0; i < len(steps); i++ {
		if from.with(steps[i]) != nil {
			s.mu.Lock()
			s.failed++
			s.mu.Unlock()
			i = -1
			time.Sleep(time.Second)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotated = time.Since(s.start)
}

// A thousand rotations, started as fast as the smallest Enterprise plan can
// bear, and bulk work beside them: nobody storms the tenant, the rotations end
// as if they were alone, and the bulk work is done with what they leave.
func TestUrgentWorkGoesBeforeBulkWork(t *testing.T) {
	const rotations, calls, pace = 1000, 300, 2 * time.Second
	synctest.Test(t, func(t *testing.T) {
		s := &surge{t: t, well: &well{burst: 10, gain: 2}, start: time.Now()}
		s.bulk(calls)
		urgent := &instances{make: func() *Client {
			return inMemory(t, s.well, func(c *Config) { c.Priority, c.MaxWait = Urgent, time.Minute })
		}}
		for range rotations {
			s.wg.Go(func() { s.rotate(urgent) })
			time.Sleep(pace)
		}
		s.wg.Wait()
		if share := float64(s.well.refused) / float64(s.well.asked); share >= 0.01 {
			t.Errorf("%d of %d requests were refused: %.1f%%", s.well.refused, s.well.asked, 100*share)
		}
		// A call may be refused by chance each time that it is tried, in one of
		// some hundred runs. Without priority more than ten of them are.
		if s.failed > 3 || s.rotated > rotations*pace+2*time.Minute {
			t.Errorf("%d steps failed, and the last rotation was done after %v", s.failed, s.rotated)
		}
		if s.waiting > 0 || s.settled < 5*time.Minute || s.settled > rotations*pace {
			t.Errorf("bulk work was done after %v", s.settled)
		}
		t.Logf("%d of %d requests refused; rotations done after %v, bulk work after %v", s.well.refused, s.well.asked, s.rotated, s.settled)
	})
}
