package pack

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"

	"github.com/penstock-dev/penstock/normalize/ecs"
)

// FilterDoc describes one filter of the expression language.
type FilterDoc struct {
	Name string
	Args string // how its arguments are written; empty for none
	Doc  string // what it makes of a value
	// Lossy: the result does not hold all of the value, which is therefore kept among the
	// vendor's fields as well.
	Lossy bool
	// List: it takes a list as a whole. Others are applied to each element of one.
	List bool
}

// Filters lists the filters of the expression language by name.
func Filters() []FilterDoc {
	var out []FilterDoc
	for name, f := range filters() {
		out = append(out, FilterDoc{Name: name, Args: f.args, Doc: f.doc, Lossy: f.lossy, List: f.list})
	}
	slices.SortFunc(out, func(a, b FilterDoc) int { return strings.Compare(a.Name, b.Name) })
	return out
}

type object = map[string]any

// JSONSchema is the JSON Schema (draft 7) of pack.yaml, with which editors complete and
// check it. The compiler knows more: what a schema finds right may still be refused.
func JSONSchema() []byte {
	text := object{"type": []string{"string", "number", "boolean"}}
	texts := object{"anyOf": []object{{"$ref": "#/definitions/text"}, {"type": "array", "items": object{"$ref": "#/definitions/text"}}, {"type": "null"}}}
	boolean := object{"type": "boolean"}
	steps := object{"$ref": "#/definitions/steps"}
	expression := object{"$ref": "#/definitions/expression"}
	list := object{"$ref": "#/definitions/texts"}
	onError := object{"enum": []string{"fail", "skip", "drift"}, "description": "What happens with a text that cannot be read: the message is refused, nothing, or the event says so in error.code."}

	definitions := object{
		"text":  text,
		"texts": texts,
		"expression": object{
			"type":        []string{"string", "number", "boolean"},
			"description": "name, $field, \"text\", 12, true, [list], f(args), e | filter, a ?? b, comparisons, not, and, or. Filters: " + filterList() + ".",
		},
		"set": object{
			"type":        "object",
			"description": "Fields and their constant values. field+ appends to a list, field? sets only what is not set, _name is a temporary.",
			"allOf":       []object{{"$ref": "#/definitions/fields"}},
			"properties":  allowedValues(),
		},
		"fields": object{"description": "The fields of ECS " + ecs.Version + ".", "properties": fieldNames()},
		"map": object{
			"type":        "object",
			"description": "Fields and the expressions that give their values. field+ appends to a list, field? sets only what is not set, _name is a temporary, message~ is the text that the next format reads.",
			"allOf":       []object{{"$ref": "#/definitions/fields"}, {"additionalProperties": object{"$ref": "#/definitions/mapped"}}},
		},
		"mapped": object{"anyOf": []object{expression, {
			"type": "object", "required": []string{"value"}, "additionalProperties": false,
			"properties": described(knownIn("map: {event.action: {nonsense: 1}}"), object{
				"value": expression, "when": expression,
				"on_error": object{"enum": []string{"drop", "tag", "fail"}, "description": "What happens with a value that does not fit: it is left out, and said so in error.code, or the event is refused."},
			}),
		}}},
		"steps": object{"anyOf": []object{{"$ref": "#/definitions/step"}, {"type": "array", "items": object{"$ref": "#/definitions/step"}}, {"type": "null"}}},
	}

	step := object{
		"when": expression, "else": steps, "then": steps, "default": steps,
		"set": object{"$ref": "#/definitions/set"}, "map": object{"$ref": "#/definitions/map"},
		"lookup": object{
			"type": "object", "required": []string{"table", "key"}, "additionalProperties": false,
			"description": "Sets the columns of a table's row as fields.",
			"properties":  described(knownIn("lookup: {nonsense: 1}"), object{"table": text, "key": expression}),
		},
		"switch": object{"anyOf": []object{expression, {"type": "array", "items": expression, "minItems": 2, "maxItems": 8}}},
		"cases":  object{"type": "object", "additionalProperties": steps, "description": "Values of switch and what is done for them: 'a|b' for several, 'prefix*' for what begins so."},
		"use":    object{"$ref": "#/definitions/texts", "description": "Groups whose steps are done here."},
		"drop":   object{"type": "boolean", "description": "The event is not wanted; it counts as filtered."},
		"fail":   object{"type": "string", "description": "The event is refused, and this is why."},
		"name":   text,
		"text":   object{"$ref": "#/definitions/patterns"},
	}
	pattern := object{"anyOf": []object{text, {
		"type": "object", "required": []string{"is"}, "properties": object{"is": object{"type": "string"}},
		"description": "A pattern with a step of its own.",
	}}}
	definitions["patterns"] = object{
		"description": "Patterns of free text: Deny <proto:word> src <if>:<src:ip>/<sport:int>{ (<user>)}.",
		"anyOf": []object{text, {"type": "array", "items": pattern}, {
			"type": "object", "required": []string{"patterns"}, "additionalProperties": false,
			"properties": described(knownIn("text: {nonsense: 1}"), object{
				"from": text, "on_error": onError,
				"patterns": object{"anyOf": []object{text, {"type": "array", "items": pattern}}},
			}),
		}},
	}
	for _, kind := range layerKinds {
		step[kind] = object{
			"type": []string{"object", "null"}, "additionalProperties": false,
			"description": layerDocs[kind],
			"properties":  described(knownIn(kind+": {nonsense: 1}"), object{"from": text, "on_error": onError, "as": text, "time": boolean, "relayed": boolean, "required": boolean, "columns": list}),
		}
	}
	definitions["step"] = object{"type": "object", "additionalProperties": false, "properties": described(stepKeys, step)}
	signature := object{"type": "object", "additionalProperties": false, "properties": described(knownSignature(), object{
		"header":  object{"enum": []string{"any", "none", "bare", "rfc3164", "rfc5424"}},
		"pairs":   object{"type": "integer", "minimum": 1, "maximum": 100},
		"columns": object{"type": "object"},
		"sure":    object{"type": "boolean", "description": "No other product's message has all of this: the signature is tried before all others."},
	})}
	for key, v := range signature["properties"].(object) {
		if p, ok := v.(object); ok && len(p) == 0 {
			signature["properties"].(object)[key] = list
		}
	}
	definitions["signature"] = signature
	definitions["table"] = object{
		"type": "object", "required": []string{"default"}, "additionalProperties": false,
		"properties": described(knownInTable(), object{
			"rows":    object{"type": "object", "description": "Keys ('a|b' for several) and their values, or mappings of columns to values."},
			"file":    object{"type": "string", "description": "A CSV file beside the pack: a row of column names, then rows; the first column has the keys."},
			"default": object{"description": "What a key without a row becomes: null, keep (the key itself), or a row."},
			"fold":    object{"type": "boolean", "description": "The letter case of keys does not matter."},
		}),
	}

	top := object{
		"name":      object{"type": "string", "pattern": nameRule, "description": "module.dataset; the name of the pack's folder."},
		"aliases":   object{"$ref": "#/definitions/texts", "description": "Other names, on one line."},
		"vendor":    text,
		"product":   text,
		"version":   text,
		"docs":      object{"$ref": "#/definitions/texts", "description": "Addresses of the vendor's documents."},
		"notes":     object{"type": "string"},
		"order":     object{"type": "integer", "minimum": 0, "maximum": 1000, "description": "Detection tries lower numbers first; default 50."},
		"namespace": object{"type": "string", "description": "Where values go that no field took; default the name."},
		"roots":     list, "keep": boolean, "nulls": list, "include": list, "required": list, "relay": object{"description": "What holds another product's message, which that product's pack then reads.", "anyOf": []object{list, {
			"type": "object", "required": []string{"from"}, "additionalProperties": false,
			"properties": object{"from": list, "when": expression, "generic": boolean},
		}}},
		"detect":  object{"anyOf": []object{{"$ref": "#/definitions/signature"}, {"type": "array", "items": object{"$ref": "#/definitions/signature"}}}},
		"lookups": object{"type": "object", "additionalProperties": object{"$ref": "#/definitions/table"}},
		"groups":  object{"type": "object", "additionalProperties": steps},
		"set":     object{"$ref": "#/definitions/set"},
		"split": object{"type": "object", "additionalProperties": false, "description": "One message is several events.", "properties": object{
			"json":     object{"$ref": "#/definitions/texts", "description": "Members whose arrays hold events; [] for arrays at the top only."},
			"each":     object{"$ref": "#/definitions/texts", "description": "Paths to arrays inside of these, such as flows[].tuples[]: each element is an event, with all that stands around it."},
			"envelope": object{"type": "string", "description": "A temporary for the object around the array, for json: {from: NAME}."},
			"lines":    object{"type": "boolean", "description": "A message of several values is as many events."},
			"header":   object{"type": "boolean", "description": "An array behind a syslog header is split, too."},
			"alone":    object{"type": "boolean", "description": "Only where no other member is an object or an array of them."},
		}},
		"steps":    steps,
		"derive":   object{"type": "object", "additionalProperties": boolean},
		"priority": object{"type": "object", "additionalProperties": expression, "properties": object{"critical": expression, "high": expression, "low": expression}},
	}
	schema := object{
		"$schema":              "http://json-schema.org/draft-07/schema#",
		"title":                "penstock pack",
		"description":          "A vendor pack: how the messages of one product become ECS events.",
		"type":                 "object",
		"required":             []string{"name", "vendor", "product", "version", "steps"},
		"additionalProperties": false,
		"properties":           described(packKeys, top),
		"definitions":          definitions,
	}
	b, err := json.MarshalIndent(schema, "", " ")
	if err != nil {
		panic(err) // maps of texts marshal
	}
	return append(b, '\n')
}

