package handler_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/registration"
)

func TestDuplicatesOfABatchAreDoneOnce(t *testing.T) {
	b := newBench(succeed)
	stays := b.handle(t, t.Context(), record(1, url(1)), record(2, url(2)), record(3, url(1)),
		record(4, `{"external_client_id":"`+url(1)+`","mode":"preview"}`), record(5, "  "+url(1)))
	slices.Sort(b.asked)
	if len(stays) != 0 || !slices.Equal(b.asked, []string{url(1), url(1), url(2)}) {
		t.Errorf("stays %v, asked %v; want one call a document and mode", stays, b.asked)
	}
	if got := b.outcomes(t); len(got) != 5 || got["m1"] != "created" || got["m3"] != "updated" || got["m4"] != "previewed" {
		t.Errorf("outcomes %v", got)
	}
}

// On a standard queue a message that stays keeps no other: each counts its own
// tries, and the last of one ends its own story.
func TestDuplicatesThatFailEachCountTheirTries(t *testing.T) {
	b := newBench(failWith(fault.Unavailable))
	last := record(3, url(1))
	last.Attributes["ApproximateReceiveCount"] = "3"
	stays := b.handle(t, t.Context(), record(1, url(1)), record(2, url(1)), last)
	got := b.outcomes(t)
	if !slices.Equal(stays, []string{"m1", "m2"}) || len(b.asked) != 1 || got["m1"] != "returned" || got["m2"] != "returned" || got["m3"] != "rejected" {
		t.Errorf("stays %v, asked %v, outcomes %v", stays, b.asked, got)
	}
}

// In a group nothing overtakes a message that there was no time for, not even
// one whose result is known.
func TestWhatThereWasNoTimeForKeepsItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
			time.Sleep(4 * time.Second)
			return succeed(ctx, r)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		stays := b.handle(t, ctx, fifo(1, "a", url(1)), fifo(2, "a", url(2)), fifo(3, "a", url(1)))
		if !slices.Equal(stays, []string{"m2", "m3"}) || len(b.asked) != 1 {
			t.Errorf("stays %v after asking for %v", stays, b.asked)
		}
	})
}

func TestAPoisonMessageHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
			switch {
			case strings.Contains(r.ClientID.String(), "client-1."):
				panic("with a secret: canary-panic")
			case strings.Contains(r.ClientID.String(), "client-2."):
				<-ctx.Done()
				return registration.Outcome{}, ctx.Err()
			}
			return succeed(ctx, r)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer cancel()
		var records []events.SQSMessage
		for i := 1; i <= 8; i++ {
			records = append(records, record(i, url(i)))
		}
		records = append(records, record(9, "\x00 not even text"), record(10, ""))
		b.Concurrency = 10
		stays := b.handle(t, ctx, records...)
		if !slices.Equal(stays, []string{"m1", "m2"}) || ctx.Err() != nil {
			t.Errorf("stays %v (%v), want the two that failed", stays, ctx.Err())
		}
		if strings.Contains(b.log.String(), "canary-panic") {
			t.Errorf("the log shows a panic's text: %s", b.log.String())
		}
		if len(b.queue.sent[dlqURL]) != 2 {
			t.Errorf("%d dead letters, want 2", len(b.queue.sent[dlqURL]))
		}
	})
}

func TestNearTheDeadlineTheRestIsHandedBackUntouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
			select { // each takes as long as it may
			case <-ctx.Done():
				return registration.Outcome{}, ctx.Err()
			case <-time.After(4 * time.Second):
				return succeed(ctx, r)
			}
		})
		b.Concurrency = 1
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		start := time.Now()
		var records []events.SQSMessage
		for i := 1; i <= 9; i++ {
			records = append(records, record(i, url(i)))
		}
		b.handle(t, ctx, records...)
		if left := 12*time.Second - time.Since(start); left < time.Second {
			t.Errorf("%v left to answer", left)
		}
		outcomes := b.outcomes(t)
		count := map[string]int{}
		for id, o := range outcomes {
			count[o]++
			if o == "handed_back" && b.queue.hidden["r"+id[1:]] != 0 {
				t.Errorf("%s is hidden", id)
			}
		}
		if len(outcomes) != 9 || count["handed_back"] == 0 || len(b.asked)+count["handed_back"] != 9 {
			t.Errorf("outcomes %v after asking for %d", count, len(b.asked))
		}
	})
}

func TestWithEnoughTimeEveryMessageGetsItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
			if strings.Contains(r.ClientID.String(), "client-1.") { // would take for ever
				<-ctx.Done()
				return registration.Outcome{}, ctx.Err()
			}
			time.Sleep(time.Second)
			return succeed(ctx, r)
		})
		b.Concurrency = 1
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
		defer cancel()
		var records []events.SQSMessage
		for i := 1; i <= 10; i++ {
			records = append(records, record(i, url(i)))
		}
		if stays := b.handle(t, ctx, records...); !slices.Equal(stays, []string{"m1"}) {
			t.Errorf("stays %v, want the slow one alone", stays)
		}
	})
}

