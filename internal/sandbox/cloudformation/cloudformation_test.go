package cloudformation_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"clientkeeper/internal/sandbox/cloudformation"
)

var update = flag.Bool("update", false, "rewrite the want- sections of testdata")

// TestTemplates reads each story of testdata: a template, the values of its
// parameters as a JSON object, and either the stack or the mistakes.
func TestTemplates(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { story(t, file) })
	}
}

func story(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var o cloudformation.Options
	if given := section(archive, "parameters.json"); given != nil {
		if err := json.Unmarshal(given.Data, &o.Parameters); err != nil {
			t.Fatal(err)
		}
	}
	stack, err := cloudformation.Read(section(archive, "template.yaml").Data, o)
	name, got := "want-stack.json", ""
	if err != nil {
		name, got = "want-mistakes", err.Error()+"\n"
		if stack != nil {
			t.Errorf("an error came with a stack")
		}
	} else {
		got = print(t, stack)
	}
	if *update {
		rewrite(t, file, archive, name, got)
		return
	}
	want := section(archive, name)
	if want == nil {
		t.Fatalf("no section %s for:\n%s", name, got)
	}
	if diff := cmp.Diff(string(want.Data), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func section(a *txtar.Archive, name string) *txtar.File {
	for i := range a.Files {
		if a.Files[i].Name == name {
			return &a.Files[i]
		}
	}
	return nil
}

func rewrite(t *testing.T, file string, a *txtar.Archive, name, got string) {
	kept := a.Files[:0]
	for _, f := range a.Files {
		if !strings.HasPrefix(f.Name, "want-") {
			kept = append(kept, f)
		}
	}
	a.Files = append(kept, txtar.File{Name: name, Data: []byte(got)})
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// print shows a stack as JSON, with the values of secrets, which in a test are
// none.
func print(t *testing.T, s *cloudformation.Stack) string {
	type shown struct {
		LogicalID, Name, ARN, Description, Value string
		Tags                                     map[string]string        `json:",omitempty"`
		Generate                                 *cloudformation.Generate `json:",omitempty"`
		Rotation                                 *cloudformation.Rotation `json:",omitempty"`
	}
	view := struct {
		*cloudformation.Stack
		Secrets []shown
	}{Stack: s}
	for _, x := range s.Secrets {
		view.Secrets = append(view.Secrets, shown{x.LogicalID, x.Name, x.ARN, x.Description, x.Value.Reveal(), x.Tags, x.Generate, x.Rotation})
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(view); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
