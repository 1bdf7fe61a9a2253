package pack

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write pack.schema.json anew")

func TestJSONSchema(t *testing.T) {
	const name = "pack.schema.json"
	got := JSONSchema()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the compiler knows: go test ./parse/pack -run JSONSchema -update", name)
	}
	var schema struct {
		Properties  map[string]any
		Definitions map[string]struct {
			Properties map[string]any
		}
	}
	if err := json.Unmarshal(got, &schema); err != nil {
		t.Fatal(err)
	}
	for _, k := range packKeys {
		if schema.Properties[k] == nil {
			t.Errorf("the key %s is missing", k)
		}
	}
	for _, kind := range layerKinds {
		if len(properties(schema.Definitions["step"].Properties[kind])) < 2 {
			t.Errorf("the options of %s are missing", kind)
		}
		if layerDocs[kind] == "" {
			t.Errorf("the format %s has no description in layerDocs", kind)
		}
	}
	for def, key := range map[string]string{"signature": "contains", "table": "rows"} {
		if _, ok := schema.Definitions[def].Properties[key]; !ok {
			t.Errorf("%s.%s is missing", def, key)
		}
	}
}

func TestFilters(t *testing.T) {
	list := Filters()
	if !slices.IsSortedFunc(list, func(a, b FilterDoc) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted")
	}
	for _, f := range list {
		if f.Doc == "" {
			t.Errorf("%s has no description", f.Name)
		}
	}
}

func properties(v any) map[string]any {
	m, _ := v.(map[string]any)
	p, _ := m["properties"].(map[string]any)
	return p
}
