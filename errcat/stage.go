package errcat

import "errors"

// Stage is the gate of the pipeline at which an error happened. The zero value
// means that it is not known or that there is no pipeline.
type Stage uint8

// The stage gates, in the order in which an event passes them. Their String
// forms are stable; their numbers are not.
const (
	StageUnknown   Stage = iota
	StageCollect         // a source reads or receives
	StageBuffer          // chunks, framing, spooling, admission by priority
	StageParse           // bytes to native fields
	StageNormalize       // native fields to schema fields
	StageEnrich          // the host's own lookups
	StageValidate        // checks against the schema
	StageRoute           // choice of sinks
	StageBatch           // windows, encoding
	StageDeliver         // a sink writes

	numStages // keep last
)

// stageNames is read-only.
var stageNames = [numStages]string{
	StageUnknown:   "",
	StageCollect:   "collect",
	StageBuffer:    "buffer",
	StageParse:     "parse",
	StageNormalize: "normalize",
	StageEnrich:    "enrich",
	StageValidate:  "validate",
	StageRoute:     "route",
	StageBatch:     "batch",
	StageDeliver:   "deliver",
}

// String returns the stable lower-case name; empty for StageUnknown and for a
// number outside the set.
func (s Stage) String() string {
	if s >= numStages {
		return ""
	}
	return stageNames[s]
}

// ParseStage returns the stage with exactly this lower-case name.
func ParseStage(name string) (Stage, bool) {
	for s := StageUnknown + 1; s < numStages; s++ {
		if stageNames[s] == name {
			return s, true
		}
	}
	return StageUnknown, false
}

// MarshalText returns the name, empty for StageUnknown. A number outside the
// set is an error.
func (s Stage) MarshalText() ([]byte, error) {
	if s >= numStages {
		return nil, errors.New("errcat: number outside the set of stages")
	}
	return []byte(stageNames[s]), nil
}

// UnmarshalText reads what MarshalText wrote. Any other text is an error and
// leaves s as it was. It keeps no reference to text.
func (s *Stage) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*s = StageUnknown
		return nil
	}
	got, ok := ParseStage(string(text))
	if !ok {
		return errors.New("errcat: unknown stage (names are lower-case, such as parse)")
	}
	*s = got
	return nil
}
