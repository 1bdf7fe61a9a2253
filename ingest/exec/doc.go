// Package exec is a source of the output of a command, which is started again when it
// ends.
//
//	src, err := exec.New(exec.Options{Command: []string{"tcpdump", "-l", "-n"}})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// The command is run as it is, without a shell, in a process group of its own (on Unix)
// with no standard input. What it writes to standard output is cut into messages; what it
// writes to standard error goes to the log, and its end into the error of a failed run.
//
// # Delivery
//
// What a command has written cannot be asked for again: what is on its way when the
// process ends is lost. A slow pipeline holds the command back by its full pipe.
//
// # Start and end
//
// After a run that succeeded the command is started again after Every, after one that
// failed after a pause that doubles from MinDelay to MaxDelay, with jitter. With Once it is
// run once, and its failure is the source's error. When the context ends the whole process
// group is sent SIGTERM, and SIGKILL after Grace.
//
// # Limits
//
//	Every               1 s
//	MinDelay, MaxDelay  1 s, 1 min
//	Grace               1 s
//
// Messages are bounded by the pipeline's MaxMessage; of standard error 4 KiB are kept.
//
// # Concurrency
//
// Run is called once. Stats may be called at any time from any goroutine.
package exec
