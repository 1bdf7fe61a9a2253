package timeparse

import (
	"fmt"
	"strings"
)

// Layout is a compiled layout. Make one with [Compile]. It may be used
// concurrently.
type Layout struct {
	text string
	kind kind
	ops  []op
}

type kind uint8

const (
	kindGo kind = iota
	kindRFC3339
	kindISO8601
	kindUnix
	kindUnixMilli
	kindUnixMicro
	kindUnixNano
	kindUnixAuto
	kindFiletime
	kindOLE
	kindSyslog
	kindCLF
	kindRFC2822
	kindANSIC
)

var kinds = map[string]kind{
	"rfc3339": kindRFC3339, "iso8601": kindISO8601,
	"unix": kindUnix, "unix_ms": kindUnixMilli, "unix_us": kindUnixMicro, "unix_ns": kindUnixNano,
	"unix_auto": kindUnixAuto, "win_filetime": kindFiletime, "ole": kindOLE,
	"syslog": kindSyslog, "clf": kindCLF, "rfc1123": kindRFC2822, "rfc2822": kindRFC2822, "ansic": kindANSIC,
}

// op is one element of a Go layout.
type op struct {
	code opcode
	n    uint8  // digits of a fixed fraction; ops that a fused one stands for
	flag bool   // seconds: a fraction may follow though the layout has none
	lit  string // opLit
}

type opcode uint8

const (
	opLit opcode = iota
	opSpaces
	opYear4
	opYear2
	opMonthLong
	opMonthShort
	opMonth1
	opMonth2
	opDayLong
	opDayShort
	opDay1
	opDay2
	opDayPad
	opYday3
	opYdayPad
	opHour24
	opHour1
	opHour2
	opMin1
	opMin2
	opSec1
	opSec2
	opPM
	opFracFixed
	opFracAny
	opZoneName
	opZoneNum // n: form; flag: Z stands for 0
	opDate    // 2006-01-02, stands for the n ops after it
	opClock   // 15:04:05, likewise
)

// Forms of opZoneNum.
const (
	formHHMM uint8 = iota
	formHHcMM
	formHH
	formHHMMSS
	formHHcMMcSS
)

var elements = []struct {
	text string
	op   op
}{
	{"January", op{code: opMonthLong}}, {"Jan", op{code: opMonthShort}},
	{"Monday", op{code: opDayLong}}, {"Mon", op{code: opDayShort}},
	{"MST", op{code: opZoneName}},
	{"2006", op{code: opYear4}},
	{"002", op{code: opYday3}}, {"__2", op{code: opYdayPad}},
	{"01", op{code: opMonth2}}, {"02", op{code: opDay2}}, {"03", op{code: opHour2}},
	{"04", op{code: opMin2}}, {"05", op{code: opSec2}}, {"06", op{code: opYear2}},
	{"15", op{code: opHour24}}, {"_2", op{code: opDayPad}},
	{"PM", op{code: opPM}}, {"pm", op{code: opPM}},
	{"-07:00:00", op{code: opZoneNum, n: formHHcMMcSS}}, {"-070000", op{code: opZoneNum, n: formHHMMSS}},
	{"-07:00", op{code: opZoneNum, n: formHHcMM}}, {"-0700", op{code: opZoneNum, n: formHHMM}},
	{"-07", op{code: opZoneNum, n: formHH}},
	{"Z07:00:00", op{code: opZoneNum, n: formHHcMMcSS, flag: true}}, {"Z070000", op{code: opZoneNum, n: formHHMMSS, flag: true}},
	{"Z07:00", op{code: opZoneNum, n: formHHcMM, flag: true}}, {"Z0700", op{code: opZoneNum, n: formHHMM, flag: true}},
	{"Z07", op{code: opZoneNum, n: formHH, flag: true}},
	{"1", op{code: opMonth1}}, {"2", op{code: opDay1}}, {"3", op{code: opHour1}},
	{"4", op{code: opMin1}}, {"5", op{code: opSec1}},
}

