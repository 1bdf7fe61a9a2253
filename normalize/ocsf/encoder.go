package ocsf

import (
	"sync"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/normalize/internal/translate"
	"github.com/penstock-dev/penstock/parse"
)

// Version is the version of the schema.
const Version = "1.9.0-dev"

// Options choose what is written. The zero value writes everything.
type Options struct {
	// ECSOnly leaves the vendor's own fields out of the attribute unmapped.
	ECSOnly bool
}

// Encoder writes records as OCSF events: strict UTF-8 JSON objects, attributes in the order
// of their paths, so that equal records give equal bytes.
//
// An Encoder is not safe for concurrent use; Worker returns one for each goroutine.
type Encoder struct {
	tables *tables
	enc    *normalize.Encoder
	rest   *translate.Rest
	event  parse.Record
	inner  parse.Record // an object that stands in a list
	texts  [2][]byte    // of those
	log    translate.Log
	taken  translate.Set
	// Untimed counts the events so far without @timestamp. OCSF requires a time; it is
	// left out rather than made up.
	Untimed int
}

// tables are the rules of every class, compiled.
type tables struct {
	schema   *parse.Schema
	keys     fixedKeys
	classes  []*class
	evidence *translate.Table
	below    map[string][]parse.Key // the attributes below an object
	byName   map[string]parse.Key
	profile  map[string]parse.Value // lists of profiles by their names together
}

var compiled = sync.OnceValues(compile)

// NewEncoder returns an Encoder.
func NewEncoder(o Options) *Encoder {
	t, err := compiled()
	if err != nil {
		panic(err) // the rules are constants: a test holds that they compile
	}
	return &Encoder{tables: t, enc: normalize.NewEncoder(normalize.EncoderOptions{}), rest: translate.NewRest(o.ECSOnly)}
}

// Worker returns an Encoder with the same options for another goroutine.
func (e *Encoder) Worker() *Encoder {
	return &Encoder{tables: e.tables, enc: e.enc.Worker(), rest: e.rest.Worker()}
}

// Append appends the record as one OCSF event to dst and returns the result. It never fails;
// the error is there to meet the interface of the pipeline's encoders.
func (e *Encoder) Append(dst []byte, r *parse.Record) ([]byte, error) {
	t := e.tables
	c := t.choose(r)
	to := &e.event
	to.Use(t.schema)
	e.taken = translate.Set{}
	c.table.Apply(r, to, &e.log)
	e.classify(c, r, to)
	e.complete(c, r, to)
	e.log.Taken(to, &e.taken)
	e.lists(c, r, to)
	if !to.Has(t.keys.time) {
		e.Untimed++
	}
	to.Set(t.keys.unmapped, e.rest.Object(r, &e.taken))
	dst, err := e.enc.Append(dst, to)
	to.Reset()
	return dst, err
}

// classify sets what every event has.
func (e *Encoder) classify(c *class, r, to *parse.Record) {
	k := &e.tables.keys
	to.SetInt(k.categoryUID, int64(c.uid/1000))
	to.SetConst(k.categoryName, c.category)
	to.SetInt(k.classUID, int64(c.uid))
	to.SetConst(k.className, c.name)
	activity := c.activity(r)
	to.SetInt(k.activityID, int64(activity))
	to.SetInt(k.typeUID, int64(c.uid*100+activity))
	if v := r.Get(ecs.EventAction); v.Kind() == parse.KindString && len(v.Bytes()) > 0 {
		to.Set(k.activityName, v)
		e.taken.Add(ecs.EventAction)
	}
	id := severity(r)
	to.SetInt(k.severityID, int64(id))
	to.SetConst(k.severity, severities[id])
	if c.group != findings {
		switch r.Get(ecs.EventOutcome).Str() {
		case "success":
			to.SetInt(k.statusID, 1)
			to.SetConst(k.status, "Success")
			e.taken.Add(ecs.EventOutcome)
		case "failure":
			to.SetInt(k.statusID, 2)
			to.SetConst(k.status, "Failure")
			e.taken.Add(ecs.EventOutcome)
		}
	}
	if action := disposition(r); action > 0 && c.controlled {
		to.SetInt(k.actionID, int64(action))
		to.SetInt(k.dispositionID, int64(action))
		to.SetConst(k.disposition, [...]string{"", "Allowed", "Blocked"}[action])
	}
	if c.group == findings || c.controlled && r.Get(ecs.EventKind).Str() == "alert" {
		to.SetBool(k.isAlert, r.Get(ecs.EventKind).Str() == "alert")
	}
	e.taken.Add(ecs.EventKind)
	e.taken.Add(ecs.ECSVersion)
	to.SetConst(k.metadataVersion, Version)
	if !to.Has(k.productName) {
		if v := r.Get(ecs.EventModule); v.Kind() == parse.KindString {
			to.Set(k.productName, v)
			e.taken.Add(ecs.EventModule)
		} else if r.Pack != "" {
			to.SetString(k.productName, r.Pack)
		} else {
			to.SetConst(k.productName, "unknown")
		}
	}
}

// severities are the captions of severity_id.
var severities = [...]string{"Unknown", "Informational", "Low", "Medium", "High", "Critical", "Fatal"}

// severity is the severity_id of the log level or, where there is none, of the severity in
// the syslog header (RFC 5424, table 2). event.severity says nothing here: each vendor
// has its own scale.
func severity(r *parse.Record) int {
	if id, ok := levels[string(lower(r.Get(ecs.LogLevel).Bytes()))]; ok {
		return id
	}
	if v := r.Get(ecs.LogSyslogSeverityCode); v.Kind() == parse.KindInt && v.Int() >= 0 && v.Int() < 8 {
		return [...]int{6, 5, 5, 4, 3, 2, 1, 1}[v.Int()]
	}
	return 0
}

var levels = map[string]int{
	"debug": 1, "trace": 1, "verbose": 1, "info": 1, "information": 1, "informational": 1,
	"notice": 2, "low": 2, "notification": 2,
	"warning": 3, "warn": 3, "medium": 3, "moderate": 3,
	"error": 4, "err": 4, "high": 4, "important": 4,
	"critical": 5, "crit": 5, "alert": 5, "severe": 5,
	"emergency": 6, "emerg": 6, "fatal": 6, "panic": 6,
}

// lower is b in lower case where that is short enough to be a word of levels.
func lower(b []byte) []byte {
	var room [16]byte
	if len(b) > len(room) {
		return nil
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		room[i] = c
	}
	return room[:len(b)]
}

// disposition is 1 for what was allowed, 2 for what was denied, else 0: action_id and
// disposition_id use the same numbers.
func disposition(r *parse.Record) int {
	switch {
	case has(r, ecs.EventType, "denied"):
		return 2
	case has(r, ecs.EventType, "allowed"):
		return 1
	}
	return 0
}

// has reports whether the field is or holds the word.
func has(r *parse.Record, k ecs.Key, word string) bool {
	if !r.Has(k) {
		return false
	}
	v := r.Ref(k)
	if v.Kind() != parse.KindList {
		return v.Str() == word
	}
	for _, e := range v.List() {
		if e.Str() == word {
			return true
		}
	}
	return false
}
