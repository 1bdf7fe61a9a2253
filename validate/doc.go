// Package validate checks events before they are delivered. A [Validator] says whether an
// event may pass; [ECS] returns the one for parse.Record, which knows the types and the
// allowed values of the Elastic Common Schema.
//
//	v := validate.ECS()
//	if err := v.Validate(&record); err != nil {
//		// an *errcat.Error: category, stage validate, the pack and the field
//	}
//
// A host with an event of its own writes a [Func], and combines several with [All].
//
// # Findings and policies
//
// What [Records] finds is one of a closed set of Findings, each of which has a [Policy]:
// refuse the event, take the value out, or only count. Every finding is counted, whatever
// its policy (Records.Counters), so that nothing disappears unseen.
//
//	v, err := validate.New(validate.Options{
//		Policies: map[validate.Finding]validate.Policy{validate.Range: validate.Strip},
//		Required: map[string][]string{"acme.wall": {"source.ip", "event.action"}},
//	})
//
// # Limits
//
// Fields per event: 2048. Length of a keyword: 32766 bytes, which is what a Lucene term
// can have; longer texts belong into fields of the types wildcard and match_only_text
// (message, url.original, process.command_line), which have no limit here, as
// event.original, which is not indexed, has none.
//
// Values of vendor fields and of fields named by the wire have no type to check; they
// count as fields.
//
// # Concurrency
//
// Validators are used by several goroutines at once, each with an event of its own: an
// implementation must allow it, and all of this package do. A valid event costs no
// allocation; a refused one costs its error.
package validate
