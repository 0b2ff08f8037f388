package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// serveTime is how long a sam local server may take to begin and to end.
const serveTime = 2 * time.Minute

// serve starts a sam local server on a free port and returns its address once
// it listens, and what stops it.
func (s *side) serve(ctx context.Context, template, what string, args ...string) (address string, stop func() error, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address = l.Addr().String()
	if err := l.Close(); err != nil {
		return "", nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	file := filepath.Join(filepath.Dir(s.logFile), what+".log")
	log, err := os.Create(file)
	if err != nil {
		return "", nil, err
	}
	cmd := s.samCommand(ctx, template, append([]string{what, "--port", port, "--warm-containers", "LAZY"}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = serveTime
	if err := cmd.Start(); err != nil {
		return "", nil, errors.Join(err, log.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = func() error { // it removes its containers first
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended // and ends with an error, for it was interrupted
		return log.Close()
	}
	for deadline := time.Now().Add(serveTime); time.Now().Before(deadline); {
		if conn, err := net.Dial("tcp", address); err == nil {
			return address, stop, conn.Close()
		}
		select {
		case <-ended:
			return "", nil, fmt.Errorf("sam local %s did not begin; see %s", what, file)
		case <-time.After(200 * time.Millisecond):
		}
	}
	return "", nil, errors.Join(fmt.Errorf("sam local %s does not listen; see %s", what, file), stop())
}

// throughLambda are the events for the Invoke API, one for each function, whose
// answers say something.
var throughLambda = []string{
	"api.missing-scope", "check-deployment.person", "register-client.bad-too-large",
	"rotate-secret.create", "schedule-rotations.scheduled", "webhook.bad-signature",
}

// startLambda sends events with the AWS CLI, to both. The step of a rotation is
// sent as it stands, about a secret that is not there: a function's failure.
func (r *runner) startLambda(ctx context.Context) (err error) {
	files := slices.DeleteFunc(slices.Clone(r.files), func(file string) bool { return !slices.Contains(throughLambda, nameOf(file)) })
	if len(files) == 0 {
		return nil
	}
	address, stop, err := r.sam.serve(ctx, r.template, "start-lambda")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, file := range files {
		function, name := functionOf(file), nameOf(file)
		began := r.table.begin("start-lambda", function, name)
		sam, err := r.sam.invokeByCLI(ctx, "http://"+address, function, file)
		if err != nil {
			return err
		}
		seconds := began()
		own, err := r.own.invokeByCLI(ctx, r.own.env["LAMBDA_ENDPOINT_URL"], function, file)
		if err != nil {
			return err
		}
		r.table.add(row{"start-lambda", function, name, sam, own, seconds, 0, false})
	}
	return nil
}

// invokeByCLI returns what the answer comes down to, after the kind of error
// that the Invoke API says it is.
func (s *side) invokeByCLI(ctx context.Context, endpoint, function, file string) (string, error) {
	event, err := os.ReadFile(file)
	if err == nil && !strings.HasPrefix(nameOf(file), "rotate-secret.") {
		event, err = s.sample(ctx, file)
	}
	if err != nil {
		return "", err
	}
	in, out := filepath.Join(s.prepared, "event"), filepath.Join(s.prepared, "answer")
	if err := os.WriteFile(in, event, 0o600); err != nil {
		return "", err
	}
	about, err := s.aws(ctx, "lambda", "invoke", "--endpoint-url", endpoint, "--function-name", function,
		"--cli-read-timeout", "0", "--payload", "fileb://"+in, out)
	if err != nil {
		return "", err
	}
	var a struct{ FunctionError string }
	if err := json.Unmarshal(about, &a); err != nil {
		return "", err
	}
	answer, err := os.ReadFile(out)
	return strings.TrimSpace(a.FunctionError + " " + answered(answer)), err
}

// A request to the HTTP API. One that is named is signed by its name.
type request struct {
	name, method, path, body, id string
	caller                       bool
	differs                      int // by design: the number of the footnote
}

const (
	hooks       = "/v1/webhooks/registrations"
	hookBody    = `{"external_client_id":"https://vscode.dev/oauth/client-metadata.json"}`
	machine     = `{"name":"by start-api"}`
	machinePath = "/v1/clients"
)

var requests = []request{
	{name: "description", method: "GET", path: "/v1/openapi.json"},
	{name: "signed", method: "POST", path: hooks, body: hookBody, id: "msg_start_api"},
	{name: "replay", method: "POST", path: hooks, body: hookBody, id: "msg_start_api"},
	{name: "bad-signature", method: "POST", path: hooks, body: hookBody, id: "msg_start_api_2"},
	{name: "stale", method: "POST", path: hooks, body: hookBody, id: "msg_start_api_3"},
	{name: "bad-body", method: "POST", path: hooks, body: `{"type":"registration.requested","data":{}}`, id: "msg_start_api_4"},
	{name: "unsigned", method: "POST", path: hooks, body: hookBody},
	{name: "no such webhook", method: "POST", path: hooks + "s", body: hookBody},
	{name: "a webhook by GET", method: "GET", path: hooks},
	{name: "no token", method: "POST", path: machinePath, body: machine, differs: 1},
	{name: "a token", method: "GET", path: machinePath, caller: true, differs: 1},
	{name: "no such route", method: "GET", path: "/v1/nothing", caller: true},
	{name: "no such method", method: "PUT", path: machinePath, body: machine, caller: true},
}

func (r *runner) startAPI(ctx context.Context) (err error) {
	if !slices.ContainsFunc(r.files, func(file string) bool { return strings.HasPrefix(nameOf(file), "webhook.") }) {
		return nil
	}
	address, stop, err := r.sam.serve(ctx, r.apiTemplate, "start-api", "--disable-authorizer")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, q := range requests {
		what := q.name + ": " + q.method + " " + q.path
		began := r.table.begin("start-api", "", what)
		sam, err := r.sam.ask(ctx, "http://"+address, q)
		if err != nil {
			return err
		}
		seconds := began()
		own, err := r.own.ask(ctx, r.own.env["API_URL"], q)
		if err != nil {
			return err
		}
		function := "ApiFunction"
		if strings.HasPrefix(q.path, hooks) {
			function = "WebhookFunction"
		}
		r.table.add(row{"start-api", function, what, sam, own, seconds, q.differs, false})
	}
	return nil
}

// ask sends one request and returns what the answer comes down to.
func (s *side) ask(ctx context.Context, base string, q request) (string, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, base+q.path, strings.NewReader(q.body))
	if err != nil {
		return "", err
	}
	if q.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if q.id != "" {
		headers, err := s.sign(ctx, q.name, q.id, []byte(q.body))
		if err != nil {
			return "", err
		}
		for name, value := range headers {
			req.Header.Set(name, value)
		}
	}
	if q.caller {
		token, err := s.token(ctx)
		if err != nil {
			return "", err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return response(fmt.Sprint(res.StatusCode), false, body), err
}

func (s *side) token(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, s.clientkeeper, "token")
	cmd.Env, cmd.Stderr = s.environ(nil), os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}
