// Package elastic is a source that takes documents as Elasticsearch's _bulk API does, so
// that what is made to write to Elasticsearch or OpenSearch can write to a pipeline:
// rsyslog's omelasticsearch, Beats, the official clients.
//
//	src, err := elastic.Listen(elastic.ServerOptions{Address: "127.0.0.1:9200"}, elastic.Options{})
//	if err != nil { … }
//	p, err := ingest.New(ingest.Config[parse.Record]{Sources: []ingest.Source{src}, …})
//
// # Messages
//
// Each document of POST /_bulk or /INDEX/_bulk with the action index or create, and the
// body of POST /INDEX/_doc and of PUT /INDEX/_create/ID, is a message, byte for byte. Its
// index, id and routing say where a document is to be stored, which is the sinks' affair:
// they are not part of the message, and not kept. Documents that are no JSON become dead
// letters by the parser. The actions update and delete, which a stream of events does not
// have, are answered by an error of their item.
//
// # Delivery
//
// At least once, and to the item: an item has status 201 when its message has reached
// every required sink, the dead letters, or a filter; 429 when it was not delivered, which
// makes clients send it again. 429 for the whole request means that there is no room, 503
// that nothing is known in time. Identities are those of package ingest/http.
//
// # What else is answered
//
// GET / with a version (Options.Version), /_license, /_xpack, /_cluster/health, and the
// health of a GET /_cat/…: clients ask for these before they send. Requests that set up
// templates, pipelines, policies, aliases, or an index, are answered as done, and do
// nothing.
//
// # Limits and concurrency
//
// As package ingest/http.
//
// Source: Elasticsearch REST API, Bulk API.
package elastic
