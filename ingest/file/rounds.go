package file

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/penstock-dev/penstock/ingest"
)

// rounds is the reading goroutine of a Follower.
type rounds struct {
	f       *Follower
	ctx     context.Context // of run
	out     *ingest.Emit
	store   *store
	window  window
	saved   time.Time     // when the checkpoint was looked at last
	synced  time.Time     // when it was written with an fsync
	noted   bool          // it was written without one since
	pause   time.Duration // until the next time
	state   []byte
	written mark // of what is in the checkpoint
	// resting are open files that were read to their end, the one that has rested longest first:
	// they make room for others. Some of them may have grown or be closed meanwhile.
	resting list.List
	left    int // of Follower.order, those that are gone
}

// turnSize is how much of one file is read before the next has its turn.
const turnSize = 1 << 20

// run reads what there is, file after file, until ctx ends.
func (r *rounds) run(ctx context.Context) error {
	f := r.f
	r.ctx = ctx
	for ctx.Err() == nil {
		now := f.opts.Now()
		r.adopt(now)
		busy := false
		soonest := now.Add(f.opts.Poll)
		for _, t := range f.order {
			if t.gone {
				continue
			}
			if t.next.After(now) && !(t.woken.Load() && t.file == nil) {
				if t.next.Before(soonest) {
					soonest = t.next
				}
				continue
			}
			grew, err := r.turn(ctx, t, now)
			if err != nil {
				if ctx.Err() != nil || errors.Is(err, ingest.ErrClosed) {
					return nil
				}
				f.log.Warn("a file cannot be read now", "path", t.path, "error", err)
				t.wait = min(2*max(t.wait, f.opts.Poll), 16*f.opts.Poll)
				t.next = now.Add(t.wait)
				continue
			}
			busy = busy || grew
		}
		if err := r.save(now, false, false); err != nil {
			f.log.Error("the checkpoint cannot be written", "path", f.opts.Checkpoint, "error", err)
		}
		if busy {
			continue
		}
		// Not for each file by itself: to look through all of them has its price.
		enough := time.After(max(soonest.Sub(now), f.opts.Poll/10, time.Millisecond))
		select {
		case <-ctx.Done():
		case <-enough:
		case <-r.window.acked:
			// The checkpoint may cover more now.
			select {
			case <-ctx.Done():
			case <-enough:
			case <-time.After(r.pause - f.opts.Now().Sub(r.saved)):
			}
		}
	}
	return nil
}

// adopt takes in what the scan found.
func (r *rounds) adopt(now time.Time) {
	f := r.f
	f.mu.Lock()
	if r.left > 0 {
		f.order = slices.DeleteFunc(f.order, func(t *followed) bool { return t.gone })
		r.left = 0
	}
	arrived, scans := f.arrived, f.scans
	f.arrived = nil
	clear(f.coming)
	for _, t := range arrived {
		if f.files[t.id] != nil {
			f.close(t)
			t.gone = true
			continue
		}
		f.files[t.id] = t
		f.order = append(f.order, t)
	}
	f.mu.Unlock()
	// First those that are known, so that it is clear which of them hold something else
	// now when copies are looked for.
	for _, t := range arrived {
		if t.gone {
			continue
		}
		if t.file == nil {
			r.reopen(t, now)
		}
		switch {
		case t.gone || t.decode != nil:
			continue
		case t.file == nil: // for want of room
			t.unsure = true
			continue
		}
		p, ok, err := f.former.same(t.id, t.file)
		if ok {
			r.resume(t, p)
			r.rests(t)
		}
		t.unsure = err != nil
	}
	if !f.settled && scans > 0 {
		f.settled = true
		f.former.settle()
		if f.first && f.opts.FromEnd {
			for _, t := range arrived {
				if !t.decided && t.decode == nil {
					t.fromEnd = t.size
				}
			}
		}
		f.first = false
	}
	f.former.forget(now)
}

