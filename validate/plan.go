package validate

import (
	"math"
	"sync/atomic"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// plan is what is asked of the records of one Layout: their constants were looked at when
// it was made, and the other fields are sorted by what is asked of them.
type plan struct {
	keys   []parse.Key
	texts  []int32   // positions of keywords
	kinds  []planned // asked for the kind only
	counts []planned // integers from 0 to a limit
	others []planned
	useful bool // if not, a constant is wrong and each record is looked at in full
}

type planned struct {
	at    int32
	kinds kindSet                      // of kinds
	most  uint64                       // of counts
	known *atomic.Pointer[parse.Value] // of others: a constant that is right
}

// planOf returns the plan of a Layout, which it makes when it first meets it.
func (v *Records) planOf(l *parse.Layout) *plan {
	if p, ok := l.Attached(v).(*plan); ok {
		return p
	}
	p := &plan{useful: true, keys: l.Keys()}
	for i, k := range l.Keys() {
		if k >= ecs.Count {
			continue
		}
		rule := &v.rules[k]
		if val, ok := l.Fixed(i); ok {
			p.useful = p.useful && v.right(k, &val, rule)
			continue
		}
		f := planned{at: int32(i), kinds: rule.kinds, known: new(atomic.Pointer[parse.Value])}
		switch {
		case rule.check == checkLength:
			p.texts = append(p.texts, f.at)
		case rule.check == checkPort:
			f.most = math.MaxUint16
			p.counts = append(p.counts, f)
		case rule.check == checkSign:
			f.most = math.MaxInt64
			p.counts = append(p.counts, f)
		case rule.check == checkNothing, rule.check == checkTime && v.notBefore == math.MinInt64 && v.notAfter == math.MaxInt64:
			p.kinds = append(p.kinds, f)
		default:
			p.others = append(p.others, f)
		}
	}
	l.Attach(v, p)
	return p
}

// right reports whether there is nothing to say about a value.
func (v *Records) right(k parse.Key, val *parse.Value, rule *rule) bool {
	if rule.kinds.has(val.Kind()) {
		return v.passes(k, val, rule)
	}
	l := val.List()
	return len(l) > 0 && (rule.array || len(l) == 1) && v.passAll(k, l, rule)
}

// pass reports whether a record of the plan's Layout has no fault. Where it does not, the
// record has one or needs a closer look.
func (p *plan) pass(v *Records, values []parse.Value) bool {
	if !p.useful {
		return false
	}
	most := v.maxKeyword
	for _, at := range p.texts {
		if val := &values[at]; val.Kind() != parse.KindString || val.Len() > most {
			if !v.right(p.keys[at], val, &v.rules[p.keys[at]]) {
				return false
			}
		}
	}
	for i := range p.kinds {
		f := &p.kinds[i]
		if val := &values[f.at]; !f.kinds.has(val.Kind()) {
			if !v.right(p.keys[f.at], val, &v.rules[p.keys[f.at]]) {
				return false
			}
		}
	}
	for i := range p.counts {
		f := &p.counts[i]
		if val := &values[f.at]; val.Kind() != parse.KindInt || uint64(val.Int()) > f.most {
			if !v.right(p.keys[f.at], val, &v.rules[p.keys[f.at]]) {
				return false
			}
		}
	}
	for i := range p.others {
		f := &p.others[i]
		val := &values[f.at]
		if known := f.known.Load(); known != nil && *known == *val {
			continue
		}
		if !v.right(p.keys[f.at], val, &v.rules[p.keys[f.at]]) {
			return false
		}
		if val.Flags()&parse.Constant != 0 && f.known.Load() == nil {
			c := *val
			f.known.Store(&c)
		}
	}
	return true
}
