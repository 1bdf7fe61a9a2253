package faulttest

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/batch/deadletter"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/vendors"
)

// All that may go wrong with sinks and components goes wrong at random, for a while.
func TestF47(t *testing.T) {
	quiet(t)
	for _, seed := range Seeds(t, 1) {
		o := NewOracle(seed)
		var mu sync.Mutex
		rnd := Rand(seed)
		dice := func(n int) int { mu.Lock(); defer mu.Unlock(); return rnd.IntN(n) }
		src := &issuing{oracle: o, until: seconds(time.Duration(Pick(4, 600)) * time.Second), every: 4 * time.Millisecond} // 5,000 a second
		cfg := rawLineConfig(src, o)
		cfg.ParseTimeout = 300 * time.Millisecond
		cfg.Parser = parse.ParserFunc[rawLine](func(m *parse.Message, out *parse.Events[rawLine]) error {
			if dice(20_000) == 0 {
				panic("now and then")
			}
			return rawLineParser(m, out)
		})
		inner := cfg.Outputs[0].Sink
		cfg.Outputs[0].Timeout = 100 * time.Millisecond
		cfg.Outputs[0].Retry = batch.RetryOptions{MinDelay: time.Millisecond, MaxDelay: 20 * time.Millisecond}
		var faults [6]atomic.Int64
		cfg.Outputs[0].Sink = batch.SinkFunc[rawLine](func(ctx context.Context, b *batch.Batch[rawLine]) error {
			kind := dice(60)
			if kind < len(faults) {
				faults[kind].Add(1)
			}
			switch kind {
			case 0: // hangs
				<-ctx.Done()
				return ctx.Err()
			case 1: // away
				return errcat.TransientNetwork
			case 2: // slow down
				return errcat.RateLimited
			case 3: // takes a part
				var p batch.Partial
				good := b
				if b.Len() > 1 {
					good = b.Select([]int{0})
				}
				for i := 1; i < b.Len(); i++ {
					p.Fail(i, errcat.TransientNetwork)
				}
				if err := inner.Write(ctx, good); err != nil {
					return err
				}
				return p.Err()
			case 4: // refuses it as a whole
				return errcat.SinkRejected
			case 5:
				panic("in a sink")
			}
			return inner.Write(ctx, b)
		})
		p := newLines(t, cfg)
		before, mid := memory(), int64(0)
		time.AfterFunc(time.Duration(Pick(1, 60))*time.Second, func() { mid = memory() - o.bytes() })
		s, r, err := runLines(t, p, src, o, Limits{}, context.Background())
		after := memory() - o.bytes()
		record(t, "F47", fmt.Sprintf("random faults of sink and parser at 5,000 a second, seed %d", seed), "0 lost; ledger exact; memory flat", func() string {
			var n []int64
			for i := range faults {
				n = append(n, faults[i].Load())
			}
			return fmt.Sprintf("hung, away, limited, partial, refused, panicked %v; %d panics, %d dead letters; heap %.1f MB before, %.1f early, %.1f after; %s",
				n, s.Panics, s.DeadLettered, float64(before)/1e6, float64(mid)/1e6, float64(after)/1e6, r)
		})
		if err != nil || len(r.Missing) > 0 || int64(r.Delivered) != s.Delivered || int64(r.Dead) != s.DeadLettered {
			t.Errorf("seed %d: %v; %s; ledger %+v", seed, err, r, s.Ledger)
		}
		if after > max(mid, before)+8<<20 {
			t.Errorf("seed %d: the heap is %d, was %d before and %d early", seed, after, before, mid)
		}
	}
}