// element finds the element that the layout begins with, as time.Format does.
func element(s string) (op, int) {
	if len(s) > 1 && (s[0] == '.' || s[0] == ',') && (s[1] == '0' || s[1] == '9') {
		n := 1
		for n < len(s) && s[n] == s[1] {
			n++
		}
		if n < len(s) && s[n]-'0' < 10 {
			return op{}, 0
		}
		if s[1] == '9' {
			return op{code: opFracAny}, n
		}
		return op{code: opFracFixed, n: uint8(min(n-1, 255))}, n
	}
	if strings.HasPrefix(s, "_2006") {
		return op{}, 0 // a literal underscore
	}
	for _, e := range elements {
		if !strings.HasPrefix(s, e.text) {
			continue
		}
		if (e.text == "Jan" || e.text == "Mon") && len(s) > 3 && s[3]-'a' < 26 {
			return op{}, 0 // part of a word
		}
		return e.op, len(e.text)
	}
	return op{}, 0
}

// Compile makes a Layout of a Go reference layout or of one of the names in the
// package's documentation.
func Compile(layout string) (*Layout, error) {
	if k, ok := kinds[layout]; ok {
		return &Layout{text: layout, kind: k}, nil
	}
	l := &Layout{text: layout}
	var has [opClock + 1]bool
	lit := ""
	flush := func() {
		for lit != "" {
			n := strings.IndexByte(lit, ' ')
			switch {
			case n < 0:
				n = len(lit)
			case n == 0:
				lit = strings.TrimLeft(lit, " ")
				l.ops = append(l.ops, op{code: opSpaces})
				continue
			}
			l.ops = append(l.ops, op{code: opLit, lit: lit[:n]})
			lit = lit[n:]
		}
	}
	lastSec := -1
	for i := 0; i < len(layout); {
		o, n := element(layout[i:])
		if n == 0 {
			lit += layout[i : i+1]
			i++
			continue
		}
		flush()
		if lastSec >= 0 {
			// A fraction may follow the seconds unless the layout's next element is one.
			l.ops[lastSec].flag = o.code != opFracFixed && o.code != opFracAny
			lastSec = -1
		}
		if o.code == opFracFixed && (o.n < 1 || o.n > 9) {
			return nil, fmt.Errorf("timeparse: layout %q: a fraction has 1 to 9 digits", layout)
		}
		if o.code == opSec1 || o.code == opSec2 {
			lastSec = len(l.ops)
		}
		has[o.code] = true
		l.ops = append(l.ops, o)
		i += n
	}
	flush()
	if lastSec >= 0 {
		l.ops[lastSec].flag = true
	}
	month := has[opMonthLong] || has[opMonthShort] || has[opMonth1] || has[opMonth2]
	mday := has[opDay1] || has[opDay2] || has[opDayPad]
	if !(month && mday) && !has[opYday3] && !has[opYdayPad] {
		return nil, fmt.Errorf("timeparse: layout %q has no date: it is neither a known name nor a Go layout with month and day (write 2006-01-02 15:04:05)", layout)
	}
	l.fuse()
	return l, nil
}

// fuse puts an op that reads a whole date or clock before those that spell it out;
// where it does not match, they are tried.
func (l *Layout) fuse() {
	date := []op{{code: opYear4}, {code: opLit, lit: "-"}, {code: opMonth2}, {code: opLit, lit: "-"}, {code: opDay2}}
	clock := []op{{code: opHour24}, {code: opLit, lit: ":"}, {code: opMin2}, {code: opLit, lit: ":"}, {code: opSec2}}
	var out []op
	for i := range l.ops {
		rest := l.ops[i:]
		if begins(rest, date) {
			out = append(out, op{code: opDate, n: uint8(len(date))})
		}
		if begins(rest, clock) {
			out = append(out, op{code: opClock, n: uint8(len(clock) - 1)}) // opSec2 looks for the fraction
		}
		out = append(out, l.ops[i])
	}
	l.ops = out
}

func begins(ops, with []op) bool {
	if len(ops) < len(with) {
		return false
	}
	for i, w := range with {
		if ops[i].code != w.code || ops[i].lit != w.lit {
			return false
		}
	}
	return true
}

// String returns the text that l was compiled from.
func (l *Layout) String() string { return l.text }

var noContext Context

// Parse reads the whole of text. A nil c is the zero Context. The error is one of
// [ErrSyntax], [ErrRange], [ErrZone] and [ErrNoNow].
func (l *Layout) Parse(text []byte, c *Context) (Result, error) {
	if c == nil {
		c = &noContext
	}
	var f fields
	r, n, err := l.parse(text, c, nil, &f)
	if err != nil {
		return Result{}, err
	}
	if n != len(text) {
		return Result{}, ErrSyntax
	}
	return r, nil
}

