package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// first are the events whose order matters. The steps of a rotation follow each
// other; secrets are counted before the HTTP API makes more; a document is
// registered over HTTP before the queue's events find it registered; a client
// has to be there before its credentials. The rest comes by name.
var first = []string{
	"check-deployment.person",
	"rotate-secret.create", "rotate-secret.set", "rotate-secret.test", "rotate-secret.finish",
	"schedule-rotations.scheduled", "schedule-rotations.force",
	"api.preview", "api.register-and-wait",
	"api.create-client", "api.repeat-create-client", "api.reuse-key", "api.create-client-by-iam",
	"api.add-key", "api.list-credentials", "api.remove-key", "api.rotate",
}

func ordered(files []string) []string {
	place := func(file string) int {
		if i := slices.Index(first, nameOf(file)); i >= 0 {
			return i
		}
		return len(first)
	}
	files = slices.Sorted(slices.Values(files))
	slices.SortStableFunc(files, func(a, b string) int { return place(a) - place(b) })
	return files
}

func nameOf(file string) string { return strings.TrimSuffix(filepath.Base(file), ".json") }

// functionOf is the logical id of the function that an event's file is named
// after: register-client.url.json is for RegisterClientFunction.
func functionOf(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".")
	var id strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		id.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return id.String() + "Function"
}

// What the samples name and no sandbox has: it gets the name of what is there.
const (
	sampleAPI        = "https://api.example.com"
	sampleClient     = "Hq2wEr5tYu8iOp1aSd4fGh7jKl0zXc3v"
	sampleCredential = "cred_mNbVcXzLkJhGfDsApOiUyT"
	sandboxAPI       = "https://orders.example.com/"
)

// sample is an event, made to fit: it names the API, client, credential and
// secret that are there, and a webhook is signed now with the sandbox's secret.
func (s *side) sample(ctx context.Context, file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pairs := []string{sampleAPI, sandboxAPI}
	if s.client != "" {
		pairs = append(pairs, sampleClient, s.client)
	}
	if s.credential != "" {
		pairs = append(pairs, sampleCredential, s.credential)
	}
	text = []byte(strings.NewReplacer(pairs...).Replace(string(text)))
	var e map[string]any
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, err
	}
	switch name := nameOf(file); {
	case strings.HasPrefix(name, "rotate-secret."):
		e["SecretId"], e["ClientRequestToken"] = s.secretARN, s.rotationToken
	case strings.HasPrefix(name, "webhook."):
		if err := s.signEvent(ctx, name, e); err != nil {
			return nil, err
		}
	default:
		return text, nil
	}
	return json.Marshal(e)
}

// learn keeps what later events build on.
func (s *side) learn(name string, answer []byte) {
	var a struct {
		Body string `json:"body"`
	}
	var made struct {
		ClientID    string `json:"client_id"`
		Credentials []struct {
			ID string `json:"id"`
		} `json:"credentials"`
	}
	if json.Unmarshal(answer, &a) != nil || json.Unmarshal([]byte(a.Body), &made) != nil {
		return
	}
	switch {
	case name == "api.create-client":
		s.client = made.ClientID
	case name == "api.add-key" && len(made.Credentials) > 0:
		s.credential = made.Credentials[0].ID
	}
}

// signEvent replaces the signature of a request's event.
func (s *side) signEvent(ctx context.Context, name string, e map[string]any) error {
	headers, _ := e["headers"].(map[string]any)
	id, _ := headers["webhook-id"].(string)
	text, _ := e["body"].(string)
	if id == "" {
		return fmt.Errorf("the event has no webhook-id")
	}
	body := []byte(text)
	if e["isBase64Encoded"] == true {
		var err error
		if body, err = base64.StdEncoding.DecodeString(text); err != nil {
			return err
		}
	}
	signed, err := s.sign(ctx, name, id, body)
	for header, value := range signed {
		headers[header] = value
	}
	return err
}

// sign returns the headers of a signed request. What is named after a bad
// signature gets that of another body, and what is stale an old one.
func (s *side) sign(ctx context.Context, name, id string, body []byte) (map[string]string, error) {
	args := []string{"sign-webhook", "-id", id}
	switch {
	case strings.HasSuffix(name, "bad-signature"):
		body = append(slices.Clone(body), ' ')
	case strings.HasSuffix(name, "stale"):
		args = append(args, "-age", "1h")
	}
	cmd := exec.CommandContext(ctx, s.clientkeeper, args...)
	cmd.Env, cmd.Stdin, cmd.Stderr = s.environ(nil), bytes.NewReader(body), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	headers := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		headers[name] = value
	}
	return headers, nil
}
