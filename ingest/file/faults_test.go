package file_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ingest/file"
	"github.com/penstock-dev/penstock/internal/faulttest"
)

// tally is the figures of a follower that a fault test reports.
func (f *following) tally(w *writer) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	twice := 0
	for _, n := range f.got {
		twice += n - 1
	}
	return fmt.Sprintf("%d lines written, %d came, %d of them again", len(w.want), len(f.got), twice)
}

// The writer of a rotated file finishes its last line after the rename; twenty rotated
// files are kept.
func TestF27RenameRotation(t *testing.T) {
	dir := t.TempDir()
	opts := fast(dir)
	opts.Rest = 0 // the default: a busy machine lets the writer sleep for longer than it asked to
	f := follow(t, opts)
	w := newWriter(t)
	rotations, every := faulttest.Pick(30, 300), time.Duration(faulttest.Pick(20, 200))*time.Millisecond
	faulttest.Figures(t, "F27", fmt.Sprintf("%d renames and creations, one every %s, 20 kept, the writer finishes its last line after the rename", rotations, every),
		"0 lost, 0 duplicates, 0 torn lines", func() string { return f.tally(w) })
	path := filepath.Join(dir, "a.log")
	log := create(t, path)
	for i := range rotations {
		w.write(log, 50)
		last := w.line()
		log.WriteString(last[:3])
		rename(t, path, fmt.Sprintf("%s.%d", path, i))
		next := create(t, path)
		w.write(next, 1)
		time.Sleep(every / 2)
		log.WriteString(last[3:] + "\n")
		log.Close()
		os.Remove(fmt.Sprintf("%s.%d", path, i-20))
		time.Sleep(every / 2)
		log = next
	}
	f.expect(w.want)
	f.stop()
}

