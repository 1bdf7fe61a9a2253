package json

import (
	"math/bits"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// Reader reads texts for one Tree. It remembers the order in which keys came, so each
// worker has its own; it is not safe for concurrent use.
type Reader struct {
	scanner
	tree  *Tree
	order []order // by node
	visit uint64
	lists [][]parse.Value

	f        *parse.Frame
	rest     bool // unmatched keys go to f.Rest
	unmapped bool // something below an array had no slot
	repaired int
}

// order is what a Reader remembers of one node: which key came after which. Devices
// write their keys in a stable order, so that the next key can be compared before it
// is read: found at once, and passed over without a search for its end.
//
// Keys that nobody wants are remembered too, a bounded number of them in fixed places,
// so that a sender of ever new keys gains nothing but the slow way for his own events.
type order struct {
	places []place // the node's entries, then places for unwanted keys
	start  place   // before the first key
}

type place struct {
	entry
	seen uint64 // the visit in which its key came last
	next *place // the key that followed last time
	text member
}

// member is `,"name":"`: a comma, a key and the beginning of a text, as entry has the key
// alone. It is made when the value of the key was a text, of which slot tells what becomes.
type member struct {
	first, mask, second, last uint64

	need   int // never where there is none
	length int
}

// noText is the member of a key whose value was no text so far.
var noText = member{need: never}

// setMember makes the member of p, which has a plain key.
func (p *place) setMember() {
	n := p.length + 2
	at := func(i int) uint64 {
		switch {
		case i == 0:
			return ','
		case i == n-1:
			return '"'
		}
		return uint64(p.quoted[i-1])
	}
	m := member{mask: ^uint64(0), need: max(n, 8), length: n}
	for i := range min(n, 8) {
		m.first |= at(i) << (8 * i)
	}
	if n < 8 {
		m.mask = 1<<(8*n) - 1
	} else {
		for i := range 8 {
			m.last |= at(n-8+i) << (8 * i)
		}
	}
	if n > 16 {
		for i := range 8 {
			m.second |= at(8+i) << (8 * i)
		}
	}
	p.text = m
}

const (
	places   = 32 // for unwanted keys, per node
	placeLen = 48 // the longest unwanted key remembered
)

// Reader returns a Reader for one worker.
func (t *Tree) Reader() *Reader {
	r := &Reader{
		tree:  t,
		order: make([]order, len(t.nodes)),
		lists: make([][]parse.Value, len(t.listSlots)),
	}
	r.maxDepth, r.maxKeys, r.repair = t.options.MaxDepth, t.options.MaxKeys, t.options.RepairUTF8
	for i, n := range t.nodes {
		o := &r.order[i]
		o.start.text = noText
		o.places = make([]place, len(n.entries)+places)
		unwanted := entry{need: never, slot: -1, list: -1, id: -1}
		for j := range o.places {
			p := &o.places[j]
			p.entry, p.text = unwanted, noText
			if j < len(n.entries) {
				p.entry = n.entries[j]
			}
			p.next = &o.places[min(j+1, len(o.places)-1)] // until told otherwise: the order of the paths
		}
		o.start.next = &o.places[0]
	}
	return r
}

// Read reads data, which is one JSON object with nothing but white space (and a byte
// order mark) around it, into f, which the caller has Reset to Tree.Slots slots.
//
// Values and keys alias data or live in f.Text. Lists (paths with []) are made of
// elements that belong to the Reader: they are valid until its next Read and must be
// copied (parse.Value.CloneInto) by whoever keeps the event longer.
//
// A value of another shape than its path wants (a.b is wanted and a is a text) counts
// as a key without a slot. If f.KeepRest is set these go to f.Rest; of an array of
// which only elements are wanted the whole goes there if any part has no slot. What
// lies inside a value that has a slot of its own is kept with that value and does not
// go to f.Rest again.
//
// After an error, always an *errcat.Error with the Offset of the fault, f is
// unspecified. Categories: SCHEMA_VIOLATION for what RFC 8259 refuses, TRUNCATED for
// the beginning of a text that could go on, ENCODING_ERROR for bytes that are not
// UTF-8, OVERSIZE for a limit.
func (r *Reader) Read(data []byte, f *parse.Frame) error {
	n, err := r.ReadPrefix(data, f)
	if err != nil {
		return err
	}
	if n, _ = space(data, n); n < len(data) {
		return newError(errTrailing, n)
	}
	return nil
}

// ReadPrefix is Read for data that may go on after the object. It returns the number
// of bytes it read, white space before the object included.
func (r *Reader) ReadPrefix(data []byte, f *parse.Frame) (int, error) {
	r.f, r.rest, r.repaired, r.keys = f, f.KeepRest, 0, 0
	r.set.reset()
	for i, l := range r.lists {
		if cap(l) > keepTable {
			r.lists[i] = nil
		} else if len(l) > 0 {
			clear(l)
			r.lists[i] = l[:0]
		}
	}
	if len(f.Slots) < r.tree.slots {
		return 0, newError(errSlots, 0)
	}
	if f.Text == nil {
		f.Text = new(arena.Bytes)
	}
	i, cut := begin(data)
	switch {
	case cut:
		return 0, newError(errTruncated, len(data))
	case data[i] != '{':
		if j, _ := r.skip(data, i, 0, false); j < 0 {
			return 0, newError(r.code, r.at)
		}
		return 0, newError(errNotObject, i)
	}
	end := r.object(data, i+1, r.tree.nodes[0], 1)
	r.f = nil
	if end < 0 {
		return 0, newError(r.code, r.at)
	}
	for l, vs := range r.lists {
		if len(vs) > 0 {
			f.Set(int(r.tree.listSlots[l]), parse.ListValue(vs))
		}
	}
	return end, nil
}

// Repaired is the number of bytes that the last Read replaced by U+FFFD in what it
// kept, with Options.RepairUTF8.
func (r *Reader) Repaired() int { return r.repaired }

// begin skips a byte order mark and white space. cut is true if nothing follows.
func begin(data []byte) (i int, cut bool) {
	const bom = "\xEF\xBB\xBF"
	if len(data) > 0 && data[0] == bom[0] {
		if len(data) < 3 {
			return 0, string(data) == bom[:len(data)]
		}
		if string(data[:3]) == bom {
			i = 3
		}
	}
	i, _ = space(data, i)
	return i, i >= len(data)
}

// object reads the members of an object from behind its brace.
func (r *Reader) object(data []byte, i int, n *node, depth int) int {
	if depth > r.maxDepth {
		return r.fail(errDepth, i-1)
	}
	r.visit++
	var (
		visit = r.visit
		o     = &r.order[n.id]
		prev  = &o.start
		rest  = r.rest
	)
	if rest {
		r.set.open()
	}
	if i < len(data) && data[i] <= ' ' {
		i, _ = space(data, i)
	}
	if i < len(data) && data[i] == '}' {
		goto closed
	}
	for {
		if i >= len(data) {
			return r.fail(errTruncated, i)
		}
		if r.keys++; r.keys > r.maxKeys {
			return r.fail(errKeys, i)
		}
		// The key: first the one that followed the previous one last time.
		var (
			e    = prev.next
			from = i + 1
			end  int
			key  []byte
			saw  uint8
		)
		if q := e.length; len(data)-i >= e.need && (scan.Load64(data, i)^e.first)&e.mask == 0 &&
			(q <= 8 || scan.Load64(data, i+q-8) == e.last &&
				(q <= 16 || scan.Load64(data, i+8) == e.second &&
					(q <= 24 || string(data[i+16:i+q-8]) == string(e.quoted[16:q-8])))) {
			end = i + q - 2
			i += q
		} else {
			if key, saw, i = r.key(data, i); i < 0 {
				return -1
			}
			end = i
			e = o.find(n, key, saw)
			prev.next = e
			if i = r.colon(data, i+1); i < 0 {
				return -1
			}
		}
		prev = e
		if i < len(data) && data[i] <= ' ' {
			i, _ = space(data, i)
		}
		if e.id < 0 {
			if !rest {
				r.unmapped = true
				if e.need != never && e.text.need == never && i < len(data) && data[i] == '"' {
					e.setMember()
				}
				i, _ = r.skip(data, i, depth, false)
				goto after
			}
			if !r.fresh(data, from, end, saw) {
				goto twice
			}
		} else {
			if e.seen == visit {
				goto twice
			}
			e.seen = visit
		}
		if e.plain && i < len(data) && data[i] == '"' {
			if e.need != never && e.text.need == never {
				e.setMember()
			}
			if i = r.text(data, i+1, int(e.slot)); i < 0 {
				return -1
			}
			goto after
		}
		if key == nil {
			key = data[from:end:end]
		}
		i = r.value(data, i, &e.entry, n.id, key, depth)
		goto after
	twice:
		r.f.Duplicates++
		i, _ = r.skip(data, i, depth, false)
	after:
		if i < 0 {
			return -1
		}
		if i < len(data) && data[i] == ',' {
			if prev.next.text.need != never {
				if i, prev = r.texts(data, i, prev, visit); i < 0 {
					return -1
				}
				if i >= len(data) || data[i] != ',' {
					goto behind
				}
			}
			if i++; i < len(data) && data[i] <= ' ' {
				i, _ = space(data, i)
			}
			continue
		}
	behind:
		if i < len(data) && data[i] <= ' ' {
			i, _ = space(data, i)
		}
		if i >= len(data) {
			return r.fail(errTruncated, i)
		}
		if data[i] == ',' {
			i, _ = space(data, i+1)
			continue
		}
		if data[i] != '}' {
			return r.fail(errComma, i)
		}
		break
	}
closed:
	if rest {
		r.set.close()
	}
	return i + 1
}

// texts reads members as long as they are the ones that came last time, in their order
// and with texts as values, without white space. i is the index of the comma before them, prev the
// place of the key before that; it returns those of the first member that is another.
//
// Nearly all of most events is read here, so that it looks at each byte once.
func (r *Reader) texts(data []byte, i int, prev *place, visit uint64) (int, *place) {
	for {
		e := prev.next
		m := &e.text
		n := m.length
		if len(data)-i < m.need || (scan.Load64(data, i)^m.first)&m.mask != 0 ||
			n > 8 && (scan.Load64(data, i+n-8) != m.last ||
				n > 16 && (scan.Load64(data, i+8) != m.second ||
					n > 24 && string(data[i+16:i+n-8]) != string(e.quoted[15:n-9]))) {
			return i, prev
		}
		if e.seen == visit || r.keys >= r.maxKeys {
			return i, prev // what comes twice, or too much
		}
		if e.id >= 0 {
			e.seen = visit
		} else if r.rest {
			return i, prev
		} else {
			r.unmapped = true
		}
		r.keys++
		prev = e
		i += n
		if i = r.text(data, i, int(e.slot)); i < 0 {
			return -1, prev
		}
	}
}

// text reads the text from behind its opening quote on into slot, unless that is negative. It
// returns the index behind the closing quote.
func (r *Reader) text(data []byte, from, slot int) int {
	i := from
	for ; i <= len(data)-8; i += 8 {
		if m := unusual(scan.Load64(data, i)); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			break
		}
	}
	if i < len(data) && data[i] == '"' {
		if slot >= 0 {
			r.f.SetText(slot, data, from, i, parse.Clean)
		}
		return i + 1
	}
	return r.textSlow(data, from, i, slot)
}

