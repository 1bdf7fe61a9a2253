package vendors_test

import (
	"hash/maphash"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/parsetest"
)

// Several goroutines that use one Set at once, each beginning with other records, so that
// packs are compiled and learn while others use them, all get the same answers. This is
// what the race detector is to watch.
func TestConcurrent(t *testing.T) {
	set := packs(t)
	type sample struct {
		pack string
		raw  []byte
	}
	var samples []sample
	for _, name := range set.Names() {
		records, err := parsetest.Records(os.DirFS(name))
		if err != nil {
			continue // TestComplete tells
		}
		for _, r := range records {
			if len(r.Raw) <= 64<<10 {
				samples = append(samples, sample{name, r.Raw})
			}
		}
	}
	o := pack.Options{Now: func() time.Time { return parsetest.Now }}
	auto, err := set.Auto(o)
	if err != nil {
		t.Fatal(err)
	}
	seed := maphash.MakeSeed()
	const goroutines = 3
	answers := make([][]uint64, goroutines)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			answers[g] = make([]uint64, len(samples))
			detecting := parse.ForWorker[parse.Record](auto)
			named, of := parse.Parser[parse.Record](nil), ""
			encoder := normalize.NewEncoder(normalize.EncoderOptions{})
			var out parse.Events[parse.Record]
			var line []byte
			for n := range samples {
				i := (n + g*len(samples)/goroutines) % len(samples)
				s := samples[i]
				if s.pack != of {
					p, err := set.Pack(s.pack)
					if err != nil {
						t.Error(err)
						return
					}
					named, of = parse.ForWorker(p.Parser(o)), s.pack
				}
				line = line[:0]
				for _, parser := range []parse.Parser[parse.Record]{detecting, named} {
					out.Reset()
					if err := parser.Parse(&parse.Message{Raw: s.raw, Received: parsetest.Now}, &out); err != nil {
						line = append(line, err.Error()...)
					}
					for _, r := range out.All() {
						line, _ = encoder.Append(line, r)
					}
				}
				answers[g][i] = maphash.Bytes(seed, line)
			}
		})
	}
	wg.Wait()
	for i, s := range samples {
		for g := 1; g < goroutines; g++ {
			if answers[g][i] != answers[0][i] {
				t.Errorf("%s: two goroutines have different answers: %.200q", s.pack, s.raw)
			}
		}
	}
}
