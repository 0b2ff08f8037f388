package sandbox

import (
	"context"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/handler"
	"clientkeeper/internal/sandbox/tenant"
)

// A thin cut through the whole matrix: `clientkeeper crash` is all of it.
func TestNoCrashLosesASecret(t *testing.T) {
	t.Parallel()
	every := 19 // no divisor of the ways, so that all of them come up
	if testing.Short() {
		every = 61
	}
	r, err := CrashMatrix(t.Context(), CrashOptions{Every: every})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Kinds) != len(CrashKinds()) {
		t.Errorf("%d kinds, want %d", len(r.Kinds), len(CrashKinds()))
	}
	points, missed := 0, 0
	for _, k := range r.Kinds {
		points, missed = points+k.Points, missed+k.Missed
		if k.Bad() || k.Calls < 15 || k.Checks < k.Calls*(k.Points+1)/2 {
			t.Errorf("%+v", k)
		}
		if generated := k.Kind == "secret-generated"; generated != (k.Unstored > 0) {
			t.Errorf("%s: %d looks found an unstored secret", k.Kind, k.Unstored)
		}
		if atOnce := k.Kind == "key-to-secret-at-once"; atOnce != (k.Waiting > 0) {
			t.Errorf("%s: %d looks found a secret that does not log in yet", k.Kind, k.Waiting)
		}
	}
	if missed > points/4 { // how often a step tries, and so how many calls there are, is a matter of time
		t.Errorf("%d of %d points were missed", missed, points)
	}
	t.Logf("%d points in %s", points, r.Took)
}

func TestAKindThatDoesNotExist(t *testing.T) {
	_, err := CrashMatrix(t.Context(), CrashOptions{Kinds: []string{"secret", "password"}})
	if err == nil || !strings.Contains(err.Error(), `"password"`) {
		t.Errorf("err = %v", err)
	}
}

