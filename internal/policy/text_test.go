package policy

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// forbidden is what no file may say. The patterns are put together from pieces
// so that this file passes its own rule.
var forbidden = []struct {
	what    string
	pattern *regexp.Regexp
	data    bool // also in captures and tests, whose bytes come from devices
}{
	{"a path of a machine", regexp.MustCompile(`(^|[^\w.~/-])/(` + `work|root` + `)/`), false},
	{"a path of a machine", regexp.MustCompile(`/(` + `work/(main|shared)` + `|root/(go|\.cache|\.pyenv)` + `)\b`), true},
	{"a word about how it was written", regexp.MustCompile(`(?i)\bsub-?` + `agents?\b`), true},
	{"a word about how it was written", regexp.MustCompile(`(?i)\bthis ` + `session\b`), false},
	{"a registry host", regexp.MustCompile(`(?i)\b((proxy|sum)\.` + `golang\.org|goproxy\.` + `(io|cn))\b`), true},
}

// isData reports whether a file holds bytes from devices rather than our words.
func isData(p string) bool {
	if hasElem(p, "testdata") || strings.HasSuffix(p, "_test.go") {
		return true
	}
	ext := path.Ext(p)
	return within(p, "parse/vendors") && ext != ".go" && ext != ".md"
}

func TestText(t *testing.T) {
	walk(t, func(p string) {
		content, err := os.ReadFile(filepath.FromSlash(root + "/" + p))
		if os.IsNotExist(err) {
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
		if bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0 {
			return // not text
		}
		data := isData(p)
		for _, f := range forbidden {
			if data && !f.data {
				continue
			}
			if at := f.pattern.FindIndex(content); at != nil {
				line := 1 + bytes.Count(content[:at[1]], []byte("\n"))
				t.Errorf("%s:%d: rule text: holds %s: %q", p, line, f.what, strings.TrimSpace(string(content[at[0]:at[1]])))
			}
		}
	})
}

func TestTextPatterns(t *testing.T) {
	for _, tc := range []struct {
		text string
		hit  bool
	}{
		{"see /" + "work/x", true},
		{"`/" + "root/x`", true},
		{"https://example.com/" + "work/x", false},
		{"framework/root/", false},
		{"a sub" + "agent wrote", true},
		{"bytes of this " + "session", true},
		{"bytes of this TLS session", false},
		{"https://proxy." + "golang.org", true},
		{"golang.org/x/sync", false},
	} {
		hit := false
		for _, f := range forbidden {
			hit = hit || f.pattern.MatchString(tc.text)
		}
		if hit != tc.hit {
			t.Errorf("%q: forbidden is %v, want %v", tc.text, hit, tc.hit)
		}
	}
}
