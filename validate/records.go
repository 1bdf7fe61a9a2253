package validate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// The defaults of Options.
const (
	DefaultMaxFields  = 2048
	DefaultMaxKeyword = 32766
)

// Options are what a host decides about validation. The zero Options are what ECS uses.
type Options struct {
	// Policies say what happens for each finding. A finding that is not in it has the
	// policy Default.
	Policies map[Finding]Policy
	// Required names the fields that events must have, by event.dataset; those under ""
	// are required of every event. Null is no value. A name whose first segment is one of
	// ECS must be a field of ECS; others are a vendor's. Default: none.
	Required map[string][]string
	// Rules name fields that are required where other fields are present. Default: none.
	Rules []Rule
	// MaxFields bounds the fields of an event, those named by the wire included.
	// Default: DefaultMaxFields. Range: 1 to 65535.
	MaxFields int
	// MaxKeyword bounds a keyword in bytes. Default: DefaultMaxKeyword. Range: 1 and up.
	MaxKeyword int
	// NotBefore and NotAfter bound @timestamp, both included; zero means without bound.
	NotBefore, NotAfter time.Time
}

// Rule requires all fields of Then of events that have the field If.
type Rule struct {
	If   string
	Then []string
}

// Records is the Validator of parse.Record. It is constant but for its counters, and safe
// for concurrent use.
type Records struct {
	policy     [numFindings]Policy
	counters   [numFindings]counter
	rules      *[ecs.Count]rule
	required   map[string][]field
	presence   []presence
	maxFields  int
	maxKeyword int
	notBefore  int64
	notAfter   int64
}

type counter struct{ rejected, stripped, counted atomic.Uint64 }

// field is a required field: a key of ECS, or a vendor's name that each record's schema
// resolves.
type field struct {
	key  parse.Key
	name string
}

type presence struct {
	when field
	then []field
}

// ECS returns a Validator of records with the zero Options: types, ranges, allowed values,
// lists and limits of ECS, an event with a fault refused.
func ECS() *Records {
	v, err := New(Options{})
	if err != nil {
		panic(err) // the zero Options are right
	}
	return v
}

// New returns a Validator of records.
func New(o Options) (*Records, error) {
	v := &Records{rules: rules(), maxFields: o.MaxFields, maxKeyword: o.MaxKeyword, required: map[string][]field{}}
	for f := range numFindings {
		v.policy[f] = findings[f].policy
	}
	for f, p := range o.Policies {
		switch {
		case f >= numFindings:
			return nil, fmt.Errorf("validate: there is no finding with the number %d", uint8(f))
		case p >= numPolicies:
			return nil, fmt.Errorf("validate: there is no policy with the number %d", uint8(p))
		case p == Strip && (f == TooMany || f == Missing):
			return nil, fmt.Errorf("validate: the finding %s can't be stripped: there is no value to take out", f)
		case p != Default:
			v.policy[f] = p
		}
	}
	switch {
	case o.MaxFields == 0:
		v.maxFields = DefaultMaxFields
	case o.MaxFields < 0 || o.MaxFields > 65535:
		return nil, fmt.Errorf("validate: MaxFields is %d, want 1 to 65535", o.MaxFields)
	}
	switch {
	case o.MaxKeyword == 0:
		v.maxKeyword = DefaultMaxKeyword
	case o.MaxKeyword < 0:
		return nil, fmt.Errorf("validate: MaxKeyword is %d, want a positive number of bytes", o.MaxKeyword)
	}
	if err := v.bound(o.NotBefore, o.NotAfter); err != nil {
		return nil, err
	}
	for dataset, names := range o.Required {
		fields, err := resolve(names)
		if err != nil {
			return nil, fmt.Errorf("validate: Required of %q: %w", dataset, err)
		}
		v.required[dataset] = fields
	}
	for _, r := range o.Rules {
		fields, err := resolve(append([]string{r.If}, r.Then...))
		if err != nil {
			return nil, fmt.Errorf("validate: rule for %q: %w", r.If, err)
		}
		v.presence = append(v.presence, presence{fields[0], fields[1:]})
	}
	return v, nil
}

func (v *Records) bound(notBefore, notAfter time.Time) error {
	v.notBefore, v.notAfter = -1<<63, 1<<63-1
	if !notBefore.IsZero() {
		v.notBefore = nanos(notBefore)
	}
	if !notAfter.IsZero() {
		v.notAfter = nanos(notAfter)
	}
	if v.notAfter < v.notBefore {
		return errors.New("validate: NotAfter is before NotBefore")
	}
	return nil
}