func (r *rounds) resume(t *followed, p print) {
	t.begin(r, p.Offset)
	t.print, t.decided = p, true
}

// fromEnd begins behind the last line that was complete when the file was found.
func (r *rounds) fromEnd(t *followed) error {
	at := min(t.fromEnd, t.size)
	b, err := readAt(t.file, max(0, at-turnSize), int(min(at, turnSize)))
	if err != nil {
		return err
	}
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		at -= int64(len(b) - i - 1)
	}
	p, _, err := printAt(t.file, at)
	if err != nil {
		return err
	}
	r.resume(t, p)
	return nil
}

// turn reads what one file has. grew says that there may be more at once.
func (r *rounds) turn(ctx context.Context, t *followed, now time.Time) (grew bool, err error) {
	f := r.f
	f.mu.Lock()
	t.path, t.root, t.seen, t.last = t.name, t.below, t.seenAt, t.saw
	t.woken.Store(false)
	t.unseen = f.scans - t.seenIn // a slow scan has not looked yet
	f.mu.Unlock()
	t.missing = t.unseen >= 2 && now.Sub(t.seen) > 2*f.opts.Scan+f.opts.Rest/2
	done := t.done
	defer func() {
		r.rests(t)
		switch {
		case t.decode == nil:
			t.behind.Store(max(t.size-t.read, 0))
		case !t.done:
			t.behind.Store(t.size) // its positions are those of the text in it
		case !done:
			f.bytes.Add(t.size)
			fallthrough
		default:
			t.behind.Store(0)
		}
	}()
	if t.age != nil && t.age.failed.Load() {
		return false, r.rewind(t, now)
	}
	if t.file == nil {
		if gone := r.awake(t, now); gone || t.file == nil {
			return false, nil
		}
	}
	info, err := t.file.Stat()
	if err != nil {
		return false, err
	}
	_, linked := idOf(t.path, info)
	changed := info.Size() != t.size || !info.ModTime().Equal(t.changed)
	t.size, t.changed, t.linked = info.Size(), info.ModTime(), linked
	if t.decode != nil {
		return r.archive(ctx, t, now, changed)
	}
	if !t.decided {
		if clear, err := r.decide(t, now); !clear || err != nil {
			return false, err
		}
		changed = true
	}
	anew := t.size < t.read
	if !anew && changed && t.print.Offset > 0 {
		head, same, err := t.print.matches(t.file)
		if err != nil {
			t.changed = time.Time{} // to be looked at again
			return false, err
		}
		t.begins, anew = head, !same
	}
	if anew {
		r.restart(t)
	}
	if t.size > t.read {
		n := min(t.size-t.read, turnSize)
		err := t.copier.More(ctx, io.NewSectionReader(t.file, t.read, n))
		before := t.read
		defer func() { f.bytes.Add(max(t.read-before, 0)) }()
		if merr := t.moved(t.file); merr != nil && err == nil && !errors.Is(merr, io.ErrUnexpectedEOF) {
			err = merr // otherwise it was truncated, which the next turn sees
		}
		if t.read > before {
			t.grown, t.wait, t.next = now, f.opts.Poll, now
			if t.size <= t.read {
				t.next = now.Add(min(t.wait, f.opts.Poll))
			}
		}
		return t.size > t.read && t.read > before, err
	}
	return false, r.rest(t, now)
}

// rest deals with a file that has nothing new.
func (r *rounds) rest(t *followed, now time.Time) error {
	f := r.f
	idle := now.Sub(t.grown)
	leaving := !t.linked || t.missing
	if _, held := t.copier.Position(); held > 0 && (idle >= f.opts.Unfinished || leaving && idle >= f.opts.Rest) {
		if err := t.copier.End(); err != nil {
			return err
		}
		if err := t.moved(t.file); err != nil {
			return err
		}
	}
	if leaving && idle >= f.opts.Rest && (t.age.safe.Load() == t.print.Offset || t.age.failed.Load()) {
		if !t.age.failed.Load() {
			r.leave(t, now)
		}
		return nil
	}
	t.wait = min(2*t.wait, 8*f.opts.Poll)
	t.next = now.Add(t.wait)
	if idle > 4*f.opts.Rest && r.crowded() {
		f.closeFile(t)
	}
	return nil
}