// SQS that cannot be reached, as from a network without a way to it, must not
// cost the invocation: nobody would learn what was done.
func TestAQueueThatHangsCostsOnlyItsOwnMessages(t *testing.T) {
	for _, hangs := range []string{"hide", "send", "delete"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
				if strings.Contains(r.ClientID.String(), "client-1.") {
					return registration.Outcome{}, fault.Invalid
				}
				time.Sleep(time.Second)
				return succeed(ctx, r)
			})
			b.Concurrency, b.queue.hangs = 1, map[string]bool{hangs: true}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			var records []events.SQSMessage
			for i := 1; i <= 6; i++ {
				records = append(records, record(i, url(i)))
			}
			stays := b.handle(t, ctx, records...)
			if ctx.Err() != nil {
				t.Errorf("%s hangs: there is no answer before the deadline", hangs)
			}
			if len(b.asked) != 6 || slices.ContainsFunc(stays, func(id string) bool { return id != "m1" }) {
				t.Errorf("%s hangs: stays %v after asking for %d, want the first at most", hangs, stays, len(b.asked))
			}
		})
	}
}

func TestThereIsAnAnswerEvenIfNothingAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(func(ctx context.Context, _ registration.Request) (registration.Outcome, error) {
			<-ctx.Done()
			return registration.Outcome{}, ctx.Err()
		})
		b.queue.hangs = map[string]bool{"hide": true, "send": true}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var records []events.SQSMessage
		for i := 1; i <= 9; i++ {
			records = append(records, record(i, url(i)))
		}
		if stays := b.handle(t, ctx, records...); len(stays) != 9 || ctx.Err() != nil {
			t.Errorf("stays %v (%v), want all of them, in time", stays, ctx.Err())
		}
	})
}

func TestAGroupStopsAtItsFirstFailure(t *testing.T) {
	b := newBench(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
		switch {
		case strings.Contains(r.ClientID.String(), "client-3."):
			return registration.Outcome{}, &fault.Error{Kind: fault.Unavailable}
		case strings.Contains(r.ClientID.String(), "client-6."):
			return registration.Outcome{}, &fault.Error{Kind: fault.Invalid, Reason: "document_invalid"}
		case strings.Contains(r.ClientID.String(), "client-9."):
			return registration.Outcome{}, &fault.Error{Kind: fault.RateLimited, RetryAfter: 5 * time.Second}
		}
		return succeed(ctx, r)
	})
	stays := b.handle(t, t.Context(),
		fifo(1, "a", url(1)), fifo(2, "b", url(2)), fifo(3, "a", url(3)), fifo(4, "a", url(4)), fifo(5, "a", "junk"),
		fifo(6, "b", url(6)), fifo(7, "b", url(7)), fifo(8, "a", url(1)), fifo(9, "c", url(9)), fifo(10, "c", url(10)))
	if want := []string{"m3", "m4", "m5", "m8", "m9", "m10"}; !slices.Equal(stays, want) {
		t.Errorf("stays %v, want %v in order", stays, want)
	}
	if len(b.queue.sent[queueURL]) != 0 {
		t.Errorf("a FIFO message was sent again: %+v", b.queue.sent[queueURL])
	}
	letters := b.queue.sent[dlqURL]
	if len(letters) != 1 || letters[0].Group != "b" || letters[0].Deduplication != "m6" {
		t.Errorf("dead letters %+v", letters)
	}
	if b.queue.hidden["r4"] != 0 || b.queue.hidden["r3"] == 0 || b.queue.hidden["r9"] < 5*time.Second {
		t.Errorf("hidden %v", b.queue.hidden)
	}
	for _, later := range []string{url(4), url(10)} {
		if slices.Contains(b.asked, later) {
			t.Errorf("%s was asked for before its turn", later)
		}
	}
}

// A handler serves many batches. What it learned from one says nothing in the
// next: the document may be another by then.
func TestNothingIsKeptBetweenTwoBatches(t *testing.T) {
	answers := []error{&fault.Error{Kind: fault.Unavailable}, &fault.Error{Kind: fault.Invalid, Reason: "document_invalid"}, nil, nil}
	b := newBench(nil)
	b.Service = registrarFunc(func(ctx context.Context, r registration.Request) (registration.Outcome, error) {
		err := answers[len(b.asked)]
		b.asked = append(b.asked, r.RequestID)
		if err != nil {
			return registration.Outcome{}, err
		}
		return succeed(ctx, r)
	})
	for i := 1; i <= 4; i++ {
		body := `{"external_client_id":"` + url(1) + `"}`
		if i == 2 {
			body = `{"external_client_id":"` + url(1) + `","request_id":"second"}`
		}
		b.handle(t, t.Context(), record(i, body))
	}
	if !slices.Equal(b.asked, []string{"", "second", "", ""}) {
		t.Errorf("asked for %q", b.asked)
	}
	got := b.outcomes(t)
	if got["m1"] != "returned" || got["m2"] != "rejected" || got["m3"] != "created" || got["m4"] != "created" {
		t.Errorf("outcomes %v", got)
	}
}
