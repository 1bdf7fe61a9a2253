package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/internal/peertest"
)

// running is a penstock run at work.
type running struct {
	t      *testing.T
	cancel context.CancelFunc
	code   chan int
	out    bytes.Buffer
	errs   bytes.Buffer
}

func start(t *testing.T, in io.Reader, config string) *running {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pipeline.yaml")
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, cancel: cancel, code: make(chan int, 1)}
	go func() { r.code <- run(ctx, []string{"run", "-c", name}, stdio{in, &r.out, &r.errs}) }()
	t.Cleanup(cancel)
	return r
}

func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	r.wait()
}

func (r *running) wait() {
	r.t.Helper()
	select {
	case code := <-r.code:
		if code != 0 {
			r.t.Errorf("exit %d: %s", code, r.errs.String())
		}
	case <-time.After(30 * time.Second):
		r.t.Fatal("it does not end")
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// eventually waits for a file that holds a text.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: waited too long", what)
		}
	}
}

func contents(dir string) string {
	var all []byte
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		b, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		all = append(all, b...)
	}
	return string(all)
}

func TestRunStandardInput(t *testing.T) {
	r := start(t, strings.NewReader(asaLine+"\nno device writes this\n"+cefLine+"\n"), `
sources: [{stdin: {}}]
sinks: [{stdout: {}}]
dead_letters: {dir: `+filepath.Join(t.TempDir(), "dead")+`}
pipeline: {ordered: true}
`)
	r.wait()
	got := lines(r.out.String())
	if len(got) != 2 || field(t, got[0], "event.dataset") != "cisco.asa" || field(t, got[1], "event.dataset") != "cef.log" {
		t.Errorf("%s\n%s", r.out.String(), r.errs.String())
	}
	if !strings.Contains(r.errs.String(), "1 dead letters (UNKNOWN_FORMAT 1)") {
		t.Errorf("the summary: %s", r.errs.String())
	}
}

