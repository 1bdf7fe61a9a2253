package pack

import (
	"math"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

type assignMode uint8

const (
	modeSet assignMode = iota
	modeAppend
	modeIfAbsent
)

type onError uint8

const (
	onErrorDrop onError = iota // leave the field out and count
	onErrorTag                 // and say so in error.*
	onErrorFail                // refuse the event
)

// assign is one field that a step sets.
type assign struct {
	key     fieldKey
	temp    int // slot of a temporary, or -1
	mode    assignMode
	onError onError
	when    condFunc
	eval    evalFunc
	slot    int         // ≥ 0: nothing but this slot's value
	needs   int         // ≥ 0: the slot without whose value there is none
	kept    bool        // the slot's value stays among the vendor's fields as well
	plain   bool        // no condition, no mode: copySlot may do it
	takes   parse.Kind  // values of this kind fit the field as they are,
	most    uint64      // integers up to this one, if it is not 0
	closed  bool        // ECS allows certain values only
	value   parse.Value // of a constant
	ready   bool        // value fits the field as it is
	vendor  bool        // a field of the vendor that the pack itself does not read
	line    int         // a place, see compiler.place
	reads   *reads      // of an expression, for Explain
	all     *reads      // of the expression and the condition
	name    string
}

// op is an assign as assignAll reads it: what decides for most fields of most messages.
type op struct {
	slot   int32 // ≥ 0: the slot without whose value there is none
	key    parse.Key
	takes  parse.Kind // of a plain copy: values of this kind need nothing done
	vendor bool       // of a plain copy: no field of ECS
	most   uint64     // integers up to this one, if it is not 0
	assign *assign
}

// newOps turns assigns whose keys are known into ops. ecsOnly are those that are left where
// vendor fields are not wanted.
func newOps(assigns []assign) (ops, ecsOnly []op) {
	ops = make([]op, len(assigns))
	for i := range assigns {
		a := &assigns[i]
		o := op{slot: int32(a.needs), assign: a}
		if a.plain && a.needs >= 0 {
			o.key, o.takes, o.most, o.vendor = *a.key.ref, a.takes, a.most, a.vendor
		}
		ops[i] = o
		if !a.vendor {
			ecsOnly = append(ecsOnly, o)
		}
	}
	if len(ecsOnly) == len(ops) {
		ecsOnly = ops
	}
	return ops, ecsOnly
}

// assignAll stores fields; it reports false where the event is refused.
func (s *state) assignAll(ops []op) bool {
	slots := s.frame.Slots
	for i := range ops {
		o := &ops[i]
		if o.slot < 0 {
			if s.assign(o.assign); s.fail != nil {
				return false
			}
			continue
		}
		v := &slots[o.slot]
		k := v.Kind()
		if k <= parse.KindNull {
			continue // what most fields of most messages are
		}
		switch {
		case o.vendor && !s.wide:
		case k == o.takes:
			if k == parse.KindString && s.pack.nullText(v.Bytes()) {
				continue
			}
			if o.most != 0 && uint64(v.Int()) > o.most {
				s.copySlot(o.assign)
				continue
			}
			s.rec.SetFrom(o.key, v)
			if s.keep && !o.assign.kept {
				s.consume(int(o.slot))
			}
		case o.assign.plain:
			if k == parse.KindString && s.readSlot(o, v.Bytes()) {
				if s.keep && !o.assign.kept {
					s.consume(int(o.slot))
				}
				continue
			}
			s.copySlot(o.assign)
		default:
			if s.assign(o.assign); s.fail != nil {
				return false
			}
		}
	}
	return true
}

// readSlot stores the number or address that text is if that needs nothing of what
// Coerce knows besides. It reports whether it did.
func (s *state) readSlot(o *op, text []byte) bool {
	var w parse.Value
	if !s.readText(&w, o.takes, o.most, text) {
		return false
	}
	s.rec.SetFrom(o.key, &w)
	return true
}

// readText is readSlot that stores in a place.
func (s *state) readText(to *parse.Value, takes parse.Kind, most uint64, text []byte) bool {
	switch takes {
	case parse.KindInt:
		n, ok := scan.ParseUint(text)
		if !ok || text[0] == '0' && len(text) > 1 || n > math.MaxInt64 || most != 0 && n > most || s.pack.nullText(text) {
			return false
		}
		*to = parse.IntText(int64(n), text)
	case parse.KindIP:
		n, ok := scan.ParseIPv4(text)
		if !ok || s.pack.nullText(text) {
			return false
		}
		*to = parse.IPv4Value(n, text)
	default:
		return false
	}
	return true
}

// copySlot stores the value of a slot that is there in a field, in any way that Coerce finds.
func (s *state) copySlot(a *assign) {
	key := *a.key.ref
	if a.vendor && !s.wide {
		return
	}
	v := &s.frame.Slots[a.slot]
	if v.Kind() == parse.KindString && s.pack.nullText(v.Bytes()) {
		return
	}
	s.ntouched = 0
	if !a.kept {
		s.touch(a.slot)
	}
	if key >= ecs.Count && s.pack.asText[a.slot] {
		s.store(a, untyped(*v))
		return
	}
	s.store(a, *v)
}

// assign evaluates and stores one field.
func (s *state) assign(a *assign) {
	if a.when != nil {
		is := a.when(s)
		s.ntouched = 0
		if !is {
			return
		}
	}
	if a.mode == modeIfAbsent && a.temp < 0 && s.rec.Has(*a.key.ref) {
		return
	}
	if a.vendor && !s.wide {
		return // it would not be written
	}
	s.failed = false
	s.ntouched = 0
	v := a.eval(s)
	if !present(v) {
		if s.failed {
			s.mismatch(a, v)
		}
		return
	}
	s.store(a, v)
}

// store puts v into the field of a, or into its temporary.
func (s *state) store(a *assign, v parse.Value) {
	if a.temp >= 0 {
		if a.mode != modeIfAbsent || !present(s.frame.Slots[a.temp]) {
			s.frame.Set(a.temp, v)
		}
		s.markConsumed()
		return
	}
	key := *a.key.ref
	if v.Kind() == a.takes && a.mode == modeSet && (a.most == 0 || uint64(v.Int()) <= a.most) {
		s.rec.SetFrom(key, &v)
		s.markConsumed()
		return
	}
	if v.Kind() == parse.KindArray && key < ecs.Count && key.Array() && key.Type() != ecs.TypeObject && key.Type() != ecs.TypeNested {
		// What JSON writes as an array is the list that the field takes.
		var ok bool
		if v, ok = s.arrayList(v.Bytes()); !ok || !present(v) {
			s.ntouched = 0
			return
		}
	}
	w, ok := normalize.Coerce(s.rec, key, v, &s.time)
	if !ok || a.closed && !allowed(key, w) {
		s.mismatch(a, v)
		return
	}
	if !present(w) {
		return
	}
	switch a.mode {
	case modeAppend:
		s.rec.Append(key, w)
	case modeIfAbsent:
		if !s.rec.Has(key) {
			s.rec.Set(key, w)
		}
	default:
		if key == ecs.Timestamp {
			s.setTimestamp(w)
		} else {
			s.rec.Set(key, w)
		}
	}
	s.markConsumed()
}

// allowed reports whether ECS allows the value, or each element of a list, in the field.
func allowed(k parse.Key, v parse.Value) bool {
	if v.Kind() == parse.KindList {
		for _, e := range v.List() {
			if !k.Allows(e.Str()) {
				return false
			}
		}
		return true
	}
	return k.Allows(v.Str())
}

func (s *state) markConsumed() {
	if s.keep {
		for _, i := range s.touched[:s.ntouched] {
			s.consume(int(i))
		}
	}
	s.ntouched = 0
}

// setTimestamp stores the event's time and says which zone was assumed where the text
// carried none.
func (s *state) setTimestamp(v parse.Value) {
	s.rec.Set(ecs.Timestamp, v)
	if v.Flags()&parse.Zoned != 0 {
		return
	}
	s.rec.SetConst(ecs.EventTimezone, s.zoneName(v.Int()))
}

func (s *state) mismatch(a *assign, v parse.Value) {
	s.ntouched = 0
	s.rec.Mismatched++
	switch a.onError {
	case onErrorTag:
		s.rec.SetConst(ecs.ErrorCode, errcat.TypeMismatch.String())
		s.rec.SetString(ecs.ErrorMessage, a.name+" does not fit")
	case onErrorFail:
		s.fail = &errcat.Error{Category: errcat.TypeMismatch, Stage: errcat.StageNormalize, Field: a.name, Err: errcat.TypeMismatch}
	}
}
