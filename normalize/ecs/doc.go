// Package ecs is the field table of the Elastic Common Schema as Go constants:
// for every field a small integer, the [Key], that knows its dotted name, its
// type, whether it holds a list, and the values that ECS allows in it.
//
//	k, ok := ecs.Lookup("source.ip") // ecs.SourceIP, true
//	k.Name()                         // "source.ip"
//	k.Type()                         // ecs.TypeIP
//
//	ecs.EventKind.Allows("alert")    // true
//	ecs.EventKind.Allows("warning")  // false
//
// The table is generated from one published ECS version, which [Version]
// names. Custom fields, multi-fields such as process.name.text, and the objects
// that only group other fields (source, http.response) are not in it. Keys below
// fields that hold whatever the sender likes (labels.env below the object labels)
// are not fields of ECS either: [Lookup] refuses them.
//
// Everything in the package is constant data: it is safe for concurrent use,
// nothing runs on import, and slices that are returned must not be written to.
// Only [Nearest] and the String methods allocate.
package ecs
