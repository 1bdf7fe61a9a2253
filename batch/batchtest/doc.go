// Package batchtest is the suite that the author of a sink calls:
//
//	func TestConformance(t *testing.T) {
//		batchtest.Sink(t, batchtest.Config{New: newSink})
//	}
//
// where newSink returns the sink and what is needed to look at its destination.
package batchtest
