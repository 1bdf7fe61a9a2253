package batch_test

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/penstock-dev/penstock/batch"
	"github.com/penstock-dev/penstock/errcat"
)

// refusing takes a batch as a whole or refuses it as a whole: for a row that is poison,
// or for too many rows.
type refusing struct {
	poison map[int]bool
	most   int
	calls  int
	seen   map[int]int
}

func (r *refusing) Write(_ context.Context, b *batch.Batch[int]) error {
	r.calls++
	if r.most > 0 && b.Len() > r.most {
		return errcat.New(errcat.Oversize, errcat.StageDeliver, "413")
	}
	for _, e := range b.Events {
		if r.poison[*e] {
			return errcat.New(errcat.SinkRejected, errcat.StageDeliver, "400")
		}
	}
	for _, e := range b.Events {
		r.seen[*e]++
	}
	return nil
}

func rowsTo(n int) *batch.Batch[int] {
	b := &batch.Batch[int]{}
	for i := range n {
		b.Events = append(b.Events, &i)
	}
	return b
}

func (r *refusing) run(t *testing.T, n int, opts batch.RetryOptions) []batch.Failure {
	t.Helper()
	r.seen = map[int]int{}
	retry, err := batch.NewRetry(batch.Sink[int](r), opts)
	if err != nil {
		t.Fatal(err)
	}
	return batch.Failures(retry.Write(context.Background(), rowsTo(n)), n)
}

// Wherever the one poisonous row is, it alone is given up, every other row is taken
// once, and no more than log2(n)+2 writes are needed.
func TestBisectOne(t *testing.T) {
	for _, n := range []int{2, 3, 7, 8, 100, 1000, 4096} {
		most := 0
		for _, at := range []int{0, 1, n / 3, n / 2, n - 2, n - 1} {
			r := &refusing{poison: map[int]bool{at: true}}
			failed := r.run(t, n, batch.RetryOptions{Attempts: 1})
			if len(failed) != 1 || failed[0].Row != at || errcat.Of(failed[0].Err) != errcat.SinkRejected {
				t.Fatalf("%d rows, poison at %d: %v", n, at, failed)
			}
			for i := range n {
				if want := 1; i != at && r.seen[i] != want {
					t.Fatalf("%d rows, poison at %d: row %d was taken %d times", n, at, i, r.seen[i])
				}
			}
			most = max(most, r.calls)
		}
		if limit := bits.Len(uint(n-1)) + 2; most > limit {
			t.Errorf("%d rows: %d writes, want at most %d", n, most, limit)
		}
	}
}

// Any set of poisonous rows up to the limit is found; beyond it the rest is given up and
// named.
func TestBisectSeveral(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 2 + rnd.IntN(300)
		r := &refusing{poison: map[int]bool{}}
		for range rnd.IntN(12) {
			r.poison[rnd.IntN(n)] = true
		}
		failed := r.run(t, n, batch.RetryOptions{})
		rows := map[int]bool{}
		for _, f := range failed {
			rows[f.Row] = true
		}
		for i := range n {
			switch {
			case r.poison[i] && !rows[i]:
				t.Fatalf("row %d of %d is poison and counts as taken", i, n)
			case rows[i] && r.seen[i] > 0:
				t.Fatalf("row %d of %d was taken and counts as failed", i, n)
			case !rows[i] && r.seen[i] != 1:
				t.Fatalf("row %d of %d was taken %d times", i, n, r.seen[i])
			case len(r.poison) <= 8 && rows[i] && !r.poison[i]:
				t.Fatalf("row %d of %d was given up for the %d poisonous ones", i, n, len(r.poison))
			}
		}
	}
}

// A batch that is too large is split until the parts are taken.
func TestBisectOversize(t *testing.T) {
	for _, most := range []int{1, 3, 10, 64} {
		r := &refusing{most: most, poison: map[int]bool{17: true}}
		failed := r.run(t, 100, batch.RetryOptions{})
		if len(failed) != 1 || failed[0].Row != 17 {
			t.Errorf("at most %d rows: %v", most, failed)
		}
		for i := range 100 {
			if i != 17 && r.seen[i] != 1 {
				t.Errorf("at most %d rows: row %d was taken %d times", most, i, r.seen[i])
			}
		}
	}
}

// A sink that is away in the middle of the search is asked again for the rows that it
// did not answer for.
func TestBisectMeetsNetworkFaults(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		inner := &refusing{poison: map[int]bool{rnd.IntN(50): true}, seen: map[int]int{}}
		sink := batch.SinkFunc[int](func(ctx context.Context, b *batch.Batch[int]) error {
			if rnd.IntN(3) == 0 {
				return errcat.TransientNetwork
			}
			return inner.Write(ctx, b)
		})
		retry, err := batch.NewRetry(batch.Sink[int](sink), batch.RetryOptions{MinDelay: 1, MaxDelay: 1})
		if err != nil {
			t.Fatal(err)
		}
		failed := batch.Failures(retry.Write(context.Background(), rowsTo(50)), 50)
		if len(failed) != 1 || !inner.poison[failed[0].Row] || len(inner.seen) != 49 {
			t.Fatalf("poison %v: %v, %d taken", inner.poison, failed, len(inner.seen))
		}
	}
}

// Where the search is off, or the cause is not in the rows, the batch fails as one.
func TestBisectOff(t *testing.T) {
	r := &refusing{poison: map[int]bool{3: true}}
	if failed := r.run(t, 10, batch.RetryOptions{Poison: -1}); len(failed) != 10 || r.calls != 1 {
		t.Errorf("%d failed in %d calls", len(failed), r.calls)
	}
	calls := 0
	retry, _ := batch.NewRetry(batch.Sink[int](batch.SinkFunc[int](func(context.Context, *batch.Batch[int]) error {
		calls++
		return errcat.AccessDenied
	})), batch.RetryOptions{})
	if err := retry.Write(context.Background(), rowsTo(10)); err != error(errcat.AccessDenied) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// Example output of what a poisonous row costs.
func ExampleRetryOptions_poison() {
	sink := batch.SinkFunc[int](func(_ context.Context, b *batch.Batch[int]) error {
		if slices.ContainsFunc(b.Events, func(e *int) bool { return *e == 3 }) {
			return errcat.SinkRejected
		}
		return nil
	})
	retry, _ := batch.NewRetry(batch.Sink[int](sink), batch.RetryOptions{})
	err := retry.Write(context.Background(), rowsTo(1000))
	for _, f := range batch.Failures(err, 1000) {
		fmt.Println(f.Row, f.Err)
	}
	// Output: 3 SINK_REJECTED
}
