package cloudformation

import (
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxText bounds what one intrinsic function may make, so that functions of
// functions cannot fill the memory.
const maxText = 64 << 10

// call evaluates an intrinsic function that is not a condition's.
func (r *resolver) call(line int, name string, arg *yaml.Node) *yaml.Node {
	switch name {
	case "Ref":
		if !isLiteral(arg) {
			return r.mistake(line, "Ref takes a name")
		}
		return r.ref(line, arg.Value)
	case "Fn::GetAtt":
		return r.getAtt(line, arg)
	case "Fn::Sub":
		return r.sub(line, arg)
	case "Fn::If":
		return r.choose(line, arg)
	case "Fn::Join":
		return r.join(line, arg)
	case "Fn::Split":
		return r.split(line, arg)
	case "Fn::Select":
		return r.selectItem(line, arg)
	case "Fn::FindInMap":
		return r.findInMap(line, arg)
	case "Fn::Equals", "Fn::Not", "Fn::And", "Fn::Or", "Condition":
		return r.mistake(line, "%s belongs into the Conditions section", name)
	}
	return r.ignore(line, "%s", name)
}

// arguments are the items of a function's list, or nil with a mistake noted.
func (r *resolver) arguments(line int, name string, arg *yaml.Node, low, high int) []*yaml.Node {
	if arg.Kind != yaml.SequenceNode || isTagged(arg) || len(arg.Content) < low || len(arg.Content) > high {
		want := strconv.Itoa(low)
		if low != high {
			want += " to " + strconv.Itoa(high)
		}
		r.mistakes.add(line, "%s takes a list of %s", name, want)
		return nil
	}
	return arg.Content
}

// str resolves a string; ok is false if it cannot be told.
func (r *resolver) str(n *yaml.Node, what string) (s string, ok bool) {
	switch v := r.resolve(n); {
	case v == unknown:
		return "", false
	case v == nil || v.Kind != yaml.ScalarNode:
		r.mistakes.add(n.Line, "%s must be a string", what)
		return "", false
	default:
		return v.Value, true
	}
}

// list resolves a list of strings; ok is false if it cannot be told.
func (r *resolver) list(n *yaml.Node, what string) (items []string, ok bool) {
	if name, _ := intrinsic(n); name == "" && n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			switch v := r.resolve(item); {
			case v == unknown:
				return nil, false
			case v == nil:
			case v.Kind == yaml.ScalarNode:
				items = append(items, v.Value)
			default:
				r.mistakes.add(item.Line, "%s must be a list of strings", what)
				return nil, false
			}
		}
		return items, true
	}
	v := r.resolve(n)
	if v == unknown {
		return nil, false
	}
	if v == nil || v.Kind != yaml.SequenceNode {
		r.mistakes.add(n.Line, "%s must be a list", what)
		return nil, false
	}
	return r.list(v, what)
}

func (r *resolver) getAtt(line int, arg *yaml.Node) *yaml.Node {
	if isLiteral(arg) {
		id, attribute, ok := strings.Cut(arg.Value, ".")
		if !ok {
			return r.mistake(line, "Fn::GetAtt takes a resource and an attribute, such as Queue.Arn")
		}
		return r.attribute(line, id, attribute)
	}
	args := r.arguments(line, "Fn::GetAtt", arg, 2, 2)
	if args == nil {
		return unknown
	}
	if !isLiteral(args[0]) {
		return r.mistake(line, "Fn::GetAtt takes the name of a resource")
	}
	attribute, ok := r.str(args[1], "the attribute of Fn::GetAtt")
	if !ok {
		return unknown
	}
	return r.attribute(line, args[0].Value, attribute)
}

// placeholder is ${Name}, ${Resource.Attribute} or, for a literal, ${!Name}.
var placeholder = regexp.MustCompile(`\$\{([^{}]*)\}`)

