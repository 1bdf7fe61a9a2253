package file

import (
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"
)

// Progress is how far the reading of files has come.
type Progress struct {
	Files, AllFiles int   // read to their ends, and known
	Bytes, AllBytes int64 // read, and to be read in all; of compressed files as they are stored
	Elapsed         time.Duration
	// Rate is in bytes a second, over the last ten seconds if Progress is asked for that
	// often, else since the last time.
	Rate float64
	// Left is how long the rest will take at that rate; negative if that cannot be told.
	Left time.Duration
}

// String is one line for a terminal.
func (p Progress) String() string {
	part := 100.0
	if p.AllBytes > 0 {
		part = 100 * float64(p.Bytes) / float64(p.AllBytes)
	}
	left := "?"
	if p.Left >= 0 {
		left = p.Left.Round(time.Second).String()
	}
	return fmt.Sprintf("%d of %d files, %s of %s (%.1f %%), %s/s, %s left",
		p.Files, p.AllFiles, size(float64(p.Bytes)), size(float64(p.AllBytes)), part, size(p.Rate), left)
}

// size writes bytes in the unit that fits.
func size(n float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if n < 1000 {
			if unit == "B" {
				return fmt.Sprintf("%.0f B", n)
			}
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1024
	}
	return fmt.Sprintf("%.4g TiB", n)
}

// pace makes a rate out of looks at a counter.
type pace struct {
	mu    sync.Mutex
	begun time.Time
	looks []look // of the last rateWindow, and one before
}

type look struct {
	at    time.Time
	bytes int64
}

const (
	rateWindow = 10 * time.Second
	maxLooks   = 256
)

func (p *pace) begin(now time.Time) {
	p.mu.Lock()
	p.begun, p.looks = now, []look{{at: now}}
	p.mu.Unlock()
}

// at fills in what depends on time.
func (p *pace) at(now time.Time, out *Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out.Left = -1
	if p.begun.IsZero() {
		return
	}
	out.Elapsed = now.Sub(p.begun)
	for len(p.looks) > 1 && (now.Sub(p.looks[1].at) >= rateWindow || len(p.looks) >= maxLooks) {
		p.looks = p.looks[1:]
	}
	if first := p.looks[0]; now.After(first.at) {
		out.Rate = float64(out.Bytes-first.bytes) / now.Sub(first.at).Seconds()
	}
	p.looks = append(p.looks, look{now, out.Bytes})
	switch rest := out.AllBytes - out.Bytes; {
	case rest <= 0:
		out.Left = 0
	case out.Rate > 0:
		if s := float64(rest) / out.Rate; s < 1e9 {
			out.Left = time.Duration(s * float64(time.Second))
		}
	}
}

// counted counts what is read of a file.
type counted struct {
	io.Reader
	n    *atomic.Int64
	read int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	c.read += int64(n)
	return n, err
}

// survey adds up the files before the first of them is read.
func (s *Source) survey(paths []string) {
	s.pace.begin(time.Now())
	s.files.Store(0)
	s.bytes.Store(0)
	s.allFiles.Store(int64(len(paths)))
	all := int64(0)
	s.sizes = make([]int64, len(paths))
	for i, path := range paths {
		if info, err := s.stat(path); err == nil && info.Mode().IsRegular() {
			s.sizes[i] = info.Size()
			all += info.Size()
		}
	}
	s.allBytes.Store(all)
}

// done corrects what the survey said of a file: it may have grown, or could not be read.
func (s *Source) done(i int, read int64) {
	s.allBytes.Add(read - s.sizes[i])
	s.files.Add(1)
}

func (s *Source) stat(path string) (fs.FileInfo, error) {
	f, err := s.opts.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Stat()
}

// Progress says how far Run has come. It may be called from any goroutine at any time.
func (s *Source) Progress() Progress {
	p := Progress{Files: int(s.files.Load()), AllFiles: int(s.allFiles.Load()), Bytes: s.bytes.Load(), AllBytes: s.allBytes.Load()}
	p.AllBytes = max(p.AllBytes, p.Bytes)
	s.pace.at(time.Now(), &p)
	return p
}

// Progress says how far the Follower has come with what is there: files that grow are to be
// read as far as they were seen. It may be called from any goroutine at any time.
func (f *Follower) Progress() Progress {
	p := Progress{Bytes: f.bytes.Load()}
	p.AllBytes = p.Bytes
	f.mu.Lock()
	for _, list := range [...][]*followed{f.order, f.arrived} {
		for _, t := range list {
			if t.gone {
				continue
			}
			p.AllFiles++
			behind := t.behind.Load()
			if p.AllBytes += behind; behind == 0 {
				p.Files++
			}
		}
	}
	f.mu.Unlock()
	f.pace.at(time.Now(), &p)
	return p
}
