package config

import (
	"strconv"
	"strings"
	"time"
)

// RotateSecret configures functions/rotate-secret.
type RotateSecret struct {
	Tenant Tenant
	// Window is how long the tenant may accept an old and a new client secret
	// after a change. (PROPAGATION_WINDOW, default 30s, as Auth0 says)
	Window time.Duration
	// Spread is how long senders and verifiers of webhooks go by what they have
	// read of the signing secret; functions/webhook does for a minute.
	// (SIGNING_SPREAD, default 75s)
	Spread time.Duration
	// EventsQueueURL is as in [RegisterClient]. (EVENTS_QUEUE_URL)
	EventsQueueURL string
}

// ScheduleRotations configures functions/schedule-rotations.
type ScheduleRotations struct {
	Tenant Tenant
	// Window is as in [RotateSecret]. (PROPAGATION_WINDOW, default 30s)
	Window time.Duration
	// FuseCount stops a run, before its first change, that would start more
	// rotations than this. (FUSE_COUNT, default 50)
	FuseCount int
	// FuseShare is the same for a share of all managed secrets.
	// (FUSE_SHARE, default 0.5)
	FuseShare float64
	// Pace is the least time between two starts of a run, so that the tenant
	// is not asked for everything at once. Where the tenant's rate limit needs
	// more, it is more. (START_PACE, default 1s)
	Pace time.Duration
	// EventsQueueURL is as in [RegisterClient]. (EVENTS_QUEUE_URL)
	EventsQueueURL string
	// Every is how often the schedule runs, so that a rare run looks further
	// back for overlaps that ended; a cron expression counts as a week.
	// (ROTATION_CHECK, default rate(15 minutes))
	Every time.Duration
}

// LoadRotateSecret is as [LoadRegisterClient].
func LoadRotateSecret(getenv func(string) string) (RotateSecret, error) {
	e := env{get: getenv}
	c := e.rotateSecret()
	return c, e.err("rotate-secret")
}

func (e *env) rotateSecret() RotateSecret {
	return RotateSecret{Tenant: e.tenant(), Window: e.window(), Spread: e.duration("SIGNING_SPREAD", 75*time.Second, 0, 4*time.Minute), EventsQueueURL: e.eventsQueue()}
}

// LoadScheduleRotations is as [LoadRegisterClient].
func LoadScheduleRotations(getenv func(string) string) (ScheduleRotations, error) {
	e := env{get: getenv}
	c := e.scheduleRotations()
	return c, e.err("schedule-rotations")
}

func (e *env) scheduleRotations() ScheduleRotations {
	return ScheduleRotations{
		Tenant: e.tenant(), Window: e.window(),
		FuseCount: e.number("FUSE_COUNT", 50, 1, 100_000),
		FuseShare: e.share("FUSE_SHARE", 0.5),
		Pace:      e.duration("START_PACE", time.Second, 0, time.Minute),

		EventsQueueURL: e.eventsQueue(),
		Every:          e.every("ROTATION_CHECK", 15*time.Minute),
	}
}

func (e *env) window() time.Duration {
	return e.duration("PROPAGATION_WINDOW", 30*time.Second, 0, 4*time.Minute)
}

// every reads an expression of EventBridge Scheduler, after its user guide
// "Schedule types". How far apart the times of a cron expression are is not
// computed.
func (e *env) every(name string, fallback time.Duration) time.Duration {
	const week = 7 * 24 * time.Hour
	v := strings.TrimSpace(e.get(name))
	inner, isRate := strings.CutPrefix(strings.TrimSuffix(v, ")"), "rate(")
	switch {
	case v == "":
		return fallback
	case strings.HasPrefix(v, "cron(") && strings.HasSuffix(v, ")"):
		return week
	}
	number, unit, _ := strings.Cut(inner, " ")
	n, err := strconv.Atoi(number)
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	size := units[strings.TrimSuffix(unit, "s")]
	if !isRate || !strings.HasSuffix(v, ")") || err != nil || n < 1 || n > 100_000 || size == 0 {
		e.wrong(name, "is neither rate(...) nor cron(...)")
		return fallback
	}
	return time.Duration(n) * size
}

func (e *env) share(name string, fallback float64) float64 {
	v := strings.TrimSpace(e.get(name))
	if v == "" {
		return fallback
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		e.wrong(name, "is not a share from 0 to 1")
		return fallback
	}
	return f
}
