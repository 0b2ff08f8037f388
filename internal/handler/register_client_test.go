package handler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/registration"
)

func TestWhatBecomesOfOneMessage(t *testing.T) {
	busy := &fault.Error{Kind: fault.RateLimited, RetryAfter: 42 * time.Second}
	gone := &fault.Error{Kind: fault.NotFound, Reason: "message_gone"}
	down := &fault.Error{Kind: fault.Unavailable, Reason: "document_unreachable"}
	refused := &fault.Error{Kind: fault.Invalid, Reason: "document_invalid", Err: &registration.Refusal{Violations: []string{"v"}}}
	tests := map[string]struct {
		body        string
		receives    string
		err         error
		queueErrs   map[string]error
		wantStays   bool
		wantOutcome string
		wantSent    string // the queue that got a copy
		wantReason  string // of the dead letter
		wantDeleted bool
	}{
		"registered":                      {url(1), "1", nil, nil, false, "created", "", "", false},
		"refused":                         {url(1), "1", refused, nil, false, "rejected", dlqURL, "document_invalid", true},
		"not JSON":                        {"hello", "1", nil, nil, false, "rejected", dlqURL, "message_not_json", true},
		"not allowed":                     {url(1), "1", &fault.Error{Kind: fault.Denied, Reason: "host_not_allowed"}, nil, false, "rejected", dlqURL, "host_not_allowed", true},
		"busy":                            {url(1), "3", busy, nil, false, "postponed", queueURL, "", true},
		"unreachable":                     {url(1), "1", down, nil, true, "returned", "", "", false},
		"unreachable for the last time":   {url(1), "3", down, nil, false, "rejected", dlqURL, "document_unreachable", true},
		"a bug":                           {url(1), "1", errors.New("nil map"), nil, true, "returned", "", "", false},
		"a bug for the last time":         {url(1), "3", errors.New("nil map"), nil, false, "rejected", dlqURL, "internal", true},
		"no count":                        {url(1), "", down, nil, true, "returned", "", "", false},
		"refused, no dead-letter queue":   {url(1), "1", refused, map[string]error{"send": fault.NotFound}, true, "returned", "", "", false},
		"refused, settled meanwhile":      {url(1), "1", refused, map[string]error{"hide": gone}, true, "duplicate", "", "", false},
		"refused, hidden nowhere":         {url(1), "1", refused, map[string]error{"hide": &fault.Error{Kind: fault.NotFound, Reason: "queue_missing"}}, false, "rejected", dlqURL, "document_invalid", true},
		"refused, cannot be hidden":       {url(1), "1", refused, map[string]error{"hide": fault.Unavailable}, false, "rejected", dlqURL, "document_invalid", true},
		"refused, cannot be deleted":      {url(1), "1", refused, map[string]error{"delete": fault.Unavailable}, false, "rejected", dlqURL, "document_invalid", true},
		"busy, cannot be sent back":       {url(1), "1", busy, map[string]error{"send": fault.Unavailable}, true, "returned", "", "", false},
		"unreachable, cannot be hidden":   {url(1), "1", down, map[string]error{"hide": fault.Unavailable}, true, "returned", "", "", false},
		"our own credential is refused":   {url(1), "1", &fault.Error{Kind: fault.Unauthenticated}, nil, true, "returned", "", "", false},
		"the tenant does not give access": {url(1), "1", &fault.Error{Kind: fault.Denied, Reason: "insufficient_scope"}, nil, false, "rejected", dlqURL, "insufficient_scope", true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(failWith(test.err))
			if test.err == nil {
				b = newBench(succeed)
			}
			b.queue.errs = test.queueErrs
			r := record(1, test.body)
			r.Attributes["ApproximateReceiveCount"] = test.receives
			stays := b.handle(t, t.Context(), r)
			if (len(stays) == 1) != test.wantStays {
				t.Errorf("stays: %v, want %v", stays, test.wantStays)
			}
			if got := b.outcomes(t)["m1"]; got != test.wantOutcome {
				t.Errorf("outcome %q, want %q", got, test.wantOutcome)
			}
			for _, url := range []string{queueURL, dlqURL} {
				if want := map[bool]int{true: 1}[url == test.wantSent]; len(b.queue.sent[url]) != want {
					t.Errorf("%d copies in %s, want %d", len(b.queue.sent[url]), url, want)
				}
			}
			if test.wantReason != "" && b.queue.sent[dlqURL][0].Attributes["clientkeeper.reason"].String != test.wantReason {
				t.Errorf("dead letter %+v, want reason %s", b.queue.sent[dlqURL][0].Attributes, test.wantReason)
			}
			if wait, hidden := b.queue.hidden["r1"]; test.wantStays && hidden && (wait < 5*time.Second || wait > 30*time.Second) {
				t.Errorf("it is back after %v, want a back-off", wait)
			}
			if (len(b.queue.deleted) == 1) != test.wantDeleted {
				t.Errorf("deleted %v, want %v", b.queue.deleted, test.wantDeleted)
			}
		})
	}
}

