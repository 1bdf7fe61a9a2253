package batch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ratelimit"
)

// A destination that is down for a minute is asked rarely, and everything arrives.
func TestRetryWithBreakerAndBudget(t *testing.T) {
	for _, tc := range []struct {
		name          string
		breaker, both bool
		most          int
	}{{"breaker", true, false, 25}, {"budget", false, false, 80}, {"both", true, true, 25}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				attempts, taken := 0, 0
				sink := batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error {
					if time.Since(begin) < time.Minute {
						attempts++
						return errcat.TransientNetwork
					}
					taken++
					return nil
				})
				opts := batch.RetryOptions{MaxDelay: 100 * time.Millisecond} // far too eager by itself
				var err error
				if tc.breaker {
					if opts.Breaker, err = ratelimit.NewBreaker(ratelimit.BreakerOptions{Open: 2 * time.Second, MaxOpen: 10 * time.Second}); err != nil {
						t.Fatal(err)
					}
				}
				if !tc.breaker || tc.both {
					if opts.Budget, err = ratelimit.NewBudget(ratelimit.BudgetOptions{Burst: 10}); err != nil {
						t.Fatal(err)
					}
				}
				r, err := batch.NewRetry[event](sink, opts)
				if err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if err := r.Write(ctx, lines("a")); err != nil {
						t.Error(err)
					}
				}
				if attempts > tc.most || attempts < 5 || taken != 3 {
					t.Errorf("%d attempts while it was down, want at most %d; then %d of 3 taken", attempts, tc.most, taken)
				}
				if d := time.Since(begin); d > 75*time.Second {
					t.Errorf("delivered %s after the beginning, 15 s after it was up again at most", d)
				}
			})
		})
	}
}

// What a sink refuses for good, and what it refuses in part, is no failure of the
// destination.
func TestBreakerKnowsWhoIsToBlame(t *testing.T) {
	breaker, err := ratelimit.NewBreaker(ratelimit.BreakerOptions{Failures: 2})
	if err != nil {
		t.Fatal(err)
	}
	var answer error
	sink := batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { return answer })
	r, err := batch.NewRetry[event](sink, batch.RetryOptions{Attempts: 1, Breaker: breaker})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		answer = errcat.SinkRejected
		r.Write(ctx, lines("a"))
		answer = &batch.Partial{Failed: []batch.Failure{{Row: 0, Err: errcat.RateLimited}}}
		r.Write(ctx, lines("a", "b"))
	}
	if s := breaker.State(); s != ratelimit.Closed {
		t.Errorf("the breaker is %s after rejections", s)
	}
	answer = errcat.RateLimited
	r.Write(ctx, lines("a"))
	func() {
		defer func() { recover() }()
		p, _ := batch.NewRetry[event](batch.SinkFunc[event](func(context.Context, *batch.Batch[event]) error { panic("x") }), batch.RetryOptions{Breaker: breaker})
		p.Write(ctx, lines("a"))
	}()
	if s := breaker.State(); s != ratelimit.Open {
		t.Errorf("the breaker is %s after an overload and a panic", s)
	}
	stop, cancel := context.WithCancel(ctx)
	cancel()
	if err := r.Write(stop, lines("a")); err == nil {
		t.Error("a write whose context has ended got through an open breaker")
	}
}
