package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The peer syslog-ng is the program of that name, where it is found: as SYSLOG_NG says, or on
// the PATH. Its own parsers read the text (db-parser the texts of an ASA) and format-json
// writes the fields of mapping.go: standard input is a file, standard output what forgets it.
// It has no parser for Windows events in XML. What it does in starting up is measured with one
// line, and left out.

// syslogNG is how the program is called.
func syslogNG() (string, error) {
	name := os.Getenv("SYSLOG_NG")
	if name == "" {
		name = "syslog-ng"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errSkip, err)
	}
	return path, nil
}

func startSyslogNG(c *corpus) (run, error) {
	if syslogNGParsers[c.name] == "" {
		return nil, errSkip
	}
	if _, err := syslogNG(); err != nil {
		return nil, err
	}
	return func(r io.Reader, w io.Writer) (int, error) {
		lines, err := io.ReadAll(r)
		if err != nil {
			return 0, err
		}
		in, err := temporary(lines)
		if err != nil {
			return 0, err
		}
		defer in.Close()
		file, err := temporary() // into a pipe it loses what is under way when it ends
		if err != nil {
			return 0, err
		}
		defer file.Close()
		if _, err := runSyslogNG(c, in, file); err != nil {
			return 0, err
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		out, err := io.ReadAll(file)
		if err != nil {
			return 0, err
		}
		_, err = w.Write(out)
		return bytes.Count(out, []byte{'\n'}), err
	}, nil
}

// temporary returns an open file with the given content that has no name any more.
func temporary(parts ...[]byte) (*os.File, error) {
	f, err := os.CreateTemp("", "bench-*.log")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name())
	for _, b := range parts {
		if _, err := f.Write(b); err != nil {
			f.Close()
			return nil, err
		}
	}
	return f, nil
}

// runSyslogNG runs the program over a file.
func runSyslogNG(c *corpus, in, out *os.File) (*os.ProcessState, error) {
	program, err := syslogNG()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-syslog-ng-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{"c.conf": syslogNGConfig(c, dir), "asa.xml": syslogNGPatterns()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	cmd := exec.Command(program, "-F", "--no-caps", "-f", at("c.conf"), "-R", at("persist"), "-c", at("control"), "--pidfile="+at("pid"), "--worker-threads=1")
	cmd.Env = append(os.Environ(), "TZ=UTC", "IV_EXCLUDE_POLL_METHOD=epoll-timerfd epoll") // which refuse regular files
	var diag bytes.Buffer
	cmd.Stdin, cmd.Stderr = in, &diag
	cmd.Stdout = out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("syslog-ng: %w: %s", err, strings.TrimSpace(diag.String()))
	}
	return cmd.ProcessState, nil
}

// measureSyslogNG is measure for a program: the work of its process, without its start.
func measureSyslogNG(c *corpus, size int, span time.Duration) (s sample, err error) {
	fn, err := startSyslogNG(c)
	if err != nil {
		return s, err
	}
	if s.Fields, err = countFields(fn, c.take(500)); err != nil {
		return s, err
	}
	data, err := c.block(size)
	if err != nil {
		return s, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return s, err
	}
	defer null.Close()
	used := func(parts ...[]byte) (cpu time.Duration, peak int64, err error) {
		in, err := temporary(parts...)
		if err != nil {
			return 0, 0, err
		}
		defer in.Close()
		state, err := runSyslogNG(c, in, null)
		if err != nil {
			return 0, 0, err
		}
		if u, ok := state.SysUsage().(*syscall.Rusage); ok {
			peak = int64(u.Maxrss) << 10
		}
		return state.UserTime() + state.SystemTime(), peak, nil
	}
	line := data[:bytes.IndexByte(data, '\n')+1]
	start, _, err := used(line)
	if err != nil {
		return s, err
	}
	parts, once := [][]byte{data}, time.Duration(0)
	for {
		begin := time.Now()
		cpu, peak, err := used(parts...)
		if err != nil {
			return s, err
		}
		s.CPU, s.Wall, s.Peak = cpu-start, time.Since(begin), peak
		if s.CPU >= span || once > 0 || len(parts) > 1 {
			break
		}
		once = max(s.CPU, time.Millisecond) // too short to tell: as often as fills the time
		for len(parts) < int(min(span/once+1, 32)) {
			parts = append(parts, data)
		}
	}
	n := int64(len(parts))
	s.In, s.Events = n*int64(len(data)), n*int64(bytes.Count(data, []byte{'\n'}))
	var out counter
	events, err := fn(bytes.NewReader(c.take(500)), &out)
	if err != nil {
		return s, err
	}
	if events != 500 {
		return s, errors.New("syslog-ng lost records")
	}
	s.Out = out.Load() * s.Events / int64(events)
	if s.CPU <= 0 {
		return s, errors.New("too short to be measured")
	}
	return s, nil
}

