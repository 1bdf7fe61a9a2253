// Package ingest joins sources, a parser and sinks into a pipeline that accounts for
// every message.
//
// The smallest pipeline reads lines and writes lines:
//
//	p, err := ingest.New(ingest.Config[parse.Record]{
//		Sources: []ingest.Source{ingest.FromReader("stdin", os.Stdin)},
//		Parser:  parser,  // a pack, a format, or parse.ParserFunc
//		Encoder: encoder, // normalize.NewEncoder(…)
//		Sink:    batch.NewWriter[parse.Record](os.Stdout),
//	})
//	if err != nil { … }
//	err = p.Run(ctx)
//
// The event type is a type parameter: a host with its own struct in place of
// parse.Record uses the same pipeline. Sub-folders hold sources that need more than a
// reader.
//
// # How it works
//
//	source → chunk → worker: parse, stages, validate, encode → batch → queue → sink
//	                    ╰→ dead letters → queue → their sink
//
// A source fills pooled chunks (64 KiB by default); messages are slices of them. A worker turns
// one chunk into one batch, while it is in cache, and hands the batch to the queue of
// each sink. Chunks and batches are fixed free lists: when sinks are slow there are
// none left, and the sources wait. That is the only backpressure, and the bound of
// memory:
//
//	Chunks × ChunkSize (×4 once larger messages came)      raw bytes
//	(Workers + 1 + sum of (QueueBatches + 1)) × lines       encoded, kept up to 16 × ChunkSize each
//	the same number × the events of a chunk                only where a sink reads events
//
// A larger message lives in a grown chunk until it is done.
//
// # What happens to a message
//
// It becomes any number of events and rejects, and each of these comes to one end:
// delivered, filtered, shed, dead-lettered or failed, the worst over the required
// sinks. Ledger counts them; its identity holds at every moment. When all of a chunk
// have come to their ends the source is told (Chunk.Done), and only then may it
// acknowledge or commit. Delivery is at least once: a sink that is tried again may see
// rows twice.
//
// A message without bytes is not parsed: it is a dead letter (SCHEMA_VIOLATION). Line
// framing skips blank lines instead. A message that yields neither an event nor a
// reject is filtered.
//
// A panic in a plugin is one dead letter of category PARSER_PANIC, in a sink an error
// of category INTERNAL; the worker goes on with new instances. A plugin that never
// returns cannot be stopped: at shutdown its goroutine is left behind and named.
//
// # Concurrency
//
// A Pipeline's Run is called once; Stats may be called from any goroutine at any time.
// Run starts one goroutine for each source, worker and sink, and waits for all of them.
// Two pipelines in one process share nothing.
package ingest
