package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of README.md anew")

const readme = "../../README.md"

// loaders are the functions that have a configuration, by their folder.
var loaders = map[string]func(func(string) string) (any, error){
	"api":                func(get func(string) string) (any, error) { return anyOf(LoadAPI(get)) },
	"check-deployment":   func(get func(string) string) (any, error) { return anyOf(LoadCheckDeployment(get)) },
	"register-client":    func(get func(string) string) (any, error) { return anyOf(LoadRegisterClient(get)) },
	"rotate-secret":      func(get func(string) string) (any, error) { return anyOf(LoadRotateSecret(get)) },
	"schedule-rotations": func(get func(string) string) (any, error) { return anyOf(LoadScheduleRotations(get)) },
	"webhook":            func(get func(string) string) (any, error) { return anyOf(LoadWebhook(get)) },
}

func anyOf[T any](c T, err error) (any, error) { return c, err }

// good are values with which every function starts.
var good = map[string]string{
	"AUTH0_DOMAIN": "example.eu.auth0.com", "AUTH0_MANAGEMENT_SECRET_ARN": "auth0/management",
	"ALLOWED_HOSTS": "*.example.com", "REQUIRED_SCOPES": "read:clients", "WEBHOOK_SECRET_ARN": "webhook",
	"REGISTRATIONS_QUEUE_URL": "https://sqs.example/1/q", "REGISTRATIONS_DLQ_URL": "https://sqs.example/1/d",
	"ROTATION_FUNCTION_ARN": "arn:aws:lambda:eu-central-2:123456789012:function:rotate",
}

// A variable is a row of the table. What it is and its default are from the
// comment of its field; the rest is found out by asking the loaders.
type variable struct {
	name, meaning, fallback, takes string
	required                       bool
	functions                      []string
}

