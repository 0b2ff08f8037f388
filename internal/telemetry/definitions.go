package telemetry

import (
	"fmt"
	"strings"
)

// A Definition is what a metric means. Its name has one meaning and one unit
// everywhere.
type Definition struct {
	Name string
	Unit Unit
	// Dimensions are those besides Function. Their values come from small
	// fixed sets: each combination is a metric that costs money.
	Dimensions []string
	// From are the functions that write it, by the names of their folders; none
	// means any that calls the tenant.
	From    []string
	Meaning string
}

// Of is a value of the metric.
func (d Definition) Of(value float64) Metric {
	return Metric{Name: d.Name, Unit: d.Unit, Value: value}
}

// If is 1 where a condition holds, and 0 where it does not.
func (d Definition) If(condition bool) Metric {
	if condition {
		return d.Of(1)
	}
	return d.Of(0)
}

// The metrics.
var (
	// Of everything that calls the tenant.
	TenantCalls = Definition{Name: "TenantCalls", Unit: Count, Dimensions: []string{"Operation", "Status"},
		Meaning: "requests to the tenant, each attempt counted; Status is 2xx, 3xx, 4xx, 429, 5xx, or none where no answer came"}
	Throttled = Definition{Name: "Throttled", Unit: Count,
		Meaning: "requests that the tenant refused with 429"}
	BudgetLeft = Definition{Name: "BudgetLeft", Unit: Count,
		Meaning: "requests that were left of the Management API's rate limit when an answer came"}
	TokenRequests = Definition{Name: "TokenRequests", Unit: Count,
		Meaning: "requests for a management token, which some plans meter"}
	ManagementLoginsRefused = Definition{Name: "ManagementLoginsRefused", Unit: Count,
		Meaning: "requests for a management token that the tenant refused: the management credential is wrong, or its client may not use the API"}
	TimeToDeadline = Definition{Name: "TimeToDeadline", Unit: Milliseconds,
		Meaning: "what was left of an invocation's time at its end"}
	EventsLost = Definition{Name: "EventsLost", Unit: Count,
		Meaning: "domain events that could not be sent; the work they tell of was done"}

	// Of registration.
	Registrations = Definition{Name: "Registrations", Unit: Count, Dimensions: []string{"Outcome"}, From: []string{"register-client"},
		Meaning: "messages by what became of them: created, updated, previewed, rejected, postponed, returned, handed_back, duplicate"}
	QueueAge = Definition{Name: "QueueAge", Unit: Seconds, From: []string{"register-client"},
		Meaning: "how long ago a message was first seen when it was dealt with, over all its copies"}

	// Of the HTTP API.
	Requests = Definition{Name: "Requests", Unit: Count, Dimensions: []string{"Route", "Status"}, From: []string{"api"},
		Meaning: "requests to the HTTP API, by route and class of answer"}
	RequestTime = Definition{Name: "RequestTime", Unit: Milliseconds, Dimensions: []string{"Route", "Status"}, From: []string{"api"},
		Meaning: "how long a request took"}
	Webhooks = Definition{Name: "Webhooks", Unit: Count, Dimensions: []string{"Outcome"}, From: []string{"webhook"},
		Meaning: "signed requests by what became of them: queued, ignored (an event of another type), signature_missing, signature_malformed, signature_stale or signature_mismatch, invalid, or failed, after which the sender tries again"}

	// Of rotation.
	Rotations = Definition{Name: "Rotations", Unit: Count, Dimensions: []string{"Kind", "Outcome"}, From: []string{"rotate-secret"},
		Meaning: "succeeded: rotations that came to their end; failed: steps that failed, after which Secrets Manager tries again or gives up"}
	RotationSteps = Definition{Name: "RotationSteps", Unit: Count, Dimensions: []string{"Step", "Outcome"}, From: []string{"rotate-secret"},
		Meaning: "steps that Secrets Manager asked for, succeeded or failed"}
	RotationStepTime = Definition{Name: "RotationStepTime", Unit: Milliseconds, Dimensions: []string{"Step"}, From: []string{"rotate-secret"},
		Meaning: "how long a step took"}
	PropagationTime = Definition{Name: "PropagationTime", Unit: Milliseconds, Dimensions: []string{"Kind"}, From: []string{"rotate-secret"},
		Meaning: "how long, from the first trial login, the tenant still refused the new credential now and then"}
	TrialLoginsRefused = Definition{Name: "TrialLoginsRefused", Unit: Count, Dimensions: []string{"Kind"}, From: []string{"rotate-secret"},
		Meaning: "trial logins with a stored credential that the tenant refused, as it may for some seconds after a change"}

	// Of the schedule.
	SecretsManaged = Definition{Name: "SecretsManaged", Unit: Count, From: []string{"schedule-rotations"},
		Meaning: "secrets with the tag clientkeeper:managed"}
	SecretsLockedOut = Definition{Name: "SecretsLockedOut", Unit: Count, From: []string{"schedule-rotations"},
		Meaning: "secrets whose AWSCURRENT the tenant refused, of those that the run looked into"}
	SecretAge = Definition{Name: "SecretAge", Unit: Seconds, From: []string{"schedule-rotations"},
		Meaning: "age of the oldest managed secret that has an interval: since its last rotation"}
	NextDue = Definition{Name: "NextDue", Unit: Seconds, From: []string{"schedule-rotations"},
		Meaning: "time until the next managed secret is due; negative while one is overdue"}
	RotationsStarted = Definition{Name: "RotationsStarted", Unit: Count, From: []string{"schedule-rotations"},
		Meaning: "rotations that the run started"}
	RotationsLeft = Definition{Name: "RotationsLeft", Unit: Count, From: []string{"schedule-rotations"},
		Meaning: "rotations that were due and were left to the next run"}
	RotationsStuck = Definition{Name: "RotationsStuck", Unit: Count, From: []string{"schedule-rotations"},
		Meaning: "rotations that began more than an hour ago and have not ended"}
	RotationsBlocked = Definition{Name: "RotationsBlocked", Unit: Count, From: []string{"schedule-rotations"},
		Meaning: "secrets that are never due as they are, until a person has seen to them"}
	OverlapsEnded = Definition{Name: "OverlapsEnded", Unit: Count, From: []string{"schedule-rotations"},
		Meaning: "secrets whose old key was detached and deleted"}
	ScheduleFailures = Definition{Name: "ScheduleFailures", Unit: Count, From: []string{"schedule-rotations"},
		Meaning: "secrets that the run could not deal with"}
	FuseTripped = Definition{Name: "FuseTripped", Unit: Count, From: []string{"schedule-rotations"},
		Meaning: "runs that started nothing because more was due than the fuse allows"}
)

// Definitions are all metrics, in the order in which they are documented.
var Definitions = []Definition{
	TenantCalls, Throttled, BudgetLeft, TokenRequests, ManagementLoginsRefused, TimeToDeadline, EventsLost,
	Registrations, QueueAge,
	Requests, RequestTime, Webhooks,
	Rotations, RotationSteps, RotationStepTime, PropagationTime, TrialLoginsRefused,
	SecretsManaged, SecretsLockedOut, SecretAge, NextDue, RotationsStarted, RotationsLeft, RotationsStuck, RotationsBlocked,
	OverlapsEnded, ScheduleFailures, FuseTripped,
}

// Table is the definitions as a table in Markdown.
func Table() string {
	var b strings.Builder
	b.WriteString("| metric | unit | besides Function by | from | means |\n|---|---|---|---|---|\n")
	for _, d := range Definitions {
		from := "all"
		if len(d.From) > 0 {
			from = strings.Join(d.From, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", d.Name, d.Unit, strings.Join(d.Dimensions, ", "), from, d.Meaning)
	}
	return b.String()
}