// key reads the key at i and returns the index of its closing quote.
func (r *Reader) key(data []byte, i int) (key []byte, saw uint8, end int) {
	if data[i] != '"' {
		return nil, 0, r.fail(errKey, i)
	}
	if end, saw = r.str(data, i+1); end < 0 {
		return nil, 0, -1
	}
	key = data[i+1 : end : end]
	if saw != 0 {
		key = r.unescape(key, saw)
	}
	if len(key) > parse.MaxKeyLength {
		return nil, 0, r.fail(errKeyLength, i)
	}
	return key, saw, end
}

// find returns the place of key, which str answered with saw. A key that is not wanted
// now is remembered there.
func (o *order) find(n *node, key []byte, saw uint8) *place {
	hash := hashKey(key)
	if i := n.find(key, hash); i >= 0 {
		return &o.places[i]
	}
	p := &o.places[len(n.entries)+int(hash>>20%places)]
	if saw != 0 || len(key) > placeLen {
		p.need = never // the place must not answer for another key
		return p
	}
	if q := p.length; p.need == never || string(p.quoted[1:q-2]) != string(key) {
		room := p.quoted
		if cap(room) == 0 {
			room = make([]byte, 0, placeLen+11)
		}
		p.setText(room, key)
		p.text = noText
	}
	return p
}

