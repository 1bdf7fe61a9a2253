package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	asaLine = `<166>Mar  3 2026 08:15:02 fw1 : %ASA-6-302013: Built outbound TCP connection 7 for outside:198.51.100.20/443 (198.51.100.20/443) to inside:10.20.4.17/51544 (203.0.113.9/51544)`
	cefLine = `CEF:0|Example Corp|Guard|4.2|100|probe|7|src=198.51.100.66 dst=10.20.4.17 act=blocked`
	trail   = `{"Records":[{"eventVersion":"1.09","eventTime":"2026-03-03T08:15:11Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","userIdentity":{"type":"Root"},"eventID":"1"},{"eventVersion":"1.09","eventTime":"2026-03-03T08:15:12Z","eventSource":"iam.amazonaws.com","eventName":"DeleteUser","awsRegion":"us-east-1","userIdentity":{"type":"Root"},"eventID":"2"}]}`
)

func penstock(t *testing.T, in string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), args, stdio{strings.NewReader(in), &out, &errs})
	return out.String(), errs.String(), code
}

func lines(s string) []string {
	s = strings.TrimSuffix(s, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// field finds a dotted field in a line of nested JSON.
func field(t *testing.T, line, path string) any {
	t.Helper()
	var doc any
	if err := json.Unmarshal([]byte(line), &doc); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	for _, p := range strings.Split(path, ".") {
		m, _ := doc.(map[string]any)
		doc = m[p]
	}
	return doc
}

func TestParseAnswersEachRecordInOrder(t *testing.T) {
	in := strings.Join([]string{asaLine, "no device writes this", cefLine, trail, cefLine[:20], ""}, "\n")
	out, errs, code := penstock(t, in, "parse")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	got := lines(out)
	want := []string{"cisco.asa", "UNKNOWN_FORMAT", "cef.log", "aws.cloudtrail", "aws.cloudtrail", "TRUNCATED"}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d:\n%s", len(got), len(want), out)
	}
	for i, w := range want {
		if d, e := field(t, got[i], "event.dataset"), field(t, got[i], "error.code"); d != w && e != w {
			t.Errorf("line %d is dataset %v, error %v, want %s", i+1, d, e, w)
		}
	}
	if e := field(t, got[1], "event.original"); e != "no device writes this" {
		t.Errorf("event.original of the dead letter is %v", e)
	}
	if !strings.Contains(errs, "5 records") || !strings.Contains(errs, "2 dead letters (TRUNCATED 1, UNKNOWN_FORMAT 1)") {
		t.Errorf("summary: %s", errs)
	}
}

func TestParseOneEventForEachRecord(t *testing.T) {
	in := asaLine + "\x00" + trail + "\x00\x00junk\x00"
	out, errs, code := penstock(t, in, "parse", "-framing", "nul", "-events", "one")
	if got := lines(out); code != 0 || len(got) != 4 {
		t.Fatalf("exit %d, %d lines for 4 records:\n%s%s", code, len(got), out, errs)
	}
}

func TestParseErrorsGoWhereTheyShould(t *testing.T) {
	in := asaLine + "\nbad\n"
	out, _, _ := penstock(t, in, "parse", "-errors", "drop")
	if n := len(lines(out)); n != 1 {
		t.Errorf("drop: %d lines, want 1", n)
	}
	file := filepath.Join(t.TempDir(), "dead.ndjson")
	out, _, _ = penstock(t, in, "parse", "-errors", file)
	dead, err := os.ReadFile(file)
	if err != nil || len(lines(out)) != 1 || !strings.Contains(string(dead), `"raw":"bad"`) {
		t.Errorf("file: %d lines, %q, %v", len(lines(out)), dead, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the dead letters' file has mode %v, want 0600", info.Mode())
	}
}

func TestParseFieldsAndForms(t *testing.T) {
	all, _, _ := penstock(t, asaLine, "parse", "-original")
	ecsOnly, _, _ := penstock(t, asaLine, "parse", "-fields", "ecs")
	flat, _, _ := penstock(t, asaLine, "parse", "-o", "ecs-flat")
	if field(t, all, "cisco.asa.connection_id") == nil || field(t, all, "event.original") != asaLine {
		t.Errorf("vendor field or event.original is missing: %s", all)
	}
	if strings.Contains(ecsOnly, `"cisco":`) {
		t.Errorf("-fields ecs has vendor fields: %s", ecsOnly)
	}
	if !strings.Contains(flat, `"source.ip":"198.51.100.20"`) {
		t.Errorf("-o ecs-flat: %s", flat)
	}
	inOCSF, _, _ := penstock(t, asaLine, "parse", "-o", "ocsf")
	if field(t, inOCSF, "class_uid") != 4001.0 || field(t, inOCSF, "src_endpoint.ip") != "198.51.100.20" || field(t, inOCSF, "unmapped.cisco.asa.connection_id") == nil {
		t.Errorf("-o ocsf: %s", inOCSF)
	}
	inOSSEM, _, _ := penstock(t, asaLine, "parse", "-o", "ossem", "-fields", "ecs")
	if field(t, inOSSEM, "SrcIpAddr") != "198.51.100.20" || strings.Contains(inOSSEM, `"cisco":`) {
		t.Errorf("-o ossem: %s", inOSSEM)
	}
	if _, errs, code := penstock(t, asaLine, "parse", "-o", "xml"); code == 0 || !strings.Contains(errs, "ocsf") {
		t.Errorf("-o xml: exit %d, %s", code, errs)
	}
}

func TestParseSameBytesForAnyNumberOfWorkers(t *testing.T) {
	var in bytes.Buffer
	for i := range 20000 {
		switch i % 5 {
		case 0:
			fmt.Fprintln(&in, strings.Replace(asaLine, "connection 7", fmt.Sprintf("connection %d", i), 1))
		case 1:
			fmt.Fprintln(&in, cefLine, fmt.Sprintf("cnt=%d", i))
		case 2:
			fmt.Fprintln(&in, trail)
		case 3:
			fmt.Fprintln(&in, "junk", i)
		case 4:
			fmt.Fprintln(&in, asaLine[:40+i%100])
		}
	}
	first, _, _ := penstock(t, in.String(), "parse", "-workers", "1", "-now", "2026-03-03T09:00:00Z")
	for _, w := range []string{"2", "4", "7"} {
		if out, _, _ := penstock(t, in.String(), "parse", "-workers", w, "-now", "2026-03-03T09:00:00Z"); out != first {
			t.Errorf("%s workers write other bytes than one", w)
		}
	}
}

func TestParseWritesBeforeTheNextReadBlocks(t *testing.T) {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(context.Background(), []string{"parse"}, stdio{inR, outW, io.Discard})
		outW.Close()
	}()
	got := bufio.NewScanner(outR)
	for i, line := range []string{asaLine, "junk", cefLine} {
		fmt.Fprintln(inW, line)
		answered := make(chan bool, 1)
		go func() { answered <- got.Scan() }()
		select {
		case <-answered:
		case <-time.After(20 * time.Second):
			t.Fatalf("line %d is not answered while the input is still open", i+1)
		}
	}
	inW.Close()
	if code := <-done; code != 0 {
		t.Errorf("exit %d", code)
	}
}

// TestParseHostileInput: whatever comes, each record is answered by strict JSON lines.
func TestParseHostileInput(t *testing.T) {
	records := []string{
		"", " ", "\xff\xfe\x00", "{", "[", "{}", "[]", "null", `{"a":`, strings.Repeat("[", 100000), strings.Repeat(`{"a":`, 100000),
		`{"eventVersion":"\ud800","eventSource":"x","eventName":"y","userIdentity":{}}`, "<", "<13>", "<999>", "<13>1", "CEF:", "CEF:0", "CEF:0|", "CEF:0|||||||",
		"LEEF:2.0|", strings.Repeat("a=b ", 50000), strings.Repeat("=", 100000), "%ASA-6-302013: ", "%ASA-6-302013: Built", "<Event", "<Event><System></Event>",
		strings.Repeat("x", 2<<20), "\u2028\u2029\x1b[31m\x85", asaLine + "\xc3\x28",
	}
	for n := 0; n < len(asaLine); n += 7 {
		records = append(records, asaLine[:n])
	}
	for n := 0; n < len(trail); n += 13 {
		records = append(records, trail[:n])
	}
	for i, r := range records {
		records[i] = strings.ReplaceAll(r, "\x00", "")
	}
	out, errs, code := penstock(t, strings.Join(records, "\x00")+"\x00", "parse", "-framing", "nul", "-events", "one")
	got := lines(out)
	if code != 0 || len(got) != len(records) {
		t.Fatalf("exit %d, %d lines for %d records: %s", code, len(got), len(records), errs)
	}
	for i, l := range got {
		if !json.Valid([]byte(l)) || strings.ToValidUTF8(l, "") != l {
			t.Errorf("record %d (%.40q) is answered by %.200q", i, records[i], l)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"nonsense"}, {"parse", "-nonsense"}} {
		if _, errs, code := penstock(t, "", args...); code != 2 || !strings.Contains(errs, "usage") {
			t.Errorf("%v: exit %d, %s", args, code, errs)
		}
	}
	for _, args := range [][]string{{"parse", "-p", "cisco.asb"}, {"parse", "-framing", "x"}, {"parse", "-fields", "x"}, {"parse", "-o", "x"}, {"parse", "-tz", "x"}, {"parse", "/nonexistent"}} {
		if _, errs, code := penstock(t, "", args...); code != 1 || errs == "" {
			t.Errorf("%v: exit %d, %s", args, code, errs)
		}
	}
}

// Formats that are no text are parsed by name, each with the framing that its files have.
func TestParseBinaryFormats(t *testing.T) {
	flow := append([]byte{0, 5, 0, 1}, make([]byte, 20+48)...)
	copy(flow[8:], []byte{0x69, 0xa6, 0xa5, 0xd0})          // time of export
	copy(flow[24:], []byte{192, 0, 2, 1, 198, 51, 100, 2})  // addresses
	copy(flow[24+32:], []byte{0x12, 0x34, 0, 53, 0, 0, 17}) // ports, flags, protocol
	for what, tc := range map[string]struct {
		in   string
		args []string
		want int
	}{
		"one datagram":       {string(flow), nil, 1},
		"several with sizes": {strings.Repeat(fmt.Sprintf("%d %s", len(flow), flow), 3), []string{"-framing", "octet"}, 3},
	} {
		out, errs, code := penstock(t, tc.in, append([]string{"parse", "-p", "netflow"}, tc.args...)...)
		got := lines(out)
		if code != 0 || len(got) != tc.want || field(t, got[0], "source.ip") != "192.0.2.1" || field(t, got[0], "network.transport") != "udp" {
			t.Errorf("%s: exit %d: %s%s", what, code, out, errs)
		}
	}
	f, err := os.Open("../../parse/kernel/evtx/testdata/sample.evtx.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	file, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	out, errs, code := penstock(t, string(file), "parse", "-p", "evtx")
	if got := lines(out); code != 0 || len(got) != 3 || field(t, got[1], "event.code") != "4625" {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// Compressed input and UTF-16 are told by their first bytes; other sets are named.
func TestParseDecodes(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprintln(w, cefLine)
	w.Close()
	file := filepath.Join(t.TempDir(), "cef.log.gz")
	if err := os.WriteFile(file, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	wide := []byte{0xff, 0xfe}
	for _, c := range cefLine + "\r\n" {
		wide = append(wide, byte(c), 0)
	}
	cyrillic := "CEF:0|\xd6\xd5\xd2|Guard|4.2|100|probe|7|src=198.51.100.66\n"
	for _, tc := range []struct {
		name, in string
		args     []string
		field    string
		want     any
	}{
		{"gzip file", "", []string{file}, "source.ip", "198.51.100.66"},
		{"gzip input", packed.String(), nil, "source.ip", "198.51.100.66"},
		{"cut gzip", packed.String()[:packed.Len()-4], nil, "source.ip", "198.51.100.66"},
		{"UTF-16", string(wide), nil, "source.ip", "198.51.100.66"},
		{"KOI8-R", cyrillic, []string{"-charset", "koi8-r"}, "observer.vendor", "жур"},
		{"rejected", cyrillic, []string{"-invalid", "reject"}, "error.code", "ENCODING_ERROR"},
		{"repaired", cyrillic, []string{"-invalid", "repair"}, "observer.vendor", "\ufffd\ufffd\ufffd"},
		{"as Windows-1252", cyrillic, []string{"-invalid", "windows-1252"}, "observer.vendor", "ÖÕÒ"},
		{"not decompressed", packed.String(), []string{"-compression", "none"}, "error.code", "UNKNOWN_FORMAT"},
	} {
		out, errs, code := penstock(t, tc.in, append([]string{"parse"}, tc.args...)...)
		got := lines(out)
		if code != 0 || len(got) == 0 || field(t, got[0], tc.field) != tc.want {
			t.Errorf("%s: exit %d: %s%s", tc.name, code, out, errs)
		}
		if cut := strings.Contains(errs, "TRUNCATED 1"); cut != (tc.name == "cut gzip") {
			t.Errorf("%s: %s", tc.name, errs)
		}
	}
	for _, args := range [][]string{{"-compression", "x"}, {"-charset", "x"}, {"-invalid", "x"}} {
		if _, errs, code := penstock(t, "", append([]string{"parse"}, args...)...); code == 0 {
			t.Errorf("%v is accepted: %s", args, errs)
		}
	}
}

// Lines that belong together become one record.
func TestParseJoins(t *testing.T) {
	audit := `type=SYSCALL msg=audit(1772442905.001:7): arch=c000003e syscall=59 success=yes exit=0 items=1 ppid=1 pid=2 uid=0 comm="tar" exe="/usr/bin/tar"
type=EXECVE msg=audit(1772442905.001:7): argc=2 a0="tar" a1="-czf"
type=USER_START msg=audit(1772442905.002:8): pid=3 uid=0 auid=0 ses=1 msg='op=PAM:session_open acct="root" exe="/usr/sbin/cron" hostname=? addr=? terminal=cron res=success'
type=PROCTITLE msg=audit(1772442905.001:7): proctitle=746172
`
	out, errs, code := penstock(t, audit, "parse", "-p", "auditd.log", "-join", "auditd")
	got := lines(out)
	if code != 0 || len(got) != 2 || !strings.Contains(errs, "4 records, 2 events") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if args, _ := field(t, got[1], "process.args").([]any); len(args) != 2 || field(t, got[1], "process.title") != "tar" || field(t, got[1], "process.pid") != 2.0 {
		t.Error(got[1])
	}
	cri := "2026-03-02T09:15:04.1Z stdout P Mar  2 09:15:04 h sshd[7]: Failed password for \n2026-03-02T09:15:04.1Z stdout F root from 203.0.113.7 port 22 ssh2\n"
	out, errs, code = penstock(t, cri, "parse", "-join", "containers")
	if got := lines(out); code != 0 || len(got) != 1 || field(t, got[0], "user.name") != "root" {
		t.Errorf("containers: exit %d: %s%s", code, out, errs)
	}
	for join, want := range map[string]string{"indented": "a\n b", "start=^[a-z]": "a\n b", "continue=^ ": "a\n b", "end=b$": "a\n b"} {
		out, errs, code := penstock(t, "<13>Mar  3 08:15:02 h a: "+"a\n b\n<13>Mar  3 08:15:02 h a: c\n", "parse", "-p", "syslog", "-join", strings.Replace(join, "^[a-z]", "^<", 1))
		if got := lines(out); code != 0 || len(got) != 2 || field(t, got[0], "message") != want {
			t.Errorf("%s: exit %d: %s%s", join, code, out, errs)
		}
	}
	for _, join := range []string{"x", "start=("} {
		if _, errs, code := penstock(t, "", "parse", "-join", join); code == 0 {
			t.Errorf("%s is accepted: %s", join, errs)
		}
	}
}

// Header lines and rows say what the columns of the rows behind them are.
func TestParseHeaders(t *testing.T) {
	iis := "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n#Fields: date time c-ip cs-method cs-uri-stem sc-status x-ours\n" +
		"2026-03-03 08:00:01 192.0.2.7 GET /a 404 blue\n"
	zeek := "#separator \\x09\n#set_separator\t,\n#unset_field\t-\n#path\tdns\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tquery\tanswers\n" +
		"#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tvector[string]\n1772524801.5\tC1\t192.0.2.1\t5353\t192.0.2.53\t53\tudp\texample.net\t192.0.2.9,192.0.2.10\n#close\t-\n"
	for _, tc := range []struct {
		name, in, dataset, field string
		args                     []string
		want                     any
	}{
		{"IIS", iis, "iis.access", "iis.access.x-ours", nil, "blue"},
		{"Zeek", zeek, "zeek.dns", "dns.question.name", nil, "example.net"},
		{"CSV", "src_ip,user,n\n192.0.2.1,\"Ada, L.\",7\n", "generic.json", "user.name", []string{"-header"}, "Ada, L."},
	} {
		for _, workers := range []string{"1", "3"} {
			out, errs, code := penstock(t, tc.in, append([]string{"parse", "-workers", workers}, tc.args...)...)
			got := lines(out)
			if code != 0 || len(got) != 1 || field(t, got[0], "event.dataset") != tc.dataset || field(t, got[0], tc.field) != tc.want {
				t.Errorf("%s: exit %d: %s%s", tc.name, code, out, errs)
			}
		}
	}
}

// Every format is a name that -p knows.
func TestParseFormatNames(t *testing.T) {
	for name, in := range map[string]string{
		"syslog": "<13>Mar  3 08:15:02 h a: b", "rfc5424": "<13>1 2026-03-03T08:00:00Z h a - - - b", "rfc3164": "<13>Mar  3 08:15:02 h a: b",
		"cef": cefLine, "leef": "LEEF:1.0|A|B|1|2|src=192.0.2.1", "kv": "a=b,c=d", "logfmt": "level=info msg=x", "json": `{"a":1}`, "ndjson": `{"a":1}`,
		"csv": "a,b", "xml": "<a><b>c</b></a>", "text": "any words",
	} {
		out, errs, code := penstock(t, in+"\n", "parse", "-p", name)
		if got := lines(out); code != 0 || len(got) != 1 || field(t, got[0], "event.kind") != "event" {
			t.Errorf("%s: exit %d: %s%s", name, code, out, errs)
		}
	}
}
