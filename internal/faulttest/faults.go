package faulttest

import (
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/internal/vfs/errorfs"
)

// The variables of the environment that tests of other packages are steered by; the
// tests of this package have flags for the same.
const (
	EnvSeed = "PENSTOCK_FAULT_SEED"
	EnvLong = "PENSTOCK_FAULT_LONG"
)

// Long reports whether the full figures are asked for.
func Long() bool { return os.Getenv(EnvLong) != "" }

// Pick returns short, or long where the full figures are asked for.
func Pick(short, long int) int {
	if Long() {
		return long
	}
	return short
}

// Seeds returns n seeds, and logs the first: the regressions, which come first, and
// then consecutive ones from a random begin. Where a seed is given from outside it is
// the only one.
func Seeds(t testing.TB, n int, regressions ...uint64) []uint64 {
	t.Helper()
	if s := os.Getenv(EnvSeed); s != "" {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", EnvSeed, err)
		}
		return []uint64{seed}
	}
	first := uint64(time.Now().UnixNano()) % 1e12
	t.Logf("seeds %d to %d; to run one again: -seed N, or %s=N", first, first+uint64(n)-1, EnvSeed)
	seeds := append([]uint64(nil), regressions...)
	for i := range uint64(n) {
		seeds = append(seeds, first+i)
	}
	return seeds
}

// Rand returns the random numbers of a seed.
func Rand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x5eed)) }

// KillAt is a decider that kills a file system at the n-th operation that changes
// something: that one and all later ones do not happen, or, where torn is set, half of
// a write does.
func KillAt(fsys **errorfs.FS, n int64, torn bool) errorfs.Decide {
	return func(op errorfs.Op) error {
		if op.Change != n {
			return nil
		}
		(*fsys).Kill()
		if torn && op.Kind == errorfs.Write {
			return &errorfs.Short{Bytes: op.Size / 2, Err: errorfs.ErrKilled}
		}
		return errorfs.ErrKilled
	}
}

// ShortWrites is a decider that cuts writes short, and fails them with EINTR and
// EAGAIN, with the given probability.
func ShortWrites(seed uint64, probability float64) errorfs.Decide {
	var mu sync.Mutex
	rnd := Rand(seed)
	return func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if op.Kind != errorfs.Write || op.Size == 0 || rnd.Float64() >= probability {
			return nil
		}
		switch rnd.IntN(4) {
		case 0:
			return syscall.EINTR
		case 1:
			return syscall.EAGAIN
		case 2:
			return &errorfs.Short{Bytes: rnd.IntN(op.Size), Err: syscall.EINTR}
		}
		return &errorfs.Short{Bytes: rnd.IntN(op.Size)}
	}
}

// Sometimes is a decider that fails operations of the given kinds, all that change
// something where none is given, with the given probability.
func Sometimes(seed uint64, probability float64, err error, kinds ...errorfs.Kind) errorfs.Decide {
	var mu sync.Mutex
	rnd := Rand(seed)
	return func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		match := len(kinds) == 0 && op.Kind.Changes()
		for _, k := range kinds {
			match = match || k == op.Kind
		}
		if match && rnd.Float64() < probability {
			return err
		}
		return nil
	}
}

// IsKilled reports whether err comes from a file system that was killed.
func IsKilled(err error) bool { return errors.Is(err, errorfs.ErrKilled) }