// worldOf is a world in which nothing has happened yet.
func worldOf(t *testing.T, shared *crashShared, kind string) *crashWorld {
	t.Helper()
	kinds, err := crashKindsNamed([]string{kind})
	if err != nil {
		t.Fatal(err)
	}
	w, err := newCrashWorld(shared, kinds[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func sharedBy(t *testing.T) *crashShared {
	t.Helper()
	shared, err := newCrashShared(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return shared
}

// The checker is worth what it sees. Each of these is a promise broken by hand.
func TestTheCheckerSees(t *testing.T) {
	shared := sharedBy(t)
	newKey, err := publicPEM(shared.signer)
	if err != nil {
		t.Fatal(err)
	}
	upload := func(w *crashWorld) (string, error) {
		return w.tenant.AddCredential(w.client, tenant.NewKey{PEM: newKey, Name: "clientkeeper x"})
	}
	own := func(w *crashWorld) (ids []string) {
		for _, k := range w.tenant.AttachedKeys(w.client) {
			ids = append(ids, k.CredentialID)
		}
		return ids
	}
	stranger := func(w *crashWorld) string {
		for id := range w.check.pool {
			return id
		}
		return ""
	}
	version := func(w *crashWorld, label string) string { return versionWith(w.check.secret(), label) }
	put := func(w *crashWorld, value string) error {
		_, err := w.secrets.Put("client", value, nil)
		return err
	}
	tests := map[string]struct {
		kind    string
		misdeed func(*crashWorld) error
		count   func(*crashOutcome) int
		says    string
	}{
		"a value is stored that does not log in": {"secret", func(w *crashWorld) error {
			if err := put(w, w.stored(w.client, "a", nil)); err != nil {
				return err
			}
			return put(w, w.stored(w.client, "b", nil))
		}, func(o *crashOutcome) int { return o.gaps }, "no stored credential logs in"},
		"all keys are detached": {"key", func(w *crashWorld) error { return w.tenant.Attach(w.client) },
			func(o *crashOutcome) int { return o.gaps }, "no stored credential logs in"},
		"only a key that is not stored is attached": {"key", func(w *crashWorld) error { return w.tenant.Attach(w.client, stranger(w)) },
			func(o *crashOutcome) int { return o.lost }, "no stored credential logs in"},
		"the current key is detached before its time": {"key", func(w *crashWorld) error { return w.tenant.Attach(w.client, own(w)[0]) },
			func(o *crashOutcome) int { return o.gaps }, "the key in AWSCURRENT does not log in"},
		"the secret of another client is stored": {"secret", func(w *crashWorld) error {
			if err := put(w, w.stored("x", "a", nil)); err != nil {
				return err
			}
			return put(w, w.stored("x", "b", nil))
		}, func(o *crashOutcome) int { return o.lost }, "no stored credential logs in"},
		"a key is uploaded and forgotten": {"key", func(w *crashWorld) error { _, err := upload(w); return err },
			func(o *crashOutcome) int { return o.left }, "no version stores"},
		"a key is uploaded twice": {"key", func(w *crashWorld) error {
			id, err := upload(w)
			if err == nil {
				err = w.tenant.DeleteCredential(w.client, id)
			}
			if err == nil {
				_, err = upload(w)
			}
			return err
		}, func(o *crashOutcome) int { return o.doubled }, "uploaded (2 times)"},
		"somebody else's key is deleted": {"key", func(w *crashWorld) error { return w.tenant.DeleteCredential(w.client, stranger(w)) },
			func(o *crashOutcome) int { return o.left }, "somebody else's key is gone"},
		"somebody else's key is attached": {"key", func(w *crashWorld) error { return w.tenant.Attach(w.client, own(w)[1], stranger(w)) },
			func(o *crashOutcome) int { return o.left }, "somebody else's key was changed"},
		"AWSCURRENT goes back": {"key", func(w *crashWorld) error {
			for range 2 {
				move := map[string]string{"SecretId": w.arn, "VersionStage": "AWSCURRENT",
					"MoveToVersionId": version(w, "AWSPREVIOUS"), "RemoveFromVersionId": version(w, "AWSCURRENT")}
				if err := w.ask("UpdateSecretVersionStage", move, nil); err != nil {
					return err
				}
				w.check.look("a move")
			}
			return nil
		}, func(o *crashOutcome) int { return o.doubled }, "moved a second time"},
		"nothing is done": {"secret", func(*crashWorld) error { return nil },
			func(o *crashOutcome) int { return o.unfinished }, "from before"},
		"a signing secret is current before verifiers can know it": {"webhook", func(w *crashWorld) error {
			return put(w, `{"whsec":"whsec_`+strings.Repeat("B", 40)+`","team":"payments"}`)
		}, func(o *crashOutcome) int { return o.gaps }, "a verifier does not know"},
		"a copy in another region is not waited for": {"key-replicated", func(w *crashWorld) error {
			for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if err := w.ask("DescribeSecret", map[string]string{"SecretId": w.arn}, nil); err != nil {
					return err
				}
				if _, copied := w.check.replica(); copied { // a copy follows when the room is asked for something
					break
				}
			}
			w.stopped.Store(time.Now().UnixNano()) // or the copy might follow before we look
			if err := put(w, w.stored(w.client, "", w.shared.keys[2])); err != nil {
				return err
			}
			return w.tenant.Attach(w.client, stranger(w))
		}, func(o *crashOutcome) int { return o.gaps }, "in the replica's region"},
		"a member of somebody else's is lost": {"secret", func(w *crashWorld) error { return put(w, `{"client_id":"x","client_secret":"y"}`) },
			func(o *crashOutcome) int { return o.left }, "lost the member"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := worldOf(t, shared, test.kind)
			if w.check.look("the beginning"); len(w.check.out.problems) > 0 {
				t.Fatal(w.check.out.problems)
			}
			if err := test.misdeed(w); err != nil {
				t.Fatal(err)
			}
			w.check.look("the misdeed")
			o := w.outcome()
			if text := strings.Join(o.problems, "\n"); test.count(o) == 0 || !strings.Contains(text, test.says) {
				t.Errorf("not seen; problems: %s", text)
			}
		})
	}
}

// A process that is killed does nothing any more, and the next one knows
// nothing of it.
func TestTheDeadDoNothing(t *testing.T) {
	shared := sharedBy(t)
	for _, way := range []crashWay{killBefore, killAfter} {
		w := worldOf(t, shared, "secret")
		p := crashPoint{crashCall{step: "createSecret", n: 5}, way}
		w.stage.arm(&p)
		var first *crashProcess
		_, err := w.run(t.Context(), "createSecret", func(ctx context.Context, process *crashProcess) error {
			first = process
			for range 10 { // beyond the fifth all are turned away
				_, _ = process.schedule.Handle(context.WithoutCancel(ctx), handler.ScheduleEvent{})
			}
			return nil
		})
		if err != nil || len(w.stage.calls) != 5 || w.process != nil || first == nil {
			t.Errorf("%s: %d calls came through, err %v", way, len(w.stage.calls), err)
		}
	}
}
