package vendors_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/parsetest"
	"github.com/penstock-dev/penstock/parse/vendors"
)

var update = flag.Bool("update", false, "write the golden files anew")

// ties are the packs that detection may find for another pack's samples: their products
// write the same bytes, and the pack that it finds says so in its notes.
var ties = map[string][]string{
	// The combined access log.
	"apache.access": {"nginx.access"},
	"nginx.access":  {"apache.access"},
}

// usualAllocs is how many allocations an event of a pack's samples may cost on average: next
// to none.
const usualAllocs = 0.25

// maxAllocs are the packs that need more, and why.
var maxAllocs = map[string]float64{
	"pensando.dfw": 1, // each event of an array gets the header in front of it
	// Regular expressions whose group cannot be told from the whole match.
	"f5.bigip":     0.5,
	"openbsd.pf":   1,
	"squid.log":    1,
	"synology.dsm": 1,
	"mongodb.log":  0.5, // sizes with separators
}

func packs(t testing.TB) *pack.Set {
	t.Helper()
	set, err := vendors.Packs()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// alone skips what one goroutine does by itself where a short run is for the race detector: TestConcurrent gives that
// the same records.
func alone(t testing.TB) {
	if raceEnabled && testing.Short() {
		t.Skip("one goroutine does it all")
	}
}

// Every built-in pack passes the suite. One pack alone: go test -run 'TestPacks/cisco.asa'.
func TestPacks(t *testing.T) {
	alone(t)
	set := packs(t)
	for _, name := range set.Names() {
		t.Run(name, func(t *testing.T) {
			p, err := set.Pack(name)
			if err != nil {
				t.Fatal(err)
			}
			o := parsetest.Options{Set: set, Ties: ties[name], MaxAllocs: max(usualAllocs, maxAllocs[name])}
			for _, m := range missing(p) {
				switch {
				case m == "testdata/samples.log":
					t.Skip("no samples; see TestComplete")
				case strings.HasSuffix(m, ".golden.jsonl") && !*update:
					o.Skip = []string{"golden"} // TestComplete tells
				}
			}
			parsetest.Pack(t, p, name, o)
		})
	}
}

// Any bytes, through whichever pack takes them for its own, give an answer.
func FuzzAuto(f *testing.F) {
	alone(f)
	set := packs(f)
	auto, err := set.Auto(pack.Options{Now: func() time.Time { return parsetest.Now }})
	if err != nil {
		f.Fatal(err)
	}
	var seeds []parsetest.Record
	for _, name := range set.Names() {
		records, err := parsetest.Records(os.DirFS(name))
		if err != nil {
			continue // TestComplete tells
		}
		seen := map[string]int{}
		for _, r := range records {
			if seen[r.File]++; seen[r.File] <= 5 && len(r.Raw) <= 4<<10 {
				seeds = append(seeds, r)
			}
		}
	}
	parsetest.FuzzRecords(f, auto, seeds)
}

// missing lists what a pack should have and does not.
func missing(p *pack.Pack) []string {
	var out []string
	for what, got := range map[string]string{"vendor": p.Vendor(), "product": p.Product(), "version": p.Version()} {
		if got == "" {
			out = append(out, what)
		}
	}
	if len(p.Docs()) == 0 {
		out = append(out, "docs")
	}
	records, _ := parsetest.Records(os.DirFS(p.Name()))
	var samples, hostile bool
	seen := map[string]bool{}
	for _, r := range records {
		hostile = hostile || strings.HasPrefix(r.File, "hostile")
		samples = samples || !strings.HasPrefix(r.File, "hostile")
		if seen[r.File] {
			continue
		}
		seen[r.File] = true
		golden := "testdata/" + strings.TrimSuffix(r.File, ".log") + ".golden.jsonl"
		if _, err := os.Stat(filepath.Join(p.Name(), golden)); err != nil {
			out = append(out, golden)
		}
	}
	if !samples {
		out = append(out, "testdata/samples.log")
	}
	if !hostile {
		out = append(out, "testdata/hostile.log")
	}
	slices.Sort(out)
	return out
}

// Every pack has its papers, its samples and its golden lines. While more than a quarter
// of the packs lack something, that is only logged.
func TestComplete(t *testing.T) {
	alone(t)
	set := packs(t)
	lacking := map[string][]string{}
	for _, name := range set.Names() {
		p, err := set.Pack(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if m := missing(p); len(m) > 0 {
			lacking[name] = m
		}
	}
	report := t.Errorf
	if 4*len(lacking) > len(set.Names()) {
		report = t.Logf
	}
	for name, m := range lacking {
		report("%s: missing: %s", name, strings.Join(m, ", "))
	}
}

// place is where a field was first seen with a type.
type place struct{ kind, where string }

// One field has one type and one vocabulary in the events of all packs.
func TestOneFieldOneType(t *testing.T) {
	files, err := filepath.Glob("*/testdata/*.golden.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 2*len(packs(t).Names()) {
		t.Errorf("%d files of golden lines", len(files))
	}
	for _, fault := range fieldFaults(t, files) {
		t.Error(fault)
	}
}

// The test above bites.
func TestFieldFaults(t *testing.T) {
	dir := t.TempDir()
	write := func(name, lines string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("samples.golden.jsonl", `{"event":{"kind":"event","duration":5},"source":{"ip":"192.0.2.1"},"network":{"transport":"tcp"},"a":{"b":{"c":"x"}}}`+"\n")
	if faults := fieldFaults(t, []string{good}); len(faults) > 0 {
		t.Errorf("right lines have faults: %q", faults)
	}
	for line, want := range map[string]string{
		`{"event":{"kind":"happening"}}`:                     "no allowed value",
		`{"event":{"category":"network"}}`:                   "a list is",
		`{"event":{"duration":"5"}}`:                         "is no long",
		`{"source":{"ip":"1.2.3"}}`:                          "is no ip",
		`{"@timestamp":"yesterday"}`:                         "is no date",
		`{"network":{"transport":"TCP"}}`:                    "vocabulary",
		`{"network":{"direction":"in"}}`:                     "vocabulary",
		`{"source":{"mac":"00:11:22:33:44:55"}}`:             "vocabulary",
		`{"file":{"hash":{"md5":"ABCDEF"}}}`:                 "vocabulary",
		`{"a":{"b":{"c":7}}}`:                                "a number here, text in",
		`{"a":{"b":{"c":{"d":1}}}}`:                          "",
		`{"event":{"kind":"pipeline_error","duration":"5"}}`: "",
	} {
		faults := fieldFaults(t, []string{good, write("other.golden.jsonl", line+"\n")})
		if (len(faults) == 0) != (want == "") || want != "" && !strings.Contains(strings.Join(faults, "\n"), want) {
			t.Errorf("%s: %q, want %q", line, faults, want)
		}
	}
}

// fieldFaults tells where golden files give a field another type or another vocabulary than
// ECS, or than each other: one report for each field and file.
func fieldFaults(t *testing.T, files []string) (out []string) {
	types := map[string]place{}
	faults := map[string]bool{}
	fault := func(file, field, format string, args ...any) {
		if key := file + " " + field; !faults[key] {
			faults[key] = true
			out = append(out, fmt.Sprintf("%s: %s: %s", file, field, fmt.Sprintf(format, args...)))
		}
	}
	for _, file := range files {
		hostile := strings.HasPrefix(filepath.Base(file), "hostile")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range bytes.Split(data, []byte{'\n'}) {
			if len(line) == 0 || bytes.HasPrefix(line, []byte(`{"event":{"kind":"pipeline_error"`)) {
				continue
			}
			var event map[string]any
			d := json.NewDecoder(bytes.NewReader(line))
			d.UseNumber()
			if err := d.Decode(&event); err != nil {
				t.Errorf("%s:%d: %v", file, n+1, err)
				continue
			}
			walk("", event, func(field string, v any) {
				kind := kindOf(v)
				if kind == "" {
					return
				}
				if k, ok := ecs.Lookup(field); ok {
					if why := misfit(k, v); why != "" {
						fault(file, field, "line %d: %s", n+1, why)
					}
				}
				if ok := vocabulary[field]; ok != nil {
					for _, text := range texts(v) {
						if !ok(text) {
							fault(file, field, "line %d: %q is outside of the field's vocabulary", n+1, text)
						}
					}
				}
				if hostile {
					return // its senders lie about types
				}
				if strings.HasPrefix(field, "winlog.") {
					return // numbers in JSON, text in XML: each form of Windows events has its own way
				}
				if p, ok := types[field]; !ok {
					types[field] = place{kind, fmt.Sprintf("%s:%d", file, n+1)}
				} else if p.kind != kind {
					fault(file, field, "line %d: %s here, %s in %s", n+1, kind, p.kind, p.where)
				}
			})
		}
	}
	return out
}

func walk(path string, v any, visit func(field string, v any)) {
	m, ok := v.(map[string]any)
	if !ok || path != "" && isWhole(path) {
		visit(path, v)
		return
	}
	for k, e := range m {
		walk(strings.TrimPrefix(path+"."+k, "."), e, visit)
	}
}

// isWhole reports whether ECS makes the field an object with names of its own.
func isWhole(path string) bool {
	k, ok := ecs.Lookup(path)
	return ok && (k.Type() == ecs.TypeFlattened || k.Type() == ecs.TypeNested)
}

// kindOf is the type of a field's value or elements; "" for one that tells none.
func kindOf(v any) string {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if k := kindOf(e); k != "" {
				return k
			}
		}
		return ""
	case string:
		return "text"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	case map[string]any:
		return "an object"
	}
	return ""
}

func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, texts(e)...)
		}
		return out
	}
	return nil
}