// A stage panics on one record in 10,000, another one blocks for ever on a few; then one
// that panics always.
func TestF48(t *testing.T) {
	o := NewOracle(8)
	n := Pick(60_000, 500_000)
	src := &issuing{oracle: o, until: records(n)}
	never := make(chan struct{})
	const limit, mostHangs = 500 * time.Millisecond, 8
	var blocked atomic.Int64
	var mu sync.Mutex
	var begun []time.Time // of the calls that block
	cfg := rawLineConfig(src, o)
	cfg.ParseTimeout, cfg.Quarantine.SenderFaults = limit, -1 // the one sender would be shut out after two hangs
	cfg.Stages = []ingest.Stage[rawLine]{
		ingest.StageFunc[rawLine](func(m *parse.Message, _ *rawLine) (bool, error) {
			if m.Offset%10_000 == 7 {
				panic("one in 10,000")
			}
			return true, nil
		}),
		ingest.StageFunc[rawLine](func(m *parse.Message, _ *rawLine) (bool, error) {
			if m.Offset%25_000 == 11 && blocked.Add(1) <= mostHangs {
				mu.Lock()
				begun = append(begun, time.Now())
				mu.Unlock()
				<-never
			}
			return true, nil
		}),
	}
	components := map[string]int{}
	cut, noticed := time.Duration(0), 0
	inner := cfg.DeadLetters
	cfg.DeadLetters = batch.SinkFunc[ingest.DeadLetter](func(ctx context.Context, b *batch.Batch[ingest.DeadLetter]) error {
		mu.Lock()
		for _, d := range b.Events {
			components[d.Component+" "+d.Category.String()]++
		}
		mu.Unlock()
		return inner.Write(ctx, b)
	})
	cfg.Notify = func(x *ingest.Notice) {
		if x.Kind == ingest.WorkerHung {
			mu.Lock()
			defer mu.Unlock()
			cut = max(cut, time.Since(begun[noticed]))
			noticed++
		}
	}
	p := newLines(t, cfg)
	s, r, err := runLines(t, p, src, o, Limits{}, context.Background())
	panics := (n-8)/10_000 + 1
	hangs := min((n-12)/25_000+1, mostHangs)
	record(t, "F48", fmt.Sprintf("a stage panics on %d records, another blocks for ever on %d", panics, hangs), "dead letters with the component; process lives; cut ≤ 2 s and the worker replaced", func() string {
		return fmt.Sprintf("%d workers replaced, the longest cut after %s (limit %s); dead letters %v; %s", s.Replaced, cut.Round(time.Millisecond), limit, components, r)
	})
	if components["stage 0 PARSER_PANIC"] != panics || components["stage 1 TIMEOUT"] != hangs || len(components) != 2 || len(r.Missing) > 0 {
		t.Errorf("dead letters %v, want %d panics and %d hangs; %s", components, panics, hangs, r)
	}
	if int(s.Replaced) != hangs || s.LeftBehind != hangs || err == nil || cut > 2*time.Second {
		t.Errorf("%d replaced, %d left behind, cut after %s, Run says %v", s.Replaced, s.LeftBehind, cut, err)
	}
	close(never)
	for i := 0; p.Stats().LeftBehind > 0; i++ {
		if i > 1000 {
			t.Fatal("goroutines stay although they have returned")
		}
		time.Sleep(time.Millisecond)
	}
	t.Run("taken_out", func(t *testing.T) {
		quiet(t)
		o := NewOracle(8)
		src := &issuing{oracle: o, until: records(5000)}
		cfg := rawLineConfig(src, o)
		cfg.Quarantine = ingest.Quarantine{Faults: 10, Window: time.Second, Pause: -1}
		cfg.Stages = []ingest.Stage[rawLine]{ingest.Optional[rawLine](ingest.StageFunc[rawLine](func(*parse.Message, *rawLine) (bool, error) { panic("always") }))}
		s, r, err := runLines(t, newLines(t, cfg), src, o, Limits{}, context.Background())
		record(t, "F48", "an optional stage panics always", "after 10 in 1 s it is stopped and reported", func() string {
			return fmt.Sprintf("%d panics, notices %v; %s", s.Panics, s.Notices, r)
		})
		// Two workers: the other one may be in it at that moment.
		if err != nil || s.Panics < 10 || s.Panics > 11 || s.Notices[ingest.OutOfService] != 1 || r.Delivered != 5000-int(s.Panics) {
			t.Errorf("%v, %d panics, %v; %s", err, s.Panics, s.Notices, r)
		}
	})
}

// Little memory and one processor.
func TestF49(t *testing.T) {
	quiet(t)
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(64 << 20))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	o := NewOracle(9)
	src := &issuing{oracle: o, until: records(Pick(30_000, 300_000))}
	cfg := rawLineConfig(src, o)
	var s ingest.Stats
	s, r, err := runLines(t, newLines(t, cfg), src, o, Limits{}, context.Background())
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	record(t, "F49", "memory limit 64 MB, one processor", "0 lost", func() string {
		return fmt.Sprintf("%.0f records a second, %.1f MB from the system; %s", float64(s.Delivered)/s.Elapsed.Seconds(), float64(m.Sys-m.HeapReleased)/1e6, r)
	})
	if err != nil || len(r.Missing) > 0 {
		t.Errorf("%v; %s", err, r)
	}
}

