// Command gen writes fields_gen.go of package ecs from the copies of the ECS
// field table and value lists in its data folder. It runs by go generate, in
// the folder of the package.
package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/format"
	"io/fs"
	"log"
	"math/bits"
	"os"
	"slices"
	"strings"
)

const (
	version    = "9.4.0"
	slotBits   = 12
	bucketBits = 10
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("ecs/internal/gen: ")
	data := flag.String("data", "data", "folder of the field table")
	out := flag.String("out", "fields_gen.go", "file to write")
	flag.Parse()
	src, err := generate(os.DirFS(*data))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(*out, src, 0o644); err != nil {
		log.Fatal(err)
	}
}

// types maps the type names of the table to the constants of the package.
var types = map[string]string{
	"keyword":          "TypeKeyword",
	"constant_keyword": "TypeConstantKeyword",
	"wildcard":         "TypeWildcard",
	"match_only_text":  "TypeMatchOnlyText",
	"long":             "TypeLong",
	"integer":          "TypeInteger",
	"float":            "TypeFloat",
	"double":           "TypeDouble",
	"scaled_float":     "TypeScaledFloat",
	"boolean":          "TypeBoolean",
	"date":             "TypeDate",
	"ip":               "TypeIP",
	"geo_point":        "TypeGeoPoint",
	"object":           "TypeObject",
	"nested":           "TypeNested",
	"flattened":        "TypeFlattened",
}

// typeShort abbreviates the types in the meta table.
func typeShort(typ string) string { return "t" + strings.TrimPrefix(types[typ], "Type") }

type field struct {
	path, ident, typ string
	array, core      bool
	set              int // index into table.sets, -1 for none
}

type set struct {
	closed bool
	values []string
}

type category struct {
	Name  string   `json:"name"`
	Types []string `json:"expected_event_types"`
}

type table struct {
	fields     []field
	sets       []set
	categories []category
}

func generate(data fs.FS) ([]byte, error) {
	t, err := read(data)
	if err != nil {
		return nil, err
	}
	seed, slots, displace, err := perfect(t.fields)
	if err != nil {
		return nil, err
	}
	src, err := format.Source(t.source(seed, slots, displace))
	if err != nil {
		return nil, fmt.Errorf("generated source: %w", err)
	}
	return src, nil
}

func read(data fs.FS) (*table, error) {
	t := new(table)
	name := "ecs-" + version + ".csv"
	text, err := fs.ReadFile(data, name)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(rows) == 0 || !slices.Equal(rows[0], []string{"field", "type", "array", "level"}) {
		return nil, fmt.Errorf("%s: columns are not field,type,array,level", name)
	}
	idents := map[string]string{}
	for _, r := range reserved {
		idents[r] = "a name of the package"
	}
	for i, row := range rows[1:] {
		f := field{path: row[0], ident: ident(row[0]), typ: row[1], array: row[2] == "array", core: row[3] == "core", set: -1}
		switch {
		case types[f.typ] == "":
			return nil, fmt.Errorf("%s:%d: %s: unknown type %q: add it to type.go and to types in this program", name, i+2, f.path, f.typ)
		case row[2] != "array" && row[2] != "":
			return nil, fmt.Errorf("%s:%d: %s: array is %q, not empty or array", name, i+2, f.path, row[2])
		case row[3] != "core" && row[3] != "extended":
			return nil, fmt.Errorf("%s:%d: %s: level is %q, not core or extended", name, i+2, f.path, row[3])
		case idents[f.ident] != "":
			return nil, fmt.Errorf("%s:%d: %s: its constant %s is also that of %s", name, i+2, f.path, f.ident, idents[f.ident])
		case strings.HasPrefix(f.ident, "Type") || strings.HasPrefix(f.ident, "Level"):
			return nil, fmt.Errorf("%s:%d: %s: its constant %s could be a type or a level", name, i+2, f.path, f.ident)
		}
		idents[f.ident] = f.path
		t.fields = append(t.fields, f)
	}
	slices.SortFunc(t.fields, func(a, b field) int { return comparePaths(a.path, b.path) })
	return t, t.readValues(data)
}

// reserved are the exported names of the package that are not fields.
var reserved = []string{"Key", "None", "Count", "Version", "Lookup", "LookupBytes", "All", "Nearest", "ExpectedTypes", "ExpectsType"}

func comparePaths(a, b string) int {
	return slices.Compare(strings.Split(a, "."), strings.Split(b, "."))
}