// copytruncate as logrotate does it, with a reader that lags and a restart in the middle.
// The copies match the pattern too. What is written between copy and truncation is lost,
// and only that.
func TestF28CopyTruncate(t *testing.T) {
	dir := t.TempDir()
	opts := fast(dir)
	opts.Include = []string{filepath.Join(dir, "a.log*")}
	f := follow(t, opts)
	f.may = map[string]bool{}
	w := newWriter(t)
	rotations, lag := faulttest.Pick(12, 50), time.Duration(faulttest.Pick(100, 1000))*time.Millisecond
	faulttest.Figures(t, "F28", fmt.Sprintf("%d rotations by copying and truncating; the reader lags by up to %s; one restart in the middle", rotations, lag),
		"0 duplicates; lost only what was written between copy and truncation", func() string {
			return fmt.Sprintf("%s; %d written between copy and truncation", f.tally(w), len(f.may))
		})
	path := filepath.Join(dir, "a.log")
	log := create(t, path)
	for i := range rotations {
		f.hold(i%2 == 1)
		w.write(log, 200)
		time.Sleep(rand.N(lag))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(fmt.Sprintf("%s.%d", path, i), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if i%3 == 2 { // nobody can read that for sure
			between := w.line()
			log.WriteString(between + "\n")
			f.mu.Lock()
			f.may[between] = true
			f.mu.Unlock()
			delete(w.want, between)
		}
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		w.write(log, 1+i%7)
		f.hold(false)
		if i == rotations/2 {
			f.expect(w.want)
			f.stop()
			w.write(log, 300)
			f.start(opts)
		}
		time.Sleep(20 * time.Millisecond)
	}
	f.expect(w.want)
	f.stop()
}

// Files that are deleted and made anew, some of them with the inode of the old one.
func TestF29InodeReuse(t *testing.T) {
	dir := t.TempDir()
	opts := fast(dir)
	opts.Rest = 10 * time.Millisecond
	f := follow(t, opts)
	w := newWriter(t)
	rounds, reused, last := faulttest.Pick(60, 200), 0, uint64(0)
	faulttest.Figures(t, "F29", fmt.Sprintf("%d files deleted and created, same name and another, shorter, equal and longer, also over restarts", rounds),
		"0 lost, 0 duplicates", func() string {
			return fmt.Sprintf("%s; %d files had the inode of the one before", f.tally(w), reused)
		})
	for i := range rounds {
		path := filepath.Join(dir, fmt.Sprintf("%d.log", i%2))
		log := create(t, path)
		info, err := log.Stat()
		if err != nil {
			t.Fatal(err)
		}
		ino := inode(info)
		if ino == last {
			reused++
		}
		last = ino
		w.write(log, 1+(i*7)%20)
		log.Close()
		f.expect(w.want)
		if i%20 == 10 { // over a restart
			f.stop()
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if i%20 == 10 {
			log := create(t, path)
			w.write(log, 30)
			log.Close()
			f.start(opts)
			f.expect(w.want)
			os.Remove(path)
		}
		time.Sleep(30 * time.Millisecond)
	}
	f.expect(w.want)
	f.stop()
}

// Files that begin alike are not taken for copies of each other.
func TestF30SameBeginning(t *testing.T) {
	dir := t.TempDir()
	f := follow(t, fast(dir))
	w := newWriter(t)
	head := strings.Repeat("the same line in every file\n", 150)
	logs := make([]*os.File, faulttest.Pick(20, 50))
	faulttest.Figures(t, "F30", fmt.Sprintf("%d files with the same first %d bytes, growing at different speeds, and as many of 5 bytes", len(logs), len(head)),
		"0 lost, 0 duplicates, none left unread", func() string { return f.tally(w) })
	w.want["the same line in every file"], w.want["tiny"] = true, true
	for i := range logs {
		logs[i] = create(t, filepath.Join(dir, fmt.Sprintf("a%d.log", i)))
		logs[i].WriteString(head)
		create(t, filepath.Join(dir, fmt.Sprintf("tiny%d.log", i))).WriteString("tiny\n")
	}
	for round := range 10 {
		for i, log := range logs {
			for n := range 1 + i {
				s := fmt.Sprintf("file %d round %d line %d", i, round, n)
				w.want[s] = true
				log.WriteString(s + "\n")
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.waitFor("the same line in every file", 150*len(logs))
	f.waitFor("tiny", len(logs))
	f.mu.Lock()
	f.got["the same line in every file"], f.got["tiny"] = 1, 1
	f.mu.Unlock()
	f.expect(w.want)
	f.stop()
}

// A link that is switched from file to file, and links that lead nowhere good.
func TestF31Symlinks(t *testing.T) {
	dir := t.TempDir()
	outside := write(t, t.TempDir(), "outside.log", "not mine\n")
	opts := fast(dir)
	var said logged
	opts.Logger = said.logger()
	f := follow(t, opts)
	w := newWriter(t)
	switches, every := 8, time.Duration(faulttest.Pick(60, 1000))*time.Millisecond
	faulttest.Figures(t, "F31", fmt.Sprintf("a link switched %d times, every %s, to another file; a loop; a link out of the watched root", switches, every),
		"both targets read to the end, 0 lost; loop and outside link refused and reported", func() string {
			return fmt.Sprintf("%s; %d refused", f.tally(w), f.source.Stats().Refused)
		})
	link := filepath.Join(dir, "current.log")
	for i := range switches {
		target := create(t, filepath.Join(dir, fmt.Sprintf("data%d", i%2)))
		os.Remove(link)
		if err := os.Symlink(target.Name(), link); err != nil {
			t.Fatal(err)
		}
		w.write(target, 20)
		time.Sleep(every)
		w.write(target, 1) // the old target goes on after the switch
	}
	os.Symlink(outside, filepath.Join(dir, "evil.log"))
	os.Symlink("loop.log", filepath.Join(dir, "loop.log"))
	f.expect(w.want)
	for deadline := time.Now().Add(5 * time.Second); f.source.Stats().Refused < 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("two links should be refused: %+v", f.source.Stats())
		}
	}
	f.stop()
	for _, name := range []string{"evil.log", "loop.log"} {
		if !strings.Contains(said.String(), name) {
			t.Errorf("the log does not name %s: %s", name, said.String())
		}
	}
}

// logged takes the log of a follower.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(b) }
func (l *logged) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }
func (l *logged) logger() *slog.Logger        { return slog.New(slog.NewTextHandler(l, nil)) }

// remote is a file on a file system that fails as network file systems do.
type remote struct {
	file.Handle
	fault *atomic.Int32 // one of those below
	reads *atomic.Int64
}

const (
	healthy  int32 = iota
	stale          // every call fails with ESTALE
	broken         // reads fail with EIO
	boasting       // the size is larger than what can be read
	earlier        // the modification time goes back, again and again
)

func (r remote) ReadAt(b []byte, at int64) (int, error) {
	r.reads.Add(1)
	switch r.fault.Load() {
	case stale:
		return 0, syscall.ESTALE
	case broken:
		return 0, syscall.EIO
	}
	return r.Handle.ReadAt(b, at)
}

func (r remote) Stat() (fs.FileInfo, error) {
	info, err := r.Handle.Stat()
	switch r.fault.Load() {
	case stale:
		return nil, syscall.ESTALE
	case boasting:
		return claim{info, info.Size() + 100_000, info.ModTime()}, err
	case earlier:
		return claim{info, info.Size(), info.ModTime().Add(-rand.N(time.Hour))}, err
	}
	return info, err
}

// claim is a FileInfo that says what is not so.
type claim struct {
	fs.FileInfo
	size int64
	mod  time.Time
}

func (c claim) Size() int64        { return c.size }
func (c claim) ModTime() time.Time { return c.mod }

// A file on a network file system: ESTALE, EIO, a size that is not there yet, times that
// go back, and a file that shrinks.
func TestF32NetworkFileSystem(t *testing.T) {
	dir := t.TempDir()
	opts := fast(dir)
	var said logged
	opts.Logger = said.logger()
	var fault atomic.Int32
	var reads atomic.Int64
	f := &following{t: t, got: map[string]int{}, ended: make(chan error, 1)}
	f.prepare = func(src *file.Follower) {
		file.OpenWith(src, func(root, path string) (file.Handle, error) {
			if fault.Load() == stale {
				return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.ESTALE}
			}
			h, err := file.OpenBelow(root, path)
			if err != nil {
				return nil, err
			}
			return remote{h, &fault, &reads}, nil
		})
	}
	f.start(opts)
	w := newWriter(t)
	hold := time.Duration(faulttest.Pick(300, 3000)) * time.Millisecond
	var spin float64
	faulttest.Figures(t, "F32", fmt.Sprintf("ESTALE, EIO, a size larger than what can be read, a modification time that goes back, each for %s while it is written on; the file shrinks", hold),
		"no crash, no spin; read again when it is well; 0 lost of what could be read", func() string {
			return fmt.Sprintf("%s; at most %.0f reads a second while it lasted", f.tally(w), spin)
		})
	path := filepath.Join(dir, "a.log")
	log := create(t, path)
	w.write(log, 100)
	f.expect(w.want)
	for kind := stale; kind <= earlier; kind++ {
		fault.Store(kind)
		w.write(log, 50)
		before, begun := reads.Load(), time.Now()
		time.Sleep(hold)
		spin = max(spin, float64(reads.Load()-before)/time.Since(begun).Seconds())
		w.write(log, 50)
		fault.Store(healthy)
		f.expect(w.want)
	}
	// Reads at a Poll of 5 ms: at most some of each turn.
	if spin > 4000 {
		t.Errorf("%.0f reads a second while nothing could be read", spin)
	}
	// It shrinks, as copies over a network do when they begin anew.
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	w.write(log, 30)
	f.expect(w.want)
	if s := f.source.Stats(); s.Behind != 0 || s.Restarts != 1 {
		t.Errorf("%+v", s)
	}
	f.stop()
	if text := said.String(); !strings.Contains(text, "stale") || !strings.Contains(text, "input/output error") {
		t.Errorf("the log does not say what was wrong: %.500s", text)
	}
}

// A file that is deleted while the sink stands still is read to its end all the same;
// where more are than may be open, what is lost is named.
func TestF33DeletedWhileUnread(t *testing.T) {
	dir := t.TempDir()
	opts := fast(dir)
	opts.MaxOpen = 8
	var said logged
	opts.Logger = said.logger()
	f := follow(t, opts)
	w := newWriter(t)
	down := time.Duration(faulttest.Pick(1, 60)) * time.Second
	var most int
	var closed time.Duration
	faulttest.Figures(t, "F33", fmt.Sprintf("files deleted while the sink is down for %s, %d may be open; then more of them", down, opts.MaxOpen),
		"read to the end through the open descriptor, then closed ≤ 5 s; open deleted files ≤ limit; over the limit the loss is reported by name and bytes", func() string {
			return fmt.Sprintf("%s; at most %d open; the last closed after %s; %d files lost, each named", f.tally(w), most, closed.Round(time.Millisecond), f.source.Stats().Lost)
		})
	f.hold(true)
	path := filepath.Join(dir, "a.log")
	log := create(t, path)
	w.write(log, 20000)
	for f.source.Stats().Open == 0 {
		time.Sleep(time.Millisecond)
	}
	os.Remove(path)
	w.write(log, 100)
	later := filepath.Join(dir, "b.log") // found while the reader waits
	w.write(create(t, later), 100)
	for f.source.Stats().Open < 2 {
		time.Sleep(time.Millisecond)
	}
	os.Remove(later)
	time.Sleep(down)
	f.hold(false)
	f.expect(w.want)
	begun := time.Now()
	for f.source.Stats().Open > 0 {
		if closed = time.Since(begun); closed > 5*time.Second {
			t.Fatalf("deleted files stay open: %+v", f.source.Stats())
		}
		time.Sleep(5 * time.Millisecond)
	}
	// Twenty files at once, of which eight may be open.
	f.hold(true)
	w.write(create(t, filepath.Join(dir, "block.log")), 20000)
	for f.source.Stats().Open == 0 {
		time.Sleep(time.Millisecond)
	}
	f.may = map[string]bool{}
	lines := map[string]string{}
	for i := range 20 {
		name := fmt.Sprintf("many%02d.log", i)
		line := w.line()
		delete(w.want, line)
		lines[name] = line
		f.mu.Lock()
		f.may[line] = true
		f.mu.Unlock()
		create(t, filepath.Join(dir, name)).WriteString(line + "\n")
	}
	for f.source.Stats().Files < 21 {
		time.Sleep(time.Millisecond)
		most = max(most, f.source.Stats().Open)
	}
	for name := range lines {
		os.Remove(filepath.Join(dir, name))
	}
	time.Sleep(50 * time.Millisecond)
	most = max(most, f.source.Stats().Open)
	f.hold(false)
	f.expect(w.want)
	gone := func() (n int) {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, line := range lines {
			if f.got[line] == 0 {
				n++
			}
		}
		return n
	}
	for deadline := time.Now().Add(10 * time.Second); int(f.source.Stats().Lost) < gone() || gone() > 20-(opts.MaxOpen-1); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d files did not come, %+v", gone(), f.source.Stats())
		}
	}
	f.stop()
	if most > opts.MaxOpen || gone() == 0 {
		t.Errorf("%d files were open, at most %d may be; %d were lost", most, opts.MaxOpen, gone())
	}
	text := said.String()
	for name, line := range lines {
		if f.got[line] == 0 && !(strings.Contains(text, name+" bytes=") || strings.Contains(text, name+`" bytes=`)) {
			t.Errorf("%s was lost, and the log does not say so with its bytes:\n%s", name, text)
		}
	}
}

