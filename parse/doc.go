// Package parse holds what everything else is built on: a [Message] as it came, the [Parser] that
// makes events of it, and [Record], the built-in event of ECS fields. The smallest use:
//
//	p := parse.ParserFunc[parse.Record](func(m *parse.Message, out *parse.Events[parse.Record]) error {
//		out.Add().Set(ecs.Message, parse.BytesValue(m.Raw))
//		return nil
//	})
//	var events parse.Events[parse.Record]
//	err := p.Parse(&parse.Message{Raw: line}, &events)
//
// Parsers for the formats of wires stand in the folders below kernel, the language in which
// products are described in package pack, and the products in package vendors. A [Registry] finds
// parsers by name and by what a message looks like.
//
// # Memory
//
// Events and what they hold are reused: they are valid until [Events.Reset], and the text in them may
// be that of Message.Raw, which belongs to whoever filled it and must stay as it is until
// then. [Record.Clone] is the one way to keep an event. In the steady state nothing is allocated.
//
// # Limits
//
// A native key has at most [MaxKeyLength] bytes, the name of a field [MaxFieldName], a [Schema]
// [MaxVendorFields] fields beside those of ECS, the name of a parser [MaxParserName] bytes. A [Frame] keeps
// [DefaultMaxRest] pairs that nobody asked for, or Frame.MaxRest. How long a message may be and how many there
// are at a time is up to what reads them (package ingest).
//
// # Concurrency and errors
//
// A Parser is safe for concurrent use unless it is a [PerWorker]; [ForWorker] gives each goroutine
// the one to use. Registry and Schema are safe for concurrent use, Events, Record and Frame are not.
// Errors have a category (package errcat): a message that cannot be parsed is one dead letter.
package parse
