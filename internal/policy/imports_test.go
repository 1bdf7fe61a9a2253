package policy

import (
	"slices"
	"strings"
	"testing"
)

// The import order. A package may import packages of a lower level only, and
// within its level what sameLevel allows.
//
//	1   errcat, normalize/ecs, internal/...
//	2   ratelimit
//	3   parse
//	4   parse/kernel/...
//	5   normalize, validate, batch
//	6   parse/pack
//	7   parse/vendors/...
//	8   ingest, ingest/checkpoint
//	9   ingest/... sources, batch/... sinks, packages for tests (named ...test)
//	10  examples/... and other programs
//
// Tests are free: an example may show a package together with what stands above
// it, and Go itself forbids cycles.
func level(p pkg) int { return levelOf(p.dir, p.main) }

func levelOf(dir string, main bool) int {
	top, rest, _ := strings.Cut(dir, "/")
	switch {
	case main, top == "examples":
		return 10
	case strings.HasSuffix(dir, "test") && rest != "":
		return 9 // parse/parsetest, batch/batchtest, internal/spiketest, ...
	case dir == ".":
		return 1 // documentation only
	case top == "errcat", top == "internal", within(dir, "normalize/ecs"):
		return 1
	case top == "ratelimit":
		return 2
	case within(dir, "parse/kernel"):
		return 4
	case within(dir, "parse/pack"):
		return 6
	case within(dir, "parse/vendors"):
		return 7
	case top == "parse":
		return 3
	case top == "normalize", top == "validate", dir == "batch", within(dir, "batch/internal"):
		return 5
	case dir == "ingest", within(dir, "ingest/internal"), dir == "ingest/checkpoint":
		return 8 // checkpoint is what sources keep their positions in, and knows none of them
	case top == "batch", top == "ingest":
		return 9
	}
	return 0 // not in the table
}

func within(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

// kernelMayImport lists the format kernels that stand on another one, with the
// reason beside each. It starts empty: kernels are independent.
var kernelMayImport = map[string][]string{}

// family is the unit whose packages may import each other: a kernel with its
// own sub-folders, a source, a sink, a program.
func family(dir string) string {
	elems := strings.Split(dir, "/")
	n := 1
	switch {
	case within(dir, "parse/kernel"), within(dir, "parse/vendors"):
		n = 3
	case within(dir, "parse"), within(dir, "normalize/ecs"):
		n = 2
	case (elems[0] == "batch" || elems[0] == "ingest") && !hasElem(dir, "internal"):
		n = 2
	}
	return strings.Join(elems[:min(n, len(elems))], "/")
}

// sameLevel says whether two packages of one level may meet.
func sameLevel(level int, from, to string) bool {
	switch {
	case family(from) == family(to):
		return true
	case level == 1:
		// The internal packages and the field table may use each other and
		// errcat; errcat stands on the standard library alone.
		return family(from) != "errcat"
	case level == 4:
		return slices.Contains(kernelMayImport[from], to)
	case from == "parse/vendors":
		return true // the collection holds the products; no product knows another
	case level == 10:
		return hasElem(to, "internal")
	}
	return false
}

func TestImportOrder(t *testing.T) {
	for _, p := range loadPackages(t) {
		from := level(p)
		if from == 0 {
			t.Errorf("%s: rule import order: this package has no level; give it one in internal/policy/imports_test.go", p.dir)
			continue
		}
		for _, f := range p.files {
			if f.test {
				continue
			}
			for _, imp := range f.imports {
				dir, ok := inModule(imp)
				if !ok {
					continue
				}
				to := levelOf(dir, false)
				switch {
				case from == 1 && p.dir == ".":
					t.Errorf("%s: rule import order: the root package is documentation only, but imports %s", f.path, dir)
				case to == 0:
					t.Errorf("%s: rule import order: imports %s, which has no level", f.path, dir)
				case to > from:
					t.Errorf("%s: rule import order: %s (level %d) imports %s (level %d); only lower levels are allowed",
						f.path, p.dir, from, dir, to)
				case to == from && !sameLevel(from, p.dir, dir):
					t.Errorf("%s: rule import order: %s and %s are both of level %d and must not know each other",
						f.path, p.dir, dir, from)
				}
			}
		}
	}
}

func TestImportOrderTable(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		ok       bool
	}{
		{"parse", "errcat", true},
		{"parse", "normalize/ecs", true},
		{"parse", "parse/kernel/cef", false},
		{"parse/kernel/cef", "parse", true},
		{"parse/kernel/cef", "parse/kernel/cef/internal/ext", true},
		{"parse/kernel/cef", "parse/kernel/syslog", false},
		{"normalize", "validate", false},
		{"batch", "normalize", false},
		{"normalize/internal/geo", "normalize", true},
		{"parse/pack", "normalize", true},
		{"parse/vendors", "parse/vendors/cisco", true},
		{"parse/vendors/cisco", "parse/vendors/fortinet", false},
		{"ingest", "parse/pack", true}, // by level; TestCoreNeverLinksPacks forbids it
		{"ingest", "ingest/file", false},
		{"ingest/file", "ingest", true},
		{"ingest/file", "ingest/tcp", false},
		{"ingest/file", "batch/jsonl", false},
		{"batch/jsonl", "batch", true},
		{"batch/jsonl", "batch/sinktest", false},
		{"batch/sinktest", "batch", true},
		{"errcat", "internal/scan", false},
		{"internal/scan", "errcat", true},
		{"internal/timeparse", "internal/scan", true},
		{"ratelimit", "internal/scan", true},
		{"examples/penstock", "ingest/file", true},
	} {
		from, to := levelOf(tc.from, false), levelOf(tc.to, false)
		if got := to < from || to == from && sameLevel(from, tc.from, tc.to); got != tc.ok {
			t.Errorf("%s (level %d) imports %s (level %d): allowed is %v, want %v", tc.from, from, tc.to, to, got, tc.ok)
		}
	}
}

