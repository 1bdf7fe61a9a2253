package ossem

import (
	"sync"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/internal/translate"
	"github.com/penstock-dev/penstock/parse"
)

// Options choose what is written. The zero value writes everything.
type Options struct {
	// ECSOnly leaves the vendor's own fields out of AdditionalFields.
	ECSOnly bool
}

// Encoder writes records as OSSEM events: strict UTF-8 JSON objects with names in ascending
// order, so that equal records give equal bytes.
//
// An Encoder is not safe for concurrent use; Worker returns one for each goroutine.
type Encoder struct {
	enc   *normalize.Encoder
	rest  *translate.Rest
	event parse.Record
	log   translate.Log
}

// model is the compiled table.
type model struct {
	schema *parse.Schema
	table  *translate.Table
	rest   parse.Key
}

const additional = "AdditionalFields"

var compiled = sync.OnceValues(func() (*model, error) {
	var names translate.Names
	names.Add(additional)
	for _, r := range rules {
		names.Add(r.To)
	}
	s, err := names.Schema()
	if err != nil {
		return nil, err
	}
	t, err := translate.Compile(s, rules)
	if err != nil {
		return nil, err
	}
	k, _ := s.Lookup(additional)
	return &model{s, t, k}, nil
})

func theModel() *model {
	m, err := compiled()
	if err != nil {
		panic(err) // the rules are constants: a test holds that they compile
	}
	return m
}

// NewEncoder returns an Encoder.
func NewEncoder(o Options) *Encoder {
	theModel()
	return &Encoder{enc: normalize.NewEncoder(normalize.EncoderOptions{}), rest: translate.NewRest(o.ECSOnly)}
}

// Worker returns an Encoder with the same options for another goroutine.
func (e *Encoder) Worker() *Encoder { return &Encoder{enc: e.enc.Worker(), rest: e.rest.Worker()} }

// Append appends the record as one OSSEM event to dst and returns the result. It never
// fails; the error is there to meet the interface of the pipeline's encoders.
func (e *Encoder) Append(dst []byte, r *parse.Record) ([]byte, error) {
	m, to := theModel(), &e.event
	to.Use(m.schema)
	m.table.Apply(r, to, &e.log)
	var taken translate.Set
	e.log.Taken(to, &taken)
	to.Set(m.rest, e.rest.Object(r, &taken))
	dst, err := e.enc.Append(dst, to)
	to.Reset()
	return dst, err
}
