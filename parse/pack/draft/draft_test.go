package draft_test

import (
	"bytes"
	"fmt"
	"log"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/pack/draft"
)

func Example() {
	lines := [][]byte{
		[]byte("<134>Mar  2 09:15:04 fw-7 src=192.0.2.1 dst=192.0.2.2 dpt=443 action=deny zone=dmz"),
		[]byte("<134>Mar  2 09:15:05 fw-7 src=192.0.2.3 dst=192.0.2.2 dpt=80 action=allow zone=lan"),
	}
	src, err := draft.New("acme.wall", lines)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(src))
	// Output:
	// # A draft made from 2 lines. Read it against the vendor's field list: the names of keys are guesses.
	// name: acme.wall
	// vendor: 'Acme'
	// product: 'Wall'
	// version: 0.1.0
	// docs: []  # where the vendor lists the fields
	// detect:
	//   - contains: ['action=', 'zone=', 'src=', 'dst=']
	// nulls: ['-', 'N/A']
	// set:
	//   observer.vendor: 'Acme'
	//   observer.product: 'Wall'
	// lookups:
	//   action:
	//     default: null
	//     rows:
	//       allow: {event.type: [connection, allowed], event.outcome: success}
	//       deny: {event.type: [connection, denied], event.outcome: success}
	// steps:
	//   - syslog: {}
	//   - kv: {}
	//     set: {event.category: network}
	//     lookup: {table: action, key: 'action | lower'}
	//     map:
	//       source.ip: src
	//       destination.ip: dst
	//       destination.port: dpt
	//       event.action: action
	//       # Not mapped, and so kept below acme.wall:
	//       #   zone  dmz
}

func TestDraft(t *testing.T) {
	for _, tc := range []struct {
		name, format string
		lines        []string
		want         []string // in the events, one after the other
	}{
		{"cef", "cef", []string{
			"CEF:0|Acme|Wall|1|100|Port scan|5|src=192.0.2.1 dst=192.0.2.2 rt=1772442904000 act=blocked own=x",
			"<13>Mar  2 09:15:04 h CEF:0|Acme|Wall|1|101|Login|5|suser=bob act=allowed",
		}, []string{`"source":{"address":"192.0.2.1"`, `"name":"bob"`}},
		{"leef", "leef", []string{
			"LEEF:1.0|Acme|Wall|1|100|src=192.0.2.1\tdstPort=443\tusrName=bob",
		}, []string{`"port":443`}},
		{"json", "json", []string{
			`{"x":{"event.action":"deny"},"eventTime":"2026-03-02T09:15:04Z","actor":{"email":"a@example.com"},"client.ip":"192.0.2.1","odd key":1,"in":5}`,
			`{"eventTime":"2026-03-02T09:15:05Z","actor":{"email":"b@example.com"},"client.ip":"192.0.2.2","nested":[{"a":1}]}`,
		}, []string{`"@timestamp":"2026-03-02T09:15:04.000Z"`, `"ip":"192.0.2.2"`}},
		{"kv with commas", "kv", []string{"time=2026-03-02 09:15:04, user=bob, status=ok, sip=192.0.2.1"}, []string{`"ip":"192.0.2.1"`}},
		{"csv with names", "csv", []string{
			"Date,Source IP,User,Action,Bytes",
			"2026-03-02T09:15:04Z,192.0.2.1,bob,drop,12",
		}, []string{`"ip":"192.0.2.1"`}},
		{"csv", "csv", []string{"a1|b|192.0.2.1|d|e|f", "a2|b|192.0.2.1|d|e"}, []string{`"column1":"a1"`, `"column1":"a2"`}},
		{"xml", "xml", []string{"<log><user>bob</user></log>"}, []string{`bob`}},
		{"windows", "xml", []string{`<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='p'/><EventID>4624</EventID></System></Event>`}, []string{`"code":"4624"`}},
		{"text", "text", []string{
			"sshd: session opened for user bob from 192.0.2.1 port 22",
			"sshd: session opened for user amy from 192.0.2.7 port 4022",
			"something {else} | with <odd> marks...",
		}, []string{`"name":"bob"`, `"ip":"192.0.2.7"`}},
		{"text with times", "text", []string{
			"2026-03-02 09:15:04,120 [gate-1] User amara.diaz entered from 192.0.2.1 through door 12",
			"2026-03-02 09:15:09,000 [gate-1] User ian.roe was refused from 192.0.2.8 at door 4: badge expired",
			"2026-03-02 09:16:00,000 [gate-2] Door 12 held open for 35 seconds",
		}, []string{`"@timestamp":"2026-03-02T09:15:04.120Z"`, `"value":"gate-1"`, `"name":"amara.diaz"`, `09:15:09`, `"name":"ian.roe"`, `09:16:00`, `"gate-2"`}},
		{"client and server", "kv", []string{"cip=192.0.2.1 cport=51022 sip=192.0.2.9 sport=443 usr=amara.diaz sent=12 rcvd=34"},
			[]string{`"destination":{"address":"192.0.2.9","bytes":34,"ip":"192.0.2.9","port":443}`, `"source":{"address":"192.0.2.1","bytes":12`, `"name":"amara.diaz"`}},
		{"xml with attributes", "xml", []string{`<entry id="7"><when>2026-03-02T09:15:04Z</when><user>bob</user><client ip="192.0.2.1" port="51022"/><action>deny</action></entry>`},
			[]string{`"@timestamp":"2026-03-02T09:15:04.000Z"`, `"action":"deny"`, `"type":["connection","denied"]`, `"ip":"192.0.2.1","port":51022`, `"name":"bob"`}},
		{"one word", "text", []string{"x"}, nil},
		{"hostile", "text", []string{"a: &b *c 'd' \"e\" \x00\xff `f` {{{ <<< \\", "\xff\xfe", "<<<<>>>>", "...", "%s%n"}, nil},
		{"hostile keys", "json", []string{`{"` + "`" + `":1,"a.b":{"c[0]":2},"":3,"and":4,"not in":"x","\u0000":5,"'":6}`}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var lines [][]byte
			for _, l := range tc.lines {
				lines = append(lines, []byte(l))
			}
			if f := draft.Format(lines); f != tc.format {
				t.Errorf("the format is %s, want %s", f, tc.format)
			}
			src, err := draft.New("acme.wall", lines)
			if err != nil {
				t.Fatal(err)
			}
			p, err := pack.Compile("pack.yaml", src)
			if err != nil {
				t.Fatalf("%v in\n%s", err, src)
			}
			var all bytes.Buffer
			for _, l := range lines {
				var out parse.Events[parse.Record]
				if err := p.Parser(pack.Options{}).Worker().Parse(&parse.Message{Raw: l}, &out); err != nil {
					t.Errorf("%s: %v", l, err)
				}
				for _, r := range out.All() {
					line, _ := normalize.NewEncoder(normalize.EncoderOptions{}).Append(nil, r)
					if strings.Contains(string(line), "VENDOR_FORMAT_DRIFT") {
						t.Errorf("%s: drifts: %s", l, line)
					}
					all.Write(append(line, '\n'))
				}
			}
			rest := all.String()
			for _, w := range tc.want {
				i := strings.Index(rest, w)
				if i < 0 {
					t.Fatalf("%s is missing in\n%s\nmade by\n%s", w, all.String(), src)
				}
				rest = rest[i:]
			}
		})
	}
	if _, err := draft.New("acme.wall", nil); err == nil {
		t.Error("no lines give a pack")
	}
	if _, err := draft.New("Acme Wall", [][]byte{[]byte("a=1 b=2 c=3")}); err == nil {
		t.Error("a wrong name gives a pack")
	}
}

