package validate

import (
	"math"
	"net/netip"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// check is what a value of the right kind is still asked.
type check uint8

const (
	checkNothing check = iota
	checkLength        // a keyword's bytes
	checkPort          // 0 to 65535
	checkSign          // not negative
	checkInteger       // 32 bits
	checkFloat         // finite
	checkTime          // @timestamp
	checkAllowed       // a value that ECS names
)

// rule is what is asked of one field.
type rule struct {
	kinds   kindSet // those that are right
	check   check
	array   bool
	objects bool // lists are values like others
}

// kindSet has bit n set for parse.Kind n.
type kindSet uint16

func (s kindSet) has(k parse.Kind) bool { return s>>(k&15)&1 != 0 }

// kindsOf makes the set of kinds. Null is right everywhere: it is no value.
func kindsOf(kinds ...parse.Kind) kindSet {
	set := kindSet(1) << parse.KindNull
	for _, k := range kinds {
		set |= 1 << k
	}
	return set
}

// rules is made at first use and read only.
var rules = sync.OnceValue(func() *[ecs.Count]rule {
	t := new([ecs.Count]rule)
	for k := range ecs.All() {
		t[k] = ruleOf(k)
	}
	return t
})

func ruleOf(k ecs.Key) rule {
	t, name := k.Type(), k.Name()
	r := rule{array: k.Array()}
	switch {
	case t == ecs.TypeIP:
		r.kinds = kindsOf(parse.KindIP)
	case t == ecs.TypeDate:
		r.kinds = kindsOf(parse.KindTime)
		if k == ecs.Timestamp {
			r.check = checkTime
		}
	case t == ecs.TypeBoolean:
		r.kinds = kindsOf(parse.KindBool)
	case t.IsInteger():
		r.kinds = kindsOf(parse.KindInt)
		switch {
		case strings.HasSuffix(name, ".port"):
			r.check = checkPort
		case strings.HasSuffix(name, ".bytes"), strings.HasSuffix(name, ".packets"), strings.HasSuffix(name, ".size"), k == ecs.EventDuration:
			r.check = checkSign
		case t == ecs.TypeInteger:
			r.check = checkInteger
		}
	case t.IsFloat():
		r.kinds, r.check = kindsOf(parse.KindInt, parse.KindFloat), checkFloat
	case t.IsString():
		r.kinds = kindsOf(parse.KindString)
		switch {
		case k.Allowed() != nil:
			r.check = checkAllowed
		case (t == ecs.TypeKeyword || t == ecs.TypeConstantKeyword) && k != ecs.EventOriginal:
			r.check = checkLength
		}
	case t.IsObject():
		r.kinds, r.objects = kindsOf(parse.KindObject, parse.KindArray, parse.KindList), true
	default: // a geo point has many forms
		r.kinds, r.objects = ^kindSet(0), true
	}
	return r
}

// fault says what is wrong with one value that is no list. A finding that is Off is none.
func (v *Records) fault(k parse.Key, val parse.Value, rule *rule) (Finding, bool) {
	f, bad := v.look(k, val, rule)
	return f, bad && v.policy[f] != Off
}

func (v *Records) look(k parse.Key, val parse.Value, rule *rule) (Finding, bool) {
	kind := val.Kind()
	if kind == parse.KindNull {
		return 0, false
	}
	if !rule.kinds.has(kind) {
		return Type, !readsAs(k.Type(), val)
	}
	switch rule.check {
	case checkLength:
		return Long, len(val.Str()) > v.maxKeyword
	case checkPort:
		return Range, uint64(val.Int()) > 65535
	case checkSign:
		return Range, val.Int() < 0
	case checkInteger:
		return Range, val.Int() != int64(int32(val.Int()))
	case checkFloat:
		return Range, kind == parse.KindFloat && math.IsInf(val.Float(), 0)
	case checkTime:
		return Range, val.Int() < v.notBefore || val.Int() > v.notAfter
	case checkAllowed:
		return NotAllowed, !k.Allows(val.Str())
	}
	return 0, false
}

// readsAs reports whether a text is what the encoder would have written for the type: a
// host that fills records by hand may have put an address or a time as text.
func readsAs(t ecs.Type, val parse.Value) bool {
	if val.Kind() != parse.KindString {
		return false
	}
	switch t {
	case ecs.TypeIP:
		if _, ok := scan.ParseIPv4(val.Bytes()); ok {
			return true
		}
		if len(val.Bytes()) > 45 {
			return false
		}
		a, err := netip.ParseAddr(val.Str())
		return err == nil && a.Zone() == ""
	case ecs.TypeDate:
		_, err := isoLayout().Parse(val.Bytes(), &timeparse.Context{})
		return err == nil
	}
	return false
}

// isoLayout is made at first use.
var isoLayout = sync.OnceValue(func() *timeparse.Layout {
	l, err := timeparse.Compile("iso8601")
	if err != nil {
		panic(err) // the name is a constant
	}
	return l
})
