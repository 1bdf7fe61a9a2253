// Package splunk is a sink for Splunk's HTTP Event Collector, and what speaks its
// protocol.
//
//	sink, err := splunk.New[parse.Record](splunk.Options{
//		URLs: []string{"https://splunk:8088"}, Auth: splunk.Auth{File: "/etc/penstock/hec.token"},
//	}, splunk.Event{SourceType: "_json", Acks: true})
//
// Each line is the event of a HEC object; its time is that of the field @timestamp, where
// the line has it and it is RFC 3339.
//
// # Delivery
//
// At least once. Without Event.Acks a row is taken when Splunk has received it. With Acks
// it is taken when Splunk says that it is indexed: the sink asks every AckEvery, and sends
// the rows again if there is no yes within AckTimeout. HEC knows no identity of events, so
// what is sent again is there twice. An event for which Splunk refuses a request is found
// by halves, and rejected. What other answers mean: as package batch/elastic.
//
// # Limits and concurrency
//
// As package batch/elastic, but for a request of at most 1 MiB, the limit of Splunk's cloud.
// AckEvery is 1 s, AckTimeout 5 min. With Acks the events of a request hold their place among those
// on their way until they are indexed, which takes seconds: set Concurrency to 4 or more.
//
// Source: Splunk, "Format events for HTTP Event Collector" and "About HTTP Event Collector
// Indexer Acknowledgment".
package splunk
