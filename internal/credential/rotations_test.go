package credential

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"clientkeeper/internal/fault"
)

func TestTheStateOfARotation(t *testing.T) {
	token, other := operation(1).token("rotation"), "another"
	for name, test := range map[string]struct {
		stages map[string][]string
		values []string // versions with a value, the oldest first
		after  time.Duration
		want   string
	}{
		"begun":                    {map[string][]string{other: {"AWSCURRENT"}, token: {"AWSPENDING"}}, nil, 0, Running},
		"cannot be seen yet":       {map[string][]string{other: {"AWSCURRENT"}}, nil, 0, Running},
		"never seen":               {map[string][]string{other: {"AWSCURRENT"}}, nil, 2 * time.Minute, Failed},
		"current":                  {map[string][]string{token: {"AWSCURRENT"}}, nil, 0, Succeeded},
		"current and pending":      {map[string][]string{token: {"AWSCURRENT", "AWSPENDING"}}, nil, 0, Succeeded},
		"previous":                 {map[string][]string{other: {"AWSCURRENT"}, token: {"AWSPREVIOUS"}}, nil, 0, Superseded},
		"long ago":                 {map[string][]string{other: {"AWSCURRENT"}}, []string{token, other}, 48 * time.Hour, Superseded},
		"given up by the doctor":   {map[string][]string{other: {"AWSCURRENT"}}, []string{other, token}, 2 * time.Hour, Failed},
		"pending for two hours":    {map[string][]string{other: {"AWSCURRENT"}, token: {"AWSPENDING"}}, nil, 2 * time.Hour, Failed},
		"pending for half an hour": {map[string][]string{other: {"AWSCURRENT"}, token: {"AWSPENDING"}}, nil, 30 * time.Minute, Running},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s, made := furnished(t, ClientSecretPost)
				r, err := s.StartRotation(t.Context(), operation(1), made.ClientID)
				if err != nil || r.State != Running || r.ClientID != made.ClientID {
					t.Fatalf("%+v, %v", r, err)
				}
				there := fakeStore{w}.find(made.SecretARN)
				there.Stages = test.stages
				s.Store = histories{fakeStore{w}, test.values}
				time.Sleep(test.after)
				now, err := s.Rotation(t.Context(), r.ID)
				if err != nil || now.State != test.want || now.ClientID != made.ClientID || !now.Started.Equal(r.Started) {
					t.Errorf("%+v, %v; want %s", now, err, test.want)
				}
			})
		})
	}
}

// histories are versions an hour apart.
type histories struct {
	fakeStore
	values []string
}

func (h histories) History(_ context.Context, _ string) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	for i, v := range h.values {
		out[v] = time.Now().Add(time.Duration(i-9) * time.Hour)
	}
	return out, nil
}

// Secrets Manager takes a name without its last six characters, too. Whoever
// makes ids up learns nothing by it.
func TestARotationIsOfAWholeARN(t *testing.T) {
	w, s, made := furnished(t, ClientSecretPost)
	token, now := operation(1).token("rotation"), time.Now()
	if r, err := s.Rotation(t.Context(), rotationID(made.SecretARN, token, now)); err != nil || r.SecretARN != made.SecretARN {
		t.Fatalf("%+v, %v", r, err)
	}
	short := made.SecretARN
	fakeStore{w}.find(short).ARN += "-AbCdEf"
	s.Store = partly{fakeStore{w}}
	if r, err := s.Rotation(t.Context(), rotationID(short, token, now)); fault.Reason(err) != "rotation_not_found" {
		t.Errorf("%+v, %v", r, err)
	}
}

// partly finds a secret by an ARN that lacks its end.
type partly struct{ fakeStore }

func (p partly) Describe(ctx context.Context, id string) (Stored, error) {
	if p.find(id) == nil {
		id += "-AbCdEf"
	}
	return p.fakeStore.Describe(ctx, id)
}

