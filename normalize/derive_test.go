package normalize_test

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// fields fills a record from lines "name=value": addresses, numbers and times (@nanos)
// are recognised, values in brackets are lists.
func fields(t testing.TB, text string) *parse.Record {
	t.Helper()
	r := new(parse.Record)
	for line := range strings.Lines(text) {
		name, v, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		k, found := ecs.Lookup(name)
		if !found {
			t.Fatalf("no field %s", name)
		}
		if list, ok := strings.CutPrefix(v, "["); ok && strings.HasSuffix(v, "]") && k.Array() {
			for _, e := range strings.Split(strings.TrimSuffix(list, "]"), ",") {
				r.Append(k, typed(t, r, k, e))
			}
			continue
		}
		r.Set(k, typed(t, r, k, v))
	}
	return r
}

func typed(t testing.TB, r *parse.Record, k ecs.Key, s string) parse.Value {
	t.Helper()
	v := parse.BytesValue([]byte(s))
	if n, ok := strings.CutPrefix(s, "@"); ok && k.Type() == ecs.TypeDate {
		var nanos int64
		if _, err := fmt.Sscan(n, &nanos); err != nil {
			t.Fatal(err)
		}
		return parse.TimeValue(nanos)
	}
	w, ok := normalize.Coerce(r, k, v, nil)
	if !ok {
		t.Fatalf("%s: %q does not fit", k, s)
	}
	return w
}

// show writes the fields of r, without those of before.
func show(r, before *parse.Record) string {
	var b strings.Builder
	for k, v := range r.All() {
		if before.Get(k).Equal(v) {
			continue
		}
		if v.Kind() == parse.KindTime {
			fmt.Fprintf(&b, "%s=@%d\n", k, v.Int())
			continue
		}
		fmt.Fprintf(&b, "%s=%s\n", k, v)
	}
	return b.String()
}

