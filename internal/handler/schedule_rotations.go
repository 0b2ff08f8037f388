package handler

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"clientkeeper/internal/event"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/rotation"
	"clientkeeper/internal/telemetry"
)

// Catalog lists managed secrets and starts their rotation.
type Catalog interface {
	List(context.Context) ([]rotation.Secret, error)
	Rotate(ctx context.Context, id, token string) error
}

// Doctor examines a secret, repairs what is safe to repair, and ends the
// overlap of old keys.
type Doctor interface {
	Examine(ctx context.Context, id string) ([]rotation.Finding, error)
	Repair(context.Context, rotation.Finding) (bool, error)
	Retire(ctx context.Context, id string) (moves int, err error)
	// Due looks once more whether a rotation is due. An empty why: it is.
	Due(ctx context.Context, now time.Time, id string, policy rotation.Policy) (s rotation.Start, why string, err error)
}

// ScheduleRotations handles the schedule's events. Its fields are set once; it
// keeps nothing between two runs.
type ScheduleRotations struct {
	Catalog Catalog
	Doctor  Doctor
	Policy  rotation.Policy
	// Pace is the least time between two starts, so that the tenant is not
	// asked for everything at once.
	Pace time.Duration
	// Every is the time between two runs; what comes to its end in between has
	// to be found by the next. Zero means often.
	Every time.Duration
	// Records are those of requests to the API; nil: there are none. See [Records].
	Records Records
	// Sample is how many secrets a run looks into although nothing seems wrong
	// with them: does what is stored log in? Runs take turns, so that each
	// secret is looked into once in a while.
	Sample int
	// Tenant is asked before the first start; nil is not asked. See [Tenant].
	Tenant  Tenant
	Log     *slog.Logger
	Metrics telemetry.Metrics
	Events  *event.Announcer // nil sends none
	// Observe is as in [RegisterClient].
	Observe func(ctx context.Context, correlationID string) (context.Context, func() int)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// ScheduleEvent is what a schedule, or a person, asks for. The scheduler's own
// envelope has none of these members, which means an ordinary run.
type ScheduleEvent struct {
	// Force starts what is due although the fuse has tripped.
	Force bool `json:"force"`
}

// ScheduleAnswer is what a run did.
type ScheduleAnswer struct {
	Managed  int `json:"managed"`
	Started  int `json:"started"`
	Left     int `json:"left"` // due, and left to the next run
	Retired  int `json:"retired"`
	Stuck    int `json:"stuck"`
	Blocked  int `json:"blocked"` // never due as they are, until a person has seen to them
	Repaired int `json:"repaired"`
	Failed   int `json:"failed"`
	Expired  int `json:"expired"` // records of requests that were deleted
	// LockedOut counts the secrets whose AWSCURRENT the tenant refused.
	LockedOut int    `json:"locked_out"`
	Fuse      string `json:"fuse,omitempty"`

	listed bool // the secrets could be listed
}

// Handle makes one run. Its error says that the run did not do its work: the
// list could not be read, the fuse has tripped, or something failed that the
// log names. Lambda then makes the run again, which is harmless.
func (h *ScheduleRotations) Handle(ctx context.Context, ev ScheduleEvent) (out ScheduleAnswer, err error) {
	log := h.Log
	id := "schedule"
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		id = lc.AwsRequestID
		log = log.With("request_id", id)
	}
	ctx, cancel := keepBack(ctx)
	defer cancel()
	if h.Observe != nil {
		ctx, _ = h.Observe(ctx, id)
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked("handler.schedule_rotations", p)
		}
		h.measure(ctx, out, err)
		attrs := []any{"managed", out.Managed, "started", out.Started, "left", out.Left, "retired", out.Retired,
			"stuck", out.Stuck, "blocked", out.Blocked, "repaired", out.Repaired, "failed", out.Failed}
		if err != nil {
			log.ErrorContext(ctx, "run", append(attrs, "reason", fault.Reason(err), "err", err)...)
			err = errors.New(telemetry.ErrorText(err))
			return
		}
		log.InfoContext(ctx, "run", attrs...)
	}()
	r := run{ScheduleRotations: h, log: log, id: id, out: &out}
	return out, r.all(ctx, ev)
}

// measure writes what the run did, to alarm on. A list that could not be read
// says nothing of the secrets.
func (h *ScheduleRotations) measure(ctx context.Context, out ScheduleAnswer, err error) {
	h.Metrics.Put(nil, append(timeLeft(ctx), telemetry.FuseTripped.If(out.Fuse != ""))...)
	if err != nil && !out.listed {
		h.Metrics.Put(nil, telemetry.ScheduleFailures.Of(1))
		return
	}
	count := func(d telemetry.Definition, n int) telemetry.Metric { return d.Of(float64(n)) }
	h.Metrics.Put(nil, count(telemetry.SecretsManaged, out.Managed), count(telemetry.SecretsLockedOut, out.LockedOut),
		count(telemetry.RotationsStarted, out.Started), count(telemetry.RotationsLeft, out.Left),
		count(telemetry.RotationsStuck, out.Stuck), count(telemetry.RotationsBlocked, out.Blocked),
		count(telemetry.OverlapsEnded, out.Retired), count(telemetry.ScheduleFailures, out.Failed))
}

