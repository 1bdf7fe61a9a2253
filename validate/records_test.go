package validate_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/validate"
)

func mustNew(t testing.TB, o validate.Options) *validate.Records {
	t.Helper()
	v, err := validate.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// every is a policy for all findings that can have it.
func every(p validate.Policy) map[validate.Finding]validate.Policy {
	m := map[validate.Finding]validate.Policy{}
	for _, f := range validate.Findings() {
		if p != validate.Strip || (f != validate.TooMany && f != validate.Missing) {
			m[f] = p
		}
	}
	return m
}

func text(s string) parse.Value { return parse.StringValue(s) }

func list(vs ...parse.Value) parse.Value { return parse.ListValue(vs) }

var (
	ip4 = parse.IPv4Value(0x01020304, []byte("1.2.3.4"))
	now = parse.TimeValue(time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC).UnixNano())
)

const none = validate.Finding(255)

// One row: a field, a value, what is found, and what is left when that is stripped.
var rows = []struct {
	key   ecs.Key
	value parse.Value
	want  validate.Finding
	left  string
}{
	{ecs.SourceIP, ip4, none, "1.2.3.4"},
	{ecs.SourceIP, text("1.2.3.4"), none, "1.2.3.4"},
	{ecs.SourceIP, text("2001:db8::1"), none, "2001:db8::1"},
	{ecs.SourceIP, text("fe80::1%eth0"), validate.Type, ""},
	{ecs.SourceIP, text("1.2.3"), validate.Type, ""},
	{ecs.SourceIP, text(strings.Repeat(":", 100000)), validate.Type, ""},
	{ecs.SourceIP, parse.IntValue(1), validate.Type, ""},
	{ecs.SourceIP, parse.NullValue(), none, ""},
	{ecs.SourceIP, list(ip4), none, "1.2.3.4"},
	{ecs.SourceIP, list(ip4, ip4), validate.List, ""},
	{ecs.HostIP, list(ip4, text("::1")), none, "1.2.3.4,::1"},
	{ecs.HostIP, list(ip4, text("x"), text("::1"), text("y")), validate.Type, "1.2.3.4,::1"},
	{ecs.HostIP, list(text("x"), text("y")), validate.Type, ""},
	{ecs.HostIP, list(), none, ""},
	{ecs.SourcePort, parse.IntValue(0), none, "0"},
	{ecs.SourcePort, parse.IntValue(65535), none, "65535"},
	{ecs.SourcePort, parse.IntValue(65536), validate.Range, ""},
	{ecs.SourcePort, parse.IntValue(-1), validate.Range, ""},
	{ecs.SourcePort, text("80"), validate.Type, ""},
	{ecs.SourcePort, parse.FloatValue(80), validate.Type, ""},
	{ecs.SourceNATPort, parse.IntValue(70000), validate.Range, ""},
	{ecs.SourceBytes, parse.IntValue(1 << 62), none, "4611686018427387904"},
	{ecs.SourceBytes, parse.IntValue(-1), validate.Range, ""},
	{ecs.EventDuration, parse.IntValue(-1), validate.Range, ""},
	{ecs.EventSeverity, parse.IntValue(-1), none, "-1"},
	{ecs.EventRiskScore, parse.FloatValue(1.5), none, "1.5"},
	{ecs.EventRiskScore, parse.IntValue(1), none, "1"},
	{ecs.EventRiskScore, parse.RawValue(parse.KindFloat, []byte("1e999")), validate.Range, ""},
	{ecs.EventRiskScore, text("1.5"), validate.Type, ""},
	{ecs.TLSEstablished, parse.BoolValue(true), none, "true"},
	{ecs.TLSEstablished, parse.IntValue(1), validate.Type, ""},
	{ecs.Timestamp, now, none, "2024-06-01T00:00:00.000Z"},
	{ecs.Timestamp, text("2024-06-01T00:00:00Z"), none, "2024-06-01T00:00:00Z"},
	{ecs.Timestamp, text("today"), validate.Type, ""},
	{ecs.Timestamp, parse.TimeValue(0), validate.Range, ""},
	{ecs.Timestamp, parse.TimeValue(1<<63 - 1), validate.Range, ""},
	{ecs.EventStart, parse.TimeValue(0), none, "1970-01-01T00:00:00.000Z"},
	{ecs.UserName, text(strings.Repeat("x", 100)), none, strings.Repeat("x", 100)},
	{ecs.UserName, text(strings.Repeat("x", 101)), validate.Long, ""},
	{ecs.UserName, parse.IntValue(1), validate.Type, ""},
	{ecs.UserName, ip4, validate.Type, ""},
	{ecs.UserName, parse.RawValue(parse.KindObject, []byte("{}")), validate.Type, ""},
	{ecs.Message, text(strings.Repeat("x", 101)), none, strings.Repeat("x", 101)},
	{ecs.ProcessCommandLine, text(strings.Repeat("x", 101)), none, strings.Repeat("x", 101)},
	{ecs.EventOriginal, text(strings.Repeat("x", 101)), none, strings.Repeat("x", 101)},
	{ecs.Tags, list(text("a"), text(strings.Repeat("x", 101))), validate.Long, "a"},
	{ecs.EventKind, text("alert"), none, "alert"},
	{ecs.EventKind, text("Alert"), validate.NotAllowed, ""},
	{ecs.EventKind, text(""), validate.NotAllowed, ""},
	{ecs.EventOutcome, text("failed"), validate.NotAllowed, ""},
	{ecs.EventCategory, text("network"), none, "network"},
	{ecs.EventCategory, list(text("network"), text("nothing")), validate.NotAllowed, "network"},
	{ecs.EventType, list(text("allowed"), parse.NullValue()), none, "allowed,"},
	{ecs.Labels, parse.RawValue(parse.KindObject, []byte("{}")), none, "{}"},
	{ecs.Labels, text("x"), validate.Type, ""},
	{ecs.DNSAnswers, list(parse.RawValue(parse.KindObject, []byte("{}")), parse.RawValue(parse.KindObject, []byte("{}"))), none, "{},{}"},
	{ecs.SourceGeoLocation, parse.RawValue(parse.KindObject, []byte(`{"lat":1,"lon":2}`)), none, `{"lat":1,"lon":2}`},
	{ecs.SourceGeoLocation, list(parse.FloatValue(1), parse.FloatValue(2)), none, "1,2"},
}

