package ratelimit

import (
	"context"
	"time"
)

// Clock tells the time and waits for it to pass. The zero value is the real clock.
type Clock struct {
	// Now is the time. Default: time.Now.
	Now func() time.Time
	// Sleep waits for d or for the end of ctx, and returns the cause of that end.
	// Default: a timer.
	Sleep func(ctx context.Context, d time.Duration) error
}

func (c Clock) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// Pause waits for d, or for the end of ctx, whose cause it returns. It returns at once
// if d is not positive, also where ctx has ended.
func (c Clock) Pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// seconds is s seconds, at most maxWait.
func seconds(s float64) time.Duration {
	if !(s < maxWait.Seconds()) { // also NaN
		return maxWait
	}
	return max(0, time.Duration(s*float64(time.Second)))
}

// maxWait stands for "longer than anybody waits": about 100 years.
const maxWait = 100 * 365 * 24 * time.Hour
