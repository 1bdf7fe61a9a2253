// Package elastic is a sink for Elasticsearch, OpenSearch, and what speaks their _bulk API,
// such as VictoriaLogs.
//
//	sink, err := elastic.New[parse.Record](elastic.Options{
//		URLs: []string{"https://es1:9200"}, Auth: elastic.Auth{Scheme: "ApiKey", File: "/etc/penstock/es.key"},
//	}, elastic.Index{})
//	if err != nil { … }
//	defer sink.Close()
//	p, err := ingest.New(ingest.Config[parse.Record]{Sink: sink, Encoder: normalize.NewEncoder(…), …})
//
// Lines are sent as documents with the action create, which data streams need. By default
// they go to the data stream that ECS asks for, TYPE-DATASET-NAMESPACE, of the fields
// data_stream.type, data_stream.dataset or event.dataset, and data_stream.namespace, with
// characters replaced that its rules forbid. Index.Name sets one name for all.
//
// # Delivery
//
// At least once, to the event. Of an answer each item is looked at: 2xx is taken; 409
// is a repetition of what is there, and so taken; 429 and 5xx are sent again, alone;
// others are rejected, and so dead letters with the server's reason. Events have an _id,
// so that what is sent again is there once: see Options.IDField and Options.NoIDs. Two
// events with one _id (the same bytes at the same position of the same source) are one
// document.
//
// What an answer other than 200 means, for this and all sinks over HTTP:
//
//	408, 5xx, no answer, 404, 405, 3xx  all rows are sent again, after a pause
//	429                                 as above, and not before Retry-After
//	413                                 half of them at a time; one row alone is rejected
//	400, 422                            halves are tried until the rows that the server
//	                                    refuses stand alone: these are rejected
//	401                                 with a secret from a file or a function: sent again
//	                                    about once a second until there is another one;
//	                                    else rejected, as 403 (ACCESS_DENIED)
//	other 4xx                           rejected
//	200 with what is no answer          all rows are sent again
//
// Redirects are not followed. The pauses double from MinDelay to MaxDelay, with jitter.
//
// # Limits
//
// A request has at most 2000 rows and 4 MiB before gzip; a row waits at most 1 s for
// others; 30 s for an answer, of which 64 KiB and 512 bytes for each row are read.
// Memory: (Concurrency + 1) × MaxBytes, and the bodies made of them.
//
// # Concurrency
//
// A Sink may be used from several goroutines. With Concurrency 1, the default, events
// arrive in order, repetitions apart.
//
// Source: Elasticsearch REST API, Bulk API; ECS, data stream fields.
package elastic
