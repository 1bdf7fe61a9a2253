package normalize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// MapperOptions describe what a Mapper makes of native fields.
type MapperOptions struct {
	// Dataset is the event.dataset of its events, such as "acme.wall"; what stands before
	// the dot is the event.module. Required.
	Dataset string
	// Fields says which field a native key becomes: {"srcip": "source.ip"}. A field that
	// ECS does not know must lie below Namespace.
	Fields map[string]string
	// Constants are set on every event. event.kind is "event" unless it is given here.
	Constants map[string]string
	// Namespace is where native fields go that have no place in Fields. Default: Dataset.
	Namespace string
	// Drop leaves those out instead.
	Drop bool
}

// Mapper turns the native fields that a format kernel put into a Frame into the
// fields of a Record: a table, for parsers written in Go. Packs say much more, without
// Go; see package parse/pack.
//
// A Mapper is constant and safe for concurrent use.
type Mapper struct {
	schema    *parse.Schema
	names     []string
	slots     []int
	keys      []parse.Key
	kept      []parse.Key // where a value goes that did not fit its field
	constants *parse.Block
	container parse.Key
	drop      bool
}

// NewMapper compiles a table. It fails for a field that ECS does not know and that is
// not below the namespace.
func NewMapper(o MapperOptions) (*Mapper, error) {
	if o.Dataset == "" {
		return nil, fmt.Errorf("normalize: MapperOptions.Dataset is missing")
	}
	if o.Namespace == "" {
		o.Namespace = o.Dataset
	}
	m := &Mapper{drop: o.Drop}
	vendor := []string{o.Namespace}
	check := func(field string) error {
		if _, ok := ecs.Lookup(field); ok {
			return nil
		}
		if !strings.HasPrefix(field, o.Namespace+".") {
			return fmt.Errorf("normalize: %q is no field of ECS and does not begin with %s. (near: %s)", field, o.Namespace, strings.Join(ecs.Nearest(field, 3), ", "))
		}
		vendor = append(vendor, field)
		return nil
	}
	constants := map[string]string{"event.kind": "event", "event.dataset": o.Dataset, "ecs.version": ecs.Version}
	constants["event.module"], _, _ = strings.Cut(o.Dataset, ".")
	for field, text := range o.Constants {
		constants[field] = text
	}
	for field := range constants {
		if err := check(field); err != nil {
			return nil, err
		}
	}
	for native, field := range o.Fields {
		if err := check(field); err != nil {
			return nil, err
		}
		m.names = append(m.names, native)
	}
	slices.Sort(m.names)
	for i, native := range m.names {
		m.slots = append(m.slots, i)
		vendor = append(vendor, o.Namespace+"."+strings.ReplaceAll(native, ".", "_"))
	}
	schema, err := parse.NewSchema(vendor...)
	if err != nil {
		return nil, err
	}
	m.schema = schema
	m.container, _ = schema.Lookup(o.Namespace)
	for _, native := range m.names {
		k, _ := schema.Lookup(o.Fields[native])
		kept, _ := schema.Lookup(o.Namespace + "." + strings.ReplaceAll(native, ".", "_"))
		m.keys, m.kept = append(m.keys, k), append(m.kept, kept)
	}
	if m.constants, err = constantBlock(schema, constants); err != nil {
		return nil, err
	}
	schema.Adopt(m.constants)
	return m, nil
}

func constantBlock(schema *parse.Schema, constants map[string]string) (*parse.Block, error) {
	var fields []string
	for f := range constants {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	keys, values := make([]parse.Key, len(fields)), make([]parse.Value, len(fields))
	var r parse.Record // its arena holds what Coerce makes
	for i, f := range fields {
		k, _ := schema.Lookup(f)
		v, ok := Coerce(&r, k, parse.StringValue(constants[f]), nil)
		if !ok {
			return nil, fmt.Errorf("normalize: %q does not fit %s, which is of type %s", constants[f], f, k.Type())
		}
		keys[i], values[i] = k, v
	}
	return parse.NewBlock(keys, values), nil
}

// Keys returns the lookup of the native keys, for the reader of a format kernel. Each
// worker uses a Keys of its own.
func (m *Mapper) Keys() *parse.Keys {
	k, err := parse.NewKeys(m.names, m.slots)
	if err != nil {
		panic(err) // the names are the keys of a map
	}
	return k
}

// Begin prepares f and r for the next event.
func (m *Mapper) Begin(f *parse.Frame, r *parse.Record) {
	r.Use(m.schema)
	f.KeepRest = !m.drop
	f.Reset(len(m.names), r.Text())
}

// Map sets r's fields from what a kernel put into f since Begin. What does not have its
// field's type is counted in r.Mismatched and kept below the namespace, like what has no
// field. A time without a zone is read by c, which may be nil.
func (m *Mapper) Map(f *parse.Frame, r *parse.Record, c *TimeContext) {
	r.SetBlock(m.constants)
	for i, k := range m.keys {
		v := f.Slots[i]
		if v.IsZero() || v.Kind() == parse.KindNull || (v.Kind() == parse.KindString && len(v.Bytes()) == 0) {
			continue
		}
		w, ok := Coerce(r, k, v, c)
		if ok {
			r.Set(k, w)
			continue
		}
		r.Mismatched++
		if !m.drop {
			r.Set(m.kept[i], v)
		}
	}
	for _, p := range f.Rest {
		r.AddDynamic(m.container, p.Key, p.Value)
	}
	r.Settle()
}
