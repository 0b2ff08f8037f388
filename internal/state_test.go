package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// A Lambda environment serves many invocations. What one of them leaves in a
// variable of a package, the next one finds: in what ships, no function writes
// to one, so what lives on is what functions/*/main.go has built.
func TestNoInvocationLeavesAnythingInAPackage(t *testing.T) {
	packages := map[string][]*ast.File{}
	files := token.NewFileSet()
	for _, root := range []string{".", "../functions"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "sandbox" || d.Name() == "cmd" || d.Name() == "testdata"):
				return filepath.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(packages) < 15 {
		t.Fatalf("only %d packages were found", len(packages))
	}
	for _, all := range packages {
		global := packageVariables(all)
		for _, f := range all {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
					for _, at := range writesTo(fn, global) {
						t.Errorf("%s writes to a variable of its package", files.Position(at))
					}
				}
			}
		}
	}
}

func packageVariables(all []*ast.File) map[string]bool {
	names := map[string]bool{}
	for _, f := range all {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, spec := range g.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					names[name.Name] = true
				}
			}
		}
	}
	return names
}

// writesTo finds where a function sets one of the names, something in it, or
// takes its address. A name that the function declares itself is its own.
func writesTo(fn *ast.FuncDecl, names map[string]bool) (at []token.Pos) {
	own := map[string]bool{}
	var targets []ast.Expr
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, name := range n.Names {
				own[name.Name] = true
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				own[name.Name] = true
			}
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				targets = append(targets, n.Key, n.Value)
			}
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if name, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					own[name.Name] = true
				}
			}
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				if name, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					own[name.Name] = true
				} else {
					targets = append(targets, e)
				}
			}
		case *ast.IncDecStmt:
			targets = append(targets, n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				targets = append(targets, n.X)
			}
		}
		return true
	})
	for _, e := range targets {
		if name := root(e); name != nil && names[name.Name] && !own[name.Name] {
			at = append(at, e.Pos())
		}
	}
	return at
}

// root is the name at the beginning of an expression such as a.b[c].
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}
