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

func writeResults(path string) error {
	rows := results.rows
	slices.SortStableFunc(rows, func(a, b result) int { return number(a.fault) - number(b.fault) })
	var b strings.Builder
	form, command := "short", "go test ./internal/faulttest -results RESULTS.md"
	if Long() {
		form, command = "full", "go test ./internal/faulttest -long -timeout 1h -results RESULTS.md"
	}
	fmt.Fprintf(&b, "# Fault tests: figures reached\n\nWritten by `%s` (%s form), %s/%s, %d processors, %s.\n\n", command, form, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	b.WriteString("| fault | what was done | must hold | reached | passed | took |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		passed := "yes"
		if !r.ok {
			passed = "**no**"
		}
		cell := func(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %.1f s |\n", cell(r.fault), cell(r.how), cell(r.pass), cell(r.figure), passed, r.took.Seconds())
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
