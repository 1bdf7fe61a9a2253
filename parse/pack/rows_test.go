package pack_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/reader"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
)

const webPack = `name: acme.web
vendor: Acme
product: Web
version: 1.0.0
detect:
  - json: [c-ip, cs-method]
steps:
  - json: {}
    map: {source.ip: '` + "`c-ip`" + `', http.request.method: '` + "`cs-method`" + `', http.response.status_code: '` + "`sc-status`" + `'}
`

const anyPack = `name: generic.json
vendor: Any
product: JSON
version: 1.0.0
order: 95
detect:
  - starts: ['{']
steps:
  - json: {}
    map: {user.name: user}
`

const plainPack = `name: acme.plain
vendor: Acme
product: Plain
version: 1.0.0
detect:
  - starts: ['ACME ']
steps:
  - text: 'ACME <user.name:word> <rest:rest>'
`

func rowSet(t *testing.T) *pack.Set {
	t.Helper()
	set, err := pack.NewSet()
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for name, text := range map[string]string{"acme.web": webPack, "generic.json": anyPack, "acme.plain": plainPack} {
		files[name+"/pack.yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	if err := set.LoadDir(files); err != nil {
		t.Fatal(err)
	}
	return set
}

// through takes streams through a pipeline.
func through(t *testing.T, p parse.Parser[parse.Record], workers int, streams ...string) (string, ingest.Stats) {
	t.Helper()
	var out bytes.Buffer
	cfg := ingest.Config[parse.Record]{
		Parser:  p,
		Encoder: normalize.NewEncoder(normalize.EncoderOptions{Flat: true}),
		Sink:    batch.NewWriter[parse.Record](&out),
		InlineDeadLetters: func(dst []byte, d *ingest.DeadLetter) []byte {
			return fmt.Appendf(dst, "dead %s %s", d.Category, d.Raw)
		},
		Ordered: len(streams) == 1, Workers: workers, ChunkSize: 1 << 10,
	}
	for i, s := range streams {
		cfg.Sources = append(cfg.Sources, reader.New(strings.NewReader(s), reader.Options{Name: fmt.Sprint(i)}))
	}
	pl, err := ingest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := pl.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := pl.Stats()
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	return out.String(), s
}

// Rows mean what the header before them in the same stream says, for any number of workers,
// whatever other streams say.
func TestRowsWithHeaders(t *testing.T) {
	auto, err := rowSet(t).Auto(pack.Options{Original: true})
	if err != nil {
		t.Fatal(err)
	}
	var in strings.Builder
	want := 0
	for i := range 3000 {
		if i%50 == 0 {
			in.WriteString([]string{"#Fields: c-ip cs-method sc-status\n", "#Fields: sc-status c-ip cs-method\n"}[i/50%2])
		}
		ip := fmt.Sprintf("192.0.%d.%d", i/250, 1+i%250)
		fmt.Fprintf(&in, []string{"%[1]s GET %[2]d\n", "%[2]d %[1]s GET\n"}[i/50%2], ip, 200+i%300)
		want++
	}
	other := "#Fields: a b c d\n" + strings.Repeat("1 2 3 4\n", 2000)
	var first string
	for workers := 1; workers <= 4; workers++ {
		out, s := through(t, auto, workers, in.String())
		if first == "" {
			first = out
		}
		if out != first || strings.Count(out, `"event.dataset":"acme.web"`) != want || strings.Contains(out, "dead") {
			t.Fatalf("%d workers: %d events of %d, same output: %v", workers, strings.Count(out, `"event.dataset":"acme.web"`), want, out == first)
		}
		if s.Filtered != 60 {
			t.Errorf("%d header lines are filtered, want 60", s.Filtered)
		}
		both, _ := through(t, auto, workers, in.String(), other)
		for line := range strings.Lines(first) {
			if !strings.Contains(both, line) {
				t.Fatalf("with another stream there is no %s", line)
			}
		}
	}
	line := first[:strings.Index(first, "\n")]
	if !strings.Contains(line, `"event.original":"192.0.0.1 GET 200"`) || !strings.Contains(line, `"http.response.status_code":200`) {
		t.Error(line)
	}
}

func TestRows(t *testing.T) {
	set := rowSet(t)
	web, err := set.Pack("acme.web")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := set.Pack("acme.plain")
	if err != nil {
		t.Fatal(err)
	}
	auto, _ := set.Auto(pack.Options{})
	table, _ := set.Auto(pack.Options{HeaderRow: true})
	for _, tc := range []struct {
		name string
		p    parse.Parser[parse.Record]
		in   string
		want []string
	}{
		{"by name", web.Parser(pack.Options{}), "#Fields: c-ip cs-method\n192.0.2.1 GET\n", []string{`"source.ip":"192.0.2.1"`}},
		{"by name, no row of the header", web.Parser(pack.Options{}), "#Fields: c-ip cs-method\n{\"c-ip\":\"192.0.2.2\"}\n", []string{`"source.ip":"192.0.2.2"`}},
		{"a pack that reads no JSON", plain.Parser(pack.Options{}), "#Fields: p user x\nACME ada y\n", []string{`"acme.plain.user.name":"ada"`}},
		{"a product that knows the row as it is", auto, "#Fields: p user x\nACME ada y\n", []string{`"event.dataset":"acme.plain"`}},
		{"no product knows it", auto, "#Fields: user b c\nada y z\n", []string{`"event.dataset":"generic.json"`}},
		{"no row of the header", auto, "#Fields: a b\nACME ada y\nx\n", []string{`"event.dataset":"acme.plain"`, "dead UNKNOWN_FORMAT x"}},
		{"table", table, "user,c\nada,\"x, y\"\n\"b\",\n", []string{`"user.name":"ada"`, `"user.name":"b"`}},
		{"table of a product", table, "c-ip;cs-method\n192.0.2.1;GET\n", []string{`"event.dataset":"acme.web"`}},
		{"first line is no header", table, "ACME ada y\nACME bob z\n", []string{`"acme.plain.user.name":"ada"`, `"acme.plain.user.name":"bob"`}},
		{"without the option", auto, "user,c\n", []string{"dead UNKNOWN_FORMAT user,c"}},
		{"a header that is too long", auto, "#Fields: " + strings.Repeat("x", 2000) + "\n", []string{"dead UNKNOWN_FORMAT"}},
	} {
		out, _ := through(t, tc.p, 1, tc.in)
		got := strings.Split(strings.TrimSpace(out), "\n")
		ok := len(got) == len(tc.want)
		for i := range tc.want {
			ok = ok && strings.Contains(got[i], tc.want[i])
		}
		if !ok {
			t.Errorf("%s: got\n%swant %q", tc.name, out, tc.want)
		}
	}
}
