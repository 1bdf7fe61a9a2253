// Package batch is the delivering end of penstock: batches of events, the sinks that
// take them, and what stands in front of a sink (retry, windows). It works without
// the pipeline of package ingest, on events of any type.
//
// The smallest sink is a function:
//
//	sink := batch.SinkFunc[parse.Record](func(ctx context.Context, b *batch.Batch[parse.Record]) error {
//		for _, e := range b.Events {
//			fmt.Println(e.Len())
//		}
//		return nil
//	})
//
// and one that writes lines, each batch in one Write:
//
//	sink := batch.NewWriter[parse.Record](os.Stdout)
//
// [NewRetry] tries again what may be tried again, [NewWindow] re-groups lines by
// count, bytes and age. Sub-folders hold sinks that need more than this.
//
// # Limits
//
// A Batch is bounded by who makes it. A Window holds at most two groups of the size
// in its options.
//
// # Concurrency
//
// The pipeline calls Write of one sink from one goroutine at a time. The sinks of this
// package may be called from any number.
package batch
