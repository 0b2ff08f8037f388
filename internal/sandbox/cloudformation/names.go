package cloudformation

import (
	"regexp"
	"strings"
)

// nameProperty is the property that names a resource of each imitated type.
var nameProperty = map[string]string{
	functionType: "FunctionName", queueType: "QueueName", secretType: "Name",
}

// validName is what each service accepts as a name.
var validName = map[string]*regexp.Regexp{
	functionType: regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`),
	queueType:    regexp.MustCompile(`^([a-zA-Z0-9_-]{1,80}|[a-zA-Z0-9_-]{1,75}\.fifo)$`),
	secretType:   regexp.MustCompile(`^[a-zA-Z0-9/_+=.@-]{1,512}$`),
}

// name is the physical name of a resource: the one it asks for, or
// <stack>-<logical id>. It is worked out once; ok is false after a mistake.
func (r *resolver) name(res *resource) (name string, ok bool) {
	if name, ok := r.names[res.id]; ok {
		return name, name != ""
	}
	leave, ok := r.enter(res.line, "the name of "+res.id)
	if !ok {
		return "", false
	}
	defer leave()
	p := r.propertiesOf(res)
	line := res.line
	if property := nameProperty[res.kind]; property != "" {
		before := len(r.mistakes.all)
		name, ok = p.string(property)
		line = p.at(property).Line
		if len(r.mistakes.all) > before {
			r.names[res.id] = ""
			return "", false
		}
	}
	if !ok || name == "" {
		name = r.options.StackName + "-" + res.id
		if fifo := res.kind == queueType && p.bool("FifoQueue", false); fifo {
			name += ".fifo"
		}
	}
	if valid := validName[res.kind]; valid != nil && !valid.MatchString(name) {
		r.mistakes.add(line, "%s: not a valid name for %s", res.id, res.kind)
		name = ""
	}
	if other := r.taken[res.kind+" "+name]; other != "" && name != "" {
		r.mistakes.add(line, "%s has the same name as %s", res.id, other)
	}
	r.taken[res.kind+" "+name] = res.id
	r.names[res.id] = name
	return name, name != ""
}

// folder is where a function's main package is, by the convention that the
// package comment tells.
func folder(id string) string {
	var b strings.Builder
	b.WriteString("functions/")
	runes := []rune(strings.TrimSuffix(id, "Function"))
	for i, c := range runes {
		upper := c >= 'A' && c <= 'Z'
		if upper && i > 0 && !(runes[i-1] >= 'A' && runes[i-1] <= 'Z') {
			b.WriteByte('-')
		}
		b.WriteString(strings.ToLower(string(c)))
	}
	return b.String()
}
