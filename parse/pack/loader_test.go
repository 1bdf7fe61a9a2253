package pack

import (
	"strings"
	"testing"
	"testing/fstest"
)

// A wrong pack is refused with the place of the fault and, where it can be told, what was
// meant.
func TestLoadFaults(t *testing.T) {
	for _, tc := range []struct{ body, want string }{
		// the file
		{"steps: [", "5:"},
		{"steps: []\nsteps: []\n", `6:1: mapping key "steps" already defined at [5:1]`},
		{"steps: &a []\n", "5:8: anchors (&name) are not allowed"},
		{"steps: *a\n", "5:8: aliases (*name) are not allowed"},
		{"set: {<<: {a: b}}\nsteps: []\n", "merge keys (<<) are not allowed"},
		{"steps: !!seq []\n", "5:8: tags (!name) are not allowed"},
		{"steps: []\n---\na: b\n", "a second document"},
		{"steps:\n\t- kv: {}\n", "6:"},
		// the top
		{"", "1:1: steps is missing"},
		{"step: []\n", `5:1: key "step" is not known here; did you mean "steps"?`},
		{"steps: 5\n", "5:8: a step or a list of steps is wanted here, not a number"},
		{"order: high\nsteps: []\n", "5:8: order is a number from 0 to 1000"},
		{"order: 1001\nsteps: []\n", "5:8: order is a number from 0 to 1000"},
		{"aliases: {a: b}\nsteps: []\n", "5:10: a text or a list of texts is wanted here, not a mapping"},
		{"namespace: [a]\nsteps: []\n", "5:12: namespace is a text, not a list"},
		{"nulls: ['" + strings.Repeat("x", 64) + "']\nsteps: []\n", "5:8: a null text longer than 63 bytes"},
		{"required: sorce.ip\nsteps: []\n", `5:11: "sorce.ip" is no ECS field`},
		{"priority: {hi: a}\nsteps: []\n", `5:12: key "hi" is not known here`},
		{"derive: {relate: false}\nsteps: []\n", `5:10: key "relate" is not known here; did you mean "related"?`},
		{"split: {jsn: a}\nsteps: []\n", `5:9: key "jsn" is not known here; did you mean "json"?`},
		{"groups: []\nsteps: []\n", "5:9: groups is a mapping"},
		// set
		{"set: {event.kind: alarm}\nsteps: []\n", `5:19: "alarm" is no allowed value of event.kind; did you mean "alert"? (allowed: `},
		{"set: {source.port: http}\nsteps: []\n", `5:20: "http" does not fit source.port, which is of type long`},
		{"set: {source.ip: 999.1.1.1}\nsteps: []\n", `does not fit source.ip, which is of type ip`},
		{"set: {sorce.ip: 192.0.2.1}\nsteps: []\n", `5:7: "sorce.ip" is no ECS field, and vendor fields of this pack begin with acme.; did you mean source.ip`},
		{"set: {source.ip.x: a}\nsteps: []\n", `5:7: "source.ip.x" lies below source.ip, which ECS makes a ip`},
		{"set: [a]\nsteps: []\n", "5:6: set is a mapping of fields to constants, not a list"},
		{"set: {tags: [[a]]}\nsteps: []\n", "5:14: a list inside a list"},
		{"set: {event.category: {a: b}}\nsteps: []\n", "5:23: a constant is wanted here, not a mapping"},
		// steps
		{"steps:\n  - maps: {}\n", `6:5: key "maps" is not known here; did you mean "map"?`},
		{"steps:\n  - else: []\n", "6:11: else without when"},
		{"steps:\n  - cases: {a: []}\n", "6:12: cases without switch"},
		{"steps:\n  - switch: a\n", "6:13: switch needs cases"},
		{"steps:\n  - kv: {}\n    switch: a\n    cases: {b|c: [], c: []}\n", `8:22: case "c" again`},
		{"steps:\n  - kv: {}\n    json: {}\n", "one step reads one format"},
		{"steps:\n  - use: nobody\n", `6:10: group "nobody" is not known`},
		{"groups: {a: {use: a}}\nsteps:\n  - use: a\n", `5:19: group "a" uses itself`},
		{"steps:\n  - map: [a]\n", "6:10: map is a mapping of fields to expressions, not a list"},
		{"steps:\n  - kv: {}\n    map: {event.action: {val: a}}\n", `7:26: key "val" is not known here; did you mean "value"?`},
		{"steps:\n  - kv: {}\n    map: {event.action: {when: a}}\n", "7:25: value is missing"},
		{"steps:\n  - kv: {}\n    map: {event.action: {value: a, on_error: stop}}\n", `7:46: on_error is drop, tag or fail, not "stop"`},
		{"steps:\n  - kv: {}\n    map: {event.action: [a]}\n", "7:25: an expression is wanted here, not a list"},
		{"steps:\n  - kv: {}\n    map:\n      event.action: a | lowr\n", "8:25: filter \"lowr\" is not known; did you mean \"lower\"?"},
		// layers
		{"steps:\n  - kv: {preset: fortnet}\n", `preset "fortnet" is not known; did you mean "fortinet"?`},
		{"steps:\n  - kv: {on_error: stop}\n", `on_error is fail, skip or drift, not "stop"`},
		{"steps:\n  - kv: {bare: maybe}\n", `6:16: bare is true, empty or stray, not "maybe"`},
		{"steps:\n  - kv: {escapes: html}\n", `6:19: escapes is backslash, c, doubled or none, not "html"`},
		{"steps:\n  - csv: {}\n", "csv needs columns"},
		{"steps:\n  - csv: {columns: [a], separator: ab}\n", "separator is one byte"},
		{"steps:\n  - csv: {columns: [a], escape: none}\n", "escape is doubled or backslash"},
		{"steps:\n  - csv: {columns: [a], least: few}\n", "least is a number of columns"},
		{"steps:\n  - csv: {columns: [a, b]}\n    map: {event.action: c}\n", `7:25: nothing in this pack captures "c"`},
		{"steps:\n  - syslog: {host: hostname}\n", `"hostname" is no ECS field`},
		{"steps:\n  - syslog: {hosts: none}\n", `key "hosts" is not known here; did you mean "host"?`},
		{"steps:\n  - xml: {mode: tree}\n", `mode is generic or windows, not "tree"`},
		{"steps:\n  - cef: {names: short}\n", `names is wire or long, not "short"`},
		{"groups:\n  a: [{use: b}, {use: b}, {use: b}, {use: b}]\n  b: [{use: c}, {use: c}, {use: c}, {use: c}]\n  c: [{use: d}, {use: d}, {use: d}, {use: d}]\n  d: [{use: e}, {use: e}, {use: e}, {use: e}]\n  e: [{kv: {}}, {kv: {}}, {kv: {}}]\nsteps: [{use: a}]\n", "more than 512 formats"},
		// text
		{"steps:\n  - text: '<a'\n", "6:11: "},
		{"steps:\n  - text: '<a:wrd>'\n", "6:11: "},
		{"steps:\n  - text:\n      - 'a...'\n      - 'a...'\n", "8:9: this pattern can never match"},
		{"steps:\n  - text:\n      - {set: {event.action: a}}\n", "7:9: a pattern with consequences needs is"},
		{"steps:\n  - text: {patterns: [a], on_error: stop}\n", `on_error is fail, skip or drift, not "stop"`},
		{"steps:\n  - text: {from: message}\n", "6:11: patterns is missing"},
		{"steps:\n  - text: 'user <usr>'\n    map: {user.name: user}\n", `7:22: nothing in this pack captures "user"; did you mean "usr"?`},
		// lookups
		{"lookups: {t: {rows: {a: b}}}\nsteps: []\n", "table t does not say what a key without a row becomes: add default: null"},
		{"lookups: {t: {default: null}}\nsteps: []\n", "table t has no rows"},
		{"lookups: {t: {default: null, rows: {a: b, a|c: d}}}\nsteps: []\n", `5:43: key "a" of table t again`},
		{"lookups: {t: {default: null, rows: {a: b, c: {d: e}}}}\nsteps: []\n", "the rows before are single values"},
		{"lookups: {t: {default: null, rows: [a]}}\nsteps: []\n", "rows is a mapping of keys to values, not a list"},
		{"lookups: {t: {default: null, rows: {a: b}}}\nsteps: []\n", "5:11: table t is never used"},
		{"lookups: {t: {default: null, rows: {a: {event.kind: alarm}}}}\nsteps: [{kv: {}, lookup: {table: t, key: a}}]\n", `5:53: "alarm" is no allowed value of event.kind`},
		{"lookups: {t: {default: null, rows: {a: b}}}\nsteps: [{kv: {}, lookup: {table: t, key: a}}]\n", "use them with | lookup(t)"},
		{"lookups: {t: {default: null, file: x.csv}}\nsteps: []\n", `this pack has no folder to read "x.csv" from`},
		// detect
		{"detect: {contain: a}\nsteps: []\n", `5:10: key "contain" is not known here; did you mean "contains"?`},
		{"detect: {contains: ''}\nsteps: []\n", "an empty text is everywhere"},
		{"detect: {regex: '('}\nsteps: []\n", "5:17: "},
		{"detect: {header: rfc1}\nsteps: []\n", `not "rfc1"`},
		{"detect: {pairs: 0}\nsteps: []\n", "pairs is the least number"},
		{"detect: {columns: [a]}\nsteps: []\n", "columns is a mapping of column numbers"},
		{"detect: {columns: {first: a}}\nsteps: []\n", "a column number from 0"},
		{"detect: a\nsteps: []\n", "detect is a list of signatures, not text"},
	} {
		_, err := Compile("acme/pack.yaml", []byte(identity+tc.body))
		if err == nil {
			t.Errorf("%q: no error", tc.body)
			continue
		}
		if !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "acme/pack.yaml:") || !IsPackError(err) {
			t.Errorf("%q: %v\nwant %s", tc.body, err, tc.want)
		}
	}
	for _, tc := range []struct{ src, want string }{
		{"vendor: a\nproduct: b\nversion: 1\nsteps: []\n", "name is missing"},
		{"name: a.b\nproduct: b\nversion: 1\nsteps: []\n", "vendor is missing"},
		{"name: A.b\nvendor: a\nproduct: b\nversion: 1\nsteps: []\n", `1:7: the name "A.b" is not of the form module.dataset`},
		{"name: 'a.b", "1:"},
		{"- a\n", "1:"},
		{"5", "1:1: a mapping is wanted here, not a number"},
		{"", "the file is empty"},
	} {
		if _, err := Compile("p", []byte(tc.src)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: %v, want %s", tc.src, err, tc.want)
		}
	}
}

