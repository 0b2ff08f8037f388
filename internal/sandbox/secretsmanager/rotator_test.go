package secretsmanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/uuid"
)

const rotateARN = "arn:aws:lambda:eu-central-1:123456789012:function:rotate"

// functions are the Lambda of these tests: Go code by ARN.
type functions struct {
	mu    sync.Mutex
	known map[string]*rotator
}

func (f *functions) add(arn string, r *rotator) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[arn] = r
}

func (f *functions) get(arn string) *rotator {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[arn]
}

func (f *functions) has(arn string) bool { return f.get(arn) != nil }

func (f *functions) invoke(ctx context.Context, arn string, event []byte) (string, error) {
	r := f.get(arn)
	if r == nil {
		return "", errors.New("no such function")
	}
	var e rotationEvent
	if err := json.Unmarshal(event, &e); err != nil {
		return "", err
	}
	return r.handle(ctx, e)
}

// A rotationEvent is what Secrets Manager sends a function.
type rotationEvent struct{ Step, SecretId, ClientRequestToken, RotationToken string }

// A rotator is a rotation function of the kind that the user guide's page
// "Lambda rotation functions" describes. It asks the service for everything it
// knows, with the official client.
type rotator struct {
	s *service
	// before runs at the beginning of each invocation, after when a step is done.
	before, after func(rotationEvent)
	// forgetful does not finish, and does not say so.
	forgetful bool
	// fail names the steps that fail, and does so after they were done if
	// late is set. n counts the invocations of the step, from 1.
	fail func(step string, n int) bool
	late bool

	mu     sync.Mutex
	events []rotationEvent
	errs   []error
	stored int // values
}

// rotator adds a function of its own.
func (s *service) rotator(t *testing.T, options ...func(*rotator)) *rotator {
	t.Helper()
	r := &rotator{s: s}
	for _, o := range options {
		o(r)
	}
	return r
}

func failing(steps ...string) func(string, int) bool {
	return func(step string, _ int) bool { return slices.Contains(steps, step) }
}

func failingOnce(steps ...string) func(string, int) bool {
	return func(step string, n int) bool { return slices.Contains(steps, step) && n == 1 }
}

// note keeps the event and counts how often its step came.
func (r *rotator) note(e rotationEvent) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	for _, old := range r.events {
		if old.Step == e.Step && old.ClientRequestToken == e.ClientRequestToken {
			n++
		}
	}
	return n
}

func (r *rotator) handle(ctx context.Context, e rotationEvent) (string, error) {
	n := r.note(e)
	if r.before != nil {
		r.before(e)
	}
	failed := r.fail != nil && r.fail(e.Step, n)
	if failed && !r.late {
		return "Unhandled", nil
	}
	if err := r.step(ctx, e); err != nil {
		r.mu.Lock()
		r.errs = append(r.errs, err)
		r.mu.Unlock()
		return "Unhandled", nil
	}
	if failed {
		return "Unhandled", nil
	}
	if r.after != nil {
		r.after(e)
	}
	return "", nil
}

// step first asks whether it is the version's turn.
func (r *rotator) step(ctx context.Context, e rotationEvent) error {
	about, err := r.s.sdk().DescribeSecret(ctx, &sdk.DescribeSecretInput{SecretId: &e.SecretId})
	if err != nil {
		return err
	}
	labels, known := about.VersionIdsToStages[e.ClientRequestToken]
	switch {
	case !aws.ToBool(about.RotationEnabled):
		return errors.New("rotation is off")
	case !known:
		return errors.New("no such version")
	case slices.Contains(labels, "AWSCURRENT"):
		return nil
	case !slices.Contains(labels, "AWSPENDING"):
		return errors.New("the version is not pending")
	}
	switch e.Step {
	case "createSecret":
		return r.create(ctx, e)
	case "setSecret", "testSecret":
		_, err := r.read(ctx, e, "AWSPENDING")
		return err
	case "finishSecret":
		if r.forgetful {
			return nil
		}
		return r.finish(ctx, e, about.VersionIdsToStages)
	}
	return fmt.Errorf("unknown step %s", e.Step)
}

