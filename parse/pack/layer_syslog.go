package pack

import (
	"bytes"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/normalize/ecs"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/syslog"
)

// syslogParts are the native names of a syslog header, behind "syslog.".
var syslogParts = []string{"hostname", "appname", "procid", "msgid", "priority", "facility", "severity", "time", "sequence", "uptime", "level", "repeated", "header"}

func (c *compiler) syslogLayer(l *layer, y *yaml.Node, common []string) error {
	if err := c.known(y, append(common, "host", "relayed", "time", "required", "params")...); err != nil {
		return err
	}
	for _, n := range syslogParts {
		l.header = append(l.header, c.declare("syslog."+n))
	}
	host := "host.hostname"
	if n := y.Get("host"); n != nil {
		host = n.Text
	}
	var hostKeys []fieldKey
	if host != "none" {
		for _, name := range strings.Split(host, ",") {
			k, err := c.field(y, strings.TrimSpace(name), 0)
			if err != nil {
				return err
			}
			hostKeys = append(hostKeys, k)
		}
	}
	relayed := y.Get("relayed") == nil || y.Get("relayed").Text == "true"
	setTime := y.Get("time") == nil || y.Get("time").Text == "true"
	required := y.Get("required") != nil && y.Get("required").Text == "true"
	params := "sd"
	if n := y.Get("params"); n != nil {
		params = n.Text
	}
	if params != "" {
		params += "."
	}
	l.wanted = func(name string) (string, bool) { return strings.CutPrefix(name, params) }
	c.program.settle = append(c.program.settle, func() {
		if c.program.priorities == nil {
			c.program.priorities = &priorities{family: c.program.schema.NewBlocks()}
		}
		for i, n := range syslogParts {
			if _, ok := c.uses["syslog."+n]; !ok && n != "header" && n != "repeated" {
				l.header[i] = -1 // nobody asks; the header itself is for Explain, the number is kept
			}
		}
	})
	c.keyed = append(c.keyed, l)
	l.run = func(s *state, l *layer, text []byte) error {
		st := &s.layers[l.number]
		st.syslog.Time = s.time
		m, by := &st.header, &st.syslog
		if s.syslogDone && l.from == slotMessage && len(text) == len(s.msg.Raw) {
			m, by = s.syslogHeader, s.syslogBy // detection has read it already
			s.syslogDone = false
		} else if err := st.syslog.Parse(text, m); err != nil {
			return err
		}
		if m.HeaderLen == 0 {
			if required {
				return errcat.New(errcat.SchemaViolation, errcat.StageParse, "no syslog header")
			}
			s.frame.Set(slotMessage, parse.BytesValue(m.Payload))
			return nil
		}
		if relayed {
			var inner syslog.Message
			if nested(&st.syslog, m, &inner) > 0 {
				*m = inner
			}
		}
		s.setSyslog(m, l, hostKeys, setTime, text)
		return s.readStructured(m, l, st, by)
	}
	return nil
}

// maxNested is how many relays may have put their headers in front of a device's.
const maxNested = 4

// nested reads the header of a device behind those of the relays, the outermost of which m is.
// What it does not tell is that of the relay before it; HeaderLen is that of all headers.
// It returns where that header begins in the message, or 0 if there is none.
func nested(p *syslog.Parser, m, inner *syslog.Message) (from int) {
	if !behind(p, m, inner) {
		return 0
	}
	from = m.HeaderLen
	completeHeader(inner, m)
	for range maxNested - 1 {
		var next syslog.Message
		if !behind(p, inner, &next) {
			break
		}
		from = inner.HeaderLen
		completeHeader(&next, inner)
		*inner = next
	}
	return from
}

// fromDevice is a message without the headers that relays put in front of its own.
func (s *state) fromDevice(raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '<' || raw[1]-'0' > 9 || bytes.IndexByte(raw[2:min(len(raw), 512)], '<') < 0 {
		return raw
	}
	var m syslog.Message
	s.headers.Time = s.time
	for range maxNested {
		if s.headers.Parse(raw, &m) != nil || m.HeaderLen == 0 || !beginsWithPriority(m.Payload) {
			break // a header without a priority may be a part of the device's
		}
		raw = raw[m.HeaderLen:]
	}
	return raw
}

// beginsWithPriority reports whether b begins as a message with a syslog header does.
func beginsWithPriority(b []byte) bool {
	i := 1
	for i < len(b) && i < 4 && b[i]-'0' <= 9 {
		i++
	}
	return i > 1 && i < len(b) && b[0] == '<' && b[i] == '>'
}

