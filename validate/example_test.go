package validate_test

import (
	"errors"
	"fmt"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/validate"
)

func Example() {
	var r parse.Record
	r.Pack = "acme.wall"
	r.SetString(ecs.EventKind, "event")
	r.SetInt(ecs.SourcePort, 70000)

	fmt.Println(validate.ECS().Validate(&r))
	// Output:
	// TYPE_MISMATCH validate acme.wall source.port: the value is out of the field's range
}

// A host may rather lose a value than an event, and asks more of some of its sources.
func ExampleNew() {
	v, err := validate.New(validate.Options{
		Policies: map[validate.Finding]validate.Policy{validate.Range: validate.Strip},
		Required: map[string][]string{"acme.wall": {"source.ip"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	var r parse.Record
	r.SetInt(ecs.SourcePort, 70000)
	fmt.Println(v.Validate(&r), r.Has(ecs.SourcePort))

	r.SetString(ecs.EventDataset, "acme.wall")
	fmt.Println(v.Validate(&r))
	for finding, n := range v.Counters() {
		if finding == validate.Range {
			fmt.Println(finding, n.Stripped)
		}
	}
	// Unordered output:
	// <nil> false
	// SCHEMA_VIOLATION validate source.ip: a required field is missing
	// range 1
}

// Alarm is a host's own event.
type Alarm struct {
	Name     string
	Severity int
}

// Events of any type are validated by a function, and functions combined by All.
func ExampleAll() {
	named := validate.Func[Alarm](func(a *Alarm) error {
		if a.Name == "" {
			return errcat.New(errcat.SchemaViolation, errcat.StageValidate, "an alarm without name")
		}
		return nil
	})
	severity := validate.Func[Alarm](func(a *Alarm) error {
		if a.Severity < 0 || a.Severity > 10 {
			err := errcat.New(errcat.SchemaViolation, errcat.StageValidate, "want 0 to 10")
			err.Field = "severity"
			return err
		}
		return nil
	})
	v := validate.All(named, severity)

	fmt.Println(v.Validate(&Alarm{Name: "door", Severity: 3}))
	err := v.Validate(&Alarm{Name: "door", Severity: 11})
	fmt.Println(err, errors.Is(err, errcat.SchemaViolation))
	// Output:
	// <nil>
	// SCHEMA_VIOLATION validate severity: want 0 to 10 true
}
