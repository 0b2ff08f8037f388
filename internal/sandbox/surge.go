package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"clientkeeper/internal/sandbox/lambda"
	"clientkeeper/internal/sandbox/tenant"
)

// SurgeParameters are the template's parameters for a surge. So many due secrets
// look like a mistake to the fuse, so it is told that they are meant. The
// schedule fires when nobody of us is there: the surge makes the runs itself.
var SurgeParameters = map[string]string{
	"MaximumConcurrency": "8", "AllowedHosts": "*.soak.example.com", "RotationCheck": "cron(0 0 1 1 ? 2199)",
	"FuseCount": "100000", "FuseShare": "1",
}

// A SurgeOrder says what happens at once.
type SurgeOrder struct {
	Secrets       int // that are due
	Registrations int // that are sent to the queue
	// Plan is the tenant's, as tenant.PlanNamed knows it. It is in force from
	// the moment in which the secrets are due; until then nothing is limited.
	Plan string
	// Progress, if not nil, is told from time to time.
	Progress func(SurgeProgress)
}

// SurgeProgress is how far a surge has got.
type SurgeProgress struct {
	Doing                                  string
	Rotated, Secrets, Registered, Messages int
	Throttled                              int
}

// A SurgeReport is what became of everything that was due at once. Times count
// from the start of the first run of the schedule.
type SurgeReport struct {
	Secrets, Rotated, NotRotated int
	Refused                      int // secrets whose AWSCURRENT does not log in
	Retried                      int // rotations that needed more than one attempt
	GivenUp                      int // rotations that Secrets Manager gave up
	FailedSteps                  int
	Runs, FailedRuns             int // of schedule-rotations

	Requests  int // to the Management API
	Throttled int // of them answered 429
	Logins    int // requests to the token endpoint
	Denied    int // of them answered 429
	// Refusals tells of the first requests that were answered 429.
	Refusals []string

	Registrations, Registered     int
	NotRegistered                 int
	DeadLettered                  int // messages in the dead-letter queue
	Waited                        int // messages that were put off because the tenant was busy
	Postponed                     int // how often, together
	BeforeLast                    int // registrations done before the last rotation was
	FirstRotation, LastRotation   time.Duration
	FirstRegistered, LastRegister time.Duration

	LongestStep     string
	LongestStepTook time.Duration
	Leaks           int
	Violations      []string
	Took            time.Duration
}

// ThrottledShare is the part of the requests to the Management API that was
// answered 429.
func (r SurgeReport) ThrottledShare() float64 {
	return float64(r.Throttled) / float64(max(r.Requests, 1))
}

// MostThrottled is the share of requests that may be answered 429. Of a few
// requests so many may be as instances that begin at once, before the first
// answer has told any of them what the others take.
const (
	MostThrottled = 0.01
	fewThrottled  = 5
)

// Bad reports whether a promise was broken.
func (r SurgeReport) Bad() bool {
	return r.NotRotated+r.GivenUp+r.Refused+r.NotRegistered+r.DeadLettered+r.Leaks+len(r.Violations) > 0 || r.Storm()
}

// Storm reports whether too many requests were answered 429.
func (r SurgeReport) Storm() bool {
	return r.Throttled > fewThrottled && r.ThrottledShare() >= MostThrottled
}

// A surge is the state of one.
type surge struct {
	*Sandbox
	order    SurgeOrder
	secrets  []*Rotated
	messages []Soaked
	next     int // the number of the next message
	before   int // requests to the tenant
	start    time.Time
	report   SurgeReport
}

// Surge makes many secrets due at the same moment, and registrations arrive at
// that moment too. Then it runs functions/schedule-rotations again and again, as
// its schedule would, until nothing is due, no rotation is in progress and no
// message is in the queue.
func (s *Sandbox) Surge(ctx context.Context, o SurgeOrder) (SurgeReport, error) {
	plan, err := tenant.PlanNamed(or(o.Plan, "enterprise-nonprod"))
	if err != nil {
		return SurgeReport{}, err
	}
	g := &surge{Sandbox: s, order: o}
	if err := g.seed(ctx); err != nil {
		return SurgeReport{}, fmt.Errorf("preparing the secrets: %w", err)
	}
	g.Tenant.SetPlan(plan)
	g.before, g.start = g.Tenant.Counts().Requests, time.Now()
	if err := g.send(ctx, o.Registrations); err != nil {
		return SurgeReport{}, err
	}
	stop := g.follow()
	err = g.rotate(ctx)
	if err == nil {
		err = s.awaitSoak(ctx, len(g.messages), nil)
	}
	stop()
	g.report.Took = time.Since(g.start)
	g.count(context.WithoutCancel(ctx)) // whoever has no more time wants to know how far it got
	return g.report, err
}

// scheduleAnswer is what functions/schedule-rotations says of a run.
type scheduleAnswer struct {
	Started, Left int
}

// rotate runs the schedule until it has nothing to do any more.
func (g *surge) rotate(ctx context.Context) error {
	for {
		a, err := g.schedule(ctx)
		if err != nil {
			return err
		}
		if a.Started+a.Left > 0 {
			continue
		}
		if err := g.Secrets.Idle(ctx); err != nil {
			return fmt.Errorf("rotations are still in progress: %w", err)
		}
		if a, err = g.schedule(ctx); err != nil || a.Started+a.Left == 0 {
			return err
		}
	}
}

// schedule makes one run, which ends at the latest with the function's time and
// leaves the rest to the next. As the schedule's events do while a run goes on,
// the next one waits for its end. A run that failed does not say what it did,
// and is followed by another.
func (g *surge) schedule(ctx context.Context) (scheduleAnswer, error) {
	for {
		r, err := g.Lambda.Invoke(ctx, lambda.Invocation{Function: "ScheduleRotationsFunction", Payload: []byte(`{}`)})
		busy, ok := errors.AsType[*lambda.APIError](err)
		switch {
		case ok && busy.Status == http.StatusTooManyRequests:
		case err != nil:
			return scheduleAnswer{}, err
		case r.FunctionError == "":
			g.report.Runs++
			var a scheduleAnswer
			return a, json.Unmarshal(r.Payload, &a)
		default:
			g.report.Runs++
			g.report.FailedRuns++
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return scheduleAnswer{}, ctx.Err()
		}
	}
}

// follow tells about the progress until it is stopped.
func (g *surge) follow() (stop func()) {
	if g.order.Progress == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				g.order.Progress(g.progress())
			case <-done:
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}

func (g *surge) progress() SurgeProgress {
	p := SurgeProgress{Doing: "rotating", Secrets: len(g.secrets), Messages: len(g.messages), Throttled: g.Tenant.Counts().Throttled}
	current := g.currents()
	for _, r := range g.secrets {
		if current[r.ARN] != r.Before {
			p.Rotated++
		}
	}
	for _, m := range g.messages {
		if g.Tenant.Writes(m.URL).Created > 0 {
			p.Registered++
		}
	}
	return p
}

// currents are the versions that are AWSCURRENT, by ARN.
func (s *Sandbox) currents() map[string]string {
	out := map[string]string{}
	for _, v := range s.Secrets.Snapshot() {
		out[v.ARN] = holder(v, "AWSCURRENT")
	}
	return out
}