// completeHeader gives the header inner what it lacks and outer, before it, tells.
func completeHeader(inner, outer *syslog.Message) {
	if len(inner.Hostname) == 0 {
		inner.Hostname = outer.Hostname
	}
	if !inner.HasTime {
		inner.HasTime, inner.Time, inner.TimeText = outer.HasTime, outer.Time, outer.TimeText
	}
	if !inner.HasPriority {
		inner.HasPriority, inner.Priority = outer.HasPriority, outer.Priority
	}
	inner.HeaderLen += outer.HeaderLen
}

// behind reads the header behind that of the relay in m. One without a priority must tell time,
// host and program, and the relay none of the latter: many messages begin with a time of
// their own.
func behind(p *syslog.Parser, m, inner *syslog.Message) bool {
	b := m.Payload
	if len(b) == 0 {
		return false
	}
	bare := b[0] != '<' && b[0] != ' '
	if bare && (len(b) < 16 || len(m.AppName) > 0 || len(m.Hostname) == 0 || !(b[3] == ' ' && b[6] == ' ' && b[9] == ':' || b[4] == '-' && b[7] == '-' && b[10] == 'T')) {
		return false
	}
	if !p.Relayed(m, inner) {
		return false
	}
	return inner.HasPriority || bare && inner.HasTime && len(inner.Hostname) > 0 && len(inner.AppName) > 0
}

// priorities are the fields that follow from the priority of a syslog message, made when
// one first comes up. It is safe for concurrent use.
type priorities struct {
	family *parse.Blocks
	blocks [192]atomic.Pointer[parse.Block]
}

func (p *priorities) block(priority int) *parse.Block {
	at := &p.blocks[priority]
	if b := at.Load(); b != nil {
		return b
	}
	number := func(n int) parse.Value { return parse.IntText(int64(n), strconv.AppendInt(nil, int64(n), 10)) }
	facility, severity := syslog.OfPriority(priority)
	b := parse.NewBlock(
		[]parse.Key{ecs.LogSyslogPriority, ecs.LogSyslogFacilityCode, ecs.LogSyslogFacilityName, ecs.LogSyslogSeverityCode, ecs.LogSyslogSeverityName},
		[]parse.Value{number(priority), number(facility), parse.StringValue(syslog.FacilityName(facility)), number(severity), parse.StringValue(syslog.SeverityName(severity))})
	p.family.Add(b)
	if at.CompareAndSwap(nil, b) {
		return b
	}
	return at.Load()
}

func (s *state) setSyslog(m *syslog.Message, l *layer, hosts []fieldKey, setTime bool, text []byte) {
	r, f := s.rec, &s.frame
	keep := func(part int, v parse.Value) {
		if slot := l.header[part]; slot >= 0 {
			f.Set(slot, v)
		}
	}
	put := func(part int, key ecs.Key, b []byte) {
		if len(b) > 0 {
			v := parse.BytesValue(b)
			keep(part, v)
			if key != ecs.None {
				r.SetFrom(key, &v)
			}
		}
	}
	put(0, ecs.LogSyslogHostname, m.Hostname)
	put(1, ecs.LogSyslogAppName, m.AppName)
	put(2, ecs.LogSyslogProcID, m.ProcID)
	put(3, ecs.LogSyslogMsgID, m.MsgID)
	put(8, ecs.None, m.Sequence)
	put(9, ecs.None, m.Uptime)
	put(10, ecs.None, m.Level)
	if m.HasPriority {
		facility, sev := syslog.OfPriority(m.Priority)
		keep(4, parse.IntValue(int64(m.Priority)))
		keep(5, parse.IntValue(int64(facility)))
		keep(6, parse.IntValue(int64(sev)))
		r.SetBlock(s.pack.priorities.block(m.Priority))
	}
	if m.Version > 0 {
		r.SetConst(ecs.LogSyslogVersion, "1")
	}
	if len(m.Hostname) > 0 {
		v := parse.BytesValue(m.Hostname)
		for _, k := range hosts {
			r.Set(*k.ref, v)
		}
	}
	if m.HasTime {
		v := parse.TimeValue(m.Time.Nanos)
		if m.Time.Zoned {
			v = v.WithFlags(parse.Zoned)
		}
		keep(7, v)
		if setTime {
			s.setTimestamp(v)
		}
	}
	if m.HeaderLen > 0 {
		keep(12, parse.BytesValue(text[:min(m.HeaderLen, len(text))]))
	}
	payload := m.Payload
	if once, times, ok := syslog.Repeated(payload); ok {
		payload = once
		keep(11, parse.IntValue(int64(times)))
	}
	f.Set(slotMessage, parse.BytesValue(payload))
}