var layerDocs = map[string]string{
	"syslog":  "Reads a syslog header; message becomes the payload.",
	"json":    "Reads a JSON object; names are paths such as a.b, a[0].b and a[].b.",
	"cef":     "Reads CEF: cef.class_id and the like, extension keys as on the wire.",
	"leef":    "Reads LEEF: leef.class_id and the like, attributes as on the wire.",
	"kv":      "Reads key=value pairs.",
	"csv":     "Reads one delimited row.",
	"xml":     "Reads XML, or a Windows event with mode: windows.",
	"members": "Reads an array of names and values.",
	"outline": "Reads labelled values below headings, out of a text for people.",
}

func filterList() string {
	var b strings.Builder
	for i, f := range Filters() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.Name + f.Args)
	}
	return b.String()
}

// described gives each key its schema, or one that allows all.
func described(keys []string, schemas object) object {
	out := object{}
	for _, k := range keys {
		if s, ok := schemas[k]; ok {
			out[k] = s
		} else {
			out[k] = object{}
		}
	}
	return out
}

// fieldNames lets editors complete the names of fields.
func fieldNames() object {
	out := object{}
	for k := range ecs.All() {
		if !k.Type().IsObject() {
			out[k.Name()] = true
		}
	}
	return out
}

// allowedValues are the values of constants where ECS allows some only.
func allowedValues() object {
	out := object{}
	for k := range ecs.All() {
		if allowed := k.Allowed(); allowed != nil {
			one := object{"enum": allowed}
			out[k.Name()] = object{"anyOf": []object{one, {"type": "array", "items": one}}}
		}
	}
	return out
}

// The compiler itself tells which keys it knows: it is asked with one that it does not.

func knownIn(step string) []string {
	_, err := Compile("", []byte("name: a.b\nvendor: a\nproduct: b\nversion: 1\nsteps:\n  - "+step+"\n"))
	return knownOf(err)
}

func knownSignature() []string {
	_, err := Compile("", []byte("name: a.b\nvendor: a\nproduct: b\nversion: 1\nsteps: []\ndetect: {nonsense: 1}\n"))
	return knownOf(err)
}

func knownInTable() []string {
	_, err := Compile("", []byte("name: a.b\nvendor: a\nproduct: b\nversion: 1\nlookups: {t: {nonsense: 1}}\nsteps: []\n"))
	return knownOf(err)
}

// knownOf reads the list at the end of the message of compiler.known.
func knownOf(err error) []string {
	if err == nil {
		return nil
	}
	_, list, ok := strings.Cut(err.Error(), "(known: ")
	if !ok {
		return nil
	}
	list, _, _ = strings.Cut(list, ")")
	keys := strings.Split(list, ", ")
	sort.Strings(keys)
	return keys
}
