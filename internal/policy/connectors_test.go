package policy

import (
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// helpers are packages below ingest and batch that are no source and no sink.
var helpers = []string{
	"batch/batchtest", "ingest/charset", "ingest/checkpoint", "ingest/ingesttest", "ingest/inspect", "ingest/join", "ingest/otelmetric", "ingest/prommetric", "ingest/zstd",
}

// Every source and every sink says what it promises, what bounds it and what may run at once, shows itself in an
// example that runs, and passes the suite for its kind: in its own tests, or in those that need a module of others.
func TestConnectors(t *testing.T) {
	sections := []*regexp.Regexp{regexp.MustCompile(`(?m)^# Delivery`), regexp.MustCompile(`(?m)^# Limits`), regexp.MustCompile(`(?m)^# .*[Cc]oncurrency`)}
	suites := map[string]string{"ingest": "ingesttest.Source(", "batch": "batchtest.Sink("}
	elsewhere := readTests(t, "internal/clienttest")
	found := 0
	for _, p := range loadPackages(t) {
		parent, name, ok := strings.Cut(p.dir, "/")
		if suites[parent] == "" || !ok || strings.Contains(name, "/") || p.internal() || slices.Contains(helpers, p.dir) {
			continue
		}
		found++
		fset := token.NewFileSet()
		text := ""
		for _, f := range p.files {
			if f.test {
				continue
			}
			tree, err := parser.ParseFile(fset, filepath.Join(root, f.path), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			text += tree.Doc.Text()
		}
		for _, s := range sections {
			if !s.MatchString(text) {
				t.Errorf("%s: rule every source and sink is documented: no section %s", p.dir, s)
			}
		}
		tests := readTests(t, p.dir)
		shown := false
		for _, f := range p.files {
			if f.examples == 0 {
				continue
			}
			tree, err := parser.ParseFile(fset, filepath.Join(root, f.path), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range doc.Examples(tree) {
				shown = shown || e.Output != ""
			}
		}
		if !shown {
			t.Errorf("%s: rule every source and sink has an example that runs: none has an Output", p.dir)
		}
		if suite := suites[parent]; !strings.Contains(tests, suite) && !(strings.Contains(elsewhere, suite) && strings.Contains(elsewhere, name+".New[")) {
			t.Errorf("%s: rule every source and sink passes its suite: no call of %s...)", p.dir, suite)
		}
	}
	if found < 25 {
		t.Errorf("%d sources and sinks: the rule does not see them", found)
	}
}

// readTests returns the text of the test files of a folder.
func readTests(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