// A draft for rows recognises them and their headline, and not the rows of others.
func TestRowSignature(t *testing.T) {
	headline, row := "Time,User,Client IP,Action,Bytes Sent", `2026-03-02T09:15:04Z,"diaz, amara",192.0.2.1,permit,12`
	src, err := draft.New("acme.wall", [][]byte{[]byte(headline), []byte(row)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := pack.Compile("pack.yaml", src)
	if err != nil {
		t.Fatalf("%v in\n%s", err, src)
	}
	set, err := pack.NewSet(p)
	if err != nil {
		t.Fatal(err)
	}
	auto, err := set.Auto(pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		headline: "acme.wall", row: "acme.wall", "2026-03-02T09:15:05Z,bob,2001:db8::1,refuse,0": "acme.wall",
		"a,b,c,d,e": "", "1,2026-03-02T09:15:04Z,192.0.2.1,permit,12": "", "2026-03-02T09:15:04Z,bob,north,permit,12": "",
	} {
		if got := auto.Worker().(*pack.Auto).Choose(&parse.Message{Raw: []byte(line)}); got != want {
			t.Errorf("%s is %q, want %q, by\n%s", line, got, want, src)
		}
	}
}

// A draft says how its lines are recognised, or that they are not.
func TestDraftIsRecognised(t *testing.T) {
	for name, tc := range map[string]struct {
		lines []string
		found bool
		not   string // a line of nobody
	}{
		"a word of all":       {[]string{"cartd 1: opened drawer", "cartd 2: closed drawer"}, true, "other 1: opened"},
		"no word of all":      {[]string{"2026-03-02 09:15:04 Login succeeded for ada from 192.0.2.1", "2026-03-02 09:15:05 Backup finished after 12 seconds", `2026-03-02 09:15:06 Configuration \<main> saved`}, true, "2026-03-02 09:15:04 Restored from 192.0.2.1"},
		"nothing but numbers": {[]string{"1 2 3", "4 5 6 7"}, false, ""},
		"members of no two":   {[]string{`{"a":1}`, `{"b":2}`}, false, ""},
	} {
		var lines [][]byte
		for _, l := range tc.lines {
			lines = append(lines, []byte(l))
		}
		src, err := draft.New("acme.wall", lines)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p, err := pack.Compile("pack.yaml", src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Detectable() != tc.found || strings.Contains(string(src), "# detect: is missing") == tc.found {
			t.Errorf("%s: recognised %t, in\n%s", name, p.Detectable(), src)
		}
		if !tc.found {
			continue
		}
		set, err := pack.NewSet(p)
		if err != nil {
			t.Fatal(err)
		}
		auto, err := set.Auto(pack.Options{})
		if err != nil {
			t.Fatal(err)
		}
		w := auto.Worker().(*pack.Auto)
		for _, l := range lines {
			if got := w.Choose(&parse.Message{Raw: l}); got != "acme.wall" {
				t.Errorf("%s: %s is not recognised by\n%s", name, l, src)
			}
		}
		if got := w.Choose(&parse.Message{Raw: []byte(tc.not)}); got != "" {
			t.Errorf("%s: %s is recognised by\n%s", name, tc.not, src)
		}
	}
}
