package cloudformation

import "go.yaml.in/yaml/v3"

// readConditions evaluates every condition, used or not, so that each mistake
// in one is found.
func (r *resolver) readConditions() {
	for name := range entries(r.conditionSection) {
		r.condition(name.Line, name.Value)
	}
}

// condition is the truth of a named condition; it is false after a mistake.
func (r *resolver) condition(line int, name string) bool {
	if truth, ok := r.conditions[name]; ok {
		return truth
	}
	body := lookup(r.conditionSection, name)
	if body == nil {
		r.mistakes.add(line, "there is no condition %s", name)
		return false
	}
	leave, ok := r.enter(line, "condition "+name)
	if !ok {
		return false
	}
	defer leave()
	r.inCondition++
	defer func() { r.inCondition-- }()
	truth := r.truth(body)
	r.conditions[name] = truth
	return truth
}

// enter begins to work something out, unless that has begun already: then it
// depends on itself.
func (r *resolver) enter(line int, what string) (leave func(), ok bool) {
	if r.evaluating[what] {
		r.mistakes.add(line, "%s depends on itself", what)
		return nil, false
	}
	r.evaluating[what] = true
	return func() { delete(r.evaluating, what) }, true
}

// truth evaluates the body of a condition.
func (r *resolver) truth(n *yaml.Node) bool {
	name, arg := intrinsic(n)
	if name == "" && n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "Condition" {
		name, arg = "Condition", n.Content[1]
	}
	switch name {
	case "Condition":
		if isLiteral(arg) {
			return r.condition(n.Line, arg.Value)
		}
	case "Fn::Equals":
		return r.equal(n.Line, arg)
	case "Fn::Not":
		args := r.arguments(n.Line, name, arg, 1, 1)
		return args != nil && !r.truth(args[0])
	case "Fn::And", "Fn::Or":
		// Either side is evaluated in any case, for its mistakes.
		args := r.arguments(n.Line, name, arg, 2, 10)
		truths := 0
		for _, a := range args {
			if r.truth(a) {
				truths++
			}
		}
		return truths > 0 && (name == "Fn::Or" || truths == len(args))
	}
	r.mistakes.add(n.Line, "a condition is made of Fn::Equals, Fn::Not, Fn::And, Fn::Or and Condition")
	return false
}

func (r *resolver) equal(line int, arg *yaml.Node) bool {
	args := r.arguments(line, "Fn::Equals", arg, 2, 2)
	if args == nil {
		return false
	}
	a, ok := r.str(args[0], "the first argument of Fn::Equals")
	b, ok2 := r.str(args[1], "the second argument of Fn::Equals")
	return ok && ok2 && a == b
}
