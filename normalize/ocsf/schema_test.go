package ocsf_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
)

// schema is what OCSF publishes of its classes, objects and attributes, in testdata.
type schema struct {
	Version    string
	Categories struct{ Attributes map[string]struct{ UID int } }
	Dictionary struct {
		Attributes map[string]attribute
		Types      struct{ Attributes map[string]typeFacts }
	}
	Events, Objects, Profiles map[string]*object
	patterns                  map[string]*regexp.Regexp
}

type object struct {
	Name, Extends, Category string
	UID                     int
	Attributes              map[string]json.RawMessage
	Constraints             struct {
		AtLeastOne []string `json:"at_least_one"`
		JustOne    []string `json:"just_one"`
	}
}

type attribute struct {
	Type, Requirement string
	IsArray           bool `json:"is_array"`
	Enum              map[string]struct{}
	Profile           *string
}

type typeFacts struct {
	Type, Regex string
	Range       []float64
}

func loadSchema(t testing.TB) *schema {
	t.Helper()
	b, err := os.ReadFile("testdata/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	s := &schema{patterns: map[string]*regexp.Regexp{}}
	if err := json.Unmarshal(b, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// attributes are those of an object with what it inherits and includes. inProfile says
// which profiles the event has.
func (s *schema) attributes(o *object, from map[string]*object) map[string]attribute {
	all := map[string]attribute{}
	if o.Extends != "" && from[o.Extends] != nil {
		all = s.attributes(from[o.Extends], from)
	}
	if raw, ok := o.Attributes["$include"]; ok {
		var files []string
		_ = json.Unmarshal(raw, &files)
		for _, f := range files {
			name := strings.TrimSuffix(strings.TrimPrefix(f, "profiles/"), ".json")
			for k, a := range s.own(s.Profiles[name]) {
				a.Profile = &name
				merge(all, k, a)
			}
		}
	}
	for k, a := range s.own(o) {
		merge(all, k, a)
	}
	return all
}

func merge(all map[string]attribute, k string, a attribute) {
	old := all[k]
	if a.Requirement != "" {
		old.Requirement, old.Profile = a.Requirement, a.Profile
	}
	if a.Type != "" {
		old.Type = a.Type
	}
	if a.Enum != nil {
		enum := map[string]struct{}{}
		for _, from := range []map[string]struct{}{old.Enum, a.Enum} {
			for v := range from {
				enum[v] = struct{}{}
			}
		}
		old.Enum = enum
	}
	all[k] = old
}

func (s *schema) own(o *object) map[string]attribute {
	all := map[string]attribute{}
	if o == nil {
		return all
	}
	for k, raw := range o.Attributes {
		if strings.HasPrefix(k, "$") {
			continue
		}
		var a attribute
		_ = json.Unmarshal(raw, &a)
		all[k] = a
	}
	return all
}

func (s *schema) category(o *object) int {
	for o != nil {
		if o.Category != "" {
			return s.Categories.Attributes[o.Category].UID
		}
		o = s.Events[o.Extends]
	}
	return 0
}

// event returns everything that is wrong with an event.
func (s *schema) event(e map[string]any) []string {
	uid, _ := e["class_uid"].(json.Number)
	for _, c := range s.Events {
		id := s.category(c)*1000 + c.UID
		if c.UID == 0 && c.Name != "base_event" || uid.String() != fmt.Sprint(id) {
			continue
		}
		var faults []string
		profiles := []string{}
		if m, ok := e["metadata"].(map[string]any); ok {
			for _, p := range asList(m["profiles"]) {
				profiles = append(profiles, p.(string))
			}
		}
		activity, _ := e["activity_id"].(json.Number)
		if typ, _ := e["type_uid"].(json.Number); typ.String() != fmt.Sprintf("%d", id*100+atoi(activity)) {
			faults = append(faults, fmt.Sprintf("type_uid is %s for class %d and activity %s", typ, id, activity))
		}
		if cat, _ := e["category_uid"].(json.Number); atoi(cat) != s.category(c) {
			faults = append(faults, fmt.Sprintf("category_uid is %s", cat))
		}
		attrs := s.attributes(c, s.Events)
		delete(e, "unmapped")
		faults = append(faults, s.object("", e, attrs, c, profiles, true)...)
		return faults
	}
	return []string{"class_uid " + uid.String() + " is not in the schema"}
}

func atoi(n json.Number) int { i, _ := n.Int64(); return int(i) }

func asList(v any) []any {
	l, _ := v.([]any)
	return l
}

func (s *schema) object(path string, o map[string]any, attrs map[string]attribute, c *object, profiles []string, top bool) (faults []string) {
	bad := func(format string, args ...any) { faults = append(faults, path+fmt.Sprintf(format, args...)) }
	for name, a := range attrs {
		if a.Requirement != "required" || a.Profile != nil && *a.Profile != "" && !slices.Contains(profiles, *a.Profile) {
			continue
		}
		if _, ok := o[name]; !ok && !(top && name == "time") {
			bad("%s is required", name)
		}
	}
	for from := c; from != nil; from = parentOf(s, from, top) {
		if l := from.Constraints.AtLeastOne; len(l) > 0 && count(o, l) == 0 {
			bad("one of %v is required", l)
			break
		}
		if l := from.Constraints.JustOne; len(l) > 0 && count(o, l) != 1 {
			bad("one of %v is wanted", l)
		}
		if len(from.Constraints.AtLeastOne) > 0 {
			break // the nearest one counts
		}
	}
	for name, v := range o {
		a, ok := attrs[name]
		if !ok {
			bad("%s is no attribute of %s", name, c.Name)
			continue
		}
		if p := a.Profile; top && p != nil && *p != "" && !slices.Contains(profiles, *p) {
			bad("%s belongs to the profile %s, which the event does not name", name, *p)
		}
		d := s.Dictionary.Attributes[name]
		typ := d.Type
		if a.Type != "" {
			typ = a.Type
		}
		enum := a.Enum
		if enum != nil {
			for v := range d.Enum {
				enum[v] = struct{}{}
			}
		} else {
			enum = d.Enum
		}
		values := []any{v}
		if l, isList := v.([]any); isList != d.IsArray {
			bad("%s: a list is %v, want %v", name, isList, d.IsArray)
			continue
		} else if isList {
			values = l
		}
		for _, v := range values {
			if len(enum) > 2 {
				if _, ok := enum[fmt.Sprint(v)]; !ok {
					bad("%s: %v is not one of the enumeration", name, v)
				}
			}
			faults = append(faults, s.value(path+name, v, typ, profiles)...)
		}
	}
	sort.Strings(faults)
	return faults
}

func parentOf(s *schema, o *object, event bool) *object {
	if event {
		return s.Events[o.Extends]
	}
	return s.Objects[o.Extends]
}

func count(o map[string]any, names []string) (n int) {
	for _, name := range names {
		if _, ok := o[name]; ok {
			n++
		}
	}
	return n
}

func (s *schema) value(path string, v any, typ string, profiles []string) []string {
	wrong := func() []string { return []string{fmt.Sprintf("%s: %v is no %s", path, v, typ)} }
	if o := s.Objects[typ]; o != nil {
		m, ok := v.(map[string]any)
		if !ok {
			return wrong()
		}
		return s.object(path+".", m, s.attributes(o, s.Objects), o, profiles, false)
	}
	facts := s.Dictionary.Types.Attributes[typ]
	base := typ
	if facts.Type != "" {
		base = facts.Type
	}
	switch base {
	case "string_t":
		text, ok := v.(string)
		if !ok {
			return wrong()
		}
		if facts.Regex != "" {
			re := s.patterns[typ]
			if re == nil {
				re = regexp.MustCompile(facts.Regex)
				s.patterns[typ] = re
			}
			if !re.MatchString(text) {
				return wrong()
			}
		}
	case "integer_t", "long_t":
		n, ok := v.(json.Number)
		if !ok || strings.ContainsAny(n.String(), ".eE") {
			return wrong()
		}
		i, _ := n.Int64()
		if base == "integer_t" && i != int64(int32(i)) && len(facts.Range) == 0 {
			return wrong()
		}
		if len(facts.Range) == 2 && (float64(i) < facts.Range[0] || float64(i) > facts.Range[1]) {
			return wrong()
		}
	case "float_t":
		if _, ok := v.(json.Number); !ok {
			return wrong()
		}
	case "boolean_t":
		if _, ok := v.(bool); !ok {
			return wrong()
		}
	case "json_t", "object":
	default:
		return []string{path + ": the type " + typ + " is not known"}
	}
	return nil
}
