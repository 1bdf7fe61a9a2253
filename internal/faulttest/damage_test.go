package faulttest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/batch/spool"
	"github.com/penstock-dev/penstock/internal/diskqueue"
	"github.com/penstock-dev/penstock/internal/vfs"
	"github.com/penstock-dev/penstock/internal/vfs/errorfs"
	"github.com/penstock-dev/penstock/internal/vfs/memfs"
)

// stateDir is where the rigs keep their spool.
const stateDir = "/state/spool"

// filled returns the files of a spool with n undelivered records, and the oracle that
// issued them.
func filled(t testing.TB, seed uint64, n int, opts spool.Options) (*Oracle, map[string][]byte) {
	t.Helper()
	m := memfs.New()
	opts.FS = m
	r := newRig(t, seed, opts)
	r.set(true)
	r.mustStart(time.Second)
	for left := n; left > 0; left -= min(left, 100) {
		if err := r.offer(t.Context(), min(left, 100)); err != nil {
			t.Fatal(err)
		}
	}
	r.dead()
	return r.o, files(t, m, stateDir)
}

// copyOf is an oracle that has issued the same and received nothing.
func (o *Oracle) copyOf() *Oracle {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := NewOracle(o.seed)
	c.issued = o.issued
	for id, f := range o.fates {
		c.fate(uint64(id)).accepted = f.accepted
	}
	return c
}

