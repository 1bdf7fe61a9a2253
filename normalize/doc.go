// Package normalize brings events into the form of ECS and writes them out: [Deriver] sets the fields that
// follow from others, [Mapper] is a table from native keys to fields for parsers written in Go, [Coerce] makes a
// value fit the type of its field, and [Encoder] writes records as JSON. The smallest use:
//
//	d, e := normalize.NewDeriver(normalize.DeriveOptions{}), normalize.NewEncoder(normalize.EncoderOptions{})
//	d.Derive(record)
//	line, err := e.Append(nil, record)
//
// Packs (package parse/pack) do all of this but the writing by themselves. The field table is
// package normalize/ecs; packages normalize/ocsf and normalize/ossem write the same records in
// those schemas.
//
// Nothing here reads a clock, a network or a file, and nothing is guessed: a Deriver sets only what follows
// from the event, and overwrites no field. What is read is bounded by the record, so that
// there are no limits of its own. Deriver and Mapper are safe for concurrent use, each call
// on a record of its own; an Encoder is not, see [Encoder.Worker].
package normalize
