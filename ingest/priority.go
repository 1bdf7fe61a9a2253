package ingest

import (
	"errors"
	"fmt"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
)

// Priorities divide messages into classes, so that in a spike the important ones go
// through. Each class has its share of the workers and of every sink, and order is kept
// within source and class only. The pressure is the part of the chunks that is in use;
// while it is high the steps of the classes are entered one by one, those of the
// lowest class first, and while it is low they are left in the reverse order. Each step
// is a Notice, and what it costs stands in Stats.
//
// A source that can wait without losing anything, such as a file, should be wrapped by
// Patient: else reading at full speed counts as pressure.
type Priorities[T any] struct {
	// Classes, from the most to the least important: 2 to 8.
	Classes []Class
	// Classify returns the number of the class of a message, from its bytes and origin
	// alone. Numbers out of range stand for the nearest class. It is called by the
	// sources for every message, so it must be cheap; a panic in it makes the
	// message one of class 0. Safe for concurrent use.
	Classify func(m *parse.Message) int
	// Refine, if set, returns the class of a parsed event, by which it may still be
	// sampled or shed. Its place in the queues stays that of its message. It is called
	// by all workers.
	Refine func(m *parse.Message, event *T) int
	// Key returns what the step Sample decides by: of two messages with equal keys
	// both are kept or neither. Default: the whole message. Safe for concurrent use.
	Key func(m *parse.Message) []byte
	// Raw takes the place of the parser for classes in the step Unparsed. It should do
	// next to nothing but keep the message.
	Raw parse.Parser[T]
	// High and Low are the pressures beyond which a step is entered, and below which
	// one is left. Defaults: 0.75 and 0.25. Between 0 and 1, Low below High.
	High, Low float64
	// Enter is how long the pressure must have been high before the next step is
	// entered. Default: 50 ms. Leave is how long it must have been low before one is
	// left. Default: 2 s. Where a step is entered again soon after it was left, its
	// time is doubled, up to 16 times Leave, so that the pipeline does not oscillate.
	Enter, Leave time.Duration
}

// Class is one class of Priorities.
type Class struct {
	// Name appears in Stats and Notices. Default: "class" and its number.
	Name string
	// Weight is the share of the class while others wait too. Default: 1 for the
	// lowest, and 4 times that of the next lower class. 1 to 1,000,000.
	Weight int
	// Steps are what may be done to the class under pressure, in ascending order.
	// Default (nil): none for the first class; Delay, Sample and Shed for the others.
	Steps []Step
	// Sample is the part of the messages that the step Sample keeps. Default: 0.1.
	// Greater than 0, less than 1.
	Sample float64
}

// Step is a measure against pressure.
type Step uint8

const (
	// NoStep is the normal state.
	NoStep Step = iota
	// Delay gives the class a sixteenth of its share: it waits, and is not starved.
	Delay
	// SkipOptional leaves out the stages that are made by Optional.
	SkipOptional
	// Unparsed lets Priorities.Raw do the parsing, and leaves out optional stages.
	Unparsed
	// Sample keeps a part of the messages. The others are shed.
	Sample
	// Shed drops all messages of the class, those too that wait for a worker.
	Shed

	numSteps
)

var stepNames = [numSteps]string{"none", "delay", "skip optional", "unparsed", "sample", "shed"}

// String is the name of the step.
func (s Step) String() string {
	if s < numSteps {
		return stepNames[s]
	}
	return fmt.Sprintf("step %d", s)
}

// maxClasses bounds the classes.
const maxClasses = 8

// Optional marks a stage that may be left out: under pressure (see SkipOptional), and
// when it is taken out of service (see Config.Quarantine). A stage that filters or
// removes what must not be seen is not optional.
func Optional[T any](s Stage[T]) Stage[T] { return optional[T]{s} }

type optional[T any] struct{ Stage[T] }

// Worker makes the stage per worker where it is made so.
func (o optional[T]) Worker() Stage[T] { return optional[T]{forWorker(o.Stage)} }

// Patient marks a source that can wait without losing anything: its messages are
// neither sampled nor shed and cause no pressure, and it uses at most half of the chunks.
// Within a class it has its turn like any other source: give its messages a class of
// their own where reading an old file at full speed should not delay what comes in now.
func Patient(s Source) Source {
	if n, ok := s.(Named); ok {
		return WithName(n.Name(), patient{s})
	}
	return patient{s}
}

type patient struct{ Source }

func isPatient(s Source) bool {
	if n, ok := s.(namedSource); ok {
		s = n.Source
	}
	_, ok := s.(patient)
	return ok
}

// errShedByClass is the cause where a class was sampled or shed.
var errShedByClass = errcat.New(errcat.RateLimited, errcat.StageBuffer, "shed under pressure by the class of the message")

// prepare checks the options and fills in defaults.
func (p *Priorities[T]) prepare() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("ingest: Priorities: "+format, args...))
	}
	if n := len(p.Classes); n < 2 || n > maxClasses {
		bad("%d Classes, want 2 to %d", n, maxClasses)
	}
	if p.Classify == nil {
		bad("no Classify")
	}
	fraction := func(name string, v *float64, def float64) {
		switch {
		case *v == 0:
			*v = def
		case !(*v > 0 && *v < 1):
			bad("%s is %v, want more than 0 and less than 1, or 0 for the default of %v", name, *v, def)
		}
	}
	fraction("High", &p.High, 0.75)
	fraction("Low", &p.Low, min(0.25, p.High/2))
	if p.Low >= p.High {
		bad("Low is %v, want less than High, which is %v", p.Low, p.High)
	}
	if p.Enter == 0 {
		p.Enter = 50 * time.Millisecond
	}
	if p.Leave == 0 {
		p.Leave = 2 * time.Second
	}
	if p.Enter < 0 || p.Leave < 0 {
		bad("Enter is %s and Leave %s, want no negative time", p.Enter, p.Leave)
	}
	p.Classes = append([]Class(nil), p.Classes...)
	next := 0
	for i := len(p.Classes) - 1; i >= 0; i-- {
		c := &p.Classes[i]
		if c.Name == "" {
			c.Name = fmt.Sprintf("class%d", i)
		}
		switch {
		case c.Weight == 0:
			c.Weight = max(1, min(4*next, 1_000_000))
		case c.Weight < 0 || c.Weight > 1_000_000:
			bad("Weight of %s is %d, want 1 to 1,000,000", c.Name, c.Weight)
		}
		next = c.Weight
		fraction("Sample of "+c.Name, &c.Sample, 0.1)
		if c.Steps == nil && i > 0 {
			c.Steps = []Step{Delay, Sample, Shed}
		}
		last := NoStep
		for _, s := range c.Steps {
			if s <= last || s >= numSteps {
				bad("Steps of %s: want steps in ascending order, each once", c.Name)
				break
			}
			if last = s; s == Unparsed && p.Raw == nil {
				bad("%s has the step Unparsed, but there is no Raw", c.Name)
			}
		}
	}
	return errors.Join(errs...)
}
