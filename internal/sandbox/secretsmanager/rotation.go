package secretsmanager

import (
	"regexp"
	"strconv"
	"time"
)

type rotationRules struct {
	AutomaticallyAfterDays *int
	Duration               *string
	ScheduleExpression     *string
}

type rotateInput struct {
	SecretId           string
	ClientRequestToken string
	RotationLambdaARN  string
	RotationRules      *rotationRules
	RotateImmediately  *bool
}

// rotateSecret refuses what can be refused without running a function, in the
// order in which AWS was recorded to: the token is missed first.
func (c *call) rotateSecret(in *rotateInput) (any, error) {
	if in.ClientRequestToken == "" {
		// The other operations answer InvalidRequestException with this text.
		return nil, invalidParameter(tokenMissing)
	}
	if err := checkTokenLength(in.ClientRequestToken); err != nil {
		return nil, err
	}
	if err := in.RotationRules.check(); err != nil {
		return nil, err
	}
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	if in.RotationLambdaARN == "" {
		return nil, invalidRequest("No Lambda rotation function ARN is associated with this secret.")
	}
	if id, ok := s.labels[pending]; ok && id != s.labels[current] {
		return nil, invalidRequest("A previous rotation isn't complete. That rotation will be reattempted.")
	}
	return nil, notImitated("Rotation")
}

func (c *call) cancelRotateSecret(in *secretIDInput) (any, error) {
	if _, err := c.live(in.SecretId); err != nil {
		return nil, err
	}
	return nil, notImitated("Rotation")
}

var (
	rateExpression = regexp.MustCompile(`^rate\((\d{1,6}) (hour|hours|day|days)\)$`)
	cronExpression = regexp.MustCompile(`^cron\((\S+ ){5}\S+\)$`)
	windowLength   = regexp.MustCompile(`^[0-9]{1,2}h$`)
)

func (r *rotationRules) check() error {
	if r == nil {
		return nil
	}
	var v validation
	v.number("AutomaticallyAfterDays", r.AutomaticallyAfterDays, 1, 1000)
	if err := v.err(); err != nil {
		return err
	}
	if r.AutomaticallyAfterDays != nil && r.ScheduleExpression != nil {
		return invalidParameter("You can't specify both AutomaticallyAfterDays and ScheduleExpression.")
	}
	if r.Duration != nil && !windowLength.MatchString(*r.Duration) {
		return invalidParameter("Duration must be a number of hours, such as 3h.")
	}
	if r.ScheduleExpression != nil {
		return checkSchedule(*r.ScheduleExpression)
	}
	return nil
}

// checkSchedule knows the form of both kinds of expression. A rate may be as
// short as four hours; the fields of a cron expression are not looked into.
func checkSchedule(expression string) error {
	if cronExpression.MatchString(expression) {
		return nil
	}
	m := rateExpression.FindStringSubmatch(expression)
	if m == nil {
		return invalidParameter("Invalid ScheduleExpression. Use cron(...) or rate(...).")
	}
	n, _ := strconv.Atoi(m[1])
	every := time.Duration(n) * time.Hour
	if m[2] == "day" || m[2] == "days" {
		every *= 24
	}
	if every < 4*time.Hour || every > 1000*24*time.Hour {
		return invalidParameter("A secret can be rotated every 4 hours at most, and every 1000 days at least.")
	}
	return nil
}

// openPending does what a rotation begins with: a version that has the
// rotation's token as its id, the label AWSPENDING, and no value.
func (s *secret) openPending(token string, seq int64, now time.Time) error {
	if s.versions[token] != nil {
		return tokenInUse(s.arn)
	}
	if err := s.checkLabelQuota(pending); err != nil {
		return err
	}
	s.versions[token] = &version{id: token, created: now, kmsKeyID: s.kmsKeyID, seq: seq}
	s.attach(pending, token)
	return nil
}

// beginRotation is the place of the rotation engine: it opens a pending version
// in the default region, as RotateSecret does before it calls the function.
func (s *Service) beginRotation(secretID, token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{service: s, region: s.region(s.options.Region), now: s.options.Now()}
	target, err := c.live(secretID)
	if err != nil {
		return err
	}
	c.change(target)
	return target.openPending(token, s.next(), c.now)
}
