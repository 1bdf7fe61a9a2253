// Package splunk is a source that takes events as Splunk's HTTP Event Collector does:
// the event and raw endpoints, tokens, indexer acknowledgement and health.
//
//	src, err := splunk.Listen(splunk.ServerOptions{Address: "127.0.0.1:8088", Tokens: []string{token}}, splunk.Options{})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// # Messages
//
// /services/collector and /services/collector/event: each JSON object of the body is a
// message, with all that stands beside the event (time, host, sourcetype, fields). With
// Options.EventOnly the message is the value of "event" alone: the text of a string, the
// JSON of anything else. An object without an event, or that is no JSON, makes the whole
// request answered by 400, with Splunk's code and the number of the event, and nothing of
// it is taken.
//
// /services/collector/raw: each line is a message.
//
// # Delivery
//
// At least once. Without Options.Acks a request is answered by 200 when all its events
// have reached every required sink, the dead letters, or a filter; by 429 when there is
// no room and 503 when something was not delivered (code 9), and is then to be sent
// again. With Acks a request that names a channel is answered at once with an ackId, and
// /services/collector/ack tells when its events are delivered; one that is never told so
// is to be sent again. A request without a channel is refused then, as by Splunk.
//
// # Limits
//
// Those of package ingest/http, and with Acks 1024 channels (the one that was silent for
// longest is forgotten beyond that) with 10,000 acknowledgements each, that nobody asked
// for; beyond it a channel is answered by 429. A status is told as true once, and then
// forgotten.
//
// # Concurrency
//
// As package ingest/http.
//
// Source: Splunk, "Format events for HTTP Event Collector" and "HTTP Event Collector REST
// API endpoints".
package splunk
