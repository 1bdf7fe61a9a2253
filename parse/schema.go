package parse

import (
	"cmp"
	"fmt"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/normalize/ecs"
)

// Key names a field of a Record: the constants of package ecs, or a vendor field
// numbered by the record's Schema from ecs.Count upward.
type Key = ecs.Key

// MaxVendorFields bounds the vendor fields of one Schema.
const MaxVendorFields = 1<<15 - 1

// Schema is the closed set of field names that records of one parser can have: all
// of ECS and the vendor's own. It is made once, when a parser is compiled, and safe
// for concurrent use. Names from the wire are never added to it; they live in
// records as dynamic fields below a container.
type Schema struct {
	names   []string // vendor names, ordered by path
	keys    map[string]Key
	before  []Key // vendor field i stands before this ECS key in path order
	statics map[Key]map[string]struct{}

	layouts  Layouts
	blocksMu sync.Mutex
	blocks   uint32 // how many are adopted; guarded by blocksMu
}

// MaxFieldName is the longest name, in bytes, that a vendor field can have.
const MaxFieldName = 1024

// NewSchema returns a Schema of ECS and the given vendor field names (dotted paths;
// repeats and names of ECS allowed). It fails for a name that is empty, has an empty path
// segment, is not UTF-8 or is longer than MaxFieldName.
//
// A name may also be the parent of another: it then is the container of dynamic fields.
// An event in which it has a value as well as fields below it can't be written as nested
// objects, and encoders count that.
func NewSchema(vendor ...string) (*Schema, error) {
	s := &Schema{keys: make(map[string]Key, len(vendor)), statics: map[Key]map[string]struct{}{}}
	s.layouts.schema = s
	for _, name := range vendor {
		if _, ok := ecs.Lookup(name); ok {
			continue
		}
		if name == "" || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
			return nil, fmt.Errorf("parse: field name %q has an empty path segment", name)
		}
		if len(name) > MaxFieldName {
			return nil, fmt.Errorf("parse: field name %q… has %d bytes, more than %d", name[:64], len(name), MaxFieldName)
		}
		if !utf8.ValidString(name) {
			return nil, fmt.Errorf("parse: field name %q is not UTF-8", name)
		}
		if _, ok := s.keys[name]; ok {
			continue
		}
		s.keys[name] = 0
		s.names = append(s.names, name)
	}
	if len(s.names) > MaxVendorFields {
		return nil, fmt.Errorf("parse: %d vendor fields, more than %d", len(s.names), MaxVendorFields)
	}
	sort.Slice(s.names, func(i, j int) bool { return ComparePaths(s.names[i], s.names[j]) < 0 })
	s.before = make([]Key, len(s.names))
	for i, name := range s.names {
		s.keys[name] = ecs.Count + Key(i)
		lo := sort.Search(int(ecs.Count)-1, func(n int) bool { return ComparePaths(Key(n+1).Name(), name) > 0 })
		s.before[i] = Key(lo + 1)
	}
	for _, name := range s.names {
		for p := parentPath(name); p != ""; p = parentPath(p) {
			parent, ok := s.Lookup(p)
			if !ok {
				continue
			}
			addStatic(s.statics, parent, name[len(p)+1:])
		}
	}
	return s, nil
}

// addStatic notes that a field of the schema begins below parent with this path.
func addStatic(statics map[Key]map[string]struct{}, parent Key, path string) {
	child, _, _ := strings.Cut(path, ".")
	if statics[parent] == nil {
		statics[parent] = map[string]struct{}{}
	}
	statics[parent][child] = struct{}{}
}

// ecsStatics are the fields of ECS that lie below another field of ECS. It is made at
// first use and read only.
var ecsStatics = sync.OnceValue(func() map[Key]map[string]struct{} {
	statics := map[Key]map[string]struct{}{}
	for k := range ecs.All() {
		name := k.Name()
		for p := parentPath(name); p != ""; p = parentPath(p) {
			if parent, ok := ecs.Lookup(p); ok {
				addStatic(statics, parent, name[len(p)+1:])
			}
		}
	}
	return statics
})

func ecsHasStatic(parent Key, name []byte) bool {
	_, ok := ecsStatics()[parent][string(name)]
	return ok
}

// EmptySchema returns a Schema of ECS alone.
func EmptySchema() *Schema {
	s, err := NewSchema()
	if err != nil {
		panic(err) // no name, no error
	}
	return s
}

// ComparePaths orders dotted names segment by segment, so that all fields of one
// object are neighbours.
func ComparePaths(a, b string) int {
	// A dot is less than any other byte: then the order of bytes is that of segments.
	for i := range min(len(a), len(b)) {
		switch x, y := a[i], b[i]; {
		case x == y:
		case x == '.' || y != '.' && x < y:
			return -1
		default:
			return 1
		}
	}
	return cmp.Compare(len(a), len(b))
}

func parentPath(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return ""
	}
	return name[:i]
}

// Lookup finds a field by its dotted name.
func (s *Schema) Lookup(name string) (Key, bool) {
	if k, ok := ecs.Lookup(name); ok {
		return k, true
	}
	k, ok := s.keys[name]
	return k, ok
}

// Name is the dotted name of k, or "" for a key that is not of this Schema.
func (s *Schema) Name(k Key) string {
	if k < ecs.Count {
		return k.Name()
	}
	if i := int(k - ecs.Count); i < len(s.names) {
		return s.names[i]
	}
	return ""
}

// Len is one more than the largest Key. A nil Schema is ECS alone.
func (s *Schema) Len() int {
	if s == nil {
		return int(ecs.Count)
	}
	return int(ecs.Count) + len(s.names)
}

// hasStatic reports whether a vendor field of the Schema occupies name below parent.
func (s *Schema) hasStatic(parent Key, name []byte) bool {
	_, ok := s.statics[parent][string(name)]
	return ok
}