// fresh reports whether a key without a slot, data[from:end], is new in its object.
func (r *Reader) fresh(data []byte, from, end int, saw uint8) bool {
	if saw == 0 {
		return r.set.addHashed(data, from, end, hashKey(data[from:end]))
	}
	return r.set.add(data, from, end, saw)
}

func (r *Reader) colon(data []byte, i int) int {
	if i < len(data) && data[i] <= ' ' {
		i, _ = space(data, i)
	}
	if i >= len(data) {
		return r.fail(errTruncated, i)
	}
	if data[i] != ':' {
		return r.fail(errColon, i)
	}
	return i + 1
}

// unescape returns the text of the string with the raw inside src.
func (r *Reader) unescape(src []byte, saw uint8) []byte {
	out, bad := appendUnescaped(r.f.Text.Scratch(len(src)), src, saw)
	r.repaired += bad
	return r.f.Text.Keep(out)
}

// value reads the value at i for the entry e, whose key stands in the node parent.
func (r *Reader) value(data []byte, i int, e *entry, parent int32, key []byte, depth int) int {
	if i >= len(data) {
		return r.fail(errTruncated, i)
	}
	var v parse.Value
	switch c := data[i]; {
	case c == '"':
		from := i + 1
		end, saw := r.str(data, from)
		if end < 0 {
			return -1
		}
		text := data[from:end:end]
		if saw == 0 {
			v = parse.BytesValue(text).WithFlags(parse.Clean)
		} else {
			v = parse.BytesValue(r.unescape(text, saw))
		}
		i = end + 1
	case c == '{':
		if e.obj != nil && e.slot < 0 {
			return r.object(data, i+1, e.obj, depth+1)
		}
		return r.container(data, i, e, parent, key, depth, parse.KindObject)
	case c == '[':
		if e.arr != nil && e.slot < 0 && !r.rest {
			return r.array(data, i+1, e.arr, depth+1)
		}
		return r.container(data, i, e, parent, key, depth, parse.KindArray)
	case c == '-' || c-'0' <= 9:
		end, integer := r.number(data, i)
		if end < 0 {
			return -1
		}
		text := data[i:end:end]
		if integer {
			v = number(text)
		} else {
			v = parse.RawValue(parse.KindFloat, text)
		}
		i = end
	default:
		end := r.literal(data, i)
		if end < 0 {
			return -1
		}
		if c == 'n' {
			v = parse.NullValue()
		} else {
			v = parse.BoolValue(c == 't')
		}
		i = end
	}
	if e.slot >= 0 && e.list < 0 {
		r.f.Set(int(e.slot), v)
		return i
	}
	if !r.put(e, parent, key, v, i) {
		return -1
	}
	return i
}