func TestFields(t *testing.T) {
	o := validate.Options{
		MaxKeyword: 100,
		NotBefore:  time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:   time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for _, row := range rows {
		name := fmt.Sprintf("%s = %v %.40q", row.key, row.value.Kind(), row.value)
		record := func() *parse.Record {
			r := new(parse.Record)
			r.Pack = "acme.wall"
			r.Set(row.key, row.value)
			return r
		}
		o.Policies = nil
		err := mustNew(t, o).Validate(record())
		switch {
		case row.want == none:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		default:
			var e *errcat.Error
			if !errors.As(err, &e) || e.Category != row.want.Category() || e.Field != row.key.Name() || e.Stage != errcat.StageValidate || e.Parser != "acme.wall" {
				t.Errorf("%s: error %v, want %s of %s", name, err, row.want.Category(), row.key)
			}
		}
		for _, p := range []validate.Policy{validate.Strip, validate.Count, validate.Off} {
			o.Policies = every(p)
			v, r := mustNew(t, o), record()
			if err := v.Validate(r); err != nil {
				t.Errorf("%s: policy %v gives %v", name, p, err)
			}
			counters := v.Counters()
			if p == validate.Strip && r.Get(row.key).String() != row.left {
				t.Errorf("%s: %q is left, want %q", name, r.Get(row.key), row.left)
			}
			if p != validate.Strip && !r.Get(row.key).Equal(row.value) {
				t.Errorf("%s: policy %v changed the value", name, p)
			}
			if (len(counters) > 0) != (row.want != none && p != validate.Off) {
				t.Errorf("%s: policy %v counts %v", name, p, counters)
			}
			for f, c := range counters {
				if f != row.want || (p == validate.Strip) != (c.Stripped > 0) || (p == validate.Count) != (c.Counted > 0) || c.Rejected > 0 {
					t.Errorf("%s: policy %v counts %v for %s", name, p, c, f)
				}
			}
		}
	}
}

func TestExpectedTypes(t *testing.T) {
	for _, tc := range []struct {
		categories, types parse.Value
		unexpected        uint64
		left              string
	}{
		{text("network"), text("connection"), 0, "connection"},
		{list(text("network"), text("authentication")), list(text("start"), text("connection")), 0, "start,connection"},
		{text("authentication"), list(text("start"), text("connection"), text("info")), 1, "start,info"},
		{text("authentication"), text("connection"), 1, ""},
		{list(), text("connection"), 0, "connection"},
		{parse.Value{}, text("connection"), 0, "connection"},
		{text("network"), parse.Value{}, 0, ""},
	} {
		r := new(parse.Record)
		r.Set(ecs.EventCategory, tc.categories)
		r.Set(ecs.EventType, tc.types)
		if err := validate.ECS().Validate(r); err != nil {
			t.Errorf("%v, %v: %v, but the default is off", tc.categories, tc.types, err)
		}
		v := mustNew(t, validate.Options{Policies: map[validate.Finding]validate.Policy{validate.Unexpected: validate.Reject}})
		if err := v.Validate(r); errors.Is(err, errcat.SchemaViolation) != (tc.unexpected > 0) {
			t.Errorf("%v, %v: %v", tc.categories, tc.types, err)
		}
		v = mustNew(t, validate.Options{Policies: every(validate.Strip)})
		if err := v.Validate(r); err != nil || v.Counters()[validate.Unexpected].Stripped != tc.unexpected || r.Get(ecs.EventType).String() != tc.left {
			t.Errorf("%v, %v: %v, stripped %d, left %q", tc.categories, tc.types, err, v.Counters()[validate.Unexpected].Stripped, r.Get(ecs.EventType))
		}
	}
}

func TestRequired(t *testing.T) {
	schema, err := parse.NewSchema("acme.wall.zone")
	if err != nil {
		t.Fatal(err)
	}
	zone, _ := schema.Lookup("acme.wall.zone")
	v := mustNew(t, validate.Options{
		Required: map[string][]string{"": {"@timestamp"}, "acme.wall": {"source.ip", "acme.wall.zone"}, "acme.door": nil},
		Rules:    []validate.Rule{{If: "source.port", Then: []string{"source.ip"}}, {If: "acme.wall.zone", Then: []string{"host.name"}}},
	})
	for _, tc := range []struct {
		name    string
		fill    func(r *parse.Record)
		missing string
	}{
		{"nothing", func(*parse.Record) {}, "@timestamp"},
		{"enough", func(r *parse.Record) { r.Set(ecs.Timestamp, now) }, ""},
		{"null", func(r *parse.Record) { r.Set(ecs.Timestamp, parse.NullValue()) }, "@timestamp"},
		{"another dataset", func(r *parse.Record) { r.Set(ecs.Timestamp, now); r.SetConst(ecs.EventDataset, "acme.door") }, ""},
		{"dataset", func(r *parse.Record) { r.Set(ecs.Timestamp, now); r.SetConst(ecs.EventDataset, "acme.wall") }, "source.ip"},
		{"vendor field", func(r *parse.Record) {
			r.Set(ecs.Timestamp, now)
			r.SetConst(ecs.EventDataset, "acme.wall")
			r.Set(ecs.SourceIP, ip4)
		}, "acme.wall.zone"},
		{"rule", func(r *parse.Record) { r.Set(ecs.Timestamp, now); r.SetInt(ecs.SourcePort, 1) }, "source.ip"},
		{"rule for a vendor field", func(r *parse.Record) { r.Set(ecs.Timestamp, now); r.SetConst(zone, "z") }, "host.name"},
	} {
		r := new(parse.Record)
		r.Use(schema)
		tc.fill(r)
		err := v.Validate(r)
		var e *errcat.Error
		if errors.As(err, &e) != (tc.missing != "") || e != nil && (e.Field != tc.missing || e.Category != errcat.SchemaViolation) {
			t.Errorf("%s: %v, want %q missing", tc.name, err, tc.missing)
		}
	}
	r := new(parse.Record) // a record without vendor fields
	r.Set(ecs.Timestamp, now)
	if err := v.Validate(r); err != nil {
		t.Error(err)
	}
}

func TestMaxFields(t *testing.T) {
	v := mustNew(t, validate.Options{MaxFields: 3})
	r := new(parse.Record)
	r.SetInt(ecs.SourcePort, 1)
	r.SetInt(ecs.SourcePort+1, 1)
	r.Delete(ecs.SourcePort + 1)
	r.AddDynamic(ecs.Labels, []byte("a"), text("x"))
	r.AddDynamic(ecs.Labels, []byte("b"), text("x"))
	if err := v.Validate(r); err != nil {
		t.Errorf("three fields and a deleted one: %v", err)
	}
	r.AddDynamic(ecs.Labels, []byte("c"), text("x"))
	if err := v.Validate(r); !errors.Is(err, errcat.Oversize) {
		t.Errorf("four fields: %v", err)
	}
}

func TestNewErrors(t *testing.T) {
	for name, o := range map[string]validate.Options{
		"finding":         {Policies: map[validate.Finding]validate.Policy{200: validate.Count}},
		"policy":          {Policies: map[validate.Finding]validate.Policy{validate.Type: 200}},
		"strip missing":   {Policies: map[validate.Finding]validate.Policy{validate.Missing: validate.Strip}},
		"strip too many":  {Policies: map[validate.Finding]validate.Policy{validate.TooMany: validate.Strip}},
		"fields":          {MaxFields: -1},
		"too many fields": {MaxFields: 1 << 20},
		"keyword":         {MaxKeyword: -1},
		"times":           {NotBefore: time.Unix(2, 0), NotAfter: time.Unix(1, 0)},
		"mistyped field":  {Required: map[string][]string{"": {"source.ipp"}}},
		"empty field":     {Required: map[string][]string{"": {""}}},
		"empty rule":      {Rules: []validate.Rule{{}}},
		"mistyped rule":   {Rules: []validate.Rule{{If: "source.ip", Then: []string{"source.prot"}}}},
	} {
		if _, err := validate.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	_, err := validate.New(validate.Options{Required: map[string][]string{"": {"soruce.ip", "source.ipp"}}})
	if err == nil || !strings.Contains(err.Error(), "did you mean source.ip") {
		t.Errorf("a mistyped name gives %v", err)
	}
	if _, err := validate.New(validate.Options{NotBefore: time.Unix(-1<<40, 0), NotAfter: time.Unix(1<<40, 0)}); err != nil {
		t.Errorf("bounds wider than times can be: %v", err)
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range validate.Findings() {
		if seen[f.String()] || f.String() == "" || !f.Category().Valid() {
			t.Errorf("finding %d has the name %q and the category %v", f, f, f.Category())
		}
		seen[f.String()] = true
	}
	if none.String() != "validate.Finding(255)" || none.Category() != errcat.Internal || validate.Policy(99).String() != "validate.Policy(99)" || validate.Strip.String() != "strip" {
		t.Error("names of numbers that are none")
	}
}

func TestAll(t *testing.T) {
	var asked []string
	ok := func(name string, err error) validate.Validator[int] {
		return validate.Func[int](func(*int) error { asked = append(asked, name); return err })
	}
	if err := validate.All[int]().Validate(nil); err != nil {
		t.Error(err)
	}
	err := validate.All(ok("a", nil), validate.All(ok("b", nil), ok("c", errcat.Oversize)), ok("d", nil)).Validate(new(int))
	if !errors.Is(err, errcat.Oversize) || strings.Join(asked, "") != "abc" {
		t.Errorf("asked %v, error %v", asked, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a nil Validator does not panic")
		}
	}()
	validate.All[int](nil)
}

func TestConcurrent(t *testing.T) {
	v := mustNew(t, validate.Options{Policies: every(validate.Count)})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 500 {
				r := new(parse.Record)
				r.SetInt(ecs.SourcePort, -1)
				if err := v.Validate(r); err != nil {
					t.Error(err)
				}
				v.Counters()
			}
		})
	}
	wg.Wait()
	if got := v.Counters(); !maps.Equal(got, map[validate.Finding]validate.Counter{validate.Range: {Counted: 2000}}) {
		t.Errorf("counted %v, want 2000", got)
	}
}

