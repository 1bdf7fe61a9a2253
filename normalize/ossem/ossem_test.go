package ossem_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/normalize/ossem"
	"github.com/penstock-dev/penstock/parse"
)

// names is what the Common Data Model publishes: attributes below the prefixes of entities.
type names struct {
	attributes map[string]map[string]string // by prefix and name, the type
}

func load(t *testing.T) *names {
	t.Helper()
	f, err := os.Open("testdata/attributes.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	n := &names{map[string]map[string]string{}}
	for _, r := range rows[1:] {
		if n.attributes[r[1]] == nil {
			n.attributes[r[1]] = map[string]string{}
		}
		n.attributes[r[1]][r[2]] = r[3]
	}
	return n
}

// kind is the type of an attribute behind one or more prefixes, or "".
func (n *names) kind(name string) string {
	for prefix, attributes := range n.attributes {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if t := attributes[rest]; t != "" {
			return t
		}
		if t := n.kind(rest); t != "" {
			return t
		}
	}
	return ""
}

// TestModel writes every field of ECS and checks names and types against the published
// model, and that nothing is lost.
func TestModel(t *testing.T) {
	n, enc := load(t), ossem.NewEncoder(ossem.Options{})
	known := 0
	for k := range ecs.All() {
		var r parse.Record
		word := "word" + fmt.Sprint(int(k)) + "word"
		switch k.Type() {
		case ecs.TypeDate:
			r.Set(k, parse.TimeValue(1_772_528_400_000_000_000))
			word = "2026-03-03T"
		case ecs.TypeLong:
			r.SetInt(k, 4_000_000+int64(k))
			word = fmt.Sprint(4_000_000 + int(k))
		case ecs.TypeIP:
			v, _ := parse.IPValue([]byte("192.0.2.7"), r.Text())
			r.Set(k, v)
			word = "192.0.2.7"
		case ecs.TypeBoolean:
			r.SetBool(k, true)
			word = "true"
		default:
			r.SetString(k, word)
		}
		line, _ := enc.Append(nil, &r)
		if !bytes.Contains(line, []byte(word)) && k.Name() != "event.duration" {
			t.Errorf("%s is lost: %s", k.Name(), line)
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.UseNumber()
		var m map[string]any
		if err := d.Decode(&m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for name, v := range m {
			if name == "AdditionalFields" {
				continue
			}
			known++
			ok := false
			switch kind := n.kind(name); kind {
			case "":
				t.Errorf("%s: %s is not in the model", k.Name(), name)
				continue
			case "integer", "long", "float":
				_, ok = v.(json.Number)
			case "boolean":
				_, ok = v.(bool)
			default:
				_, ok = v.(string)
			}
			if !ok {
				t.Errorf("%s: %s is a %s in the model, not %v", k.Name(), name, n.kind(name), v)
			}
		}
	}
	if known < 150 {
		t.Errorf("%d fields of ECS have an attribute, too few to say something", known)
	}
}

func sample() *parse.Record {
	r := &parse.Record{}
	r.Set(ecs.Timestamp, parse.TimeValue(1_772_528_400_000_000_000))
	ip, _ := parse.IPValue([]byte("192.0.2.7"), r.Text())
	r.Set(ecs.SourceIP, ip)
	r.SetInt(ecs.SourcePort, 4711)
	r.SetString(ecs.UserName, "jdoe")
	r.SetString(ecs.EventDataset, "acme.wall")
	return r
}

func TestAllocations(t *testing.T) {
	r, enc := sample(), ossem.NewEncoder(ossem.Options{})
	var line []byte
	write := func() { line, _ = enc.Append(line[:0], r) }
	write()
	if n := testing.AllocsPerRun(100, write); n > 0 {
		t.Errorf("%v allocations an event", n)
	}
}

func ExampleEncoder() {
	line, _ := ossem.NewEncoder(ossem.Options{}).Append(nil, sample())
	fmt.Println(string(line))
	// Output: {"AdditionalFields":{"event":{"dataset":"acme.wall"}},"EventTimestamp":"2026-03-03T09:00:00.000Z","SrcIpAddr":"192.0.2.7","SrcPortNumber":4711,"UserName":"jdoe"}
}
