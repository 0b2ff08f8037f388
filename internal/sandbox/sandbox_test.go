package sandbox_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"clientkeeper/internal/sandbox"
)

// written collects everything the functions write.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *written) line(text []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(text)
	w.b.WriteByte('\n')
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// start runs a sandbox on free ports until the test ends.
func start(t *testing.T, o sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	o.Dir, o.Source = t.TempDir(), "../.."
	s, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

// The whole way, for real: messages on a queue, the function's binary, clients
// in a tenant, and the bad ones in the dead-letter queue with their reason.
func TestTheSampleEventsEndAsExpected(t *testing.T) {
	t.Parallel()
	var lines written
	s := start(t, sandbox.Options{Line: lines.line})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	played, err := s.Play(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(played) < 20 {
		t.Errorf("only %d messages were played", len(played))
	}
	if err := s.Await(ctx, played, nil); err != nil {
		t.Fatalf("%v\n%s", err, lines.String())
	}
	for _, wrong := range s.Check(ctx, played) {
		t.Error(wrong)
	}
	huntCanaries(t, s, lines.String())
	t.Log(len(played), "messages,", s.Tenant.Counts().Requests, "requests to the tenant")
}

// huntCanaries looks for every secret of the sandbox in everything that the
// functions wrote and in the dead letters.
func huntCanaries(t *testing.T, s *sandbox.Sandbox, lines string) {
	t.Helper()
	env, err := os.ReadFile(s.EnvFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(env), "AUTH0_CLIENT_SECRET='")
	secret, _, _ := strings.Cut(rest, "'")
	if len(secret) < 20 {
		t.Fatalf("no management secret in the environment file")
	}
	canaries := []string{secret, "PRIVATE KEY", privateExponent(t, s)}
	for _, l := range s.Letters() {
		lines += fmt.Sprintln(l)
	}
	for _, canary := range canaries {
		if strings.Contains(lines, canary) {
			t.Errorf("a secret was written: %.12s...", canary)
		}
	}
	// A JWT, and not the beginning of one, which chance puts into ids of clients.
	if found := regexp.MustCompile(`eyJ[\w-]+\.[\w-]+`).FindString(lines); found != "" {
		t.Errorf("a token was written: %.12s...", found)
	}
	if n := s.Leaks(); n != 0 {
		t.Errorf("the sandbox itself found %d leaks", n)
	}
}

// privateExponent is that of the key which one of the documents leaks.
func privateExponent(t *testing.T, s *sandbox.Sandbox) string {
	t.Helper()
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.Documents.Addr())
		},
		TLSClientConfig: &tls.Config{RootCAs: s.Documents.Roots()},
	}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("https://leaky.example.net/oauth/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(body), `"d":"`)
	d, _, _ := strings.Cut(rest, `"`)
	if !ok || len(d) < 100 {
		t.Fatal("the leaky document leaks nothing")
	}
	return d[:60]
}

