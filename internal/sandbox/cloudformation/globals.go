package cloudformation

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// notGlobal are the properties of a function that the Globals section cannot
// set ("Globals section of the AWS SAM template").
var notGlobal = []string{"Role", "Policies", "FunctionName", "Events", "Metadata"}

// globalAPI are the properties of an HTTP API that it can.
var globalAPI = []string{"Auth", "AccessLogSettings", "StageVariables", "Tags", "CorsConfiguration", "DefaultRouteSettings",
	"Domain", "RouteSettings", "FailOnWarnings", "PropagateTags"}

// mergeGlobals puts Globals.Function under the properties of every function and
// Globals.HttpApi under those of every HTTP API, before anything is resolved,
// as SAM does.
func (r *resolver) mergeGlobals() {
	for section, body := range entries(r.globals) {
		kind := map[string]string{"Function": functionType, "HttpApi": httpAPIType}[section.Value]
		if kind == "" {
			r.ignore(section.Line, "Globals: %s", section.Value)
			continue
		}
		global := r.mapping(body, "Globals "+section.Value)
		if global == nil {
			continue
		}
		for key := range entries(global) {
			if kind == functionType && slices.Contains(notGlobal, key.Value) || kind == httpAPIType && !slices.Contains(globalAPI, key.Value) {
				r.mistakes.add(key.Line, "%s cannot be global", key.Value)
			}
		}
		if kind == httpAPIType {
			r.globalAPI = global
		}
		for _, res := range r.resources {
			if res.kind == kind {
				res.properties = merge("", global, res.properties)
			}
		}
	}
}

// merge is SAM's rule: mappings are merged, lists are joined with the global
// one first, and of everything else the local one wins. An intrinsic function
// is never looked into, and a function's own Architectures replace the global
// ones.
func merge(path string, global, local *yaml.Node) *yaml.Node {
	if local == nil {
		return global
	}
	if !isPlain(global) || !isPlain(local) || global.Kind != local.Kind {
		return local
	}
	out := *local
	switch {
	case local.Kind == yaml.SequenceNode && path != "/Architectures":
		out.Content = slices.Concat(global.Content, local.Content)
	case local.Kind == yaml.MappingNode:
		out.Content = nil
		for k, v := range entries(global) {
			out.Content = append(out.Content, k, merge(path+"/"+k.Value, v, lookup(local, k.Value)))
		}
		for k, v := range entries(local) {
			if lookup(global, k.Value) == nil {
				out.Content = append(out.Content, k, v)
			}
		}
	}
	return &out
}

func isPlain(n *yaml.Node) bool {
	name, _ := intrinsic(n)
	return name == ""
}
