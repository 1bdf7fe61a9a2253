package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// sample is what a child process measured: one peer on one corpus.
type sample struct {
	Events, In, Out int64
	CPU, Wall       time.Duration
	Allocs          uint64
	Peak            int64 // resident bytes, without the corpus
	Fields          float64
	Quiet           bool // all cores that the peer wants were free, before and after
}

func (s *sample) rate() float64     { return float64(s.In) / 1e6 / s.CPU.Seconds() }
func (s *sample) wallRate() float64 { return float64(s.In) / 1e6 / s.Wall.Seconds() }
func (s *sample) allocs() float64   { return float64(s.Allocs) / float64(s.Events) }

// block fills memory with about n bytes of whole records.
func (c *corpus) block(n int) ([]byte, error) {
	mem, err := allocate(n + 1<<16)
	if err != nil {
		return nil, err
	}
	g, b := newGen(c), mem[:0]
	for len(b) < n {
		b = append(b, g.next()...)
	}
	return b, nil
}

// repeat reads a block of lines again and again until the time is over, and ends behind
// a whole line. Zero span: once. The time begins behind the first warm bytes.
type repeat struct {
	data       []byte
	off        int
	read       int64
	warm       int64
	begin, end func()
	span       time.Duration
	until      time.Time
	ended      bool
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.off == len(r.data) {
		r.off = 0
		r.ended = r.ended || r.span == 0
	}
	if r.ended {
		if r.span > 0 {
			r.end()
		}
		return 0, io.EOF
	}
	n := copy(p, r.data[r.off:])
	switch {
	case r.read < r.warm:
		n = int(min(int64(n), r.warm-r.read))
	case r.read == r.warm && r.span > 0:
		r.until = time.Now().Add(r.span)
		r.begin()
	case r.span > 0 && time.Now().After(r.until):
		// What has been cut off comes to its end with this piece.
		if i := bytes.IndexByte(p[:n], '\n'); i >= 0 {
			n, r.ended = i+1, true
		}
	}
	r.off += n
	r.read += int64(n)
	return n, nil
}

// counter is a writer that counts bytes.
type counter struct{ atomic.Int64 }

func (c *counter) Write(p []byte) (int, error) { c.Add(int64(len(p))); return len(p), nil }

// measure runs a peer for the given time over a corpus of size bytes. profile names a
// file for a CPU profile, or nothing.
func measure(p *peer, c *corpus, size int, span time.Duration, profile string) (s sample, err error) {
	fn, err := p.start(c)
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
	s.Quiet = quiet(p.workers)
	debug.FreeOSMemory()
	resetPeak()
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return s, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return s, err
		}
		defer pprof.StopCPUProfile()
	}
	// What happens while the first three megabytes are read belongs to the start: buffers that grow,
	// caches that fill. The end is where the last byte has been read: as much is under way
	// then as was at the beginning.
	var before, after runtime.MemStats
	var cpu time.Duration
	var start time.Time
	var out counter
	in := &repeat{data: data, span: span, warm: int64(bytes.LastIndexByte(data[:min(3<<20, 3*len(data)/4)], '\n') + 1),
		begin: func() {
			runtime.ReadMemStats(&before)
			cpu, start = cpuTime(), time.Now()
		},
		end: func() {
			s.CPU, s.Wall = cpuTime()-cpu, time.Since(start)
			runtime.ReadMemStats(&after)
		},
	}
	events, err := fn(in, &out)
	if err != nil {
		return s, err
	}
	s.Peak = peakMemory() - int64(len(data))
	s.In, s.Events = in.read-in.warm, int64(events-bytes.Count(data[:in.warm], []byte{'\n'}))
	s.Allocs = after.Mallocs - before.Mallocs
	s.Out = int64(float64(out.Load()) / float64(events) * float64(s.Events))
	s.Quiet = s.Quiet && quiet(p.workers)
	if s.Events <= 0 {
		return s, errors.New("no events")
	}
	return s, nil
}

// quiet says whether cores processors are free for this process, by keeping them busy for
// a moment.
func quiet(cores int) bool {
	const moment = 20 * time.Millisecond
	cpu, start := cpuTime(), time.Now()
	var all sync.WaitGroup
	for range cores {
		all.Go(func() {
			for time.Since(start) < moment {
			}
		})
	}
	all.Wait()
	return float64(cpuTime()-cpu) > 0.9*float64(cores)*float64(time.Since(start))
}

// countFields is the mean number of leaves in the events of some lines; an array is one.
func countFields(fn run, lines []byte) (float64, error) {
	events, err := collect(fn, lines)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range events {
		n += len(e)
	}
	return float64(n) / float64(max(len(events), 1)), nil
}

// collect returns the events of lines with dotted names.
func collect(fn run, lines []byte) (events []tree, err error) {
	var out bytes.Buffer
	if _, err := fn(&repeat{data: lines}, &out); err != nil {
		return nil, err
	}
	d := json.NewDecoder(&out)
	d.UseNumber()
	for {
		var t tree
		if err := d.Decode(&t); err == io.EOF {
			return events, nil
		} else if err != nil {
			return nil, err
		}
		flat := tree{}
		flatten(flat, "", t)
		events = append(events, flat)
	}
}

func flatten(into tree, prefix string, t tree) {
	for k, v := range t {
		if sub, ok := v.(tree); ok {
			flatten(into, prefix+k+".", sub)
		} else {
			into[prefix+k] = v
		}
	}
}