// crowded reports whether open files should be closed to make room for others.
func (r *rounds) crowded() bool {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	return len(r.f.open) > r.f.opts.MaxOpen*3/4
}

// atRest reports whether an open file may be closed without anything being lost.
func (t *followed) atRest() bool {
	return t.file != nil && t.decided && t.linked && (t.done || t.size <= t.read)
}

// rests notes a file that may make room for others.
func (r *rounds) rests(t *followed) {
	if !t.resting && !t.gone && t.atRest() {
		t.resting = true
		r.resting.PushBack(rest{t, t.grown})
	}
}

// rest is an entry of rounds.resting.
type rest struct {
	t     *followed
	grown time.Time // t.grown, when it was entered
}

// rested takes the file that has rested longest, or nil where none does.
func (r *rounds) rested() *followed {
	for range r.resting.Len() {
		e := r.resting.Front()
		was := e.Value.(rest)
		switch {
		case was.t.gone || !was.t.atRest():
			was.t.resting = false
			r.resting.Remove(e)
		case !was.t.grown.Equal(was.grown): // and rests again, since later
			e.Value = rest{was.t, was.t.grown}
			r.resting.MoveToBack(e)
		default:
			was.t.resting = false
			r.resting.Remove(e)
			return was.t
		}
	}
	if e := r.resting.Front(); e != nil { // all have grown
		t := e.Value.(rest).t
		t.resting = false
		r.resting.Remove(e)
		return t
	}
	return nil
}

// leave forgets a file that is gone, but not what it held.
func (r *rounds) leave(t *followed, now time.Time) {
	f := r.f
	f.former.add(remembered{ID: t.id, Path: t.path, Print: t.print, Seen: now, Deleted: !t.linked, Copied: !t.linked})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left[t.id] = true
	delete(f.files, t.id)
	r.drop(t)
}

// drop ends a file that is not in Follower.files any more. The caller holds mu.
func (r *rounds) drop(t *followed) {
	r.f.close(t)
	t.gone = true
	r.left++
}

// restart reads a file from its beginning: it was truncated or written anew.
func (r *rounds) restart(t *followed) {
	f := r.f
	f.former.add(remembered{ID: t.id, Path: t.path, Print: t.print, Seen: f.opts.Now(), Deleted: true, Copied: true})
	if _, held := t.copier.Position(); held > 0 {
		f.log.Warn("a file was truncated in the middle of a line", "path", t.path, "bytes", held)
	}
	t.print, t.begins = print{}, nil
	t.begin(r, 0)
	f.mu.Lock()
	f.stats.Restarts++
	f.mu.Unlock()
}

// rewind goes back to the last safe position, since a sink has not taken what came behind.
func (r *rounds) rewind(t *followed, now time.Time) error {
	f := r.f
	at := t.age.safe.Load()
	t.begin(r, at)
	t.print = print{}
	t.next = now.Add(max(time.Second, f.opts.Poll))
	f.mu.Lock()
	f.stats.Rewound++
	f.mu.Unlock()
	if t.decode != nil {
		t.done = false
		if t.reader != nil {
			t.reader.Close()
			t.reader = nil
		}
		return nil
	}
	if t.file == nil {
		if t.safe.Offset == at {
			t.print = t.safe
		}
		t.changed = time.Time{} // what it holds is to be compared
		return nil
	}
	p, head, err := printAt(t.file, at)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	t.print, t.begins = p, head
	return nil
}

