package sqs_test

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"clientkeeper/internal/sandbox/sqs"
)

// A round trip must cost the same whether few or many messages are in flight.
func BenchmarkRoundTrip(b *testing.B) {
	for _, inFlight := range []int{0, 10_000, 100_000} {
		b.Run(fmt.Sprintf("with %d in flight", inFlight), func(b *testing.B) {
			s := sqs.New(sqs.Options{})
			const q = `"QueueUrl":"http://x/123456789012/q"`
			call(b, s, "CreateQueue", `{"QueueName":"q","Attributes":{"VisibilityTimeout":"43200"}}`)
			for range inFlight {
				call(b, s, "SendMessage", `{`+q+`,"MessageBody":"x"}`)
				call(b, s, "ReceiveMessage", `{`+q+`}`)
			}
			for b.Loop() {
				call(b, s, "SendMessage", `{`+q+`,"MessageBody":"x"}`)
				answer := call(b, s, "ReceiveMessage", `{`+q+`}`)
				_, rest, _ := strings.Cut(answer, `"ReceiptHandle":"`)
				handle, _, _ := strings.Cut(rest, `"`)
				call(b, s, "DeleteMessage", `{`+q+`,"ReceiptHandle":"`+handle+`"}`)
			}
		})
	}
}

func call(b *testing.B, s *sqs.Service, operation, body string) string {
	r := httptest.NewRequest("POST", "http://x/", strings.NewReader(body))
	r.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 200 {
		b.Fatal(w.Body)
	}
	return w.Body.String()
}
