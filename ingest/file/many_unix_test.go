//go:build unix

package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/internal/faulttest"
)

func descriptors() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

// Many more files than there are descriptors, and many that come and go.
func TestF36ManyFiles(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(err)
	}
	low := limit
	low.Cur = 1024
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Skip(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)

	files, perMinute, minutes := faulttest.Pick(1500, 20_000), faulttest.Pick(6000, 10_000), float64(faulttest.Pick(5, 180))/60
	dir := t.TempDir()
	opts := fast(dir)
	opts.Include = []string{filepath.Join(dir, "**", "*.log")}
	if faulttest.Long() {
		opts.Poll, opts.Scan, opts.Rest, opts.CheckpointEvery = 0, 0, 2*time.Second, 0 // their defaults
	}
	f := follow(t, opts)
	w := newWriter(t)
	var most, state int64
	var memory int64
	base := faulttest.Resident()
	watch := func() {
		most = max(most, int64(descriptors()))
		memory = max(memory, faulttest.Resident()-base)
		if info, err := os.Stat(opts.Checkpoint); err == nil {
			state = max(state, info.Size())
		}
	}
	faulttest.Figures(t, "F36", fmt.Sprintf("%d files, %d a minute created and deleted for %.0f s, descriptor limit 1,024", files, perMinute, minutes*60),
		"0 lost; descriptors ≤ 900; RSS ≤ 256 MB; state file ≤ 10 MB and compacted", func() string {
			return fmt.Sprintf("%s; at most %d descriptors, memory grown by %.1f MB (the test's own lines included), state file of %.1f MB at most", f.tally(w), most, float64(memory)/1e6, float64(state)/1e6)
		})
	put := func(path string, lines int) {
		log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		w.write(log, lines)
		log.Close()
	}
	name := func(kind string, i int) string {
		return filepath.Join(dir, fmt.Sprintf("d%02d", i%50), fmt.Sprintf("%s%d.log", kind, i))
	}
	for i := range 50 {
		if err := os.MkdirAll(filepath.Dir(name("", i)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i := range files {
		put(name("stay", i), 3)
		if i%500 == 0 {
			watch()
		}
	}
	f.expect(w.want)
	// What comes and goes stays for as long as a scan, a turn and a checkpoint need.
	stay := 2 * time.Second
	if faulttest.Long() {
		stay = 10 * time.Second
	}
	pause := time.Duration(float64(time.Minute) / float64(perMinute))
	type temporary struct {
		path string
		made time.Time
	}
	var there []temporary
	begun := time.Now()
	for i := 0; time.Since(begun).Minutes() < minutes; i++ {
		put(name("job", i), 2)
		there = append(there, temporary{name("job", i), time.Now()})
		if i%10 == 0 {
			put(name("stay", i*7%files), 1)
			watch()
		}
		for len(there) > 0 && time.Since(there[0].made) > stay {
			os.Remove(there[0].path)
			there = there[1:]
		}
		time.Sleep(time.Until(begun.Add(time.Duration(i) * pause)))
	}
	f.expect(w.want)
	watch()
	f.stop()
	if most > 900 || memory > 256<<20 || state > 10<<20 {
		t.Errorf("%d descriptors, %d bytes of memory, a state file of %d bytes", most, memory, state)
	}
	if s := f.source.Stats(); s.Lost > 0 {
		t.Errorf("%+v", s)
	}
}
