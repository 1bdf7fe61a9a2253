package parsetest

import (
	"syscall"
	"time"
)

// threadTime is the processor time of the calling thread so far. Unlike time on the clock
// it does not count what other programs take.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if syscall.Getrusage(thread, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
