package ecs

import (
	"slices"
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	for _, test := range []struct {
		name, first string
	}{
		{"source.ip", "source.ip"},
		{"soruce.ip", "source.ip"},
		{"sourceip", "source.ip"},
		{"sourceIp", "source.ip"},
		{"Source.IP", "source.ip"},
		{"src_ip", "source.ip"},
		{"src.ip", "source.ip"},
		{"dst-port", "destination.port"},
		{"source.ip_address", "source.ip"},
		{"winlog.source.ip", "source.ip"},
		{"timestamp", "@timestamp"},
		{"@timestmap", "@timestamp"},
		{"http.status_code", "http.response.status_code"},
		{"status_code", "http.response.status_code"},
		{"user_agent", "user_agent.name"},
		{"useragent.original", "user_agent.original"},
		{"process.cmdline", "process.command_line"},
		{"event.catagory", "event.category"},
		{"event.severty", "event.severity"},
		{"url.orignal", "url.original"},
		{"msg", "message"},
		{"source", "source.ip"},
	} {
		got := Nearest(test.name, 3)
		if len(got) == 0 || got[0] != test.first {
			t.Errorf("Nearest(%q) = %q, want %q first", test.name, got, test.first)
		}
	}
	for _, name := range []string{"", ".", "...", "@_-", "qqqq.zzzz", "x", "ÿ\xff\x00", strings.Repeat("source.ip.", 20)} {
		if got := Nearest(name, 5); len(got) != 0 {
			t.Errorf("Nearest(%q) = %q, want none", name, got)
		}
	}
	for n := range 5 {
		if got := Nearest("ip", n-1); len(got) != max(n-1, 0) {
			t.Errorf("Nearest(ip, %d) = %q", n-1, got)
		}
	}
}

// TestNearestTypos drops one letter of a name: the name must come back.
func TestNearestTypos(t *testing.T) {
	for k := Key(1); k < Count; k += 37 {
		name := k.Name()
		i := len(name) / 2
		typo := name[:i] + name[i+1:]
		if got := Nearest(typo, 5); !slices.Contains(got, name) {
			t.Errorf("Nearest(%q) = %q, want %q", typo, got, name)
		}
	}
}

func FuzzNearest(f *testing.F) {
	for _, s := range []string{"", "source.ip", "srcIP", "HTTPStatusCode", "ÄÖ.ü", "a..b", "@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := Nearest(name, 3)
		if len(got) > 3 {
			t.Errorf("%d names", len(got))
		}
		for _, n := range got {
			if _, ok := Lookup(n); !ok {
				t.Errorf("Nearest(%q) gives %q, which is no field", name, n)
			}
		}
		if k, ok := Lookup(name); ok && (len(got) == 0 || got[0] != k.Name()) {
			t.Errorf("Nearest(%q) = %q, want itself first", name, got)
		}
	})
}

func BenchmarkNearest(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Nearest("http.response.staus_code", 3)
	}
}