func TestStartingARotation(t *testing.T) {
	w, s, made := furnished(t, ClientSecretPost)
	first, err := s.StartRotation(t.Context(), operation(1), made.ClientID)
	if err != nil {
		t.Fatal(err)
	}
	resumed := operation(1)
	resumed.Resumed = true
	if again, err := s.StartRotation(t.Context(), resumed, made.ClientID); err != nil || again.SecretARN != first.SecretARN {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	if r, err := s.StartRotation(t.Context(), operation(1), made.ClientID); fault.Reason(err) != "key_of_earlier_rotation" || fault.KindOf(err) != fault.Conflict {
		t.Errorf("the same, when nobody remembers it: %+v, %v", r, err)
	}
	if _, err := s.StartRotation(t.Context(), operation(2), made.ClientID); fault.Reason(err) != "rotation_in_progress" || fault.RetryAfter(err) == 0 {
		t.Errorf("another: %v", err)
	}
	there := fakeStore{w}.find(made.SecretARN)
	there.Paused = true
	if _, err := s.StartRotation(t.Context(), operation(3), made.ClientID); fault.Reason(err) != "paused" {
		t.Errorf("paused: %v", err)
	}
	there.Paused = false
	there.ClientID = "" // a signing secret, which is no client's
	if r, err := s.Rotation(t.Context(), first.ID); fault.Reason(err) != "rotation_not_found" {
		t.Errorf("of no client: %+v, %v", r, err)
	}
	there.ClientID, there.RotationEnabled = made.ClientID, false
	if _, err := s.StartRotation(t.Context(), operation(3), made.ClientID); fault.Reason(err) != "rotation_disabled" {
		t.Errorf("disabled: %v", err)
	}
	for _, id := range []string{"", "x", "cjF8", rotationID("arn:nothing", operation(1).token("rotation"), time.Now()), first.ID + "A", first.ID[1:]} {
		if r, err := s.Rotation(t.Context(), id); fault.Reason(err) != "rotation_not_found" || fault.KindOf(err) != fault.NotFound {
			t.Errorf("%q: %+v, %v", id, r, err)
		}
	}
}

// Callers cannot use up the versions that Secrets Manager keeps of a secret.
func TestAFloorUnderRotations(t *testing.T) {
	underWay := map[string][]string{"old": {"AWSCURRENT"}, "new": {"AWSPENDING"}}
	over := map[string][]string{"new": {"AWSCURRENT", "AWSPENDING"}, "old": {"AWSPREVIOUS"}}
	for name, test := range map[string]struct {
		ago    time.Duration // since the last one ended
		stages map[string][]string
		reason string
		wait   time.Duration
	}{
		"never":                         {0, nil, "", 0},
		"this moment":                   {time.Nanosecond, nil, "rotated_recently", 15 * time.Minute},
		"five minutes ago":              {5 * time.Minute, nil, "rotated_recently", 10 * time.Minute},
		"a moment before":               {15*time.Minute - time.Second, nil, "rotated_recently", time.Second},
		"a quarter of an hour ago":      {15 * time.Minute, nil, "", 0},
		"by a clock ahead of ours":      {-time.Hour, nil, "rotated_recently", 15 * time.Minute},
		"just now, a label left over":   {time.Minute, over, "rotated_recently", 14 * time.Minute},
		"just now, the next under way":  {time.Minute, underWay, "rotation_in_progress", time.Minute},
		"long ago, the next under way":  {time.Hour, underWay, "rotation_in_progress", time.Minute},
		"never, the first under way":    {0, underWay, "rotation_in_progress", time.Minute},
		"long ago, and a label is left": {time.Hour, over, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s, made := furnished(t, ClientSecretPost)
				there := fakeStore{w}.find(made.SecretARN)
				if test.ago != 0 {
					there.Rotated = time.Now().Add(-test.ago)
				}
				if test.stages != nil {
					there.Stages, there.current = test.stages, labelled(Stored{Stages: test.stages}, "AWSCURRENT")
				}
				r, err := s.StartRotation(t.Context(), operation(1), made.ClientID)
				_, started := there.Stages[operation(1).token("rotation")]
				if test.reason == "" && (err != nil || r.State != Running) || test.reason != "" && fault.Reason(err) != test.reason || started != (test.reason == "") {
					t.Errorf("%+v, %v, started %v; want %q", r, err, started, test.reason)
				}
				if wait := fault.RetryAfter(err); wait.Round(time.Second) != test.wait {
					t.Errorf("wait %s, want %s", wait, test.wait)
				}
				if test.reason == "rotated_recently" && fault.KindOf(err) != fault.RateLimited {
					t.Errorf("%v", err)
				}
				if test.ago == time.Minute && slices.Contains(w.calls, "store.rotate") {
					t.Error("Secrets Manager was asked, and may start one after the end of the other")
				}
			})
		})
	}
}

// What has begun is told, whatever has happened since.
func TestTheFloorIsNotForWhatHasBegun(t *testing.T) {
	w, s, made := furnished(t, ClientSecretPost)
	op := operation(1)
	if _, err := s.StartRotation(t.Context(), op, made.ClientID); err != nil {
		t.Fatal(err)
	}
	there := fakeStore{w}.find(made.SecretARN)
	there.Stages, there.Rotated = map[string][]string{op.token("rotation"): {"AWSCURRENT"}, "old": {"AWSPREVIOUS"}}, time.Now()
	op.Resumed = true
	if r, err := s.StartRotation(t.Context(), op, made.ClientID); err != nil || r.SecretARN != made.SecretARN {
		t.Errorf("%+v, %v", r, err)
	}
}

// An answer that is lost is no second rotation.
func TestAStartWhoseAnswerIsLost(t *testing.T) {
	for _, how := range []way{killAfter, lostOnce, failOnce} {
		w, s, made := furnished(t, ClientSecretPost)
		w.point = &point{3, "store.rotate", how}
		if _, err := s.StartRotation(t.Context(), operation(1), made.ClientID); err == nil || !w.struck {
			t.Fatalf("%s: %v after %v", ways[how], err, w.calls)
		}
		w.point, w.dead = nil, false
		op := operation(1)
		op.Resumed = true
		if r, err := s.StartRotation(t.Context(), op, made.ClientID); err != nil || r.State != Running {
			t.Errorf("%s: %+v, %v", ways[how], r, err)
		}
	}
}
