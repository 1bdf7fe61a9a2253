package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/ingest/file"
)

// progressEvery is how often the line is written anew.
const progressEvery = 500 * time.Millisecond

// progressLine keeps one line at the bottom of a terminal. What is written through it, such
// as the log, stands above.
type progressLine struct {
	w io.Writer

	mu    sync.Mutex
	shown bool
	last  string
}

// clearLine goes to the begin of the line and clears it.
const clearLine = "\r\x1b[K"

func (l *progressLine) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown {
		fmt.Fprint(l.w, clearLine)
		l.shown = false
	}
	n, err := l.w.Write(b)
	if l.last != "" && strings.HasSuffix(string(b), "\n") {
		fmt.Fprint(l.w, l.last)
		l.shown = true
	}
	return n, err
}

// show writes the line; an empty one takes it away.
func (l *progressLine) show(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown {
		fmt.Fprint(l.w, clearLine)
	}
	fmt.Fprint(l.w, text)
	l.last, l.shown = text, text != ""
}

// isTerminal reports whether somebody looks at what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// progress is a source that knows how far it has come.
type progress interface{ Progress() file.Progress }

// follow shows how far sources have come, as long as there is something left to read, until
// stop is called.
func (l *progressLine) follow(sources []progress) (stop func()) {
	done := make(chan struct{})
	var shows sync.WaitGroup
	shows.Go(func() {
		defer l.show("")
		t := time.NewTicker(progressEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				l.show(progressText(sources))
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		shows.Wait()
	}
}

// progressText is the line for all sources that have something left to read.
func progressText(sources []progress) string {
	var parts []string
	for _, s := range sources {
		if p := s.Progress(); p.Bytes < p.AllBytes {
			parts = append(parts, fmt.Sprint(p))
		}
	}
	return strings.Join(parts, "; ")
}