// nanos is t in nanoseconds, held within what records can carry (the years 1677 to 2262).
func nanos(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < -9223372036:
		return -1 << 63
	case s >= 9223372036:
		return 1<<63 - 1
	}
	return t.UnixNano()
}

func resolve(names []string) ([]field, error) {
	var fields []field
	for _, n := range names {
		k, ok := ecs.Lookup(n)
		if ok {
			fields = append(fields, field{k, n})
			continue
		}
		if n == "" {
			return nil, errors.New("a field without name")
		}
		// A name that begins as ECS does and is not of ECS is more likely a mistake than a
		// vendor's field.
		if root, _, _ := strings.Cut(n, "."); slices.Contains(roots(), root) {
			hint := ""
			if near := ecs.Nearest(n, 1); len(near) > 0 {
				hint = fmt.Sprintf("; did you mean %s?", near[0])
			}
			return nil, fmt.Errorf("%q is no field of ECS%s", n, hint)
		}
		fields = append(fields, field{ecs.None, n})
	}
	return fields, nil
}

// roots are the first segments of the names of ECS.
var roots = sync.OnceValue(func() []string {
	var out []string
	for k := range ecs.All() {
		if root, _, _ := strings.Cut(k.Name(), "."); len(out) == 0 || out[len(out)-1] != root {
			out = append(out, root)
		}
	}
	return out
})

// Counters returns how often each finding came up so far. The map has the findings that
// did and is the caller's.
func (v *Records) Counters() map[Finding]Counter {
	out := map[Finding]Counter{}
	for f := range numFindings {
		c := &v.counters[f]
		n := Counter{c.rejected.Load(), c.stripped.Load(), c.counted.Load()}
		if n != (Counter{}) {
			out[f] = n
		}
	}
	return out
}

// Validate checks the record. It changes it only by a policy Strip. The error is an
// *errcat.Error with the first fault that has the policy Reject.
func (v *Records) Validate(r *parse.Record) error {
	if n := r.Slots() + len(r.Dynamics()); n > v.maxFields && r.Len() > v.maxFields {
		if err := v.found(r, TooMany, ""); err != nil {
			return err
		}
	}
	if l := r.Layout(); l == nil || !v.planOf(l).pass(v, r.Values()) {
		if err := v.all(r); err != nil {
			return err
		}
	}
	if v.policy[Unexpected] != Off {
		if err := v.types(r); err != nil {
			return err
		}
	}
	if len(v.required) > 0 || len(v.presence) > 0 {
		return v.presences(r)
	}
	return nil
}

// all checks every field.
func (v *Records) all(r *parse.Record) error {
	rules := v.rules
	for i, n := 0, r.Slots(); i < n; i++ {
		k, val := r.RefAt(i)
		if val == nil || k >= ecs.Count {
			continue
		}
		rule := &rules[k]
		if v.right(k, val, rule) {
			continue
		}
		if err := v.field(r, k, *val, rule); err != nil {
			return err
		}
	}
	return nil
}

// passes reports whether a value of the right kind has no fault. It is the short way for
// the usual values; fault is the long one.
func (v *Records) passes(k parse.Key, val *parse.Value, rule *rule) bool {
	switch rule.check {
	case checkNothing:
		return true
	case checkLength:
		return len(val.Str()) <= v.maxKeyword
	case checkPort:
		return uint64(val.Int()) <= 65535
	case checkSign:
		return val.Int() >= 0
	case checkTime:
		return val.Int() >= v.notBefore && val.Int() <= v.notAfter
	case checkAllowed:
		return k.Allows(val.Str())
	}
	return false
}

func (v *Records) passAll(k parse.Key, l []parse.Value, rule *rule) bool {
	most := math.MaxInt
	switch rule.check {
	case checkLength:
		most = v.maxKeyword
	case checkNothing:
	default:
		for i := range l {
			if !rule.kinds.has(l[i].Kind()) || !v.passes(k, &l[i], rule) {
				return false
			}
		}
		return true
	}
	for i := range l {
		if !rule.kinds.has(l[i].Kind()) || l[i].Len() > most {
			return false
		}
	}
	return true
}

