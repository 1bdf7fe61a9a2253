//go:build unix

package vendors_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
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
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	from := used()
	return func() { b.ReportMetric(float64(used()-from)/1e6/float64(b.N), "cpu-ms/op") }
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

// Every pack compiled.
func BenchmarkCompileAll(b *testing.B) {
	defer processor(b)()
	for b.Loop() {
		set := builtIn(b)
		for _, name := range set.Names() {
			if _, err := set.Pack(name); err != nil {
				b.Fatal(err)
			}
		}
	}
}
