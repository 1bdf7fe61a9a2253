package ratelimit

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"
)

// KeyedOptions are the limits of a Keyed. PerKey, Total or both are needed.
type KeyedOptions struct {
	// PerKey limits each key by itself. Its Clock is not used.
	PerKey LimiterOptions
	// Total limits all keys together, and is shared fairly between those that are
	// active. Its Clock is not used.
	Total LimiterOptions
	// MaxKeys bounds how many keys are remembered. Default: 10,000. A key whose bucket
	// is full again is forgotten without a difference to anybody, the longest unused
	// first. Where no key is, new ones share one bucket: see KeyedStats.Overflow.
	MaxKeys int
	// Active is for how long a key that was used counts as one of those that share
	// Total. Default: 1 s.
	Active time.Duration
	Clock  Clock
}

// Keyed is a limiter with a key for each source, host or tenant.
//
// Where Total is set every active key has an equal share of it. What the others
// leave unused a key may take on top, as long as at least half of the common burst
// stays for them: a flood under one key has all that is free, and cannot take from
// another key what is its due.
type Keyed struct {
	opts KeyedOptions
	mu   sync.Mutex
	keys map[string]*list.Element // of *keyState
	used *list.List               // the longest unused first
	over *keyState                // shared by the keys that found no place
	all  pair
	// active are the keys that were used within opts.Active; sweep is when they were
	// counted last.
	active int
	swept  time.Time

	overflow, refused int64
}

type keyState struct {
	key   string
	own   pair // PerKey
	share pair // of Total
	last  time.Time
}

// KeyedStats are the counts of a Keyed.
type KeyedStats struct {
	// Keys is how many keys are remembered, Active how many of them share Total.
	Keys, Active int
	// Overflow counts calls with a key that had no place of its own.
	Overflow int64
	// Refused counts calls of Allow that returned false.
	Refused int64
}

// NewKeyed returns a limiter that knows no key yet.
func NewKeyed(opts KeyedOptions) (*Keyed, error) {
	perKey := opts.PerKey.EventsPerSecond != 0 || opts.PerKey.BytesPerSecond != 0
	total := opts.Total.EventsPerSecond != 0 || opts.Total.BytesPerSecond != 0
	if !perKey && !total {
		return nil, fmt.Errorf("ratelimit: KeyedOptions has neither PerKey nor Total")
	}
	for _, o := range []struct {
		set  bool
		opts *LimiterOptions
	}{{perKey, &opts.PerKey}, {total, &opts.Total}} {
		if o.set {
			if err := o.opts.prepare(); err != nil {
				return nil, err
			}
		}
	}
	if opts.MaxKeys == 0 {
		opts.MaxKeys = 10_000
	}
	if opts.Active == 0 {
		opts.Active = time.Second
	}
	if opts.MaxKeys < 1 || opts.Active < 0 {
		return nil, fmt.Errorf("ratelimit: KeyedOptions{MaxKeys: %d, Active: %s}: want positive values", opts.MaxKeys, opts.Active)
	}
	now := opts.Clock.now()
	return &Keyed{opts: opts, keys: map[string]*list.Element{}, used: list.New(), all: opts.Total.pair(now), swept: now}, nil
}

// state returns the state of key, advanced to now. The caller holds mu.
func (k *Keyed) state(key string, now time.Time) *keyState {
	e := k.keys[key]
	var s *keyState
	switch {
	case e != nil:
		k.used.MoveToBack(e)
		s = e.Value.(*keyState)
	default:
		k.forget(now)
		if len(k.keys) < k.opts.MaxKeys {
			s = k.newState(key, now)
			k.keys[s.key] = k.used.PushBack(s)
			break
		}
		k.overflow++
		if k.over == nil {
			k.over = k.newState("", now)
		}
		s = k.over
	}
	if now.Sub(s.last) > k.opts.Active {
		k.active++
	}
	s.last = now
	if now.Sub(k.swept) > k.opts.Active {
		k.sweep(now)
	}
	n := float64(max(k.active, 1))
	t := &k.opts.Total
	s.share.events.setRate(now, t.EventsPerSecond/n, max(t.EventBurst/n, 1))
	s.share.bytes.setRate(now, t.BytesPerSecond/n, max(t.ByteBurst/n, 1))
	s.own.advance(now)
	k.all.advance(now)
	return s
}