// What a host links that brings its own parser, or only validates or limits,
// reaches neither packs nor YAML, also not by way of another package.
func TestCoreNeverLinksPacks(t *testing.T) {
	pkgs := map[string]pkg{}
	for _, p := range loadPackages(t) {
		pkgs[p.dir] = p
	}
	for start, p := range pkgs {
		if l := level(p); l == 10 || l == 0 || within(start, "parse/pack") || within(start, "parse/vendors") ||
			within(start, "internal") || l == 9 && strings.HasPrefix(start, "parse/") ||
			start == "ingest/api" { // its definitions are YAML
			continue
		}
		seen := map[string]bool{}
		var visit func(dir, way string)
		visit = func(dir, way string) {
			if seen[dir] {
				return
			}
			seen[dir] = true
			for _, f := range pkgs[dir].files {
				if f.test {
					continue
				}
				for _, imp := range f.imports {
					to, ours := inModule(imp)
					switch {
					case ours && (within(to, "parse/pack") || within(to, "parse/vendors")), within(imp, yamlModule):
						t.Errorf("%s: rule the core links no packs: %s -> %s", f.path, way, imp)
					case ours:
						visit(to, way+" -> "+to)
					}
				}
			}
		}
		visit(start, start)
	}
}

const yamlModule = "github.com/goccy/go-yaml"

// only names imports that belong to one place.
var only = []struct {
	imp   string
	where func(p pkg, f goFile) bool
	rule  string
}{
	{yamlModule, func(p pkg, _ goFile) bool {
		return p.main || within(p.dir, "internal/yaml") || within(p.dir, "parse/pack") || within(p.dir, "examples")
	}, "only the pack language and programs read YAML"},
	{"github.com/google/go-cmp", func(_ pkg, f goFile) bool { return f.test },
		"go-cmp is for tests"},
	{"testing", func(p pkg, f goFile) bool { return f.test || strings.HasSuffix(p.dir, "test") },
		"code that hosts link does not import testing; conformance suites are packages named ...test"},
}

func TestImportsWithOnePlace(t *testing.T) {
	for _, p := range loadPackages(t) {
		for _, f := range p.files {
			for _, imp := range f.imports {
				for _, o := range only {
					if within(imp, o.imp) && !f.test && !o.where(p, f) {
						t.Errorf("%s: rule imports with one place: imports %s, but %s", f.path, imp, o.rule)
					}
				}
			}
		}
	}
}
