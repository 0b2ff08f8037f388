package secretstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
)

// v1 and so on are version ids that a test can tell apart.
func id(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// shelf is a store with one secret, whose versions 1 and 2 are AWSPREVIOUS and
// AWSCURRENT, and version 3 AWSPENDING with a value.
func shelf(t *testing.T) (*secretsmanager.Service, *secretstore.Store, string) {
	t.Helper()
	room, cfg := open(t)
	store := secretstore.New(cfg)
	arn, err := store.Create(t.Context(), secretstore.NewSecret{Name: "client", Token: id(1), Value: secret.New("one"),
		Tags: map[string]string{"team": "payments"}})
	if err != nil {
		t.Fatal(err)
	}
	for n, stages := range map[int][]string{2: nil, 3: {"AWSPENDING"}} {
		if err := store.Put(t.Context(), arn, secretstore.Write{Token: id(n), Value: secret.New(fmt.Sprint("value ", n)), Stages: stages}); err != nil {
			t.Fatal(err)
		}
	}
	return room, store, arn
}

// stages are the labels of each version that has one, by its number.
func stages(t *testing.T, store *secretstore.Store, arn string) map[string]string {
	t.Helper()
	d, err := store.Describe(t.Context(), arn)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for version, labels := range d.Stages {
		slices.Sort(labels)
		out[strings.TrimLeft(version[len(version)-12:], "0")] = strings.Join(labels, " ")
	}
	return out
}

func TestPut(t *testing.T) {
	asItWas := map[string]string{"1": "AWSPREVIOUS", "2": "AWSCURRENT", "3": "AWSPENDING"}
	pending := []string{"AWSPENDING"}
	rotation := secret.New(uuid.NewString())
	tests := map[string]struct {
		write  secretstore.Write
		kind   error // nil is success
		reason string
		want   map[string]string
	}{
		"a new version, pending": {secretstore.Write{Token: id(4), Value: secret.New(canary), Stages: pending, RotationToken: rotation}, nil, "",
			map[string]string{"1": "AWSPREVIOUS", "2": "AWSCURRENT", "4": "AWSPENDING"}},
		"a new version, current": {secretstore.Write{Token: id(4), Value: secret.New(canary)}, nil, "",
			map[string]string{"2": "AWSPREVIOUS", "3": "AWSPENDING", "4": "AWSCURRENT"}},
		"the same again":                {secretstore.Write{Token: id(3), Value: secret.New("value 3"), Stages: pending}, nil, "", asItWas},
		"the same again moves no label": {secretstore.Write{Token: id(3), Value: secret.New("value 3"), Stages: []string{"AWSCURRENT"}}, nil, "", asItWas},
		"another value": {secretstore.Write{Token: id(3), Value: secret.New(canary), Stages: pending},
			fault.Conflict, "version_has_other_value", asItWas},
		"no value":        {secretstore.Write{Token: id(4)}, fault.Invalid, "", asItWas},
		"no token":        {secretstore.Write{Value: secret.New(canary)}, fault.Invalid, "", asItWas},
		"a short token":   {secretstore.Write{Token: "4", Value: secret.New(canary)}, fault.Invalid, "", asItWas},
		"too large":       {secretstore.Write{Token: id(4), Value: secret.New(strings.Repeat("x", 65537))}, fault.Invalid, "", asItWas},
		"too many labels": {secretstore.Write{Token: id(4), Value: secret.New(canary), Stages: labels(20)}, fault.RateLimited, "quota", asItWas},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, store, arn := shelf(t)
			outcome(t, store.Put(t.Context(), arn, test.write), test.kind, test.reason)
			if diff := cmp.Diff(test.want, stages(t, store, arn)); diff != "" {
				t.Errorf("labels: -want +got:\n%s", diff)
			}
			if text := fmt.Sprintf("%v %+v %#v", test.write, test.write, test.write); strings.Contains(text, canary) || strings.Contains(text, rotation.Reveal()) {
				t.Errorf("printing shows a secret: %s", text)
			}
		})
	}
}

func labels(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprint("label", i))
	}
	return out
}

