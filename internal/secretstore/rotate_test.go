package secretstore_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/secret"
	"clientkeeper/internal/secretstore"
)

// turntable is a store with one secret, in a room whose rotation function is
// called and never gets anywhere.
func turntable(t *testing.T) (*secretsmanager.Service, *secretstore.Store, string) {
	t.Helper()
	room := secretsmanager.New(secretsmanager.Options{Region: "eu-central-1", Rotation: secretsmanager.Rotation{
		Invoke:     func(context.Context, string, []byte) (string, error) { return "Unhandled", nil },
		MayInvoke:  func(arn string) bool { return arn == function },
		RetryDelay: time.Hour,
	}})
	store := secretstore.New(serve(t, room))
	arn, err := store.Create(t.Context(), secretstore.NewSecret{Name: "client", Token: id(1), Value: secret.New(canary)})
	if err != nil {
		t.Fatal(err)
	}
	return room, store, arn
}

func TestRotate(t *testing.T) {
	stranger := function + "-of-another"
	tests := map[string]struct {
		rotation secretstore.Rotation
		kind     error
		reason   string
		want     map[string]string
		config   secretstore.RotationConfig
	}{
		"at once": {secretstore.Rotation{Token: id(2), LambdaARN: function}, nil, "",
			map[string]string{"1": "AWSCURRENT", "2": "AWSPENDING"}, secretstore.RotationConfig{Enabled: true, LambdaARN: function}},
		"with a schedule": {secretstore.Rotation{Token: id(2), LambdaARN: function, Rules: secretstore.RotationRules{Schedule: "rate(10 days)", Window: "3h"}}, nil, "",
			map[string]string{"1": "AWSCURRENT", "2": "AWSPENDING"},
			secretstore.RotationConfig{Enabled: true, LambdaARN: function, Rules: secretstore.RotationRules{Schedule: "rate(10 days)", Window: "3h"}}},
		"no function":          {secretstore.Rotation{Token: id(2)}, fault.Invalid, "no_rotation_function", map[string]string{"1": "AWSCURRENT"}, secretstore.RotationConfig{}},
		"a function of others": {secretstore.Rotation{Token: id(2), LambdaARN: stranger}, fault.Denied, "", map[string]string{"1": "AWSCURRENT"}, secretstore.RotationConfig{}},
		"a token in use":       {secretstore.Rotation{Token: id(1), LambdaARN: function}, fault.Conflict, "token_used", map[string]string{"1": "AWSCURRENT"}, secretstore.RotationConfig{}},
		"days and schedule":    {secretstore.Rotation{Token: id(2), LambdaARN: function, Rules: secretstore.RotationRules{EveryDays: 3, Schedule: "rate(10 days)"}}, fault.Invalid, "", map[string]string{"1": "AWSCURRENT"}, secretstore.RotationConfig{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, store, arn := turntable(t)
			version, err := store.Rotate(t.Context(), arn, test.rotation)
			outcome(t, err, test.kind, test.reason)
			if err == nil && version != test.rotation.Token {
				t.Errorf("version %s", version)
			}
			if diff := cmp.Diff(test.want, stages(t, store, arn)); diff != "" {
				t.Errorf("labels: -want +got:\n%s", diff)
			}
			d, err := store.Describe(t.Context(), arn)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.config, d.Rotation); diff != "" {
				t.Errorf("rotation: -want +got:\n%s", diff)
			}
		})
	}
}

// A rotation that has not ended stands in the way of the next, and a version
// that it made without a value can be filled.
func TestARotationInProgress(t *testing.T) {
	_, store, arn := turntable(t)
	if _, err := store.Rotate(t.Context(), arn, secretstore.Rotation{Token: id(2), LambdaARN: function}); err != nil {
		t.Fatal(err)
	}
	_, err := store.Rotate(t.Context(), arn, secretstore.Rotation{Token: id(3)})
	outcome(t, err, fault.Conflict, "rotation_in_progress")
	_, err = store.GetByVersion(t.Context(), arn, id(2), 0)
	outcome(t, err, fault.NotFound, "")

	write := secretstore.Write{Token: id(2), Value: secret.New(canary + "2"), Stages: []string{"AWSPENDING"}}
	for range 2 {
		if err := store.Put(t.Context(), arn, write); err != nil {
			t.Fatal(err)
		}
	}
	v, err := store.GetByVersion(t.Context(), arn, id(2), 0)
	if err != nil || !v.Value.Equal(write.Value) {
		t.Errorf("version %v, %v", v, err)
	}

	for range 2 {
		if err := store.CancelRotation(t.Context(), arn); err != nil {
			t.Fatal(err)
		}
	}
	d, err := store.Describe(t.Context(), arn)
	if err != nil || d.Rotation.Enabled || d.Rotation.LambdaARN != function || d.Holder("AWSPENDING") != id(2) {
		t.Errorf("after cancelling: %+v, %v", d, err)
	}
}

