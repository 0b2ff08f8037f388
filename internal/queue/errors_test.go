package queue_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/sandbox/sqs"
)

const canary = "canary-4b2e"

// call makes one of the three calls.
func (b *bench) call(ctx context.Context, op, url, receipt string) error {
	switch op {
	case "hide":
		return b.Hide(ctx, url, receipt, time.Minute)
	case "delete":
		return b.Delete(ctx, url, receipt)
	}
	return b.Send(ctx, url, queue.Message{Body: canary, Attributes: map[string]queue.Attribute{"a": {Type: "String", String: canary}}})
}

func TestErrorsOfTheService(t *testing.T) {
	tests := map[string]struct {
		op, url string
		mishap  sqs.Fault
		kind    fault.Kind
		reason  string
	}{
		"no such queue":        {"send", "http://127.0.0.1/123456789012/nobody", sqs.Fault{}, fault.NotFound, "queue_missing"},
		"not the URL of one":   {"send", "nonsense", sqs.Fault{}, fault.Invalid, "queue_missing"},
		"not a receipt":        {"hide", "", sqs.Fault{}, fault.Invalid, "invalid"},
		"not a receipt either": {"delete", "", sqs.Fault{}, fault.Invalid, "invalid"},
		"throttled":            {"send", "", sqs.Fault{Status: 403}, fault.RateLimited, "rate_limited"},
		"unavailable":          {"send", "", sqs.Fault{Status: 503}, fault.Unavailable, "unavailable"},
		"internal error":       {"hide", "", sqs.Fault{Status: 500}, fault.Unavailable, "unavailable"},
		"answer lost":          {"send", "", sqs.Fault{HangUp: true, Applied: true}, fault.Unavailable, "unavailable"},
		"connection dropped":   {"delete", "", sqs.Fault{HangUp: true}, fault.Unavailable, "unavailable"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := open(t, "q")
			b.room.SetMischief(func(string, string) sqs.Fault { return test.mishap })
			url := test.url
			if url == "" {
				url = b.url
			}
			err := b.call(t.Context(), test.op, url, canary)
			if fault.KindOf(err) != test.kind || fault.Reason(err) != test.reason {
				t.Errorf("err = %v, want %v for %s", err, test.kind, test.reason)
			}
			if err != nil && (strings.Contains(err.Error(), canary) || !strings.HasPrefix(err.Error(), "queue."+test.op+": ")) {
				t.Errorf("err = %v, want it to name the operation and nothing that was sent", err)
			}
		})
	}
}

// Codes that the sandbox does not give, as SQS words them.
func TestErrorsByTheirCode(t *testing.T) {
	tests := map[string]struct {
		kind fault.Kind
		next string // part of it
	}{
		"AccessDenied":                                {fault.Denied, "sqs:SendMessage"},
		"AccessDeniedException":                       {fault.Denied, "sqs:SendMessage"},
		"KmsAccessDenied":                             {fault.Denied, "key"},
		"KMS.AccessDeniedException":                   {fault.Denied, "key"},
		"KMS.ThrottlingException":                     {fault.RateLimited, ""},
		"ThrottlingException":                         {fault.RateLimited, ""},
		"Throttling":                                  {fault.RateLimited, ""},
		"KmsThrottled":                                {fault.RateLimited, ""},
		"OverLimit":                                   {fault.RateLimited, ""},
		"InvalidClientTokenId":                        {fault.Unauthenticated, "credentials"},
		"SignatureDoesNotMatch":                       {fault.Unauthenticated, "clock"},
		"UnrecognizedClientException":                 {fault.Unauthenticated, "credentials"},
		"InvalidSecurity":                             {fault.Unauthenticated, "credentials"},
		"ExpiredToken":                                {fault.Unauthenticated, "credentials"},
		"ExpiredTokenException":                       {fault.Unauthenticated, "credentials"},
		"MissingAuthenticationToken":                  {fault.Unauthenticated, "credentials"},
		"QueueDoesNotExist":                           {fault.NotFound, "URL"},
		"InvalidMessageContents":                      {fault.Invalid, ""},
		"InvalidAttributeValue":                       {fault.Invalid, ""},
		"AWS.SimpleQueueService.NonExistentQueue":     {fault.NotFound, "URL"},
		"AWS.SimpleQueueService.MessageNotInflight":   {fault.NotFound, ""},
		"AWS.SimpleQueueService.UnsupportedOperation": {fault.Invalid, ""},
		"SomethingThatSQSInventsTomorrow":             {fault.Unavailable, ""},
	}
	for code, want := range tests {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.Header().Set("x-amzn-query-error", code+";Sender")
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"__type":"com.amazonaws.sqs#%s","message":"%s"}`, code, canary)
		}))
		b := &bench{Client: queue.New(at(server.URL))}
		err := b.call(t.Context(), "send", server.URL+"/1/q", "")
		server.Close()
		e, ok := errors.AsType[*fault.Error](err)
		if !ok || e.Kind != want.kind || !strings.Contains(e.Next, want.next) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v, want %v with the advice %q", code, err, want.kind, want.next)
		}
	}
}

func TestErrorsOnTheWay(t *testing.T) {
	slow := open(t, "q")
	slow.room.SetMischief(func(string, string) sqs.Fault { return sqs.Fault{Delay: time.Minute} })
	hurried, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := slow.call(hurried, "send", slow.url, "")
	if fault.KindOf(err) != fault.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("slower than the caller: %v", err)
	}

	given, giveUp := context.WithCancel(t.Context())
	giveUp()
	err = slow.call(given, "send", slow.url, "")
	if fault.KindOf(err) != fault.Unavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}

	anonymous := at("http://127.0.0.1:1")
	anonymous.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New(canary)
	})
	for name, test := range map[string]struct {
		cfg  aws.Config
		next string
	}{
		"nobody there":   {at("http://127.0.0.1:1"), "network"},
		"no credentials": {anonymous, "credentials"},
	} {
		b := &bench{Client: queue.New(test.cfg)}
		err := b.call(t.Context(), "send", "http://127.0.0.1:1/1/q", "")
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), test.next) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v, want advice on the %s", name, err, test.next)
		}
	}
}