// ParsePrefix reads the time that text begins with and returns how many bytes it
// takes. Optional parts are taken where they are there. A nil c is the zero
// Context. The error is as for [Layout.Parse].
func (l *Layout) ParsePrefix(text []byte, c *Context) (Result, int, error) {
	if c == nil {
		c = &noContext
	}
	var f fields
	r, n, err := l.parse(text, c, nil, &f)
	if err != nil {
		return Result{}, 0, err
	}
	return r, n, nil
}

// Ends of a failed scan.
const (
	badSyntax = -1
	badRange  = -2
)

// parse reads the time that b begins with. It leaves f.year zero where it did not
// need f.
func (l *Layout) parse(b []byte, c *Context, k *Cache, f *fields) (Result, int, error) {
	n := 0
	switch l.kind {
	case kindRFC3339, kindISO8601:
		if r, n, ok := plain3339(b, c, k); ok && (n == len(b) || l.kind == kindRFC3339) {
			return r, n, nil
		}
		f.year = noYear
		n = f.iso(b, c, l.kind == kindRFC3339)
	case kindGo:
		f.year = noYear
		n = l.run(b, c, f)
	case kindSyslog, kindANSIC:
		f.year = noYear
		n = f.syslog(b, c, l.kind == kindANSIC)
	case kindCLF:
		f.year = noYear
		n = f.clf(b)
	case kindRFC2822:
		f.year = noYear
		n = f.rfc2822(b)
	case kindFiletime:
		n = f.filetime(b)
	case kindOLE:
		n = f.ole(b)
	default:
		n = f.epoch(b, l.kind)
	}
	switch n {
	case badSyntax:
		return Result{}, 0, ErrSyntax
	case badRange:
		return Result{}, 0, ErrRange
	}
	r, err := f.resolve(c, k)
	return r, n, err
}

// run reads b by the ops of a Go layout and returns where the time ends.
func (l *Layout) run(b []byte, c *Context, f *fields) int {
	i := 0
	ops := l.ops
	for p := 0; p < len(ops); p++ {
		o := &ops[p]
		ok := true
		switch o.code {
		case opLit:
			if len(b)-i < len(o.lit) || string(b[i:i+len(o.lit)]) != o.lit {
				return badSyntax
			}
			i += len(o.lit)
		case opSpaces:
			if i >= len(b) || b[i] != ' ' {
				return badSyntax
			}
			for i < len(b) && b[i] == ' ' {
				i++
			}
		case opDate:
			if i+10 <= len(b) && b[i+4] == '-' && b[i+7] == '-' {
				y, ok1 := four(b, i)
				m, ok2 := two(b, i+5)
				d, ok3 := two(b, i+8)
				if ok1 && ok2 && ok3 {
					f.year, f.month, f.day = y, m, d
					i += 10
					p += int(o.n)
					if m == 0 || d == 0 {
						return badRange
					}
				}
			}
		case opClock:
			if i+8 <= len(b) && b[i+2] == ':' && b[i+5] == ':' {
				h, ok1 := two(b, i)
				m, ok2 := two(b, i+3)
				if ok1 && ok2 {
					f.hour, f.min = h, m
					i += 6
					p += int(o.n)
				}
			}
		case opYear4:
			f.year, ok = four(b, i)
			i += 4
		case opYear2:
			f.year, ok = two(b, i)
			if f.year >= 69 {
				f.year += 1900
			} else {
				f.year += 2000
			}
			i += 2
		case opMonthShort, opMonthLong:
			if f.month = month(b, i); f.month == 0 {
				return badSyntax
			}
			i += 3
			if o.code == opMonthLong {
				if i = tail(b, i, monthTails[f.month]); i < 0 {
					return badSyntax
				}
			}
		case opDayShort, opDayLong:
			d := weekday(b, i)
			if d == 0 {
				return badSyntax
			}
			i += 3
			if o.code == opDayLong {
				if i = tail(b, i, dayTails[d]); i < 0 {
					return badSyntax
				}
			}
		case opMonth1:
			if f.month, i = oneTwo(b, i); i < 0 {
				return badSyntax
			}
			if f.month == 0 {
				return badRange
			}
		case opMonth2:
			f.month, ok = two(b, i)
			i += 2
			if ok && f.month == 0 {
				return badRange
			}
		case opDay2:
			f.day, ok = two(b, i)
			i += 2
			if ok && f.day == 0 {
				return badRange
			}
		case opDay1, opDayPad:
			if o.code == opDayPad && i < len(b) && b[i] == ' ' {
				i++
			}
			if f.day, i = oneTwo(b, i); i < 0 {
				return badSyntax
			}
			if f.day == 0 {
				return badRange
			}
		case opYday3, opYdayPad:
			if i = f.dayOfYear(b, i, o.code == opYdayPad); i < 0 {
				return i
			}
		case opHour24:
			if f.hour, i = oneTwo(b, i); i < 0 {
				return badSyntax
			}
		case opHour1, opHour2:
			if o.code == opHour2 && !isDigit(b, i+1) {
				return badSyntax
			}
			if f.hour, i = oneTwo(b, i); i < 0 {
				return badSyntax
			}
			if f.hour > 12 {
				return badRange
			}
		case opMin2:
			f.min, ok = two(b, i)
			i += 2
		case opMin1:
			if f.min, i = oneTwo(b, i); i < 0 {
				return badSyntax
			}
		case opSec1, opSec2:
			if o.code == opSec2 && !isDigit(b, i+1) {
				return badSyntax
			}
			if f.sec, i = oneTwo(b, i); i < 0 {
				return badSyntax
			}
			if o.flag {
				i = f.optionalFraction(b, i)
			}
		case opPM:
			if i+2 > len(b) || b[i+1]|0x20 != 'm' {
				return badSyntax
			}
			switch b[i] | 0x20 {
			case 'a':
				f.am = true
			case 'p':
				f.pm = true
			default:
				return badSyntax
			}
			i += 2
		case opFracAny:
			i = f.optionalFraction(b, i)
		case opFracFixed:
			end := i + 1 + int(o.n)
			if end > len(b) || b[i] != '.' && b[i] != ',' {
				return badSyntax
			}
			nsec, n := fraction(b[:end], i+1)
			if n != end {
				return badSyntax
			}
			f.nsec, f.fracAt, f.fracEnd = nsec, i+1, end
			i = end
		case opZoneName:
			if i = f.layoutZoneName(b, i); i < 0 {
				return badSyntax
			}
		case opZoneNum:
			if i = f.layoutOffset(b, i, o.n, o.flag); i < 0 {
				return badSyntax
			}
		}
		if !ok {
			return badSyntax
		}
	}
	return i
}

