package evtx_test

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"unicode/utf16"
)

// A small writer of event logs, for the tests: what it writes is what the Windows
// service writes, as far as readers can tell.

type (
	element struct {
		name  string
		dep   int // index of the value that the element depends on, plus one
		attrs []attribute
		kids  []any // string, sub, *element, charRef, entity, cdata, *instance
		empty bool
	}
	attribute struct {
		name  string
		value []any
	}
	sub struct {
		id       int
		optional bool
		typ      byte
	}
	charRef  uint16
	entity   string
	cdata    string
	instance struct {
		def  *element
		vals []val
	}
	val struct {
		typ  byte
		data []byte
		// nested is written at its place, as its names refer to the chunk
		nested any // *instance or *element
	}
)

func el(name string, kids ...any) *element { return &element{name: name, kids: kids} }

func (e *element) with(attrs ...any) *element {
	for i := 0; i < len(attrs); i += 2 {
		v, ok := attrs[i+1].([]any)
		if !ok {
			v = []any{attrs[i+1]}
		}
		e.attrs = append(e.attrs, attribute{attrs[i].(string), v})
	}
	return e
}

func (e *element) noContent() *element { e.empty = true; return e }

var le = binary.LittleEndian

func u16s(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = le.AppendUint16(b, u)
	}
	return b
}

func str(s string) val             { return val{typ: 0x01, data: u16s(s)} }
func ansi(s string) val            { return val{typ: 0x02, data: []byte(s)} }
func u8(n uint8) val               { return val{typ: 0x04, data: []byte{n}} }
func u16(n uint16) val             { return val{typ: 0x06, data: le.AppendUint16(nil, n)} }
func u32(n uint32) val             { return val{typ: 0x08, data: le.AppendUint32(nil, n)} }
func u64(n uint64) val             { return val{typ: 0x0a, data: le.AppendUint64(nil, n)} }
func num32(typ byte, n uint32) val { return val{typ: typ, data: le.AppendUint32(nil, n)} }
func num64(typ byte, n uint64) val { return val{typ: typ, data: le.AppendUint64(nil, n)} }
func f32(f float32) val            { return num32(0x0b, math.Float32bits(f)) }
func f64(f float64) val            { return num64(0x0c, math.Float64bits(f)) }
func fileTime(t uint64) val        { return num64(0x11, t) }
func null() val                    { return val{} }
func raw(typ byte, b ...byte) val  { return val{typ: typ, data: b} }
func guid() val {
	return raw(0x0f, 0x67, 0x45, 0x23, 0x01, 0xab, 0x89, 0xef, 0xcd, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef)
}
func sid(subs ...uint32) val {
	b := []byte{1, byte(len(subs)), 0, 0, 0, 0, 0, 5}
	for _, s := range subs {
		b = le.AppendUint32(b, s)
	}
	return val{typ: 0x13, data: b}
}
func strs(list ...string) val {
	var b []byte
	for _, s := range list {
		b = append(append(b, u16s(s)...), 0, 0)
	}
	return val{typ: 0x81, data: b}
}
func systemTime(fields ...uint16) val {
	var b []byte
	for _, f := range fields {
		b = le.AppendUint16(b, f)
	}
	return val{typ: 0x12, data: b}
}

// chunkWriter writes one chunk.
type chunkWriter struct {
	b         []byte
	names     map[string]int
	templates map[*element]int
	first, n  uint64
	last      int
}

func newChunk(firstID uint64) *chunkWriter {
	return &chunkWriter{b: make([]byte, 512, 65536), names: map[string]int{}, templates: map[*element]int{}, first: firstID}
}

func (c *chunkWriter) u16(n int)     { c.b = le.AppendUint16(c.b, uint16(n)) }
func (c *chunkWriter) u32(n int)     { c.b = le.AppendUint32(c.b, uint32(n)) }
func (c *chunkWriter) put(b ...byte) { c.b = append(c.b, b...) }
func (c *chunkWriter) patch(at int)  { le.PutUint32(c.b[at:], uint32(len(c.b)-at-4)) }

// record appends a record and returns its ID.
func (c *chunkWriter) record(written uint64, body any) uint64 {
	c.last = len(c.b)
	id := c.first + c.n
	c.n++
	c.put(0x2a, 0x2a, 0, 0)
	c.u32(0)
	c.b = le.AppendUint64(c.b, id)
	c.b = le.AppendUint64(c.b, written)
	c.fragment(body, false)
	for (len(c.b)+4-c.last)%8 != 0 {
		c.put(0)
	}
	c.u32(0)
	size := uint32(len(c.b) - c.last)
	le.PutUint32(c.b[c.last+4:], size)
	le.PutUint32(c.b[len(c.b)-4:], size)
	return id
}

