package netflow

import (
	"bytes"
	"encoding/binary"

	"github.com/penstock-dev/penstock/errcat"
)

// variable is the length of a field of IPFIX whose length stands in front of each value.
const variable = 0xffff

// Field is one field of a template.
type Field struct {
	ID         uint16
	Length     uint16 // 65535: each value has a length of its own (IPFIX only)
	Enterprise uint32 // 0 is the registry of IANA
	Scope      bool   // it says what an options record is about
	// Element is the known meaning of the field, or nil. It is nil for scopes of NetFlow
	// v9, which have numbers of their own.
	Element *Element
}

// ReverseEnterprise is the enterprise number under which the elements of the registry mean
// the other direction of a biflow (RFC 5103).
const ReverseEnterprise = 29305

// Template is the layout of records. It is constant.
type Template struct {
	ID      uint16
	Options bool // its records are about the exporter, not flows
	Fields  []Field

	def      []byte // as it came, to tell whether another one is new
	size     int    // least bytes of a record
	variable bool   // records may be longer
	initAt   int    // where systemInitTimeMilliseconds of an options record stands, or -1
}

var be = binary.BigEndian

// readTemplate reads one template record from b, which begins with its ID, and returns it
// with its length. fields is nil for a withdrawal.
func readTemplate(b []byte, version uint16, options bool, maxFields int) (t *Template, n int, err error) {
	if len(b) < 4 {
		return nil, 0, fail(errcat.Truncated, "the set ends within a template")
	}
	t = &Template{ID: be.Uint16(b), Options: options, initAt: -1}
	count, scopes := int(be.Uint16(b[2:])), 0
	n = 4
	switch {
	case options && version == 9:
		if len(b) < 6 {
			return nil, 0, fail(errcat.Truncated, "the set ends within a template")
		}
		scope, option := int(be.Uint16(b[2:])), int(be.Uint16(b[4:]))
		if scope%4 != 0 || option%4 != 0 {
			return nil, 0, fail(errcat.SchemaViolation, "the lengths of an options template are no multiples of 4")
		}
		scopes, count, n = scope/4, (scope+option)/4, 6
	case count == 0 && version == 10:
		return t, n, nil // a withdrawal
	case options:
		if len(b) < 6 {
			return nil, 0, fail(errcat.Truncated, "the set ends within a template")
		}
		scopes, n = int(be.Uint16(b[4:])), 6
		if scopes == 0 || scopes > count {
			return nil, 0, fail(errcat.SchemaViolation, "the number of scope fields of an options template is 0 or larger than that of all")
		}
	}
	switch {
	case t.ID < 256:
		return nil, 0, fail(errcat.SchemaViolation, "a template has an ID below 256")
	case count == 0:
		return nil, 0, fail(errcat.SchemaViolation, "a template without fields")
	case count > maxFields:
		return nil, 0, fail(errcat.Oversize, "a template has more fields than MaxFields")
	case len(b)-n < 4*count:
		return nil, 0, fail(errcat.Truncated, "the set ends within a template")
	}
	t.Fields = make([]Field, count)
	for i := range t.Fields {
		if len(b)-n < 4 {
			return nil, 0, fail(errcat.Truncated, "the set ends within a template")
		}
		f := &t.Fields[i]
		f.ID, f.Length, f.Scope = be.Uint16(b[n:]), be.Uint16(b[n+2:]), i < scopes
		n += 4
		if version == 10 && f.ID&0x8000 != 0 {
			if len(b)-n < 4 {
				return nil, 0, fail(errcat.Truncated, "the set ends within a template")
			}
			f.ID, f.Enterprise = f.ID&0x7fff, be.Uint32(b[n:])
			n += 4
		}
		if options && f.ID == 160 && f.Enterprise == 0 && f.Length == 8 && !t.variable {
			t.initAt = t.size
		}
		if f.Length == variable {
			if version != 10 {
				return nil, 0, fail(errcat.SchemaViolation, "a field of 65535 bytes, which no datagram can hold")
			}
			t.variable = true
			t.size++
		} else {
			t.size += int(f.Length)
		}
		f.Element = element(f, version)
	}
	if t.size == 0 {
		return nil, 0, fail(errcat.SchemaViolation, "a template whose records have no bytes")
	}
	t.def = bytes.Clone(b[:n])
	return t, n, nil
}