// Files and syslog in, through a spool into files; a dead letter is stored and counted.
func TestRunFilesAndSyslog(t *testing.T) {
	dir, address := t.TempDir(), freeAddress(t)
	logs, out := filepath.Join(dir, "logs"), filepath.Join(dir, "out")
	if err := os.Mkdir(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	r := start(t, strings.NewReader(""), fmt.Sprintf(`
parser: {pack: auto, original: true}
output: {schema: ecs-flat, fields: ecs}
sources:
  - file: {include: ["%s/*.log"], checkpoint: %s/state/files, poll: 10ms, scan: 20ms}
  - syslog: {network: tcp, address: "%s", limits: {allow: [127.0.0.0/8]}}
sinks:
  - file: {dir: %s, max_age: 100ms}
    name: events
    spool: {dir: %s/spool, max_bytes: 16MiB}
dead_letters: {dir: %s/dead, max_bytes: 1MiB}
`, logs, dir, address, out, dir, dir))
	if err := os.WriteFile(filepath.Join(logs, "fw.log"), []byte(asaLine+"\n"+cefLine[:30]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var conn net.Conn
	eventually(t, "connecting", func() bool {
		var err error
		conn, err = net.Dial("tcp", address)
		return err == nil
	})
	fmt.Fprintf(conn, "<134>Mar  3 08:15:02 gw %s\n", cefLine)
	conn.Close()
	eventually(t, "two events", func() bool {
		all := contents(out)
		return strings.Contains(all, "cisco.asa") && strings.Contains(all, "cef.log")
	})
	r.stop()
	for _, line := range lines(contents(out)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil || m["event.original"] == nil {
			t.Errorf("%v: %s", err, line)
		}
	}
	if s := r.errs.String(); !strings.Contains(s, "3 records, 2 events, 1 dead letters (TRUNCATED 1)") {
		t.Errorf("the summary: %s", s)
	}
	list, _, _ := penstock(t, "", "spool", "list", filepath.Join(dir, "dead"))
	if list == "" {
		t.Error("there is no spool of dead letters")
	}
}

// Every sink over the network into the source of its kind, with files of all sorts, a command and standard
// input in front: what goes in comes out of each of them, and the events in files as well.
func TestRunLoop(t *testing.T) {
	dir := t.TempDir()
	at := map[string]string{}
	for _, kind := range []string{"elastic", "splunk", "loki", "otlp", "http", "syslog", "admin"} {
		at[kind] = freeAddress(t)
	}
	far := start(t, strings.NewReader(""), fmt.Sprintf(`
parser: {pack: generic.json}
sources:
  - elastic: {address: "%s"}
  - splunk: {address: "%s", tokens: [token-1], acks: true}
  - loki: {address: "%s"}
  - otlp: {address: "%s"}
  - http: {address: "%s"}
  - syslog: {network: tcp, address: "%s"}
sinks:
  - file: {dir: %s/far}
admin: "%s"
`, at["elastic"], at["splunk"], at["loki"], at["otlp"], at["http"], at["syslog"], dir, at["admin"]))
	metrics := func() string {
		resp, err := http.Get("http://" + at["admin"] + "/metrics")
		if err != nil {
			return ""
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return string(text)
	}
	eventually(t, "listening", func() bool { return metrics() != "" })
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("once.log", []byte(asaLine+"\n"))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprintln(z, asaLine)
	z.Close()
	write("packed.gz", packed.Bytes())
	write("line", []byte(asaLine+"\n"))
	near := start(t, strings.NewReader(asaLine+"\n"), fmt.Sprintf(`
sources:
  - stdin: {}
  - exec: {command: [cat, "%[1]s/line"], once: true}
  - backfill: {paths: ["%[1]s/once.log", "%[1]s/packed.gz"]}
sinks:
  - elastic: {urls: ["http://%[2]s"], max_age: 10ms}
  - splunk: {urls: ["http://%[3]s"], auth: {secret: token-1}, event: {acks: true, ack_every: 50ms}, max_age: 10ms}
  - loki: {urls: ["http://%[4]s"], stream: {labels: {job: test}}, max_age: 10ms}
  - otlp: {urls: ["http://%[5]s"], max_age: 10ms}
  - webhook: {urls: ["http://%[6]s"], max_age: 10ms}
  - syslog: {network: tcp, address: "%[7]s"}
  - file: {dir: "%[1]s/near", compression: gzip}
  - stdout: {}
`, dir, at["elastic"], at["splunk"], at["loki"], at["otlp"], at["http"], at["syslog"]))
	near.wait()
	const n = 4
	if got := lines(near.out.String()); len(got) != n {
		t.Errorf("%d events:\n%s\n%s", len(got), near.out.String(), near.errs.String())
	}
	eventually(t, "what was sent", func() bool {
		text := metrics()
		for _, kind := range []string{"elastic", "splunk", "loki", "otlp", "http", "syslog"} {
			if !strings.Contains(text, fmt.Sprintf("penstock_source_ended_total{source=%q,end=\"delivered\"} %d\n", kind, n)) {
				return false
			}
		}
		return true
	})
	far.stop()
	if got := len(lines(contents(filepath.Join(dir, "far")))); got != 6*n {
		t.Errorf("%d lines have arrived, want %d", got, 6*n)
	}
}

// block is a block of the README, by the name in front of it.
func block(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "<!-- "+name+" -->\n")
	_, rest, ok2 := strings.Cut(rest, "\n")
	text, _, ok3 := strings.Cut(rest, "```")
	if !ok || !ok2 || !ok3 {
		t.Fatalf("README.md has no block %s", name)
	}
	return text
}

// The tutorial of the README, with addresses and folders of the test.
func TestTutorial(t *testing.T) {
	base := peertest.VictoriaLogs(t)
	address := freeAddress(t)
	dir := t.TempDir()
	here := strings.NewReplacer("127.0.0.1:2514", address, `port="2514"`, fmt.Sprintf(`port="%s"`, address[strings.LastIndexByte(address, ':')+1:]),
		"http://127.0.0.1:9428", base, "/var/lib/penstock", dir, "/var/log/fw.log", dir+"/fw.log")
	r := start(t, strings.NewReader(""), here.Replace(block(t, "pipeline")))
	f, err := os.Create(filepath.Join(dir, "fw.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	peertest.Rsyslog(t, here.Replace(block(t, "rsyslog")))
	const n = 50
	now := time.Now().UTC()
	for i := range n {
		fmt.Fprintf(f, "<166>%s fw1 : %%ASA-6-302013: Built outbound TCP connection %d for outside:198.51.100.20/443 (198.51.100.20/443) to inside:10.20.4.17/51544 (203.0.113.9/51544)\n",
			now.Format("Jan _2 2006 15:04:05"), i)
	}
	query := strings.TrimSpace(here.Replace(block(t, "query")))
	eventually(t, "the query", func() bool {
		res, err := http.Get(query)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return strings.Contains(string(b), fmt.Sprintf(`"%d"`, n))
	})
	r.stop()
}

// The examples of the README are configurations, and there is one of each kind.
func TestReadmeChecks(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PENSTOCK_TOKEN", "x")
	block := func(text, mark string) string {
		_, text, _ = strings.Cut(text, mark)
		_, text, _ = strings.Cut(text, "```yaml\n")
		text, _, _ = strings.Cut(text, "```")
		return text
	}
	kinds := block(string(b), "<!-- kinds -->")
	p := &pipelineFile{}
	sources, sinks := p.sourceKinds(), p.sinkKinds()
	for config, want := range map[string]string{
		block(string(b), ""): "5 sources, 2 sinks",
		kinds:                fmt.Sprintf("%d sources, %d sinks", len(sources), len(sinks)),
	} {
		name := filepath.Join(t.TempDir(), "p.yaml")
		if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, errs, code := penstock(t, "", "check", "-c", name); code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d: %s%s, want %s", code, out, errs, want)
		}
	}
	inSources, inSinks, _ := strings.Cut(kinds, "\nsinks:\n")
	for name := range sources {
		if !strings.Contains(inSources, "\n  - "+name+":") {
			t.Errorf("the README has no example of the source %s", name)
		}
	}
	for name := range sinks {
		if !strings.Contains("\n"+inSinks, "\n  - "+name+":") {
			t.Errorf("the README has no example of the sink %s", name)
		}
	}
}

// What runs can be looked at: counters, metrics, health, live messages.
func TestRunAdmin(t *testing.T) {
	address := freeAddress(t)
	in, feed := io.Pipe()
	r := start(t, in, fmt.Sprintf("sources: [{stdin: {}}]\nsinks: [{file: {dir: %s}}]\nadmin: %q\n", t.TempDir(), address))
	get := func(path string) string {
		res, err := http.Get("http://" + address + path)
		if err != nil {
			return ""
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return string(b)
	}
	eventually(t, "health", func() bool { return get("/health") == "ok\n" })
	tapped := make(chan string, 1)
	go func() {
		out, errs, _ := penstock(t, "", "tap", "-a", address, "-n", "1", "-pack", "cisco.asa")
		tapped <- out + errs
	}()
	var shown string
	eventually(t, "the tap", func() bool {
		fmt.Fprintln(feed, asaLine)
		select {
		case shown = <-tapped:
			return true
		default:
			return false
		}
	})
	if !strings.Contains(shown, "198.51.100.20") || field(t, lines(shown)[0], "pack") != "cisco.asa" {
		t.Errorf("the tap shows %s", shown)
	}
	feed.Close()
	for path, want := range map[string]string{"/stats": "penstock_", "/metrics": "# TYPE penstock_"} {
		if got := get(path); got != "" && !strings.Contains(got, want) { // it may have ended by now
			t.Errorf("%s: %s", path, got)
		}
	}
	r.wait()
}

func TestCheck(t *testing.T) {
	name := filepath.Join(t.TempDir(), "p.yaml")
	for config, want := range map[string]string{
		"sources: [{stdin: {}}]\nsinks: [{stdout: {}}]\n":                                                "1 sources, 1 sinks",
		"sources: [{stdin: {}}]\n":                                                                       "a list sinks",
		"sources: [{carrier_pigeon: {}}]\nsinks: [{stdout: {}}]\n":                                       ":1:12: carrier_pigeon is no kind of source; there are api,",
		"sources: [{stdin: {}, file: {}}]\nsinks: [{stdout: {}}]\n":                                      "two kinds",
		"sources: [{syslog: {adress: x}}]\nsinks: [{stdout: {}}]\n":                                      `"adress" is not known here; it is one of address,`,
		"sources: [{stdin: {}}]\nsinks: [{stdout: {}, spool: {max_bytes: big}}]\n":                       "a number is wanted",
		"sources: [{stdin: {}}]\nsinks: [{stdout: {}}]\nparser: {pack: acme.nothing}\n":                  `:3:16: pack: no pack is named "acme.nothing"`,
		"sources:\n  syslog: {network: udp, address: \"127.0.0.1:1\"}\nsinks: [{stdout: {}}]\n":          `:2:3: sources is a list: write each of its entries behind a dash, as "- syslog: …"`,
		"sources:\n\t- stdin: {}\nsinks: [{stdout: {}}]\n":                                               ":2:1: a tab: YAML is indented by spaces",
		"sources: [{relp: {address: 2514}}]\nsinks: [{stdout: {}}]\n":                                    `address "2514": want HOST:PORT`,
		"sources: [{stdin: {}}]\nsinks: [{loki: {urls: [\"loki:3100\"], stream: {labels: {job: x}}}}]\n": `URL "loki:3100": want http or https, a host, and no user or fragment; did you mean "http://loki:3100"?`,
		"sources: [{stdin: {}}]\nsinks: [{elastic: {urls: [\"siem.example:9200\"]}}]\n":                  `did you mean "http://siem.example:9200"?`,
		"sources: [{stdin: {}}]\nsinks: [{stdout: {}}]\noutput: {schema: xml}\n":                         "ocsf",
		"sources: [{api: {endpoints: [{definition: okta.system}]}}]\nsinks: [{stdout: {}}]\n":            "needs domain, secret token",
		"sources:\n  - syslog: {network: udp, adress: x}\nsinks: [{stdout: {}}]\n":                       `:2:28: "adress" is not known here`,
		"sources: [{stdin: {}}]\nsinks: [{stdout: {}}]\npipeline: {workers: -1}\n":                       "Workers is -1",
		"sources: [{sylog: {}}]\nsinks: [{stdout: {}}]\n":                                                `did you mean "syslog"?`,
		"sources: [{syslog: {network: upd, address: \"127.0.0.1:1\"}}]\nsinks: [{stdout: {}}]\n":         `:1:20: ingest/syslog: unknown Network "upd"`,
		"sources: [{relp: {address: \":2514\"}}]\nsinks: [{stdout: {}}]\n":                               "names no host",
		"sources: [{http: {address: \"0.0.0.0:8088\"}}]\nsinks: [{stdout: {}}]\n":                        "anyone who can reach 0.0.0.0:8088 could send",
		"sources: [{file: {}}]\nsinks: [{stdout: {}}]\n":                                                 "no Include",
		"sources: [{backfill: {}}]\nsinks: [{stdout: {}}]\n":                                             "paths or globs",
		"sources: [{stdin: {}}]\nsinks: [{file: {dir: x, compression: bzip2}}]\n":                        "compression is none, gzip or zstd",
		"sources: [{stdin: {}}]\nsinks: [{file: {dir: x, folders: \"../{a}\"}}]\n":                       "is no part of a folder's name",
		"sources: [{stdin: {}}]\nsinks: [{file: {}}]\n":                                                  "no Dir",
		"sources: [{stdin: {}}]\nsinks: [{stdout: {}, spool: {max_bytes: 1GiB}}]\n":                      "spool: Options has no Dir",
		"sources: [{stdin: {}}]\nsinks: [{elastic: {urls: [\"ftp://x\"]}}]\n":                            "ftp",
		"sources: [{stdin: {}}]\nsinks: [{stdout: {}}]\ndead_letters: {}\n":                              "no Dir",
		"sources: [{file: {include: [x]}, join: {start: \"(\"}}]\nsinks: [{stdout: {}}]\n":               "missing closing )",
		"sources: [{file: {include: [x]}, join: {}}]\nsinks: [{stdout: {}}]\n":                           "one of Indented, Start",
		"sources: [{stdin: {}}]\nsinks: [{stdout: {}}]\nextra: 1\n":                                      `"extra" is not known`,
		"sources: [{stdin: {}}]\nsinks: [{elastic: {urls: [x], auth: {secret: {env: NOT_SET_HERE}}}}]\n": "NOT_SET_HERE is not set",
	} {
		if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, code := penstock(t, "", "check", "-c", name)
		if !strings.Contains(out+errs, want) || (code == 0) != (errs == "") {
			t.Errorf("%s: exit %d\n%s%s\nwant %q", config, code, out, errs, want)
		}
	}
}

// Counters of two sources of one kind are told apart.
func TestDistinctNames(t *testing.T) {
	named := func(name string) ingest.Source {
		return ingest.WithName(name, ingest.SourceFunc(func(context.Context, *ingest.Emit) error { return nil }))
	}
	sources := []ingest.Source{named("syslog"), named("syslog-2"), named("syslog"), named("syslog")}
	distinct(sources)
	var names []string
	for _, s := range sources {
		names = append(names, s.(ingest.Named).Name())
	}
	if got := strings.Join(names, " "); got != "syslog syslog-2 syslog-3 syslog-4" {
		t.Error(got)
	}
}
