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
// A source fills pooled chunks (64 KiB by default, 128 KiB with Priorities); messages are slices of them. A worker turns
// one chunk into one batch, while it is in cache, and hands the batch to the queue of
// each sink that a Router names. What a sink is known to write in a small part of the time
// that the worker worked, the worker writes itself, past the empty queue: to hand it over
// would cost more. Chunks and batches are fixed free lists: when sinks are slow there are
// none left, and the sources wait.
//
// # Memory
//
// These options bound it, however fast the sources are:
//
//	batches = classes of Priorities, or 1 × (Workers + 1 + sum of (QueueBatches + 1))
//	Chunks  = batches + Workers + 2 × sources + 8, by default
//
//	Chunks × ChunkSize × 4     raw bytes; the 4 once larger messages came
//	batches × ChunkSize × 16   encoded lines, as many as there are; more of a larger batch
//	                           are kept until it is written, never more than MaxBatchBytes
//	batches × the events of a chunk, only where a sink reads events
//	batches × outputs × lines, only where a Router sends an output a part of a batch
//	10 × the dead letters of a chunk
//
// Config.MemoryBound computes it. A larger message lives in a grown chunk until it is
// done. A worker that was left behind (see Config.ParseTimeout) keeps one chunk and one batch.
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
// returns cannot be stopped: after Config.ParseTimeout its worker is replaced, the
// message is a dead letter of category TIMEOUT, and the goroutine is left behind.
// Quarantine takes a component that fails again and again out of service, by default for
// the sender whose messages make it fail.
//
// # Under pressure
//
// Priorities divide messages into classes by their bytes, before they are parsed. In a
// spike the lowest class is first delayed, then sampled, then shed, and so on upwards;
// each of these steps is a Notice, and everything that was given up stands in the ledger.
//
// # While it runs
//
// Swap exchanges parser, stages, validator, encoder, router and outputs without losing
// anything. Stats has the counters and histograms, Observer is told of each batch, and
// notices (silent senders, wrong clocks, gaps, hanging components) are logged, counted,
// handed to Config.Notify, and, with Config.NoticeEvent, seen among the events.
//
// # Concurrency
//
// A Pipeline's Run is called once; Stats may be called from any goroutine at any time.
// Run starts one goroutine for each source, worker and sink and one that looks after
// them, and waits for all of them but those that hang.
// Two pipelines in one process share nothing.
package ingest