// put stores a value that is not an ordinary slot's.
func (r *Reader) put(e *entry, parent int32, key []byte, v parse.Value, at int) bool {
	switch {
	case e.list >= 0:
		if r.keys++; r.keys > r.maxKeys {
			r.fail(errKeys, at)
			return false
		}
		r.lists[e.list] = append(r.lists[e.list], v)
	case e.slot >= 0:
		r.f.Set(int(e.slot), v)
	case r.rest:
		if !r.f.Put(-1, parent, key, v) {
			r.fail(errRest, at)
			return false
		}
	default:
		r.unmapped = true
	}
	return true
}

// container reads an object or array that is kept as raw text, or skipped, or an
// array of which elements are wanted.
func (r *Reader) container(data []byte, i int, e *entry, parent int32, key []byte, depth int, kind parse.Kind) int {
	if e.slot < 0 && !r.rest {
		r.unmapped = true
		end, _ := r.skip(data, i, depth, false)
		return end
	}
	raw, end := r.raw(data, i, depth)
	if end < 0 {
		return -1
	}
	if kind == parse.KindObject && e.obj != nil || kind == parse.KindArray && e.arr != nil {
		rest, unmapped, keys, twice, repaired := r.rest, r.unmapped, r.keys, r.f.Duplicates, r.repaired
		r.rest, r.unmapped = false, false
		var ok int
		if kind == parse.KindObject {
			ok = r.object(raw, 1, e.obj, depth+1)
		} else {
			ok = r.array(raw, 1, e.arr, depth+1)
		}
		if ok < 0 {
			return r.fail(r.code, i)
		}
		left := r.unmapped
		r.rest, r.unmapped, r.keys, r.f.Duplicates, r.repaired = rest, unmapped, keys, twice, repaired
		if e.slot < 0 && !left {
			return end
		}
	}
	if !r.put(e, parent, key, parse.RawValue(kind, raw), i) {
		return -1
	}
	return end
}