func TestEachMessageHasOneLineWithItsStory(t *testing.T) {
	b := newBench(succeed)
	b.Observe = func(ctx context.Context, id string) (context.Context, func() int) {
		if id != "PLAT-7" {
			t.Errorf("correlation id %q", id)
		}
		return ctx, func() int { return 3 }
	}
	b.handle(t, t.Context(), record(1, `{"external_client_id":"`+url(1)+`","request_id":"PLAT-7","requested_by":"ops"}`))
	var line map[string]any
	first, _, _ := strings.Cut(b.log.String(), "\n")
	if err := json.Unmarshal([]byte(first), &line); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"level": "INFO", "function": "register-client", "message_id": "m1", "outcome": "created", "client_id": "tpc_1",
		"created": true, "external_client_id": url(1), "request": "PLAT-7", "requested_by": "ops", "tenant_calls": 3.0, "receives": 1.0} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
	if fmt.Sprint(line["warnings"]) != "[w]" {
		t.Errorf("warnings = %v", line["warnings"])
	}
}

func TestTheLineOfAMessageThatFailed(t *testing.T) {
	refused := &fault.Error{Kind: fault.Invalid, Reason: "document_invalid", Err: &registration.Refusal{Violations: []string{"v"}}}
	for name, test := range map[string]struct {
		err  error
		want map[string]string
	}{
		"refused":     {refused, map[string]string{"level": "ERROR", "outcome": "rejected", "reason": "document_invalid", "violations": "[v]", "retry_in": "<nil>"}},
		"unreachable": {fault.Unavailable, map[string]string{"level": "WARN", "outcome": "returned", "kind": "unavailable", "violations": "<nil>"}},
		"busy":        {&fault.Error{Kind: fault.RateLimited, RetryAfter: 42 * time.Second}, map[string]string{"level": "WARN", "outcome": "postponed", "retry_in": "42s"}},
	} {
		b := newBench(failWith(test.err))
		r := record(2, `{"external_client_id":"`+url(1)+`","mode":"preview"}`)
		r.MessageAttributes = map[string]events.SQSMessageAttribute{"clientkeeper.origin": {DataType: "String", StringValue: ptr(`{"message_id":"m1"}`)}}
		b.handle(t, t.Context(), r)
		var line map[string]any
		first, _, _ := strings.Cut(b.log.String(), "\n")
		if err := json.Unmarshal([]byte(first), &line); err != nil {
			t.Fatal(err)
		}
		test.want["message_id"], test.want["origin_id"], test.want["correlation_id"], test.want["mode"] = "m2", "m1", "m1", "preview"
		for key, want := range test.want {
			if got := fmt.Sprint(line[key]); got != want {
				t.Errorf("%s: %s = %s, want %s", name, key, got, want)
			}
		}
	}
}

func TestTheEmptyBatch(t *testing.T) {
	b := newBench(succeed)
	if stays := b.handle(t, t.Context()); len(stays) != 0 || len(b.asked) != 0 {
		t.Errorf("stays %v, asked %v", stays, b.asked)
	}
}

// Two deliveries of one message can each find that the other is at it. Neither
// may then delete it: nobody would have put it into the dead-letter queue.
func TestAMessageInOtherHandsIsNotDeleted(t *testing.T) {
	gone := &fault.Error{Kind: fault.NotFound, Reason: "message_gone"}
	for name, err := range map[string]error{
		"refused": &fault.Error{Kind: fault.Invalid, Reason: "document_invalid"},
		"busy":    fault.RateLimited,
	} {
		b := newBench(failWith(err))
		b.queue.errs = map[string]error{"hide": gone}
		if stays := b.handle(t, t.Context(), record(1, url(1))); len(stays) != 1 || len(b.queue.deleted) != 0 || len(b.queue.sent) != 0 {
			t.Errorf("%s: stays %v, deleted %v, sent %v; want the message left alone", name, stays, b.queue.deleted, b.queue.sent)
		}
	}
}

// What an unclassified error says may be anything. It is withheld, even when
// the message cannot be given up and two failures become one.
func TestAStrangersTextIsWithheldFromTheLog(t *testing.T) {
	const canary = "canary-9d1e"
	b := newBench(failWith(errors.New(canary)))
	b.Limits.MaxTries = 1
	b.queue.errs = map[string]error{"send": &fault.Error{Kind: fault.Unavailable, Op: "queue.send"}}
	if stays := b.handle(t, t.Context(), record(1, url(1))); len(stays) != 1 {
		t.Errorf("stays %v, want the message that could not be moved", stays)
	}
	if text := b.log.String(); strings.Contains(text, canary) || !strings.Contains(text, "queue.send") {
		t.Errorf("log %s", text)
	}
}