func (t *table) readValues(data fs.FS) error {
	name := "ecs-" + version + "-values.json"
	text, err := fs.ReadFile(data, name)
	if err != nil {
		return err
	}
	var v struct {
		Allowed  map[string][]category `json:"allowed_values"`
		Expected map[string][]string   `json:"expected_values"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for i := range t.fields {
		f := &t.fields[i]
		s := set{values: v.Expected[f.path]}
		if c := v.Allowed[f.path]; c != nil {
			if s.values != nil {
				return fmt.Errorf("%s: %s: both allowed and expected values", name, f.path)
			}
			s.closed = true
			if f.path == "event.category" {
				t.categories = c
			}
			for _, c := range c {
				s.values = append(s.values, c.Name)
				if c.Types != nil && f.path != "event.category" {
					return fmt.Errorf("%s: %s: only event.category may expect event types", name, f.path)
				}
			}
		}
		if s.values == nil {
			continue
		}
		delete(v.Allowed, f.path)
		delete(v.Expected, f.path)
		f.set = slices.IndexFunc(t.sets, func(o set) bool { return o.closed == s.closed && slices.Equal(o.values, s.values) })
		if f.set < 0 {
			f.set = len(t.sets)
			t.sets = append(t.sets, s)
		}
	}
	if len(v.Allowed)+len(v.Expected) != 0 {
		return fmt.Errorf("%s: values for fields that are not in the table: %v %v", name, v.Allowed, v.Expected)
	}
	return nil
}

// initialism returns how the identifiers write a word that is not simply capitalised,
// or "".
func initialism(word string) string {
	switch word {
	case "appname":
		return "AppName"
	case "cdhash":
		return "CDHash"
	case "faas":
		return "FaaS"
	case "macho":
		return "MachO"
	case "msgid":
		return "MsgID"
	case "oauth":
		return "OAuth"
	case "procid":
		return "ProcID"
	case "ssdeep":
		return "SSDeep"
	case "username":
		return "Username"
	case "abi", "ai", "api", "as", "bcc", "cc", "cpu", "dll", "dns", "dos", "ecs", "elf", "gid", "http", "iana", "id", "io", "ip", "iso", "ja3", "ja3s", "mac",
		"md5", "mfa", "mime", "nat", "ns", "os", "pe", "pid", "sha1", "sha256", "sha384", "sha512", "tlp", "tls", "tlsh", "ttl", "tty", "uid", "uri", "url", "uuid", "vlan", "vpid", "x509":
		return strings.ToUpper(word)
	}
	return ""
}

// ident names the constant of a path: http.response.status_code gives
// HTTPResponseStatusCode.
func ident(path string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '_' || r == '@' }) {
		if s := initialism(word); s != "" {
			b.WriteString(s)
			continue
		}
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// perfect finds a seed and, for each bucket of names, a displacement with
// which every name has a slot of its own. Slots hold key numbers, 0 when free.
func perfect(fields []field) (seed uint64, slots, displace []uint16, err error) {
	for seed = 1; seed < 1000; seed++ {
		buckets := make([][]int, 1<<bucketBits)
		hashes := make([]uint64, len(fields))
		for i, f := range fields {
			hashes[i] = hash(seed, f.path)
			b := hashes[i] >> (64 - bucketBits)
			buckets[b] = append(buckets[b], i)
		}
		order := make([]int, len(buckets))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return len(buckets[b]) - len(buckets[a]) })
		slots, displace = make([]uint16, 1<<slotBits), make([]uint16, 1<<bucketBits)
		if !slices.ContainsFunc(order, func(b int) bool { return !place(buckets[b], hashes, slots, &displace[b]) }) {
			return seed, slots, displace, nil
		}
	}
	return 0, nil, nil, errors.New("no perfect hash found: raise slotBits")
}

// place finds the first displacement at which the bucket's names fit.
func place(bucket []int, hashes []uint64, slots []uint16, displace *uint16) bool {
	for d := range uint32(1 << slotBits) {
		placed := 0
		for _, i := range bucket {
			s := (uint32(hashes[i]) ^ d) % (1 << slotBits)
			if slots[s] != 0 {
				break
			}
			slots[s] = uint16(i + 1)
			placed++
		}
		if placed == len(bucket) {
			*displace = uint16(d)
			return true
		}
		for _, i := range bucket[:placed] {
			slots[(uint32(hashes[i])^d)%(1<<slotBits)] = 0
		}
	}
	return false
}

// hash must stay the same function as the one in lookup.go of package ecs,
// whose tests fail when it is not.
func hash(seed uint64, s string) uint64 {
	const mul = 0x9e3779b97f4a7c15
	mix := func(a, b uint64) uint64 {
		hi, lo := bits.Mul64(a, b)
		return hi ^ lo
	}
	load := func(i, size int) (v uint64) {
		for j := range size {
			v |= uint64(s[i+j]) << (8 * j)
		}
		return v
	}
	n := len(s)
	var a, b uint64
	h := seed ^ uint64(n)
	switch {
	case n > 16:
		for i := 0; i+16 < n; i += 16 {
			h = mix(load(i, 8)^h, load(i+8, 8)^mul)
		}
		a, b = load(n-16, 8), load(n-8, 8)
	case n >= 8:
		a, b = load(0, 8), load(n-8, 8)
	case n >= 4:
		a, b = load(0, 4), load(n-4, 4)
	case n > 0:
		a, b = uint64(s[0])<<8|uint64(s[n/2]), uint64(s[n-1])
	}
	return mix(a^h, b^mul)
}

func (t *table) source(seed uint64, slots, displace []uint16) []byte {
	var b bytes.Buffer
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("// Code generated by normalize/ecs/internal/gen from data/ecs-%s.csv and data/ecs-%[1]s-values.json. DO NOT EDIT.\n\n", version)
	p("package ecs\n\n// Version is the version of ECS that the table is made from.\nconst Version = %q\n\n", version)
	p("// Count is the number of keys, [None] included: every key is below it.\nconst Count = %d\n\n", len(t.fields)+1)

	p("// The fields of ECS, with their types and levels.\nconst (\nNone Key = iota // no field\n")
	root := ""
	for _, f := range t.fields {
		if r, _, _ := strings.Cut(f.path, "."); r != root {
			root = r
			p("\n")
		}
		kind := f.typ
		if f.array {
			kind += " array"
		}
		level := "extended"
		if f.core {
			level = "core"
		}
		p("%s // %s: %s, %s\n", f.ident, f.path, kind, level)
	}
	p(")\n\n")

	longest := 0
	ends := []int{0, 0}
	p("// nameText holds all names one after the other: that of key k lies between\n// nameEnd[k] and nameEnd[k+1].\nconst nameText = \"\"")
	for i, f := range t.fields {
		if i%4 == 0 {
			p(" +\n\"")
		}
		p("%s", f.path)
		if i%4 == 3 || i == len(t.fields)-1 {
			p("\"")
		}
		ends = append(ends, ends[i+1]+len(f.path))
		longest = max(longest, len(f.path))
	}
	p("\n\nvar nameEnd = [Count + 1]uint32{")
	numbers(&b, ends)
	p("}\n\n")

	p("const (\n")
	var used []string
	for _, f := range t.fields {
		if !slices.Contains(used, f.typ) {
			used = append(used, f.typ)
		}
	}
	slices.Sort(used)
	for _, typ := range used {
		p("%s = uint8(%s)\n", typeShort(typ), types[typ])
	}
	p(")\n\nvar meta = [Count]uint8{\nuint8(TypeNone)")
	for i, f := range t.fields {
		p(", ")
		if i%8 == 0 {
			p("\n")
		}
		p("%s", typeShort(f.typ))
		if f.array {
			p(" | metaArray")
		}
		if f.core {
			p(" | metaCore")
		}
		if f.set >= 0 {
			p(" | metaSet")
		}
	}
	p(",\n}\n\n")

	p("const (\nmaxName = %d // bytes in the longest name\nslotBits = %d\nbucketBits = %d\nhashSeed = %d\n)\n\n", longest, slotBits, bucketBits, seed)
	p("var displace = [1 << bucketBits]uint16{")
	numbers(&b, displace)
	p("}\n\nvar slots = [1 << slotBits]Key{")
	numbers(&b, slots)
	p("}\n\n")

	p("func setOf(k Key) int {\nswitch k {\n")
	for i := range t.sets {
		var names []string
		for _, f := range t.fields {
			if f.set == i {
				names = append(names, f.ident)
			}
		}
		p("case %s:\nreturn %d\n", strings.Join(names, ",\n"), i)
	}
	p("}\npanic(\"ecs: field without a set of values\")\n}\n\n")
	p("var valueSets = [...]valueSet{\n")
	for i, s := range t.sets {
		p("%d: {%t, []string{%s}, hasValue%d},\n", i, s.closed, quoted(s.values), i)
	}
	p("}\n\n")
	for i, s := range t.sets {
		p("func hasValue%d(v string) bool {\nswitch v {\ncase %s:\nreturn true\n}\nreturn false\n}\n\n", i, quoted(s.values))
	}
	p("func expectedTypes(category string) []string {\nswitch category {\n")
	for i, c := range t.categories {
		p("case %q:\nreturn categoryTypes[%d]\n", c.Name, i)
	}
	p("}\nreturn nil\n}\n\nvar categoryTypes = [...][]string{\n")
	for i, c := range t.categories {
		p("%d: {%s}, // %s\n", i, quoted(c.Types), c.Name)
	}
	p("}\n")
	return b.Bytes()
}

func quoted(values []string) string {
	q := make([]string, len(values))
	for i, v := range values {
		q[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(q, ", ")
}

func numbers[N int | uint16](b *bytes.Buffer, list []N) {
	for i, n := range list {
		if i%16 == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "%d, ", n)
	}
	b.WriteByte('\n')
}
