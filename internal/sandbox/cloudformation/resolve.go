package cloudformation

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// A resolver holds one template while it is being resolved.
//
// A resolved value is a node again: a scalar, a sequence or a mapping without
// intrinsic functions. Two nodes are special: nil is no value at all, as
// AWS::NoValue gives it, and unknown is a value that cannot be told, because
// of a mistake that has been noted or something that is not imitated. Whatever
// contains an unknown text is unknown itself.
type resolver struct {
	options           Options
	mistakes, ignored notes

	parameterSection, mappings, conditionSection, globals, outputs *yaml.Node

	resources  []*resource
	byID       map[string]*resource
	parameters map[string]*yaml.Node
	conditions map[string]bool
	names      map[string]string // of resources, by logical id
	taken      map[string]string // logical ids, by type and name

	httpAPIs  []*httpAPI
	globalAPI *yaml.Node // Globals.HttpApi, or nil

	// evaluating holds the conditions and names that are being worked out, so
	// that a circle is a mistake and not the end.
	evaluating map[string]bool
	// inCondition is positive while a condition is evaluated: it may refer to
	// parameters alone.
	inCondition int
}

var unknown = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!unknown"}

func newResolver(o Options) *resolver {
	return &resolver{
		options:    o,
		mistakes:   notes{file: o.File},
		ignored:    notes{file: o.File},
		byID:       map[string]*resource{},
		parameters: map[string]*yaml.Node{},
		conditions: map[string]bool{},
		names:      map[string]string{},
		taken:      map[string]string{},
		evaluating: map[string]bool{},
	}
}

// text makes a resolved string, quoted so that resolving it again changes
// nothing.
func text(line int, s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: s, Line: line}
}

// mistake notes what is wrong and returns unknown.
func (r *resolver) mistake(line int, format string, args ...any) *yaml.Node {
	r.mistakes.add(line, format, args...)
	return unknown
}

// ignore notes what is not imitated and returns unknown.
func (r *resolver) ignore(line int, format string, args ...any) *yaml.Node {
	r.ignored.add(line, format, args...)
	return unknown
}

// resolve works out one value of the template.
func (r *resolver) resolve(n *yaml.Node) *yaml.Node {
	if n == nil {
		return nil
	}
	if name, arg := intrinsic(n); name != "" {
		return r.call(n.Line, name, arg)
	}
	switch n.Kind {
	case yaml.ScalarNode:
		return r.literal(n)
	case yaml.SequenceNode:
		out := &yaml.Node{Kind: n.Kind, Tag: "!!seq", Line: n.Line}
		for _, item := range n.Content {
			if v := r.resolve(item); v != nil && v != unknown {
				out.Content = append(out.Content, v)
			}
		}
		return out
	default:
		out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: n.Line}
		for k, item := range entries(n) {
			if v := r.resolve(item); v != nil && v != unknown {
				out.Content = append(out.Content, k, v)
			}
		}
		return out
	}
}

// literal is a scalar as the template spells it. To CloudFormation, which reads
// YAML 1.1, an unquoted yes, no, on or off is a boolean, which is never meant.
func (r *resolver) literal(n *yaml.Node) *yaml.Node {
	if n.ShortTag() == "!!bool" {
		return text(n.Line, strings.ToLower(n.Value))
	}
	if n.Style == 0 {
		switch strings.ToLower(n.Value) {
		case "yes", "no", "on", "off":
			return r.mistake(n.Line, "%s without quotes is a boolean in YAML 1.1; quote it", n.Value)
		}
	}
	return text(n.Line, n.Value)
}

// intrinsic returns the long name and the argument of an intrinsic function in
// either form, or an empty name.
func intrinsic(n *yaml.Node) (name string, arg *yaml.Node) {
	if isTagged(n) {
		bare := *n
		bare.Tag = ""
		bare.Style &^= yaml.TaggedStyle
		switch name = n.Tag[1:]; name {
		case "Ref", "Condition":
			return name, &bare
		}
		return "Fn::" + name, &bare
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return "", nil
	}
	switch key := n.Content[0].Value; {
	case key == "Ref", strings.HasPrefix(key, "Fn::"):
		return key, n.Content[1]
	}
	return "", nil
}

// ref is Ref: a pseudo parameter, a parameter or a resource.
func (r *resolver) ref(line int, name string) *yaml.Node {
	if strings.HasPrefix(name, "AWS::") {
		return r.pseudo(line, name)
	}
	if v, ok := r.parameters[name]; ok {
		return v
	}
	res := r.resource(line, name)
	if res == nil {
		return unknown
	}
	physical, ok := r.name(res)
	if !ok {
		return unknown
	}
	switch res.kind {
	case queueType:
		return text(line, r.options.QueueURL(physical))
	case secretType:
		return text(line, r.options.SecretARN(physical))
	}
	return text(line, physical)
}

func (r *resolver) pseudo(line int, name string) *yaml.Node {
	o := r.options
	switch name {
	case "AWS::NoValue":
		return nil
	case "AWS::Region":
		return text(line, o.Region)
	case "AWS::AccountId":
		return text(line, o.AccountID)
	case "AWS::Partition":
		return text(line, "aws")
	case "AWS::URLSuffix":
		return text(line, "amazonaws.com")
	case "AWS::StackName":
		return text(line, o.StackName)
	case "AWS::StackId":
		return text(line, r.arn("cloudformation", "stack/"+o.StackName+"/sandbox"))
	}
	return r.mistake(line, "there is no pseudo parameter %s", name)
}

// attribute is Fn::GetAtt.
func (r *resolver) attribute(line int, id, attribute string) *yaml.Node {
	res := r.resource(line, id)
	if res == nil {
		return unknown
	}
	physical, ok := r.name(res)
	if !ok {
		return unknown
	}
	switch res.kind + " " + attribute {
	case queueType + " Arn":
		return text(line, r.arn("sqs", physical))
	case queueType + " QueueName":
		return text(line, physical)
	case queueType + " QueueUrl":
		return text(line, r.options.QueueURL(physical))
	case functionType + " Arn":
		return text(line, r.options.FunctionARN(id, physical))
	case secretType + " Id":
		return text(line, r.options.SecretARN(physical))
	}
	switch res.kind {
	case queueType, functionType, secretType:
		return r.mistake(line, "%s has no attribute %s", res.kind, attribute)
	}
	return r.ignore(line, "%s.%s: attribute of %s", id, attribute, res.kind)
}

func (r *resolver) arn(service, rest string) string {
	return "arn:aws:" + service + ":" + r.options.Region + ":" + r.options.AccountID + ":" + rest
}

// resource finds what a Ref or Fn::GetAtt names, or notes the mistake.
func (r *resolver) resource(line int, id string) *resource {
	res, ok := r.byID[id]
	switch {
	case !ok && lookup(r.parameterSection, id) != nil:
		return nil // a parameter without a value, noted where it was read
	case !ok:
		r.mistakes.add(line, "there is no parameter or resource %s", id)
	case r.inCondition > 0:
		r.mistakes.add(line, "a condition may refer to parameters alone, and %s is a resource", id)
	case !r.exists(res):
		r.mistakes.add(line, "resource %s is referred to, but its condition %s is false", id, res.condition)
	default:
		return res
	}
	return nil
}

// exists reports whether the condition of a resource, if any, holds.
func (r *resolver) exists(res *resource) bool {
	return res.condition == "" || r.condition(res.line, res.condition)
}
