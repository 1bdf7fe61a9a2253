// Package ocsf writes ECS records as events of the Open Cybersecurity Schema Framework
// (https://schema.ocsf.io), version [Version].
//
// An [Encoder] takes the place of a normalize.Encoder: the same parse is written out in
// either schema. It chooses the event class by event.kind, event.category and by which
// fields are there: a class is chosen only if the attributes that OCSF requires of it can
// be filled, else the next that fits, and in the end the base event. Nothing is invented for
// that: an enumeration that the event says nothing about is 0 (unknown), a log without a
// time has no time.
//
// What has no place in the class is kept in the attribute unmapped, under its ECS or vendor
// name.
package ocsf
