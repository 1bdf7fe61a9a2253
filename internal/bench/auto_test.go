package main

import (
	"bytes"
	"slices"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/vendors"
)

// BenchmarkAuto is what detection costs: the same records with the pack of each named, with
// auto over all packs, and with auto over those packs and enough others to make ten, in
// turns.
//
//	go test ./internal/bench -run '^$' -bench Auto -cpu 1
//
// auto/named and ten/named are ratios of the CPU time of parse and encode, each the least of
// the turns; detect-ns is detection alone, for one record, named-ns parse and encode.
func BenchmarkAuto(b *testing.B) {
	all, err := vendors.Packs()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range corpora {
		b.Run(c.name, func(b *testing.B) { benchmarkAuto(b, c, all) })
	}
}

func benchmarkAuto(b *testing.B, c *corpus, all *pack.Set) {
	o := pack.Options{ECSOnly: true}
	records := bytes.Split(bytes.TrimSuffix(c.take(perOp), []byte("\n")), []byte("\n"))
	auto := func(s *pack.Set) *pack.Auto {
		p, err := s.Auto(o)
		if err != nil {
			b.Fatal(err)
		}
		return p.Worker().(*pack.Auto)
	}
	// Who reads which record, and ten packs with these among them.
	every := auto(all)
	named := map[string]parse.Parser[parse.Record]{}
	owner := make([]parse.Parser[parse.Record], len(records))
	names := make([]string, len(records))
	ten, err := pack.NewSet()
	if err != nil {
		b.Fatal(err)
	}
	use := func(p *pack.Pack) {
		if named[p.Name()] == nil {
			named[p.Name()] = p.Parser(o).Worker()
			if err := ten.Add(p); err != nil {
				b.Fatal(err)
			}
		}
	}
	for i, r := range records {
		n := every.Detect(&parse.Message{Raw: r})
		if n < 0 {
			b.Fatalf("not recognised: %s", r)
		}
		p, err := every.Pack(n)
		if err != nil {
			b.Fatal(err)
		}
		use(p)
		owner[i], names[i] = named[p.Name()], p.Name()
	}
	for _, name := range []string{"aws.vpcflow", "haproxy.log", "panw.panos", "postfix.log", "okta.system", "suricata.eve", "nginx.access", "squid.log", "cisco.asa", "aws.cloudtrail"} {
		if p, err := all.Pack(name); err != nil {
			b.Fatal(err)
		} else if len(named) < 10 {
			use(p)
		}
	}
	few := auto(ten)

	var out parse.Events[parse.Record]
	var line []byte
	encoder := normalize.NewEncoder(normalize.EncoderOptions{ECSOnly: true})
	turn := func(kind int) {
		for i, r := range records {
			out.Reset()
			m := &parse.Message{Raw: r}
			var err error
			switch kind {
			case 0:
				err = owner[i].Parse(m, &out)
			case 1:
				err = every.Parse(m, &out)
			case 2:
				err = few.Parse(m, &out)
			default:
				every.Detect(m)
				continue
			}
			if err != nil {
				b.Fatal(err)
			}
			if got := out.At(0).Pack; got != names[i] {
				b.Fatalf("pack %s, not %s: %s", got, names[i], r)
			}
			if line, err = encoder.Append(line[:0], out.At(0)); err != nil {
				b.Fatal(err)
			}
		}
	}
	var times [4][]float64
	for kind := range times {
		turn(kind)
	}
	for b.Loop() {
		for kind := range times {
			start := cpuTime()
			turn(kind)
			times[kind] = append(times[kind], float64(cpuTime()-start))
		}
	}
	least := func(kind int) float64 { return slices.Min(times[kind]) }
	b.ReportMetric(least(1)/least(0), "auto/named")
	b.ReportMetric(least(2)/least(0), "ten/named")
	b.ReportMetric(least(0)/perOp, "named-ns")
	b.ReportMetric(least(3)/perOp, "detect-ns")
}
