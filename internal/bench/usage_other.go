//go:build !unix

package main

import (
	"runtime"
	"time"
)

var began = time.Now()

// cpuTime is the time since the start: this system does not say more.
func cpuTime() time.Duration { return time.Since(began) }

func resetPeak() {}

// peakMemory is what the Go runtime took from the system.
func peakMemory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}

func allocate(n int) ([]byte, error) { return make([]byte, n), nil }