// FuzzRecords: whatever a record holds, the policies agree with each other: what is
// refused is what is counted, and what is left after stripping is valid.
func FuzzRecords(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, "x")
	f.Add([]byte{30, 8, 31, 8, 32, 8, 33, 9, 34, 10}, "alert")
	f.Fuzz(func(t *testing.T, ops []byte, s string) {
		record := func() *parse.Record {
			r := new(parse.Record)
			for i := 0; i+1 < len(ops); i += 2 {
				row := rows[int(ops[i])%len(rows)]
				v := rows[int(ops[i+1])%len(rows)].value
				if ops[i+1] > 200 {
					v = text(s)
				}
				if ops[i]&1 == 0 {
					r.Append(row.key, v)
				} else {
					r.Set(row.key, v)
				}
			}
			return r
		}
		policies := every(validate.Count)
		counting := mustNew(t, validate.Options{Policies: policies, MaxKeyword: 90, MaxFields: 40})
		if err := counting.Validate(record()); err != nil {
			t.Fatalf("counting refuses: %v", err)
		}
		found := counting.Counters()
		rejecting := mustNew(t, validate.Options{Policies: every(validate.Reject), MaxKeyword: 90, MaxFields: 40})
		err := rejecting.Validate(record())
		if (err != nil) != (len(found) > 0) {
			t.Fatalf("refused with %v, but counted %v", err, found)
		}
		stripping := mustNew(t, validate.Options{Policies: every(validate.Strip), MaxKeyword: 90, MaxFields: 40})
		r := record()
		if err := stripping.Validate(r); err != nil {
			t.Fatal(err)
		}
		if err := rejecting.Validate(r); err != nil {
			t.Fatalf("after stripping: %v", err)
		}
	})
}

