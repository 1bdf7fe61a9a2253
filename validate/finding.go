package validate

import (
	"errors"
	"strconv"

	"github.com/penstock-dev/penstock/errcat"
)

// Finding is one kind of thing that can be wrong with a record.
type Finding uint8

// The findings, each with its category and what [Default] does.
const (
	// Type: the value is not of the field's type: text in source.ip that is no address, a
	// list of texts as a number. TYPE_MISMATCH, refused.
	Type Finding = iota
	// Range: the type is right, but no such value exists: port 70000, a negative number of
	// bytes, a number too large for its type, @timestamp outside of NotBefore and NotAfter.
	// TYPE_MISMATCH, refused.
	Range
	// NotAllowed: ECS names the values that the field can have, and this is none of them.
	// SCHEMA_VIOLATION, refused.
	NotAllowed
	// Unexpected: a value of event.type that ECS expects beside none of the event's
	// categories. SCHEMA_VIOLATION, off.
	Unexpected
	// List: several values in a field that holds one. SCHEMA_VIOLATION, refused. Stripping
	// takes the field out.
	List
	// Long: a keyword longer than MaxKeyword. OVERSIZE, refused.
	Long
	// TooMany: more fields than MaxFields. OVERSIZE, refused. Can't be stripped.
	TooMany
	// Missing: a field that is required, by dataset or by a rule. SCHEMA_VIOLATION,
	// refused. Can't be stripped.
	Missing

	numFindings // keep last
)

// findings is read only.
var findings = [numFindings]struct {
	name     string
	category errcat.Category
	policy   Policy
	err      error
}{
	Type:       {"type", errcat.TypeMismatch, Reject, errors.New("the value does not have the field's type")},
	Range:      {"range", errcat.TypeMismatch, Reject, errors.New("the value is out of the field's range")},
	NotAllowed: {"not_allowed", errcat.SchemaViolation, Reject, errors.New("ECS does not allow this value")},
	Unexpected: {"unexpected", errcat.SchemaViolation, Off, errors.New("ECS does not expect this event.type in the event's categories")},
	List:       {"list", errcat.SchemaViolation, Reject, errors.New("several values in a field that holds one")},
	Long:       {"long", errcat.Oversize, Reject, errors.New("the value is longer than a keyword can be")},
	TooMany:    {"too_many", errcat.Oversize, Reject, errors.New("the event has too many fields")},
	Missing:    {"missing", errcat.SchemaViolation, Reject, errors.New("a required field is missing")},
}

// String returns the stable lower-case name of the finding, for metrics.
func (f Finding) String() string {
	if f >= numFindings {
		return "validate.Finding(" + strconv.Itoa(int(f)) + ")"
	}
	return findings[f].name
}

// Category returns the category of an event that is refused for the finding.
func (f Finding) Category() errcat.Category {
	if f >= numFindings {
		return errcat.Internal
	}
	return findings[f].category
}

// Findings returns all findings in the order of declaration. The slice is the caller's.
func Findings() []Finding {
	all := make([]Finding, numFindings)
	for i := range all {
		all[i] = Finding(i)
	}
	return all
}

// Policy is what happens to an event with a finding.
type Policy uint8

// The policies.
const (
	// Default is what the finding's documentation says.
	Default Policy = iota
	// Reject refuses the event.
	Reject
	// Strip takes the value out of the event and counts it: of a list the elements that are
	// wrong, else the field.
	Strip
	// Count leaves the event as it is and counts.
	Count
	// Off does not look.
	Off

	numPolicies // keep last
)

// String returns the lower-case name of the policy.
func (p Policy) String() string {
	names := [...]string{"default", "reject", "strip", "count", "off"}
	if int(p) >= len(names) {
		return "validate.Policy(" + strconv.Itoa(int(p)) + ")"
	}
	return names[p]
}

// Counter is how often a finding came up, by what was done. One event can add to several.
type Counter struct {
	Rejected, Stripped, Counted uint64
}
