package config

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A set is what template.yaml gives the functions: for each, by its folder, the
// variables with what they refer to, a parameter or a resource. What Globals
// gives is under "".
type set struct {
	variables map[string]map[string]string
	defaults  map[string]string // of the parameters
	required  map[string]bool   // parameters without one
	about     map[string]string // descriptions of the parameters
}

func environments(t *testing.T) set {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	type environment struct {
		Environment struct {
			Variables map[string]yaml.Node `yaml:"Variables"`
		} `yaml:"Environment"`
	}
	var template struct {
		Parameters map[string]struct {
			Default     *string `yaml:"Default"`
			Description string  `yaml:"Description"`
		} `yaml:"Parameters"`
		Globals struct {
			Function environment `yaml:"Function"`
		} `yaml:"Globals"`
		Resources map[string]struct {
			Type       string    `yaml:"Type"`
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	s := set{defaults: map[string]string{}, required: map[string]bool{}, about: map[string]string{},
		variables: map[string]map[string]string{"": references(template.Globals.Function.Environment.Variables)}}
	for name, r := range template.Resources {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		var own environment
		if err := r.Properties.Decode(&own); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.variables[folder(name)] = references(own.Environment.Variables)
	}
	for name, p := range template.Parameters {
		s.about[name] = p.Description
		if p.Default == nil {
			s.required[name] = true
		} else {
			s.defaults[name] = *p.Default
		}
	}
	return s
}

var capital = regexp.MustCompile(`([a-z])([A-Z])`)

// folder is that of a function, by its logical id.
func folder(id string) string {
	return strings.ToLower(capital.ReplaceAllString(strings.TrimSuffix(id, "Function"), "$1-$2"))
}

func references(variables map[string]yaml.Node) map[string]string {
	out := map[string]string{}
	for name, n := range variables {
		if n.Tag == "!Ref" {
			out[name] = n.Value
		} else {
			out[name] = "" // computed
		}
	}
	return out
}

// given is what the template says of a variable of a function.
func (s set) given(function, name string) (reference string, ok bool) {
	if reference, ok = s.variables[function][name]; !ok {
		reference, ok = s.variables[""][name]
	}
	return reference, ok
}

func (s set) reference(v variable) string {
	for _, function := range v.functions {
		if reference, ok := s.given(function, v.name); ok {
			return reference
		}
	}
	return "-"
}

// parameter is what the table says.
func (s set) parameter(v variable) string {
	reference := s.reference(v)
	if _, ok := s.defaults[reference]; ok || s.required[reference] {
		return "`" + reference + "`"
	}
	if reference == "-" {
		return ""
	}
	return "set by the template"
}

// others are the rows of parameters that are no variable.
func (s set) others() string {
	about := maps.Clone(s.about)
	for _, variables := range s.variables {
		for _, reference := range variables {
			delete(about, reference)
		}
	}
	var rows strings.Builder
	for _, name := range slices.Sorted(maps.Keys(about)) {
		fallback := "required"
		if !s.required[name] {
			fallback = strings.ReplaceAll("`"+s.defaults[name]+"`", "``", "")
		}
		fmt.Fprintf(&rows, "| `%s` | %s | %s |\n", name, markdown.Replace(strings.TrimSuffix(about[name], ".")), fallback)
	}
	return rows.String()
}

// isParameter reports whether any function gets the variable from a parameter.
func (s set) isParameter(variable string) bool {
	for _, variables := range s.variables {
		if _, ok := s.about[variables[variable]]; ok {
			return true
		}
	}
	return false
}

// check holds the template to what the functions read: nothing is given that
// none reads, everything is given that one needs, and a parameter to all.
func (s set) check(t *testing.T) {
	all := map[string]bool{}
	for function, load := range loaders {
		for _, name := range reads(load) {
			all[name] = true
			if _, ok := s.given(function, name); !ok && (rejects(load, name, "") != "" || s.isParameter(name)) {
				t.Errorf("template.yaml does not give %s the variable %s", function, name)
			}
		}
	}
	for function, variables := range s.variables {
		for name := range variables {
			switch {
			case strings.HasPrefix(name, "AWS_"), function == "" && all[name]:
			case function == "" || !slices.Contains(reads(loaders[function]), name):
				t.Errorf("template.yaml gives the function %q the variable %s, which it does not read", function, name)
			}
		}
	}
}
