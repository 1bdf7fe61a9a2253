package pack

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

// carriers are a pack that carries messages, and two products.
func carriers(t testing.TB) *Set {
	t.Helper()
	files := fstest.MapFS{}
	add := func(name, body string) {
		files[name+"/pack.yaml"] = &fstest.MapFile{Data: []byte("name: " + name + "\nvendor: Acme\nproduct: Test\nversion: 1.0.0\n" + body)}
	}
	add("acme.carrier", `
detect: {json: [carried]}
split: {json: [Records], envelope: _around}
relay: carried
steps:
  - json: {}
  - when: _around
    json: {from: _around, on_error: skip}
    map: {_1: Records}
  - map:
      timestamp: at
      host.name: node
      host.id: machine
      container.name: container
      log.file.path: path
      process.name: unit
      event.created: got
      event.action: shipped
      tags: tags | list
      message: carried
`)
	add("acme.batch", `
detect: {json: [Records]}
split: {json: [Records], envelope: _around}
relay: carried
steps:
  - json: {}
  - when: _around
    json: {from: _around, on_error: skip}
    map: {_1: Records}
  - map: {cloud.region: region, message: carried}
`)
	add("acme.door", `
detect: {contains: ['gate=']}
steps:
  - syslog: {}
  - kv: {}
    when: not (message startswith "drop")
    map: {event.action: action, user.name: user, process.name: process}
    else: {drop: true}
required: [event.action]
`)
	add("acme.object", `
detect: {json: [object]}
steps: [{json: {}, map: {event.action: object}}]
`)
	add("generic.json", `
order: 95
detect: {starts: ['{']}
steps: [{json: {}, map: {event.code: code}}]
`)
	set, err := NewSet()
	if err == nil {
		err = set.LoadDir(files)
	}
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestRelay(t *testing.T) {
	auto, err := carriers(t).Auto(Options{Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	w := auto.Worker()
	for _, tc := range []struct {
		what, in string
		want     []string // of each event, or the category of the error
	}{
		{"the carried message is parsed by its own pack, what the carrier tells is added",
			`{"carried":"gate=north action=grant user=amara\n","at":"2026-03-02T09:15:04Z","node":"n1","container":"web","path":"/x","got":"2026-03-02T09:15:05Z","shipped":"yes","tags":["a"],"extra":{"k":1}}`,
			[]string{`{"@timestamp":"2026-03-02T09:15:04.000Z","acme":{"door":{"gate":"north"}},"container":{"name":"web"},"event":{"action":"grant","created":"2026-03-02T09:15:05.000Z","dataset":"acme.door"},"host":{"name":"n1"},"log":{"file":{"path":"/x"}},"related":{"hosts":["n1"],"user":["amara"]},"relay":{"acme_carrier_extra":{"k":1}},"tags":["a"],"user":{"name":"amara"}}`}},
		{"what the message says stands, the carrier's is kept beside it",
			`{"carried":"<13>1 2026-03-02T09:00:00Z fw1 app - - - gate=1 action=grant process=p","at":"2026-03-02T09:15:04Z","node":"collector","machine":"m","unit":"u"}`,
			[]string{`{"@timestamp":"2026-03-02T09:00:00.000Z","acme":{"door":{"gate":"1"}},"event":{"action":"grant","dataset":"acme.door"},"host":{"hostname":"fw1"},"log":{"syslog":{"appname":"app","facility":{"code":1,"name":"user"},"hostname":"fw1","priority":13,"severity":{"code":5,"name":"Notice"},"version":"1"}},"process":{"name":"p"},"related":{"hosts":["fw1"]},"relay":{"@timestamp":"2026-03-02T09:15:04.000Z","host_id":"m","host_name":"collector","process_name":"u"}}`}},
		{"the carrier's own host by its short name is the same host",
			`{"carried":"<13>1 2026-03-02T09:00:00Z web1.example.net app - - - gate=1 action=grant","node":"WEB1","machine":"m"}`,
			[]string{`{"@timestamp":"2026-03-02T09:00:00.000Z","acme":{"door":{"gate":"1"}},"event":{"action":"grant","dataset":"acme.door"},"host":{"hostname":"web1.example.net","id":"m","name":"WEB1"},"log":{"syslog":{"appname":"app","facility":{"code":1,"name":"user"},"hostname":"web1.example.net","priority":13,"severity":{"code":5,"name":"Notice"},"version":"1"}},"related":{"hosts":["web1.example.net","WEB1"]}}`}},
		{"a message that nobody knows stays the carrier's event",
			`{"carried":"hello","node":"n1"}`,
			[]string{`{"event":{"dataset":"acme.carrier"},"host":{"name":"n1"},"message":"hello","related":{"hosts":["n1"]}}`}},
		{"and so does one that its pack refuses, with nothing lost",
			`{"carried":"gate=north","node":"n1"}`,
			[]string{`{"event":{"dataset":"acme.carrier"},"host":{"name":"n1"},"message":"gate=north","related":{"hosts":["n1"]}}`}},
		{"an object",
			`{"carried":{"object":"o"},"node":"n1"}`,
			[]string{`{"event":{"action":"o","dataset":"acme.object"},"host":{"name":"n1"},"related":{"hosts":["n1"]}}`}},
		{"of which no product knows",
			`{"carried":{"code":1},"node":"n1"}`,
			[]string{`{"acme":{"carrier":{"carried":{"code":1}}},"event":{"dataset":"acme.carrier"},"host":{"name":"n1"},"related":{"hosts":["n1"]}}`}},
		{"JSON in a text, which a pack for all objects may take",
			`{"carried":"{\"code\":1}","node":"n1"}`,
			[]string{`{"event":{"code":"1","dataset":"generic.json"},"host":{"name":"n1"},"related":{"hosts":["n1"]}}`}},
		{"a carrier in a carrier",
			`{"carried":"{\"carried\":\"gate=1 action=grant\",\"container\":\"c\"}","node":"n1"}`,
			[]string{`{"acme":{"door":{"gate":"1"}},"container":{"name":"c"},"event":{"action":"grant","dataset":"acme.door"},"host":{"name":"n1"},"related":{"hosts":["n1"]}}`}},
		{"several events in a carrier",
			`{"region":"r1","Records":[{"carried":"gate=1 action=a"},{"carried":"hello"},{"carried":"drop gate=2"},{"carried":"gate=3 action=c"}]}`,
			[]string{
				`{"acme":{"door":{"gate":"1"}},"cloud":{"region":"r1"},"event":{"action":"a","dataset":"acme.door"}}`,
				`{"cloud":{"region":"r1"},"event":{"dataset":"acme.batch"},"message":"hello"}`,
				`{"acme":{"door":{"gate":"3"}},"cloud":{"region":"r1"},"event":{"action":"c","dataset":"acme.door"}}`,
			}},
	} {
		for range 2 { // the same from a worker that has seen others
			var out parse.Events[parse.Record]
			if err := w.Parse(&parse.Message{Raw: []byte(tc.in)}, &out); err != nil {
				t.Errorf("%s: %v", tc.what, errcat.Of(err))
				continue
			}
			var got []string
			for _, r := range out.All() {
				got = append(got, plainJSON(t, r))
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%s:\n%s\nwant\n%s", tc.what, strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
		}
	}
}

// plainJSON is an event without what all events of these packs have.
func plainJSON(t *testing.T, r *parse.Record) string {
	t.Helper()
	line, err := normalize.NewEncoder(normalize.EncoderOptions{}).Append(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "ecs")
	event := m["event"].(map[string]any)
	delete(event, "kind")
	delete(event, "module")
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// event.original is the whole message, and a Parser by name relays as detection does.
func TestRelayOriginal(t *testing.T) {
	set := carriers(t)
	const in = `{"carried":"gate=north action=grant","node":"n1"}`
	p, err := set.Parser("acme.carrier", Options{Now: testNow, Original: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []parse.Parser[parse.Record]{p, p.Worker()} {
		var out parse.Events[parse.Record]
		if err := p.Parse(&parse.Message{Raw: []byte(in)}, &out); err != nil {
			t.Fatal(err)
		}
		r := out.At(0)
		k, _ := r.Lookup("event.original")
		if got := r.Get(k).Str(); out.Len() != 1 || r.Pack != "acme.door" || got != in {
			t.Errorf("%d events, the first of %s, from %s", out.Len(), r.Pack, got)
		}
	}
	// A pack outside of a Set has nobody to hand the message to.
	alone, err := set.Pack("acme.carrier")
	if err != nil {
		t.Fatal(err)
	}
	events, err := runPack(t, alone, Options{}, in)
	if err != nil || len(events) != 1 || events[0].Pack != "acme.carrier" {
		t.Errorf("%v, %v", events, err)
	}
	if _, err := set.Parser("acme.carier", Options{}); err == nil || !strings.Contains(err.Error(), `did you mean "acme.carrier"?`) {
		t.Errorf("unknown name: %v", err)
	}
}

// Carriers inside of carriers end.
func TestRelayDepth(t *testing.T) {
	auto, err := carriers(t).Auto(Options{Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	in := []byte(`gate=1 action=grant`)
	for range 12 {
		if in, err = json.Marshal(map[string]string{"carried": string(in)}); err != nil {
			t.Fatal(err)
		}
	}
	var out parse.Events[parse.Record]
	if err := auto.Parse(&parse.Message{Raw: in}, &out); err != nil || out.Len() != 1 || out.At(0).Pack != "acme.carrier" {
		t.Errorf("%d events, %v", out.Len(), err)
	}
}

// A message that another one carries costs no allocation in the steady state.
func TestRelayAllocs(t *testing.T) {
	auto, err := carriers(t).Auto(Options{Now: testNow, Original: true})
	if err != nil {
		t.Fatal(err)
	}
	w := auto.Worker()
	m := parse.Message{Raw: []byte(`{"carried":"{\"carried\":\"gate=1 action=\\\"grant\\\"\",\"container\":\"c\",\"extra\":{\"k\":1}}","node":"n1","at":"2026-03-02T09:15:04Z"}`)}
	var out parse.Events[parse.Record]
	if n := testing.AllocsPerRun(200, func() {
		out.Reset()
		if err := w.Parse(&m, &out); err != nil || out.Len() != 1 || out.At(0).Pack != "acme.door" {
			t.Fatal(out.Len(), err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestRelayFaults(t *testing.T) {
	for body, want := range map[string]string{
		"relay: [[a]]\nsteps: [{json: {}}]\n":                      "5:9: a text is wanted here",
		"relay: {form: a}\nsteps: [{json: {}}]\n":                  `5:9: key "form" is not known here; did you mean "from"?`,
		"relay: {generic: false}\nsteps: [{json: {}}]\n":           "5:8: relay needs from",
		"relay: {from: a, generic: no}\nsteps: [{json: {}}]\n":     `5:27: generic is true or false, not "no"`,
		"relay: {from: a, when: [b]}\nsteps: [{json: {}}]\n":       "5:24: a condition is wanted here, not a list",
		"relay: lien\nsteps: [{csv: {columns: [line, rest]}}]\n":   `5:8: nothing in this pack captures "lien"; did you mean "line"?`,
		"relay: {from: lien}\nsteps: [{csv: {columns: [line]}}]\n": `5:15: nothing in this pack captures "lien"`,
	} {
		if _, err := Compile("p", []byte(identity+body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", body, err, want)
		}
	}
}

// What is carried is explained by the lines of its own pack, what is taken over by those of
// the carrier's, both with their places in the whole message.
func TestExplainCarried(t *testing.T) {
	set := carriers(t)
	for _, tc := range []struct{ name, raw, escaped string }{
		{"plain", `{"node":"n1","container":"web","carried":"gate=7 action=open user=ann"}`, ""},
		{"in another carrier", `{"node":"n1","container":"web","carried":{"carried":"gate=7 action=open user=ann"}}`, ""},
		{"escaped", `{"node":"n1","container":"web","carried":"gate=7 action=open\u0020user=ann"}`, "x"},
	} {
		raw := []byte(tc.raw)
		list, err := set.Explain("acme.carrier", Options{}, &parse.Message{Raw: raw})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		var out parse.Events[parse.Record]
		p, err := set.Parser("acme.carrier", Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Parse(&parse.Message{Raw: raw}, &out); err != nil || out.Len() != 1 {
			t.Fatalf("%s: %d events, %v", tc.name, out.Len(), err)
		}
		got := map[string]Explanation{}
		for _, e := range list {
			if e.Event != 0 {
				t.Errorf("%s: %s is of event %d", tc.name, e.Field, e.Event)
			}
			got[e.Field] = e
		}
		for k := range out.At(0).All() {
			if name := out.At(0).Name(k); got[name].Field == "" {
				t.Errorf("%s: %s is not explained", tc.name, name)
			}
		}
		for field, want := range map[string]struct{ value, file, text string }{
			"event.action":   {"open", "acme.door/pack.yaml", "open"},
			"user.name":      {"ann", "acme.door/pack.yaml", "ann"},
			"container.name": {"web", "acme.carrier/pack.yaml", "web"},
			"host.name":      {"n1", "acme.carrier/pack.yaml", "n1"},
		} {
			e := got[field]
			if e.Value != want.value || e.File != want.file || e.Line == 0 || len(e.From) == 0 {
				t.Errorf("%s: %s is %+v", tc.name, field, e)
				continue
			}
			f := e.From[0]
			if f.Length < 0 || f.Offset+f.Length > len(raw) {
				t.Errorf("%s: %s lies at %d+%d", tc.name, field, f.Offset, f.Length)
			} else if part := string(raw[f.Offset : f.Offset+f.Length]); part != want.text && (tc.escaped == "" || !strings.Contains(part, want.text)) {
				t.Errorf("%s: %s was made of %q", tc.name, field, part)
			}
		}
	}
	if _, err := set.Explain("acme.nothing", Options{}, &parse.Message{}); err == nil {
		t.Error("an unknown pack explains")
	}
}

// A Registry hands on what is carried, by name and by the bytes.
func TestRegistryRelays(t *testing.T) {
	var r parse.Registry[parse.Record]
	if err := carriers(t).Register(&r, Options{}); err != nil {
		t.Fatal(err)
	}
	named, ok := r.Lookup("acme.carrier")
	if !ok {
		t.Fatal("no acme.carrier")
	}
	for name, p := range map[string]parse.Parser[parse.Record]{"named": named, "auto": r.Auto()} {
		var out parse.Events[parse.Record]
		if err := parse.ForWorker(p).Parse(&parse.Message{Raw: []byte(`{"carried":"gate=7 action=open user=ann"}`)}, &out); err != nil || out.Len() != 1 {
			t.Fatalf("%s: %d events, %v", name, out.Len(), err)
		}
		if got := out.At(0).Pack; got != "acme.door" {
			t.Errorf("%s: parsed by %s", name, got)
		}
	}
}