func TestDerive(t *testing.T) {
	none := normalize.DeriveOptions{NoRelated: true}
	site := normalize.DeriveOptions{NoRelated: true, NoCommunityID: true, NoAddress: true, Internal: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, tc := range []struct {
		name     string
		o        normalize.DeriveOptions
		in, want string
	}{
		{"nothing", none, "", ""},
		{"address from IP", none, "source.ip=10.0.0.1", "source.address=10.0.0.1"},
		{"no address", normalize.DeriveOptions{NoAddress: true, NoRelated: true}, "source.ip=10.0.0.1\nserver.domain=a.b", ""},
		{"IP from address", none, "destination.address=2001:db8::1", "destination.ip=2001:db8::1"},
		{"domain from address", none, "client.address=host-1.example.com.", "client.domain=host-1.example.com."},
		{"address from domain", none, "server.domain=a.b", "server.address=a.b"},
		{"address is a placeholder", none, "source.address=-", ""},
		{"address is mistyped", none, "source.address=10.0.0.300\nclient.address=1.2.3\nserver.address=a..b\ndestination.address=10.0.0.1:80", ""},
		{"address has spaces", none, "source.address=not a name", ""},
		{"all there", none, "source.address=name\nsource.ip=10.0.0.1", ""},
		{"IPv4", none, "source.address=a\nsource.ip=10.0.0.1\ndestination.address=b\ndestination.ip=10.0.0.2", "network.type=ipv4"},
		{"IPv6", none, "source.address=a\nsource.ip=::1\ndestination.address=b\ndestination.ip=::2", "network.type=ipv6"},
		{"mixed", none, "source.address=a\nsource.ip=::1\ndestination.address=b\ndestination.ip=10.0.0.2", ""},
		{"number from name", none, "network.transport=udp", "network.iana_number=17"},
		{"number with three digits", none, "network.transport=sctp", "network.iana_number=132"},
		{"name from number", none, "network.iana_number=58", "network.transport=ipv6-icmp"},
		{"a protocol that has no name", none, "network.iana_number=254", ""},
		{"no protocol number", none, "network.iana_number=300", ""},
		{"no protocol name", none, "network.transport=quic-ish", ""},
		{"community ID", none, "source.address=a\nsource.ip=128.232.110.120\nsource.port=34855\ndestination.address=b\ndestination.ip=66.35.250.204\ndestination.port=80\nnetwork.transport=tcp\nnetwork.type=ipv4",
			"network.community_id=1:LQU9qZlK+B5F3KDmev6m5PMibrg=\nnetwork.iana_number=6"},
		{"community ID without a port", none, "source.address=a\nsource.ip=10.0.0.1\nsource.port=1\ndestination.address=b\ndestination.ip=10.0.0.2\nnetwork.transport=tcp\nnetwork.type=ipv4", "network.iana_number=6"},
		{"community ID of ICMP is a guess", none, "source.address=a\nsource.ip=10.0.0.1\ndestination.address=b\ndestination.ip=10.0.0.2\nnetwork.transport=icmp\nnetwork.type=ipv4", "network.iana_number=1"},
		{"outbound", site, "source.ip=10.0.0.1\ndestination.ip=1.1.1.1", "network.direction=outbound\nnetwork.type=ipv4"},
		{"inbound", site, "source.ip=1.1.1.1\ndestination.ip=::ffff:10.0.0.1", "network.direction=inbound"},
		{"internal", site, "source.ip=10.0.0.1\ndestination.ip=10.255.255.255", "network.direction=internal\nnetwork.type=ipv4"},
		{"external", site, "source.ip=1.1.1.1\ndestination.ip=8.8.8.8", "network.direction=external\nnetwork.type=ipv4"},
		{"sums", none, "source.domain=a\nsource.address=a\nnetwork.transport=x\nsource.bytes=5\ndestination.bytes=7\nsource.packets=1\ndestination.packets=2", "network.bytes=12\nnetwork.packets=3"},
		{"sums too large", none, "network.transport=x\nsource.bytes=9223372036854775807\ndestination.bytes=1", ""},
		{"duration", none, "event.start=@100\nevent.end=@350", "event.duration=250"},
		{"end", none, "event.start=@100\nevent.duration=50", "event.end=@150"},
		{"start", none, "event.end=@100\nevent.duration=50", "event.start=@50"},
		{"end before start", none, "event.start=@350\nevent.end=@100", ""},
		{"too far apart", none, fmt.Sprintf("event.start=@%d\nevent.end=@%d", math.MinInt64, math.MaxInt64), ""},
		{"end too late", none, fmt.Sprintf("event.start=@%d\nevent.duration=%d", int64(math.MaxInt64), int64(math.MaxInt64)), ""},
		{"POSIX path", none, "file.path=/usr/lib/x.tar.gz", "file.directory=/usr/lib\nfile.extension=gz\nfile.name=x.tar.gz"},
		{"at the root", none, "file.path=/x", "file.directory=/\nfile.name=x"},
		{"POSIX name with a backslash", none, `file.path=/tmp/a\b.c`, "file.directory=/tmp\nfile.extension=c\nfile.name=a\\b.c"},
		{"Windows path", none, `file.path=C:\Windows\a b.EXE`, "file.directory=C:\\Windows\nfile.extension=EXE\nfile.name=a b.EXE"},
		{"Windows root", none, `file.path=C:\x.txt`, "file.directory=C:\\\nfile.extension=txt\nfile.name=x.txt"},
		{"Windows root with a slash", none, `file.path=C:/x.txt`, "file.directory=C:/\nfile.extension=txt\nfile.name=x.txt"},
		{"Windows path with both", none, `file.path=C:/a\b.txt`, "file.directory=C:/a\nfile.extension=txt\nfile.name=b.txt"},
		{"share", none, `file.path=\\srv\c$\x`, "file.directory=\\\\srv\\c$\nfile.name=x"},
		{"device", none, `process.executable=\Device\HarddiskVolume1\cmd.exe`, "process.name=cmd.exe"},
		{"hidden file", none, "file.path=/home/u/.bashrc", "file.directory=/home/u\nfile.name=.bashrc"},
		{"stream", none, `file.path=C:\a.txt:zone`, "file.directory=C:\\\nfile.name=a.txt:zone"},
		{"folder", none, "file.path=/tmp/", ""},
		{"no folder", none, "file.path=x.txt", "file.extension=txt"},
		{"processes", none, "process.executable=/bin/sh\nprocess.parent.executable=C:\\a\\b.exe\nprocess.parent.name=kept", "process.name=sh"},
		{"related", normalize.DeriveOptions{NoAddress: true, NoFileParts: true},
			"source.ip=10.0.0.1\nhost.ip=[10.0.0.1,::1]\nsource.nat.ip=1.1.1.1\nuser.name=ann\nsource.user.name=ann\ndestination.user.name=bob\nhost.name=h\nobserver.hostname=fw\nsource.domain=d\nfile.hash.md5=aa\nprocess.hash.sha1=bb\nrelated.ip=[9.9.9.9]",
			"related.hash=aa,bb\nrelated.hosts=h,fw,d\nrelated.ip=9.9.9.9,10.0.0.1,::1,1.1.1.1\nrelated.user=bob,ann\nsource.address=d\n"},
	} {
		r := fields(t, tc.in)
		before := r.Clone()
		d := normalize.NewDeriver(tc.o)
		keep, err := d.Process(nil, r)
		got := strings.TrimSpace(show(r, before))
		if tc.name == "related" {
			got, tc.want = strings.ReplaceAll(got, "source.address=d", ""), strings.ReplaceAll(tc.want, "source.address=d", "")
		}
		if strings.TrimSpace(got) != strings.TrimSpace(tc.want) || !keep || err != nil {
			t.Errorf("%s:\n%s\ngives\n%s\nwant\n%s", tc.name, tc.in, got, tc.want)
		}
		once := show(r, new(parse.Record))
		d.Derive(r)
		if again := show(r, new(parse.Record)); again != once {
			t.Errorf("%s: the second time gives\n%s\nafter\n%s", tc.name, again, once)
		}
	}
}

// Lists from the wire may be long.
func TestRelatedOfLongLists(t *testing.T) {
	r := new(parse.Record)
	const n = 50_000
	l := make([]parse.Value, 2*n)
	for i := range l {
		l[i] = parse.BytesValue(fmt.Appendf(nil, "10.%d.%d.%d", i%n>>16, i%n>>8&255, i&255))
		l[i], _ = parse.IPValue(l[i].Bytes(), r.Text())
	}
	r.Set(ecs.HostIP, parse.ListValue(l))
	r.Set(ecs.SourceIP, l[5])
	normalize.NewDeriver(normalize.DeriveOptions{}).Derive(r)
	seen := map[string]bool{}
	for _, v := range r.Get(ecs.RelatedIP).List() {
		if seen[v.Str()] {
			t.Fatalf("%s twice", v)
		}
		seen[v.Str()] = true
	}
	want := map[string]bool{}
	for _, v := range l {
		want[v.Str()] = true
	}
	if len(seen) != len(want) {
		t.Errorf("%d addresses, want %d", len(seen), len(want))
	}
}

// FuzzSplitURL compares with net/url where that takes the text.
func FuzzSplitURL(f *testing.F) {
	for _, s := range []string{
		"http://u:p@example.com:8080/a/b.tar.gz?q=1&r=2#frag", "HTTPS://[2001:db8::1]:443/", "/path/x.php?q=http://other/", "http://h", "http://h?q#f",
		"ftp://u@h/", "example.com:443", "mailto:a@b", "//h/p", "", "/", "?", "http://", "http://[::1", "http://[::1]x", "http://h:99999/", "http://a@b@c/", "/a%20b?c%20d", "http://h:/",
		"/x.verylongextensionthatisnone", "/.hidden", "/a.", "a/b://c",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := new(parse.Record)
		normalize.SplitURL(r, []byte(s))
		u, err := url.Parse(s)
		complete := err == nil && u.Scheme != "" && strings.Contains(s, "://") && strings.EqualFold(s[:len(u.Scheme)+3], u.Scheme+"://")
		if err != nil || !complete && !(strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "//")) || len(u.Scheme) > 32 {
			return
		}
		host := u.Host
		port := u.Port()
		if i := strings.LastIndexByte(host, ':'); i >= 0 && host[i+1:] == port {
			host = host[:i]
		}
		if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
			return // an IPv6 address without brackets: anybody's guess
		}
		if u.Scheme == "" || strings.Contains(host, "%") || strings.Contains(u.Host, "%") {
			host = ""
		}
		check := func(k ecs.Key, want string) {
			if got := r.Get(k).String(); got != want {
				t.Errorf("%q: %s is %q, want %q", s, k, got, want)
			}
		}
		check(ecs.URLScheme, u.Scheme)
		if !strings.Contains(s, "%") {
			check(ecs.URLDomain, host)
			check(ecs.URLFragment, u.Fragment)
			check(ecs.URLPath, u.Path)
		}
		check(ecs.URLQuery, u.RawQuery)
		if len(port) < 6 && port != "" && strings.TrimLeft(port, "0123456789") == "" {
			var n int
			if _, err := fmt.Sscan(strings.TrimLeft(port, "0")+" ", &n); err == nil && n <= 65535 {
				check(ecs.URLPort, fmt.Sprint(n))
			}
		}
		full := ""
		if u.Host != "" {
			full = s
		}
		if host != "" {
			check(ecs.URLFull, full)
		}
	})
}

