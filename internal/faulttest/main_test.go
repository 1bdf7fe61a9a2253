package faulttest

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	seedFlag    = flag.Uint64("seed", 0, "run this seed only")
	longFlag    = flag.Bool("long", false, "run the tests at their full figures")
	resultsFlag = flag.String("results", "", "write the figures reached to this file, as Markdown")
)

// results are the figures that the tests have reached.
var results struct {
	sync.Mutex
	rows []result
}

type result struct {
	fault, how, pass, figure string
	ok                       bool
	took                     time.Duration
}

// record notes, at the end of the test, what it has reached: the number of the fault,
// what was done, the criterion, and the figures, which may be computed late.
func record(t *testing.T, fault, how, pass string, figure func() string) {
	begin := time.Now()
	t.Cleanup(func() {
		if t.Skipped() {
			return
		}
		text := figure()
		t.Logf("%s: %s", fault, text)
		results.Lock()
		defer results.Unlock()
		results.rows = append(results.rows, result{fault, how, pass, text, !t.Failed(), time.Since(begin)})
	})
}

func TestMain(m *testing.M) {
	if child() {
		return
	}
	flag.Parse()
	if *seedFlag != 0 {
		os.Setenv(EnvSeed, strconv.FormatUint(*seedFlag, 10))
	}
	if *longFlag {
		os.Setenv(EnvLong, "1")
	}
	code := m.Run()
	if *resultsFlag != "" {
		if err := writeResults(*resultsFlag); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func number(fault string) int {
	n, _ := strconv.Atoi(strings.TrimLeft(strings.Fields(fault)[0], "F"))
	return n
}

// writeResults writes the rows of this run, and keeps those of the faults in the file
// that were not part of it.
func writeResults(path string) error {
	form := "short"
	if Long() {
		form = "full"
	}
	type row struct {
		fault int
		text  string
	}
	var rows []row
	run := map[int]bool{}
	for _, r := range results.rows {
		passed := "yes"
		if !r.ok {
			passed = "**no**"
		}
		cell := func(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
		run[number(r.fault)] = true
		rows = append(rows, row{number(r.fault), fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %.1f s |\n",
			cell(r.fault), form, cell(r.how), cell(r.pass), cell(r.figure), passed, r.took.Seconds())})
	}
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for line := range strings.Lines(string(old)) {
		if rest, ok := strings.CutPrefix(line, "| F"); ok {
			if n := number("F" + rest); !run[n] {
				rows = append(rows, row{n, line})
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return a.fault - b.fault })
	var b strings.Builder
	fmt.Fprintf(&b, "# Fault tests: figures reached\n\nWritten by `go test ./internal/faulttest -results RESULTS.md`, the full form with `-long -timeout 1h`; "+
		"a run of some of the tests replaces their rows only. %s/%s, %d processors, %s.\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	b.WriteString("| fault | form | what was done | must hold | reached | passed | took |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		b.WriteString(r.text)
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// memory is what the heap holds after a collection.
func memory() int64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
