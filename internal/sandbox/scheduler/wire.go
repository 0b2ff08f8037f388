package scheduler

import "time"

// The JSON of the API. Its times are seconds since 1970.

type input struct {
	ActionAfterCompletion      string
	ClientToken                string
	Description                string
	EndDate                    *float64
	FlexibleTimeWindow         *wireWindow
	GroupName                  string
	Name                       string // UpdateSchedule of some SDKs repeats it
	ScheduleExpression         string
	ScheduleExpressionTimezone string
	StartDate                  *float64
	State                      string
	Target                     *wireTarget
}

type wireWindow struct {
	Mode                   string
	MaximumWindowInMinutes int `json:",omitempty"`
}

type wireTarget struct {
	Arn              string
	RoleArn          string
	Input            string          `json:",omitempty"`
	DeadLetterConfig *wireDeadLetter `json:",omitempty"`
	RetryPolicy      *wireRetry      `json:",omitempty"`
}

type wireDeadLetter struct {
	Arn string `json:",omitempty"`
}

type wireRetry struct {
	MaximumEventAgeInSeconds *int `json:",omitempty"`
	MaximumRetryAttempts     *int `json:",omitempty"`
}

// schedule is what the body says, with the API's defaults for what it does
// not. Enumerations are checked here, all else by [Schedule.check].
func (in input) schedule(name string) (Schedule, error) {
	switch {
	case in.Target == nil:
		return Schedule{}, invalid("Target is required")
	case in.FlexibleTimeWindow == nil:
		return Schedule{}, invalid("FlexibleTimeWindow is required")
	case in.State != "" && in.State != "ENABLED" && in.State != "DISABLED":
		return Schedule{}, invalid("State must be ENABLED or DISABLED")
	case in.ActionAfterCompletion != "" && in.ActionAfterCompletion != "NONE" && in.ActionAfterCompletion != "DELETE":
		return Schedule{}, invalid("ActionAfterCompletion must be NONE or DELETE")
	}
	window, err := in.FlexibleTimeWindow.duration()
	if err != nil {
		return Schedule{}, err
	}
	return Schedule{
		Name: name, Group: in.GroupName, Description: in.Description,
		Expression: in.ScheduleExpression, TimeZone: in.ScheduleExpressionTimezone,
		Disabled: in.State == "DISABLED", Start: timeOf(in.StartDate), End: timeOf(in.EndDate),
		Window: window, DeleteAfter: in.ActionAfterCompletion == "DELETE", Target: in.Target.target(),
	}, nil
}

func (w wireWindow) duration() (time.Duration, error) {
	switch {
	case w.Mode == "OFF" && w.MaximumWindowInMinutes == 0:
		return 0, nil
	case w.Mode == "FLEXIBLE" && w.MaximumWindowInMinutes > 0:
		return time.Duration(bounded(w.MaximumWindowInMinutes)) * time.Minute, nil
	}
	return 0, invalid("FlexibleTimeWindow is OFF, or FLEXIBLE with MaximumWindowInMinutes of 1 to 1440")
}

// bounded keeps a number from overflowing, and one that is too large too large.
func bounded(n int) int { return max(-1, min(n, 1<<20)) }

func (t wireTarget) target() Target {
	out := Target{ARN: t.Arn, RoleARN: t.RoleArn, Input: t.Input}
	if t.DeadLetterConfig != nil {
		out.DeadLetterARN = t.DeadLetterConfig.Arn
	}
	if t.RetryPolicy != nil {
		retry := defaultRetry
		if n := t.RetryPolicy.MaximumRetryAttempts; n != nil {
			retry.Attempts = *n
		}
		if seconds := t.RetryPolicy.MaximumEventAgeInSeconds; seconds != nil {
			retry.MaxAge = time.Duration(bounded(*seconds)) * time.Second
		}
		out.Retry = &retry
	}
	return out
}

type output struct {
	ActionAfterCompletion      string
	Arn                        string
	CreationDate               float64
	Description                string   `json:",omitempty"`
	EndDate                    *float64 `json:",omitempty"`
	FlexibleTimeWindow         wireWindow
	GroupName                  string
	LastModificationDate       float64
	Name                       string
	ScheduleExpression         string
	ScheduleExpressionTimezone string
	StartDate                  *float64 `json:",omitempty"`
	State                      string
	Target                     wireTarget
}

func outputOf(i Info) output {
	out := output{
		ActionAfterCompletion: "NONE", Arn: i.ARN, CreationDate: seconds(i.Created), Description: i.Description,
		EndDate: optional(i.End), FlexibleTimeWindow: wireWindow{Mode: "OFF"}, GroupName: i.Group,
		LastModificationDate: seconds(i.Modified), Name: i.Name, ScheduleExpression: i.Expression,
		ScheduleExpressionTimezone: i.TimeZone, StartDate: optional(i.Start), State: state(i), Target: wireTargetOf(i.Target),
	}
	if i.DeleteAfter {
		out.ActionAfterCompletion = "DELETE"
	}
	if i.TimeZone == "" {
		out.ScheduleExpressionTimezone = "UTC"
	}
	if i.Window > 0 {
		out.FlexibleTimeWindow = wireWindow{Mode: "FLEXIBLE", MaximumWindowInMinutes: int(i.Window / time.Minute)}
	}
	return out
}

func wireTargetOf(t Target) wireTarget {
	retry := t.retry()
	age := int(retry.MaxAge / time.Second)
	out := wireTarget{Arn: t.ARN, RoleArn: t.RoleARN, Input: t.Input,
		RetryPolicy: &wireRetry{MaximumEventAgeInSeconds: &age, MaximumRetryAttempts: &retry.Attempts}}
	if t.DeadLetterARN != "" {
		out.DeadLetterConfig = &wireDeadLetter{t.DeadLetterARN}
	}
	return out
}

type summary struct {
	Arn                  string
	CreationDate         float64
	GroupName            string
	LastModificationDate float64
	Name                 string
	State                string
	Target               struct{ Arn string }
}

func summaryOf(i Info) summary {
	out := summary{Arn: i.ARN, CreationDate: seconds(i.Created), GroupName: i.Group,
		LastModificationDate: seconds(i.Modified), Name: i.Name, State: state(i)}
	out.Target.Arn = i.Target.ARN
	return out
}

func state(i Info) string {
	if i.Disabled {
		return "DISABLED"
	}
	return "ENABLED"
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func optional(t time.Time) *float64 {
	if t.IsZero() {
		return nil
	}
	s := seconds(t)
	return &s
}

func timeOf(s *float64) time.Time {
	if s == nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(max(-1e14, min(*s*1000, 1e14)))).UTC()
}
