package event_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"clientkeeper/internal/event"
)

// judge checks a body against the schema of its own type.
func judge(t *testing.T, body string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	kind, _ := doc.(map[string]any)["type"].(string)
	text, err := event.Schemas.ReadFile("schemas/" + kind + ".json")
	if err != nil {
		return err
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///schema.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("mem:///schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(doc)
}

const (
	arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:clients/orders-AbCdEf"
	url = "https://agents.example.com/oauth/client.json"
)

// least and most are each type with only what is always there, and with all.
var least = []event.Data{
	event.ClientRegistered{ClientID: "c1", ExternalClientID: url},
	event.ClientChanged{ClientID: "c1", ExternalClientID: url},
	event.ClientRejected{MessageID: "m1", Reason: "message_not_json"},
	event.SecretRotated{SecretARN: arn, VersionID: "v1", ClientID: "c1", Credential: "private_key_jwt"},
	event.RotationFailed{SecretARN: arn, VersionID: "v1", Step: "setSecret", Reason: "rate_limited"},
	event.OverlapEnded{SecretARN: arn},
}

var most = []event.Data{
	event.ClientRegistered{ClientID: "c1", ExternalClientID: url, RequestID: "PLAT-1", RequestedBy: "Zoë", Warnings: []string{"w"}},
	event.ClientChanged{ClientID: "c1", ExternalClientID: url, RequestID: "PLAT-1", RequestedBy: "Zoë", Warnings: []string{"w"}},
	event.ClientRejected{MessageID: "m1", ExternalClientID: url, RequestID: "r", RequestedBy: "x", Reason: "document_invalid", Violations: []string{"v"}, Warnings: []string{"w"}},
	event.SecretRotated{SecretARN: arn, VersionID: "v1", ClientID: "c1", Credential: "client_secret"},
	event.RotationFailed{SecretARN: arn, VersionID: "v1", ClientID: "c1", Step: "setSecret", Reason: "rate_limited"},
	event.OverlapEnded{SecretARN: arn, ClientID: "c1"},
}

func TestWhatIsSentIsWhatItsSchemaSays(t *testing.T) {
	seen := map[string]bool{}
	for _, what := range append(least, most...) {
		var body string
		a := event.NewAnnouncer("example.eu.auth0.com", func(_ context.Context, b string) error { body = b; return nil })
		if err := a.Announce(t.Context(), "PLAT-1842", what); err != nil {
			t.Fatal(err)
		}
		if err := judge(t, body); err != nil {
			t.Errorf("%s: %v\n%s", what.Type(), err, body)
		}
		seen[what.Type()] = true
	}
	files, err := event.Schemas.ReadDir("schemas")
	if err != nil || len(files) != len(seen) || len(event.Types()) != len(seen) {
		t.Errorf("%d schemas, %d types, %d tried, %v", len(files), len(event.Types()), len(seen), err)
	}
}

// A schema that took everything would show nothing.
func TestASchemaRefusesWhatIsNotSent(t *testing.T) {
	for i, what := range most {
		var body string
		a := event.NewAnnouncer("example.eu.auth0.com", func(_ context.Context, b string) error { body = b; return nil })
		if err := a.Announce(t.Context(), "c", what); err != nil {
			t.Fatal(err)
		}
		for name, spoil := range map[string]func(map[string]any){
			"an unknown member":         func(e map[string]any) { e["secret"] = "x" },
			"an unknown member of data": func(e map[string]any) { e["data"].(map[string]any)["client_secret"] = "x" },
			"no tenant":                 func(e map[string]any) { delete(e, "tenant") },
			"another version":           func(e map[string]any) { e["version"] = 2 },
			"a time that is none":       func(e map[string]any) { e["time"] = "yesterday" },
			"no data":                   func(e map[string]any) { e["data"] = map[string]any{} },
		} {
			var doc map[string]any
			if err := json.Unmarshal([]byte(body), &doc); err != nil {
				t.Fatal(err)
			}
			spoil(doc)
			text, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			if judge(t, string(text)) == nil {
				t.Errorf("%s with %s passes (case %d)", what.Type(), name, i)
			}
		}
	}
}

func TestAnEventNeverHoldsUpTheWorkForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		a := event.NewAnnouncer("t", func(ctx context.Context, _ string) error {
			tries++
			<-ctx.Done()
			return ctx.Err()
		})
		start := time.Now()
		for range 10 {
			if err := a.Announce(t.Context(), "", event.OverlapEnded{SecretARN: arn}); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("lost without a word: %v", err)
			}
		}
		if took := time.Since(start); tries != 1 || took > 3*time.Second {
			t.Errorf("%d tries in %s for ten events", tries, took)
		}
		time.Sleep(time.Minute)
		_ = a.Announce(t.Context(), "", event.OverlapEnded{SecretARN: arn})
		if tries != 2 {
			t.Errorf("%d tries: it is not tried again later", tries)
		}
	})
}

func TestWithoutAQueueNothingIsSent(t *testing.T) {
	var none *event.Announcer
	if err := none.Announce(t.Context(), "c", most[0]); err != nil {
		t.Error(err)
	}
}