// Baits of every format, whole and damaged, through the parser that finds the format
// itself: each record ends as one thing, none hangs, and memory stays.
func TestF50(t *testing.T) {
	quiet(t)
	seed := Seeds(t, 1)[0]
	rnd := Rand(seed)
	deep := strings.Repeat(`{"a":`, 20_000)
	shapes := []string{
		`<165>1 2026-01-02T03:04:05Z host app 1 ID [x@1 a="b\]c"] text`, `<13>Jan  2 03:04:05 host app[1]: text`,
		`<134>Jan 02 2026 03:04:05 fw : %ASA-6-302013: Built outbound TCP connection 1 for outside:192.0.2.1/443 (192.0.2.1/443) to inside:10.0.0.1/50000 (10.0.0.1/50000)`,
		`CEF:0|Vendor|Product|1|100|name|5|src=192.0.2.1 cs1Label=x cs1=a\=b msg=text`, `LEEF:2.0|V|P|1|ID|^|src=192.0.2.1^dst=192.0.2.2`,
		`date=2026-01-02 time=03:04:05 devname="fw" type="traffic" srcip=10.0.0.1 action="accept"`,
		`{"eventVersion":"1.08","eventTime":"2026-01-02T03:04:05Z","eventSource":"s3.amazonaws.com","eventName":"GetObject"}`,
		`<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><EventID>4624</EventID></System></Event>`,
		deep, strings.Repeat("[", 100_000), strings.Repeat("=", 50_000), strings.Repeat("a=b ", 50_000), strings.Repeat("<a>", 50_000), "\x00\xff\xfe", strings.Repeat("\"", 10_001),
	}
	n := Pick(20_000, 500_000)
	longest := time.Duration(0)
	packs, err := vendors.Packs()
	if err != nil {
		t.Fatal(err)
	}
	auto, err := packs.Auto(pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := ingest.New(ingest.Config[parse.Record]{
		Sources: []ingest.Source{ingest.SourceFunc(func(_ context.Context, out *ingest.Emit) error {
			for i := 0; i < n; {
				c, err := out.Chunk()
				if err != nil {
					return err
				}
				for i < n {
					raw := []byte(shapes[rnd.IntN(len(shapes))])
					if len(raw) > 10_000 && rnd.IntN(50) > 0 {
						continue
					}
					for range rnd.IntN(4) {
						switch at := rnd.IntN(len(raw)); rnd.IntN(4) {
						case 0:
							raw[at] = byte(rnd.IntN(256))
						case 1:
							raw = raw[:at+1]
						case 2:
							raw = append(raw[:at:at], append([]byte{"\"\\=|<{[%\x00"[rnd.IntN(9)]}, raw[at:]...)...)
						case 3:
							raw = append(raw, raw[:min(at, 200)]...)
						}
					}
					if !c.Add(parse.Message{Raw: raw, Offset: int64(i)}) {
						break
					}
					i++
				}
				if err := out.Send(c); err != nil {
					return err
				}
			}
			return nil
		})},
		Parser: timedParser{parse.ForWorker[parse.Record](auto), &longest}, Encoder: normalize.NewEncoder(normalize.EncoderOptions{}), Workers: 1, ParseTimeout: 2 * time.Second,
		Sink: batch.LinesFunc[parse.Record](func(_ context.Context, lines []byte, rows int) error {
			if got := bytes.Count(lines, []byte("\n")); got != rows {
				t.Errorf("%d lines for %d rows", got, rows)
			}
			return nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	before := memory()
	if err := p.Run(context.Background()); err != nil {
		t.Error(err)
	}
	grown := memory() - before
	s := p.Stats()
	record(t, "F50", fmt.Sprintf("%d baits of eight formats, damaged, seed %d, through detection", n, seed), "0 crashes, 0 hangs; each record gives events or one dead letter; ≤ 512 MB", func() string {
		return fmt.Sprintf("%d events, %d dead letters, %d filtered; %d panics, %d hung; the longest took %s; heap grown by %.1f MB", s.Delivered, s.DeadLettered, s.Filtered, s.Panics, s.Replaced, longest, float64(grown)/1e6)
	})
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if int(s.Received) != n || s.InFlight != 0 || s.Panics > 0 || s.Replaced > 0 || s.Failed > 0 || grown > 64<<20 {
		t.Errorf("seed %d: %+v, heap grown by %d", seed, s.Ledger, grown)
	}
}

// timedParser notes the longest Parse. It is for one worker.
type timedParser struct {
	parse.Parser[parse.Record]
	longest *time.Duration
}

func (p timedParser) Parse(m *parse.Message, out *parse.Events[parse.Record]) error {
	begun := time.Now()
	err := p.Parser.Parse(m, out)
	*p.longest = max(*p.longest, time.Since(begun))
	return err
}

// A million senders and as many names of packs.
func TestF57(t *testing.T) {
	quiet(t)
	n := Pick(200_000, 1_000_000)
	run := func(distinct int) (p *ingest.Pipeline[named], used time.Duration) {
		p, err := ingest.New(ingest.Config[named]{
			Sources: []ingest.Source{ingest.SourceFunc(func(_ context.Context, out *ingest.Emit) error {
				for i := 0; i < n; {
					c, err := out.Chunk()
					if err != nil {
						return err
					}
					for ; i < n; i++ {
						k := i % distinct
						o := &parse.Origin{Source: fmt.Sprint("host", k), Peer: netip.AddrFrom4([4]byte{10, byte(k >> 16), byte(k >> 8), byte(k)})}
						if !c.Add(parse.Message{Raw: fmt.Appendf(nil, "pack%d", k), Origin: o, Offset: int64(i)}) {
							break
						}
					}
					if err := out.Send(c); err != nil {
						return err
					}
				}
				return nil
			})},
			Parser: parse.ParserFunc[named](func(m *parse.Message, out *parse.Events[named]) error {
				out.Add().text = m.Raw
				return nil
			}),
			Sink: batch.SinkFunc[named](func(context.Context, *batch.Batch[named]) error { return nil }),
		})
		if err != nil {
			t.Fatal(err)
		}
		begun := cpu()
		if err := p.Run(context.Background()); err != nil {
			t.Error(err)
		}
		return p, cpu() - begun
	}
	before := memory()
	p, used := run(n)
	grown := memory() - before
	base := time.Hour
	for range 3 { // the least of three: other programs make single runs slow
		_, few := run(100)
		base = min(base, few)
		_, many := run(n)
		used = min(used, many)
	}
	s := p.Stats()
	series := 0
	for range s.Metrics(ingest.MetricOptions{}) {
		series++
	}
	senders := len(p.Senders())
	rate := float64(base) / float64(used)
	record(t, "F57", fmt.Sprintf("%d distinct senders and names of packs", n), "heap grows by ≤ 64 MB; series bounded, with one for all others; throughput ≥ 50 % of that with 100", func() string {
		return fmt.Sprintf("heap grown by %.1f MB; %d senders, %d parsers, %d series; %.0f a second of processor time, %.0f %% of the rate with 100", float64(grown)/1e6, senders, len(s.Parsers), series, float64(n)/used.Seconds(), 100*rate)
	})
	slow := Long() && rate < 0.5 // what the first entries of the tables cost weighs five times as much in the short form
	if grown > 64<<20 || senders > 10_001 || len(s.Parsers) > 4096 || series > 1200 || int(s.Delivered) != n || slow {
		t.Errorf("heap grown by %d, %d senders, %d parsers, %d series, %d of %d delivered, %.2f of the rate", grown, senders, len(s.Parsers), series, s.Delivered, n, rate)
	}
	runtime.KeepAlive(p)
}

// A million names of fields, some chosen so that their hashes are the same, and a name of a
// megabyte: each record is an event, or a dead letter where a name is longer than a name may be.
func TestF57Names(t *testing.T) {
	quiet(t)
	const each = 100
	n := Pick(1_000, 10_000)
	packs, err := vendors.Packs()
	if err != nil {
		t.Fatal(err)
	}
	parser, err := packs.Parser("json", pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	document := func(name func(i int) string, record int) []byte {
		b := []byte(`{"message":"x"`)
		for i := range each {
			b = fmt.Appendf(b, `,%q:"v%d"`, name(record*each+i), i)
		}
		return append(b, '}')
	}
	run := func(name func(i int) string) (events, dead int, used time.Duration, grown int64) {
		next := 0
		p, err := ingest.New(ingest.Config[parse.Record]{
			Sources: []ingest.Source{ingest.FromSeq("names", func(yield func([]byte, error) bool) {
				for next < n && yield(document(name, next), nil) {
					next++
				}
			})},
			Parser: parser, Encoder: normalize.NewEncoder(normalize.EncoderOptions{}), Workers: 1,
			Sink:        batch.LinesFunc[parse.Record](func(context.Context, []byte, int) error { return nil }),
			DeadLetters: batch.LinesFunc[ingest.DeadLetter](func(context.Context, []byte, int) error { return nil }),
		})
		if err != nil {
			t.Fatal(err)
		}
		before, begun := memory(), cpu()
		if err := p.Run(t.Context()); err != nil {
			t.Error(err)
		}
		used, grown = cpu()-begun, memory()-before
		s := p.Stats()
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		runtime.KeepAlive(p)
		return int(s.Delivered), int(s.DeadLettered), used, grown
	}
	few := func(i int) string { return fmt.Sprintf("field%07d", i%each) }
	run(few) // compiles the pack
	_, _, base, _ := run(few)
	kinds := []struct {
		name string
		of   func(i int) string
		dead int
	}{
		{"distinct", func(i int) string { return fmt.Sprintf("field%07d", i) }, 0},
		{"of one FNV-1a", sameHash(each, func(b []byte) uint32 { h := fnv.New32a(); h.Write(b); return h.Sum32() }), 0},
		{"of one CRC-32", sameHash(each, crc32.ChecksumIEEE), 0},
		{"of 1 MB", func(i int) string {
			if i == n/2*each {
				return strings.Repeat("k", 1<<20)
			}
			return few(i)
		}, 1},
	}
	var figures []string
	for _, k := range kinds {
		events, dead, used, grown := run(k.of)
		rate := float64(base) / float64(used)
		figures = append(figures, fmt.Sprintf("%s: %d events, %d dead letters, %.0f %% of the rate, heap grown by %.1f MB", k.name, events, dead, 100*rate, float64(grown)/1e6))
		if events != n-k.dead || dead != k.dead || rate < 0.5 || grown > 64<<20 {
			t.Error(figures[len(figures)-1])
		}
	}
	record(t, "F57 names", fmt.Sprintf("%d records of %d fields: %d names, names of one hash, one of a megabyte", n, each, n*each), "heap grows by ≤ 64 MB; throughput ≥ 50 % of that with 100 names; an event each, or a dead letter for a name that is too long", func() string { return strings.Join(figures, "; ") })
}

// sameHash returns n names whose hashes have the same twelve lowest bits, as in a table of
// 4,096 places.
func sameHash(n int, hash func([]byte) uint32) func(i int) string {
	var names []string
	for i := 0; len(names) < n; i++ {
		if name := fmt.Sprintf("field%07d", i); hash([]byte(name))&0xfff == 0x123 {
			names = append(names, name)
		}
	}
	return func(i int) string { return names[i%n] }
}

type named struct{ text []byte }

func (n *named) PackName() string { return string(n.text) }

// Every record fails: the log stays short and says how often, all are dead letters, or where
// their store is full the oldest are counted as gone.
func TestF60(t *testing.T) {
	quiet(t)
	for _, panics := range []bool{false, true} {
		o := NewOracle(10)
		d := time.Duration(Pick(2, 60)) * time.Second
		src := &issuing{oracle: o, until: seconds(d), every: 4 * time.Millisecond}
		cfg := rawLineConfig(src, o)
		cfg.Quarantine.SenderFaults = -1 // every record is to reach the parser
		cfg.Parser = parse.ParserFunc[rawLine](func(*parse.Message, *parse.Events[rawLine]) error {
			if panics {
				panic("every time")
			}
			return errcat.New(errcat.SchemaViolation, errcat.StageParse, "every time")
		})
		store, err := deadletter.New(deadletter.Options{Dir: filepath.Join(t.TempDir(), "dead"), MaxBytes: 1 << 20, SegmentBytes: 64 << 10, NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		cfg.DeadLetters = batch.SinkFunc[ingest.DeadLetter](func(ctx context.Context, b *batch.Batch[ingest.DeadLetter]) error {
			for _, d := range b.Events {
				o.Bury(d.Raw)
			}
			return store.Write(ctx, b)
		})
		var log countingLog
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		s, r, err := runLines(t, newLines(t, cfg), src, o, Limits{}, context.Background())
		kept := store.Stats()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		record(t, "F60", fmt.Sprintf("every record fails at 5,000 a second for %s, panics %t; store of dead letters of 1 MiB", d, panics), "own log ≤ 10 lines/s with a repeat count; store bounded, oldest dropped and counted", func() string {
			return fmt.Sprintf("%d lines of log for %d failures, %d repeats counted in it; the store has %d letters in %d bytes and dropped %d; %s", log.lines, s.DeadLettered, log.repeated, kept.Letters, kept.Bytes, kept.Dropped, r)
		})
		if err != nil || len(r.Missing) > 0 || r.Delivered != 0 || s.DeadLettered != s.Received {
			t.Errorf("%v; %s; %+v", err, r, s.Ledger)
		}
		if float64(log.lines) > 10*d.Seconds() {
			t.Errorf("%d lines of log in %s", log.lines, d)
		}
		if panics && log.lines+log.repeated != int(s.Panics) {
			t.Errorf("%d lines and %d repeats for %d panics", log.lines, log.repeated, s.Panics)
		}
		if kept.Bytes > 1<<20+64<<10 || kept.Dropped == 0 || int64(kept.Letters+kept.Dropped) != s.DeadLettered {
			t.Errorf("%d dead letters, the store: %+v", s.DeadLettered, kept)
		}
	}
}

// Records that fail take little more than those that do not: such that a pack knows and
// cannot read, and text that is nobody's, for which detection asks every pack: words, and sentences
// with all that a log line may have.
func TestF60CPU(t *testing.T) {
	packs, err := vendors.Packs()
	if err != nil {
		t.Fatal(err)
	}
	auto, err := packs.Auto(pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	good := []string{
		`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","userName":"ann"},"eventTime":"2026-01-02T03:04:05Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.1","userAgent":"x"}`,
		`{"eventVersion":"1.08","userIdentity":{"type":"Root","accountId":"123456789012"},"eventTime":"2026-01-02T03:04:06Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.7","responseElements":{"ConsoleLogin":"Failure"}}`,
	}
	const n = 10_000
	words := "neither this nor that "
	sentences := "Something else happened at 10:42:01 in module x.y (code=5), user bob; see file /var/x, line 7: no. "
	run := func(fail string) time.Duration {
		var raw [][]byte
		for _, g := range good {
			switch text := []byte(g); fail {
			case "":
				raw = append(raw, text)
			case "cut off":
				raw = append(raw, text[:len(text)-1])
			default:
				raw = append(raw, bytes.Repeat([]byte(fail), len(text)/len(fail)+1)[:len(text)])
			}
		}
		in := ingest.SourceFunc(func(_ context.Context, out *ingest.Emit) error {
			for i := 0; i < n; {
				c, err := out.Chunk()
				if err != nil {
					return err
				}
				for i < n && c.Add(parse.Message{Raw: raw[i%len(raw)], Offset: int64(i)}) {
					i++
				}
				if err := out.Send(c); err != nil {
					return err
				}
			}
			return nil
		})
		p, err := ingest.New(ingest.Config[parse.Record]{
			Sources: []ingest.Source{in}, Parser: auto, Encoder: normalize.NewEncoder(normalize.EncoderOptions{}), Workers: 1,
			Sink:        batch.LinesFunc[parse.Record](func(context.Context, []byte, int) error { return nil }),
			DeadLetters: batch.LinesFunc[ingest.DeadLetter](func(context.Context, []byte, int) error { return nil }),
		})
		if err != nil {
			t.Fatal(err)
		}
		begun := cpu()
		if err := p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		used := cpu() - begun
		if s := p.Stats(); fail != "" && s.DeadLettered != n || fail == "" && s.Delivered != n {
			t.Fatalf("%q: %+v", fail, s.Ledger)
		}
		return used
	}
	run("") // compiles the packs
	kinds := []string{"", "cut off", words, sentences}
	least := []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour}
	for range 10 {
		for i, kind := range kinds {
			least[i] = min(least[i], run(kind))
		}
	}
	times := func(i int) float64 { return float64(least[i]) / float64(least[0]) }
	record(t, "F60", fmt.Sprintf("%d records whose last byte is cut off, as many of words and of sentences that are no pack's, and as many good ones, through detection", n), "CPU ≤ 1.5 × the healthy run", func() string {
		return fmt.Sprintf("%s a record where none fails, the least of ten turns; cut off %.2f ×, words %.2f ×, sentences %.2f ×", least[0]/n, times(1), times(2), times(3))
	})
	for i := range kinds {
		if times(i) > 1.5 {
			t.Errorf("%q takes %.2f times as much as records that do not fail", kinds[i], times(i))
		}
	}
}

// countingLog counts lines, and adds up what they say was repeated. A line with about=
// only says so, and is not one more.
type countingLog struct {
	mu              sync.Mutex
	lines, repeated int
}

func (l *countingLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, after, ok := bytes.Cut(p, []byte("repeated=")); ok {
		n := 0
		fmt.Sscan(string(after), &n)
		l.repeated += n
	}
	if !bytes.Contains(p, []byte("about=")) {
		l.lines++
	}
	return len(p), nil
}
