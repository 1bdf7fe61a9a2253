package kv

import (
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

// traffic is a made-up firewall record of 45 pairs, about 890 bytes.
const traffic = `date=2026-01-05 time=09:14:02 devname="edge-fw-07" devid="FGX9990000012345" eventtime=1767604442118230417 tz="+0100" logid="0000000013" type="traffic" subtype="forward" level="notice" vd="root" srcip=10.42.7.119 srcname="laptop-amelie" srcport=51877 srcintf="port3" srcintfrole="lan" dstip=198.51.100.23 dstport=443 dstintf="wan1" dstintfrole="wan" srccountry="Reserved" dstcountry="Iceland" sessionid=83720114 proto=6 action="close" policyid=27 policytype="policy" poluuid="5f1d7c0e-3a77-51ee-9c3a-0b1f64d2a911" policyname="office to internet" user="amelie.roth" group="staff" service="HTTPS" trandisp="snat" transip=203.0.113.9 transport=51877 appid=40568 app="HTTPS.BROWSER" appcat="Web.Client" apprisk="medium" duration=184 sentbyte=18231 rcvdbyte=991204 sentpkt=112 rcvdpkt=804 mastersrcmac="02:42:ac:11:00:07"`

func keysOf(t testing.TB, f *Format, data []byte) *parse.Keys {
	var names []string
	var slots []int
	seen := map[string]bool{}
	for it := f.Iterate(data); it.Next(); {
		if k := string(it.Key()); !seen[k] {
			seen[k] = true
			names = append(names, k)
			slots = append(slots, len(slots))
		}
	}
	keys, err := parse.NewKeys(names, slots)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func compile(t testing.TB, o Options) *Format {
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func benchmarkRead(b *testing.B, format *Format, data string, known bool) {
	raw := []byte(data)
	var keys *parse.Keys
	n := 0
	if known {
		keys = keysOf(b, format, raw)
		n = keys.Len()
	}
	r := format.NewReader(keys)
	var f parse.Frame
	var text arena.Bytes
	f.KeepRest = true
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		text.Reset()
		f.Reset(n, &text)
		if err := r.Read(raw, &f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	fast := compile(b, Fortinet())
	general := compile(b, Fortinet())
	general.fast = false
	b.Run("fortinet", func(b *testing.B) { benchmarkRead(b, fast, traffic, true) })
	b.Run("fortinet-rest", func(b *testing.B) { benchmarkRead(b, fast, traffic, false) })
	b.Run("fortinet-general", func(b *testing.B) { benchmarkRead(b, general, traffic, true) })
	b.Run("fortinet-plain", func(b *testing.B) {
		b.SetBytes(int64(len(traffic)))
		b.ReportAllocs()
		for b.Loop() {
			plainMap(traffic)
		}
	})
	b.Run("sonicwall", func(b *testing.B) { benchmarkRead(b, compile(b, SonicWall()), traffic, true) })
	b.Run("checkpoint", func(b *testing.B) {
		s := strings.NewReplacer("=", ":", " ", "; ").Replace(strings.ReplaceAll(traffic, "office to internet", "office"))
		benchmarkRead(b, compile(b, CheckPoint()), "["+s+"]", true)
	})
	b.Run("auditd", func(b *testing.B) { benchmarkRead(b, compile(b, Auditd()), syscall, true) })
}

const syscall = `type=SYSCALL msg=audit(1767604442.118:9041): arch=c000003e syscall=59 success=yes exit=0 a0=55d1c8a3b2c0 a1=55d1c8a3b300 a2=55d1c8a3a010 a3=8 items=2 ppid=4181 pid=4182 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm="id" exe="/usr/bin/id" subj=unconfined key=(null)`

// plainMap is what one writes at first: a map, strings, one byte at a time.
func plainMap(s string) map[string]string {
	m := map[string]string{}
	for s != "" {
		s = strings.TrimLeft(s, " ")
		k, rest, ok := strings.Cut(s, "=")
		if !ok {
			break
		}
		if strings.HasPrefix(rest, `"`) {
			i := 1
			for i < len(rest) && rest[i] != '"' {
				if rest[i] == '\\' {
					i++
				}
				i++
			}
			i = min(i, len(rest))
			m[k], s = strings.ReplaceAll(rest[1:i], `\"`, `"`), rest[min(i+1, len(rest)):]
			continue
		}
		m[k], s, _ = strings.Cut(rest, " ")
	}
	return m
}
