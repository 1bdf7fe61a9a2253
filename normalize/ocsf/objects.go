package ocsf

import (
	"bytes"
	"strings"

	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
)

// lists makes the attributes that are lists of objects.
func (e *Encoder) lists(c *class, r, to *parse.Record) {
	t, k := e.tables, &e.tables.keys
	to.Set(k.observables, e.observables(r, to))
	switch c.uid {
	case 1001:
		to.Set(k.fileHashes, e.hashes(to, r, fileHashes))
	case 1007:
		if h := e.hashes(to, r, processHashes); !h.IsZero() && to.Has(t.key("process.name")) {
			to.Set(k.processFileHashes, h)
			to.Set(k.processFileName, to.Get(t.key("process.name")))
			to.SetInt(k.processFileType, 1)
		}
	case 2002:
		e.inner.Use(t.schema)
		if v := r.Get(ecs.VulnerabilityID); isCVE(v) {
			v, _ := first(v, to)
			e.inner.Set(k.cveUID, v)
			e.taken.Add(ecs.VulnerabilityID)
		}
		e.move(r, ecs.VulnerabilityDescription, k.vulnerabilityDesc)
		to.Set(k.vulnerabilities, e.element(0)) // there are no evidences in this class
		to.Set(k.attacks, e.attacks(r, to))
	case 2004:
		e.evidence(r, to)
		to.Set(k.attacks, e.attacks(r, to))
	case 5021:
		i := indicator(r)
		e.inner.Use(t.schema)
		e.inner.SetInt(k.osintType, int64(i.kind))
		e.move(r, i.key, k.osintValue)
		e.move(r, ecs.ThreatIndicatorConfidence, k.osintConfidence)
		e.move(r, ecs.ThreatIndicatorReference, k.osintURL)
		e.move(r, ecs.ThreatIndicatorName, k.osintName)
		to.Set(k.osint, e.element(0))
	}
}

// move sets a field of the inner object as text.
func (e *Encoder) move(r *parse.Record, from ecs.Key, to parse.Key) {
	if v, ok := text(r.Get(from), &e.inner); ok {
		e.inner.Set(to, v)
		e.taken.Add(from)
	}
}

// element is a list with the inner record as its one object. n says which of the texts holds
// it until the event is written.
func (e *Encoder) element(n int) parse.Value {
	b := append(e.texts[n][:0], '[')
	b, _ = e.enc.Append(b, &e.inner) // it never fails
	e.inner.Reset()
	e.texts[n] = append(b, ']')
	return parse.RawValue(parse.KindArray, e.texts[n])
}

// evidence keeps what a finding rests on.
func (e *Encoder) evidence(r, to *parse.Record) {
	t, k := e.tables, &e.tables.keys
	in := &e.inner
	in.Use(t.schema)
	t.evidence.Apply(r, in, &e.log)
	for _, u := range [...]string{"actor.user", "src_endpoint.owner", "dst_endpoint.owner"} {
		t.whole(in, u, "name", "uid")
	}
	for _, p := range [...]string{"src_endpoint", "dst_endpoint"} {
		t.whole(in, p+".location", "city", "country", "region")
		t.whole(in, p, "ip", "hostname", "interface_name")
	}
	t.whole(in, "process", "pid", "uid")
	t.whole(in, "file", "name")
	t.whole(in, "url", "url_string", "path")
	t.whole(in, "query", "hostname")
	e.log.Taken(in, &e.taken)
	if t.has(in, "file") {
		in.SetInt(k.fileType, int64(fileType(r)))
		in.Set(k.fileHashes, e.hashes(in, r, fileHashes))
	}
	if t.has(in, "connection_info") {
		in.SetInt(k.directionID, int64(direction(r.Get(ecs.NetworkDirection))))
	}
	if in.Len() == 0 {
		return
	}
	to.Set(k.evidences, e.element(1))
}

// indicatorKind is the field of an indicator and its type_id in OCSF.
type indicatorKind struct {
	key  ecs.Key
	kind int
}

var indicators = []indicatorKind{
	{ecs.ThreatIndicatorFileHashSHA256, 4}, {ecs.ThreatIndicatorFileHashSHA1, 4}, {ecs.ThreatIndicatorFileHashMD5, 4},
	{ecs.ThreatIndicatorURLFull, 5}, {ecs.ThreatIndicatorURLOriginal, 5}, {ecs.ThreatIndicatorIP, 1},
	{ecs.ThreatIndicatorEmailAddress, 9}, {ecs.ThreatIndicatorURLDomain, 2},
}

func indicator(r *parse.Record) indicatorKind {
	for _, i := range indicators {
		if r.Has(i.key) {
			return i
		}
	}
	return indicatorKind{}
}

// isCVE reports whether v is the one identifier of a CVE.
func isCVE(v parse.Value) bool {
	v, ok := first(v, nil)
	return ok && v.Kind() == parse.KindString && bytes.HasPrefix(v.Bytes(), []byte("CVE-"))
}

// hash is a field that holds a hash and the algorithm_id of OCSF.
type hash struct {
	key       ecs.Key
	algorithm byte
}

var (
	fileHashes = []hash{
		{ecs.FileHashMD5, '1'}, {ecs.FileHashSHA1, '2'}, {ecs.FileHashSHA256, '3'}, {ecs.FileHashSHA512, '4'}, {ecs.FileHashSSDeep, '5'}, {ecs.FileHashTLSH, '6'},
	}
	processHashes = []hash{
		{ecs.ProcessHashMD5, '1'}, {ecs.ProcessHashSHA1, '2'}, {ecs.ProcessHashSHA256, '3'}, {ecs.ProcessHashSHA512, '4'}, {ecs.ProcessHashSSDeep, '5'}, {ecs.ProcessHashTLSH, '6'},
	}
)