var (
	insideText, outsideText = []byte("10.0.0.1"), []byte("93.184.216.34")
	categories              = list(text("network"))
	types                   = list(text("connection"), text("end"))
)

// record25 fills a record as a firewall's event has it.
func record25(r *parse.Record) {
	r.Use(nil)
	r.Set(ecs.Timestamp, now)
	for k, s := range map[ecs.Key]string{
		ecs.EventKind: "event", ecs.EventModule: "acme", ecs.EventDataset: "acme.wall", ecs.EventOutcome: "success", ecs.EventAction: "flow_closed",
		ecs.LogLevel: "informational", ecs.ObserverVendor: "Acme", ecs.ObserverProduct: "Wall", ecs.ObserverType: "firewall", ecs.ObserverHostname: "fw-01",
		ecs.NetworkTransport: "tcp", ecs.NetworkProtocol: "https", ecs.RuleName: "allow web", ecs.Message: "Teardown TCP connection 1234",
	} {
		r.SetConst(k, s)
	}
	r.Set(ecs.EventCategory, categories)
	r.Set(ecs.EventType, types)
	r.SetInt(ecs.EventDuration, 12_000_000_000)
	r.SetInt(ecs.EventSeverity, 6)
	r.Set(ecs.SourceIP, parse.IPv4Value(0x0a000001, insideText))
	r.SetInt(ecs.SourcePort, 51234)
	r.SetInt(ecs.SourceBytes, 1234)
	r.Set(ecs.DestinationIP, parse.IPv4Value(0x5db8d822, outsideText))
	r.SetInt(ecs.DestinationPort, 443)
	r.SetInt(ecs.DestinationBytes, 56789)
}

