package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const modulePath = "github.com/penstock-dev/penstock"

// root is the top of the tree, seen from this folder.
const root = "../.."

// goFile is one Go file, with what the rules ask about it.
type goFile struct {
	path      string // slash-separated, from the top of the tree
	test      bool
	generated bool
	imports   []string
	examples  int // functions named Example...
	inits     []token.Position
}

// pkg is one folder with Go files that are not tests.
type pkg struct {
	dir   string // slash-separated, from the top of the tree; "." for the root
	main  bool
	files []goFile
}

// internal reports whether only this repository may import the package.
func (p pkg) internal() bool { return hasElem(p.dir, "internal") }

func hasElem(dir, elem string) bool {
	for e := range strings.SplitSeq(dir, "/") {
		if e == elem {
			return true
		}
	}
	return false
}

// ignored reports whether the build and version control leave an entry out:
// what .gitignore names, and folders that Go does not look into.
func ignored(p string, isDir bool) bool {
	base := path.Base(p)
	if base == ".git" {
		return true // a folder, or a file in a linked worktree
	}
	if isDir {
		return p == "bin" || p == "tmp"
	}
	switch path.Ext(base) {
	case ".test", ".out", ".prof":
		return true
	}
	return false
}

// walk calls f for every regular file of the tree.
func walk(t *testing.T, f func(p string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			if os.IsNotExist(err) {
				return nil // removed while we walk
			}
			return err
		}
		p, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		p = filepath.ToSlash(p)
		if ignored(p, d.IsDir()) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() {
			f(p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// packages reads every Go file of every module of the tree, once.
var packages = sync.OnceValues(func() (map[string]*pkg, []string) {
	pkgs := map[string]*pkg{}
	var faults []string
	err := filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		p, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		p = filepath.ToSlash(p)
		base := d.Name()
		if d.IsDir() {
			if p != "." && (base == "testdata" || base[0] == '.' || base[0] == '_' || ignored(p, true)) {
				return filepath.SkipDir
			}
			return nil
		}
		if path.Ext(base) != ".go" || base[0] == '.' || base[0] == '_' {
			return nil
		}
		f, name, err := readGo(full, p)
		if err != nil {
			faults = append(faults, p+": "+err.Error())
			return nil
		}
		dir := path.Dir(p)
		if pkgs[dir] == nil {
			pkgs[dir] = &pkg{dir: dir}
		}
		pkgs[dir].files = append(pkgs[dir].files, f)
		pkgs[dir].main = pkgs[dir].main || name == "main"
		return nil
	})
	if err != nil {
		faults = append(faults, err.Error())
	}
	return pkgs, faults
})

func readGo(full, p string) (goFile, string, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, full, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return goFile{}, "", err
	}
	f := goFile{path: p, test: strings.HasSuffix(p, "_test.go"), generated: ast.IsGenerated(tree)}
	for _, spec := range tree.Imports {
		imp, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return goFile{}, "", err
		}
		f.imports = append(f.imports, imp)
	}
	for _, decl := range tree.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Recv != nil {
			continue
		}
		if fn.Name.Name == "init" {
			f.inits = append(f.inits, fset.Position(fn.Pos()))
		}
		if f.test && strings.HasPrefix(fn.Name.Name, "Example") {
			f.examples++
		}
	}
	return f, tree.Name.Name, nil
}

// loadPackages returns the packages that have code apart from tests.
func loadPackages(t *testing.T) []pkg {
	t.Helper()
	pkgs, faults := packages()
	for _, f := range faults {
		t.Errorf("cannot read %s", f)
	}
	var out []pkg
	for _, p := range pkgs {
		for _, f := range p.files {
			if !f.test {
				out = append(out, *p)
				break
			}
		}
	}
	return out
}

// inModule returns the folder of an imported package of this repository.
func inModule(imp string) (string, bool) {
	if imp == modulePath {
		return ".", true
	}
	return strings.CutPrefix(imp, modulePath+"/")
}
