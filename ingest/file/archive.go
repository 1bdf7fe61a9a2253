package file

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/penstock-dev/penstock/ingest"
)

// archive reads a compressed file, once it has come to rest. Positions in it are those of
// the text that it holds.
func (r *rounds) archive(ctx context.Context, t *followed, now time.Time, changed bool) (bool, error) {
	f := r.f
	if changed {
		t.grown = now
		if t.done || t.reader != nil { // somebody wrote it anew
			t.done, t.decided = false, false
			if t.reader != nil {
				t.reader.Close()
				t.reader = nil
			}
		}
	}
	if t.done || !t.decided && now.Sub(t.changed) < f.opts.Rest && now.Sub(t.grown) < f.opts.Rest {
		t.next = now.Add(f.opts.Poll)
		if t.done {
			t.next = now.Add(8 * f.opts.Poll)
			if (!t.linked || t.missing) && now.Sub(t.grown) >= f.opts.Rest && t.age.safe.Load() == t.print.Offset {
				r.leave(t, now)
			} else if r.crowded() {
				r.f.closeFile(t)
			}
		}
		return false, nil
	}
	if !t.decided {
		if err := r.unpack(t); err != nil || t.done {
			return false, err
		}
	}
	if t.reader == nil { // after a rewind
		if err := r.rewound(t); err != nil {
			return false, err
		}
	}
	seen := &watched{r: io.LimitReader(t.reader, turnSize), tail: t.tail, head: t.head}
	err := t.copier.More(ctx, seen)
	t.tail, t.head = seen.tail, seen.head
	at, held := t.copier.Position()
	before := t.read
	t.read = at + held
	if err != nil && (ctx.Err() != nil || errors.Is(err, ingest.ErrClosed)) {
		return false, err
	}
	if err != nil { // it is cut or damaged, and will not get better
		f.mu.Lock()
		f.stats.Broken++
		f.mu.Unlock()
		f.log.Error("a compressed file cannot be read to its end", "path", t.path, "at", t.read, "error", err)
	} else if t.read > before {
		t.next = now
		return true, nil
	}
	if err := t.copier.End(); err != nil {
		return false, err
	}
	at, _ = t.copier.Position()
	t.read = at
	t.print = print{markOf(t.head[:min(len(t.head), int(min(at, headSize)))]), markOf(t.tail[max(0, len(t.tail)-int(min(at, tailSize))):]), at}
	t.done = true
	t.reader.Close()
	t.reader = nil
	return false, nil
}

// unpack opens a compressed file and finds where to begin: behind what was read of the file
// that it was made of.
func (r *rounds) unpack(t *followed) error {
	f := r.f
	text := &unpacked{t: t}
	p, ok, _ := f.former.same(t.id, text) // its errors are those of text
	if !ok && text.err == nil {
		p, ok, _ = f.former.copyOf(t.path, text, true)
	}
	text.close()
	if text.err != nil {
		return r.broken(t, text.err)
	}
	at := int64(0)
	if ok {
		at = p.Offset
	}
	t.begin(r, at)
	t.print, t.decided = p, true
	if !ok {
		t.print = print{}
	}
	if err := r.rewound(t); err != nil {
		return r.broken(t, err)
	}
	return nil
}

// broken gives a compressed file up that cannot be read from its beginning.
func (r *rounds) broken(t *followed, err error) error {
	f := r.f
	f.mu.Lock()
	f.stats.Broken++
	f.mu.Unlock()
	t.begin(r, 0)
	t.decided, t.done = true, true
	return err
}

// rewound begins to decompress and passes over what was read already.
func (r *rounds) rewound(t *followed) error {
	if _, err := t.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	reader, err := t.decode(t.file)
	if err != nil {
		return err
	}
	at, _ := t.copier.Position()
	seen := &watched{r: io.LimitReader(reader, at)}
	n, err := io.Copy(io.Discard, seen)
	if err != nil || n < at {
		reader.Close()
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	t.reader, t.head, t.tail = reader, seen.head, seen.tail
	return nil
}

// watched keeps the first and the last bytes of what is read through it.
type watched struct {
	r          io.Reader
	head, tail []byte
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	b := p[:n]
	if room := headSize - len(w.head); room > 0 {
		w.head = append(w.head, b[:min(room, n)]...)
	}
	if n >= tailSize {
		w.tail = append(w.tail[:0], b[n-tailSize:]...)
	} else {
		w.tail = append(w.tail, b...)
		if over := len(w.tail) - tailSize; over > 0 {
			w.tail = append(w.tail[:0], w.tail[over:]...)
		}
	}
	return n, err
}

// unpacked is a compressed file as io.ReaderAt, for comparing it with files that were read.
// Calls with ascending positions cost one pass.
type unpacked struct {
	t    *followed
	r    io.ReadCloser
	at   int64
	err  error
	last []byte // the bytes before at
}

func (u *unpacked) ReadAt(p []byte, at int64) (int, error) {
	if u.r == nil || at < u.at-int64(len(u.last)) {
		if err := u.restart(); err != nil {
			return 0, err
		}
	}
	for end := at + int64(len(p)); u.at < end; {
		var room [unpackedKept]byte
		n, err := u.r.Read(room[:min(int64(len(room)), end-u.at)])
		u.last = append(u.last, room[:n]...)
		if over := len(u.last) - unpackedKept; over > 0 {
			u.last = append(u.last[:0], u.last[over:]...)
		}
		u.at += int64(n)
		if err != nil && u.at < end {
			if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
				u.err = err
			}
			break
		}
	}
	n := 0
	if from := int64(len(u.last)) - (u.at - at); from >= 0 && at <= u.at {
		n = copy(p, u.last[from:])
	}
	if n < len(p) {
		return n, io.ErrUnexpectedEOF
	}
	return n, nil
}

// unpackedKept is how much of what was read last can be read again without beginning anew. It is
// more than two heads and tails.
const unpackedKept = 32 << 10

func (u *unpacked) restart() error {
	u.close()
	if _, err := u.t.file.Seek(0, io.SeekStart); err != nil {
		u.err = err
		return err
	}
	r, err := u.t.decode(u.t.file)
	if err != nil {
		u.err = err
		return err
	}
	u.r, u.at, u.last = r, 0, nil
	return nil
}

func (u *unpacked) close() {
	if u.r != nil {
		u.r.Close()
		u.r = nil
	}
}
