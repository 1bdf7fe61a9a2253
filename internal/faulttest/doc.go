// Package faulttest is the rig of the fault tests: one Oracle that knows what was
// issued, accepted and received, one fault injector, and the tests that use them.
//
// A test issues records from the Oracle, tells it which of them the component under
// test has accepted (acknowledged), and shows it everything that arrives. Loss is then
// a difference of sets and damage a wrong checksum, never an impression:
//
//	o := faulttest.NewOracle(seed)
//	record := o.Issue()         // id and bytes
//	o.Accept(record.ID)         // when the component has confirmed it
//	o.Receive(line)             // at the sink
//	o.Check(t, faulttest.Limits{MaxDuplicates: 500})
//
// Faults of the file system come from an errorfs.FS with one of the deciders here, and
// from memfs for power cuts.
//
// # Running
//
//	go test ./internal/faulttest                            the short form, for every change
//	go test ./internal/faulttest -long -timeout 1h          the full figures
//	go test ./internal/faulttest -run TestF5 -seed 42       one seed again
//	go test ./internal/faulttest -long -results RESULTS.md  write the figures reached
//
// Every random choice follows from a seed that is printed; those that once failed are
// in the list beside their test and run first, for ever.
package faulttest
