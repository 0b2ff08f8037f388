package cloudformation

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The resource types that the sandbox imitates.
const (
	functionType = "AWS::Serverless::Function"
	queueType    = "AWS::SQS::Queue"
	secretType   = "AWS::SecretsManager::Secret"
	rotationType = "AWS::SecretsManager::RotationSchedule"
	httpAPIType  = "AWS::Serverless::HttpApi"
	alarmType    = "AWS::CloudWatch::Alarm"
)

// A resource is one entry of the Resources section.
type resource struct {
	id, kind   string
	line       int
	condition  string     // name of the condition it depends on, or empty
	properties *yaml.Node // a mapping, or nil
}

// parse reads the sections of a template. What it leaves behind has no
// duplicate keys, no aliases and mappings where there must be mappings.
func (r *resolver) parse(text []byte) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		line, what := problem(err)
		r.mistakes.add(line, "%s", what)
		return
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode || isTagged(doc.Content[0]) {
		r.mistakes.add(1, "a template is a mapping with a Resources section")
		return
	}
	root := doc.Content[0]
	r.checkShape(root)
	if !r.mistakes.none() {
		return
	}
	sections := []struct {
		name string
		to   **yaml.Node
	}{
		{"Parameters", &r.parameterSection}, {"Mappings", &r.mappings}, {"Conditions", &r.conditionSection},
		{"Globals", &r.globals}, {"Outputs", &r.outputs},
	}
	for _, s := range sections {
		*s.to = r.mapping(lookup(root, s.name), s.name)
	}
	r.checkLiteral(r.parameterSection)
	r.checkLiteral(r.mappings)
	r.parseResources(r.mapping(lookup(root, "Resources"), "Resources"))
	if len(r.resources) == 0 {
		r.mistakes.add(root.Line, "a template needs at least one resource")
	}
}

var yamlError = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s+)?line (\d+): `)

// problem is what package yaml has to say, in one line, and where; the line is
// 1 if it does not say where.
func problem(err error) (line int, what string) {
	what, line = err.Error(), 1
	if m := yamlError.FindStringSubmatch(what); m != nil {
		line, _ = strconv.Atoi(m[1])
		what = what[len(m[0]):]
	}
	return line, strings.Join(strings.Fields(what), " ")
}

// checkShape refuses what CloudFormation refuses in any template: nulls,
// aliases, merge keys and keys that are there twice ("CloudFormation template format",
// YAML).
func (r *resolver) checkShape(n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		r.mistakes.add(n.Line, "CloudFormation supports no aliases")
		return
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		r.mistakes.add(n.Line, "a template cannot hold null values")
	}
	seen := map[string]bool{}
	for i, child := range n.Content {
		r.checkShape(child)
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			continue
		}
		switch {
		case !isLiteral(child):
			r.mistakes.add(child.Line, "a key must be a string")
		case child.Tag == "!!merge":
			r.mistakes.add(child.Line, "CloudFormation supports no merge keys")
		case seen[child.Value]:
			r.mistakes.add(child.Line, "key %s is there twice", child.Value)
		}
		seen[child.Value] = true
	}
}

// checkLiteral refuses intrinsic functions where CloudFormation takes none.
func (r *resolver) checkLiteral(n *yaml.Node) {
	if n == nil {
		return
	}
	if name, _ := intrinsic(n); name != "" {
		r.mistakes.add(n.Line, "%s cannot stand in Parameters or Mappings", name)
		return
	}
	for _, child := range n.Content {
		r.checkLiteral(child)
	}
}

func (r *resolver) parseResources(section *yaml.Node) {
	for id, body := range entries(section) {
		what := "resource " + id.Value
		m := r.mapping(body, what)
		if m == nil {
			continue
		}
		res := resource{id: id.Value, kind: scalar(lookup(m, "Type")), line: id.Line,
			condition: scalar(lookup(m, "Condition")), properties: r.mapping(lookup(m, "Properties"), what+" Properties")}
		if res.kind == "" {
			r.mistakes.add(id.Line, "%s has no Type", what)
		}
		if ignore := lookup(m, "IgnoreGlobals"); ignore != nil {
			r.ignore(ignore.Line, "%s: IgnoreGlobals", res.id)
		}
		r.resources = append(r.resources, &res)
		r.byID[res.id] = &res
	}
}

// mapping is n if it is a mapping, nil if it is absent, and a mistake
// otherwise.
func (r *resolver) mapping(n *yaml.Node, what string) *yaml.Node {
	if n == nil || n.Kind == yaml.MappingNode && !isTagged(n) {
		return n
	}
	r.mistakes.add(n.Line, "%s must be a mapping", what)
	return nil
}

// lookup returns the value of a key of a mapping, or nil.
func lookup(m *yaml.Node, key string) *yaml.Node {
	for k, v := range entries(m) {
		if k.Value == key {
			return v
		}
	}
	return nil
}

// lookupOr is lookup, with an empty node for what is absent or no mapping.
func lookupOr(m *yaml.Node, key string) *yaml.Node {
	if v := lookup(m, key); v != nil {
		return v
	}
	return &yaml.Node{Kind: yaml.ScalarNode}
}

// entries yields the keys and values of a mapping in their order; a nil
// mapping has none.
func entries(m *yaml.Node) func(yield func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		if m == nil || m.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(m.Content); i += 2 {
			if !yield(m.Content[i], m.Content[i+1]) {
				return
			}
		}
	}
}

// scalar is the text of a literal scalar, or empty.
func scalar(n *yaml.Node) string {
	if n == nil || !isLiteral(n) {
		return ""
	}
	return n.Value
}

// isLiteral reports whether a node is a scalar without an intrinsic function.
func isLiteral(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && !isTagged(n) }

// isTagged reports whether a node carries a short-form intrinsic function.
func isTagged(n *yaml.Node) bool {
	return len(n.Tag) > 1 && n.Tag[0] == '!' && n.Tag[1] != '!'
}
