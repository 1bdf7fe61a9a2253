package ratelimit_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-dev/penstock/ratelimit"
)

func TestAIMD(t *testing.T) {
	f := newTime()
	c := must[*ratelimit.Concurrency](t)(ratelimit.NewConcurrency(ratelimit.ConcurrencyOptions{Max: 10, Clock: f.clock()}))
	fill := func() (all []func(ratelimit.Outcome)) {
		for {
			done, ok := c.TryAcquire()
			if !ok {
				return all
			}
			all = append(all, done)
		}
	}
	if all := fill(); len(all) != 4 {
		t.Fatalf("%d requests at once at first, want 4", len(all))
	} else {
		for _, done := range all {
			done(ratelimit.Success)
			done(ratelimit.Overload) // does nothing
		}
	}
	for range 50 {
		for _, done := range fill() {
			done(ratelimit.Success)
		}
	}
	if c.Limit() != 10 {
		t.Errorf("after many successes the limit is %d, want Max", c.Limit())
	}
	all := fill()
	f.add(time.Second)
	for _, done := range all {
		done(ratelimit.Overload)
	}
	if c.Limit() != 7 {
		t.Errorf("after an overload of all requests at once the limit is %d, want one cut to 7", c.Limit())
	}
	for range 20 {
		f.add(time.Second)
		done, _ := c.TryAcquire()
		done(ratelimit.Overload)
	}
	if c.Limit() != 1 || c.InFlight() != 0 {
		t.Errorf("after many overloads the limit is %d with %d in flight, want Min", c.Limit(), c.InFlight())
	}
	for range 50 {
		done, _ := c.TryAcquire()
		done(ratelimit.Ignore)
	}
	if c.Limit() != 1 {
		t.Error("requests that were called off moved the limit")
	}
	for _, o := range []ratelimit.ConcurrencyOptions{{Min: -1}, {Min: 5, Max: 4}, {Backoff: 1}, {Tolerance: 0.5}, {Algorithm: 9}} {
		if _, err := ratelimit.NewConcurrency(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

// A destination that works on 8 requests at once and queues the others.
func TestGradientFindsTheCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := must[*ratelimit.Concurrency](t)(ratelimit.NewConcurrency(ratelimit.ConcurrencyOptions{
			Algorithm: ratelimit.Gradient, Max: 1000, Initial: 1,
		}))
		slots := make(chan struct{}, 8)
		var served atomic.Int64
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				for {
					done, err := c.Acquire(ctx)
					if err != nil {
						return
					}
					slots <- struct{}{}
					time.Sleep(10 * time.Millisecond)
					<-slots
					served.Add(1)
					done(ratelimit.Success)
				}
			})
		}
		wg.Wait()
		// 8 × 100 a second × 60 s = 48,000
		if n := served.Load(); n < 43_000 {
			t.Errorf("served %d requests, want at least 90%% of the 48,000 that the destination can", n)
		}
		if l := c.Limit(); l < 8 || l > 40 {
			t.Errorf("the limit is %d where the destination works on 8 at once", l)
		}
		if c.InFlight() != 0 {
			t.Errorf("%d in flight at the end", c.InFlight())
		}
	})
}

func TestAcquireInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := must[*ratelimit.Concurrency](t)(ratelimit.NewConcurrency(ratelimit.ConcurrencyOptions{Max: 1}))
		hold, _ := c.TryAcquire()
		var order []int
		var mu sync.Mutex
		off, cancel := context.WithCancel(t.Context())
		for i := range 4 {
			ctx := t.Context()
			if i == 1 {
				ctx = off
			}
			go func() {
				done, err := c.Acquire(ctx)
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				done(ratelimit.Success)
			}()
			synctest.Wait()
		}
		if _, ok := c.TryAcquire(); ok {
			t.Error("TryAcquire overtook those who wait")
		}
		cancel()
		synctest.Wait()
		hold(ratelimit.Success)
		synctest.Wait()
		if len(order) != 3 || order[0] != 0 || order[1] != 2 || order[2] != 3 {
			t.Errorf("served in the order %v, want [0 2 3]", order)
		}
	})
}