// Pauses within a line, a character and a line end tear nothing.
func TestF34HalfLines(t *testing.T) {
	dir := t.TempDir()
	opts := fast(dir)
	pause := time.Duration(faulttest.Pick(100, 30_000)) * time.Millisecond
	opts.Unfinished = 7 * pause
	f := follow(t, opts)
	var took time.Duration
	faulttest.Figures(t, "F34", fmt.Sprintf("pauses of %s within a line, a character and CRLF; the file ends without LF; flush time %s", pause, opts.Unfinished),
		"0 torn records; last line delivered ≤ the flush time, once", func() string {
			return fmt.Sprintf("%d lines, the last after %s", len(f.got), took.Round(time.Millisecond))
		})
	log := create(t, filepath.Join(dir, "a.log"))
	for _, part := range []string{"first ha", "lf\nz\xc3", "\xbcrich\r", "\nlast"} {
		log.WriteString(part)
		time.Sleep(pause)
	}
	begun := time.Now().Add(-pause)
	for f.count() < 3 && time.Since(begun) < opts.Unfinished+20*time.Second {
		time.Sleep(time.Millisecond)
	}
	took = time.Since(begun)
	f.expect(map[string]bool{"first half": true, "zürich": true, "last": true})
	if took < opts.Unfinished/2 || took > opts.Unfinished+max(opts.Unfinished/10, time.Second) {
		t.Errorf("the last line came after %s, want %s", took, opts.Unfinished)
	}
	f.stop()
}

