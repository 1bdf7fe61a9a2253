package ratelimit_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ratelimit"
)

func TestBucket(t *testing.T) {
	f := newTime()
	b := must[*ratelimit.Bucket](t)(ratelimit.NewBucket(10, 5, f.clock()))
	for i := range 5 {
		if !b.Allow(1) {
			t.Fatalf("token %d of a full bucket of 5 was refused", i)
		}
	}
	if b.Allow(1) {
		t.Error("an empty bucket gave a token")
	}
	f.add(-time.Hour) // the clock goes back
	if b.Allow(1) {
		t.Error("a clock that goes back filled the bucket")
	}
	f.add(time.Hour + 100*time.Millisecond)
	if !b.Allow(1) || b.Allow(1) {
		t.Error("after 100 ms at 10 a second there is not exactly one token")
	}
	if d, err := b.Reserve(3); err != nil || d < 300*time.Millisecond || d > 301*time.Millisecond {
		t.Errorf("Reserve(3) = %s, %v; want 300ms", d, err)
	}
	if d, _ := b.Reserve(1); d < 400*time.Millisecond || d > 401*time.Millisecond {
		t.Errorf("who comes second waits %s; want 400ms", d)
	}
	b.GiveBack(1)
	if got := b.Tokens(); math.Abs(got+3) > 1e-6 {
		t.Errorf("after giving back there are %v tokens, want -3", got)
	}
	if _, err := b.Reserve(6); !errors.Is(err, errcat.Oversize) {
		t.Errorf("more than the burst gave %v", err)
	}
	if err := b.SetRate(1000, 5); err != nil {
		t.Fatal(err)
	}
	f.add(3 * time.Millisecond)
	if got := b.Tokens(); math.Abs(got) > 1e-6 {
		t.Errorf("after SetRate and 3 ms there are %v tokens, want 0", got)
	}
	for _, bad := range [][2]float64{{0, 1}, {1, 0}, {-1, 1}, {math.NaN(), 1}, {math.Inf(1), 1}} {
		if _, err := ratelimit.NewBucket(bad[0], bad[1], ratelimit.Clock{}); err == nil {
			t.Errorf("a bucket of %v was made", bad)
		}
		if b.SetRate(bad[0], bad[1]) == nil {
			t.Errorf("SetRate took %v", bad)
		}
	}
}

func TestWaitTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := must[*ratelimit.Limiter](t)(ratelimit.NewLimiter(ratelimit.LimiterOptions{EventsPerSecond: 1, BytesPerSecond: 1000, ByteBurst: 1000}))
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for range 5 {
			if err := l.Wait(ctx, 1, 500); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start).Round(time.Millisecond); d != 4*time.Second {
			t.Errorf("5 events at 1 a second took %s, want 4s", d)
		}
		if err := l.Wait(ctx, 1, 1001); !errors.Is(err, errcat.Oversize) {
			t.Errorf("more bytes than a burst: %v", err)
		}
		short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		if err := l.Wait(short, 1, 1); !errors.Is(err, errcat.Timeout) || time.Since(start) > 4100*time.Millisecond {
			t.Errorf("a wait that cannot succeed in time: %v after %s", err, time.Since(start))
		}
		stop, end := context.WithCancel(ctx)
		time.AfterFunc(100*time.Millisecond, end)
		if err := l.Wait(stop, 1, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("a wait that was called off: %v", err)
		}
		// Both reservations were given back: the next one waits no longer than the first did.
		start = time.Now()
		if err := l.Wait(ctx, 1, 1); err != nil || time.Since(start) > time.Second {
			t.Errorf("after two waits that were given up: %v after %s", err, time.Since(start))
		}
		if !l.Allow(0, 0) || l.Allow(1, 0) {
			t.Error("Allow does not agree with Wait")
		}
	})
}

func TestLimiterBytes(t *testing.T) {
	f := newTime()
	l := must[*ratelimit.Limiter](t)(ratelimit.NewLimiter(ratelimit.LimiterOptions{BytesPerSecond: 1000, ByteBurst: 100, Clock: f.clock()}))
	if !l.Allow(1000, 100) || l.Allow(1, 1) {
		t.Error("a limit of bytes alone does not count bytes alone")
	}
	f.add(time.Second)
	if d, err := l.Reserve(1, 60); err != nil || d != 0 {
		t.Errorf("Reserve within the burst: %s, %v", d, err)
	}
	if d, err := l.Reserve(1, 60); err != nil || d < 20*time.Millisecond || d > 21*time.Millisecond {
		t.Errorf("Reserve beyond it: %s, %v", d, err)
	}
	for _, o := range []ratelimit.LimiterOptions{{}, {EventsPerSecond: -1}, {EventsPerSecond: 1, ByteBurst: math.NaN()}} {
		if _, err := ratelimit.NewLimiter(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
