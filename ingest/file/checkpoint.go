package file

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/penstock-dev/penstock/errcat"
)

// stateHeader begins a checkpoint. One that begins otherwise was written by another version.
const stateHeader = "penstock files 1\n"

// load reads the checkpoint. first reports that there was none.
func (f *Follower) load(store *store) (first bool, err error) {
	b := store.read()
	if len(b) == 0 {
		return true, nil
	}
	text, ok := bytes.CutPrefix(b, []byte(stateHeader))
	if !ok {
		return false, errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "file: %s is not a checkpoint of this version; move it away to begin anew", store.path)
	}
	for line := range strings.Lines(string(text)) {
		r, err := parseRemembered(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return false, errcat.Newf(errcat.SchemaViolation, errcat.StageCollect, "file: the checkpoint %s: %w", store.path, err)
		}
		f.former.put(&r)
	}
	return false, nil
}

// appendTo writes a file as a line.
func (r *remembered) appendTo(b []byte) []byte {
	b = strconv.AppendUint(b, r.ID.Device, 10)
	b = strconv.AppendUint(append(b, ' '), r.ID.Inode, 10)
	b = strconv.AppendInt(append(b, ' '), r.Print.Offset, 10)
	for _, m := range [...]mark{r.Print.Head, r.Print.Tail} {
		b = strconv.AppendInt(append(b, ' '), int64(m.Length), 10)
		b = hex.AppendEncode(append(b, ' '), m.Sum[:])
	}
	b = strconv.AppendInt(append(b, ' '), r.Seen.Unix(), 10)
	b = strconv.AppendBool(append(b, ' '), r.Deleted)
	b = strconv.AppendBool(append(b, ' '), r.Copied)
	b = strconv.AppendQuote(append(b, ' '), r.Path)
	return append(b, '\n')
}

func parseRemembered(line string) (r remembered, err error) {
	var head, tail, path string
	var seen int64
	n, err := fmt.Sscanf(line, "%d %d %d %d %32s %d %32s %d %t %t %q", &r.ID.Device, &r.ID.Inode, &r.Print.Offset,
		&r.Print.Head.Length, &head, &r.Print.Tail.Length, &tail, &seen, &r.Deleted, &r.Copied, &path)
	if err != nil || n != 11 {
		return r, fmt.Errorf("a line cannot be read: %w", err)
	}
	r.Path, r.Seen = path, time.Unix(seen, 0)
	_, err1 := hex.Decode(r.Print.Head.Sum[:], []byte(head))
	_, err2 := hex.Decode(r.Print.Tail.Sum[:], []byte(tail))
	p := &r.Print
	if err1 != nil || err2 != nil || p.Offset < 0 || p.Head.Length < 0 || p.Head.Length > headSize || p.Tail.Length < 0 || p.Tail.Length > tailSize ||
		int64(p.Tail.Length) > p.Offset {
		return r, fmt.Errorf("a line makes no sense: %s", line)
	}
	return r, nil
}

// syncEvery is how long a position that was written may wait for its fsync.
const syncEvery = time.Second

// save writes the checkpoint if something changed and it is time to, or at once; durable
// with an fsync in any case.
func (r *rounds) save(now time.Time, atOnce, durable bool) error {
	if r.store.path == "" {
		return nil
	}
	if !atOnce && now.Sub(r.saved) < r.pause && now.After(r.saved) {
		return nil
	}
	r.window.look()
	b := append(r.state[:0], stateHeader...)
	began := time.Now()
	for _, t := range r.f.order {
		if t.gone {
			continue
		}
		p, ok := r.safePrint(t)
		if !ok {
			continue
		}
		// By the hour, so that nothing is written while nothing grows.
		e := remembered{ID: t.id, Path: t.path, Print: p, Seen: t.seen.Truncate(time.Hour)}
		b = e.appendTo(b)
	}
	for e := range r.f.former.all() {
		b = e.appendTo(b)
	}
	r.saved, r.state = now, b
	r.pauseFor(time.Since(began))
	sum := markOf(b)
	sync := durable || now.Sub(r.synced) >= syncEvery || now.Before(r.synced)
	if sum == r.written && (!sync || !r.noted) {
		r.window.covered()
		return nil
	}
	if err := r.store.write(b, sync); err != nil {
		return err
	}
	r.window.covered()
	r.written, r.noted = sum, !sync
	if sync {
		r.synced = now
	} else {
		r.pauseFor(time.Since(began))
	}
	return nil
}

// pauseFor sets when the checkpoint is made again: making and writing it takes a twentieth of the
// time at most, however many files there are. That of an fsync does not count.
func (r *rounds) pauseFor(took time.Duration) {
	r.pause = max(r.f.opts.CheckpointEvery, 20*took)
}

// safePrint is the print of a file at its last safe position.
func (r *rounds) safePrint(t *followed) (print, bool) {
	if t.age == nil {
		return print{}, false
	}
	safe := t.age.safe.Load()
	switch {
	case safe == t.print.Offset:
		t.safe = t.print
	case safe == t.safe.Offset:
	case t.decode != nil:
		// Positions within compressed text cannot be looked at again: it is read anew.
		return print{}, false
	case t.file != nil:
		p, _, err := printAt(t.file, safe)
		if err != nil {
			break
		}
		if _, ok, err := t.print.matches(t.file); !ok || err != nil {
			break // truncated meanwhile, or not to be read: the last one that was good
		}
		t.safe = p
	}
	return t.safe, t.safe.Offset > 0
}
