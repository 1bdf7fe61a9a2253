//go:build race

package parsetest

// racing tells that allocation counts mean nothing.
const racing = true
