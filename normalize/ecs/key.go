package ecs

import (
	"iter"
	"strconv"
)

//go:generate go run ./internal/gen

// Key is one field of the ECS field table. The zero Key, [None], is no field.
//
// Keys are ordered as their dotted paths are, compared segment by segment, so
// all fields below one object are contiguous and follow that object: writing
// fields in key order opens every object exactly once. The number behind a
// name changes from one ECS version to the next: store and exchange names,
// never numbers.
type Key uint16

// Valid reports whether k is a field: neither [None] nor out of the table.
func (k Key) Valid() bool { return k-1 < Count-1 }

// Name returns the dotted path of the field, such as "source.ip". It is empty
// for [None] and for a number outside of the table. The string is constant
// data: it stays valid for ever and may be kept.
func (k Key) Name() string {
	if k >= Count {
		return ""
	}
	return nameText[nameEnd[k]:nameEnd[k+1]]
}

// String returns the name of the field, "none" for [None], and the number for
// a value that is no key.
func (k Key) String() string {
	switch {
	case k == None:
		return "none"
	case k >= Count:
		return "ecs.Key(" + strconv.Itoa(int(k)) + ")"
	}
	return k.Name()
}

// The bits of one entry of the meta table.
const (
	metaType  = 0x1f
	metaArray = 0x20
	metaCore  = 0x40
	metaSet   = 0x80 // the field has a list of allowed or expected values
)

func (k Key) meta() uint8 {
	if k >= Count {
		return 0
	}
	return meta[k]
}

// Type returns the field's type, [TypeNone] for [None] and for a number
// outside of the table.
func (k Key) Type() Type { return Type(k.meta() & metaType) }

// Array reports whether ECS says that the field holds a list of values.
func (k Key) Array() bool { return k.meta()&metaArray != 0 }

// Level returns [LevelCore] or [LevelExtended], and [LevelNone] for what is no
// field.
func (k Key) Level() Level {
	switch {
	case !k.Valid():
		return LevelNone
	case k.meta()&metaCore != 0:
		return LevelCore
	}
	return LevelExtended
}

// Allowed returns the values that ECS allows in the field, nil where any value
// is allowed. For an array field each element must be one of them. The slice
// is shared by all callers: it is read only.
func (k Key) Allowed() []string {
	if set := k.set(); set.closed {
		return set.values
	}
	return nil
}

// Allows reports whether the field may hold the value (as one element, where
// the field is an array): true where ECS names no allowed values. It compares
// exact bytes and does not allocate.
func (k Key) Allows(value string) bool {
	if k.meta()&metaSet == 0 {
		return true
	}
	set := k.set()
	return !set.closed || set.has(value)
}

// Expected returns the values that ECS expects in the field, nil where it
// expects none in particular. Unlike [Key.Allowed], it is advice: another
// value is unusual, not wrong. The slice is shared by all callers: it is read
// only.
func (k Key) Expected() []string {
	if set := k.set(); !set.closed {
		return set.values
	}
	return nil
}

// Expects reports whether the value is one that ECS expects or allows in the
// field: true where ECS names no values. It does not allocate.
func (k Key) Expects(value string) bool {
	if k.meta()&metaSet == 0 {
		return true
	}
	return k.set().has(value)
}

// valueSet is the list of values of one or several fields.
type valueSet struct {
	closed bool // allowed, not only expected
	values []string
	has    func(string) bool
}

var noValues valueSet

func (k Key) set() *valueSet {
	if k.meta()&metaSet == 0 {
		return &noValues
	}
	return &valueSets[setOf(k)]
}

// ExpectedTypes returns the values of event.type that ECS expects beside one
// value of event.category, nil for an unknown category. The slice is shared by
// all callers: it is read only.
func ExpectedTypes(category string) []string {
	return expectedTypes(category)
}

// ExpectsType reports whether ECS expects the pair of one event.category and
// one event.type. It is false for an unknown category.
func ExpectsType(category, typ string) bool {
	for _, t := range expectedTypes(category) {
		if t == typ {
			return true
		}
	}
	return false
}

// All returns every field in key order, without [None].
func All() iter.Seq[Key] {
	return func(yield func(Key) bool) {
		for k := None + 1; k < Count; k++ {
			if !yield(k) {
				return
			}
		}
	}
}