// outcome wants success, or an error of a kind and with a reason, that repeats
// no secret.
func outcome(t *testing.T, err, kind error, reason string) {
	t.Helper()
	if kind == nil {
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	check(t, err, kind.(fault.Kind))
	if reason != "" && fault.Reason(err) != reason {
		t.Errorf("reason %q, want %q", fault.Reason(err), reason)
	}
}

func TestLabels(t *testing.T) {
	asItWas := map[string]string{"1": "AWSPREVIOUS", "2": "AWSCURRENT", "3": "AWSPENDING"}
	move := func(stage string, from, to int) func(context.Context, *secretstore.Store, string) error {
		return func(ctx context.Context, s *secretstore.Store, arn string) error {
			m := secretstore.Move{Stage: stage, To: id(to)}
			if from > 0 {
				m.From = id(from)
			}
			return s.MoveStage(ctx, arn, m)
		}
	}
	remove := func(stage string, from int) func(context.Context, *secretstore.Store, string) error {
		return func(ctx context.Context, s *secretstore.Store, arn string) error {
			return s.RemoveStage(ctx, arn, stage, id(from))
		}
	}
	tests := map[string]struct {
		do     func(context.Context, *secretstore.Store, string) error
		kind   error
		reason string
		want   map[string]string
	}{
		"make the pending one current": {move("AWSCURRENT", 2, 3), nil, "", map[string]string{"2": "AWSPREVIOUS", "3": "AWSCURRENT AWSPENDING"}},
		"roll back":                    {move("AWSCURRENT", 2, 1), nil, "", map[string]string{"1": "AWSCURRENT", "2": "AWSPREVIOUS", "3": "AWSPENDING"}},
		"it is elsewhere":              {move("AWSCURRENT", 1, 3), fault.Conflict, "stage_moved", asItWas},
		"it is somewhere":              {move("AWSCURRENT", 0, 3), fault.Conflict, "stage_moved", asItWas},
		"it is there already":          {move("AWSPENDING", 2, 3), fault.Conflict, "stage_moved", asItWas},
		"a label nobody has":           {move("mine", 0, 3), nil, "", map[string]string{"1": "AWSPREVIOUS", "2": "AWSCURRENT", "3": "AWSPENDING mine"}},
		"no such version":              {move("AWSCURRENT", 2, 9), fault.NotFound, "", asItWas},
		"to nowhere": {func(ctx context.Context, s *secretstore.Store, arn string) error {
			return s.MoveStage(ctx, arn, secretstore.Move{Stage: "AWSPENDING", From: id(3)})
		}, fault.Invalid, "", asItWas},
		"take off":                 {remove("AWSPENDING", 3), nil, "", map[string]string{"1": "AWSPREVIOUS", "2": "AWSCURRENT"}},
		"take off what is not on":  {remove("AWSPENDING", 2), fault.Conflict, "stage_moved", asItWas},
		"AWSCURRENT never goes":    {remove("AWSCURRENT", 2), fault.Invalid, "", asItWas},
		"take off a label unknown": {remove("mine", 2), fault.Conflict, "stage_moved", asItWas},
		"not the id of any version": {func(ctx context.Context, s *secretstore.Store, arn string) error {
			return s.RemoveStage(ctx, arn, "AWSPENDING", "3")
		}, fault.Invalid, "", asItWas},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, store, arn := shelf(t)
			outcome(t, test.do(t.Context(), store, arn), test.kind, test.reason)
			if diff := cmp.Diff(test.want, stages(t, store, arn)); diff != "" {
				t.Errorf("labels: -want +got:\n%s", diff)
			}
		})
	}
}

// Of two that move AWSCURRENT at once, one wins and the other hears of it.
func TestMovingIsACompareAndSwap(t *testing.T) {
	_, store, arn := shelf(t)
	errs := make(chan error, 2)
	for _, to := range []int{1, 3} {
		go func() {
			errs <- store.MoveStage(t.Context(), arn, secretstore.Move{Stage: "AWSCURRENT", From: id(2), To: id(to)})
		}()
	}
	first, second := <-errs, <-errs
	if (first == nil) == (second == nil) {
		t.Errorf("%v and %v, want one of them to lose", first, second)
	}
	for _, err := range []error{first, second} {
		if err != nil && fault.Reason(err) != "stage_moved" {
			t.Errorf("the loser heard %v", err)
		}
	}
}

// What the SDK does after a lost answer: it makes the call once more. The work
// is done once; only where the tokens say so is the second try a success.
func TestLostAnswersThatTheSDKRepeats(t *testing.T) {
	tests := map[string]struct {
		op     string
		do     func(context.Context, *secretstore.Store, string) error
		reason string // empty is success
	}{
		"put": {"PutSecretValue", func(ctx context.Context, s *secretstore.Store, arn string) error {
			return s.Put(ctx, arn, secretstore.Write{Token: id(4), Value: secret.New("four")})
		}, ""},
		"create": {"CreateSecret", func(ctx context.Context, s *secretstore.Store, _ string) error {
			_, err := s.Create(ctx, secretstore.NewSecret{Name: "another", Token: id(9), Value: secret.New("x")})
			return err
		}, ""},
		"create without a token of ours": {"CreateSecret", func(ctx context.Context, s *secretstore.Store, _ string) error {
			_, err := s.Create(ctx, secretstore.NewSecret{Name: "another", Value: secret.New("x")})
			return err
		}, ""},
		"move": {"UpdateSecretVersionStage", func(ctx context.Context, s *secretstore.Store, arn string) error {
			return s.MoveStage(ctx, arn, secretstore.Move{Stage: "AWSCURRENT", From: id(2), To: id(3)})
		}, "stage_moved"},
		"remove": {"UpdateSecretVersionStage", func(ctx context.Context, s *secretstore.Store, arn string) error {
			return s.RemoveStage(ctx, arn, "AWSPENDING", id(3))
		}, "stage_moved"},
		"delete": {"DeleteSecret", func(ctx context.Context, s *secretstore.Store, arn string) error {
			_, err := s.Delete(ctx, arn, 7)
			return err
		}, "scheduled_for_deletion"},
		"tag": {"TagResource", func(ctx context.Context, s *secretstore.Store, arn string) error {
			return s.Tag(ctx, arn, map[string]string{"a": "b"})
		}, ""},
		"untag": {"UntagResource", func(ctx context.Context, s *secretstore.Store, arn string) error {
			return s.Untag(ctx, arn, "team")
		}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			room, _, arn := shelf(t)
			cfg := again(t, room)
			before := room.Snapshot()
			var tries atomic.Int32
			room.SetMischief(func(op, _ string) secretsmanager.Fault {
				if op != test.op {
					return secretsmanager.Fault{}
				}
				return secretsmanager.Fault{Lost: tries.Add(1) == 1}
			})
			err := test.do(t.Context(), secretstore.New(cfg), arn)
			if test.reason == "" && err != nil || test.reason != "" && fault.Reason(err) != test.reason {
				t.Errorf("error %v, want the reason %q", err, test.reason)
			}
			if n := tries.Load(); n != 2 {
				t.Errorf("%d tries", n)
			}
			if cmp.Equal(before, room.Snapshot()) {
				t.Error("nothing was done")
			}
		})
	}
}

// again is the configuration of a client with the SDK's own retries.
func again(t *testing.T, room *secretsmanager.Service) aws.Config {
	t.Helper()
	cfg := serve(t, room)
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond })
	}
	return cfg
}