// The answer to RotateSecret is lost; the SDK asks again and hears that a
// rotation is under way. It is the caller's own, as the labels show.
func TestALostAnswerToRotate(t *testing.T) {
	room, store, arn := turntable(t)
	var tries atomic.Int32
	room.SetMischief(func(op, _ string) secretsmanager.Fault {
		return secretsmanager.Fault{Lost: op == "RotateSecret" && tries.Add(1) == 1}
	})
	_, err := secretstore.New(again(t, room)).Rotate(t.Context(), arn, secretstore.Rotation{Token: id(2), LambdaARN: function})
	outcome(t, err, fault.Conflict, "rotation_in_progress")
	if d, err := store.Describe(t.Context(), arn); err != nil || d.Holder("AWSPENDING") != id(2) {
		t.Errorf("labels %v, %v", d.Stages, err)
	}
}

func TestTestingARotationWithoutOne(t *testing.T) {
	_, store, arn := turntable(t)
	rotation := secretstore.Rotation{Token: id(2), LambdaARN: function, Rules: secretstore.RotationRules{EveryDays: 7}, Later: true}
	if _, err := store.Rotate(t.Context(), arn, rotation); err != nil {
		t.Fatal(err)
	}
	d, err := store.Describe(t.Context(), arn)
	if err != nil || !d.Rotation.Enabled || d.Rotation.Rules.EveryDays != 7 || d.Holder("AWSCURRENT") != id(1) || d.NextRotation.IsZero() {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestLifeOfASecret(t *testing.T) {
	room, cfg := open(t)
	store, ctx := secretstore.New(cfg), t.Context()
	n := secretstore.NewSecret{Name: "client", Description: "d", Token: id(1), Value: secret.New(canary), Tags: map[string]string{"a": "1", "b": "2"}, KMSKeyID: "alias/mine"}
	arn, err := store.Create(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	if repeated, err := store.Create(ctx, n); err != nil || repeated != arn {
		t.Errorf("the same again: %q, %v", repeated, err)
	}
	n.Token = id(2)
	_, err = store.Create(ctx, n)
	outcome(t, err, fault.Conflict, "exists")
	n.Token, n.Value = id(1), secret.New("other")
	_, err = store.Create(ctx, n)
	outcome(t, err, fault.Conflict, "exists")

	if err := store.Tag(ctx, arn, map[string]string{"b": "3", "c": ""}); err != nil {
		t.Error(err)
	}
	if err := store.Untag(ctx, arn, "a", "never there"); err != nil {
		t.Error(err)
	}
	if err := store.Erase(ctx, "nobody"); err != nil {
		t.Errorf("erasing what is gone: %v", err)
	}
	if store.Tag(ctx, "nobody", nil) != nil || store.Untag(ctx, "nobody") != nil {
		t.Error("nothing to do was not nothing")
	}
	d, err := store.Describe(ctx, arn)
	if diff := cmp.Diff(map[string]string{"b": "3", "c": ""}, d.Tags); err != nil || diff != "" || d.KMSKeyID != "alias/mine" {
		t.Errorf("%v, key %q, tags: -want +got:\n%s", err, d.KMSKeyID, diff)
	}

	for _, days := range []int{-1, 1, 6, 31} {
		_, err := store.Delete(ctx, arn, days)
		outcome(t, err, fault.Invalid, "")
	}
	gone, err := store.Delete(ctx, arn, 7)
	if days := time.Until(gone).Hours() / 24; err != nil || days < 6 || days > 8 {
		t.Errorf("gone in %v days, %v", days, err)
	}
	_, err = store.Delete(ctx, arn, 0)
	outcome(t, err, fault.Conflict, "scheduled_for_deletion")
	_, err = store.Create(ctx, n)
	outcome(t, err, fault.Conflict, "scheduled_for_deletion")
	if d, err := store.Describe(ctx, arn); err != nil || d.Deleted.IsZero() {
		t.Errorf("described as %+v, %v", d, err)
	}
	for range 2 {
		if err := store.Restore(ctx, arn); err != nil {
			t.Error(err)
		}
	}
	if v, err := store.Get(ctx, arn); err != nil || v.Value.Reveal() != canary || len(room.Snapshot()) != 1 {
		t.Errorf("after all that: %v, %v", v, err)
	}

	empty, err := store.Create(ctx, secretstore.NewSecret{Name: "empty"})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := store.Describe(ctx, empty); err != nil || len(d.Stages) != 0 {
		t.Errorf("a secret without a value: %+v, %v", d, err)
	}
}
