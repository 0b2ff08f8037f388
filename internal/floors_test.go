package internal_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// floors says how high each package stands. A package may import packages of
// lower floors only: never a neighbour, never one above. One that is not
// listed fails the test: give it a floor first.
var floors = map[string]int{
	"internal/awsrequest": 0,
	"internal/fault":      0,
	"internal/jsontext":   0,
	"internal/openapi":    0,
	"internal/secret":     0,

	"internal/cimd":         1,
	"internal/clientsecret": 1,
	"internal/jsonobject":   1,
	"internal/webhook":      1,

	"internal/credential":   2,
	"internal/event":        2,
	"internal/idempotency":  2,
	"internal/registration": 2,
	"internal/rotation":     2,

	"internal/auth0":       3,
	"internal/secretstore": 3,
	"internal/queue":       3,
	"internal/safehttp":    3,
	"internal/telemetry":   3,
	"internal/config":      3,

	"internal/handler": 4,

	"internal/app": 5,

	"internal/sandbox/apigateway":     room,
	"internal/sandbox/cloudformation": room,
	"internal/sandbox/cloudwatch":     room,
	"internal/sandbox/documents":      room,
	"internal/sandbox/lambda":         room,
	"internal/sandbox/scheduler":      room,
	"internal/sandbox/secretsmanager": room,
	"internal/sandbox/sqs":            room,
	"internal/sandbox/tenant":         room,

	"internal/release": 3,

	"internal/sandbox":          7,
	"internal/cmd/clientkeeper": 8,
	"internal/cmd/release":      8,
	"internal/cmd/samlocal":     8,

	"functions/api":                8,
	"functions/check-deployment":   8,
	"functions/register-client":    8,
	"functions/rotate-secret":      8,
	"functions/schedule-rotations": 8,
	"functions/webhook":            8,
}

// room is the floor of the sandbox's rooms.
const room = 6

// roomsMayUse is what a room may import of this module. A room shares no types
// with the adapter that talks to it, or a misspelt JSON tag would agree with
// itself. The packages here have no wire format to agree on: the judge of
// documents and the guard of fetches are the same on both sides of the wire.
var roomsMayUse = map[string]bool{
	"internal/secret": true, "internal/fault": true, "internal/jsontext": true, "internal/cimd": true, "internal/safehttp": true,
}

// onlyIn names the packages that may import a library, by a prefix of its path.
var onlyIn = map[string][]string{
	"clientkeeper/internal/openapi": nil, // tests
	"github.com/aws/aws-sdk-go-v2":  {"internal/awsrequest", "internal/queue", "internal/secretstore", "internal/app", "internal/sandbox", "internal/cmd"},
	"github.com/aws/aws-lambda-go/events": {
		"internal/handler", "internal/sandbox", "internal/cmd",
	},
}

type goPackage struct {
	ImportPath string
	Name       string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Name,Imports", "clientkeeper/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImportsGoDown(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, "clientkeeper/")
		if from == "internal" { // this test
			continue
		}
		floor, ok := floors[from]
		if !ok {
			t.Errorf("%s has no floor", from)
		}
		seen[from] = true
		for _, path := range p.Imports {
			checkImport(t, from, floor, path)
		}
	}
	for listed := range floors {
		if !seen[listed] {
			t.Errorf("%s has a floor but does not exist", listed)
		}
	}
}

func checkImport(t *testing.T, from string, floor int, path string) {
	t.Helper()
	if path == "testing" {
		t.Errorf("%s imports testing", from)
	}
	for library, allowed := range onlyIn {
		if strings.HasPrefix(path, library) && !within(from, allowed) {
			t.Errorf("%s imports %s, which is fenced into %v", from, path, allowed)
		}
	}
	to, ours := strings.CutPrefix(path, "clientkeeper/")
	switch {
	case !ours:
	case floors[to] >= floor:
		t.Errorf("%s (floor %d) imports %s (floor %d)", from, floor, to, floors[to])
	case floor == room && !roomsMayUse[to]:
		t.Errorf("the room %s imports %s", from, to)
	case within(from, []string{"functions"}) && within(to, []string{"internal/sandbox"}):
		t.Errorf("%s ships, and imports %s", from, to)
	}
}

func within(path string, folders []string) bool {
	for _, folder := range folders {
		if path == folder || strings.HasPrefix(path, folder+"/") {
			return true
		}
	}
	return false
}

// What ships must not reach the sandbox by a longer way either.
func TestFunctionsDoNotCarryTheSandbox(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "clientkeeper/functions/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "clientkeeper/internal/app") {
		t.Fatalf("the functions' dependencies are not listed: %s", out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "clientkeeper/internal/sandbox") {
			t.Errorf("a function carries %s", line)
		}
	}
}

// The environment is read in one place of each program, and handed on.
func TestOnlyMainReadsTheEnvironment(t *testing.T) {
	reads := regexp.MustCompile(`\bos\.(Getenv|LookupEnv|Environ)\(`)
	files := 0
	for _, root := range []string{".", "../functions"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || d.Name() == "main.go" || strings.Contains(path, "testdata") {
				return err
			}
			files++
			text, err := os.ReadFile(path)
			if reads.Match(text) {
				t.Errorf("%s reads the environment; let main hand it on", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files == 0 {
		t.Error("no file was looked at")
	}
}
