//go:build !linux

package cputime

import "time"

var began = time.Now()

// Thread is the time that has passed.
func Thread() time.Duration { return time.Since(began) }
