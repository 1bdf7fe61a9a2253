//go:build !race

package vendors_test

// raceEnabled: the test binary has the race detector.
const raceEnabled = false
