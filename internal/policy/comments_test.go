package policy

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// Every exported name says what it is: the comment is the contract. One comment may stand for
// a group of constants or variables, one for a pair that it names, and that of an interface for its
// only method; methods that an interface of the standard library describes (Error, Unwrap,
// String …) need none.
func TestExportedNamesHaveComments(t *testing.T) {
	for _, p := range loadPackages(t) {
		if p.internal() || p.main {
			continue
		}
		fset := token.NewFileSet()
		var files []*ast.File
		for _, f := range p.files {
			if f.test {
				continue
			}
			file, err := parser.ParseFile(fset, filepath.Join(root, filepath.FromSlash(f.path)), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		d, err := doc.NewFromFiles(fset, files, modulePath+"/"+p.dir)
		if err != nil {
			t.Fatal(err)
		}
		bare := func(at ast.Node, name string) {
			pos := fset.Position(at.Pos())
			rel, _ := filepath.Rel(root, pos.Filename)
			t.Errorf("%s:%d: rule exported names have comments: %s has none; say what it is, who may use it when, and its units", rel, pos.Line, name)
		}
		if d.Doc == "" {
			t.Errorf("%s: rule exported names have comments: the package has none", p.dir)
		}
		values := func(list []*doc.Value) {
			for _, v := range list {
				above := ""
				for _, s := range v.Decl.Specs {
					s := s.(*ast.ValueSpec)
					if s.Doc != nil {
						above = s.Doc.Text()
					}
					if v.Doc != "" || s.Doc != nil || s.Comment != nil {
						continue
					}
					for _, n := range s.Names {
						if n.IsExported() && !strings.Contains(above, n.Name) {
							bare(n, n.Name)
						}
					}
				}
			}
		}
		funcs := func(list []*doc.Func, of string) {
			for _, f := range list {
				if f.Doc == "" && !usual[f.Name] {
					bare(f.Decl, of+f.Name)
				}
			}
		}
		values(d.Consts)
		values(d.Vars)
		funcs(d.Funcs, "")
		for _, typ := range d.Types {
			if typ.Doc == "" {
				bare(typ.Decl, typ.Name)
			}
			values(typ.Consts)
			values(typ.Vars)
			funcs(typ.Funcs, "")
			funcs(typ.Methods, typ.Name+".")
			for _, s := range typ.Decl.Specs {
				members(s.(*ast.TypeSpec), func(at ast.Node, name string) { bare(at, typ.Name+"."+name) })
			}
		}
	}
}

// usual are methods whose meaning every reader of Go knows.
var usual = map[string]bool{"Error": true, "Unwrap": true, "Is": true, "String": true, "Len": true, "Less": true, "Swap": true, "GoString": true}

// members calls bare for the methods of an interface of several that have no comment.
func members(s *ast.TypeSpec, bare func(at ast.Node, name string)) {
	typ, ok := s.Type.(*ast.InterfaceType)
	if !ok {
		return
	}
	methods := 0
	for _, f := range typ.Methods.List {
		methods += len(f.Names) // embedded interfaces have none
	}
	if methods < 2 {
		return
	}
	for _, f := range typ.Methods.List {
		if f.Doc != nil || f.Comment != nil {
			continue
		}
		for _, n := range f.Names {
			if n.IsExported() {
				bare(n, n.Name)
			}
		}
	}
}
