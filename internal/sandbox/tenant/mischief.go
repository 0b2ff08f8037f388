package tenant

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// ParseMischief reads rules such as
//
//	register=502-after:5%,token=drop-before:x2,*=429:2%
//
// and returns a hook for [Options.Mischief] or [Tenant.SetMischief]. Each rule
// is route=fault:share. The first rule that strikes decides.
//
// A route is a name from the request log (register, preview, list, get,
// create, update, delete, rotate, token, credential-create ...), "writes" for
// everything that can change something, or "*".
//
// A fault is a status of 400 or more, or "drop" for a connection that is
// closed, or "drip" (the body takes two seconds, or as long as in drip-500ms),
// or "delay" likewise; words after a status or drop say more:
//
//	before   nothing was done (the default)
//	after    it was done, only the answer is lost
//	html     the body is a proxy's page
//	bare     no rate limit headers
//	retry7   with Retry-After: 7
//
// A share is a percentage, or x2 for the first two requests that match, or #3
// for the third alone. Without one the rule always strikes.
//
// Which requests are struck depends on seed and on their order within the
// rule, not on time. Empty text gives a hook that does nothing.
func ParseMischief(text string, seed uint64) (func(n int, r *http.Request) Fault, error) {
	var rules []*rule
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		r, err := parseRule(part)
		if err != nil {
			return nil, fmt.Errorf("tenant: mischief %q: %w", part, err)
		}
		r.seed, r.stream = seed, uint64(len(rules))
		rules = append(rules, r)
	}
	return func(_ int, req *http.Request) Fault {
		rt, _ := match(req)
		for _, r := range rules {
			if r.matches(rt) && r.strikes() {
				return r.fault
			}
		}
		return Fault{}
	}, nil
}

// A rule strikes some of the requests to a route.
type rule struct {
	route        string
	fault        Fault
	percent      float64
	first, only  uint64 // if not zero, instead of percent
	seed, stream uint64
	seen         atomic.Uint64
}

func (r *rule) matches(rt route) bool {
	switch r.route {
	case "*":
		return true
	case "writes":
		return rt.management() && rt.method != http.MethodGet && rt.name != routePreview
	}
	return r.route == rt.name
}

// strikes counts a matching request and decides its fate.
func (r *rule) strikes() bool {
	n := r.seen.Add(1)
	switch {
	case r.first > 0:
		return n <= r.first
	case r.only > 0:
		return n == r.only
	}
	return rand.New(rand.NewPCG(r.seed, r.stream<<32|n)).Float64()*100 < r.percent
}

func parseRule(s string) (*rule, error) {
	name, rest, found := strings.Cut(s, "=")
	if !found {
		return nil, fmt.Errorf("want route=fault:share")
	}
	if !knownRoute(name) {
		known := []string{"*", "writes"}
		for _, rt := range routes {
			known = append(known, rt.name)
		}
		return nil, fmt.Errorf("no route is called %q; there are %s", name, strings.Join(slices.Compact(known), ", "))
	}
	words, share, _ := strings.Cut(rest, ":")
	r := &rule{route: name}
	if err := r.parseShare(share); err != nil {
		return nil, err
	}
	var err error
	r.fault, err = parseFault(strings.Split(words, "-"))
	return r, err
}

func knownRoute(name string) bool {
	return name == "*" || name == "writes" ||
		slices.ContainsFunc(routes, func(rt route) bool { return rt.name == name })
}

func (r *rule) parseShare(s string) (err error) {
	switch {
	case s == "":
		r.percent = 100
	case s[0] == 'x':
		r.first, err = strconv.ParseUint(s[1:], 10, 31)
	case s[0] == '#':
		r.only, err = strconv.ParseUint(s[1:], 10, 31)
	default:
		r.percent, err = strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
		if err == nil && (!strings.HasSuffix(s, "%") || !(r.percent >= 0 && r.percent <= 100)) {
			err = strconv.ErrRange
		}
	}
	if err != nil {
		return fmt.Errorf("share %q is neither a percentage, nor x2, nor #2", s)
	}
	return nil
}

const defaultSlowness = 2 * time.Second

func parseFault(words []string) (Fault, error) {
	var f Fault
	head, rest := words[0], words[1:]
	switch head {
	case "drop":
		f.HangUp = true
	case "drip", "delay":
		return parseSlowness(head, rest)
	default:
		status, err := strconv.Atoi(head)
		if err != nil || status < 400 || status > 599 {
			return f, fmt.Errorf("fault %q is neither drop, drip, delay, nor a status of 400 to 599", head)
		}
		f.Status = status
	}
	for _, w := range rest {
		if err := f.qualify(w); err != nil {
			return Fault{}, err
		}
	}
	return f, nil
}

func parseSlowness(head string, rest []string) (Fault, error) {
	d := defaultSlowness
	if len(rest) > 0 {
		var err error
		if d, err = time.ParseDuration(rest[0]); err != nil || d <= 0 || len(rest) > 1 {
			return Fault{}, fmt.Errorf("%s wants one duration, as in %s-500ms", head, head)
		}
	}
	if head == "drip" {
		return Fault{Drip: d}, nil
	}
	return Fault{Delay: d}, nil
}

func (f *Fault) qualify(word string) error {
	switch word {
	case "before":
	case "after":
		f.Applied = true
	case "html":
		f.HTML = true
	case "bare":
		f.NoHeaders = true
	default:
		seconds, isRetry := strings.CutPrefix(word, "retry")
		n, err := strconv.Atoi(seconds)
		if !isRetry || err != nil || n <= 0 {
			return fmt.Errorf("fault word %q is none of before, after, html, bare, retry7", word)
		}
		f.RetryAfter = n
	}
	return nil
}
