package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A side is one of the two runtimes, with its sandbox.
type side struct {
	options
	name string
	env  map[string]string // what the sandbox's environment file says

	// What the steps of a rotation are about.
	secretARN, rotationToken string
	// What events have made and others build on.
	client, credential string

	logFile string // where the sandbox writes what its own functions log
}

func openSide(o options, folder, name string) (*side, error) {
	s := &side{options: o, name: name, env: map[string]string{}, logFile: filepath.Join(folder, "log")}
	text, err := os.ReadFile(filepath.Join(folder, "env"))
	if err != nil {
		return nil, fmt.Errorf("%w; start this with make sam-local", err)
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "="); ok {
			s.env[name] = strings.Trim(value, "'")
		}
	}
	for file, into := range map[string]*string{"arn-" + name: &s.secretARN, "token": &s.rotationToken} {
		text, err := os.ReadFile(filepath.Join(o.prepared, file))
		if err != nil {
			return nil, err
		}
		*into = strings.TrimSpace(string(text))
	}
	return s, nil
}

// environ is the environment of a command that talks to this side's sandbox.
func (s *side) environ(more map[string]string) []string {
	env := slices.Clone(s.inherited)
	for _, variables := range []map[string]string{s.env, more} {
		for name, value := range variables {
			env = append(env, name+"="+value) // the last one counts
		}
	}
	return env
}

// samCommand is a sam local command. It hands each variable that the template
// declares, and the environment has, to the function. In its container,
// localhost is the container and, where nobody listens, this machine: so the
// function knows the tenant by the same name in both runtimes.
func (s *side) samCommand(ctx context.Context, template string, args ...string) *exec.Cmd {
	args = append([]string{"local"}, args...)
	args = append(args, "--template", template, "--add-host", "localhost:host-gateway")
	cmd := exec.CommandContext(ctx, "sam", append(args, s.words()...)...)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.env["AWS_ENDPOINT_URL"], "http://"), ":")
	cmd.Env = s.environ(map[string]string{
		"AUTH0_CA_FILE":    "/var/task/sandbox-ca.pem",
		"AWS_ENDPOINT_URL": "http://localhost:" + port,
	})
	return cmd
}

func (s *side) invokeSAM(ctx context.Context, function string, event []byte) (result, error) {
	var log bytes.Buffer
	cmd := s.samCommand(ctx, s.template, "invoke", function, "--event", "-")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(event), &log
	out, err := cmd.Output()
	if err == nil && len(bytes.TrimSpace(out)) == 0 {
		err = errors.New("no answer")
	}
	if err != nil {
		return result{}, fmt.Errorf("%w\n%s", err, log.Bytes())
	}
	return result{out, log.Bytes()}, nil
}

// client waits longer than any function may take.
var client = http.Client{Timeout: 16 * time.Minute}

func (s *side) invokeOwn(ctx context.Context, function string, event []byte) (result, error) {
	before, err := os.ReadFile(s.logFile)
	if err != nil {
		return result{}, err
	}
	url := s.env["LAMBDA_ENDPOINT_URL"] + "/2015-03-31/functions/" + function + "/invocations"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(event))
	if err != nil {
		return result{}, err
	}
	res, err := client.Do(req)
	if err != nil {
		return result{}, err
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		return result{}, err
	}
	after, err := os.ReadFile(s.logFile)
	if err != nil {
		return result{}, err
	}
	return result{out, ofInvocation(after[len(before):], function, res.Header.Get("X-Amzn-RequestId"), event)}, nil
}

// ofInvocation keeps the lines of one invocation: the sandbox's other functions
// may be at work at the same time. Lines name the request of the HTTP API where
// there is one, else the invocation, or neither.
func ofInvocation(log []byte, function, invocation string, event []byte) []byte {
	var e struct {
		RequestContext struct {
			RequestID string `json:"requestId"`
		} `json:"requestContext"`
	}
	_ = json.Unmarshal(event, &e) // an event without is of another kind
	var kept []byte
	for text := range bytes.Lines(log) {
		var l struct {
			RequestID string `json:"request_id"`
			Function  string
		}
		if json.Unmarshal(text, &l) != nil || l.Function != "" && !strings.EqualFold(strings.ReplaceAll(l.Function, "-", "")+"Function", function) {
			continue
		}
		if l.RequestID == invocation || l.RequestID == "" || l.RequestID == e.RequestContext.RequestID {
			kept = append(kept, text...)
		}
	}
	return kept
}

// aws runs the AWS CLI against this side's sandbox.
func (s *side) aws(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "aws", append(args, "--output", "json")...)
	cmd.Env = s.environ(nil)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("aws %s: %w: %s", strings.Join(args, " "), err, exit.Stderr)
	}
	return out, err
}
