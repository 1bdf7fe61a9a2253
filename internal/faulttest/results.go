package faulttest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// EnvResults names the file, as an absolute path, that Figures writes to.
const EnvResults = "PENSTOCK_FAULT_RESULTS"

// results are the rows that this process has written.
var results struct {
	sync.Mutex
	begun map[string]bool // faults whose rows of earlier runs are gone from the file
}

// Figures notes, at the end of the test, what it has reached: the fault, which is its
// number and perhaps a word ("F16", "F16 over HTTP"), what was done, the criterion, and
// the figures, which may be computed late. With EnvResults the row goes into that file,
// in the place of the rows that earlier runs left for the same fault.
func Figures(t testing.TB, fault, how, pass string, figure func() string) {
	begin := time.Now()
	t.Cleanup(func() {
		if t.Skipped() {
			return
		}
		text := figure()
		t.Logf("%s: %s", fault, text)
		path := os.Getenv(EnvResults)
		if path == "" {
			return
		}
		form, passed := "short", "yes"
		if Long() {
			form = "full"
		}
		if t.Failed() {
			passed = "**no**"
		}
		cell := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "|", "\\|"), "\n", " ") }
		row := fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %.1f s |\n", cell(fault), form, cell(how), cell(pass), cell(text), passed, time.Since(begin).Seconds())
		results.Lock()
		defer results.Unlock()
		if results.begun == nil {
			results.begun = map[string]bool{}
		}
		if err := merge(path, fault, row, !results.begun[fault]); err != nil {
			t.Errorf("the figures cannot be written: %v", err)
		}
		results.begun[fault] = true
	})
}

// number is the one in the name of a fault.
func number(fault string) int {
	word, _, _ := strings.Cut(fault, " ")
	n, _ := strconv.Atoi(strings.TrimPrefix(word, "F"))
	return n
}

// merge puts a row into the file. Tests of several packages may write at once: a folder
// beside the file is the lock.
func merge(path, fault, row string, first bool) error {
	lock := path + ".lock"
	for try := 0; ; try++ {
		err := os.Mkdir(lock, 0o700)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrExist) || try == 1000 {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	defer os.Remove(lock)
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	name := func(row string) string {
		s, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		return s
	}
	rows := []string{}
	for line := range strings.Lines(string(old)) {
		if strings.HasPrefix(line, "| F") && !(first && name(line) == fault) {
			rows = append(rows, line)
		}
	}
	rows = append(rows, row)
	slices.SortStableFunc(rows, func(a, b string) int {
		if d := number(name(a)) - number(name(b)); d != 0 {
			return d
		}
		return strings.Compare(name(a), name(b))
	})
	var b strings.Builder
	fmt.Fprintf(&b, "# Fault tests: figures reached\n\nWritten by `go test ./internal/faulttest -results RESULTS.md`, the full form with `-long -timeout 1h`, and by the tests whose names begin with "+
		"TestF in other packages, for which the environment says the same (PENSTOCK_FAULT_RESULTS, an absolute path, and PENSTOCK_FAULT_LONG=1); "+
		"a run of some of the tests replaces their rows only. %s/%s, %d processors, %s.\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	b.WriteString("| fault | form | what was done | must hold | reached | passed | took |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		b.WriteString(r)
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
