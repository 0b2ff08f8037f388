package cloudformation

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// notes are messages about lines of the template, each once.
type notes struct {
	file string
	all  []note
}

type note struct {
	line int
	text string
}

func (n *notes) add(line int, format string, args ...any) {
	n.all = append(n.all, note{line, fmt.Sprintf(format, args...)})
}

func (n *notes) none() bool { return len(n.all) == 0 }

func (n *notes) err() error {
	var errs []error
	for _, line := range n.lines() {
		errs = append(errs, errors.New(line))
	}
	return errors.Join(errs...)
}

// lines are the notes in the order of the template, without repetitions.
func (n *notes) lines() []string {
	all := slices.Clone(n.all)
	slices.SortStableFunc(all, func(a, b note) int { return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.text, b.text)) })
	out := make([]string, 0, len(all))
	for _, m := range slices.Compact(all) {
		out = append(out, fmt.Sprintf("%s:%d: %s", n.file, m.line, m.text))
	}
	return out
}
