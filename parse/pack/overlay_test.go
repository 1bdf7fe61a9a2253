package pack

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/penstock-dev/penstock/parse"
)

const overlaid = `name: acme.wall
aliases: [wall]
vendor: Acme
product: Wall
version: 1.2.0
detect: {contains: ['wall=']}
set: {observer.vendor: Acme, observer.type: firewall}
lookups:
  verb:
    default: null
    rows:
      deny|drop: {event.type: [denied]}
      allow: {event.type: [allowed]}
groups:
  names: {map: {user.name: user}}
steps:
  - kv: {}
    lookup: {table: verb, key: action}
    map: {source.ip: src}
  - use: names
required: source.ip
`

const overlayText = `overlay: wall
version: dmz
set: {observer.vendor: Example, organization.name: Example}
lookups:
  verb: {default: {event.type: [info]}, rows: {drop|reject: {event.type: [end]}}}
  more: {default: null, rows: {a: b}}
groups:
  names: {map: {user.email: user}}
map: {rule.name: rule | lookup(more)}
before: {set: {event.category: network}}
after:
  - map: {event.reason: why}
detect: [{contains: ['wand=']}]
required: [user.email]
nulls: none
order: 7
`

func get(r *parse.Record, name string) string {
	k, ok := r.Lookup(name)
	if !ok {
		return ""
	}
	return valueText(r.Get(k))
}

func TestOverlay(t *testing.T) {
	files := fstest.MapFS{"acme.wall/pack.yaml": {Data: []byte(overlaid)}, "site.yaml": {Data: []byte(overlayText)}}
	o, err := LoadOverlay(files, "site.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := NewSet()
	if err == nil {
		err = set.LoadDir(files)
	}
	if err == nil {
		err = set.AddOverlay(o)
	}
	if err != nil {
		t.Fatal(err)
	}
	auto, err := set.Auto(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out parse.Events[parse.Record]
	for _, tc := range []struct {
		in   string
		want map[string]string
	}{
		{"wand=1 src=192.0.2.1 action=drop user=a@example.com rule=a why=because", map[string]string{
			"observer.vendor": "Example", "observer.type": "firewall", "organization.name": "Example",
			"event.type": "[end]", "event.category": "network", "event.reason": "because", "rule.name": "b",
			"user.email": "a@example.com", "user.name": "",
		}},
		{"wall=1 src=192.0.2.1 action=deny user=a", map[string]string{"event.type": "[denied]"}},
		{"wall=1 src=192.0.2.1 action=allow user=a why=none", map[string]string{"event.type": "[allowed]", "event.reason": ""}},
		{"wall=1 src=192.0.2.1 action=x user=a", map[string]string{"event.type": "[info]"}},
	} {
		out.Reset()
		if err := auto.Worker().Parse(&parse.Message{Raw: []byte(tc.in)}, &out); err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		if v := out.At(0).PackVersion; v != "1.2.0+dmz" {
			t.Errorf("the version is %s", v)
		}
		for field, want := range tc.want {
			if got := get(out.At(0), field); got != want {
				t.Errorf("%s: %s is %q, want %q", tc.in, field, got, want)
			}
		}
	}
	out.Reset()
	if err := auto.Worker().Parse(&parse.Message{Raw: []byte("wall=1 src=192.0.2.1")}, &out); err == nil {
		t.Error("an event without the overlay's required field passes")
	}
	p, err := set.Pack("acme.wall")
	if err != nil || p.order != 7 {
		t.Errorf("order %v %v", p, err)
	}
	list, err := p.Explain(Options{}, &parse.Message{Raw: []byte("wall=1 src=192.0.2.1 user=a action=reject")})
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]string{"event.type": "site.yaml:5", "user.email": "site.yaml:8", "source.ip": "acme.wall/pack.yaml:19", "organization.name": "site.yaml:3"}
	for _, e := range list {
		if want, ok := places[e.Field]; ok && !strings.HasSuffix(e.String(), want+")") {
			t.Errorf("%s, want %s", e.String(), want)
		}
	}
	if err := set.AddOverlay(o); err == nil {
		t.Error("an overlay is added to a Set in use")
	}
	plain, err := Load(files, "acme.wall")
	if err != nil || plain.Version() != "1.2.0" {
		t.Errorf("the pack itself has changed: %v %v", plain, err)
	}
}

func TestOverlayFaults(t *testing.T) {
	for _, tc := range []struct{ overlay, want string }{
		{"", "site.yaml:1:1: the file is empty"},
		{"set: {a: b}\n", "site.yaml:1:1: overlay is missing"},
		{"overlay: wall\nsteps: []\n", `site.yaml:2:1: key "steps" is not known here`},
		{"overlay: acme.wal\n", `site.yaml:1:10: no pack is named "acme.wal"; did you mean "acme.wall"?`},
		{"overlay: wall\nset: {event.kind: alarm}\n", `site.yaml:2:19: "alarm" is no allowed value of event.kind`},
		{"overlay: wall\nset: [a]\n", "site.yaml:2:6: set is a mapping, not a list"},
		{"overlay: wall\nmap:\n  sorce.ip: src\n", `site.yaml:3:3: "sorce.ip" is no ECS field`},
		{"overlay: wall\nafter:\n  - map: {event.action: a | lowr}\n", `site.yaml:3:29: filter "lowr" is not known; did you mean "lower"?`},
		{"overlay: wall\nbefore: {use: nobody}\n", `site.yaml:2:15: group "nobody" is not known`},
		{"overlay: wall\nlookups: {verb: {rows: {x: 5}}}\n", "site.yaml:2:28: the rows before have the columns"},
	} {
		files := fstest.MapFS{"acme.wall/pack.yaml": {Data: []byte(overlaid)}}
		set, err := NewSet()
		if err != nil {
			t.Fatal(err)
		}
		if err := set.LoadDir(files); err != nil {
			t.Fatal(err)
		}
		o, err := ParseOverlay("site.yaml", []byte(tc.overlay))
		if err == nil {
			err = set.AddOverlay(o)
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %s", tc.overlay, err, tc.want)
		}
		if _, err := set.Pack("wall"); err != nil {
			t.Errorf("%q: the pack is lost: %v", tc.overlay, err)
		}
	}
	p, err := Compile("pack.yaml", []byte(overlaid))
	if err != nil {
		t.Fatal(err)
	}
	set, err := NewSet(p)
	if err != nil {
		t.Fatal(err)
	}
	o, err := ParseOverlay("site.yaml", []byte("overlay: wall\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := set.AddOverlay(o); err == nil {
		t.Error("a compiled pack takes an overlay")
	}
	if q, err := CompileWith("pack.yaml", []byte(overlaid), o); err != nil || q.Version() != "1.2.0+overlay" {
		t.Errorf("CompileWith: %v %v", q, err)
	}
}