func TestTheSoakKeepsItsPromises(t *testing.T) {
	t.Parallel()
	var lines written
	s := start(t, sandbox.Options{Line: lines.line, Plan: "private-500", Mischief: sandbox.SoakMischief,
		Parameters: sandbox.SoakParameters, Crash: sandbox.SoakCrash})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	r, err := s.Soak(ctx, 200, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Bad() || r.Registered == 0 || r.DeadLettered != r.Invalid || r.Valid+r.Invalid != 200 {
		t.Errorf("%+v", r)
	}
	huntCanaries(t, s, lines.String())
	t.Logf("%+v", r)
}

func TestTheEnvironmentFileIsAShells(t *testing.T) {
	s := start(t, sandbox.Options{})
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `set -eu; . "$1"
		for n in AWS_ENDPOINT_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_REGION AUTH0_DOMAIN AUTH0_CLIENT_ID AUTH0_CLIENT_SECRET \
			AUTH0_CA_FILE LAMBDA_ENDPOINT_URL REGISTRATIONS_QUEUE_URL REGISTRATIONS_DLQ_URL; do
			eval "v=\$$n"; test -n "$v" || echo "$n is empty"
		done
		test -r "$AUTH0_CA_FILE" || echo "no CA file"`, "sh", s.EnvFile).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	info, err := os.Stat(s.EnvFile)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want a file that others cannot read", info.Mode(), err)
	}
	file := s.EnvFile
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file is still there after the sandbox has stopped (%v)", err)
	}
	for _, url := range []string{s.AWSURL, s.LambdaURL} {
		if conn, err := net.DialTimeout("tcp", strings.TrimPrefix(url, "http://"), time.Second); err == nil {
			conn.Close()
			t.Errorf("%s still listens", url)
		}
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	for name, ports := range map[string]sandbox.Ports{"AWS": {AWS: port}, "Lambda": {Lambda: port}, "the tenant": {Tenant: port}, "the HTTP API": {HTTP: port}} {
		s, err := sandbox.Start(t.Context(), sandbox.Options{Dir: t.TempDir(), Source: "../..", Ports: ports})
		if err == nil {
			s.Close()
			t.Fatalf("%s: started on a taken port", name)
		}
		if text := err.Error(); !strings.Contains(text, fmt.Sprint(port)) || !strings.Contains(text, name) || !strings.Contains(text, "-port 0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whoever waits for the environment file must not find that of a sandbox that
// was killed, nor lose that of one that runs.
func TestAFolderIsOneSandboxes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "env")
	if err := os.WriteFile(file, []byte("export AWS_ENDPOINT_URL='http://127.0.0.1:1'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	looked := false
	s, err := sandbox.Start(t.Context(), sandbox.Options{Dir: dir, Source: "../..", Progress: func(string) {
		looked = true
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("the old file is there while the sandbox starts: %v", err)
		}
	}})
	if err != nil || !looked {
		t.Fatalf("%v, looked: %v", err, looked)
	}
	if _, err := sandbox.Start(t.Context(), sandbox.Options{Dir: dir, Source: "../.."}); err == nil || !strings.Contains(err.Error(), "another sandbox") {
		t.Errorf("a second one in the same folder: %v", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the file of the one that runs: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatTheSandboxNeedsIsNamed(t *testing.T) {
	notAFolder := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notAFolder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ dir, path, want string }{
		"no folder":     {"", os.Getenv("PATH"), "-dir"},
		"not a folder":  {notAFolder, os.Getenv("PATH"), "-dir"},
		"no Go":         {t.TempDir(), t.TempDir(), "install Go"},
		"below nowhere": {filepath.Join(notAFolder, "x"), os.Getenv("PATH"), "-dir"},
	} {
		t.Setenv("PATH", test.path)
		s, err := sandbox.Start(t.Context(), sandbox.Options{Dir: test.dir, Source: "../.."})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want advice with %q", name, err, test.want)
		}
	}
}

// A start that is given up leaves nothing running and nothing to source.
func TestAStartThatIsGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	said := 0
	_, err := sandbox.Start(ctx, sandbox.Options{Dir: dir, Source: "../..", Progress: func(string) { said++; cancel() }})
	if err == nil || said != 1 {
		t.Errorf("%v after %d words, want an error at once", err, said)
	}
	if _, err := os.Stat(filepath.Join(dir, "env")); !os.IsNotExist(err) {
		t.Errorf("there is an environment file: %v", err)
	}
}

func TestABadParameterFailsTheStart(t *testing.T) {
	_, err := sandbox.Start(t.Context(), sandbox.Options{Dir: t.TempDir(), Source: "../..",
		Parameters: map[string]string{"Auth0Domain": "https://localhost", "MaxTries": "none"}})
	if err == nil || !strings.Contains(err.Error(), "Auth0Domain") || !strings.Contains(err.Error(), "MaxTries") {
		t.Errorf("err = %v, want both parameters named", err)
	}
	if _, err := sandbox.Start(t.Context(), sandbox.Options{Dir: t.TempDir(), Source: filepath.Join(t.TempDir(), "nowhere")}); err == nil {
		t.Error("started without a template")
	}
}

func TestASecretOfEachKindRotates(t *testing.T) {
	t.Parallel()
	var lines written
	s := start(t, sandbox.Options{Line: lines.line})
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	rotated, err := s.PlayRotations(ctx)
	if err != nil {
		t.Fatalf("%v\n%s", err, lines.String())
	}
	for _, wrong := range s.CheckRotations(ctx, rotated) {
		t.Error(wrong)
	}
	if len(rotated) != 4 {
		t.Errorf("%d secrets rotated, want one of each kind", len(rotated))
	}
	for _, r := range rotated {
		var steps []string
		for _, e := range r.Steps {
			steps = append(steps, e.Step)
		}
		if got := strings.Join(steps, " "); got != "createSecret setSecret testSecret finishSecret" {
			t.Errorf("%s: steps %s", r.Name, got)
		}
	}
	huntCanaries(t, s, lines.String())
}