var full = validate.Options{
	Policies: map[validate.Finding]validate.Policy{validate.Unexpected: validate.Reject},
	Required: map[string][]string{"": {"@timestamp", "event.kind"}, "acme.wall": {"source.ip", "destination.ip"}},
	Rules:    []validate.Rule{{If: "source.port", Then: []string{"source.ip"}}},
}

func TestNoAllocations(t *testing.T) {
	var r parse.Record
	record25(&r)
	v := mustNew(t, full)
	if n := testing.AllocsPerRun(100, func() {
		if err := v.Validate(&r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a valid event, want none", n)
	}
}

func BenchmarkValidate25(b *testing.B) {
	var r parse.Record
	record25(&r)
	for name, o := range map[string]validate.Options{"ECS": {}, "with required and pairs": full} {
		v := mustNew(b, o)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := v.Validate(&r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The plan of a layout finds what the long way finds.
func TestValidateByPlan(t *testing.T) {
	schema, err := parse.NewSchema("acme.x")
	if err != nil {
		t.Fatal(err)
	}
	text := func(s string) parse.Value { return parse.StringValue(s) }
	good := parse.NewBlock([]parse.Key{ecs.EventKind, ecs.EventType}, []parse.Value{text("event"), parse.ListValue([]parse.Value{text("info")})})
	bad := parse.NewBlock([]parse.Key{ecs.EventKind}, []parse.Value{text("nonsense")})
	schema.Adopt(good)
	schema.Adopt(bad)
	values := map[parse.Key][]parse.Value{
		ecs.EventKind:              {text("event"), text("alert").WithFlags(parse.Constant), text("nonsense").WithFlags(parse.Constant), text("nonsense"), parse.NullValue()},
		ecs.EventType:              {text("info"), parse.ListValue([]parse.Value{text("info"), text("odd")}), parse.ListValue([]parse.Value{text("info")}), parse.ListValue(nil)},
		ecs.SourcePort:             {parse.IntValue(80), parse.IntValue(70000), parse.IntValue(-1), text("80"), parse.ListValue([]parse.Value{parse.IntValue(1)})},
		ecs.SourceBytes:            {parse.IntValue(1), parse.IntValue(-1)},
		ecs.SourceIP:               {parse.IPv4Value(1, []byte("0.0.0.1")), text("0.0.0.1"), text("x")},
		ecs.EventAction:            {text("a"), text(strings.Repeat("a", 40)), parse.IntValue(1)},
		ecs.Timestamp:              {parse.TimeValue(0), parse.TimeValue(1 << 62), text("2026-01-02T03:04:05Z")},
		ecs.EventRiskScore:         {parse.FloatValue(1.5), parse.RawValue(parse.KindFloat, []byte("1e999"))},
		ecs.HTTPResponseStatusCode: {parse.IntValue(200)},
		ecs.Count:                  {text("anything"), parse.IntValue(1)},
	}
	var keys []parse.Key
	for k := range ecs.All() {
		if values[k] != nil {
			keys = append(keys, k)
		}
	}
	keys = append(keys, ecs.Count)
	for _, o := range []validate.Options{
		{MaxKeyword: 30},
		{MaxFields: 4, NotAfter: time.Unix(1e9, 0), Policies: map[validate.Finding]validate.Policy{validate.NotAllowed: validate.Strip, validate.Range: validate.Count, validate.Long: validate.Off}},
		{Policies: map[validate.Finding]validate.Policy{validate.Type: validate.Strip, validate.List: validate.Strip, validate.Unexpected: validate.Reject}},
	} {
		planned, plain := mustNew(t, o), mustNew(t, o)
		var a, b parse.Record
		layouts := 0
		for i := range 8000 {
			for _, r := range []*parse.Record{&a, &b} {
				shape, rnd := rand.New(rand.NewPCG(uint64(i%150), 2)), rand.New(rand.NewPCG(uint64(i), 3))
				r.Use(schema)
				for range 1 + shape.IntN(6) {
					k := keys[shape.IntN(len(keys))]
					switch shape.IntN(8) {
					case 0:
						r.SetBlock(good)
					case 1:
						r.SetBlock(bad)
					default:
						v := values[k][0]
						if rnd.IntN(3) == 0 {
							v = values[k][rnd.IntN(len(values[k]))]
						}
						r.Set(k, v)
					}
				}
			}
			if a.Settle() != nil {
				layouts++
			}
			b.SetInt(ecs.EventSequence, 1)
			b.Delete(ecs.EventSequence) // a record that lost a field has no layout
			got, want := planned.Validate(&a), plain.Validate(&b)
			if fmt.Sprint(got) != fmt.Sprint(want) || a.Len() != b.Len() {
				t.Fatalf("%+v, record %d: %v with %d fields, want %v with %d", o, i, got, a.Len(), want, b.Len())
			}
		}
		if !reflect.DeepEqual(planned.Counters(), plain.Counters()) || len(plain.Counters()) == 0 {
			t.Errorf("counted %v, want %v", planned.Counters(), plain.Counters())
		}
		if layouts < 4000 {
			t.Errorf("only %d records had a layout", layouts)
		}
	}
}
