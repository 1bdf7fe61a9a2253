// Package ingesttest is the suite that the author of a source calls:
//
//	func TestConformance(t *testing.T) {
//		ingesttest.Source(t, ingesttest.Config{New: newSource, Acknowledges: true})
//	}
//
// where newSource returns the source and a function that sends to it, as a peer would.
// [Start] is the pipeline that the suite uses, for tests of one's own: it keeps what
// arrives, and its sink can be blocked or made to fail.
//
// With the build tag penstock_poison the pipeline overwrites buffers that were given
// back, so that a source that still writes to them fails loudly.
package ingesttest
