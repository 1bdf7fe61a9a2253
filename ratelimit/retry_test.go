package ratelimit_test

import (
	"math"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/ratelimit"
)

func TestBackoff(t *testing.T) {
	one := ratelimit.Backoff{Min: time.Second, Max: 10 * time.Second, Jitter: func() float64 { return 1 }}
	for i, want := range []time.Duration{1, 1, 2, 4, 8, 10, 10} {
		if got := one.Pause(i, 0); got != want*time.Second {
			t.Errorf("after %d failures the bound is %s, want %d s", i, got, want)
		}
	}
	if got := one.Bound(math.MaxInt); got != 10*time.Second {
		t.Errorf("after very many failures the bound is %s", got)
	}
	if got := one.Pause(1, time.Minute); got != 61*time.Second {
		t.Errorf("with a Retry-After of a minute the pause is %s, want that and the jitter of the first bound", got)
	}
	zero := ratelimit.Backoff{Jitter: func() float64 { return 0 }}
	if zero.Pause(3, 0) != 0 || zero.Pause(3, time.Second) != time.Second || zero.Bound(1) != 100*time.Millisecond || zero.Bound(99) != 30*time.Second {
		t.Error("the zero value has not the documented defaults")
	}
	// Full jitter: spread over all of [0, bound).
	var low, high int
	for range 2000 {
		switch p := (ratelimit.Backoff{Min: time.Second}).Pause(1, 0); {
		case p < 0 || p >= time.Second:
			t.Fatalf("pause %s", p)
		case p < 250*time.Millisecond:
			low++
		case p >= 750*time.Millisecond:
			high++
		}
	}
	if low < 300 || high < 300 {
		t.Errorf("of 2000 pauses %d are in the first quarter and %d in the last, want about 500", low, high)
	}
	for _, b := range []ratelimit.Backoff{{Min: -1}, {Max: -1}, {Min: 2, Max: 1}} {
		if b.Validate() == nil {
			t.Errorf("%+v passes", b)
		}
	}
	if (ratelimit.Backoff{Min: time.Hour}).Validate() != nil {
		t.Error("Min above the default of Max is refused")
	}
}

func TestBudget(t *testing.T) {
	f := newTime()
	b := must[*ratelimit.Budget](t)(ratelimit.NewBudget(ratelimit.BudgetOptions{Burst: 10, Clock: f.clock()}))
	n := 0
	for b.Retry() {
		n++
	}
	if n != 10 {
		t.Errorf("a full budget of 10 gave %d retries", n)
	}
	for range 100 {
		b.Request()
	}
	for n = 0; b.Retry(); n++ {
	}
	if n != 10 {
		t.Errorf("100 requests gave %d retries, want no more than the burst of 10", n)
	}
	for range 26 {
		b.Request()
	}
	for n = 0; b.Retry(); n++ {
	}
	if n != 5 {
		t.Errorf("26 requests gave %d retries at a ratio of 0.2", n)
	}
	f.add(3 * time.Second)
	for n = 0; b.Retry(); n++ {
	}
	if n != 3 {
		t.Errorf("3 s gave %d retries at 1 a second", n)
	}
	if d := b.Postpone(); d < 700*time.Millisecond || d > 1001*time.Millisecond {
		t.Errorf("Postpone of an empty budget: %s, want until the next", d)
	}
	for _, o := range []ratelimit.BudgetOptions{{Ratio: -1}, {PerSecond: math.NaN()}, {Burst: 0.5}} {
		if _, err := ratelimit.NewBudget(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestBreaker(t *testing.T) {
	f := newTime()
	var changes []string
	b := must[*ratelimit.Breaker](t)(ratelimit.NewBreaker(ratelimit.BreakerOptions{
		Failures: 3, Probes: 2, Jitter: func() float64 { return 1 }, Clock: f.clock(),
		OnChange: func(from, to ratelimit.BreakerState) { changes = append(changes, from.String()+">"+to.String()) },
	}))
	request := func(ok bool) time.Duration {
		done, wait := b.Allow()
		if done != nil {
			done(ok)
			done(!ok) // does nothing
		}
		return wait
	}
	late, _ := b.Allow()
	for _, ok := range []bool{false, false, true, false, false, false} {
		if wait := request(ok); wait != 0 {
			t.Fatalf("a closed breaker refused, wait %s", wait)
		}
	}
	if wait := request(true); wait != time.Second || b.State() != ratelimit.Open {
		t.Errorf("after 3 failures in a row: %s, wait %s", b.State(), wait)
	}
	late(true) // an answer from before it opened changes nothing
	if b.State() != ratelimit.Open {
		t.Error("a late answer closed it")
	}
	f.add(time.Second)
	first, _ := b.Allow()
	second, _ := b.Allow()
	if third, wait := b.Allow(); third != nil || wait <= 0 || first == nil || second == nil {
		t.Error("half-open lets not exactly two probes through")
	}
	first(true)
	second(false)
	if wait := request(true); wait != 2*time.Second {
		t.Errorf("after a failed probe it stays open %s, want 2 s", wait)
	}
	f.add(2 * time.Second)
	request(true)
	if b.State() != ratelimit.HalfOpen {
		t.Errorf("one of two probes has succeeded: %s", b.State())
	}
	request(true)
	if b.State() != ratelimit.Closed {
		t.Errorf("two of two probes have succeeded: %s", b.State())
	}
	want := "[closed>open open>half-open half-open>open open>half-open half-open>closed]"
	if got := "["; true {
		for i, c := range changes {
			if i > 0 {
				got += " "
			}
			got += c
		}
		if got += "]"; got != want {
			t.Errorf("changes %s, want %s", got, want)
		}
	}
	// By ratio: every second one fails, never three in a row.
	for i := 0; b.State() == ratelimit.Closed; i++ {
		if request(i%2 == 0); i > 100 {
			t.Fatal("half of 100 requests failed and it is closed")
		}
	}
	// A probe that never answers does not hold it for ever.
	f.add(time.Minute)
	b.Allow()
	b.Allow()
	f.add(61 * time.Second)
	if _, wait := b.Allow(); wait == 0 || b.State() != ratelimit.Open {
		t.Errorf("probes lost for longer than MaxOpen: %s, wait %s", b.State(), wait)
	}
	f.add(time.Minute)
	if done, _ := b.Allow(); done == nil {
		t.Error("after lost probes it never lets one through again")
	}
	for _, o := range []ratelimit.BreakerOptions{{Failures: -1}, {Ratio: 2}, {Open: 2, MaxOpen: 1}} {
		if _, err := ratelimit.NewBreaker(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}
