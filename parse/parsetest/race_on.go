//go:build race

package parsetest

// racing tells that the race detector is on: allocations and times mean nothing then.
const racing = true
