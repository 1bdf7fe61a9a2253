package faulttest

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"
)

var (
	seedFlag    = flag.Uint64("seed", 0, "run this seed only")
	longFlag    = flag.Bool("long", false, "run the tests at their full figures")
	resultsFlag = flag.String("results", "", "write the figures reached to this file, as Markdown")
)

// record is Figures.
func record(t *testing.T, fault, how, pass string, figure func() string) {
	Figures(t, fault, how, pass, figure)
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
	if *resultsFlag != "" {
		path, err := filepath.Abs(*resultsFlag)
		if err != nil {
			panic(err)
		}
		os.Setenv(EnvResults, path)
	}
	os.Exit(m.Run())
}

// memory is what the heap holds after a collection.
func memory() int64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