func (v variable) row(parameter string) string {
	fallback := v.fallback
	switch {
	case v.required:
		fallback = "required"
	case fallback != "":
		fallback = "`" + fallback + "`"
	}
	functions := "all"
	if len(v.functions) < len(loaders) {
		functions = strings.Join(v.functions, ", ")
	}
	if everyButWebhook := len(loaders) - 1; len(v.functions) == everyButWebhook && !slices.Contains(v.functions, "webhook") {
		functions = "all but webhook"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s |\n", v.name, v.meaning, v.takes, fallback, parameter, functions)
}

// TestTable holds the table of README.md, the comments here, what the loaders
// do and template.yaml to each other. `make docs` writes the table anew.
func TestTable(t *testing.T) {
	described := describe(t)
	set := environments(t)
	var rows strings.Builder
	for _, v := range ask(t, described) {
		rows.WriteString(v.row(set.parameter(v)))
		checkDefault(t, v, v.fallback, "its comment")
		if d, ok := set.defaults[set.reference(v)]; ok && !v.required {
			checkDefault(t, v, d, "the template's default")
		}
	}
	for name := range described {
		t.Errorf("the comment of a field names %s, which no function reads", name)
	}
	set.check(t)
	replaceTable(t, "| variable | meaning | takes | default | parameter | read by |\n|---|---|---|---|---|---|\n"+rows.String()+
		"\nThe template has these parameters besides:\n\n| parameter | meaning | default |\n|---|---|---|\n"+set.others())
}

func replaceTable(t *testing.T, table string) {
	const begin, end = "<!-- make docs writes this table from internal/config -->\n", "<!-- end of the table -->"
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	old, after, closed := strings.Cut(rest, end)
	switch {
	case !ok || !closed:
		t.Errorf("README.md has no place for the table: it is between %q and %q", begin, end)
	case old == table:
	case *update:
		if err := os.WriteFile(readme, []byte(before+begin+table+end+after), 0o644); err != nil {
			t.Error(err)
		}
	default:
		t.Errorf("the table of README.md is not what internal/config says; make docs writes it anew. It should be:\n%s", table)
	}
}

// ask finds out which variables each function reads, in the order in which it
// does, and removes from described what it has used.
func ask(t *testing.T, described map[string]variable) []variable {
	var out []variable
	index := map[string]int{}
	for _, function := range slices.Sorted(maps.Keys(loaders)) {
		load := loaders[function]
		for _, name := range reads(load) {
			i, known := index[name]
			if !known {
				v, ok := described[name]
				if !ok {
					t.Errorf("%s reads %s, which no comment of a field names", function, name)
				}
				delete(described, name)
				v.name, v.required = name, rejects(load, name, "") != ""
				v.takes = takes(v, rejects(load, name, "?!"))
				i, index[name] = len(out), len(out)
				out = append(out, v)
			}
			out[i].functions = append(out[i].functions, function)
		}
	}
	return out
}

func with(name, value string) func(string) string {
	return func(asked string) string {
		if asked == name {
			return value
		}
		return good[asked]
	}
}

func reads(load func(func(string) string) (any, error)) []string {
	var names []string
	load(func(name string) string {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		return good[name]
	})
	return names
}

// rejects is what is said of a value, or empty where it is taken.
func rejects(load func(func(string) string) (any, error), name, value string) string {
	_, err := load(with(name, value))
	if err == nil {
		return ""
	}
	_, said, _ := strings.Cut(err.Error(), name+": is ")
	return strings.TrimSuffix(said, "; correct it and start again")
}

var takesWords = strings.NewReplacer("not a whole number from ", "", "not a duration from ", "", ", such as 30s or 15m", "",
	"neither true nor false", "true, false", "neither ", "", " nor ", ", ", "h0m0s", "h", "m0s", "m", "not ", "")

func takes(v variable, said string) string {
	switch {
	case strings.HasPrefix(said, "not a domain"):
		return "host name, with a port or without"
	case strings.HasPrefix(said, "not an API identifier"):
		return "https URL that ends with a slash"
	case strings.Contains(v.meaning, "PEM file"):
		return "path"
	case v.name == "API_AUDIENCE":
		return "identifier of an API"
	case v.name == "ALLOWED_AUDIENCES":
		return "list with commas, or \\*"
	case said != "":
		return takesWords.Replace(said)
	case v.name == "ALLOWED_HOSTS" || v.name == "REQUIRED_SCOPES":
		return "list with commas"
	}
	return "ARN or name"
}

// checkDefault asks every function that reads v whether it makes a difference
// to say the default or nothing.
func checkDefault(t *testing.T, v variable, fallback, whose string) {
	for _, function := range v.functions {
		unset, err := loaders[function](with(v.name, ""))
		if err != nil {
			continue // required
		}
		said, err := loaders[function](with(v.name, fallback))
		if err != nil || !reflect.DeepEqual(unset, said) {
			t.Errorf("%s: %s for %s is %q, which gives %+v, %v; unset it is %+v", function, whose, v.name, fallback, said, err, unset)
		}
	}
}

var (
	namesOf     = regexp.MustCompile(`\([A-Z][A-Z0-9_]{3,}`)
	nameDefault = regexp.MustCompile(`([A-Z][A-Z0-9_]{3,})(?:, default ([^,;]+))?`)
	markdown    = strings.NewReplacer("<", "&lt;", "|", "\\|", "*", "\\*")
	subject     = regexp.MustCompile(`^(?:(?:is|are) )?(.)`)
)

// describe reads the comments of the fields. The variables of a field are named
// at the end, in brackets; where several fields name one, the first explains it.
func describe(t *testing.T) map[string]variable {
	t.Helper()
	out := map[string]variable{}
	files := token.NewFileSet()
	for _, name := range []string{"config.go", "api.go", "rotation.go", "check_deployment.go"} {
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && field.Doc != nil {
				describeField(field, out)
			}
			return true
		})
	}
	return out
}

func describeField(field *ast.Field, out map[string]variable) {
	doc := strings.Join(strings.Fields(field.Doc.Text()), " ")
	at := namesOf.FindStringIndex(doc)
	if at == nil {
		return
	}
	var names []string
	for _, n := range field.Names {
		names = append(names, n.Name)
	}
	meaning := strings.TrimPrefix(strings.TrimSpace(doc[:at[0]]), strings.Join(names, " and ")+" ")
	meaning = subject.ReplaceAllStringFunc(meaning, func(s string) string {
		first := s[len(s)-1:]
		return strings.ToUpper(first)
	})
	meaning = markdown.Replace(strings.TrimSuffix(meaning, "."))
	for _, m := range nameDefault.FindAllStringSubmatch(doc[at[0]:strings.LastIndex(doc, ")")], -1) {
		if _, ok := out[m[1]]; !ok {
			out[m[1]] = variable{meaning: meaning, fallback: m[2]}
		}
	}
}