// ages writes how old the oldest secret is, and when the next is due.
func (r *run) ages(secrets []rotation.Secret) {
	age, due, some := rotation.Ages(r.now(), secrets, r.Policy)
	if some {
		r.Metrics.Put(nil, telemetry.SecretAge.Of(age.Seconds()), telemetry.NextDue.Of(due.Seconds()))
	}
}

func (h *ScheduleRotations) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

// A run is the state of one invocation.
type run struct {
	*ScheduleRotations
	log *slog.Logger
	id  string // names the run's work in the tenant's log
	out *ScheduleAnswer
}

func (r *run) all(ctx context.Context, ev ScheduleEvent) error {
	secrets, err := r.Catalog.List(ctx)
	if err != nil {
		return err
	}
	policy := r.Policy
	policy.Force = policy.Force || ev.Force
	plan := rotation.PlanRotations(r.now(), secrets, policy)
	r.out.Managed, r.out.Stuck, r.out.Fuse = len(secrets), len(plan.Stuck), plan.Fuse
	r.out.listed = true
	r.ages(secrets)
	r.report(ctx, plan.Skip)
	if plan.Fuse == "" {
		r.repair(ctx, plan.Stuck)
		r.retire(ctx, secrets)
		r.start(ctx, plan.Start, policy)
		r.renew(ctx, plan.Late)
		r.sample(ctx, secrets)
	}
	r.expire(ctx)
	switch {
	case plan.Fuse != "":
		return &fault.Error{Kind: fault.Conflict, Op: "handler.schedule_rotations", Reason: "fuse", Detail: plan.Fuse,
			Next: `if that is meant, invoke the function with {"force": true}, or raise FUSE_COUNT and FUSE_SHARE`}
	case r.out.Failed > 0:
		return &fault.Error{Kind: fault.Unavailable, Op: "handler.schedule_rotations", Reason: "incomplete", Detail: "some secrets could not be dealt with; the log names them"}
	}
	return nil
}

func (r *run) failed(ctx context.Context, s rotation.Secret, doing string, err error) {
	r.out.Failed++
	r.log.WarnContext(ctx, doing, "secret", s.ID, "kind", fault.KindOf(err), "reason", fault.Reason(err), "err", err)
}

// report names the secrets that will never be due as they are. Without it they
// would grow old in silence.
func (r *run) report(ctx context.Context, skipped []rotation.Skip) {
	for _, s := range skipped {
		switch s.Why {
		case "bad_tags", "duplicate_client", "no_current", "rotation_disabled":
			r.out.Blocked++
			r.log.WarnContext(ctx, "blocked", "secret", s.Secret.ID, "reason", s.Why, "next", "see clientkeeper doctor")
		}
	}
}

// renew keeps keys alive that should have been replaced long ago, whose
// rotation is paused or keeps failing: they would expire, and nothing else
// would log in. It comes last, as long as there is time.
func (r *run) renew(ctx context.Context, late []rotation.Secret) {
	for _, s := range late {
		if !pause(ctx, r.Pace) {
			return
		}
		findings, err := r.Doctor.Examine(ctx, s.ID)
		if err != nil {
			r.failed(ctx, s, "examine", err)
		}
		for _, f := range findings {
			if f.Slug == "key_expiring" { // one that has expired may have been meant to
				r.cure(ctx, s, f)
			}
		}
	}
}

// sample looks whether stored credentials log in, and repairs nothing: whoever
// changed one in the tenant may be about to store it. It comes last, and what
// it cannot look at it leaves to another run.
func (r *run) sample(ctx context.Context, secrets []rotation.Secret) {
	if len(secrets) == 0 {
		return
	}
	turn := cmp.Or(r.Every, often)
	first := int(r.now().UnixNano()/int64(turn)) * r.Sample
	for i := range min(r.Sample, len(secrets)) {
		s := secrets[(first+i)%len(secrets)]
		if !pause(ctx, r.Pace) {
			return
		}
		findings, err := r.Doctor.Examine(ctx, s.ID)
		if err != nil {
			r.log.InfoContext(ctx, "not looked into", "secret", s.ID, "reason", fault.Reason(err))
			continue
		}
		for _, f := range findings {
			r.log.WarnContext(ctx, "finding", "secret", s.ID, "finding", f.Slug, "says", f.Says, "next", f.Repair)
			if slices.Contains(lockedOut, f.Slug) {
				r.out.LockedOut++
				break
			}
		}
	}
}

// often is the time between two runs where nobody says.
const often = 15 * time.Minute

// lockedOut are the findings that say that AWSCURRENT does not log in.
var lockedOut = []string{"login_refused", "key_missing", "key_unattached", "key_expired"}

// pause waits d, and reports whether there is time left after it.
func pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
