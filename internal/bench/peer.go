package main

import (
	"bytes"
	"errors"
	"io"
	"time"
)

// errSkip says that a peer does not read a corpus.
var errSkip = errors.New("does not read this corpus")

// peer is one way to turn raw lines into ECS lines.
type peer struct {
	name string
	// start prepares for a corpus: what a host does once. run may be called again.
	start   func(c *corpus) (run, error)
	workers int
	// program measures a peer that is another program, in the place of measure.
	program func(c *corpus, size int, span time.Duration) (sample, error)
}

// run reads raw lines from r to the end and writes NDJSON to w. events counts what came out whole.
type run func(r io.Reader, w io.Writer) (events int, err error)

// The first one is measured against the best of the others.
var peers = []peer{
	{"penstock", startPenstock(1), 1, nil},
	{"std", startStd, 1, nil},
	{"stanza", startStanza, 1, nil},
	{"go-syslog", startGoSyslog, 1, nil},
	{"syslog-ng", startSyslogNG, 1, measureSyslogNG},
}

// twoCores is measured against the first of peers.
var twoCores = peer{"penstock-2", startPenstock(2), 2, nil}

func peerNamed(name string) *peer {
	if name == twoCores.name {
		return &twoCores
	}
	for i := range peers {
		if peers[i].name == name {
			return &peers[i]
		}
	}
	return nil
}

// chunkSize is how much the peers other than penstock read and write at once: enough
// that it does not matter.
const chunkSize = 256 << 10

// byChunk reads whole lines in chunks and gives each chunk to f, which appends its events
// to dst.
func byChunk(f func(dst, chunk []byte) ([]byte, int, error)) run {
	return func(r io.Reader, w io.Writer) (events int, err error) {
		buf, have := make([]byte, chunkSize), 0
		var out []byte
		for {
			n, readErr := r.Read(buf[have:])
			have += n
			end := bytes.LastIndexByte(buf[:have], '\n') + 1
			if end > 0 {
				k := 0
				if out, k, err = f(out[:0], buf[:end]); err != nil {
					return events, err
				}
				events += k
				if _, err = w.Write(out); err != nil {
					return events, err
				}
				have = copy(buf, buf[end:have])
			}
			switch {
			case readErr == io.EOF && have == 0:
				return events, nil
			case readErr == io.EOF, have == len(buf):
				return events, errors.New("a line without end")
			case readErr != nil:
				return events, readErr
			}
		}
	}
}

// byLine gives f each line without its line feed.
func byLine(f func(dst, line []byte) ([]byte, error)) run {
	return byChunk(func(dst, chunk []byte) (_ []byte, n int, err error) {
		for len(chunk) > 0 {
			i := bytes.IndexByte(chunk, '\n')
			if dst, err = f(dst, chunk[:i]); err != nil {
				return dst, n, err
			}
			chunk = chunk[i+1:]
			n++
		}
		return dst, n, nil
	})
}
