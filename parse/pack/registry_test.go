package pack_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
)

const registryPack = `name: acme.%s
aliases: [%s]
vendor: Acme
product: %s
version: 1.0.0
detect: [{starts: ["%s:"]}]
steps:
  - text: "%s: <message>"
`

func registrySet(t testing.TB) *pack.Set {
	t.Helper()
	files := fstest.MapFS{}
	for _, p := range []string{"door", "lamp"} {
		files["acme."+p+"/pack.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, registryPack, p, p, p, p, p)}
	}
	s, err := pack.NewSet()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.LoadDir(files); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSetRegister(t *testing.T) {
	var r parse.Registry[parse.Record]
	mine := parse.ParserFunc[parse.Record](func(m *parse.Message, out *parse.Events[parse.Record]) error {
		out.Add().Pack = "mine"
		return nil
	})
	r.MustRegister("mine", mine, parse.RegisterOptions{
		Order:    pack.RegistryOrder + 1,
		Detector: parse.DetectorFunc(func(*parse.Message) bool { return true }),
	})
	if err := registrySet(t).Register(&r, pack.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.Names()); got != "[acme.door acme.lamp mine]" {
		t.Errorf("names are %s", got)
	}
	if _, ok := r.Lookup("door"); !ok {
		t.Error("the alias door finds nothing")
	}
	auto := r.Auto()
	var out parse.Events[parse.Record]
	for _, tc := range []struct{ raw, hint, want string }{
		{"door: opened", "", "acme.door"},
		{"lamp: lit", "", "acme.lamp"},
		{"lamp: lit", "mine", "mine"},
		{"something", "", "mine"},
		{"door: opened", "unheard of", "acme.door"},
	} {
		out.Reset()
		m := &parse.Message{Raw: []byte(tc.raw), Origin: &parse.Origin{Hint: tc.hint}}
		if err := auto.Parse(m, &out); err != nil || out.Len() != 1 || out.At(0).Pack != tc.want {
			t.Errorf("%q with hint %q: %d events, error %v, want one of %s", tc.raw, tc.hint, out.Len(), err, tc.want)
		}
	}
	if err := registrySet(t).Register(&r, pack.Options{}); err == nil {
		t.Error("the same packs were registered twice without an error")
	}
}

func TestSetRegisterBadPack(t *testing.T) {
	s, err := pack.NewSet()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.LoadDir(fstest.MapFS{"acme.bad/pack.yaml": {Data: []byte("name: acme.bad\n")}}); err != nil {
		t.Fatal(err)
	}
	var r parse.Registry[parse.Record]
	if err := s.Register(&r, pack.Options{}); err != nil {
		return // found early: fine too
	}
	p, _ := r.Lookup("acme.bad")
	var out parse.Events[parse.Record]
	if err := parse.ForWorker(p).Parse(&parse.Message{Raw: []byte("x")}, &out); !errors.Is(err, errcat.Internal) {
		t.Errorf("a pack that does not compile answers %v", err)
	}
}

// A registry has packs and the host's own parsers side by side.
func ExampleSet_Register() {
	door, err := pack.Compile("pack.yaml", []byte(`
name: acme.door
vendor: Acme
product: Door
version: 1.0.0
detect: [{starts: ["door:"]}]
steps:
  - text: "door: <who> came in"
    map: {user.name: who}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := pack.NewSet(door)
	if err != nil {
		fmt.Println(err)
		return
	}
	var r parse.Registry[parse.Record]
	if err := set.Register(&r, pack.Options{}); err != nil {
		fmt.Println(err)
		return
	}
	var out parse.Events[parse.Record]
	auto := r.Auto()
	for _, line := range []string{"door: ann came in", "what is this"} {
		out.Reset()
		if err := auto.Parse(&parse.Message{Raw: []byte(line)}, &out); err != nil {
			fmt.Println(errcat.Of(err))
			continue
		}
		k, _ := out.At(0).Lookup("user.name")
		fmt.Println(out.At(0).Pack, out.At(0).Get(k))
	}
	// Output:
	// acme.door ann
	// UNKNOWN_FORMAT
}
