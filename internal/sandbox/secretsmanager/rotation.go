package secretsmanager

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	secrettext "clientkeeper/internal/secret"
)

// A rotation is what a secret knows about being rotated. A secret that was
// never configured for it has none.
type rotation struct {
	enabled  bool
	function string // ARN
	rules    *rotationRules

	last time.Time // of the last success
	next time.Time // the end of the window that is announced; in the past after a failure
	due  time.Time // when the schedule starts a rotation; zero for never

	version string // which the last rotation made, or tried to
	job     *job   // the rotation in progress, between attempts too
}

// A job is one rotation from its start to its end, over all attempts.
type job struct {
	token         string
	rotationToken secrettext.Value
	test          bool // only whether the function can test a secret
	attempt       int  // how many were begun
	running       bool
	at            time.Time // when the next attempt begins, unless one is running
}

type rotateInput struct {
	SecretId           string
	ClientRequestToken string
	RotationLambdaARN  string
	RotationRules      *rotationRules
	RotateImmediately  *bool
}

func (in *rotateInput) check() error {
	if in.ClientRequestToken == "" {
		// The other operations answer InvalidRequestException with this text.
		return invalidParameter(tokenMissing)
	}
	if err := checkTokenLength(in.ClientRequestToken); err != nil {
		return err
	}
	var v validation
	v.text("RotationLambdaARN", in.RotationLambdaARN, 0, maxFunctionARN)
	if err := v.err(); err != nil {
		return err
	}
	return in.RotationRules.check()
}

// rotateSecret stores the configuration and starts a rotation, or a test of
// one. It answers before any function has been called. What is refused leaves
// nothing behind.
func (c *call) rotateSecret(in *rotateInput) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	function, err := c.rotationFunction(s, in.RotationLambdaARN)
	if err != nil {
		return nil, err
	}
	if s.pendingElsewhere() != "" {
		c.reattempt(s)
		return nil, invalidRequest("A previous rotation isn't complete. That rotation will be reattempted.")
	}
	immediately := in.RotateImmediately == nil || *in.RotateImmediately
	if s.versions[in.ClientRequestToken] != nil {
		return c.rotateAgain(s, in.ClientRequestToken)
	}
	if err := c.openPending(s, in.ClientRequestToken, !immediately); err != nil {
		return nil, err
	}
	s.configure(function, in.RotationRules, immediately, c.now)
	c.begin(s, in.ClientRequestToken, !immediately)
	return versionOutput{s.reference(), in.ClientRequestToken}, nil
}

// rotationFunction is the function that is given or else the stored one, which
// the service must be allowed to invoke.
func (c *call) rotationFunction(s *secret, given string) (string, error) {
	if given == "" && s.rotation != nil {
		given = s.rotation.function
	}
	if given == "" {
		return "", invalidRequest("No Lambda rotation function ARN is associated with this secret.")
	}
	if !c.service.options.Rotation.mayInvoke(given) {
		return "", &failure{code: "AccessDeniedException", message: "Secrets Manager cannot invoke the specified Lambda " +
			"function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com."}
	}
	return given, nil
}

// rotateAgain decides about a token that is a version already: a rotation that
// is over is not done twice.
func (c *call) rotateAgain(s *secret, token string) (any, error) {
	if s.rotation != nil && s.rotation.version == token && s.labels[current] == token {
		return versionOutput{s.reference(), token}, nil
	}
	return nil, invalidRequest("You can't use ClientRequestToken because that value is already in use for a version of "+
		"secret %s.", s.arn)
}

// configure turns rotation on. What is not given stays as it was.
func (s *secret) configure(function string, rules *rotationRules, immediately bool, now time.Time) {
	if s.rotation == nil {
		s.rotation = &rotation{}
	}
	r := s.rotation
	before, was := r.due, r.enabled
	r.enabled, r.function = true, function
	if !rules.empty() {
		r.rules = rules
	}
	r.announce(now)
	// "The previously scheduled rotation might still occur", says the API
	// reference of changes without a rotation, unless the schedule is cron().
	if was && !immediately && !r.rules.isCron() && !before.IsZero() && before.Before(r.due) {
		r.due = before
	}
}