func TestSplitURL(t *testing.T) {
	for in, want := range map[string]string{
		"HTTP://u:p@Example.com:8080/a/b.tar.gz?q=1#f": "url.domain=Example.com url.extension=gz url.fragment=f url.full=HTTP://u:p@Example.com:8080/a/b.tar.gz?q=1#f url.password=p url.path=/a/b.tar.gz url.port=8080 url.query=q=1 url.scheme=http url.username=u",
		"https://[2001:db8::1]:443/":                   "url.domain=[2001:db8::1] url.full=https://[2001:db8::1]:443/ url.path=/ url.port=443 url.scheme=https",
		"/x.php?u=http://h/":                           "url.extension=php url.path=/x.php url.query=u=http://h/",
		"http://h:70000":                               "url.domain=h url.full=http://h:70000 url.scheme=http",
		"http://[::1":                                  "url.domain=[::1 url.full=http://[::1 url.scheme=http",
		"example.com:443":                              "",
		"mailto:a@b":                                   "",
		"":                                             "",
	} {
		r := new(parse.Record)
		normalize.SplitURL(r, []byte(in))
		if got := strings.ReplaceAll(strings.TrimSpace(show(r, new(parse.Record))), "\n", " "); got != want {
			t.Errorf("%q gives\n%s, want\n%s", in, got, want)
		}
	}
	r := fields(t, "url.full=http://h/p")
	normalize.NewDeriver(normalize.DeriveOptions{NoRelated: true}).Derive(r)
	if r.Get(ecs.URLOriginal).Str() != "http://h/p" || r.Get(ecs.URLDomain).Str() != "h" {
		t.Error("url.full alone gives no parts")
	}
	r = fields(t, "threat.indicator.url.original=https://h.example:81/p/x.js?q")
	normalize.NewDeriver(normalize.DeriveOptions{NoRelated: true}).Derive(r)
	if r.Get(ecs.ThreatIndicatorURLDomain).Str() != "h.example" || r.Get(ecs.ThreatIndicatorURLPort).Int() != 81 || r.Get(ecs.ThreatIndicatorURLExtension).Str() != "js" || r.Has(ecs.URLDomain) {
		t.Error("the indicator's URL gives no parts, or the event's")
	}
}