func (c *chunkWriter) fragment(body any, nested bool) {
	c.put(0x0f, 1, 1, 0)
	switch body := body.(type) {
	case *instance:
		c.instance(body)
	case *element:
		c.element(body, nested)
	}
	c.put(0)
}

func (c *chunkWriter) instance(t *instance) {
	c.put(0x0c, 1)
	at, ok := c.templates[t.def]
	if !ok {
		at = len(c.b) + 8
		c.templates[t.def] = at
	}
	id := uint32(at) * 2654435761
	c.b = le.AppendUint32(c.b, id)
	c.u32(at)
	if !ok {
		c.u32(0)
		c.b = le.AppendUint32(c.b, id)
		c.put(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
		size := len(c.b)
		c.u32(0)
		c.fragment(t.def, false)
		c.patch(size)
	}
	c.u32(len(t.vals))
	descs := len(c.b)
	for _, v := range t.vals {
		c.u16(len(v.data))
		c.put(v.typ, 0)
	}
	for i, v := range t.vals {
		from := len(c.b)
		if v.nested != nil {
			c.fragment(v.nested, true)
		}
		c.put(v.data...)
		le.PutUint16(c.b[descs+4*i:], uint16(len(c.b)-from))
	}
}

func (c *chunkWriter) name(s string) {
	if at, ok := c.names[s]; ok {
		c.u32(at)
		return
	}
	at := len(c.b) + 4
	c.names[s] = at
	c.u32(at)
	c.u32(0)
	hash := uint32(0)
	for _, u := range utf16.Encode([]rune(s)) {
		hash = hash*65599 + uint32(u)
	}
	c.u16(int(hash & 0xffff))
	c.u16(len(u16s(s)) / 2)
	c.put(u16s(s)...)
	c.put(0, 0)
}

func (c *chunkWriter) element(e *element, nested bool) {
	token := byte(0x01)
	if len(e.attrs) > 0 {
		token = 0x41
	}
	c.put(token)
	if !nested {
		c.u16(e.dep - 1)
	}
	size := len(c.b)
	c.u32(0)
	c.name(e.name)
	if len(e.attrs) > 0 {
		list := len(c.b)
		c.u32(0)
		for i, a := range e.attrs {
			if i < len(e.attrs)-1 {
				c.put(0x46)
			} else {
				c.put(0x06)
			}
			c.name(a.name)
			for _, v := range a.value {
				c.content(v, nested)
			}
		}
		c.patch(list)
	}
	if e.empty {
		c.put(0x03)
	} else {
		c.put(0x02)
		for _, k := range e.kids {
			c.content(k, nested)
		}
		c.put(0x04)
	}
	c.patch(size)
}

func (c *chunkWriter) content(k any, nested bool) {
	switch k := k.(type) {
	case string:
		c.put(0x05, 0x01)
		c.u16(len(u16s(k)) / 2)
		c.put(u16s(k)...)
	case sub:
		token := byte(0x0d)
		if k.optional {
			token = 0x0e
		}
		c.put(token)
		c.u16(k.id)
		c.put(k.typ)
	case charRef:
		c.put(0x08)
		c.u16(int(k))
	case entity:
		c.put(0x09)
		c.name(string(k))
	case cdata:
		c.put(0x07)
		c.u16(len(u16s(string(k))) / 2)
		c.put(u16s(string(k))...)
	case *element:
		c.element(k, nested)
	case *instance:
		c.instance(k)
	}
}

// bytes completes the chunk.
func (c *chunkWriter) bytes() []byte {
	free := len(c.b)
	if free > 65536 {
		panic("chunk overflows")
	}
	b := append(c.b, make([]byte, 65536-free)...)
	copy(b, "ElfChnk\x00")
	for i, n := range []uint64{1, c.n, c.first, c.first + c.n - 1} {
		le.PutUint64(b[8+8*i:], n)
	}
	le.PutUint32(b[40:], 128)
	le.PutUint32(b[44:], uint32(c.last))
	le.PutUint32(b[48:], uint32(free))
	seal(b)
	return b
}

// seal writes the checksums of a chunk.
func seal(b []byte) {
	if free := le.Uint32(b[48:]); free <= 65536 && free >= 512 {
		le.PutUint32(b[52:], crc32.ChecksumIEEE(b[512:free]))
	}
	le.PutUint32(b[124:], crc32.Update(crc32.ChecksumIEEE(b[:120]), crc32.IEEETable, b[128:512]))
}

// file is a whole log of the chunks.
func file(dirty bool, chunks ...[]byte) []byte {
	b := make([]byte, 4096)
	copy(b, "ElfFile\x00")
	le.PutUint64(b[16:], uint64(max(len(chunks), 1)-1))
	le.PutUint64(b[24:], 1000)
	le.PutUint32(b[32:], 128)
	le.PutUint16(b[36:], 1)
	le.PutUint16(b[38:], 3)
	le.PutUint16(b[40:], 4096)
	le.PutUint16(b[42:], uint16(len(chunks)))
	if dirty {
		le.PutUint32(b[120:], 1)
	}
	le.PutUint32(b[124:], crc32.ChecksumIEEE(b[:120]))
	for _, c := range chunks {
		b = append(b, c...)
	}
	return b
}

// system is the template that events are made of: the values 0 to 17 are those of
// System, 18 is the binary XML of the rest, 19 the user.
var system = el("Event",
	el("System",
		el("Provider").with("Name", "Example-Security", "Guid", sub{0, true, 0x0f}).noContent(),
		el("EventID", sub{1, true, 0x06}).with("Qualifiers", sub{2, true, 0x06}),
		el("Version", sub{3, true, 0x04}),
		el("Level", sub{4, true, 0x04}),
		el("Task", sub{5, true, 0x06}),
		el("Opcode", sub{6, true, 0x04}),
		el("Keywords", sub{7, true, 0x15}),
		el("TimeCreated").with("SystemTime", sub{8, true, 0x11}).noContent(),
		el("EventRecordID", sub{9, true, 0x0a}),
		el("Correlation").with("ActivityID", sub{10, true, 0x0f}, "RelatedActivityID", sub{11, true, 0x0f}).noContent(),
		el("Execution").with("ProcessID", sub{12, true, 0x08}, "ThreadID", sub{13, true, 0x08}).noContent(),
		el("Channel", sub{14, true, 0x01}),
		el("Computer", "ws01.example.net"),
		el("Security").with("UserID", sub{15, true, 0x13}).noContent(),
	),
	sub{16, true, 0x21},
).with("xmlns", "http://schemas.microsoft.com/win/2004/08/events/event")

const writtenAt = 134170743671234567 // 2026-03-04T05:06:07.1234567Z in units of 100 ns since 1601

// event is an instance of system with the given content.
func event(id uint16, record uint64, content any) *instance {
	c := null()
	if content != nil {
		c = val{typ: 0x21, nested: content}
	}
	return &instance{system, []val{
		guid(), u16(id), null(), u8(2), u8(0), u16(12544), u8(0), num64(0x15, 0x8020000000000000), fileTime(writtenAt), u64(record),
		null(), null(), u32(640), u32(7124), str("Security"), sid(18), c,
	}}
}

// logonData is the template of a logon's EventData, of which the tests fill the values.
var logonNames = []string{
	"SubjectUserSid", "SubjectUserName", "SubjectDomainName", "SubjectLogonId", "TargetUserSid", "TargetUserName", "TargetDomainName",
	"TargetLogonId", "LogonType", "LogonProcessName", "AuthenticationPackageName", "WorkstationName", "LogonGuid", "TransmittedServices",
	"LmPackageName", "KeyLength", "ProcessId", "ProcessName", "IpAddress", "IpPort",
}

var logonData = func() *element {
	e := el("EventData")
	for i, n := range logonNames {
		e.kids = append(e.kids, el("Data", sub{i, false, 0x01}).with("Name", n))
	}
	return e
}()

func logon() *instance {
	return &instance{logonData, []val{
		sid(18), str("WS01$"), str("R&D"), num64(0x15, 0x3e7), sid(21, 1111111111, 2222222222, 3333333333, 1001), str("zoë"), str("EXAMPLE"),
		num64(0x15, 0x1a2b3c), u32(3), str("Advapi  "), str("Negotiate"), str("WS01"), guid(), str("-"), str("-"), u32(0),
		num64(0x15, 0x1f4), str(`C:\Windows\System32\svchost.exe`), str("192.0.2.7"), str("49152"),
	}}
}
