package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"clientkeeper/internal/app"
	"clientkeeper/internal/auth0"
	"clientkeeper/internal/config"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
	"clientkeeper/internal/telemetry"
)

func runSchema(_ context.Context, inv *invocation) error {
	if _, err := inv.only("schema", "Prints the JSON Schema of a message on the registrations queue.", nil); err != nil {
		return helped(err)
	}
	_, err := inv.out.Write(registration.Schema)
	return err
}

const aboutRegister = `Sends a message for each URL to the queue that REGISTRATIONS_QUEUE_URL names.
Each is checked before any is sent.`

// A message asks for one registration, as registration.Schema describes it.
type message struct {
	Version          int               `json:"version"`
	ExternalClientID string            `json:"external_client_id"`
	Mode             string            `json:"mode"`
	RequestID        string            `json:"request_id,omitempty"`
	RequestedBy      string            `json:"requested_by,omitempty"`
	Labels           map[string]string `json:"labels,omitempty"`
}

func runRegister(ctx context.Context, inv *invocation) error {
	m := message{Version: registration.SchemaVersion, Labels: map[string]string{}}
	f, err := inv.flags("register", "[flags] <url> ...", aboutRegister, func(f *flag.FlagSet) {
		f.StringVar(&m.RequestedBy, "by", "", "who asks")
		f.StringVar(&m.RequestID, "request", "", "your own `id` of the request; it is the correlation id in the tenant's log")
		f.StringVar(&m.Mode, "mode", "register", "register or preview")
		f.Func("label", "a free-form `name=value`; may be repeated", func(s string) error {
			name, value, ok := strings.Cut(s, "=")
			if !ok {
				return errors.New("a label is name=value")
			}
			m.Labels[name] = value
			return nil
		})
	})
	var urls []string
	if err == nil {
		urls, err = inv.arguments(f, 1, math.MaxInt)
	}
	if err != nil {
		return helped(err)
	}
	url := inv.getenv("REGISTRATIONS_QUEUE_URL")
	if url == "" {
		return errors.New("REGISTRATIONS_QUEUE_URL is not set; it is the output RegistrationsQueueUrl of the stack, and in .sandbox/env")
	}
	bodies, err := compose(m, urls)
	if err != nil {
		return fmt.Errorf("nothing was sent: %w", err)
	}
	return sendAll(ctx, inv.out, url, bodies)
}

// compose makes the messages and reads them as the function will.
func compose(m message, urls []string) ([]string, error) {
	var bodies []string
	var errs []error
	for _, u := range urls {
		m.ExternalClientID = u
		body, err := json.Marshal(m)
		if err == nil {
			_, err = registration.ParseRequest(string(body))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", u, err))
		}
		bodies = append(bodies, string(body))
	}
	return bodies, errors.Join(errs...)
}

func sendAll(ctx context.Context, out io.Writer, url string, bodies []string) error {
	aws, err := app.AWS(ctx)
	if err != nil {
		return err
	}
	client := queue.New(aws)
	for i, body := range bodies {
		if err := client.Send(ctx, url, queue.Message{Body: body}); err != nil {
			return fmt.Errorf("%d of %d sent: %w", i, len(bodies), err)
		}
	}
	_, err = fmt.Fprintf(out, "sent %d\n", len(bodies))
	return err
}

const aboutInvoke = `Runs a function in this process, without Lambda, with the event in a file or
from standard input. Its environment is this one; . .sandbox/env sets it for the
sandbox. The function's log goes to standard error, its answer to standard
output.`

func runInvoke(ctx context.Context, inv *invocation) error {
	var file string
	var timeout time.Duration
	f, err := inv.flags("invoke", "[flags] register-client", aboutInvoke, func(f *flag.FlagSet) {
		f.StringVar(&file, "event", "-", "the event's `file`, or - for standard input")
		f.DurationVar(&timeout, "timeout", time.Minute, "the time that Lambda would give it")
	})
	var names []string
	if err == nil {
		names, err = inv.arguments(f, 1, 1)
	}
	if err != nil {
		return helped(err)
	}
	if names[0] != "register-client" {
		return inv.misused(f, "there is one function to invoke, register-client")
	}
	event, err := readEvent(inv.in, file)
	if err != nil {
		return err
	}
	c, err := config.LoadRegisterClient(inv.getenv)
	if err != nil {
		return unset(err)
	}
	h, err := app.RegisterClient(ctx, c, telemetry.Logger(inv.errOut, "register-client", app.Version, inv.getenv("AWS_LAMBDA_LOG_LEVEL")), telemetry.Metrics{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := h.Handle(ctx, event)
	if err != nil {
		return err
	}
	return json.NewEncoder(inv.out).Encode(answer)
}

// maxEvent is what Lambda takes, in bytes.
const maxEvent = 6 << 20

func readEvent(in io.Reader, file string) (events.SQSEvent, error) {
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return events.SQSEvent{}, err
		}
		defer opened.Close()
		in = opened
	}
	text, err := io.ReadAll(io.LimitReader(in, maxEvent+1))
	if err != nil {
		return events.SQSEvent{}, err
	}
	if len(text) > maxEvent {
		return events.SQSEvent{}, fmt.Errorf("the event has more than %d bytes, which is what Lambda takes", maxEvent)
	}
	var e events.SQSEvent
	if err := json.Unmarshal(text, &e); err != nil {
		return e, fmt.Errorf("the event is not the JSON of an SQS event (%w); see events/ for samples", err)
	}
	return e, nil
}

const aboutPreflight = `Asks the tenant that AUTH0_DOMAIN names whether registration can work: reachable,
scopes granted, CIMD switched on, rate limit, Rules in the way. It changes
nothing. The credential is the secret that AUTH0_MANAGEMENT_SECRET_ARN names.`

// requiredScopes are what a stack requires by default, in its parameter
// RequiredScopes.
const requiredScopes = "read:clients,create:clients,update:clients,read:client_keys,update:client_keys," +
	"read:client_credentials,create:client_credentials,update:client_credentials,delete:client_credentials"

func runPreflight(ctx context.Context, inv *invocation) error {
	var asJSON bool
	var scopes string
	_, err := inv.only("preflight", aboutPreflight, func(f *flag.FlagSet) {
		f.StringVar(&scopes, "scopes", requiredScopes, "the `scopes` that the management client needs, separated by commas")
		f.BoolVar(&asJSON, "json", false, "print JSON")
	})
	if err != nil {
		return helped(err)
	}
	c, err := config.LoadTenant(inv.getenv)
	if err != nil {
		return unset(err)
	}
	aws, err := app.AWS(ctx)
	if err != nil {
		return err
	}
	client, err := app.Tenant(c, aws)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return showFacts(inv.out, client.Preflight(ctx, strings.FieldsFunc(scopes, func(r rune) bool { return r == ',' || r == ' ' })...), asJSON)
}

func showFacts(out io.Writer, facts []auth0.Fact, asJSON bool) error {
	failed := 0
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range facts {
		if f.Status == auth0.Fail {
			failed++
		}
		if asJSON {
			err := json.NewEncoder(out).Encode(map[string]string{"name": f.Name, "status": string(f.Status), "detail": f.Detail, "next": f.Next})
			if err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Status, f.Name, f.Detail)
		if f.Next != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", f.Next)
		}
	}
	_ = w.Flush()
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(facts))
	}
	return nil
}