func segmentsOf(files map[string][]byte) (names []string) {
	for name := range files {
		if strings.HasSuffix(name, ".spool") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// F4: the last segment ends at every byte of its last three records.
func TestF4TornTail(t *testing.T) {
	o, disk := filled(t, 4, 20, spool.Options{})
	last := segmentsOf(disk)[0]
	whole := disk[last]
	// Where the last records begin: 24 bytes of frame, 1 of kind, the line.
	var ends []int
	at := 128
	for id := uint64(1); id <= 20; id++ {
		at += 24 + 1 + len(Line(4, id, 300)) + 1
		ends = append(ends, at)
	}
	if at != len(whole) {
		t.Fatalf("the segment has %d bytes, computed are %d", len(whole), at)
	}
	rnd := Rand(4)
	cuts, start := 0, worst{}
	record(t, "F4", "the last segment cut at every byte of its last 3 records, and the cut filled with zeros and with random octets",
		"all complete records delivered; the torn one dropped and counted once; start ≤ 1 s",
		func() string {
			return fmt.Sprintf("%d cuts, all as wanted, slowest start %s", cuts, start.d.Round(time.Microsecond))
		})
	step := 1
	for cut := ends[16]; cut <= len(whole); cut += step {
		for fill := range 3 {
			cuts++
			b := bytes.Clone(whole[:cut])
			switch fill {
			case 1:
				b = append(b, make([]byte, len(whole)-cut)...)
			case 2:
				for range len(whole) - cut {
					b = append(b, byte(rnd.Uint32()))
				}
			}
			complete := 0
			for complete < 20 && ends[complete] <= cut {
				complete++
			}
			if fill == 1 {
				// Zeros may be what the record had there.
				for complete < 20 && bytes.Equal(b[:ends[complete]], whole[:ends[complete]]) {
					complete++
				}
			}
			disk := map[string][]byte{last: b}
			r := newRig(t, 4, spool.Options{FS: diskOf(t, stateDir, disk)})
			r.o = o.copyOf()
			begin := time.Now()
			r.mustStart(time.Second)
			start.took(time.Since(begin))
			torn := r.sink.Stats().Torn
			r.end()
			rep := r.o.Report()
			want := uint64(0)
			if !slices.Contains(ends, len(b)) || complete < 20 && len(b) == len(whole) {
				want = 1
			}
			if len(rep.Lost) != 20-complete || rep.Damaged+rep.Strange+rep.Duplicates != 0 || torn != want || r.sink.Stats().Damaged != 0 {
				t.Fatalf("cut at %d, fill %d: %d complete, torn %d, want %d; %s, %+v", cut, fill, complete, torn, want, rep, r.sink.Stats())
			}
			r.dead()
		}
	}
}

// F5: one random bit flips.
func TestF5BitFlip(t *testing.T) {
	o, disk := filled(t, 5, 10_000, spool.Options{SegmentBytes: 345_000, MaxBytes: 1 << 30, Sync: spool.SyncNever})
	names := segmentsOf(disk)
	if len(names) < 10 {
		t.Fatalf("%d segments", len(names))
	}
	seeds := Seeds(t, Pick(60, 1000))
	lost, slowest := 0, worst{}
	record(t, "F5", fmt.Sprintf("one random bit flipped in one of %d segments of about 1,000 records, %d seeds", len(names), len(seeds)),
		"at most the damaged record lost; 0 damaged payloads delivered; loss counted to the record; processor idle ≤ 1 s after",
		func() string {
			return fmt.Sprintf("%d records lost in %d runs, each counted; 0 damaged delivered; everything read in %s at most", lost, len(seeds), slowest.d.Round(time.Millisecond))
		})
	for _, seed := range seeds {
		rnd := Rand(seed)
		name := names[rnd.IntN(len(names))]
		b := bytes.Clone(disk[name])
		var bit int
		if rnd.IntN(2) == 0 {
			bit = rnd.IntN(len(b) * 8)
		} else { // into a head, which is rare otherwise
			bit = rnd.IntN(128 * 8)
			if rnd.IntN(2) == 0 {
				bit = (128 + rnd.IntN(24)) * 8
			}
		}
		b[bit/8] ^= 1 << (bit % 8)
		changed := map[string][]byte{}
		for n, content := range disk {
			changed[n] = content
		}
		changed[name] = b
		r := newRig(t, 5, spool.Options{FS: diskOf(t, stateDir, changed)})
		r.opts.SegmentBytes, r.opts.MaxBytes = 345_000, 1<<30
		r.o = o.copyOf()
		begin := time.Now()
		r.mustStart(time.Second)
		r.end()
		slowest.took(time.Since(begin))
		rep, s := r.o.Report(), r.sink.Stats()
		if len(rep.Lost) > 1 || rep.Damaged+rep.Strange+rep.Duplicates != 0 || uint64(len(rep.Lost)) != s.Damaged+s.Torn {
			t.Fatalf("seed %d: bit %d of %s: %s, lost %v, counted %d damaged and %d torn", seed, bit, name, rep, rep.Lost, s.Damaged, s.Torn)
		}
		lost += len(rep.Lost)
		used := cpu()
		time.Sleep(time.Duration(Pick(5, 20)) * time.Millisecond)
		if used = cpu() - used; used > 500*time.Millisecond {
			t.Errorf("seed %d: busy after it is drained", seed)
		}
		r.dead()
	}
}

// F6: files of the state folder are damaged.
func TestF6DamagedState(t *testing.T) {
	const n = 200
	m := memfs.New()
	r := newRig(t, 6, spool.Options{FS: m, SegmentBytes: 16384, MaxBytes: 1 << 30})
	r.mustStart(time.Second)
	r.insist(t.Context(), 60)
	r.sink.Drain(t.Context())
	r.dead()
	old := files(t, m, stateDir)
	r.set(true)
	r.mustStart(time.Second)
	for range n / batchRows {
		r.insist(t.Context(), batchRows)
	}
	r.dead()
	disk := files(t, m, stateDir)
	pending := r.o.copyOf()
	for id := uint64(1); id <= 60; id++ {
		pending.fate(id).accepted = false // delivered before
	}
	segments := segmentsOf(disk)
	middle := segments[len(segments)/2]
	rnd := Rand(6)
	damages := []struct {
		name string
		do   func(name string, b []byte) ([]byte, bool) // false: gone
	}{
		{"deleted", func(string, []byte) ([]byte, bool) { return nil, false }},
		{"empty", func(string, []byte) ([]byte, bool) { return nil, true }},
		{"half", func(_ string, b []byte) ([]byte, bool) { return b[:len(b)/2], true }},
		{"random", func(_ string, b []byte) ([]byte, bool) {
			b = make([]byte, max(len(b), 100))
			for i := range b {
				b[i] = byte(rnd.Uint32())
			}
			return b, true
		}},
		{"of an hour ago", func(name string, b []byte) ([]byte, bool) {
			if o, ok := old[name]; ok {
				return o, true
			}
			return b[:len(b)*2/3], true
		}},
	}
	cases, refused := 0, 0
	record(t, "F6", "each file of the state folder deleted, emptied, cut by half, filled with random octets, replaced by an old copy, by a folder, and of another owner",
		"starts, or refuses within 2 s with a message that names the file; never overwrites data; with the position lost it is found from the segments: 0 lost",
		func() string { return fmt.Sprintf("%d cases, %d of them refused by name", cases, refused) })
	for _, name := range []string{"cursor", "lock", segments[0], middle, segments[len(segments)-1]} {
		for _, d := range damages {
			cases++
			changed := map[string][]byte{}
			for n, b := range disk {
				changed[n] = b
			}
			if b, ok := d.do(name, disk[name]); ok {
				changed[name] = b
			} else {
				delete(changed, name)
			}
			fsys := diskOf(t, stateDir, changed)
			r := newRig(t, 6, spool.Options{FS: fsys, SegmentBytes: 16384, MaxBytes: 1 << 30})
			r.o = pending.copyOf()
			begin := time.Now()
			err := r.start()
			if time.Since(begin) > 2*time.Second {
				t.Errorf("%s %s: took %s to start", name, d.name, time.Since(begin))
			}
			if err != nil {
				refused++
				if !strings.Contains(err.Error(), name) {
					t.Errorf("%s %s: refused without its name: %v", name, d.name, err)
				}
				for n, b := range changed {
					if !strings.HasSuffix(n, ".spool") {
						continue
					}
					if !bytes.Equal(readFile(t, fsys, stateDir+"/"+n), b) {
						t.Errorf("%s %s: refused, and changed %s", name, d.name, n)
					}
				}
				continue
			}
			r.end()
			rep, s := r.o.Report(), r.sink.Stats()
			switch {
			case rep.Damaged+rep.Strange != 0:
				t.Errorf("%s %s: %s", name, d.name, rep)
			case !strings.HasSuffix(name, ".spool") && len(rep.Lost) != 0:
				t.Errorf("%s %s: no segment was touched, and lost are %v", name, d.name, rep.Lost)
			case name != segments[len(segments)-1] && uint64(len(rep.Lost)) != s.Damaged:
				t.Errorf("%s %s: %d lost, %d counted (%+v)", name, d.name, len(rep.Lost), s.Damaged, s)
			case name == segments[len(segments)-1] && d.name != "deleted" && d.name != "empty" && len(rep.Lost) > 0 && s.Torn+s.Damaged == 0:
				t.Errorf("%s %s: %d lost, nothing counted", name, d.name, len(rep.Lost))
			}
			r.dead()
		}
	}
	// A folder in a file's place, and a file that may not be read.
	for _, name := range []string{"cursor", "lock", middle} {
		cases++
		changed := map[string][]byte{}
		for n, b := range disk {
			changed[n] = b
		}
		delete(changed, name)
		fsys := diskOf(t, stateDir, changed)
		if err := vfs.MkdirAll(fsys, stateDir+"/"+name, 0o700); err != nil {
			t.Fatal(err)
		}
		r := newRig(t, 6, spool.Options{FS: fsys})
		if err := r.start(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("a folder in the place of %s: %v", name, err)
			r.dead()
		} else {
			refused++
		}
		cases++
		owner := errorfs.Wrap(diskOf(t, stateDir, disk), func(op errorfs.Op) error {
			if (op.Kind == errorfs.Open || op.Kind == errorfs.Create) && strings.HasSuffix(op.Name, name) {
				return os.ErrPermission
			}
			return nil
		})
		r = newRig(t, 6, spool.Options{FS: owner})
		if err := r.start(); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s belongs to somebody else: %v", name, err)
			r.dead()
		} else {
			refused++
		}
	}
}

// F15: queues of other versions.
func TestF15Versions(t *testing.T) {
	lines := 0
	record(t, "F15", "a queue of format version 1 kept in testdata; a segment and a position of version 2; a version byte of 255",
		"previous: 0 lost; later or unknown: refuses, keeps the file, says so; never deletes",
		func() string {
			return fmt.Sprintf("%d records of version 1 delivered, all others refused and kept", lines)
		})
	kept := filepath.Join("testdata", "spool-v1")
	if os.Getenv("PENSTOCK_WRITE_SPOOL") != "" {
		_, disk := filled(t, 15, 100, spool.Options{SegmentBytes: 16384, MaxBytes: 1 << 30})
		os.MkdirAll(kept, 0o755)
		for name, b := range disk {
			if err := os.WriteFile(filepath.Join(kept, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	disk := map[string][]byte{}
	entries, err := os.ReadDir(kept)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if disk[e.Name()], err = os.ReadFile(filepath.Join(kept, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	o := NewOracle(15)
	for range 100 {
		o.Accept(o.Issue().ID)
	}
	r := newRig(t, 15, spool.Options{FS: diskOf(t, stateDir, disk)})
	r.o = o.copyOf()
	r.mustStart(time.Second)
	r.end()
	lines = r.o.Check(t, Limits{}).Delivered - 10
	r.dead()

	segments := segmentsOf(disk)
	for _, tc := range []struct {
		name, file string
		change     func(b []byte) []byte
	}{
		{"segment of version 2", segments[1], func(b []byte) []byte { b[8] = 2; return b }},
		{"last segment of version 2, another layout", segments[len(segments)-1], func(b []byte) []byte { return append([]byte("PNSTKSPL\x02\x00"), make([]byte, 500)...) }},
		{"segment of version 255", segments[0], func(b []byte) []byte { b[8], b[9] = 255, 255; b[72], b[73] = 255, 255; return b }},
		{"position of version 2", "cursor", func([]byte) []byte { return laterCursor }},
	} {
		changed := map[string][]byte{}
		for n, b := range disk {
			changed[n] = b
		}
		b := tc.change(bytes.Clone(changed[tc.file]))
		if tc.name == "segment of version 2" {
			b[72] = 2 // both copies
		}
		changed[tc.file] = b
		fsys := diskOf(t, stateDir, changed)
		r := newRig(t, 15, spool.Options{FS: fsys})
		err := r.start()
		if err == nil || !strings.Contains(err.Error(), tc.file) || !strings.Contains(err.Error(), "version") {
			t.Errorf("%s: %v", tc.name, err)
			r.dead()
		}
		for n, b := range changed {
			if n != "lock" && !bytes.Equal(readFile(t, fsys, stateDir+"/"+n), b) {
				t.Errorf("%s: %s was changed", tc.name, n)
			}
		}
		if rep, err := diskqueue.Repair(fsys, stateDir); err == nil && tc.file != "cursor" {
			for i := range rep.Segments {
				if s := rep.Segments[i]; s.Name == tc.file && !strings.Contains(s.Problem, "version") {
					t.Errorf("%s: repair says %q", tc.name, s.Problem)
				}
			}
		}
		if !bytes.Equal(readFile(t, fsys, stateDir+"/"+tc.file), b) {
			t.Errorf("%s: repair has changed it", tc.name)
		}
	}
}

// laterCursor is a whole slot of version 2: as version 1, with another checksum.
var laterCursor = func() []byte {
	b := make([]byte, 64)
	copy(b, "PNSTKCUR\x02\x00")
	crc := crc32c(b[:60])
	b[60], b[61], b[62], b[63] = byte(crc), byte(crc>>8), byte(crc>>16), byte(crc>>24)
	return b
}()
