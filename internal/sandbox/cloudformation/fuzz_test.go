package cloudformation_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"clientkeeper/internal/sandbox/cloudformation"
	"clientkeeper/internal/secret"
)

// FuzzRead states what holds for any text: an error comes with no stack; what
// is read reads the same when every short-form intrinsic function is spelled
// out; queues come after their dead-letter queues and carry policies that are
// JSON.
func FuzzRead(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		o := cloudformation.Options{Parameters: declared(text)}
		stack, err := cloudformation.Read([]byte(text), o)
		if err != nil {
			if stack != nil {
				t.Error("an error came with a stack")
			}
			return
		}
		checkQueues(t, stack.Queues)
		long := spellOut(t, text)
		again, err := cloudformation.Read(long, o)
		if err != nil {
			t.Fatalf("spelled out, it no longer reads: %v\n%s", err, long)
		}
		again.Ignored = stack.Ignored // its lines have moved
		if diff := cmp.Diff(stack, again, cmp.Comparer(secret.Value.Equal)); diff != "" {
			t.Errorf("spelled out, it reads otherwise (-short +long)\n%s\n%s", diff, long)
		}
	})
}

func seed(f *testing.F) {
	own, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(own))
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(section(a, "template.yaml").Data))
	}
}

// declared gives a value to those required parameters that the text mentions.
func declared(text string) map[string]string {
	values := map[string]string{}
	for name, value := range required {
		if strings.Contains(text, "\n  "+name+":") {
			values[name] = value
		}
	}
	return values
}

func checkQueues(t *testing.T, queues []cloudformation.Queue) {
	seen := map[string]bool{}
	all := map[string]bool{}
	for _, q := range queues {
		all[q.ARN] = true
	}
	for _, q := range queues {
		seen[q.ARN] = true
		policy, ok := q.Attributes["RedrivePolicy"]
		if !ok {
			continue
		}
		var redrive struct {
			Target string `json:"deadLetterTargetArn"`
		}
		if err := json.Unmarshal([]byte(policy), &redrive); err != nil {
			t.Errorf("%s: %v", q.LogicalID, err)
		}
		if all[redrive.Target] && !seen[redrive.Target] {
			t.Errorf("%s comes before its dead-letter queue", q.LogicalID)
		}
	}
}

// spellOut rewrites short-form functions in the long form: !Ref x as {Ref: x}.
func spellOut(t *testing.T, text string) []byte {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	lengthen(&doc)
	long, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	return long
}

func lengthen(n *yaml.Node) {
	for _, child := range n.Content {
		lengthen(child)
	}
	if len(n.Tag) < 2 || n.Tag[0] != '!' || n.Tag[1] == '!' {
		return
	}
	arg := *n
	name := "Fn::" + n.Tag[1:]
	if n.Tag == "!Ref" || n.Tag == "!Condition" {
		name = n.Tag[1:]
	}
	arg.Tag, arg.Style = "", n.Style&^yaml.TaggedStyle
	if arg.Kind == yaml.ScalarNode {
		arg.Tag, arg.Style = "!!str", yaml.DoubleQuotedStyle
	}
	*n = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map",
		Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, &arg}}
}