func (r *rotator) read(ctx context.Context, e rotationEvent, stage string) (string, error) {
	in := &sdk.GetSecretValueInput{SecretId: &e.SecretId, VersionStage: &stage}
	if stage == "AWSPENDING" {
		in.VersionId = &e.ClientRequestToken
	}
	out, err := r.s.sdk().GetSecretValue(ctx, in)
	if err != nil {
		return "", err
	}
	return aws.ToString(out.SecretString), nil
}

func (r *rotator) create(ctx context.Context, e rotationEvent) error {
	if _, err := r.read(ctx, e, "AWSCURRENT"); err != nil {
		return err
	}
	if _, err := r.read(ctx, e, "AWSPENDING"); codeOf(err) != "ResourceNotFoundException" {
		return err // which is nil if an earlier try got this far
	}
	_, err := r.s.sdk().PutSecretValue(ctx, &sdk.PutSecretValueInput{SecretId: &e.SecretId, ClientRequestToken: &e.ClientRequestToken,
		SecretString: aws.String("rotated " + uuid.NewString()), VersionStages: []string{"AWSPENDING"}, RotationToken: &e.RotationToken})
	if err == nil {
		r.mu.Lock()
		r.stored++
		r.mu.Unlock()
	}
	return err
}

func (r *rotator) finish(ctx context.Context, e rotationEvent, versions map[string][]string) error {
	for id, labels := range versions {
		if slices.Contains(labels, "AWSCURRENT") {
			_, err := r.s.sdk().UpdateSecretVersionStage(ctx, &sdk.UpdateSecretVersionStageInput{SecretId: &e.SecretId,
				VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &e.ClientRequestToken, RemoveFromVersionId: &id})
			return err
		}
	}
	return errors.New("no version is current")
}

// steps lists the steps that came so far.
func (r *rotator) steps() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, e := range r.events {
		out = append(out, e.Step)
	}
	return out
}

var fourSteps = []string{"createSecret", "setSecret", "testSecret", "finishSecret"}

func (r *rotator) wantSteps(t *testing.T, want ...string) {
	t.Helper()
	if got := r.steps(); !slices.Equal(got, want) {
		t.Errorf("steps %v, want %v (errors %v)", got, want, r.errs)
	}
}

// begin starts a rotation by r and returns its token.
func (s *service) begin(t *testing.T, name string, r *rotator, more ...object) string {
	t.Helper()
	arn := rotateARN + "-" + uuid.NewString()
	s.functions.add(arn, r)
	body := rotation(name, nil)
	body["RotationLambdaARN"] = arn
	for _, m := range more {
		for k, v := range m {
			body[k] = v
		}
	}
	s.works(t, "RotateSecret", body)
	id, _ := body["ClientRequestToken"].(string)
	return id
}

// rotate starts a rotation by r, waits until it is over, whatever its end, and
// returns its token.
func (s *service) rotate(t *testing.T, name string, r *rotator, more ...object) string {
	t.Helper()
	id := s.begin(t, name, r, more...)
	s.idle(t)
	return id
}

func (s *service) idle(t *testing.T) {
	t.Helper()
	limit := time.Minute
	if s.http != nil {
		limit = 1000 * time.Hour // in a bubble, where they pass at once
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := s.room.Idle(ctx); err != nil {
		t.Fatalf("rotations do not end: %v", err)
	}
}

func (s *service) describe(t *testing.T, name string) *sdk.DescribeSecretOutput {
	t.Helper()
	out, err := s.sdk().DescribeSecret(t.Context(), &sdk.DescribeSecretInput{SecretId: &name})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// current reads the value that a consumer gets.
func (s *service) current(t *testing.T, name string) string {
	t.Helper()
	text, _ := s.works(t, "GetSecretValue", object{"SecretId": name})["SecretString"].(string)
	return text
}
