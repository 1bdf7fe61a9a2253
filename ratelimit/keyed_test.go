package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ratelimit"
)

func TestKeyedIsFair(t *testing.T) {
	f := newTime()
	k := must[*ratelimit.Keyed](t)(ratelimit.NewKeyed(ratelimit.KeyedOptions{
		Total: ratelimit.LimiterOptions{EventsPerSecond: 1000, EventBurst: 100}, Clock: f.clock(),
	}))
	// A flood of 10 events a millisecond, and a quiet source with 1 in 5 ms: 200 a
	// second, less than its share.
	flood, quiet, asked := 0, 0, 0
	for i := range 10_000 {
		for range 10 {
			if k.Allow("flood", 1, 100) {
				flood++
			}
		}
		if i%5 == 0 {
			asked++
			if k.Allow("quiet", 1, 100) {
				quiet++
			}
		}
		f.add(time.Millisecond)
	}
	if quiet != asked {
		t.Errorf("the quiet source, below its share, got %d of %d through", quiet, asked)
	}
	if all := flood + quiet; all < 9_900 || all > 10_101 {
		t.Errorf("%d events passed in 10 s, want the 1000 a second that are allowed: what one leaves the other may use", all)
	}
	// Two floods share.
	var n [2]int
	for range 10_000 {
		for j := range n {
			for range 10 {
				if k.Allow([]string{"flood", "other"}[j], 1, 0) {
					n[j]++
				}
			}
		}
		f.add(time.Millisecond)
	}
	if n[0] < 4_500 || n[1] < 4_500 || n[0]+n[1] > 10_101 {
		t.Errorf("two floods got %v in 10 s of 1000 a second", n)
	}
	if s := k.Stats(); s.Keys != 3 || s.Active != 2 || s.Refused == 0 || s.Overflow != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestKeyedIsBounded(t *testing.T) {
	f := newTime()
	k := must[*ratelimit.Keyed](t)(ratelimit.NewKeyed(ratelimit.KeyedOptions{
		PerKey: ratelimit.LimiterOptions{EventsPerSecond: 10, EventBurst: 2}, MaxKeys: 100, Clock: f.clock(),
	}))
	passed := 0
	for i := range 10_000 {
		for range 3 {
			if k.Allow(fmt.Sprint("key", i), 1, 0) {
				passed++
			}
		}
	}
	// 100 keys with a burst of 2 each, and one burst for all the others.
	if s := k.Stats(); s.Keys != 100 || s.Overflow != 3*9_900 || passed != 202 {
		t.Errorf("stats %+v and %d passed; want 100 keys, the others sharing one bucket", s, passed)
	}
	f.add(time.Minute)
	if !k.Allow("new", 1, 0) || k.Stats().Overflow != 3*9_900 || k.Stats().Keys > 100 {
		t.Errorf("a key that is full again was not forgotten for a new one: %+v", k.Stats())
	}
	f.add(-time.Hour)
	k.Allow("new", 1, 0)
	for _, o := range []ratelimit.KeyedOptions{{}, {PerKey: ratelimit.LimiterOptions{EventsPerSecond: -1}},
		{PerKey: ratelimit.LimiterOptions{EventsPerSecond: 1}, MaxKeys: -1}} {
		if _, err := ratelimit.NewKeyed(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestKeyedWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := must[*ratelimit.Keyed](t)(ratelimit.NewKeyed(ratelimit.KeyedOptions{
			PerKey: ratelimit.LimiterOptions{EventsPerSecond: 100, EventBurst: 1},
			Total:  ratelimit.LimiterOptions{EventsPerSecond: 100, EventBurst: 10},
		}))
		counts := make(chan [2]int, 4)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for i := range 4 {
			go func() {
				n := 0
				for k.Wait(ctx, fmt.Sprint(i), 1, 0) == nil {
					n++
				}
				counts <- [2]int{i, n}
			}()
		}
		sum := 0
		for range 4 {
			c := <-counts
			if c[1] < 230 || c[1] > 280 {
				t.Errorf("source %d of four equal ones had %d of 1000 events", c[0], c[1])
			}
			sum += c[1]
		}
		if sum < 950 || sum > 1012 {
			t.Errorf("four waiters had %d events in 10 s at 100 a second", sum)
		}
		if err := k.Wait(t.Context(), "x", 2, 0); !errors.Is(err, errcat.Oversize) {
			t.Errorf("more than a burst: %v", err)
		}
	})
}
