//go:build !linux

package parsetest

import "time"

// threadTime is not known here: no message takes any.
func threadTime() time.Duration { return 0 }