// several are the fields that hold one value by ECS's table and of which products send
// several: Elasticsearch takes lists everywhere.
var several = map[ecs.Key]bool{
	ecs.VulnerabilityID: true, // an attack or a finding that names several CVE numbers
}

// misfit says why v is no value of an ECS field.
func misfit(k ecs.Key, v any) string {
	list, isList := v.([]any)
	switch {
	case k.Type().IsObject():
		return ""
	case isList != k.Array() && !several[k]:
		return fmt.Sprintf("a list is %t, ECS says %t", isList, k.Array())
	case !isList:
		list = []any{v}
	}
	for _, e := range list {
		ok := true
		switch typ := k.Type(); {
		case typ.IsInteger():
			n, isNumber := e.(json.Number)
			_, err := n.Int64()
			ok = isNumber && err == nil
		case typ.IsFloat():
			_, ok = e.(json.Number)
		case typ == ecs.TypeBoolean:
			_, ok = e.(bool)
		case typ == ecs.TypeDate:
			s, _ := e.(string)
			_, err := time.Parse(time.RFC3339Nano, s)
			ok = err == nil
		case typ == ecs.TypeIP:
			s, _ := e.(string)
			_, err := netip.ParseAddr(s)
			ok = err == nil
		case typ.IsString():
			_, ok = e.(string)
		}
		if !ok {
			return fmt.Sprintf("%v is no %s", e, k.Type())
		}
		if s, isText := e.(string); isText && k.Allowed() != nil && !k.Allows(s) {
			return fmt.Sprintf("%q is no allowed value", s)
		}
	}
	return ""
}

