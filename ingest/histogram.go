package ingest

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// histogramBuckets is enough for durations of up to 78 hours.
const histogramBuckets = 96

// Histogram counts durations. Bucket i holds those up to Bound(i) and beyond
// Bound(i-1); bounds grow by half or a third from one to the next, so that a quantile is
// exact to that.
type Histogram struct {
	Counts [histogramBuckets]int64
	Count  int64
	Sum    time.Duration
}

// Bound is the upper end of bucket i. The last bucket has none.
func (Histogram) Bound(i int) time.Duration {
	// Two buckets for each power of two: [2^k, 1.5·2^k) and [1.5·2^k, 2^(k+1)).
	k := uint(i / 2)
	if i%2 == 0 {
		return 1<<k + 1<<k/2
	}
	return 1 << (k + 1)
}

// Quantile is an upper bound of the duration that the part q of all does not exceed; 0
// if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := int64(q * float64(h.Count))
	for i, n := range h.Counts {
		if n == 0 {
			continue
		}
		if rank -= n; rank < 0 || i == histogramBuckets-1 {
			return h.Bound(i)
		}
		if rank == 0 && q >= 1 {
			return h.Bound(i)
		}
	}
	return 0
}

// Mean is the mean duration, 0 if there are none.
func (h *Histogram) Mean() time.Duration {
	if h.Count == 0 {
		return 0
	}
	return h.Sum / time.Duration(h.Count)
}

// histogram is a Histogram that is being filled. Safe for concurrent use.
type histogram struct {
	counts [histogramBuckets]atomic.Int64
	sum    atomic.Int64
}

func (h *histogram) add(d time.Duration) {
	d = max(d, 1)
	k := bits.Len64(uint64(d)) - 1
	i := 2 * k
	if k > 0 && d>>(k-1)&1 == 1 {
		i++
	}
	h.counts[min(i, histogramBuckets-1)].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) snapshot() (s Histogram) {
	for i := range h.counts {
		s.Counts[i] = h.counts[i].Load()
		s.Count += s.Counts[i]
	}
	s.Sum = time.Duration(h.sum.Load())
	return s
}
