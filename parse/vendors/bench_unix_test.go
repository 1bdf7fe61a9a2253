//go:build unix

package vendors_test

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/parsetest"
	"github.com/penstock-dev/penstock/parse/vendors"
)

const asaLine = `<166>Mar  3 10:00:00 fw01 : %ASA-6-302013: Built outbound TCP connection 12 for outside:192.0.2.7/443 (192.0.2.7/443) to inside:10.1.2.3/51000 (198.51.100.4/51000)`

func builtIn(b *testing.B) *pack.Set {
	set, err := vendors.Packs()
	if err != nil {
		b.Fatal(err)
	}
	return set
}

func firstEvent(b *testing.B, p parse.Parser[parse.Record], err error) {
	if err != nil {
		b.Fatal(err)
	}
	var out parse.Events[parse.Record]
	if err := p.Parse(&parse.Message{Raw: []byte(asaLine)}, &out); err != nil || out.Len() != 1 {
		b.Fatal(out.Len(), err)
	}
}

// processor reports the processor time of an operation, which a busy machine does not change
// much, beside the wall time, which it does.
func processor(b *testing.B) func() {
	from := used(b)
	return func() { b.ReportMetric(float64(used(b)-from)/1e6/float64(b.N), "cpu-ms/op") }
}

// used is the processor time of this process until now.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What it costs to begin: the detection of all packs, of which none is compiled yet.
func BenchmarkStart(b *testing.B) {
	defer processor(b)()
	for b.Loop() {
		if _, err := builtIn(b).Auto(pack.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// From nothing to the first event: with detection, and with the pack named.
func BenchmarkFirstEvent(b *testing.B) {
	b.Run("auto", func(b *testing.B) {
		defer processor(b)()
		for b.Loop() {
			p, err := builtIn(b).Auto(pack.Options{})
			firstEvent(b, p, err)
		}
	})
	b.Run("named", func(b *testing.B) {
		defer processor(b)()
		for b.Loop() {
			p, err := builtIn(b).Parser("cisco.asa", pack.Options{})
			firstEvent(b, p, err)
		}
	})
}

// Every pack compiled. cpu-ms/100packs is the part of a hundred of them.
func BenchmarkCompileAll(b *testing.B) {
	defer processor(b)()
	from, packs := used(b), len(builtIn(b).Names())
	defer func() {
		b.ReportMetric(float64(used(b)-from)/1e6/float64(b.N)/float64(packs)*100, "cpu-ms/100packs")
	}()
	for b.Loop() {
		set := builtIn(b)
		for _, name := range set.Names() {
			if _, err := set.Pack(name); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// The same messages, samples of ten packs, through detection over these ten, over a hundred and
// over all packs, in turns. hundred/ten and all/ten are ratios of processor time, each the least of the
// turns; the allocations are those of a turn of each.
//
//	go test ./parse/vendors -run '^$' -bench Registry -cpu 1 -benchtime 20x
func BenchmarkRegistry(b *testing.B) {
	all := builtIn(b)
	first := []string{"aws.cloudtrail", "cisco.asa", "fortinet.firewall", "haproxy.log", "nginx.access", "okta.system", "panw.panos", "postfix.log", "suricata.eve", "windows.eventlog"}
	auto := func(names []string) *pack.Auto {
		set, err := pack.NewSet()
		for i := 0; err == nil && i < len(names); i++ {
			var p *pack.Pack
			if p, err = all.Pack(names[i]); err == nil {
				err = set.Add(p)
			}
		}
		if err != nil {
			b.Fatal(err)
		}
		p, err := set.Auto(pack.Options{})
		if err != nil {
			b.Fatal(err)
		}
		return p.Worker().(*pack.Auto)
	}
	names := slices.Clone(first)
	for _, name := range all.Names() {
		if !slices.Contains(first, name) {
			names = append(names, name)
		}
	}
	parsers := []*pack.Auto{auto(first), auto(names[:100]), auto(names)}
	var messages []parse.Message
	for _, name := range first {
		records, err := parsetest.Records(os.DirFS(name))
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range records {
			m := parse.Message{Raw: r.Raw}
			same := !strings.HasPrefix(r.File, "hostile")
			for _, p := range parsers {
				same = same && p.Choose(&m) == name
			}
			if same { // else the work is not the same
				messages = append(messages, m)
			}
		}
	}
	var out parse.Events[parse.Record]
	turn := func(p *pack.Auto) time.Duration {
		from := used(b)
		for range 4 {
			for i := range messages {
				out.Reset()
				if err := p.Parse(&messages[i], &out); err != nil {
					b.Fatal(err)
				}
			}
		}
		return used(b) - from
	}
	for _, p := range parsers {
		turn(p)
	}
	least := [3]time.Duration{1 << 62, 1 << 62, 1 << 62}
	b.ReportAllocs()
	for b.Loop() {
		for i, p := range parsers {
			least[i] = min(least[i], turn(p))
		}
	}
	b.ReportMetric(float64(least[1])/float64(least[0]), "hundred/ten")
	b.ReportMetric(float64(least[2])/float64(least[0]), "all/ten")
	b.ReportMetric(float64(least[0])/float64(4*len(messages)), "ten-ns")
}