// logSyslog sets the fields below log.syslog that a header tells.
func logSyslog(r *parse.Record, m *syslog.Message) {
	put := func(key ecs.Key, b []byte) {
		if len(b) > 0 {
			r.Set(key, parse.BytesValue(b))
		}
	}
	put(ecs.LogSyslogHostname, m.Hostname)
	put(ecs.LogSyslogAppName, m.AppName)
	put(ecs.LogSyslogProcID, m.ProcID)
	put(ecs.LogSyslogMsgID, m.MsgID)
	if m.HasPriority {
		facility, severity := syslog.OfPriority(m.Priority)
		r.SetInt(ecs.LogSyslogPriority, int64(m.Priority))
		r.SetInt(ecs.LogSyslogFacilityCode, int64(facility))
		r.SetConst(ecs.LogSyslogFacilityName, syslog.FacilityName(facility))
		r.SetInt(ecs.LogSyslogSeverityCode, int64(severity))
		r.SetConst(ecs.LogSyslogSeverityName, syslog.SeverityName(severity))
	}
	if m.Version > 0 {
		r.SetConst(ecs.LogSyslogVersion, "1")
	}
}

// payload takes a syslog header off JSON, for packs that have no syslog step: what comes
// from a cloud's API arrives behind one as soon as it is relayed.
func (s *state) payload(raw []byte) []byte {
	t := trimSpaceAndBOM(raw)
	if len(t) == 0 || t[0] == '{' || t[0] == '[' {
		return raw
	}
	if s.syslogDone {
		s.carrier, s.syslogDone = *s.syslogHeader, false
	} else {
		s.headers.Time = s.time
		if s.headers.Parse(t, &s.carrier) != nil {
			return raw
		}
	}
	var inner syslog.Message
	if m := &s.carrier; m.HeaderLen > 0 && nested(&s.headers, m, &inner) > 0 {
		*m = inner
	}
	b := trimSpaceAndBOM(bytes.TrimPrefix(trimSpaceAndBOM(s.carrier.Payload), cee))
	if s.carrier.HeaderLen == 0 || len(b) == 0 || b[0] != '{' && (b[0] != '[' || !looksLikeObjects(b)) {
		return raw
	}
	s.carried, s.carrier.Payload = true, b
	return b
}

// cee marks JSON behind a syslog header (CEE Log Transport).
var cee = []byte("@cee:")

// looksLikeObjects tells an array of objects from text in brackets.
func looksLikeObjects(b []byte) bool {
	b = trimSpaceAndBOM(b[1:])
	return len(b) > 0 && b[0] == '{'
}

// setCarrier tells of the header that payload took off. Its time is the event's where the
// event has none.
func (s *state) setCarrier() {
	logSyslog(s.rec, &s.carrier)
	if !s.carrier.HasTime || s.rec.Has(ecs.Timestamp) {
		return
	}
	v := parse.TimeValue(s.carrier.Time.Nanos)
	if s.carrier.Time.Zoned {
		v = v.WithFlags(parse.Zoned)
	}
	s.setTimestamp(v)
}

// readStructured puts the parameters of structured data into slots; the others are
// kept below log.syslog.structured_data. by is the parser that has read m.
func (s *state) readStructured(m *syslog.Message, l *layer, st *layerState, by *syslog.Parser) error {
	if len(m.StructuredData) == 0 {
		return nil
	}
	params := st.syslog.ParamsOf(by, m)
	var other func(i int) bool
	if s.keep {
		other = func(i int) bool {
			var p syslog.Param
			if params.At(i, &p); len(p.Name) == 0 {
				return true
			}
			text := s.frame.Text
			name := append(append(append(text.Scratch(len(p.ID)+1+len(p.Name)), p.ID...), '.'), p.Name...)
			name = text.Keep(name)
			if p.Escaped {
				p.Value = text.Keep(syslog.AppendUnescaped(text.Scratch(len(p.Value)), p.Value))
			}
			return s.frame.Put(-1, int32(ecs.LogSyslogStructuredData), name, parse.BytesValue(p.Value))
		}
	}
	if !params.Fill(&s.frame, other) {
		return errcat.New(errcat.Oversize, errcat.StageParse, "too many structured data parameters")
	}
	return nil
}
