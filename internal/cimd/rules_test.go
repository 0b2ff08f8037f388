package cimd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestRuleBook reads the rules as they are declared: a slug is stable only if
// it is unique, and a finding that does not say what to do next helps nobody.
func TestRuleBook(t *testing.T) {
	files, err := filepath.Glob("rules_*.go")
	if err != nil {
		t.Fatal(err)
	}
	slug, seen, total := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)+$`), map[string]bool{}, 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			total++
			s, draft, auth0 := text(lit.Elts[0]), text(lit.Elts[1]), text(lit.Elts[2])
			if !slug.MatchString(s) || seen[s] {
				t.Errorf("%s: %q is malformed or not unique", name, s)
			}
			seen[s] = true
			if text(lit.Elts[3]) == "" || text(lit.Elts[4]) == "" {
				t.Errorf("%s: %s has no source or no next action", name, s)
			}
			if draft == "silent" && auth0 == "silent" || strings.HasSuffix(draft, "Open") {
				t.Errorf("%s: %s reads %s and %s", name, s, draft, auth0)
			}
			return true
		})
	}
	if total < 100 {
		t.Errorf("found %d rules only", total)
	}
}

func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func TestVerdicts(t *testing.T) {
	warning, violation := Finding{Severity: Warning}, Finding{Rule: "a_rule", Severity: Violation, Member: "m", Text: "bad", Next: "mend it"}
	tests := map[string]struct {
		findings Findings
		want     Verdict
	}{
		"nothing":            {nil, Accept},
		"a warning":          {Findings{warning}, Warn},
		"a violation":        {Findings{violation}, Reject},
		"violation in front": {Findings{violation, warning}, Reject},
		"violation behind":   {Findings{warning, violation}, Reject},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.findings.Verdict(); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
			err := tt.findings.Err("cimd.test")
			if (err != nil) != (tt.want == Reject) {
				t.Errorf("error %v for %v", err, tt.want)
			}
			if err != nil && err.Error() != "cimd.test: invalid (a_rule): m: bad; mend it" {
				t.Errorf("error reads %q", err)
			}
			if n := len(tt.findings.Warnings()) + len(tt.findings.Violations()); n != len(tt.findings) {
				t.Errorf("%d warnings and violations of %d", n, len(tt.findings))
			}
		})
	}
}