func (r *resolver) sub(line int, arg *yaml.Node) *yaml.Node {
	template, variables := arg, (*yaml.Node)(nil)
	if arg.Kind == yaml.SequenceNode {
		args := r.arguments(line, "Fn::Sub", arg, 2, 2)
		if args == nil {
			return unknown
		}
		template, variables = args[0], r.mapping(args[1], "the second argument of Fn::Sub")
	}
	if !isLiteral(template) {
		return r.mistake(line, "Fn::Sub takes a literal string")
	}
	known, size := true, 0
	out := placeholder.ReplaceAllStringFunc(template.Value, func(match string) string {
		s, ok := r.variable(line, strings.TrimSpace(match[2:len(match)-1]), variables)
		known = known && ok
		if size += len(s); size > maxText {
			known = false
			return ""
		}
		return s
	})
	if size > maxText {
		return r.mistake(line, "Fn::Sub makes more than %d bytes", maxText)
	}
	if !known {
		return unknown
	}
	return text(line, out)
}

// variable is what stands for a placeholder of Fn::Sub.
func (r *resolver) variable(line int, name string, variables *yaml.Node) (s string, ok bool) {
	if literal, ok := strings.CutPrefix(name, "!"); ok {
		return "${" + literal + "}", true
	}
	if v := lookup(variables, name); v != nil {
		return r.str(v, "variable "+name+" of Fn::Sub")
	}
	var v *yaml.Node
	if id, attribute, found := strings.Cut(name, "."); found {
		v = r.attribute(line, id, attribute)
	} else {
		v = r.ref(line, name)
	}
	switch {
	case v == unknown:
		return "", false
	case v == nil || v.Kind != yaml.ScalarNode:
		r.mistakes.add(line, "${%s} in Fn::Sub is not a string", name)
		return "", false
	}
	return v.Value, true
}

func (r *resolver) choose(line int, arg *yaml.Node) *yaml.Node {
	args := r.arguments(line, "Fn::If", arg, 3, 3)
	if args == nil {
		return unknown
	}
	if !isLiteral(args[0]) {
		return r.mistake(line, "Fn::If takes the name of a condition")
	}
	if r.condition(line, args[0].Value) {
		return r.resolve(args[1])
	}
	return r.resolve(args[2])
}

func (r *resolver) join(line int, arg *yaml.Node) *yaml.Node {
	args := r.arguments(line, "Fn::Join", arg, 2, 2)
	if args == nil {
		return unknown
	}
	if !isLiteral(args[0]) {
		return r.mistake(line, "Fn::Join takes a literal delimiter")
	}
	items, ok := r.list(args[1], "the second argument of Fn::Join")
	if !ok {
		return unknown
	}
	size := len(args[0].Value) * len(items)
	for _, item := range items {
		size += len(item)
	}
	if size > maxText {
		return r.mistake(line, "Fn::Join makes more than %d bytes", maxText)
	}
	return text(line, strings.Join(items, args[0].Value))
}

func (r *resolver) split(line int, arg *yaml.Node) *yaml.Node {
	args := r.arguments(line, "Fn::Split", arg, 2, 2)
	if args == nil {
		return unknown
	}
	if !isLiteral(args[0]) || args[0].Value == "" {
		return r.mistake(line, "Fn::Split takes a literal delimiter")
	}
	source, ok := r.str(args[1], "the second argument of Fn::Split")
	if !ok {
		return unknown
	}
	out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: line}
	for part := range strings.SplitSeq(source, args[0].Value) {
		out.Content = append(out.Content, text(line, part))
	}
	return out
}

func (r *resolver) selectItem(line int, arg *yaml.Node) *yaml.Node {
	args := r.arguments(line, "Fn::Select", arg, 2, 2)
	if args == nil {
		return unknown
	}
	index, ok := r.str(args[0], "the index of Fn::Select")
	items, ok2 := r.list(args[1], "the second argument of Fn::Select")
	if !ok || !ok2 {
		return unknown
	}
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || i >= len(items) {
		return r.mistake(line, "Fn::Select: the list of %d has no such item", len(items))
	}
	return text(line, items[i])
}

func (r *resolver) findInMap(line int, arg *yaml.Node) *yaml.Node {
	args := r.arguments(line, "Fn::FindInMap", arg, 3, 3)
	at := r.mappings
	for _, key := range args {
		name, ok := r.str(key, "a key of Fn::FindInMap")
		if !ok {
			return unknown
		}
		if at = lookup(at, name); at == nil {
			return r.mistake(line, "Fn::FindInMap: there is no key %s", key.Value)
		}
	}
	if args == nil {
		return unknown
	}
	return r.resolve(at)
}
