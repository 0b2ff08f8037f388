package handler_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// sampleStatuses says what each sample event is answered at the time that it was
// signed, in the order of their names.
var sampleStatuses = map[string]int{
	"api.add-key": 201, "api.bad-body": 400, "api.create-client": 201, "api.create-client-by-iam": 201,
	"api.list-clients": 200, "api.list-credentials": 200, "api.missing-scope": 403, "api.no-caller": 401, "api.no-idempotency-key": 400, "api.no-such-method": 405, "api.no-such-route": 404, "api.openapi": 200, "api.preview": 200, "api.repeat-create-client": 201, "api.reuse-key": 422,
	"api.private-key": 400, "api.register": 202, "api.register-and-wait": 201, "api.register-bad-host": 403, "api.remove-key": 204, "api.rotate": 202,
	"webhook.bad-body": 400, "webhook.bad-signature": 401, "webhook.base64": 202, "webhook.event": 202, "webhook.message": 202, "webhook.other-event": 202, "webhook.replay": 202, "webhook.stale": 401,
}

func TestEverySampleEventOfHTTP(t *testing.T) {
	files, _ := filepath.Glob("../../events/api.*.json")
	more, _ := filepath.Glob("../../events/webhook.*.json")
	if files = append(files, more...); len(files) != len(sampleStatuses) {
		t.Errorf("%d files, %d expectations", len(files), len(sampleStatuses))
	}
	d := readDescription(t)
	w := newWorld()
	w.hosts = []string{"vscode.dev"}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		text, err := os.ReadFile(file)
		var ev events.APIGatewayV2HTTPRequest
		if err == nil {
			err = json.Unmarshal(text, &ev)
		}
		if err != nil {
			t.Fatal(err)
		}
		out := w.answer(t, t.Context(), ev)
		if out.StatusCode != sampleStatuses[name] {
			t.Errorf("%s: %d %s, want %d", name, out.StatusCode, out.Body, sampleStatuses[name])
		}
		if replayed := out.Headers["Idempotency-Replayed"] == "true"; replayed != (name == "api.repeat-create-client") {
			t.Errorf("%s: replayed: %v", name, replayed)
		}
		if id := d.operationOf(ev); id != "" {
			d.check(t, name, id, out)
		}
	}
	if len(w.sent) != 5 { // one for a registration, four for signed events, the replay among them
		t.Errorf("%d messages", len(w.sent))
	}
}