func TestProtocols(t *testing.T) {
	for n := range 256 {
		name := normalize.ProtocolName(uint8(n))
		if name == "" {
			continue
		}
		if got, ok := normalize.ProtocolNumber(name); !ok || int(got) != n {
			t.Errorf("%s is %d, want %d", name, got, n)
		}
		r := fields(t, "network.transport="+name)
		normalize.NewDeriver(normalize.DeriveOptions{}).Derive(r)
		if got := r.Get(ecs.NetworkIANANumber).Str(); got != fmt.Sprint(n) {
			t.Errorf("%s has the number %q", name, got)
		}
	}
	if _, ok := normalize.ProtocolNumber(""); ok {
		t.Error("no name has a number")
	}
}

func TestDeriveAllocations(t *testing.T) {
	r := new(parse.Record)
	d := normalize.NewDeriver(normalize.DeriveOptions{})
	run := func() {
		record25(r)
		r.SetConst(ecs.NetworkTransport, "sctp")
		r.SetConst(ecs.URLOriginal, "HTTP://h:80/p")
		r.SetConst(ecs.FilePath, "/a/b.c")
		for i := range 40 {
			r.Append(ecs.HostIP, parse.IPv4Value(uint32(i), addresses[i%len(addresses)]))
		}
		d.Derive(r)
	}
	for range 3 {
		run()
	}
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%v allocations for each event, want none", n)
	}
	if r.Get(ecs.NetworkCommunityID).IsZero() {
		t.Error("no community ID")
	}
}

var addresses = [][]byte{[]byte("1.1.1.1"), []byte("2.2.2.2"), []byte("3.3.3.3")}

func BenchmarkDerive25(b *testing.B) {
	for _, o := range []normalize.DeriveOptions{{}, {NoCommunityID: true}} {
		name := "all"
		if o.NoCommunityID {
			name = "without community ID"
		}
		b.Run(name, func(b *testing.B) {
			var r parse.Record
			d := normalize.NewDeriver(o)
			b.ReportAllocs()
			for b.Loop() {
				record25(&r)
				d.Derive(&r)
			}
		})
	}
	b.Run("filling alone", func(b *testing.B) {
		var r parse.Record
		for b.Loop() {
			record25(&r)
		}
	})
}
