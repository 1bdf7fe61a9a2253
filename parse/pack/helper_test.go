package pack

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

const identity = "name: acme.test\nvendor: Acme\nproduct: Test\nversion: 1.0.0\n"

// testNow is 2026-03-03T09:00:00Z.
func testNow() time.Time { return time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC) }

// compileBody compiles a pack without its first lines.
func compileBody(t testing.TB, body string) *Pack {
	t.Helper()
	p, err := Compile("pack.yaml", []byte(identity+body))
	if err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	return p
}

// run parses one message and returns its events.
func runPack(t testing.TB, p *Pack, o Options, raw string) ([]*parse.Record, error) {
	t.Helper()
	if o.Now == nil {
		o.Now = testNow
	}
	var out parse.Events[parse.Record]
	if err := p.Parser(o).Worker().Parse(&parse.Message{Raw: []byte(raw)}, &out); err != nil {
		return nil, err
	}
	if r := out.Rejected(); len(r) > 0 {
		return out.All(), r[0].Err
	}
	return out.All(), nil
}

// encoded writes an event as JSON, without what every event of a test pack has.
func encoded(t testing.TB, r *parse.Record) string {
	t.Helper()
	line, err := normalize.NewEncoder(normalize.EncoderOptions{}).Append(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	s := string(line)
	for _, f := range []string{`"ecs":{"version":"9.4.0"},`, `"dataset":"acme.test",`, `"kind":"event",`, `,"kind":"event"`, `"module":"acme"`, `"event":{},`, `,"event":{}`, `"event":{}`} {
		s = strings.Replace(s, f, "", 1)
	}
	return strings.NewReplacer(`,}`, `}`, `{,`, `{`, `,,`, `,`).Replace(s)
}

// readSelf returns the text of expr_test.go, which is the table of filters.
func readSelf(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("expr_test.go")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