// syslogNGParsers are the statements that read the records of a corpus.
var syslogNGParsers = map[string]string{
	"asa":        `syslog-parser(); db-parser(file("DIR/asa.xml"));`,
	"cef":        `syslog-parser(flags(no-multi-line)); csv-parser(columns(".h.v", ".h.vendor", ".h.product", ".h.version", ".h.id", ".h.name", ".h.severity", ".h.ext") delimiters("|") dialect(escape-backslash) flags(greedy)); kv-parser(prefix(".f.") template("${.h.ext}")); date-parser(format("%s") template("$(substr ${.f.rt} 0 10)"));`,
	"cloudtrail": `json-parser(prefix(".f."));`,
	"rfc5424":    `syslog-parser(flags(syslog-protocol));`,
	"fortigate":  `syslog-parser(flags(no-header)); kv-parser(prefix(".f.")); date-parser(format("%Y-%m-%d %H:%M:%S%z") template("${.f.date} ${.f.time}${.f.tz}"));`,
	"winjson":    `json-parser(prefix(".f."));`,
}

func syslogNGConfig(c *corpus, dir string) string {
	var b strings.Builder
	add := func(p pair, value string) {
		switch mark, name := kind(p.to); mark {
		case '#':
			fmt.Fprintf(&b, " --pair=%s=int(%s)", name, value)
		case '~':
			fmt.Fprintf(&b, " --pair=%s=$(lowercase %s)", name, value)
		default:
			fmt.Fprintf(&b, " --pair=%s=%s", name, value)
		}
	}
	all := func(list []pair, prefix string) {
		for _, p := range list {
			add(p, "${"+prefix+p.from+"}")
		}
	}
	header := func() {
		all(pairs(`PRI=#log.syslog.priority FACILITY_NUM=#log.syslog.facility.code LEVEL_NUM=#log.syslog.severity.code ISODATE=@timestamp`), "")
	}
	for _, p := range constants[c.name] {
		add(pair{"", p.from}, p.to)
	}
	switch c.name {
	case "asa":
		header()
		all(pairs(`HOST=host.hostname HOST=observer.hostname .f.severity=#event.severity .f.id=event.code .f.outcome=event.outcome`), "")
		for from, to := range asaNames {
			add(pair{"", to}, "${.f."+from+"}")
		}
	case "cef":
		header()
		add(pair{"", "host.hostname"}, "${HOST}")
		all(cefHeader[1:], ".h.")
		all(cefExtensions, ".f.")
		all(pairs(`outcome=event.outcome`), ".f.")
	case "cloudtrail":
		all(cloudtrailFields, ".f.")
		all(pairs(`tlsDetails.tlsVersion=tls.version`), ".f.")
		add(pair{"", "event.outcome"}, `$(if ('${.f.errorCode}' ne '') failure success)`)
	case "rfc5424":
		header()
		all(pairs(`HOST=host.hostname PROGRAM=process.name PID=#process.pid MSGID=event.code MESSAGE=message .SDATA.origin@32473.sequenceId=#event.sequence`), "")
		all(syslogParams, ".SDATA.flow@32473.")
	case "fortigate":
		add(pair{"", "@timestamp"}, "${ISODATE}")
		all(fortigateFields, ".f.")
		add(pair{"", "network.transport"}, `$(if ('${.f.proto}' eq '6') tcp udp)`)
		add(pair{"", "event.type"}, `$(if ('${.f.action}' eq 'deny') denied allowed)`)
	case "winjson":
		all(winHeader, ".f.")
		all(winData, ".f.winlog.event_data.")
	}
	return `@version: 3.35
options { stats-freq(0); keep-timestamp(yes); use-dns(no); dns-cache(no); log-msg-size(65536); threaded(yes); };
source s { stdin(flags(no-parse) log-fetch-limit(1000) log-iw-size(100000)); };
parser p { ` + strings.ReplaceAll(syslogNGParsers[c.name], "DIR", dir) + ` };
destination d { file("/dev/stdout" template("$(format-json --scope none --omit-empty-values` + b.String() + `)\n") flush-lines(1000) log-fifo-size(200000)); };
log { source(s); parser(p); destination(d); flags(flow-control); };
`
}