func (k *Keyed) newState(key string, now time.Time) *keyState {
	// last lies far back, so that the key counts as newly active.
	return &keyState{key: string([]byte(key)), own: k.opts.PerKey.pair(now), share: k.opts.Total.pair(now), last: now.Add(-2*k.opts.Active - 1)}
}

// forget makes room for one key, if the longest unused ones can be forgotten: their
// buckets are full, as those of a new key would be.
func (k *Keyed) forget(now time.Time) {
	for range 2 {
		e := k.used.Front()
		if e == nil || len(k.keys) < k.opts.MaxKeys {
			return
		}
		s := e.Value.(*keyState)
		s.own.advance(now)
		s.share.advance(now)
		if !s.own.full() || !s.share.full() || now.Sub(s.last) <= k.opts.Active {
			return
		}
		k.used.Remove(e)
		delete(k.keys, s.key)
	}
}

// sweep counts the active keys: those at the end of the list.
func (k *Keyed) sweep(now time.Time) {
	k.swept, k.active = now, 0
	for e := k.used.Back(); e != nil && now.Sub(e.Value.(*keyState).last) <= k.opts.Active; e = e.Prev() {
		k.active++
	}
	if k.over != nil && now.Sub(k.over.last) <= k.opts.Active {
		k.active++
	}
}

// borrowable is the part of the common burst that nobody may take beyond his share.
const borrowable = 0.5

// passes takes the tokens if they are there. The caller holds mu.
func (k *Keyed) passes(s *keyState, events, bytes int) bool {
	if !s.own.has(events, bytes, 0) || !k.all.has(events, bytes, 0) {
		return false
	}
	due := s.share.has(events, bytes, 0)
	if !due && !k.all.has(events, bytes, borrowable) {
		return false
	}
	s.own.take(events, bytes)
	k.all.take(events, bytes)
	if due {
		s.share.take(events, bytes)
	}
	return true
}

// Allow lets events of so many bytes in all pass under key, if all limits allow it
// now; if not, nothing is taken. key is copied where it is new.
func (k *Keyed) Allow(key string, events, bytes int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.passes(k.state(key, k.opts.Clock.now()), events, bytes) {
		return true
	}
	k.refused++
	return false
}

// Wait returns when the events may pass under key. More than a burst (of the key's
// share, where Total is set and other keys are active) passes only while others leave
// it room, and fails with OVERSIZE where it can never pass. It fails with the cause
// if ctx ends before.
func (k *Keyed) Wait(ctx context.Context, key string, events, bytes int) error {
	for {
		k.mu.Lock()
		s := k.state(key, k.opts.Clock.now())
		if !s.own.fits(events, bytes) || !k.all.fits(events, bytes) {
			k.mu.Unlock()
			return errOverBurst
		}
		if k.passes(s, events, bytes) {
			k.mu.Unlock()
			return nil
		}
		d := k.missing(s, events, bytes)
		k.mu.Unlock()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if deadline, ok := ctx.Deadline(); ok && deadline.Sub(k.opts.Clock.now()) < d {
			return errDeadline
		}
		if err := k.opts.Clock.Pause(ctx, d); err != nil {
			return err
		}
	}
}

// missing is when it makes sense to ask again: when every bucket that lacks tokens
// has them, at least a millisecond from now.
func (k *Keyed) missing(s *keyState, events, bytes int) time.Duration {
	until := func(p pair) time.Duration { p.take(events, bytes); return p.wait() }
	d := max(until(s.own), until(k.all))
	if !s.share.has(events, bytes, 0) {
		share := maxWait
		if s.share.fits(events, bytes) {
			share = until(s.share)
		}
		borrow := k.all
		borrow.take(int(borrowable*borrow.events.burst), int(borrowable*borrow.bytes.burst))
		if k.all.fits(2*events, 2*bytes) {
			share = min(share, until(borrow))
		}
		if share == maxWait {
			share = 10 * time.Millisecond // when the others fall silent the share grows
		}
		d = max(d, share)
	}
	return max(d, time.Millisecond)
}

// Stats returns the counts.
func (k *Keyed) Stats() KeyedStats {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sweep(k.opts.Clock.now())
	return KeyedStats{Keys: len(k.keys), Active: k.active, Overflow: k.overflow, Refused: k.refused}
}
