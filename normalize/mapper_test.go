package normalize_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/kv"
)

// A parser of a vendor's key=value lines in Go: a format, a table, and Parse.
type wallParser struct {
	reader *kv.Reader
	mapper *normalize.Mapper
	frame  parse.Frame
}

func (p *wallParser) Parse(m *parse.Message, out *parse.Events[parse.Record]) error {
	r := out.Add()
	p.mapper.Begin(&p.frame, r)
	if err := p.reader.Read(m.Raw, &p.frame); err != nil {
		return err
	}
	p.mapper.Map(&p.frame, r, nil)
	return nil
}

func ExampleMapper() {
	mapper, err := normalize.NewMapper(normalize.MapperOptions{
		Dataset:   "acme.wall",
		Fields:    map[string]string{"src": "source.ip", "spt": "source.port", "act": "event.action"},
		Constants: map[string]string{"observer.vendor": "Acme"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	format, err := kv.New(kv.Fortinet())
	if err != nil {
		fmt.Println(err)
		return
	}
	p := &wallParser{reader: format.NewReader(mapper.Keys()), mapper: mapper}

	var out parse.Events[parse.Record]
	if err := p.Parse(&parse.Message{Raw: []byte(`src=192.0.2.7 spt=http act="deny" zone=dmz`)}, &out); err != nil {
		fmt.Println(err)
		return
	}
	line, _ := normalize.NewEncoder(normalize.EncoderOptions{Flat: true}).Append(nil, out.At(0))
	fmt.Println(string(line))
	// Output:
	// {"acme.wall.zone":"dmz","acme.wall.spt":"http","ecs.version":"9.4.0","event.action":"deny","event.dataset":"acme.wall","event.kind":"event","event.module":"acme","observer.vendor":"Acme","source.ip":"192.0.2.7"}
}

func TestMapperRefusesWrongTables(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    normalize.MapperOptions
		want string
	}{
		{"no dataset", normalize.MapperOptions{}, "Dataset"},
		{"unknown field", normalize.MapperOptions{Dataset: "a.b", Fields: map[string]string{"x": "sorce.ip"}}, "source.ip"},
		{"constant of another type", normalize.MapperOptions{Dataset: "a.b", Constants: map[string]string{"source.port": "http"}}, "does not fit"},
		{"value and parent", normalize.MapperOptions{Dataset: "a.b", Fields: map[string]string{"x": "a.b.c", "y": "c.d"}}, "c.d"},
	} {
		if _, err := normalize.NewMapper(tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want a word of %q", tc.name, err, tc.want)
		}
	}
}

func TestMapperAllocatesNothing(t *testing.T) {
	mapper, err := normalize.NewMapper(normalize.MapperOptions{Dataset: "a.b", Fields: map[string]string{"src": "source.ip", "n": "source.bytes"}})
	if err != nil {
		t.Fatal(err)
	}
	format, err := kv.New(kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &wallParser{reader: format.NewReader(mapper.Keys()), mapper: mapper}
	var out parse.Events[parse.Record]
	m := &parse.Message{Raw: []byte("src=192.0.2.7 n=12 other=x")}
	run := func() {
		out.Reset()
		if err := p.Parse(m, &out); err != nil || out.At(0).Get(ecs.SourceBytes).Int() != 12 {
			t.Fatal(err, out.At(0).Get(ecs.SourceBytes))
		}
	}
	run()
	if n := testing.AllocsPerRun(200, run); n != 0 {
		t.Errorf("%v allocations an event, want 0", n)
	}
}
