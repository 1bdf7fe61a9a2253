package parse_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

var vendorNames = []string{
	"acme", "acme.wall", "acme.wall.zone", "acme.wall.zone.in", "acme.wall.zone-x", "zz.last", "@first", "source.acme",
	"source.ip.acme", "labels.acme", "acme.wall.zone_",
}

func testSchema(t testing.TB) *parse.Schema {
	t.Helper()
	s, err := parse.NewSchema(vendorNames...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// model is a record made of plain Go values.
type model struct {
	fields  map[parse.Key]parse.Value
	dynamic []string // container, name and value
	names   map[string]bool
}

func (m *model) check(t *testing.T, r *parse.Record) {
	t.Helper()
	if got := r.Len(); got != len(m.fields)+len(m.dynamic) {
		t.Fatalf("Len is %d, want %d fields and %d dynamic ones", got, len(m.fields), len(m.dynamic))
	}
	for k, want := range m.fields {
		if got := r.Get(k); !got.Equal(want) || !r.Has(k) {
			t.Fatalf("%s is %v %q, want %v %q", r.Name(k), got.Kind(), got, want.Kind(), want)
		}
	}
	var slots []parse.Key
	for i := range r.Slots() {
		if k, v, ok := r.At(i); ok {
			if !v.Equal(m.fields[k]) {
				t.Fatalf("At(%d) gives %s = %q, want %q", i, r.Name(k), v, m.fields[k])
			}
			slots = append(slots, k)
		}
	}
	keys := r.Keys(nil)
	if len(keys) != len(m.fields) || len(slots) != len(m.fields) {
		t.Fatalf("Keys has %d keys, At %d, want %d", len(keys), len(slots), len(m.fields))
	}
	for i := 1; i < len(keys); i++ {
		if a, b := r.Name(keys[i-1]), r.Name(keys[i]); parse.ComparePaths(a, b) >= 0 {
			t.Fatalf("Keys has %s before %s", a, b)
		}
	}
	i := 0
	for k, v := range r.All() {
		if k != keys[i] || !v.Equal(m.fields[k]) {
			t.Fatalf("All gives %s = %q at %d, want %s", r.Name(k), v, i, r.Name(keys[i]))
		}
		i++
	}
	if i != len(keys) {
		t.Fatalf("All gives %d fields, want %d", i, len(keys))
	}
	for i, d := range r.Dynamics() {
		if got := fmt.Sprint(d.Container, string(d.Name), d.Value); got != m.dynamic[i] {
			t.Fatalf("dynamic %d is %q, want %q", i, got, m.dynamic[i])
		}
		if len(d.Name) == 0 || bytes.IndexByte(d.Name, '.') >= 0 || !utf8.Valid(d.Name) {
			t.Fatalf("dynamic name %q is not one path segment", d.Name)
		}
	}
}

func (m *model) append(k parse.Key, v parse.Value) {
	switch v.Kind() {
	case parse.KindNone, parse.KindNull:
		return
	case parse.KindList:
		for _, e := range v.List() {
			m.append(k, e)
		}
		return
	}
	old, ok := m.fields[k]
	var l []parse.Value
	switch {
	case !ok:
	case old.Kind() == parse.KindList:
		l = slices.Clone(old.List())
	default:
		l = []parse.Value{old}
	}
	if slices.ContainsFunc(l, v.Equal) {
		return
	}
	m.fields[k] = parse.ListValue(append(l, v))
}

// FuzzRecord runs the same random operations on a Record and on a plain map.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"), false)
	f.Add(bytes.Repeat([]byte{3, 7, 1, 3, 7, 2, 3, 7, 3, 5, 8, 7, 3, 8, 9}, 40), true)
	f.Add(bytes.Repeat([]byte{4, 1, 2, 4, 2, 3, 4, 1, 200, 2, 7, 0}, 100), true)
	many := []byte{}
	for i := range 250 {
		many = append(many, 3, 0, byte(i), 4, byte(i), byte(i), 3, 12, byte(i))
	}
	f.Add(many, true)
	schema := testSchema(f)
	keys := []parse.Key{ecs.RelatedIP, ecs.SourceIP, ecs.Timestamp, ecs.EventKind, ecs.Labels, ecs.None, parse.Key(schema.Len()), 65535,
		ecs.Count - 1, ecs.Count, ecs.Count + 3, ecs.Count + 5, ecs.Message, ecs.DNSAnswers}
	names := []string{"", "a", "a.b", "a_b", "zone", "zone_", "in", "x\xff", "x\xfe", "name", "é", "acme", "env"}
	var reused parse.Record
	f.Fuzz(func(t *testing.T, ops []byte, vendor bool) {
		r := &reused
		if vendor {
			r.Use(schema)
		} else {
			r.Use(nil)
		}
		limit := schema.Len()
		if !vendor {
			limit = int(ecs.Count)
		}
		m := &model{fields: map[parse.Key]parse.Value{}, names: map[string]bool{}}
		value := func(b byte) parse.Value {
			switch b % 11 {
			case 0:
				return parse.Value{}
			case 1:
				return parse.NullValue()
			case 2:
				return parse.IntValue(int64(b))
			case 3:
				return parse.BoolValue(b > 100)
			case 4:
				return parse.TimeValue(int64(b))
			case 5:
				return parse.FloatValue(float64(b) / 2)
			case 6:
				return parse.IPv4Value(uint32(b), fmt.Appendf(nil, "0.0.0.%d", b))
			case 7:
				return parse.ListValue([]parse.Value{parse.IntValue(int64(b)), parse.StringValue("x"), parse.IntValue(int64(b))})
			}
			return parse.StringValue(fmt.Sprint("text ", b))
		}
		for n := 0; len(ops) >= 3 && n < 5000; n++ {
			k, v := keys[int(ops[1])%len(keys)], value(ops[2])
			valid := k != ecs.None && int(k) < limit
			switch ops[0] % 8 {
			case 0, 1:
				r.Set(k, v)
				if valid && v.Kind() != parse.KindNone {
					m.fields[k] = v
				} else {
					delete(m.fields, k)
				}
			case 2:
				r.Delete(k)
				delete(m.fields, k)
			case 3:
				r.Append(k, v)
				if valid {
					m.append(k, v)
				}
			case 4:
				name := names[int(ops[2])%len(names)]
				if ops[2] > 127 {
					name = fmt.Sprint("n", ops[2])
				}
				ok := r.AddDynamic(k, []byte(name), v)
				stored := strings.ReplaceAll(strings.ToValidUTF8(name, "\uFFFD"), ".", "_")
				for valid && (stored == "" || taken(r, vendor, k, stored)) {
					stored += "_"
				}
				id := fmt.Sprint(k, stored)
				want := valid && v.Kind() != parse.KindNone && !m.names[id]
				if ok != want {
					t.Fatalf("AddDynamic(%s, %q) is %v, want %v", r.Name(k), name, ok, want)
				}
				if want {
					m.names[id] = true
					m.dynamic = append(m.dynamic, fmt.Sprint(k, stored, v))
				}
			case 5: // a field's value in another field, both then appended to
				other := keys[int(ops[2])%len(keys)]
				r.Set(other, r.Get(k))
				if w, ok := m.fields[k]; ok && other != ecs.None && int(other) < limit {
					m.fields[other] = w
				} else {
					delete(m.fields, other)
				}
			case 6:
				if valid {
					r.SetString(k, "owned")
					m.fields[k] = parse.StringValue("owned")
				}
			case 7:
				r = r.Clone()
			}
			ops = ops[3:]
		}
		m.check(t, r)
		c := r.Clone()
		r.Reset()
		m.check(t, c)
		(&model{}).check(t, r)
	})
}

// takenPaths are the dotted names of ECS and, by true, of the vendor, and of all above them.
var takenPaths = sync.OnceValue(func() map[bool]map[string]bool {
	paths := map[bool]map[string]bool{false: {}, true: {}}
	add := func(vendor bool, name string) {
		for ; name != ""; name = name[:max(0, strings.LastIndexByte(name, '.'))] {
			paths[vendor][name] = true
		}
	}
	for k := range ecs.All() {
		add(false, k.Name())
	}
	for _, n := range vendorNames {
		add(true, n)
	}
	return paths
})

// taken reports whether a field of the schema lies below the container under that name.
func taken(r *parse.Record, vendor bool, container parse.Key, name string) bool {
	path := r.Name(container) + "." + name
	return takenPaths()[false][path] || vendor && takenPaths()[true][path]
}

// Two fields that got the same list must not share the room behind it.
func TestAppendToCopiedList(t *testing.T) {
	var r parse.Record
	r.Append(ecs.HostIP, parse.StringValue("a"))
	r.Set(ecs.RelatedIP, r.Get(ecs.HostIP))
	r.Append(ecs.HostIP, parse.StringValue("b"))
	r.Append(ecs.RelatedIP, parse.StringValue("c"))
	if a, b := r.Get(ecs.HostIP).String(), r.Get(ecs.RelatedIP).String(); a != "a,b" || b != "a,c" {
		t.Errorf("the lists are %q and %q, want a,b and a,c", a, b)
	}
}

// Fields set and deleted again and again must not use up the record's positions.
func TestManyDeletes(t *testing.T) {
	var r parse.Record
	r.SetInt(ecs.SourcePort, 1)
	for range 1 << 17 {
		r.SetInt(ecs.DestinationPort, 2)
		r.Delete(ecs.DestinationPort)
	}
	r.SetInt(ecs.DestinationPort, 3)
	if r.Get(ecs.SourcePort).Int() != 1 || r.Get(ecs.DestinationPort).Int() != 3 || r.Len() != 2 {
		t.Errorf("%d fields, ports %v and %v; want 1 and 3", r.Len(), r.Get(ecs.SourcePort), r.Get(ecs.DestinationPort))
	}
}

// The wire decides how long lists are and how many names there are: the work must grow
// with the number, not with its square.
func TestManyRepeats(t *testing.T) {
	var r parse.Record
	const n = 30_000
	for range 2 {
		for i := range n {
			r.Append(ecs.RelatedHosts, parse.IntValue(int64(i)))
			r.Append(ecs.RelatedUser, parse.IntValue(int64(-i)))
			r.AddDynamic(ecs.Labels, fmt.Appendf(nil, "k%d", i), parse.BoolValue(true))
		}
	}
	if h, u, d := len(r.Get(ecs.RelatedHosts).List()), len(r.Get(ecs.RelatedUser).List()), len(r.Dynamics()); h != n || u != n || d != n {
		t.Errorf("%d hosts, %d users, %d names, want %d of each", h, u, d, n)
	}
}

func TestRecordChangesSchema(t *testing.T) {
	big, small := testSchema(t), parse.EmptySchema()
	var r parse.Record
	last := parse.Key(big.Len() - 1)
	r.Use(big)
	r.SetInt(last, 1)
	r.Use(small)
	r.SetInt(last, 1)
	r.SetInt(ecs.SourcePort, 5)
	if r.Len() != 1 || r.Has(last) {
		t.Errorf("a key of another schema was stored")
	}
	r.Use(big)
	if r.Len() != 0 || r.Has(last) || r.Has(ecs.SourcePort) {
		t.Error("a record in use again is not empty")
	}
}

func TestRecordAllocations(t *testing.T) {
	r := new(parse.Record)
	schema := testSchema(t)
	addr := []byte("10.0.0.1")
	names := make([][]byte, 64)
	for i := range names {
		names[i] = fmt.Appendf(nil, "key%d", i)
	}
	var keys []parse.Key
	fill := func() {
		r.Use(schema)
		for k := ecs.Key(1); k < 25; k++ {
			r.SetString(k, "some text")
		}
		r.Set(ecs.SourceIP, parse.IPv4Value(10<<24|1, addr))
		for i := range 80 {
			r.Append(ecs.RelatedIP, parse.IntValue(int64(i%60)))
		}
		for i := range names {
			r.AddDynamic(ecs.Count+1, names[i], parse.IntValue(1))
		}
		r.Delete(ecs.SourceIP)
		for k, v := range r.All() {
			_, _ = k, v
		}
		keys = r.Keys(keys[:0])
	}
	fill()
	if n := testing.AllocsPerRun(100, fill); n != 0 {
		t.Errorf("%v allocations for each event, want none", n)
	}
}

func BenchmarkRecordSet25(b *testing.B) {
	var r parse.Record
	b.ReportAllocs()
	for b.Loop() {
		r.Use(nil)
		for k := ecs.Key(1); k <= 25; k++ {
			r.Set(k*7, parse.IntValue(int64(k)))
		}
	}
}
