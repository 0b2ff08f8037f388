package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"clientkeeper/internal/rotation"
)

// seen is a finding as it is shown.
type seen struct {
	Secret   string `json:"secret,omitempty"` // ARN
	Name     string `json:"name,omitempty"`
	Finding  string `json:"finding"`
	Says     string `json:"says"`
	Repair   string `json:"repair"`
	Safe     bool   `json:"safe"` // to do without a person
	Repaired bool   `json:"repaired"`
	Note     string `json:"note,omitempty"` // on the repair
}

// treat repairs a finding, if that is wanted and safe.
func (v *visit) treat(ctx context.Context, name string, f rotation.Finding) seen {
	out := seen{Secret: f.SecretID, Name: name, Finding: f.Slug, Says: f.Says, Repair: f.Repair, Safe: f.Safe}
	if !v.fix || !f.Safe {
		return out
	}
	switch done, err := v.doctor.Repair(ctx, f); {
	case err != nil:
		out.Note = "the repair failed: " + err.Error()
	case done:
		out.Repaired, out.Note = true, "done: "+f.Repair
	default:
		out.Repaired, out.Note = true, "gone: a second look did not find it again"
	}
	return out
}

func (v *visit) show(s seen) error {
	v.found++
	if s.Repaired {
		v.repaired++
	} else if s.Safe {
		v.safe++
	}
	v.wipe()
	if v.asJSON {
		return json.NewEncoder(v.inv.out).Encode(s)
	}
	var b strings.Builder
	if s.Name != v.last {
		fmt.Fprintf(&b, "%s\n", printable(s.Name))
		v.last = s.Name
	}
	fmt.Fprintf(&b, "  %-18s %s\n", s.Finding, printable(s.Says))
	mark := "->"
	if s.Safe {
		mark = "-> safe:"
	}
	fmt.Fprintf(&b, "  %-18s %s %s\n", "", mark, printable(s.Repair))
	if s.Note != "" {
		fmt.Fprintf(&b, "  %-18s %s\n", "", printable(s.Note))
	}
	_, err := io.WriteString(v.inv.out, b.String())
	return err
}

// many is from where on progress is worth a line.
const many = 3

func (v *visit) progress(done, total int) {
	if v.inv.terminal && total > many {
		fmt.Fprintf(v.inv.errOut, "\r\x1b[K%d of %d examined", done, total)
		v.line = true
	}
}

// wipe removes the line of progress.
func (v *visit) wipe() {
	if v.line {
		fmt.Fprint(v.inv.errOut, "\r\x1b[K")
		v.line = false
	}
}

func (v *visit) conclude(examined int) error {
	left := v.found - v.repaired
	if !v.asJSON {
		fmt.Fprintln(v.inv.out, v.summary(examined))
	}
	if left == 0 {
		return nil
	}
	return fmt.Errorf("%s; %s", plural(left, "finding is left", "findings are left"), v.advice())
}

func (v *visit) advice() string {
	if v.safe > 0 && !v.fix {
		return fmt.Sprintf("clientkeeper doctor -fix makes the safe repairs: %d", v.safe)
	}
	return "each says what to do"
}

func (v *visit) summary(examined int) string {
	text := plural(examined, "secret", "secrets") + " examined: "
	switch {
	case examined == 0 && v.found == 0:
		return "there are no managed secrets of this tenant here; clientkeeper adopt takes one over"
	case v.found == 0:
		return text + "all is well"
	case v.fix:
		return fmt.Sprintf("%s%s, %d repaired", text, plural(v.found, "finding", "findings"), v.repaired)
	}
	return text + plural(v.found, "finding", "findings")
}
