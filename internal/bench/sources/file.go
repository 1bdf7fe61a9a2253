//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/file"
	"github.com/penstock-dev/penstock/parse"
)

const event = "<134>1 2026-11-29T10:00:00.123456Z fw1.example.org asa 1234 106023 - Deny tcp src inside:10.0.0.1/52714 dst outside:203.0.113.9/443 by access-group \"inside_in\" [0x0, 0x0]"

// lineFile writes lines of event, some longer, some shorter, by a factor.
func lineFile(dir string, factor, size int) (string, error) {
	var text []byte
	for i := 0; len(text) < size; i++ {
		for range factor {
			text = append(text, event...)
		}
		text = append(text, event[:i*7%60]...)
		text = append(text, '\n')
	}
	path := filepath.Join(dir, "lines.log")
	return path, os.WriteFile(path, text, 0o600)
}

func used(who int) time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(who, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// readChunks reads a file by the source, and gives back the chunks that it sends.
func readChunks(path string) (lines int, err error) {
	src := file.Paths(path)
	p, err := ingest.New(ingest.Config[struct{}]{
		Sources: []ingest.Source{ingest.SourceFunc(func(ctx context.Context, out *ingest.Emit) error {
			return src.Run(ctx, out.Through(func(c *ingest.Chunk) error {
				lines += len(c.Msgs)
				out.Discard(c)
				return nil
			}, nil))
		})},
		Parser: parse.ParserFunc[struct{}](func(*parse.Message, *parse.Events[struct{}]) error { return nil }),
		Sink:   batch.SinkFunc[struct{}](func(context.Context, *batch.Batch[struct{}]) error { return nil }),
	})
	if err != nil {
		return 0, err
	}
	return lines, p.Run(context.Background())
}

// readLoop reads a file by read(2).
func readLoop(path string, count func(b []byte) int) (lines int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := f.Read(buf)
		lines += count(buf[:n])
		if err == io.EOF {
			return lines, nil
		} else if err != nil {
			return 0, err
		}
	}
}

// readMapped maps the file and finds its lines where they lie: the most that mapping could
// gain.
func readMapped(path string) (lines int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	m, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return 0, err
	}
	defer syscall.Munmap(m)
	return find(m), nil
}

func count(b []byte) int { return bytes.Count(b, []byte{'\n'}) }

func find(b []byte) (n int) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return n
		}
		b = b[i+1:]
		n++
	}
}

func files(w io.Writer, rounds int, scale float64) error {
	dir, err := os.MkdirTemp("", "sources")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprint(w, "## Files\n\nFrom the page cache into framed chunks, which are given back at once. The loops read 64 KiB at a time;\n",
		"\"find\" looks for the end of each line, as framing must, and does nothing else. \"mapped\" does the same in\n",
		"memory-mapped pages, without copying: it is the most that mapping could gain, and a file that is\n",
		"truncated meanwhile would end the process (SIGBUS), in whichever goroutine touches it.\n\n")
	for _, c := range []struct {
		factor, mb int
	}{{1, 64}, {1, 512}, {3, 64}} {
		size := int(float64(c.mb<<20) * scale)
		path, err := lineFile(dir, c.factor, size)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		want := 0
		turns := []struct {
			name string
			who  int
			run  func() (int, error)
		}{
			{"penstock", syscall.RUSAGE_SELF, func() (int, error) { return readChunks(path) }},
			{"wc -l", syscall.RUSAGE_CHILDREN, func() (n int, err error) {
				out, err := exec.Command("wc", "-l", path).Output()
				fmt.Sscan(string(out), &n)
				return n, err
			}},
			{"read and count", syscall.RUSAGE_SELF, func() (int, error) { return readLoop(path, count) }},
			{"read and find", syscall.RUSAGE_SELF, func() (int, error) { return readLoop(path, find) }},
			{"mapped, find", syscall.RUSAGE_SELF, func() (int, error) { return readMapped(path) }},
		}
		rows := make([]*row, len(turns))
		for i, t := range turns {
			rows[i] = &row{name: t.name}
		}
		for range rounds * 2 {
			for i, t := range turns {
				before, begin := used(t.who), time.Now()
				lines, err := t.run()
				rows[i].better(result{amount: float64(info.Size()), elapsed: time.Since(begin), cpu: max(used(t.who)-before, 1), err: err})
				if t.name == "wc -l" {
					want = lines
				} else if i > 1 && t.name != "read and find" && lines != want {
					return fmt.Errorf("%s: %d lines of %d", t.name, lines, want)
				}
			}
		}
		table(w, fmt.Sprintf("%d MiB, lines of about %d bytes", info.Size()>>20, int(info.Size())/max(want, 1)), "GB", 1e9, rows)
	}
	return nil
}
