package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// count looks at what has become of everything.
func (g *surge) count(ctx context.Context) {
	r := &g.report
	r.Leaks, r.Violations, r.DeadLettered = g.Leaks(), g.Tenant.Violations(), len(g.Letters())
	g.countSteps()
	g.countRequests()
	g.countRegistrations()
	current := g.currents()
	for _, each := range g.secrets {
		r.Secrets++
		if current[each.ARN] == each.Before {
			r.NotRotated++
		} else {
			r.Rotated++
		}
		if g.logsIn(ctx, each) != nil {
			r.Refused++
		}
	}
}

func (g *surge) countSteps() {
	g.steps.mu.Lock()
	defer g.steps.mu.Unlock()
	r := &g.report
	retried, attempts := map[string]bool{}, map[string]int{}
	for _, e := range g.steps.all {
		if e.At.Before(g.start) {
			continue
		}
		if e.Attempt > 1 {
			retried[e.Token] = true
		}
		if e.Outcome != secretsmanager.Succeeded {
			r.FailedSteps++
			attempts[e.Token] = e.Attempt
		}
		if e.Duration > r.LongestStepTook {
			r.LongestStepTook, r.LongestStep = e.Duration, e.Step+" of "+e.Name
		}
		if e.Step == "finishSecret" && e.Outcome == secretsmanager.Succeeded {
			g.within(&r.FirstRotation, &r.LastRotation, e.At.Add(e.Duration))
			delete(attempts, e.Token)
		}
	}
	r.Retried, r.GivenUp = len(retried), len(attempts)
}

// within makes a span include a moment.
func (g *surge) within(first, last *time.Duration, at time.Time) {
	after := at.Sub(g.start)
	if *first == 0 || after < *first {
		*first = after
	}
	*last = max(*last, after)
}

func (g *surge) countRequests() {
	r := &g.report
	for _, e := range g.Tenant.Log() {
		if e.N <= g.before {
			continue
		}
		all, throttled := &r.Logins, &r.Denied
		if strings.HasPrefix(e.Path, "/api/v2/") {
			all, throttled = &r.Requests, &r.Throttled
		}
		*all++
		if e.Status == http.StatusTooManyRequests {
			*throttled++
			r.Refusals = append(r.Refusals, fmt.Sprintf("%.1fs %s %s", e.Time.Sub(g.start).Seconds(), e.Method, e.Path))
		}
		if e.Route == "register" && e.Applied {
			g.within(&r.FirstRegistered, &r.LastRegister, e.Time)
			if e.Time.Sub(g.start) < r.LastRotation {
				r.BeforeLast++
			}
		}
	}
}

func (g *surge) countRegistrations() {
	r := &g.report
	r.Registrations = len(g.messages)
	for _, m := range g.messages {
		if g.Tenant.Writes(m.URL).Created == 1 {
			r.Registered++
		} else {
			r.NotRegistered++
		}
	}
	for _, lines := range g.Journal.All() {
		times := 0
		for _, l := range lines {
			if l.Outcome == "postponed" {
				times++
			}
		}
		r.Postponed += times
		r.Waited += min(times, 1)
	}
}