// raw reads the object or array at i and returns it as text that is valid by itself:
// one line, no key twice, UTF-8.
func (r *Reader) raw(data []byte, i, depth int) (text []byte, end int) {
	end, saw := r.skip(data, i, depth, true)
	if end < 0 {
		return nil, -1
	}
	text = data[i:end:end]
	if saw&mustRewrite != 0 {
		w := rewriter{set: &r.set}
		text = r.f.Text.Keep(w.append(r.f.Text.Scratch(len(text)+8), text))
		r.f.Duplicates += w.twice
		r.repaired += w.bad
	}
	return text, end
}

// array reads the elements of an array from behind its bracket.
func (r *Reader) array(data []byte, i int, a *array, depth int) int {
	if depth > r.maxDepth {
		return r.fail(errDepth, i-1)
	}
	rest := r.rest
	r.rest = false
	i, _ = space(data, i)
	if i < len(data) && data[i] == ']' {
		r.rest, r.unmapped = rest, true // nothing else would tell of it
		return i + 1
	}
	at := a.at
	for index := 0; ; index++ {
		start := i
		done := false
		if len(at) > 0 && at[0].index == index {
			if i = r.value(data, start, at[0].entry, 0, nil, depth); i < 0 {
				return -1
			}
			at, done = at[1:], true
		}
		if a.all != nil {
			twice, repaired := r.f.Duplicates, r.repaired
			if i = r.value(data, start, a.all, 0, nil, depth); i < 0 {
				return -1
			}
			if done {
				r.f.Duplicates, r.repaired = twice, repaired
			}
			done = true
		}
		if !done {
			r.unmapped = true
			if i, _ = r.skip(data, start, depth, false); i < 0 {
				return -1
			}
		}
		i, _ = space(data, i)
		if i >= len(data) {
			return r.fail(errTruncated, i)
		}
		if data[i] == ']' {
			break
		}
		if data[i] != ',' {
			return r.fail(errCommaArray, i)
		}
		i, _ = space(data, i+1)
	}
	r.rest = rest
	return i + 1
}
