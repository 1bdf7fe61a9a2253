//go:build race

package faulttest

// Racing tells that the race detector is on: for each byte that a program uses it holds
// several, so that memory cannot be judged.
const Racing = true
