package faulttest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/elastic"
	batchfile "github.com/penstock-dev/penstock/batch/file"
	batchsyslog "github.com/penstock-dev/penstock/batch/syslog"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/vendors"
)

// injections are texts that end a line, steer a terminal, or turn the reading direction.
var injections = []string{
	"LF\nx", "CRLF\r\nx", "CR\rx", "LS\u2028x", "PS\u2029x", "CSI\x1b[31mx", "OSC\x1b]0;title\x07x", "C1\u009b31mx", "NEL\u0085x", "NUL\x00x", "DEL\x7fx", "BEL\ax",
	"RLO\u202etxt.exe", "isolate\u2066x\u2069", "BOM\ufeffx", "VT\vx", "FF\fx", `quote"x`, `backslash\x`, `end"}` + "\n" + `{"forged":true}`,
}

// autoParser is the parser of all packs, by what a message looks like.
func autoParser(t testing.TB) parse.Parser[parse.Record] {
	t.Helper()
	packs, err := vendors.Packs()
	if err != nil {
		t.Fatal(err)
	}
	auto, err := packs.Auto(pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return auto
}

// messagesSource sends messages once.
func messagesSource(messages [][]byte) ingest.Source {
	return ingest.SourceFunc(func(_ context.Context, out *ingest.Emit) error {
		for i := 0; i < len(messages); {
			c, err := out.Chunk()
			if err != nil {
				return err
			}
			for i < len(messages) && c.Add(parse.Message{Raw: messages[i], Offset: int64(i), Origin: &parse.Origin{Source: "test"}}) {
				i++
			}
			if err := out.Send(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// lineListener counts what ends with LF, as any line-based collector does. lines returns
// what came, when the sender has closed.
func lineListener(t testing.TB) (address string, lines func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var got []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		s := bufio.NewScanner(c)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			got = append(got, s.Text())
		}
	}()
	return l.Addr().String(), func() []string {
		l.Close()
		<-done
		return got
	}
}

// unfit is what a line for a terminal or a log may not hold.
func unfit(text string) (r rune, found bool) {
	for _, r := range text {
		if r < 0x20 || r >= 0x7f && r <= 0x9f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return r, true
		}
	}
	return 0, false
}

// Texts that would end a line or steer a terminal, in every field and in messages that are
// not understood: each record is one line in every output, and the JSON says what came.
func TestF53LogInjection(t *testing.T) {
	quiet(t)
	fields := []string{"msg", "suser", "duser", "act", "shost", "dhost", "fname", "request", "cs1", "cs1Label", "externalId", "deviceExternalId", "proto", "reason"}
	var messages [][]byte
	want := map[string]bool{}
	for _, bad := range injections {
		for _, field := range fields {
			messages = append(messages, fmt.Appendf(nil, "CEF:0|Vendor|Product|1|100|name|5|src=192.0.2.1 %s=%s end=1764410400000", field, strings.NewReplacer(`\`, `\\`, "=", `\=`).Replace(bad)))
		}
		doc, _ := json.Marshal(map[string]any{"message": bad, bad: "name", "nested": map[string]string{"value": bad}})
		messages = append(messages, doc, []byte(bad)) // the last is understood by nobody
		want[bad] = true
	}
	dir := t.TempDir()
	var console, plain, log safeBuffer
	toFile, err := batchfile.New[parse.Record](batchfile.Options{Dir: dir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	newSyslog := func(format string) (*batchsyslog.Sink[parse.Record], func() []string) {
		address, lines := lineListener(t)
		s, err := batchsyslog.New[parse.Record](batchsyslog.Options{Network: "tcp", Address: address, Framing: "lines", Format: format})
		if err != nil {
			t.Fatal(err)
		}
		return s, lines
	}
	rfc, rfcLines := newSyslog("rfc5424")
	cef, cefLines := newSyslog("cef")
	var mu sync.Mutex
	o := NewOracle(53)
	srv := newBulkServer(t, o)
	documents := 0
	srv.answer = func(_ int, w http.ResponseWriter, _ *http.Request, docs []document) bool {
		mu.Lock()
		documents += len(docs)
		mu.Unlock()
		io.WriteString(w, `{"errors":false}`)
		return true
	}
	srv.Start()
	toElastic, err := elastic.New[parse.Record](elastic.Options{URLs: []string{srv.URL}}, elastic.Index{Name: "logs"})
	if err != nil {
		t.Fatal(err)
	}
	dead := 0
	p, err := ingest.New(ingest.Config[parse.Record]{
		Sources: []ingest.Source{messagesSource(messages)}, Parser: autoParser(t), Encoder: normalize.NewEncoder(normalize.EncoderOptions{}),
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		DeadLetters: batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
			line := d.AppendJSON(nil)
			if bytes.ContainsAny(line, "\n\r") || !json.Valid(line) {
				t.Errorf("a dead letter is not one line of JSON: %q", line)
			}
			dead++
			return nil
		}),
		Outputs: []ingest.Output[parse.Record]{
			{Name: "console", Sink: batch.NewConsole[parse.Record](&console)}, {Name: "plain", Sink: batch.NewWriter[parse.Record](&plain)}, {Name: "file", Sink: toFile},
			{Name: "rfc5424", Sink: rfc}, {Name: "cef", Sink: cef}, {Name: "elastic", Sink: toElastic},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(context.Background()); err != nil {
		t.Error(err)
	}
	for _, c := range []io.Closer{toFile, rfc, cef, toElastic} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	collected := [2][]string{rfcLines(), cefLines()}
	s := p.Stats()
	events := int(s.Delivered)
	found := map[string]bool{}
	inFile := 0
	names, _ := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		inFile += bytes.Count(b, []byte("\n"))
	}
	shown, raw := strings.Split(strings.TrimSuffix(console.String(), "\n"), "\n"), strings.Split(strings.TrimSuffix(plain.String(), "\n"), "\n")
	record(t, "F53", fmt.Sprintf("%d injections (LF, CRLF, U+2028, CSI, OSC, C1, NUL, DEL, bidi, …) in %d fields, as names of keys and in messages that nobody understands; console, file, syslog in RFC 5424 and CEF, _bulk, own log, dead letters", len(injections), len(fields)),
		"one record = one line in every line-based output; no control character raw on console or in the own log; JSON round trip equal to the input", func() string {
			return fmt.Sprintf("%d messages: %d events, %d dead letters; lines: console %d, file %d, RFC 5424 %d, CEF %d; documents %d; %d of %d texts came back", len(messages), events, dead, len(shown), inFile, len(collected[0]), len(collected[1]), documents, len(found), len(want))
		})
	if len(shown) != events || len(raw) != events || inFile != events || len(collected[0]) != events || len(collected[1]) != events || documents != events || dead != int(s.DeadLettered) || events+dead < len(messages) {
		t.Errorf("%d events and %d dead letters of %d messages; lines: console %d, plain %d, file %d, RFC 5424 %d, CEF %d; documents %d",
			events, dead, len(messages), len(shown), len(raw), inFile, len(collected[0]), len(collected[1]), documents)
	}
	for kind, lines := range [][]string{shown, collected[0], collected[1], strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")} {
		for _, line := range lines {
			if r, bad := unfit(line); bad && (kind != 1 && kind != 2 || r < 0x20 || r >= 0x7f && r <= 0x9f) {
				t.Errorf("output %d holds %U: %.200q", kind, r, line)
				break
			}
		}
	}
	var strs func(v any)
	strs = func(v any) {
		switch v := v.(type) {
		case string:
			if want[v] {
				found[v] = true
			}
		case map[string]any:
			for _, x := range v {
				strs(x)
			}
		case []any:
			for _, x := range v {
				strs(x)
			}
		}
	}
	for i := range shown {
		var a, b any
		if json.Unmarshal([]byte(shown[i]), &a) != nil || json.Unmarshal([]byte(raw[min(i, len(raw)-1)]), &b) != nil {
			t.Fatalf("no JSON: %q", shown[i])
		}
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("the console says %q, the others %q", shown[i], raw[i])
		}
		strs(b)
	}
	for text := range want {
		if !found[text] {
			t.Errorf("%q did not come back from any field", text)
		}
	}
}

// Values that look like other fields, and keys that are called like those of ECS, change
// nothing that they do not own; what is written as CEF or pairs is read back the same.
func TestF54FieldForging(t *testing.T) {
	quiet(t)
	forged := []string{
		"source.ip=6.6.6.6", "src=6.6.6.6 act=forged", `|6|forged|`, `","source":{"ip":"6.6.6.6"},"x":"`, `CEF:0|Forged|Forged|1|6|forged|9|src=6.6.6.6`,
		`LEEF:1.0|Forged|Forged|1|6|src=6.6.6.6`, `<0>Jan  1 00:00:00 forged app: x`, `@timestamp=1970-01-01`, `devname="forged" srcip=6.6.6.6`, `\`, `\\`, `a\=b`, "tab\tact=forged",
	}
	protected := []string{"@timestamp", "source.ip", "event.original", "event.kind", "event.module", "event.dataset", "dead_letter", "error.message", "observer.vendor", "ecs.version", "log.syslog.priority"}
	var messages [][]byte
	escape := strings.NewReplacer(`\`, `\\`, "=", `\=`)
	for _, bad := range forged {
		messages = append(messages,
			fmt.Appendf(nil, "CEF:0|Real|Firewall|1|100|name|5|src=192.0.2.1 act=real rt=1764410400000 msg=%s", escape.Replace(bad)),
			fmt.Appendf(nil, "CEF:0|Real|Firewall|1|100|name|5|src=192.0.2.1 act=real rt=1764410400000 cs1=%s cs1Label=note", escape.Replace(bad)),
			fmt.Appendf(nil, "LEEF:2.0|Real|Firewall|1|100|^|src=192.0.2.1^action=real^devTime=1764410400000^note=%s", strings.ReplaceAll(bad, "^", "")))
	}
	for _, name := range protected {
		messages = append(messages,
			fmt.Appendf(nil, "CEF:0|Real|Firewall|1|100|name|5|src=192.0.2.1 act=real rt=1764410400000 cs1=6.6.6.6 cs1Label=%s", name),
			fmt.Appendf(nil, "CEF:0|Real|Firewall|1|100|name|5|src=192.0.2.1 act=real rt=1764410400000 reason=x %s=6.6.6.6", name))
	}
	var plain safeBuffer
	dead := 0
	address, cefLines := lineListener(t)
	cef, err := batchsyslog.New[parse.Record](batchsyslog.Options{Network: "tcp", Address: address, Framing: "lines", Format: "cef"})
	if err != nil {
		t.Fatal(err)
	}
	run := func(in [][]byte, outputs []ingest.Output[parse.Record]) {
		p, err := ingest.New(ingest.Config[parse.Record]{
			Sources: []ingest.Source{messagesSource(in)}, Parser: autoParser(t), Encoder: normalize.NewEncoder(normalize.EncoderOptions{}), Ordered: true,
			DeadLetters: batch.Each(func(_ context.Context, d *ingest.DeadLetter) error {
				dead++
				t.Logf("%q: %v", d.Raw, d.Err)
				return nil
			}), Outputs: outputs,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	run(messages, []ingest.Output[parse.Record]{{Name: "plain", Sink: batch.NewWriter[parse.Record](&plain)}, {Name: "cef", Sink: cef}})
	cef.Close()
	var ours [][]byte // penstock's own CEF
	for _, line := range cefLines() {
		ours = append(ours, []byte(line))
	}
	lines := strings.Split(strings.TrimSuffix(plain.String(), "\n"), "\n")
	var again safeBuffer
	run(ours, []ingest.Output[parse.Record]{{Name: "again", Sink: batch.NewWriter[parse.Record](&again)}})
	second := strings.Split(strings.TrimSuffix(again.String(), "\n"), "\n")
	type event struct {
		Timestamp string `json:"@timestamp"`
		Message   string
		Source    struct{ IP string }
		Event     struct{ Action, Outcome, Kind, Module, Dataset, Code, Original string }
		Observer  struct{ Vendor, Product string }
	}
	changed, differs, compared := 0, 0, 0
	for i, line := range lines {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if e.Timestamp != "2025-11-29T10:00:00.000Z" && e.Timestamp != "2025-11-29T10:00:00Z" || e.Source.IP != "192.0.2.1" || e.Observer.Vendor != "Real" ||
			e.Event.Code != "100" || strings.Contains(e.Event.Kind+e.Event.Module+e.Event.Dataset, "6.6") {
			changed++
			t.Errorf("changed by data: %q\n%s", messages[i], line)
		}
		if i < len(second) {
			var f event
			if err := json.Unmarshal([]byte(second[i]), &f); err != nil {
				t.Fatalf("%q: %v", second[i], err)
			}
			compared++
			if f.Source.IP != e.Source.IP || f.Observer != e.Observer || f.Event.Code != e.Event.Code || f.Timestamp != e.Timestamp || e.Message != "" && f.Message != strings.ReplaceAll(e.Message, "\t", " ") { // a line has no controls
				differs++
				t.Errorf("read back from own CEF:\n%s\n%s\n%s", line, ours[i], second[i])
			}
		}
	}
	record(t, "F54", fmt.Sprintf("%d messages whose values look like fields and headers of CEF, LEEF, JSON, pairs and syslog, or whose keys and labels are called like fields of ECS", len(messages)),
		"no protected field changed by data; re-parsing penstock's own CEF gives the same fields", func() string {
			return fmt.Sprintf("%d events, %d dead letters; %d changed; %d read back from own CEF, %d differ", len(lines), dead, changed, compared, differs)
		})
	if dead > 0 || len(lines) != len(messages) || compared != len(messages) {
		t.Errorf("%d events, %d dead letters of %d messages; %d of own CEF", len(lines), dead, len(messages), compared)
	}
}