// announce sets when the schedule fires next, counted from now.
func (r *rotation) announce(now time.Time) {
	r.due, r.next = r.rules.window(now)
}

func (c *call) cancelRotateSecret(in *secretIDInput) (any, error) {
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	r := s.rotation
	if r == nil {
		return nil, invalidRequest("The secret isn't configured for rotation.")
	}
	c.change(s)
	if r.job != nil && r.job.test {
		s.dropTest(r.job.token)
	}
	r.enabled, r.due, r.job = false, time.Time{}, nil
	c.service.engine.stirred = true
	return versionOutput{s.reference(), s.pendingElsewhere()}, nil
}

// pendingElsewhere is the version with AWSPENDING, unless there is none or it
// is the current one.
func (s *secret) pendingElsewhere() string {
	if id, ok := s.labels[pending]; ok && id != s.labels[current] {
		return id
	}
	return ""
}

// openPending does what a rotation begins with: a version that has the token as
// its id, the label AWSPENDING, and no value. For a test it has the current
// value, or a function could not test it.
func (c *call) openPending(s *secret, token string, test bool) error {
	if err := s.checkLabelQuota(pending); err != nil {
		return err
	}
	if err := s.makeRoom(c.service.options.MaxVersions, c.now); err != nil {
		return err
	}
	c.change(s)
	v := c.newVersion(s, token, nil)
	if old := s.versions[s.labels[current]]; test && old != nil {
		v.value = old.value
	}
	s.versions[token] = v
	s.attach(pending, token)
	return nil
}

// dropTest removes the version that a test was made with.
func (s *secret) dropTest(token string) {
	if s.labels[pending] == token {
		delete(s.labels, pending)
	}
	if len(s.labelsOf(token)) == 0 {
		delete(s.versions, token)
	}
}

// begin hands a pending version to the engine.
func (c *call) begin(s *secret, token string, test bool) {
	s.rotation.job = &job{token: token, rotationToken: secrettext.New(uuid.NewString()), test: test, at: c.now}
	if !test {
		s.rotation.version = token
	}
	c.report(s, RotationStarted, s.rotation.job)
	c.service.engine.stirred = true
}

// reattempt begins a rotation again that was given up, with the version it left.
func (c *call) reattempt(s *secret) {
	if r := s.rotation; r != nil && r.enabled && r.job == nil {
		c.begin(s, s.pendingElsewhere(), false)
	}
}

// renewed follows a new current version that somebody made, which counts as a
// rotation for AutomaticallyAfterDays. A rotation that is not finished is
// abandoned for it, and its version loses AWSPENDING (user guide, "Logging AWS
// Secrets Manager events with AWS CloudTrail", RotationAbandoned).
func (c *call) renewed(s *secret, id string) {
	r := s.rotation
	if r == nil || s.labels[current] != id || id == r.version || (r.job != nil && id == r.job.token) {
		return
	}
	if r.enabled && r.rules != nil && r.rules.AutomaticallyAfterDays != nil {
		r.announce(c.now)
	}
	c.abandon(s)
}

// abandon ends what a rotation began and takes AWSPENDING from its version.
func (c *call) abandon(s *secret) {
	r := s.rotation
	switch {
	case r.job != nil && r.job.test:
		s.dropTest(r.job.token)
	case s.pendingElsewhere() != "" && s.labels[pending] == r.version:
		delete(s.labels, pending)
	case r.job == nil:
		return
	}
	j := r.job
	if j == nil {
		j = &job{token: r.version}
	}
	r.job = nil
	c.report(s, RotationAbandoned, j)
	c.service.engine.stirred = true
}

// stepEvent is what a function is sent.
func (s *secret) stepEvent(step string, j *job) []byte {
	text, _ := json.Marshal(map[string]string{ // strings always can be
		"Step": step, "SecretId": s.arn, "ClientRequestToken": j.token, "RotationToken": j.rotationToken.Reveal(),
	})
	return text
}

func (r *rotation) clone() *rotation {
	if r == nil {
		return nil
	}
	c := *r
	c.job = nil
	return &c
}
