package parsetest_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/cef"
	"github.com/penstock-dev/penstock/parse/kernel/csv"
	"github.com/penstock-dev/penstock/parse/kernel/evtx"
	"github.com/penstock-dev/penstock/parse/kernel/json"
	"github.com/penstock-dev/penstock/parse/kernel/kv"
	"github.com/penstock-dev/penstock/parse/kernel/leef"
	"github.com/penstock-dev/penstock/parse/kernel/netflow"
	"github.com/penstock-dev/penstock/parse/kernel/outline"
	"github.com/penstock-dev/penstock/parse/kernel/syslog"
	"github.com/penstock-dev/penstock/parse/kernel/text"
	"github.com/penstock-dev/penstock/parse/kernel/xml"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/parsetest"
	"github.com/penstock-dev/penstock/parse/vendors"
)

// framed returns a reader that fills a Frame with everything.
func framed(slots int, read func(raw []byte, f *parse.Frame) error) func(raw []byte) error {
	f := parse.Frame{KeepRest: true}
	var a arena.Bytes
	return func(raw []byte) error {
		a.Reset()
		f.Reset(slots, &a)
		return read(raw, &f)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func keys() *parse.Keys { return must(parse.NewKeys([]string{"src", "k1"}, []int{0, 1})) }

func kvTarget(name string, o kv.Options, samples ...string) parsetest.Target {
	return parsetest.Target{Name: "kv " + name, Samples: samples, New: func() func([]byte) error {
		r := must(kv.New(o)).NewReader(keys())
		return framed(2, r.Read)
	}}
}

const windowsXML = `<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='P'/><EventID>4624</EventID><TimeCreated SystemTime='2026-03-03T08:00:00Z'/></System><EventData><Data Name='User'>R&amp;D</Data><Data>x</Data></EventData></Event>`

// kernels are all kernels, and what stands around them. A new kernel gets the whole suite by
// one entry.
func kernels(t testing.TB) []parsetest.Target {
	const rfc5424 = `<165>1 2026-03-03T08:00:00.5Z host app 12 ID47 [ex@32473 iut="3" path="a\\b\"c\]"][up] text`
	const rfc3164 = `<38>Mar  3 08:15:02 web1 sshd[4711]: Accepted publickey for root from 192.0.2.1 port 22 ssh2`
	return []parsetest.Target{
		{Name: "syslog", Samples: []string{rfc5424, rfc3164, "<189>45: fw: Mar  3 2026 08:15:02.123 UTC: %SYS-5-CONFIG_I: x"}, New: func() func([]byte) error {
			p := syslog.Parser{}
			var m syslog.Message
			return func(raw []byte) error {
				if err := p.Parse(raw, &m); err != nil {
					return err
				}
				var param syslog.Param
				var value []byte
				for e := m.Elements(); e.Next(&param); {
					value = syslog.AppendUnescaped(value[:0], param.Value)
				}
				var inner syslog.Message
				p.Relayed(&m, &inner)
				return nil
			}
		}},
		{Name: "cef", Samples: []string{`CEF:0|Acme|Wall|1.0|100|probe \| x|7|src=192.0.2.1 msg=a\=b c cs1Label=Rule cs1=x`}, New: func() func([]byte) error {
			r := cef.NewReader(keys())
			var h cef.Header
			return framed(2, func(raw []byte, f *parse.Frame) error {
				ext, err := cef.ParseHeader(raw, &h)
				if err != nil {
					return err
				}
				return r.Read(ext, f)
			})
		}},
		{Name: "leef", Samples: []string{"LEEF:1.0|Acme|Wall|1|100|src=192.0.2.1\tk=v", "LEEF:2.0|Acme|Wall|1|100|^|src=192.0.2.1^k=v", "LEEF:2.0|A|W|1|2|x09|a=b\tc=d"}, New: func() func([]byte) error {
			r := leef.NewReader(keys())
			var h leef.Header
			return framed(2, func(raw []byte, f *parse.Frame) error {
				attrs, err := leef.ParseHeader(raw, &h)
				if err != nil {
					return err
				}
				return r.Read(attrs, h.Delimiter, f)
			})
		}},
		kvTarget("fortinet", kv.Fortinet(), `date=2026-03-03 devname="fw 1" src=192.0.2.1 msg="a \"b\" c"`),
		kvTarget("sonicwall", kv.SonicWall(), `id=fw sn=1 time="2026-03-03" msg=a b c src=192.0.2.1:80:X1`),
		kvTarget("watchguard", kv.WatchGuard(), `Deny 1-Trusted 0-External 60 tcp src="a" dst=b`),
		kvTarget("checkpoint", kv.CheckPoint(), `action:"Accept"; src:"192.0.2.1"; k:""`),
		kvTarget("juniper", kv.Juniper(), `[junos@2636.1 src="192.0.2.1" k="v"]`),
		kvTarget("logfmt", kv.Logfmt(), `level=info msg="a \n b" ok src=192.0.2.1`),
		kvTarget("iptables", kv.IPTables(), `IN=eth0 OUT= SRC=192.0.2.1 SYN URGP=0`),
		kvTarget("auditd", kv.Auditd(), `arch=c000003e comm="x" exe=2F62696E msg='op=login acct="root" res=success'`),
		{Name: "json", Samples: []string{`{"src":"192.0.2.1","a":{"b":[1,2.5e3,true,null,"\u00e9\n"]},"k1":"{\"x\":1}"}`}, New: func() func([]byte) error {
			tree := must(json.New([]json.Path{{Path: "src", Slot: 0}, {Path: "a.b[]", Slot: 1}}))
			return framed(tree.Slots(), tree.Reader().Read)
		}},
		{Name: "json split", Samples: []string{`{"Records":[{"a":1},{"a":2}],"x":1}`, `[{"a":1}]`, "{\"a\":1}\n{\"a\":2}"}, New: func() func([]byte) error {
			var items []json.Item
			o := json.SplitOptions{Wrappers: json.DefaultWrappers(), AnyEnvelope: true}
			return func(raw []byte) error {
				items = json.AppendItems(items[:0], raw, &o)
				for i := range items {
					if items[i].Err != nil {
						return items[i].Err
					}
				}
				clear(items)
				return nil
			}
		}},
		{Name: "csv", Samples: []string{"a,\"b \"\"c\"\"\",d,192.0.2.1\n"}, New: func() func([]byte) error {
			r := must(csv.New([]csv.Column{{Index: 1, Slot: 0}}, csv.Options{}))
			return framed(1, func(raw []byte, f *parse.Frame) error { _, err := r.Read(raw, f); return err })
		}},
		{Name: "access log", Samples: []string{`192.0.2.1 - u [03/Mar/2026:08:00:00 +0000] "GET / HTTP/1.1" 200 5`}, New: func() func([]byte) error {
			r := must(csv.New(nil, csv.Options{Comma: ' ', Brackets: true, Lazy: true, Unset: "-"}))
			return framed(0, func(raw []byte, f *parse.Frame) error { _, err := r.Read(raw, f); return err })
		}},
		{Name: "header lines", Samples: []string{"#Fields: date time c-ip", "2026-03-03 08:00:01 192.0.2.1", "#separator \\x09", "#fields\ta\tb", "#types\tstring\tset[int]"}, New: func() func([]byte) error {
			tr := csv.NewTracker(csv.TrackerOptions{})
			var out []byte
			return func(raw []byte) error {
				msgs := []parse.Message{{Raw: raw}}
				tr.Track(msgs)
				if c, ok := msgs[0].Context.(*csv.Columns); ok {
					out, _ = c.AppendJSON(out[:0], raw)
				}
				return nil
			}
		}},
		{Name: "xml", Samples: []string{`<a b="c &lt;"><d>x &#65; y</d><!-- n --><![CDATA[z]]><e/></a>`}, New: func() func([]byte) error {
			r := must(xml.NewReader(xml.Generic, []string{"d"}, []int{0}, xml.Options{}))
			return framed(1, r.Read)
		}},
		{Name: "xml windows", Samples: []string{windowsXML}, New: func() func([]byte) error {
			r := must(xml.NewReader(xml.Windows, []string{"event_id", "event_data.User"}, []int{0, 1}, xml.Options{}))
			return framed(2, r.Read)
		}},
		{Name: "evtx", Samples: []string{evtxChunk(t)}, New: func() func([]byte) error {
			c := must(evtx.NewChunk(evtx.Options{Salvage: true}))
			x := must(evtx.NewFields(evtx.Keys(), slots(len(evtx.Keys()))))
			read := framed(len(evtx.Keys()), func(raw []byte, f *parse.Frame) error {
				errs := []error{c.Reset(raw, 0)}
				var out []byte
				for rec, err := range c.Records() {
					if err == nil {
						f.Reset(len(evtx.Keys()), f.Text)
						err = x.Read(rec, f)
						var xerr error
						if out, xerr = rec.AppendXML(out[:0]); err == nil {
							err = xerr
						}
					}
					errs = append(errs, err)
				}
				return errors.Join(errs...)
			})
			return read
		}},
		{Name: "netflow", Samples: []string{
			"\x00\x05\x00\x01\x00\x00\x00\x09\x69\xa6\xa5\xd0\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\xc0\x00\x02\x01\xc6\x33\x64\x02" + string(make([]byte, 40)),
			"\x00\x09\x00\x02\x00\x00\x00\x01\x69\xa6\xa5\xd0\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00\x10\x01\x00\x00\x02\x00\x08\x00\x04\x00\x01\x00\x04\x01\x00\x00\x0c\xc0\x00\x02\x01\x00\x00\x00\x09",
			"\x00\x0a\x00\x2f\x69\xa6\xa5\xd0\x00\x00\x00\x01\x00\x00\x00\x06\x00\x02\x00\x10\x01\x90\x00\x02\x00\x60\xff\xff\x00\x04\x00\x01\x01\x90\x00\x0f\x03dns\x11\x03dns\x11\x00",
		}, New: func() func([]byte) error {
			tr := must(netflow.NewTracker(netflow.Options{}, nil))
			var d netflow.Decoder
			return func(raw []byte) error {
				msgs := []parse.Message{{Raw: raw, Received: time.Unix(1, 0)}}
				tr.Track(msgs)
				ctx, _ := msgs[0].Context.(*netflow.Context)
				var v visitor
				return errors.Join(d.Decode(raw, ctx, &v), errors.Join(v.errs...))
			}
		}},
		{Name: "text", Samples: []string{"Accepted publickey for root from 192.0.2.1 port 22 ssh2", "Failed password for invalid user x from 2001:db8::1 port 1"}, New: func() func([]byte) error {
			set := must(text.Compile([]text.Pattern{
				{ID: 1, Text: "Accepted <method:word> for <user> from <ip:ip> port <port:port>{ <_:word>}"},
				{ID: 2, Text: "Failed <method:word> for {invalid user |}<user> from <ip:ip> port <port:port>{ <_:word>}"},
				{ID: 3, Text: "<a> <b> <c> <d>=<e>, <f:rest>"},
			}, nil))
			slots := make([]parse.Value, set.Slots())
			return func(raw []byte) error {
				clear(slots)
				set.Match(raw, slots)
				return nil
			}
		}},
		{Name: "outline", Samples: []string{"An account was logged on.\r\n\r\nSubject:\r\n\tSecurity ID:\t\tS-1-5-18\r\n\tAccount Name:\t\tWS01$\r\n"}, New: func() func([]byte) error {
			r := must(outline.New([]string{"Subject.Security ID", "Account Name"}, []int{0, 1})).Reader()
			return framed(2, func(raw []byte, f *parse.Frame) error { r.Read(raw, f); return nil })
		}},
		{Name: "decoding", Samples: []string{gz("a\nb\n"), "\xff\xfea\x00\n\x00"}, New: func() func([]byte) error {
			d := ingest.Decoding{Codecs: ingest.DefaultCodecs(), Charset: ingest.AutoCharset}
			return func(raw []byte) error {
				r, err := d.Reader(bytes.NewReader(raw))
				if err != nil {
					return err
				}
				defer r.Close()
				_, err = io.Copy(io.Discard, r)
				return err
			}
		}},
	}
}

type visitor struct{ errs []error }

func (v *visitor) Record(r *netflow.Record) error { return nil }
func (v *visitor) Reject(_ []byte, err error) {
	if len(v.errs) < 100 || errcat.Of(err) == errcat.Internal {
		v.errs = append(v.errs, err)
	}
}

func slots(n int) (s []int) {
	for i := range n {
		s = append(s, i)
	}
	return s
}

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

// evtxChunk is the first chunk of the sample of the kernel.
func evtxChunk(t testing.TB) string {
	f, err := os.Open("../kernel/evtx/testdata/sample.evtx.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[4096 : 4096+65536])
}

// PENSTOCK_HOSTILE=full go test -run Hostile ./parse/parsetest
//
// tries them with messages of 10 MiB and a million parts.
func TestHostileKernels(t *testing.T) {
	all := kernels(t)
	for _, x := range all {
		t.Run(x.Name, func(t *testing.T) { parsetest.Hostile(t, x, all...) })
	}
}

// The packs for formats, detection, and the parsers that are no packs, with events and lines.
func TestHostileParsers(t *testing.T) {
	set, err := vendors.Packs()
	if err != nil {
		t.Fatal(err)
	}
	o := pack.Options{Now: func() time.Time { return parsetest.Now }, Original: true}
	all := kernels(t)
	samples := map[string][]string{}
	for _, x := range all {
		samples[x.Name] = x.Samples
	}
	for name, from := range map[string]string{"generic.syslog": "syslog", "cef.log": "cef", "generic.leef": "leef", "generic.kv": "kv logfmt", "generic.json": "json",
		"generic.csv": "csv", "generic.xml": "xml", "windows.eventlog": "xml windows", "netflow": "netflow", "evtx": "evtx"} {
		t.Run(name, func(t *testing.T) {
			p, _, ok, err := vendors.Binary(name, set, o)
			if !ok {
				var q *pack.Pack
				if q, err = set.Pack(name); err == nil {
					p = q.Parser(o)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			parsetest.Hostile(t, parsetest.Target{Name: name, Samples: samples[from]}.Parser(p), all...)
		})
	}
	t.Run("auto", func(t *testing.T) {
		auto, err := set.Auto(o)
		if err != nil {
			t.Fatal(err)
		}
		parsetest.Hostile(t, parsetest.Target{Name: "auto", Samples: []string{samples["syslog"][0], samples["cef"][0], samples["json"][0], windowsXML}}.Parser(auto), all...)
	})
}

// The suite finds what it is for.
func TestHostileFinds(t *testing.T) {
	var keep [][]byte
	for name, tc := range map[string]struct {
		read func(raw []byte) error
		want string
	}{
		"a panic": {func(raw []byte) error {
			if bytes.HasPrefix(raw, []byte("[[[")) {
				panic("depth")
			}
			return nil
		}, "PARSER_PANIC"},
		"an error without a category": {func(raw []byte) error {
			if len(raw) == 3 {
				return errors.New("three")
			}
			return nil
		}, "INTERNAL"},
		"memory": {func(raw []byte) error {
			if len(raw) > 1<<16 {
				keep = append(keep[:0], make([]byte, 64*len(raw)))
			}
			return nil
		}, "MiB were allocated"},
		"memory of what came before": {func() func([]byte) error {
			seen := 0
			return func(raw []byte) error {
				if seen++; seen > 100 && string(raw) == "key=value" {
					return errcat.New(errcat.SchemaViolation, errcat.StageParse, "enough")
				}
				return nil
			}
		}(), "after all that"},
	} {
		x := parsetest.Target{Name: name, Samples: []string{"key=value"}, New: func() func([]byte) error { return tc.read }, MaxMemory: 16 << 20}
		got := parsetest.CheckHostile(x, 1<<20)
		if len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), tc.want) {
			t.Errorf("%s is not found: %q", name, got)
		}
	}
	if got := parsetest.CheckHostile(parsetest.Target{Name: "sound", Samples: []string{"x"}, New: func() func([]byte) error { return func([]byte) error { return nil } }}, 1<<20); len(got) != 0 {
		t.Errorf("a sound target: %q", got)
	}
}
