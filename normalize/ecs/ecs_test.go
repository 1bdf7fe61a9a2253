package ecs

import (
	"encoding/csv"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// rows reads the field table that the package is generated from.
func rows(t testing.TB) [][]string {
	t.Helper()
	f, err := os.Open("data/ecs-" + Version + ".csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all[1:]
}

func TestTable(t *testing.T) {
	all := rows(t)
	if len(all) != Count-1 {
		t.Errorf("the table has %d fields, Count is %d", len(all), Count)
	}
	seen := map[Key]string{}
	for _, row := range all {
		name := row[0]
		k, ok := Lookup(name)
		if kb, okb := LookupBytes([]byte(name)); kb != k || okb != ok {
			t.Errorf("LookupBytes(%q) = %v, %v; Lookup gives %v, %v", name, kb, okb, k, ok)
		}
		if !ok || !k.Valid() || k.Name() != name || k.String() != name {
			t.Errorf("Lookup(%q) = %v, %v; name %q", name, k, ok, k.Name())
			continue
		}
		if seen[k] != "" {
			t.Errorf("%s and %s have the same key", name, seen[k])
		}
		seen[k] = name
		if k.Type().String() != row[1] || k.Array() != (row[2] == "array") || k.Level().String() != row[3] {
			t.Errorf("%s is %v, array %v, %v; the table says %q", name, k.Type(), k.Array(), k.Level(), row[1:])
		}
	}
}

func TestConstants(t *testing.T) {
	for k, name := range map[Key]string{
		None: "", Timestamp: "@timestamp", SourceIP: "source.ip", EventID: "event.id", URLOriginal: "url.original",
		HTTPResponseStatusCode: "http.response.status_code", TLSServerX509SerialNumber: "tls.server.x509.serial_number",
		FileHashSHA256: "file.hash.sha256", SourceASNumber: "source.as.number", ProcessPID: "process.pid",
		Message: "message", Labels: "labels", Tags: "tags", UserAgentOSType: "user_agent.os.type",
		GenAIUsageInputTokens: "gen_ai.usage.input_tokens", TLSClientJA3: "tls.client.ja3", ECSVersion: "ecs.version",
	} {
		if k.Name() != name {
			t.Errorf("%d is %q, not %q", k, k.Name(), name)
		}
	}
}

func TestOrder(t *testing.T) {
	want := make([]string, 0, Count)
	for _, row := range rows(t) {
		want = append(want, row[0])
	}
	slices.SortFunc(want, func(a, b string) int {
		return slices.Compare(strings.Split(a, "."), strings.Split(b, "."))
	})
	var got []string
	for k := range All() {
		got = append(got, k.Name())
	}
	if !slices.Equal(got, want) {
		t.Error("keys are not in the order of their paths")
	}
	for range All() {
		break // must not run on
	}

	// A nested encoder opens every object once.
	closed, open := map[string]bool{}, []string(nil)
	for _, name := range got {
		parents := strings.Split(name, ".")
		parents = parents[:len(parents)-1]
		n := 0
		for n < len(parents) && n < len(open) && parents[n] == open[n] {
			n++
		}
		for i := len(open); i > n; i-- {
			closed[strings.Join(open[:i], ".")] = true
		}
		for i := n + 1; i <= len(parents); i++ {
			if p := strings.Join(parents[:i], "."); closed[p] {
				t.Fatalf("%s opens %s again", name, p)
			}
		}
		open = parents
	}
}

func TestNoField(t *testing.T) {
	for _, k := range []Key{None, Count, Count + 1, 65535} {
		if k.Valid() || k.Name() != "" || k.Type() != TypeNone || k.Array() || k.Level() != LevelNone ||
			k.Allowed() != nil || !k.Allows("x") || k.Expected() != nil || !k.Expects("x") {
			t.Errorf("%v answers as a field", k)
		}
	}
	if None.String() != "none" || Key(65535).String() != "ecs.Key(65535)" {
		t.Errorf("got %q, %q", None, Key(65535))
	}
	if Type(200).String() != "ecs.Type(200)" || Level(9).String() != "ecs.Level(9)" {
		t.Errorf("got %q, %q", Type(200), Level(9))
	}
}

func TestLookupUnknown(t *testing.T) {
	for _, name := range []string{
		"", ".", "source", "source.", "source.ip ", " source.ip", "source.ip.", "Source.ip", "source.iP", "source.ip\x00",
		"source_ip", "ip", "timestamp", "@timestamp.", "labels.env", "process.name.text", "\xff\xfe", strings.Repeat("a", 1<<16),
		strings.Repeat("process.", 8) + "pid",
	} {
		if k, ok := Lookup(name); ok || k != None {
			t.Errorf("Lookup(%.40q) = %v, %v", name, k, ok)
		}
		if k, ok := LookupBytes([]byte(name)); ok || k != None {
			t.Errorf("LookupBytes(%.40q) = %v, %v", name, k, ok)
		}
	}
	if k, ok := LookupBytes(nil); ok || k != None {
		t.Errorf("LookupBytes(nil) = %v, %v", k, ok)
	}
}

// TestLookupNeighbours changes each name at each position, which reaches the
// compare after the hash for every length.
func TestLookupNeighbours(t *testing.T) {
	known := names()
	for k := range All() {
		name := []byte(k.Name())
		for i := range name {
			old := name[i]
			name[i] = old ^ 1
			if got, ok := LookupBytes(name); ok != (known[string(name)] != None) || got != known[string(name)] {
				t.Fatalf("LookupBytes(%q) = %v, %v", name, got, ok)
			}
			name[i] = old
			if cut, ok := LookupBytes(name[:i]); cut != known[string(name[:i])] || ok != (cut != None) {
				t.Fatalf("LookupBytes(%q) = %v, %v", name[:i], cut, ok)
			}
		}
	}
}

func names() map[string]Key {
	m := make(map[string]Key, Count)
	for k := range All() {
		m[k.Name()] = k
	}
	return m
}

func FuzzLookup(f *testing.F) {
	for _, s := range []string{"", "source.ip", "Source.ip", "http.response.status_code", "source", "@timestamp", "a.b.c"} {
		f.Add(s)
	}
	known := names()
	f.Fuzz(func(t *testing.T, name string) {
		want, wantOK := known[name]
		if k, ok := Lookup(name); k != want || ok != wantOK {
			t.Errorf("Lookup(%q) = %v, %v", name, k, ok)
		}
		if k, ok := LookupBytes([]byte(name)); k != want || ok != wantOK {
			t.Errorf("LookupBytes(%q) = %v, %v", name, k, ok)
		}
	})
}

func TestValues(t *testing.T) {
	text, err := os.ReadFile("data/ecs-" + Version + "-values.json")
	if err != nil {
		t.Fatal(err)
	}
	type value struct {
		Name  string   `json:"name"`
		Types []string `json:"expected_event_types"`
	}
	var v struct {
		Allowed  map[string][]value  `json:"allowed_values"`
		Expected map[string][]string `json:"expected_values"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for k := range All() {
		var allowed []string
		for _, a := range v.Allowed[k.Name()] {
			allowed = append(allowed, a.Name)
		}
		expected := v.Expected[k.Name()]
		if !slices.Equal(k.Allowed(), allowed) || (allowed == nil) != (k.Allowed() == nil) {
			t.Errorf("%v.Allowed() = %q, want %q", k, k.Allowed(), allowed)
		}
		if !slices.Equal(k.Expected(), expected) || (expected == nil) != (k.Expected() == nil) {
			t.Errorf("%v.Expected() = %q, want %q", k, k.Expected(), expected)
		}
		for _, a := range append(allowed, expected...) {
			if !k.Allows(a) || !k.Expects(a) {
				t.Errorf("%v refuses %q", k, a)
			}
		}
		for _, a := range []string{"", "no such value", "ALERT", "alert "} {
			if k.Allows(a) != (allowed == nil) || k.Expects(a) != (allowed == nil && expected == nil) {
				t.Errorf("%v: Allows(%q) = %v, Expects = %v", k, a, k.Allows(a), k.Expects(a))
			}
		}
	}
	for _, c := range v.Allowed["event.category"] {
		if got := ExpectedTypes(c.Name); !slices.Equal(got, c.Types) {
			t.Errorf("ExpectedTypes(%q) = %q, want %q", c.Name, got, c.Types)
		}
		for _, typ := range EventType.Allowed() {
			if ExpectsType(c.Name, typ) != slices.Contains(c.Types, typ) {
				t.Errorf("ExpectsType(%q, %q) = %v", c.Name, typ, ExpectsType(c.Name, typ))
			}
		}
	}
	if ExpectedTypes("") != nil || ExpectedTypes("nonsense") != nil || ExpectsType("nonsense", "info") {
		t.Error("an unknown category expects types")
	}
	if len(ExpectedTypes("network")) == 0 {
		t.Error("network expects no types")
	}
}

func TestTypes(t *testing.T) {
	kinds := map[string][]Type{}
	for typ := TypeNone; typ < typeCount; typ++ {
		if typ.String() == "" {
			t.Errorf("type %d has no name", typ)
		}
		for kind, in := range map[string]bool{
			"string": typ.IsString(), "integer": typ.IsInteger(), "float": typ.IsFloat(), "number": typ.IsNumber(), "object": typ.IsObject(),
		} {
			if in {
				kinds[kind] = append(kinds[kind], typ)
			}
		}
	}
	want := map[string][]Type{
		"string":  {TypeKeyword, TypeConstantKeyword, TypeWildcard, TypeMatchOnlyText},
		"integer": {TypeLong, TypeInteger},
		"float":   {TypeFloat, TypeDouble, TypeScaledFloat},
		"number":  {TypeLong, TypeInteger, TypeFloat, TypeDouble, TypeScaledFloat},
		"object":  {TypeObject, TypeNested, TypeFlattened},
	}
	if !maps.EqualFunc(kinds, want, slices.Equal) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}

func TestAllocs(t *testing.T) {
	long := []byte("threat.enrichments.indicator.file.code_signature.signing_id")
	unknown := []byte("threat.enrichments.indicator.file.code_signature.signing_ix")
	s, n := string(long), 0
	allocs := testing.AllocsPerRun(100, func() {
		for _, b := range [][]byte{long, unknown} {
			if _, ok := LookupBytes(b); ok {
				n++
			}
		}
		if k, ok := Lookup(s); ok {
			n += len(k.Name()) + int(k.Type()) + int(k.Level())
		}
		if EventCategory.Allows("network") && NetworkDirection.Expects("inbound") && ExpectsType("network", "start") {
			n += len(EventCategory.Allowed()) + len(ExpectedTypes("network"))
		}
		for k := range All() {
			n += int(k)
		}
	})
	if allocs != 0 || n == 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// benchNames are sixteen names that events have, with some that ECS does not know.
var benchNames = []string{
	"@timestamp", "source.ip", "source.port", "destination.ip", "destination.port", "event.category", "event.original",
	"http.response.status_code", "url.original", "user_agent.original", "process.parent.command_line", "observer.ingress.interface.name",
	"tls.server.x509.subject.common_name", "fortinet.firewall.policyid", "srcip", "network.transports",
}

func BenchmarkLookup(b *testing.B) {
	known := names()
	bytes := make([][]byte, len(benchNames))
	for i, n := range benchNames {
		bytes[i] = []byte(n)
	}
	found := 0
	b.Run("string", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, ok := Lookup(benchNames[i&15]); ok {
				found++
			}
		}
	})
	b.Run("bytes", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, ok := LookupBytes(bytes[i&15]); ok {
				found++
			}
		}
	})
	b.Run("map", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, ok := known[string(bytes[i&15])]; ok {
				found++
			}
		}
	})
	_ = found
}

func BenchmarkAllows(b *testing.B) {
	b.ReportAllocs()
	values := EventCategory.Allowed()
	for i := 0; b.Loop(); i++ {
		if !EventCategory.Allows(values[i%len(values)]) {
			b.Fatal("refused")
		}
	}
}