func (f *fields) dayOfYear(b []byte, i int, pad bool) int {
	for n := 0; pad && n < 2 && i < len(b) && b[i] == ' '; n++ {
		i++
	}
	f.yday = 0
	n := 0
	for ; n < 3 && isDigit(b, i); n++ {
		f.yday = f.yday*10 + int(b[i]-'0')
		i++
	}
	if n == 0 || n < 3 && !pad {
		return badSyntax
	}
	if f.yday == 0 {
		return badRange
	}
	return i
}

// layoutZoneName reads what MST stands for: a name, or a bare offset as Go prints
// it for zones without one.
func (f *fields) layoutZoneName(b []byte, i int) int {
	end := zoneName(b, i)
	if end < 0 {
		if _, end = numericOffset(b, i); end < 0 {
			return -1
		}
	}
	f.zone = b[i:end]
	return end
}

func (f *fields) layoutOffset(b []byte, i int, form uint8, z bool) int {
	if i >= len(b) {
		return -1
	}
	if z && b[i] == 'Z' {
		f.offset, f.hasOffset = 0, true
		return i + 1
	}
	if b[i] != '+' && b[i] != '-' {
		return -1
	}
	neg := b[i] == '-'
	h, ok := two(b, i+1)
	i += 3
	var m, s int
	colon := form == formHHcMM || form == formHHcMMcSS
	part := func() (v int) {
		if colon {
			if i >= len(b) || b[i] != ':' {
				ok = false
				return 0
			}
			i++
		}
		v, good := two(b, i)
		ok = ok && good
		i += 2
		return v
	}
	if form != formHH {
		m = part()
	}
	if form == formHHMMSS || form == formHHcMMcSS {
		s = part()
	}
	if !ok || h > 23 || m > 59 || s > 59 {
		return -1
	}
	f.offset, f.hasOffset = int64(h*3600+m*60+s), true
	if neg {
		f.offset = -f.offset
	}
	return i
}
