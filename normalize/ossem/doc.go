// Package ossem writes ECS records with the names of the Open Source Security Events
// Metadata, its Common Data Model (https://github.com/OTRF/OSSEM-CDM): flat objects whose
// names are prefixes of entities and an attribute, such as SrcIpAddr or
// ProcessParentCommandLine.
//
// An [Encoder] takes the place of a normalize.Encoder. What the model has no attribute for is
// kept under AdditionalFields, by its ECS or vendor name; that name is this package's own,
// the model has none.
package ossem
