package policy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// direct are the modules that the root may require.
var direct = map[string]string{
	"github.com/tidwall/gjson":        "JSON paths off the hot path, hosts' own parsers, oracle in tests",
	"github.com/valyala/fastjson":     "JSON trees off the hot path, hosts' own parsers, oracle in tests",
	"github.com/leodido/go-syslog/v4": "strict mode and oracle of the syslog kernel",
	"github.com/goccy/go-yaml":        "the pack language, with positions for its errors",
	"golang.org/x/sync":               "errgroup",
	"github.com/google/go-cmp":        "tests",
}

// indirect are the modules that those above drag in; Go fetches them for their
// tests at most.
var indirect = map[string]string{
	"github.com/tidwall/match":           "gjson",
	"github.com/tidwall/pretty":          "gjson",
	"github.com/leodido/ragel-machinery": "go-syslog",
	"github.com/davecgh/go-spew":         "go-syslog",
	"github.com/pmezard/go-difflib":      "go-syslog",
	"github.com/stretchr/testify":        "go-syslog",
	"golang.org/x/text":                  "go-syslog",
	"gopkg.in/yaml.v3":                   "go-syslog",
}

type goMod struct {
	Module  struct{ Path string }
	Require []struct {
		Path     string
		Indirect bool
	}
	Replace, Exclude []json.RawMessage
}

// goEdit runs go mod edit or go work edit on a file, which reads it only.
func goEdit(t *testing.T, kind, file string, into any) {
	t.Helper()
	out, err := exec.Command("go", kind, "edit", "-json", filepath.FromSlash(root+"/"+file)).Output()
	if err != nil {
		t.Fatalf("%s: cannot be read by go %s edit: %v", file, kind, err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatal(err)
	}
}

func TestRootRequirements(t *testing.T) {
	var mod goMod
	goEdit(t, "mod", "go.mod", &mod)
	if mod.Module.Path != modulePath {
		t.Errorf("go.mod: the module is %s, want %s", mod.Module.Path, modulePath)
	}
	for _, r := range mod.Require {
		if direct[r.Path] != "" || r.Indirect && indirect[r.Path] != "" {
			continue
		}
		t.Errorf("go.mod: rule root requirements: %s is not on the list; an SDK gets its own nested module", r.Path)
	}
	if len(mod.Replace)+len(mod.Exclude) > 0 {
		t.Error("go.mod: rule root requirements: replace and exclude do nothing for those who import the module")
	}
}

// Every module stands in go.work, carries the path of its folder, and where it
// requires another module of this repository finds it beside itself.
func TestNestedModules(t *testing.T) {
	if _, err := os.Stat(filepath.FromSlash(root + "/go.work")); err != nil {
		t.Skip("go.work is not part of the module that importers download")
	}
	var work struct{ Use []struct{ DiskPath string } }
	goEdit(t, "work", "go.work", &work)
	var used []string
	for _, u := range work.Use {
		used = append(used, path.Clean(u.DiskPath))
	}
	walk(t, func(p string) {
		if path.Base(p) != "go.mod" || hasElem(p, "testdata") {
			return
		}
		dir := path.Dir(p)
		if !slices.Contains(used, dir) {
			t.Errorf("%s: rule nested modules: ./%s is missing in go.work", p, dir)
		}
		if dir == "." {
			return
		}
		var mod goMod
		goEdit(t, "mod", p, &mod)
		if want := modulePath + "/" + dir; mod.Module.Path != want {
			t.Errorf("%s: rule nested modules: the module is %s, its folder asks for %s", p, mod.Module.Path, want)
		}
		replaced := map[string]bool{}
		for _, r := range mod.Replace {
			var rep struct{ Old struct{ Path string } }
			if json.Unmarshal(r, &rep) == nil {
				replaced[rep.Old.Path] = true
			}
		}
		for _, r := range mod.Require {
			if within(r.Path, modulePath) && !replaced[r.Path] {
				t.Errorf("%s: rule nested modules: requires %s without a replace, so it does not build with GOWORK=off", p, r.Path)
			}
		}
	})
}

// topLevel is all that may stand at the top, apart from names with a dot first.
var topLevel = strings.Fields(`errcat ratelimit parse normalize validate batch ingest examples internal
	doc.go go.mod go.sum go.work go.work.sum README.md LICENSE CHANGELOG.md`)

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(filepath.FromSlash(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if name[0] == '.' || ignored(name, e.IsDir()) || slices.Contains(topLevel, name) {
			continue
		}
		t.Errorf("%s: rule top level: may not stand at the top of the tree", name)
	}
}