func lower(s string) bool { return s == strings.ToLower(s) && s == strings.TrimSpace(s) }
func upper(s string) bool { return s == strings.ToUpper(s) }

func oneOf(values ...string) func(string) bool {
	return func(s string) bool { return slices.Contains(values, s) }
}

// mac is RFC 7042's form, which ECS asks for.
func mac(s string) bool { return upper(s) && !strings.ContainsAny(s, ":.") }

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// vocabulary is how the values of a field are written everywhere.
var vocabulary = map[string]func(string) bool{
	"network.transport":                lower,
	"network.protocol":                 lower,
	"network.application":              lower,
	"network.type":                     lower,
	"network.iana_number":              digits,
	"network.direction":                oneOf("ingress", "egress", "inbound", "outbound", "internal", "external", "unknown"),
	"observer.type":                    lower,
	"host.os.type":                     oneOf("linux", "macos", "unix", "windows", "ios", "android"),
	"tls.version_protocol":             lower,
	"url.scheme":                       lower,
	"cloud.provider":                   lower,
	"dns.type":                         oneOf("query", "answer"),
	"dns.question.class":               upper,
	"dns.question.type":                upper,
	"dns.response_code":                upper,
	"source.mac":                       mac,
	"destination.mac":                  mac,
	"host.mac":                         mac,
	"client.mac":                       mac,
	"server.mac":                       mac,
	"observer.mac":                     mac,
	"file.hash.md5":                    lower,
	"file.hash.sha1":                   lower,
	"file.hash.sha256":                 lower,
	"process.hash.md5":                 lower,
	"process.hash.sha1":                lower,
	"process.hash.sha256":              lower,
	"log.syslog.facility.name":         lower,
	"source.geo.country_iso_code":      upper,
	"destination.geo.country_iso_code": upper,
	"client.geo.country_iso_code":      upper,
}
