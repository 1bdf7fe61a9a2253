package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What two entries cannot have at once is told with both places; what they can is no fault.
func TestClaims(t *testing.T) {
	source := func(kind, options string) string { return "  - " + kind + ": {" + options + "}\n" }
	udp := func(address string) string { return source("syslog", `network: udp, address: "`+address+`"`) }
	tcp := func(address string) string { return source("syslog", `network: tcp, address: "`+address+`"`) }
	relp := func(address string) string { return source("relp", `address: "`+address+`"`) }
	const second = ":4:" // where the second source stands
	t.Setenv("PENSTOCK_ADDRESS", "127.0.0.1:2514")
	dir := t.TempDir()
	for _, tc := range []struct {
		name, sources, rest string
		want                []string // none: no fault
	}{
		{"the same", tcp("127.0.0.1:514") + relp("127.0.0.1:514"), "", []string{second + "21:", "p.yaml:3:37 does"}},
		{"another transport", tcp("127.0.0.1:514") + udp("127.0.0.1:514"), "", nil},
		{"another port", tcp("127.0.0.1:514") + tcp("127.0.0.1:515"), "", nil},
		{"another address", tcp("127.0.0.1:514") + tcp("127.0.0.2:514"), "", nil},
		{"any port", tcp("127.0.0.1:0") + tcp("127.0.0.1:0"), "", nil},
		{"a port by its name", udp("127.0.0.1:syslog") + udp("127.0.0.1:514"), "", []string{second}},
		{"all of IPv4", udp("192.0.2.1:514") + udp("0.0.0.0:514"), "", []string{second}},
		{"all, before one", udp("[::]:514") + udp("192.0.2.1:514"), "", []string{second}},
		{"all of both families", tcp("0.0.0.0:514") + tcp("[::]:514"), "", []string{second}},
		{"all of IPv4, one of IPv6", tcp("0.0.0.0:514") + tcp("[::1]:514"), "", nil},
		{"all of IPv6 only", source("syslog", `network: tcp6, address: "[::]:514"`) + tcp("0.0.0.0:514"), "", nil},
		{"IPv4 in IPv6", tcp("[::ffff:127.0.0.1]:514") + tcp("127.0.0.1:514"), "", []string{second}},
		{"localhost", tcp("localhost:514") + relp("127.0.0.1:514"), "", []string{second}},
		{"names", tcp("host.example:514") + tcp("HOST.example:514"), "", []string{second}},
		{"a name and all", tcp("host.example:514") + tcp("0.0.0.0:514"), "", []string{second}},
		{"a name and an address", tcp("host.example:514") + tcp("192.0.2.1:514"), "", nil},
		{"from the environment", relp("127.0.0.1:2514") + source("http", "address: {env: PENSTOCK_ADDRESS}"), "", []string{second}},
		{"a socket", source("syslog", "network: unix, address: "+dir+"/s") + source("syslog", "network: unixgram, address: "+dir+"/x/../s"), "", []string{second}},
		{"two sockets", source("syslog", "network: unix, address: "+dir+"/s") + source("syslog", "network: unixgram, address: "+dir+"/t"), "", nil},
		{"admin", relp("127.0.0.1:9600"), "admin: localhost:9600\n", []string{":4:8:", "p.yaml:3:21 does"}},
		{"positions", source("file", "include: [/a/*], checkpoint: "+dir+"/c") + source("file", "include: [/b/*], checkpoint: "+dir+"/./c"), "", []string{second, "keep positions in"}},
		{"positions of two kinds", source("file", "include: [/a/*], checkpoint: "+dir+"/c") + source("evtx", "dir: /b, checkpoint: "+dir+"/c"), "", []string{second}},
		{"two of their own", source("file", "include: [/a/*], checkpoint: "+dir+"/c") + source("file", "include: [/a/*], checkpoint: "+dir+"/d"), "", nil},
		{"spools", source("stdin", ""), "sinks:\n  - stdout: {}\n    spool: {dir: " + dir + "/q}\n  - file: {dir: " + dir + "}\n    spool: {dir: " + dir + "/q/}\n", []string{":8:18:", "p.yaml:6:18 does"}},
		{"a spool for dead letters", source("stdin", ""), "sinks:\n  - stdout: {}\n    spool: {dir: " + dir + "/q}\ndead_letters: {dir: " + dir + "/q}\n", []string{":7:21:", "store in"}},
		{"a spool beside dead letters", source("stdin", ""), "sinks:\n  - stdout: {}\n    spool: {dir: " + dir + "/q}\ndead_letters: {dir: " + dir + "/d}\n", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := "pipeline: {workers: 1}\nsources:\n" + tc.sources + tc.rest
			if !strings.Contains(text, "sinks:") {
				text += "sinks: [{stdout: {}}]\n"
			}
			name := filepath.Join(dir, "p.yaml")
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, errs, code := penstock(t, "", "check", "-c", name)
			if (code == 0) != (len(tc.want) == 0) {
				t.Errorf("exit %d: %s%s", code, out, errs)
			}
			for _, want := range tc.want {
				if !strings.Contains(errs, want) {
					t.Errorf("want %q in %s", want, errs)
				}
			}
		})
	}
}
