package cloudformation

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// properties read a mapping member by member. Only what is asked for is
// resolved; the rest is named as ignored by done.
type properties struct {
	r    *resolver
	path string // such as RegisterClientFunction.Environment
	node *yaml.Node
	line int
	read map[string]bool
}

func (r *resolver) propertiesOf(res *resource) *properties {
	return &properties{r: r, path: res.id, node: res.properties, line: res.line, read: map[string]bool{}}
}

// get resolves a member; nil means that it is absent or cannot be told.
func (p *properties) get(key string) *yaml.Node {
	p.read[key] = true
	v := p.r.resolve(lookup(p.node, key))
	if v == unknown {
		return nil
	}
	return v
}

// certain is p.string for what must not be passed over: that it cannot be told
// is a mistake.
func (p *properties) certain(key string) (s string, ok bool) {
	if n := lookup(p.node, key); n != nil && p.r.resolve(n) == unknown {
		p.wrong(p.at(key), key, "cannot be told here, and the sandbox does not guess who may use a route")
	}
	return p.string(key)
}

func (p *properties) wrong(n *yaml.Node, key, format string, args ...any) {
	p.r.mistakes.add(n.Line, "%s.%s "+format, append([]any{p.path, key}, args...)...)
}

// string is a member that is text; ok is false if it is absent.
func (p *properties) string(key string) (s string, ok bool) {
	v := p.get(key)
	if v == nil {
		return "", false
	}
	if v.Kind != yaml.ScalarNode {
		p.wrong(p.at(key), key, "must be a string")
		return "", false
	}
	return v.Value, true
}

// at is where a member stands in the template: its key, for a value may come
// from a parameter far away.
func (p *properties) at(key string) *yaml.Node {
	for k := range entries(p.node) {
		if k.Value == key {
			return k
		}
	}
	return &yaml.Node{Line: p.line}
}

// int is a whole number from low to high, or fallback if it is absent.
func (p *properties) int(key string, fallback, low, high int) int {
	s, ok := p.string(key)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		p.wrong(p.at(key), key, "must be a whole number from %d to %d", low, high)
		return fallback
	}
	return n
}

// number is a number above zero, or zero if it is absent.
func (p *properties) number(key string) float64 {
	s, ok := p.string(key)
	if !ok {
		return 0
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n > 0 && n <= 1_000_000) {
		p.wrong(p.at(key), key, "must be a number above 0")
		return 0
	}
	return n
}

func (p *properties) bool(key string, fallback bool) bool {
	switch s, ok := p.string(key); {
	case !ok:
		return fallback
	case s == "true":
		return true
	case s != "false":
		p.wrong(p.at(key), key, "must be true or false")
	}
	return false
}

// strings is a list of strings, nil if it is absent.
func (p *properties) strings(key string) []string {
	v := p.get(key)
	if v == nil {
		return nil
	}
	if v.Kind != yaml.SequenceNode {
		p.wrong(p.at(key), key, "must be a list")
		return nil
	}
	out := make([]string, 0, len(v.Content))
	for _, item := range v.Content {
		if item.Kind != yaml.ScalarNode {
			p.wrong(p.at(key), key, "must be a list of strings")
			return nil
		}
		out = append(out, item.Value)
	}
	return out
}

// object is a member that is a mapping itself, empty if it is absent. What is
// inside is not resolved yet, unless an intrinsic function made it.
func (p *properties) object(key string) *properties {
	p.read[key] = true
	child := &properties{r: p.r, path: p.path + "." + key, line: p.at(key).Line, read: map[string]bool{}}
	n := lookup(p.node, key)
	if n != nil && !isPlain(n) {
		n = p.get(key)
	}
	if n == nil {
		return child
	}
	if n.Kind != yaml.MappingNode {
		p.wrong(p.at(key), key, "must be a mapping")
		return child
	}
	child.node = n
	return child
}

// done names the members that nobody asked for.
func (p *properties) done() {
	for k := range entries(p.node) {
		if !p.read[k.Value] {
			p.r.ignore(k.Line, "%s.%s", p.path, k.Value)
		}
	}
}