// field checks one field in full.
func (v *Records) field(r *parse.Record, k parse.Key, val parse.Value, rule *rule) error {
	if val.Kind() != parse.KindList || rule.objects {
		f, bad := v.fault(k, val, rule)
		if !bad {
			return nil
		}
		if v.policy[f] == Strip {
			r.Delete(k)
		}
		return v.found(r, f, k.Name())
	}
	l := val.List()
	if len(l) > 1 && !rule.array {
		if p := v.policy[List]; p != Off {
			if p == Strip {
				r.Delete(k)
			}
			if err := v.found(r, List, k.Name()); err != nil || p == Strip {
				return err
			}
		}
	}
	var kept []parse.Value
	stripped := false
	for i := range l {
		f, bad := v.fault(k, l[i], rule)
		if bad {
			if err := v.found(r, f, k.Name()); err != nil {
				return err
			}
			if v.policy[f] == Strip {
				if !stripped {
					kept = append(r.Lists().Alloc(len(l))[:0], l[:i]...)
				}
				stripped = true
				continue
			}
		}
		if stripped {
			kept = append(kept, l[i])
		}
	}
	switch {
	case !stripped:
	case len(kept) == 0:
		r.Delete(k)
	default:
		r.Set(k, parse.ListValue(kept))
	}
	return nil
}

// types checks event.type against event.category.
func (v *Records) types(r *parse.Record) error {
	categories, types := r.Get(ecs.EventCategory), r.Get(ecs.EventType)
	if categories.IsZero() || types.IsZero() {
		return nil
	}
	if types.Kind() != parse.KindList {
		if expected(categories, types) {
			return nil
		}
		if v.policy[Unexpected] == Strip {
			r.Delete(ecs.EventType)
		}
		return v.found(r, Unexpected, ecs.EventType.Name())
	}
	l := types.List()
	var kept []parse.Value
	stripped := false
	for i := range l {
		if !expected(categories, l[i]) {
			if err := v.found(r, Unexpected, ecs.EventType.Name()); err != nil {
				return err
			}
			if v.policy[Unexpected] == Strip {
				if !stripped {
					kept = append(r.Lists().Alloc(len(l))[:0], l[:i]...)
				}
				stripped = true
				continue
			}
		}
		if stripped {
			kept = append(kept, l[i])
		}
	}
	switch {
	case !stripped:
	case len(kept) == 0:
		r.Delete(ecs.EventType)
	default:
		r.Set(ecs.EventType, parse.ListValue(kept))
	}
	return nil
}

func expected(categories, typ parse.Value) bool {
	if categories.Kind() != parse.KindList {
		return ecs.ExpectsType(categories.Str(), typ.Str())
	}
	for _, c := range categories.List() {
		if ecs.ExpectsType(c.Str(), typ.Str()) {
			return true
		}
	}
	return len(categories.List()) == 0
}

// presences checks what is required.
func (v *Records) presences(r *parse.Record) error {
	if v.policy[Missing] == Off {
		return nil
	}
	if err := v.require(r, v.required[""]); err != nil {
		return err
	}
	if dataset := r.Get(ecs.EventDataset).Str(); dataset != "" {
		if err := v.require(r, v.required[dataset]); err != nil {
			return err
		}
	}
	for i := range v.presence {
		if p := &v.presence[i]; has(r, p.when) {
			if err := v.require(r, p.then); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *Records) require(r *parse.Record, fields []field) error {
	for i := range fields {
		if !has(r, fields[i]) {
			if err := v.found(r, Missing, fields[i].name); err != nil {
				return err
			}
		}
	}
	return nil
}

func has(r *parse.Record, f field) bool {
	k := f.key
	if k == ecs.None {
		var ok bool
		if k, ok = r.Lookup(f.name); !ok {
			return false
		}
	}
	v := r.Get(k)
	return !v.IsZero() && v.Kind() != parse.KindNull
}

// found counts a finding by its policy and makes the error of one that is refused.
func (v *Records) found(r *parse.Record, f Finding, name string) error {
	c := &v.counters[f]
	switch v.policy[f] {
	case Strip:
		c.stripped.Add(1)
	case Count:
		c.counted.Add(1)
	case Reject:
		c.rejected.Add(1)
		return &errcat.Error{Category: findings[f].category, Stage: errcat.StageValidate, Parser: r.Pack, Offset: -1, Field: name, Err: findings[f].err}
	}
	return nil
}
