//go:build !race

package vendors_test

// raceEnabled: what one goroutine does alone is left to the tests without the race detector.
const raceEnabled = false
