package cloudformation

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A parameter is one entry of the Parameters section.
type parameter struct {
	Type                  string   `yaml:"Type"`
	Description           string   `yaml:"Description"`
	Default               *string  `yaml:"Default"`
	AllowedValues         []string `yaml:"AllowedValues"`
	AllowedPattern        string   `yaml:"AllowedPattern"`
	ConstraintDescription string   `yaml:"ConstraintDescription"`
	MinLength             *int     `yaml:"MinLength"`
	MaxLength             *int     `yaml:"MaxLength"`
	MinValue              *float64 `yaml:"MinValue"`
	MaxValue              *float64 `yaml:"MaxValue"`
}

// readParameters gives every parameter its value and checks it against the
// parameter's own rules, the default too, as CloudFormation does.
func (r *resolver) readParameters() {
	for name, body := range entries(r.parameterSection) {
		var p parameter
		if err := body.Decode(&p); err != nil {
			line, what := problem(err)
			r.mistakes.add(line, "parameter %s: %s", name.Value, what)
			continue
		}
		value, given := r.options.Parameters[name.Value]
		switch {
		case p.Type == "":
			r.mistakes.add(name.Line, "parameter %s has no Type", name.Value)
		case given:
		case p.Default != nil:
			value = *p.Default
		default:
			r.mistakes.add(name.Line, "parameter %s needs a value: %s", name.Value, or(p.Description, "it has no default"))
			continue
		}
		if strings.HasPrefix(p.Type, "AWS::SSM::") {
			r.ignore(name.Line, "parameter %s: %s", name.Value, p.Type)
		}
		r.checkParameter(name, p, value)
		r.parameters[name.Value] = p.node(name.Line, value)
	}
	for name := range r.options.Parameters {
		if lookup(r.parameterSection, name) == nil {
			r.mistakes.add(1, "a value is given for parameter %s, which the template does not have", name)
		}
	}
}

func (p parameter) isList() bool {
	return p.Type == "CommaDelimitedList" || strings.HasPrefix(p.Type, "List<")
}

// items are the values that the parameter's rules apply to, one by one.
func (p parameter) items(value string) []string {
	if !p.isList() {
		return []string{value}
	}
	parts := strings.Split(value, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// node is the value as Ref gives it: a string or a list of strings.
func (p parameter) node(line int, value string) *yaml.Node {
	if !p.isList() {
		return text(line, value)
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: line}
	for _, item := range p.items(value) {
		list.Content = append(list.Content, text(line, item))
	}
	return list
}

func (r *resolver) checkParameter(name *yaml.Node, p parameter, value string) {
	for _, item := range p.items(value) {
		if why := r.violation(name, p, item); why != "" {
			r.mistakes.add(name.Line, "parameter %s %s", name.Value, or(p.ConstraintDescription, why))
			return
		}
	}
}

// violation says which rule of its parameter a value breaks, without the value,
// or nothing.
func (r *resolver) violation(name *yaml.Node, p parameter, value string) string {
	if p.AllowedPattern != "" {
		// CloudFormation matches the whole value, anchors or not.
		whole, err := regexp.Compile(`^(?:` + p.AllowedPattern + `)$`)
		if err != nil {
			r.ignore(name.Line, "parameter %s: AllowedPattern", name.Value)
		} else if !whole.MatchString(value) {
			return "does not match its pattern " + p.AllowedPattern
		}
	}
	if len(p.AllowedValues) > 0 && !slices.Contains(p.AllowedValues, value) {
		return "must be one of " + strings.Join(p.AllowedValues, ", ")
	}
	if p.Type == "Number" || p.Type == "List<Number>" {
		return p.numberViolation(value)
	}
	length := len([]rune(value))
	switch {
	case p.MinLength != nil && length < *p.MinLength:
		return "is shorter than " + strconv.Itoa(*p.MinLength)
	case p.MaxLength != nil && length > *p.MaxLength:
		return "is longer than " + strconv.Itoa(*p.MaxLength)
	}
	return ""
}

func (p parameter) numberViolation(value string) string {
	number, err := strconv.ParseFloat(value, 64)
	switch {
	case err != nil || number != number:
		return "must be a number"
	case p.MinValue != nil && number < *p.MinValue:
		return "is less than " + strconv.FormatFloat(*p.MinValue, 'g', -1, 64)
	case p.MaxValue != nil && number > *p.MaxValue:
		return "is more than " + strconv.FormatFloat(*p.MaxValue, 'g', -1, 64)
	}
	return ""
}

func or(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
