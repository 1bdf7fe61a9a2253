// Command bench measures penstock against what else a Go program could use for the same
// work: the standard library, the operators of the OpenTelemetry Collector, go-syslog; and, where
// it is found, with the program syslog-ng.
//
//	go run ./internal/bench                       # all corpora, a table for people
//	go run ./internal/bench -only asa,cef -runs 3
//	go run ./internal/bench -markdown -o internal/bench/RESULTS.md
//	go test ./internal/bench -run '^$' -bench Peers/asa -cpu 1
//
// # The work
//
// Raw lines in, one ECS event a line out as JSON: find the lines, parse them, give the
// values ECS names and types, write them. All peers do this on the same bytes and in the
// same run. mapping.go holds what the peers are asked for; it leaves out what penstock
// does besides (related.*, addresses, parts of URLs, categories of an AWS call, a check
// of each value against the type of its field), so that in doubt a peer does less. A test
// compares the values of some hundred records, field by field, and lists the differences
// that it tolerates.
//
// penstock is used as a host uses it: an ingest.Pipeline with a reader as source, a
// built-in pack with ECS fields only, an encoder, a batch writer, one worker. The others
// read chunks of 256 KiB in a loop, without a pipeline. Everything writes to a sink that
// counts bytes and forgets them.
//
// syslog-ng takes part if SYSLOG_NG names it or the PATH has it (in Debian: the package
// syslog-ng-core). It reads a file on its standard input with one worker, by parsers of its own,
// and writes with format-json; the CPU time of its process counts, less that of a run over
// one line. It leaves escapes of CEF as they are, writes an empty line for a record of CEF
// whose name holds an escaped bar, and has no part in the corpus winxml.
//
// Corpora are generated (the same seed gives the same bytes) from wide pools of values. A
// corpus whose pack is not built in is left out with a message.
//
// # How it measures
//
// Every run is a process of its own, with GOMAXPROCS=1, so that heaps, collectors and
// peak memory stay apart; its corpus (-mb) lies outside the Go heap and is read over and
// over for -time. Making the corpus, starting up and the first megabyte do not count. The
// peers of one corpus run in turn, -runs times. The rate is input bytes by CPU time, user
// and system, of all threads, the collector's included; CPU time moves less than the
// clock when a machine has other work. Even so: compare within one run, not between two
// runs or two machines.
//
// # How to read the table
//
// MB/s is millions of input bytes per CPU-second, the median of the runs. "penstock ÷
// best" compares penstock with the fastest of the others on that corpus, round by round,
// and is the median of that. "fields/event" counts what penstock writes, and std in
// brackets: an array is one field. "allocs/event" is what penstock allocates in steady
// state, "peak RSS" the highest resident size of its process without the corpus, program
// text included. "two workers" is the rate by the clock with two cores and two workers,
// over that with one, the median of the rounds; those before or after which other work held
// a core are left out, and – means that none was undisturbed. BenchmarkScaling compares the
// two within one process, turn by turn, and says what processor time the second worker takes.
// The second table says how much work stands behind a figure: bytes and fields of each event,
// in and out.
//
// Not measured here: reading files and sockets, dead letters (no record of the corpora is
// one), validation, delivery, other programs (Vector, Benthos).
package main
