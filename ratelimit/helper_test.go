package ratelimit_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ratelimit"
)

// fakeTime is a clock that stands until somebody sleeps or moves it.
type fakeTime struct {
	mu  sync.Mutex
	now time.Time
}

func newTime() *fakeTime { return &fakeTime{now: time.Unix(1_700_000_000, 0)} }

func (f *fakeTime) clock() ratelimit.Clock {
	return ratelimit.Clock{
		Now: func() time.Time { f.mu.Lock(); defer f.mu.Unlock(); return f.now },
		Sleep: func(ctx context.Context, d time.Duration) error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			f.add(d)
			return nil
		},
	}
}

func (f *fakeTime) add(d time.Duration) { f.mu.Lock(); f.now = f.now.Add(d); f.mu.Unlock() }

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
