package rotation

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/clientsecret"
)

// consumer logs in ten times a second with what is stored.
type consumer struct {
	w                        *world
	logins, failed, failedNo int // with the documented fallback, and without
	worst                    int // rounds of the fallback
	done                     chan struct{}
}

// fallback is what the package comment asks of consumers.
const (
	rounds     = 60
	roundEvery = 500 * time.Millisecond
)

func (c *consumer) run() {
	for {
		select {
		case <-c.done:
			return
		case <-time.After(100 * time.Millisecond):
		}
		c.logins++
		if !c.try(Current) {
			c.failedNo++
		}
		if !c.withFallback() {
			c.failed++
		}
	}
}

func (c *consumer) withFallback() bool {
	for round := range rounds {
		c.worst = max(c.worst, round+1)
		for _, label := range []string{Current, Pending, Previous} {
			if c.try(label) {
				return true
			}
		}
		time.Sleep(roundEvery)
	}
	return false
}

func (c *consumer) try(label string) bool {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	s := c.w.seen(c.w.storeLag).secrets[arn]
	v, ok := s.values[s.has(label)]
	if !ok {
		return false
	}
	p, err := clientsecret.Parse(secretOf(v))
	return err == nil && c.w.login(p) == Accepted
}

func TestAConsumerSeesNoFailure(t *testing.T) {
	rotations := 100
	if testing.Short() {
		rotations = 20
	}
	kinds := map[string]func(i int) map[string]string{
		"secret":             func(int) map[string]string { return map[string]string{TagKind: KindSecret} },
		"made by the tenant": func(int) map[string]string { return map[string]string{TagStrategy: StrategyGenerated} },
		"key":                func(int) map[string]string { return map[string]string{TagKind: KindKey} },
		"back and forth": func(i int) map[string]string {
			return map[string]string{TagKind: []string{KindSecret, KindKey, KindKey, KindSecret}[i%4]}
		},
	}
	for name, tags := range kinds {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				r := w.rotator()
				w.put(nil, secretJSON("initial"))
				w.storeLag = 200 * time.Millisecond
				time.Sleep(time.Hour)
				c := &consumer{w: w, done: make(chan struct{})}
				go c.run()
				for i := range rotations {
					w.edit(func(s *fakeSecret) {
						maps.Copy(s.Tags, tags(i))
						s.Tags[TagOverlap] = "10s"
					})
					if err := w.engine(r, tokenOf(i), 3); err != nil {
						t.Fatalf("rotation %d: %v", i, err)
					}
					time.Sleep(20 * time.Second)
				}
				close(c.done)
				synctest.Wait()
				w.report()
				if c.failed > 0 || c.logins < rotations {
					t.Errorf("%d of %d logins failed", c.failed, c.logins)
				}
				t.Logf("%d logins, %d would have failed without the fallback, which took %d rounds at most", c.logins, c.failedNo, c.worst)
			})
		})
	}
}
