package app

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/idempotency"
	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/secretstore"
)

func openRecords(t *testing.T) (*secretsmanager.Service, records) {
	t.Helper()
	room := secretsmanager.New(secretsmanager.Options{Region: "eu-central-1"})
	t.Cleanup(room.Close)
	server := httptest.NewServer(room)
	t.Cleanup(server.Close)
	return room, records{store: secretstore.New(aws.Config{Region: "eu-central-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})}
}

// Only records are deleted, only old ones, and some at a time.
func TestRecordsExpire(t *testing.T) {
	room, r := openRecords(t)
	r.limit = 120 // more than a page
	l := &idempotency.Ledger{Store: r}
	for n := range r.limit + 3 {
		if err := r.Begin(t.Context(), strings.Repeat("a", n+1), strings.Repeat("t", 32), []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	for name, tags := range map[string]map[string]string{
		"management":                      {"clientkeeper:managed": "true"},
		"clients/orders":                  {recordTag: "request"}, // a mistake, or worse
		"clientkeeper/requests-of-others": {recordTag: "request"},
		recordsFolder + "without-the-tag": nil,
	} {
		if _, err := room.Put(name, "value", tags); err != nil {
			t.Fatal(err)
		}
	}
	all := len(room.Snapshot())
	for i, step := range []struct {
		after time.Duration
		want  int
	}{{idempotency.KeepFor - time.Minute, 0}, {idempotency.KeepFor + time.Minute, r.limit}, {idempotency.KeepFor + time.Minute, 3}, {48 * time.Hour, 0}} {
		if n, err := r.DeleteExpired(t.Context(), time.Now().Add(step.after)); err != nil || n != step.want {
			t.Fatalf("run %d deleted %d, %v; want %d", i, n, err, step.want)
		}
	}
	if left := len(room.Snapshot()); left != all-r.limit-3 {
		t.Errorf("%d secrets are left of %d", left, all)
	}
	// Its key is a new one then.
	request := idempotency.Request{Caller: "alice", Key: "k", Digest: [32]byte{1}}
	for n := range 2 {
		_, replayed, err := l.Do(t.Context(), request, func(_ context.Context, op idempotency.Operation) (idempotency.Answer, error) {
			if op.Resumed {
				t.Error("resumed")
			}
			return idempotency.Answer{Status: 201 + n}, nil
		})
		if err != nil || replayed {
			t.Fatalf("%v, %v", replayed, err)
		}
		if _, err := r.DeleteExpired(t.Context(), time.Now().Add(25*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
}

// Of many that come at once, one does the work, and all get its answer.
func TestOneOfManyWorks(t *testing.T) {
	_, r := openRecords(t)
	l := &idempotency.Ledger{Store: r}
	var worked atomic.Int32
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				answer, _, err := l.Do(t.Context(), idempotency.Request{Caller: "alice", Key: "k", Digest: [32]byte{1}},
					func(context.Context, idempotency.Operation) (idempotency.Answer, error) {
						return idempotency.Answer{Status: int(worked.Add(1))}, nil
					})
				if err == nil && answer.Status == 1 {
					return
				}
				if fault.Reason(err) != "idempotency_in_progress" {
					t.Errorf("%+v, %v", answer, err)
					return
				}
			}
			t.Error("no answer")
		})
	}
	group.Wait()
	if n := worked.Load(); n != 1 {
		t.Errorf("worked %d times", n)
	}
}
