package faulttest

import (
	"os"
	"strconv"
	"strings"
)

// Resident is the resident memory of the process in bytes, 0 where it is not known.
func Resident() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	f := strings.Fields(string(text))
	if err != nil || len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
