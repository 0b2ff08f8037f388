package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A result is what an invocation gave: the answer, and the lines that the
// function logged.
type result struct {
	answer []byte
	log    []byte
}

// outcome is what a result comes down to, without what differs from one run to
// the next: what was answered, and what the function says it did.
func (r result) outcome() string {
	answer := answered(r.answer)
	if did := logged(r.log); did != "" && !strings.HasSuffix(answer, " "+did) {
		return answer + ": " + did
	}
	return answer
}

// answered tells the kinds of answer apart: an error, an HTTP answer, handed
// back messages, or whatever numbers it has.
func answered(answer []byte) string {
	var a map[string]any
	switch answer = bytes.TrimSpace(answer); {
	case string(answer) == "null":
		return "done"
	case json.Unmarshal(answer, &a) != nil:
		return "no JSON object"
	case a["errorType"] != nil:
		message, _ := a["errorMessage"].(string)
		return fmt.Sprintf("failed %v %s", a["errorType"], kindOf(message))
	case a["statusCode"] != nil:
		headers, _ := a["headers"].(map[string]any)
		body, _ := a["body"].(string)
		return response(fmt.Sprint(a["statusCode"]), headers["Idempotency-Replayed"] == "true", []byte(body))
	}
	if failures, ok := a["batchItemFailures"]; ok {
		list, _ := failures.([]any)
		return fmt.Sprintf("%d handed back", len(list))
	}
	return summary(a)
}

// kindOf is the part of a failure's message that names no single thing.
func kindOf(message string) string {
	parts := strings.SplitN(message, ": ", 3)
	return strings.Join(parts[:min(2, len(parts))], ": ")
}

// response is an HTTP answer: its status, the type of problem, and how much it
// lists.
func response(status string, replayed bool, body []byte) string {
	words := []string{status}
	if replayed {
		words = append(words, "replayed")
	}
	var b map[string]any
	if json.Unmarshal(body, &b) != nil { // not every answer has a body
		return strings.Join(words, " ")
	}
	if problem, ok := b["type"].(string); ok {
		return strings.Join(append(words, problem[strings.LastIndex(problem, ":")+1:]), " ")
	}
	if status, ok := b["status"].(string); ok {
		words = append(words, status)
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if list, ok := b[name].([]any); ok {
			words = append(words, fmt.Sprintf("%s=%d", name, len(list)))
		} else if yes, ok := b[name].(bool); ok {
			words = append(words, fmt.Sprintf("%s=%v", name, yes))
		}
	}
	return strings.Join(words, " ")
}

// summary is an object's numbers, unless they are 0, its truths, and the
// lengths of its lists.
func summary(a map[string]any) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		switch value := a[name].(type) {
		case bool:
			words = append(words, fmt.Sprintf("%s=%v", name, value))
		case float64:
			if value != 0 {
				words = append(words, fmt.Sprintf("%s=%v", name, value))
			}
		case []any:
			words = append(words, fmt.Sprintf("%s=%d", name, len(value)))
		}
	}
	return strings.Join(words, " ")
}

// cutShort reports whether a container gave the same answer as the sandbox and
// said nothing else, but less: sam local ends with the answer, whether or not it
// has printed every line by then.
func cutShort(sam, own result) bool {
	printed, all := said(sam.log), said(own.log)
	for words, n := range printed {
		if n > all[words] {
			return false
		}
	}
	return answered(sam.answer) == answered(own.answer) && !maps.Equal(printed, all)
}

// logged is what the function's own lines say, each once and with its number.
func logged(log []byte) string {
	seen := said(log)
	var all []string
	for _, words := range slices.Sorted(maps.Keys(seen)) {
		if n := seen[words]; n > 1 {
			words = fmt.Sprint(n, " ", words)
		}
		all = append(all, words)
	}
	return strings.Join(all, ", ")
}

// said counts what the function's own lines say. Messages of a batch are done at
// the same time, so their order means nothing.
func said(log []byte) map[string]int {
	seen := map[string]int{}
	for text := range bytes.Lines(log) {
		var l struct {
			Metrics                       any `json:"_aws"`
			Did, Outcome, Reason, Finding string
		}
		if json.Unmarshal(text, &l) != nil || l.Metrics != nil {
			continue
		}
		words := strings.Join(slices.DeleteFunc([]string{l.Finding, l.Did, l.Outcome, l.Reason}, func(s string) bool { return s == "" }), " ")
		if words != "" {
			seen[words]++
		}
	}
	return seen
}