// hashes is a list of fingerprints.
func (e *Encoder) hashes(to, r *parse.Record, fields []hash) parse.Value {
	b := to.Text().Scratch(512)
	for _, h := range fields {
		v := r.Get(h.key)
		if v.Kind() != parse.KindString {
			continue
		}
		b = separate(b)
		b = append(b, `{"algorithm_id":`...)
		b = append(b, h.algorithm)
		b = append(b, `,"value":`...)
		b = append(normalize.AppendJSONString(b, v.Bytes()), '}')
		e.taken.Add(h.key)
	}
	return closed(to, b)
}

// separate begins the list or goes on with it.
func separate(b []byte) []byte {
	if len(b) == 0 {
		return append(b, '[')
	}
	return append(b, ',')
}

// closed is the list that b holds all but the end of, or an absent value.
func closed(to *parse.Record, b []byte) parse.Value {
	if len(b) == 0 {
		return parse.Value{}
	}
	return parse.RawValue(parse.KindArray, to.Text().Keep(append(b, ']')))
}

// related are the fields whose values are observables, with the type_id of OCSF.
var related = []struct {
	key ecs.Key
	id  string
}{{ecs.RelatedIP, "2"}, {ecs.RelatedHosts, "1"}, {ecs.RelatedUser, "4"}, {ecs.RelatedHash, "8"}}

// observables is what related.* holds.
func (e *Encoder) observables(r, to *parse.Record) parse.Value {
	b := to.Text().Scratch(512)
	for _, f := range related {
		v := r.Get(f.key)
		if v.IsZero() {
			continue
		}
		one := [1]parse.Value{v}
		l := one[:]
		if v.Kind() == parse.KindList {
			l = v.List()
		}
		for i := range l {
			b = separate(b)
			b = append(b, `{"type_id":`...)
			b = append(b, f.id...)
			b = append(b, `,"value":`...)
			b = append(normalize.AppendJSONString(b, l[i].Bytes()), '}')
		}
		e.taken.Add(f.key)
	}
	return closed(to, b)
}

// attacks is the list of tactics and techniques of MITRE ATT&CK. ECS has them as lists side
// by side; an element is made of each tactic and of each technique.
func (e *Encoder) attacks(r, to *parse.Record) parse.Value {
	b := to.Text().Scratch(512)
	for _, f := range [...]struct {
		object    string
		uid, name ecs.Key
	}{{"tactic", ecs.ThreatTacticID, ecs.ThreatTacticName}, {"technique", ecs.ThreatTechniqueID, ecs.ThreatTechniqueName}} {
		uids, names := elements(r, f.uid), elements(r, f.name)
		for i := range max(len(uids), len(names)) {
			b = append(separate(b), '{')
			b = append(normalize.AppendJSONString(b, []byte(f.object)), `:{`...)
			comma := false
			if i < len(uids) {
				b = append(b, `"uid":`...)
				b = normalize.AppendJSONString(b, uids[i].Bytes())
				comma = true
			}
			if i < len(names) {
				if comma {
					b = append(b, ',')
				}
				b = append(b, `"name":`...)
				b = normalize.AppendJSONString(b, names[i].Bytes())
			}
			b = append(b, "}}"...)
			e.taken.Add(f.uid)
			e.taken.Add(f.name)
		}
	}
	return closed(to, b)
}

// elements is a field as a list.
func elements(r *parse.Record, k ecs.Key) []parse.Value {
	if !r.Has(k) {
		return nil
	}
	if v := r.Ref(k); v.Kind() == parse.KindList {
		return v.List()
	}
	i := r.Get(k)
	return []parse.Value{i}
}

// prefixes finds which attributes lie below which object.
func (t *tables) prefixes() {
	t.below = map[string][]parse.Key{}
	t.byName = map[string]parse.Key{}
	for i := range t.schema.Len() {
		k := parse.Key(i)
		name := t.schema.Name(k)
		if k == ecs.None || name == "" {
			continue
		}
		t.byName[name] = k
		for p := name; ; {
			dot := strings.LastIndexByte(p, '.')
			if dot < 0 {
				break
			}
			p = p[:dot]
			t.below[p] = append(t.below[p], k)
		}
	}
	for bits := range 8 {
		var names []parse.Value
		id := ""
		for i, p := range [...]string{"host", "cloud", "security_control"} {
			if bits&(1<<i) != 0 {
				names = append(names, parse.StringValue(p))
				id += p + " "
			}
		}
		if id != "" {
			t.profile[id] = parse.ListValue(names).WithFlags(parse.Constant)
		}
	}
}

func (t *tables) key(name string) parse.Key { return t.byName[name] }

// has reports whether the object has any attribute.
func (t *tables) has(r *parse.Record, object string) bool {
	for _, k := range t.below[object] {
		if r.Has(k) {
			return true
		}
	}
	return false
}

// whole takes an object away that has none of the attributes of which it needs one. What it
// was made of goes to unmapped.
func (t *tables) whole(to *parse.Record, object string, oneOf ...string) {
	if !t.has(to, object) {
		return
	}
	for _, a := range oneOf {
		if to.Has(t.key(object + "." + a)) {
			return
		}
	}
	t.drop(to, object)
}

// drop takes an object away.
func (t *tables) drop(to *parse.Record, object string) {
	for _, k := range t.below[object] {
		to.Delete(k)
	}
}