// Five rotations while nobody looks, two of them compressed.
func TestF35RotatedWhileDown(t *testing.T) {
	dir := t.TempDir()
	opts := fast(dir)
	opts.Include = []string{filepath.Join(dir, "a.log*")}
	f := follow(t, opts)
	w := newWriter(t)
	faulttest.Figures(t, "F35", "stopped; 5 rotations, two of them gzipped; started; one more gzipped while it is followed; restarted",
		"0 lost; 0 duplicates; gzipped files known by their content", func() string { return f.tally(w) })
	path := filepath.Join(dir, "a.log")
	log := create(t, path)
	w.write(log, 500)
	f.expect(w.want)
	f.stop()
	for i := range 5 {
		w.write(log, 300)
		log.Close()
		for n := 5; n >= 1; n-- {
			for _, ext := range []string{"", ".gz"} {
				if from := fmt.Sprintf("%s.%d%s", path, n, ext); exists(from) {
					rename(t, from, fmt.Sprintf("%s.%d%s", path, n+1, ext))
				}
			}
		}
		rename(t, path, path+".1")
		if i < 2 {
			compress(t, path+".1")
		}
		log = create(t, path)
	}
	w.write(log, 10)
	f.start(opts)
	f.expect(w.want)
	// And a rotated file is compressed while it is followed.
	compress(t, path+".1")
	time.Sleep(time.Second)
	f.expect(w.want)
	f.stop()
	f.start(opts)
	time.Sleep(time.Second)
	f.expect(w.want)
	f.stop()
}
