// Package webhook is a sink that posts events to any HTTP service, in the form of a
// template.
//
//	sink, err := webhook.New[parse.Record](webhook.Options{URLs: []string{"https://hooks.example.org/T1"}}, webhook.Form{
//		Event: `{"text":"{{.event.action}} from {{.source.ip}}"}`,
//	})
//
// A request is Before, the events with Between between them, and After. Event is a
// text/template over the line as an object; by default it is the line itself, and the
// whole a JSON array. With Form.Single each event is a request of its own.
//
// What a template prints is escaped, so that an event cannot forge the structure of the
// body: by default as the inside of a JSON string, see Form.Escape. A field that a line
// does not have prints nothing. The function json prints a value as JSON, quotes included.
//
// # Delivery
//
// At least once: 2xx means that all events of the request are taken. The identity of a
// single event is sent as Idempotency-Key (Form.Single, see Options.IDField). What other
// answers mean: as package batch/elastic.
//
// # Limits and concurrency
//
// As package batch/elastic. An object that is nested deeper than 32 is its JSON text to a template.
package webhook