func element(f *Field, version uint16) *Element {
	switch {
	case f.Enterprise == ReverseEnterprise:
		return Lookup(f.ID)
	case f.Enterprise != 0 || f.Scope && version == 9:
		return nil
	}
	if e := Lookup(f.ID); e != nil || version != 9 {
		return e
	}
	return LookupCisco(f.ID)
}

// read takes the values of one record from b into dst and returns its length, or 0 where
// b does not hold a whole one.
func (t *Template) read(b []byte, dst [][]byte) int {
	if len(b) < t.size {
		return 0
	}
	n := 0
	for i := range t.Fields {
		size := int(t.Fields[i].Length)
		if size == variable {
			if n >= len(b) {
				return 0
			}
			size = int(b[n])
			n++
			if size == 255 {
				if len(b)-n < 2 {
					return 0
				}
				size = int(be.Uint16(b[n:]))
				n += 2
			}
		}
		if size > len(b)-n {
			return 0
		}
		dst[i] = b[n : n+size : n+size]
		n += size
	}
	return n
}

// records is the number of whole records in the content of a data set.
func (t *Template) records(b []byte) (count int) {
	if !t.variable {
		return len(b) / t.size
	}
	for len(b) >= t.size {
		n := 0
		for i := range t.Fields {
			size := int(t.Fields[i].Length)
			if size == variable {
				if n >= len(b) {
					return count
				}
				size = int(b[n])
				n++
				if size == 255 {
					if len(b)-n < 2 {
						return count
					}
					size = int(be.Uint16(b[n:]))
					n += 2
				}
			}
			if n += size; n > len(b) {
				return count
			}
		}
		count++
		b = b[n:]
	}
	return count
}

// table is a constant set of templates. A change makes a new one that refers to the one
// before, so that each of many messages that change one template costs little.
type table struct {
	all     map[uint16]*Template // what this one begins with
	changes []change             // newer ones later
	fields  int                  // of all its templates
	count   int
}

type change struct {
	id       uint16
	template *Template // nil where it was withdrawn
}

// maxChanges is how many changes a table has before it is made anew.
const maxChanges = 16

func (t *table) get(id uint16) *Template {
	if t == nil {
		return nil
	}
	for i := len(t.changes) - 1; i >= 0; i-- {
		if t.changes[i].id == id {
			return t.changes[i].template
		}
	}
	return t.all[id]
}

// with returns a table with the changes, made by one message.
func (t *table) with(changes []change) *table {
	n := &table{}
	if t != nil {
		*n = *t
	}
	for _, c := range changes {
		if old := n.get(c.id); old != nil {
			n.fields -= len(old.Fields)
			n.count--
		}
		if c.template != nil {
			n.fields += len(c.template.Fields)
			n.count++
		}
		n.changes = append(n.changes[:len(n.changes):len(n.changes)], c)
		if len(n.changes) > maxChanges {
			all := make(map[uint16]*Template, n.count)
			for id, t := range n.all {
				all[id] = t
			}
			for _, c := range n.changes {
				if c.template == nil {
					delete(all, c.id)
				} else {
					all[c.id] = c.template
				}
			}
			n.all, n.changes = all, nil
		}
	}
	return n
}

// ids yields the IDs of all templates of one kind.
func (t *table) ids(options bool) (ids []uint16) {
	if t == nil {
		return nil
	}
	seen := map[uint16]bool{}
	for id := range t.all {
		seen[id] = true
	}
	for _, c := range t.changes {
		seen[c.id] = true
	}
	for id := range seen {
		if tm := t.get(id); tm != nil && tm.Options == options {
			ids = append(ids, id)
		}
	}
	return ids
}
