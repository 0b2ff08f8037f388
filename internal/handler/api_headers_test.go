package handler_test

import (
	"net/http"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// API Gateway writes the names of headers in lower case, sam local start-api as
// HTTP/1.1 clients do.
func TestNamesOfHeadersAreInAnyCase(t *testing.T) {
	titled := func(ev *events.APIGatewayV2HTTPRequest) {
		headers := map[string]string{}
		for name, value := range ev.Headers {
			headers[http.CanonicalHeaderKey(name)] = value
		}
		ev.Headers = headers
	}
	w := newWorld()
	for name, ev := range map[string]events.APIGatewayV2HTTPRequest{
		"a client": apiRequest("POST", "/v1/clients", goodClient, titled), "a webhook": signed(goodMessage, titled),
	} {
		if out := w.answer(t, t.Context(), ev); out.StatusCode/100 != 2 {
			t.Errorf("%s: %d %s", name, out.StatusCode, out.Body)
		}
	}
	two := apiRequest("POST", "/v1/clients", goodClient, header("Idempotency-Key", "another"))
	if out := w.answer(t, t.Context(), two); problemOf(t, "two keys", out) != "idempotency_key_invalid" {
		t.Errorf("%d %s", out.StatusCode, out.Body)
	}
}