// syslogNGTexts are the texts of asaPatterns for db-parser.
var syslogNGTexts = []string{
	`Built @ESTRING:.f.dir: @@ESTRING:.f.proto: @connection @NUMBER:.f.number@ for SOURCE (@IPv4:.f.snip@/@NUMBER:.f.snport@) to DESTINATION (@IPv4:.f.dnip@/@NUMBER:.f.dnport@)`,
	`Teardown @ESTRING:.f.proto: @connection @NUMBER:.f.number@ for SOURCE to DESTINATION duration @ESTRING:.f.time: @bytes @NUMBER:.f.bytes@ @ANYSTRING:.f.reason@`,
	`Teardown @ESTRING:.f.proto: @connection @NUMBER:.f.number@ for SOURCE to DESTINATION duration @ESTRING:.f.time: @bytes @NUMBER:.f.bytes@`,
	`Deny @ESTRING:.f.proto: @src SOURCE dst DESTINATION by access-group @QSTRING:.f.rule:"@`,
	`Built dynamic @ESTRING:.f.proto: @translation from SOURCE to DESTINATION`,
	`Deny @ESTRING:.f.proto: @(no connection) from @IPv4:.f.sip@/@NUMBER:.f.sport@ to @IPv4:.f.dip@/@NUMBER:.f.dport@ flags @ESTRING:.f.flags:  on@ interface @ANYSTRING:.f.siface@`,
	`User @QSTRING:.f.user:'@ executed the @QSTRING:.f.cmd:'@ command.`,
	`Login permitted from @IPv4:.f.sip@/@NUMBER:.f.sport@ to @ESTRING:.f.diface::@@IPv4:.f.dip@/@ESTRING:.f.service: @for user @QSTRING:.f.suser:"@`,
	`AAA user @ESTRING:.f.kind: @Successful : server =  @IPv4:.f.dip@ : user = @ANYSTRING:.f.user@`,
	`AAA user @ESTRING:.f.kind: @Rejected : reason = @ESTRING:.f.reason: :@ server = @IPv4:.f.dip@ : user = @ESTRING:.f.user: @: user IP = @IPv4:.f.sip@`,
}

// syslogNGPatterns is the file of the patterns.
func syslogNGPatterns() string {
	var b strings.Builder
	b.WriteString("<patterndb version='4' pub_date='2026-01-01'><ruleset name='asa' id='asa'><patterns><pattern>%ASA-@NUMBER:.f.severity@-@NUMBER:.f.id@</pattern></patterns><rules>")
	end := func(kind string) string {
		return "@ESTRING:.f." + kind + "iface::@@IPv4:.f." + kind + "ip@/@NUMBER:.f." + kind + "port@"
	}
	for i, text := range syslogNGTexts {
		outcome := "success"
		if strings.Contains(text, "Rejected") {
			outcome = "failure"
		}
		fmt.Fprintf(&b, "<rule id='%d' provider='bench' class='system'><patterns><pattern>", i)
		xml.EscapeText(&b, []byte(strings.NewReplacer("SOURCE", end("s"), "DESTINATION", end("d")).Replace(text)))
		fmt.Fprintf(&b, "</pattern></patterns><values><value name='.f.outcome'>%s</value></values></rule>", outcome)
	}
	b.WriteString("</rules></ruleset></patterndb>")
	return b.String()
}
