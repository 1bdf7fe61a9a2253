package validate

import (
	"math"
	"sync/atomic"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// plan is what is asked of the records of one Layout: their constants were looked at when
// it was made, and of the other fields those count that have a rule.
type plan struct {
	fields []planned
	useful bool // if not, a constant is wrong and each record is looked at in full
}

type planned struct {
	at    int32
	key   parse.Key
	kinds uint16
	check check
	array bool
	most  uint64                       // the longest text, the greatest number
	known *atomic.Pointer[parse.Value] // a constant that ECS allows
}

// planOf returns the plan of a Layout, which it makes when it first meets it.
func (v *Records) planOf(l *parse.Layout) *plan {
	if p, ok := l.Attached(v).(*plan); ok {
		return p
	}
	p := &plan{useful: true}
	for i, k := range l.Keys() {
		if k >= ecs.Count {
			continue
		}
		rule := &v.rules[k]
		if val, ok := l.Fixed(i); ok {
			p.useful = p.useful && v.right(k, &val, rule)
			continue
		}
		f := planned{at: int32(i), key: k, kinds: rule.kinds, check: rule.check, array: rule.array, most: math.MaxUint64}
		switch {
		case rule.check == checkLength:
			f.most = uint64(v.maxKeyword)
		case rule.check == checkPort:
			f.most = math.MaxUint16
		case rule.check == checkSign:
			f.most = math.MaxInt64
		case rule.check == checkAllowed:
			f.known = new(atomic.Pointer[parse.Value])
		case rule.check == checkTime && v.notBefore == math.MinInt64 && v.notAfter == math.MaxInt64:
			f.check = checkNothing
		}
		p.fields = append(p.fields, f)
	}
	l.Attach(v, p)
	return p
}

// right reports whether there is nothing to say about a value.
func (v *Records) right(k parse.Key, val *parse.Value, rule *rule) bool {
	if rule.kinds&(1<<val.Kind()) != 0 {
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
	for i := range p.fields {
		f := &p.fields[i]
		val := &values[f.at]
		if f.kinds&(1<<val.Kind()) == 0 {
			if l := val.List(); len(l) == 0 || !f.array && len(l) > 1 || !v.passAll(f.key, l, &v.rules[f.key]) {
				return false
			}
			continue
		}
		switch f.check {
		case checkNothing:
		case checkLength:
			if uint64(val.Len()) > f.most {
				return false
			}
		case checkPort, checkSign:
			if uint64(val.Int()) > f.most {
				return false
			}
		case checkAllowed:
			if known := f.known.Load(); known != nil && *known == *val {
				continue
			}
			if !f.key.Allows(val.Str()) {
				return false
			}
			if val.Flags()&parse.Constant != 0 {
				c := *val
				if f.known.Load() == nil {
					f.known.Store(&c)
				}
			}
		default:
			if !v.passes(f.key, val, &v.rules[f.key]) {
				return false
			}
		}
	}
	return true
}
