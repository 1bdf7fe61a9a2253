package ratelimit_test

import (
	"fmt"
	"time"

	"github.com/penstock-dev/penstock/ratelimit"
)

// Each sender has its own rate, and all of them share what the receiver bears.
func Example() {
	limiter, err := ratelimit.NewKeyed(ratelimit.KeyedOptions{
		PerKey: ratelimit.LimiterOptions{EventsPerSecond: 2, EventBurst: 2},
		Total:  ratelimit.LimiterOptions{BytesPerSecond: 1 << 20},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		fmt.Println(limiter.Allow("192.0.2.1", 1, 300))
	}
	fmt.Println(limiter.Allow("192.0.2.2", 1, 300))
	// Output:
	// true
	// true
	// false
	// true
}

func ExampleParseHeader() {
	now := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	advice := ratelimit.ParseHeader(map[string][]string{
		"Retry-After": {"Sat, 14 Mar 2026 15:09:56 GMT"},
	}, now, time.Hour)
	fmt.Println(advice.Pause())
	// Output: 30s
}

func ExampleBackoff() {
	backoff := ratelimit.Backoff{Min: time.Second, Max: 10 * time.Second, Jitter: func() float64 { return 0.5 }}
	for failed := 1; failed <= 5; failed++ {
		fmt.Println(backoff.Pause(failed, 0))
	}
	// Output:
	// 500ms
	// 1s
	// 2s
	// 4s
	// 5s
}