// decide finds where a new file is to be read from. It reports false while that is not
// clear.
func (r *rounds) decide(t *followed, now time.Time) (bool, error) {
	f := r.f
	if t.unsure {
		p, ok, err := f.former.same(t.id, t.file)
		if err != nil {
			return false, err
		}
		if t.unsure = false; ok {
			r.resume(t, p)
			return true, nil
		}
	}
	if t.size == 0 {
		t.fromEnd = 0
		t.wait = min(2*t.wait, 4*f.opts.Poll)
		t.next = now.Add(t.wait)
		if (!t.linked || t.missing) && now.Sub(t.grown) >= f.opts.Rest {
			t.begin(r, 0)
			t.decided = true
			r.leave(t, now)
		}
		return false, nil
	}
	if t.fromEnd > 0 {
		err := r.fromEnd(t)
		return err == nil, err
	}
	p, ok, err := f.former.copyOf(t.path, t.file, false)
	if err != nil {
		return false, err
	}
	if ok {
		r.resume(t, p)
		return true, nil
	}
	twin, err := r.repeats(t)
	if err != nil {
		return false, err
	}
	if twin {
		if t.held.IsZero() {
			t.held = now
		}
		if now.Sub(t.held) < f.opts.CopyGrace {
			t.next = now.Add(f.opts.Poll)
			return false, nil
		}
	}
	t.begin(r, 0)
	t.print, t.decided = print{}, true
	return true, nil
}

// repeats reports whether a file begins as another one that is open and being read does, and may
// so be a copy that is about to replace it.
func (r *rounds) repeats(t *followed) (bool, error) {
	head, err := headAt(t.file)
	if err != nil {
		return false, err
	}
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	for _, o := range r.f.open {
		n := min(len(head), len(o.begins))
		if n > 0 && o != t && o.decode == nil && o.decided && bytes.Equal(head[:n], o.begins[:n]) && isCopyName(o.path, t.path) {
			return true, nil
		}
	}
	return false, nil
}

// awake looks at a file that is closed, and opens it if it has changed. gone reports that it
// is not there any more.
func (r *rounds) awake(t *followed, now time.Time) (gone bool) {
	if t.unseen < 2 && t.copier != nil && (t.done || t.size <= t.read) && t.last.same(state{t.size, t.changed}) {
		t.wait = min(2*t.wait, 8*r.f.opts.Poll)
		t.next = now.Add(t.wait) // or when a scan sees that it has changed
		return false
	}
	info, err := os.Stat(t.path)
	if err == nil {
		if id, _ := idOf(t.path, info); id == t.id {
			r.reopen(t, now)
			return false
		}
	}
	// Another file has its name, or none: the next scan may know it by a new name.
	if t.unseen >= 2 && now.Sub(t.seen) > 2*r.f.opts.Scan+r.f.opts.Rest {
		t.linked = false
		unread := t.size > t.read || t.copier == nil
		if t.copier == nil {
			t.begin(r, 0)
		}
		if unread {
			r.f.mu.Lock()
			r.f.stats.Lost++
			r.f.mu.Unlock()
			r.f.log.Error("a file was gone before it was read", "path", t.path, "bytes", t.size-t.read)
		}
		r.leave(t, now)
		return true
	}
	t.next = now.Add(r.f.opts.Poll)
	return false
}

// reopen opens a file, for which another one may have to be closed.
func (r *rounds) reopen(t *followed, now time.Time) {
	f := r.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.open) >= f.opts.MaxOpen {
		rested := r.rested()
		if rested == nil {
			t.next = now.Add(f.opts.Poll)
			return
		}
		f.close(rested)
	}
	id := t.id
	if err := f.reach(t); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.refuseLocked(t.path, err)
		}
		t.next = now.Add(f.opts.Poll)
		return
	}
	if t.id != id { // a new file whose name another one has taken by now
		delete(f.files, id)
		if f.files[t.id] != nil {
			r.drop(t)
			return
		}
		f.files[t.id] = t
	}
}

// last writes the checkpoint when everything is over.
func (r *rounds) last() error { return r.save(r.f.opts.Now(), true, true) }
