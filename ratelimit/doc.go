// Package ratelimit is what keeps penstock from asking too much of others, and
// others from asking too much of it: token buckets by events and by bytes, a
// limiter with a key per source and fairness between them, backoff with full
// jitter, the headers by which servers name their limits, retry budgets, a circuit
// breaker and adaptive concurrency. Every part works alone.
//
// The smallest use, 100 events and 1 MiB a second:
//
//	limiter, err := ratelimit.NewLimiter(ratelimit.LimiterOptions{
//		EventsPerSecond: 100, BytesPerSecond: 1 << 20,
//	})
//	if err != nil { … }
//	err = limiter.Wait(ctx, 1, len(message))
//
// # Time and chance
//
// Nothing here reads a clock or rolls dice that was not passed in: a [Clock] and a
// Jitter function are options, whose zero value is the real one. Intervals are
// differences of what Clock.Now returns; those of time.Now are monotonic, so that a
// step of the wall clock changes nothing. A clock that goes back is read as one that
// stands still.
//
// # Limits
//
// A Keyed holds a bounded number of keys, whatever keys come from the wire. No wait
// that a server's header asks for is longer than the bound of who parses it.
//
// # Concurrency
//
// Everything in this package is safe for concurrent use. There are no goroutines and
// no globals.
package ratelimit
