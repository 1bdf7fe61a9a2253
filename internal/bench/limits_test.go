package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// maxAllocs is how many allocations an event may cost once the pipeline runs.
const maxAllocs = 0.1

func TestAllocationsPerEvent(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, c := range corpora {
		t.Run(c.name, func(t *testing.T) {
			s, err := measure(&peers[0], c, 4_000_000, 150*time.Millisecond, "")
			if errors.Is(err, errSkip) {
				t.Skip(err)
			} else if err != nil {
				t.Fatal(err)
			}
			if s.allocs() > maxAllocs {
				t.Errorf("%.3f allocations an event over %d events, the limit is %.1f", s.allocs(), s.Events, maxAllocs)
			}
		})
	}
}

const (
	// maxMemory is how much of a process that runs one pipeline may be resident.
	maxMemory = 64 << 20
	// longInput is how much that process reads.
	longInput = 300_000_000
)

// stream makes records while they are read, up to n bytes and the end of the line.
type stream struct {
	gen  *gen
	rest []byte
	read int64
	n    int64
}

func (s *stream) Read(p []byte) (int, error) {
	k := 0
	for k < len(p) {
		if len(s.rest) == 0 {
			if s.read >= s.n {
				break
			}
			s.rest = s.gen.next()
			s.read += int64(len(s.rest))
		}
		n := copy(p[k:], s.rest)
		s.rest = s.rest[n:]
		k += n
	}
	if k == 0 {
		return 0, io.EOF
	}
	return k, nil
}

// longRun is the corpus for the process that TestMemoryIsBounded starts.
const longRun = "PENSTOCK_BENCH_LONG_RUN"

func TestMain(m *testing.M) {
	if name := os.Getenv(longRun); name != "" {
		c := corpusNamed(name)
		fn, err := peers[0].start(c)
		if err == nil {
			in := &stream{gen: newGen(c), n: longInput}
			var events int
			events, err = fn(in, io.Discard)
			json.NewEncoder(os.Stdout).Encode(sample{Events: int64(events), In: in.read, Peak: peakMemory()})
		}
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestMemoryIsBounded reads far more than may be resident.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes seconds")
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the peak of a process apart from its parent's")
	}
	for _, c := range corpora {
		t.Run(c.name, func(t *testing.T) {
			if _, err := findPack(c); errors.Is(err, errSkip) {
				t.Skip(err)
			}
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), longRun+"="+c.name)
			var out, diag bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &diag
			if err := cmd.Run(); err != nil {
				t.Fatal(err, diag.String())
			}
			var s sample
			if err := json.Unmarshal(out.Bytes(), &s); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d events, %d MB read, %d MB resident at most", s.Events, s.In/1e6, s.Peak/1e6)
			if s.In < longInput || s.Peak > maxMemory {
				t.Errorf("%d bytes were resident while %d were read; the limit is %d", s.Peak, s.In, maxMemory)
			}
		})
	}
}
