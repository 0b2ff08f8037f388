package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A source is the parsed code in which reasons are looked for.
type source struct {
	files   []*ast.File
	reasons map[string]bool
	words   map[string]bool // every text, since not every reason is seen to be one
	carries map[string]int  // functions that make a reason of a parameter, and of which
}

var reasonText = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)+$|^(fuse|incomplete|panic|internal)$`)

func parseShipped(t *testing.T) *source {
	t.Helper()
	s := &source{reasons: map[string]bool{}, words: map[string]bool{}, carries: map[string]int{}}
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"sandbox", "release", "openapi", "cimd", "build", "testdata"}, d.Name()):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, 0)
		s.files = append(s.files, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// take notes a reason that is written out, or else that the function around it
// makes one of its parameter.
func (s *source) take(e ast.Expr, around *ast.FuncDecl) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); err == nil && reasonText.MatchString(text) {
			s.reasons[text] = true
		}
	case *ast.Ident:
		if around == nil {
			return
		}
		at := 0
		for _, p := range around.Type.Params.List {
			for _, name := range p.Names {
				if name.Name == e.Name {
					s.carries[around.Name.Name] = at
				}
				at++
			}
		}
	}
}

func (s *source) look(around *ast.FuncDecl, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(n.Value); err == nil {
			s.words[text] = true
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && (key.Name == "Reason" || key.Name == "Slug" || key.Name == "reason") {
			s.take(n.Value, around)
		}
	case *ast.AssignStmt:
		for i, to := range n.Lhs {
			if name, ok := to.(*ast.Ident); ok && (name.Name == "reason" || name.Name == "slug") && len(n.Rhs) == len(n.Lhs) {
				s.take(n.Rhs[i], around)
			}
		}
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.Ident:
			name = f.Name
		case *ast.SelectorExpr:
			name = f.Sel.Name
		}
		if at, ok := s.carries[name]; ok && at < len(n.Args) {
			s.take(n.Args[at], around)
		}
	}
	return true
}

// find goes over the code until it learns nothing new.
func (s *source) find() {
	for before := -1; before != len(s.reasons)+len(s.carries); {
		before = len(s.reasons) + len(s.carries)
		for _, file := range s.files {
			for _, d := range file.Decls {
				around, _ := d.(*ast.FuncDecl)
				ast.Inspect(d, func(n ast.Node) bool { return s.look(around, n) })
			}
		}
	}
}

// TestEveryReasonIsExplained holds the reasons in the code and those in
// README.md to each other. The rules of documents and of their URLs say what is
// wrong themselves, so the tables need not repeat them.
func TestEveryReasonIsExplained(t *testing.T) {
	s := parseShipped(t)
	s.find()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "\n## Troubleshooting\n")
	section, _, _ := strings.Cut(rest, "\n## ")
	told := map[string]bool{}
	for line := range strings.Lines(section) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			for _, m := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(cells[1], -1) {
				if told[m[1]] {
					t.Errorf("README.md explains %s twice", m[1])
				}
				told[m[1]] = true
			}
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(s.reasons)) {
		if !told[reason] {
			t.Errorf("README.md does not explain the reason %s", reason)
		}
	}
	for reason := range told {
		if !s.words[reason] {
			t.Errorf("README.md explains %s, which is no reason in the code", reason)
		}
	}
}
