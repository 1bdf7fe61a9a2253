package ocsf_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/normalize/ocsf"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
	"github.com/penstock-dev/penstock/parse/vendors"
)

func decode(t testing.TB, line []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return m
}

// TestSchema writes the events of the samples of every built-in pack and checks each against
// the published schema.
func TestSchema(t *testing.T) {
	s := loadSchema(t)
	if s.Version != ocsf.Version {
		t.Errorf("Version is %s, the schema's is %s", ocsf.Version, s.Version)
	}
	packs, err := vendors.Packs()
	if err != nil {
		t.Fatal(err)
	}
	enc := ocsf.NewEncoder(ocsf.Options{})
	classes, events := map[string]int{}, 0
	var line []byte
	dirs, err := fs.Glob(os.DirFS("../../parse/vendors"), "*/testdata/samples*.log")
	if err != nil || len(dirs) < 100 {
		t.Fatalf("%d files of samples: %v", len(dirs), err)
	}
	for _, f := range dirs {
		name := filepath.Base(filepath.Dir(filepath.Dir(f)))
		p, err := packs.Pack(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile("../../parse/vendors/" + f)
		if err != nil {
			t.Fatal(err)
		}
		var out parse.Events[parse.Record]
		parser := parse.ForWorker(p.Parser(pack.Options{}))
		for raw := range bytes.SplitSeq(b, []byte("\n")) {
			out.Reset()
			if parser.Parse(&parse.Message{Raw: raw}, &out) != nil {
				continue
			}
			for _, r := range out.All() {
				line, _ = enc.Append(line[:0], r)
				e := decode(t, line)
				classes[fmt.Sprint(e["class_uid"])]++
				events++
				for _, fault := range s.event(e) {
					t.Errorf("%s: %s\n%s", name, fault, line)
				}
			}
		}
	}
	var seen []string
	for c := range classes {
		seen = append(seen, fmt.Sprintf("%s: %d", c, classes[c]))
	}
	sort.Strings(seen)
	t.Logf("%d events: %v", events, seen)
	if events < 1000 || len(classes) < 13 {
		t.Errorf("%d events of %d classes: too few to say something", events, len(classes))
	}
}

// TestNothingLost holds that every value of an event is written, in an attribute or in
// unmapped.
func TestNothingLost(t *testing.T) {
	var r parse.Record
	r.Use(nil)
	n, enc := 0, ocsf.NewEncoder(ocsf.Options{})
	for k := range ecs.All() {
		if k.Array() || k == ecs.Timestamp {
			continue
		}
		r.Reset()
		r.SetString(ecs.HostName, "h")
		word := fmt.Sprintf("word%dword", n)
		n++
		r.SetString(k, word)
		line, _ := enc.Append(nil, &r)
		decode(t, line)
		switch k {
		case ecs.EventKind, ecs.ECSVersion, ecs.EventOutcome:
			continue // told by attributes with words of their own
		}
		if !bytes.Contains(line, []byte(word)) {
			t.Errorf("%s is lost: %s", k.Name(), line)
		}
	}
}

func TestAllocations(t *testing.T) {
	r := sample()
	enc := ocsf.NewEncoder(ocsf.Options{})
	var line []byte
	write := func() { line, _ = enc.Append(line[:0], r) }
	write()
	if n := testing.AllocsPerRun(100, write); n > 0 {
		t.Errorf("%v allocations an event", n)
	}
}

func sample() *parse.Record {
	r := &parse.Record{}
	r.Set(ecs.Timestamp, parse.TimeValue(1_772_528_400_000_000_000))
	r.SetConst(ecs.EventKind, "event")
	r.Set(ecs.EventCategory, parse.ListValue([]parse.Value{parse.StringValue("network")}))
	r.Set(ecs.EventType, parse.ListValue([]parse.Value{parse.StringValue("connection"), parse.StringValue("denied")}))
	r.SetConst(ecs.ObserverVendor, "Acme")
	r.SetConst(ecs.ObserverProduct, "Wall")
	ip, _ := parse.IPValue([]byte("192.0.2.7"), r.Text())
	r.Set(ecs.SourceIP, ip)
	r.SetInt(ecs.SourcePort, 4711)
	r.SetString(ecs.RuleName, "outside-in")
	r.Append(ecs.RelatedIP, ip)
	return r
}

func BenchmarkAppend(b *testing.B) {
	r := sample()
	enc := ocsf.NewEncoder(ocsf.Options{})
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line, _ = enc.Append(line[:0], r)
	}
	b.SetBytes(int64(len(line)))
}

func ExampleEncoder() {
	line, _ := ocsf.NewEncoder(ocsf.Options{}).Append(nil, sample())
	fmt.Println(string(line))
	// Output: {"action_id":2,"activity_id":5,"category_name":"Network Activity","category_uid":4,"class_name":"Network Activity","class_uid":4001,"disposition":"Blocked","disposition_id":2,"firewall_rule":{"name":"outside-in"},"metadata":{"product":{"name":"Wall","vendor_name":"Acme"},"profiles":["security_control"],"version":"1.9.0-dev"},"observables":[{"type_id":2,"value":"192.0.2.7"}],"severity":"Unknown","severity_id":0,"src_endpoint":{"ip":"192.0.2.7","port":4711},"time":1772528400000,"type_uid":400105,"unmapped":{"event":{"category":["network"],"type":["connection","denied"]}}}
}