func TestTableFiles(t *testing.T) {
	const body = identity + "lookups: {t: {default: null, file: FILE}}\nsteps:\n  - kv: {}\n    lookup: {table: t, key: a | trim}\n    map: {event.action: a}\n"
	load := func(file, text string) (*Pack, error) {
		files := fstest.MapFS{"acme.test/pack.yaml": {Data: []byte(strings.Replace(body, "FILE", "'"+file+"'", 1))}, "secret.csv": {Data: []byte("k,event.code\nx,y\n")}}
		if text != "" {
			files["acme.test/"+file] = &fstest.MapFile{Data: []byte(text)}
		}
		return Load(files, "acme.test")
	}
	p, err := load("t.csv", "key,event.code,event.category,source.port\n# a comment\nx,one,network|web,80\n\"a,b\",two,,\n")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"a=x":       `{"event":{"action":"x","category":["network","web"],"code":"one"},"source":{"port":80}}`,
		`a="a,b"`:   `{"event":{"action":"a,b","code":"two"}}`,
		"a=nothing": `{"event":{"action":"nothing"}}`,
	} {
		events, err := runPack(t, p, Options{}, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := encoded(t, events[0]); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	for _, tc := range []struct{ file, text, want string }{
		{"none.csv", "", "none.csv"},
		{"../secret.csv", "", "is no path inside the pack's folder"},
		{"/secret.csv", "", "is no path inside the pack's folder"},
		{`..\secret.csv`, "", "is no path inside the pack's folder"},
		{"t.csv", "key,a\n", "needs a row of column names"},
		{"t.csv", "key\nx\n", "needs a row of column names"},
		{"t.csv", "key,event.code\nx,1\nx,2\n", `key "x" again`},
		{"t.csv", "key,event.code\nx,1,2\n", "wrong number of fields"},
		{"t.csv", "key,sorce.ip\nx,1\n", `"sorce.ip" is no ECS field`},
		{"t.csv", "key,sorce.ip,event.code\nx,1,2\n", `"sorce.ip" is no ECS field`},
	} {
		if _, err := load(tc.file, tc.text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.file, err, tc.want)
		}
	}
	if _, err := Load(fstest.MapFS{}, "acme.none"); err == nil {
		t.Error("a folder without pack.yaml loads")
	}
}
