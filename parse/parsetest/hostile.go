package parsetest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/cputime"
	"github.com/penstock-dev/penstock/normalize"
	"github.com/penstock-dev/penstock/parse"
)

// Target is something that reads messages, under fire by Hostile.
type Target struct {
	// Name is for messages.
	Name string
	// Samples are sound messages, a few of each kind: they are cut, changed and blown up.
	Samples []string
	// New returns a reader of messages, as one worker has it: it answers nil where there was
	// an event, or the errors of what could not be read, joined.
	New func() func(raw []byte) error
	// MaxMemory is how many bytes the reading of one message of up to 10 MiB may allocate,
	// also where all is garbage at once. Default 256 MiB.
	MaxMemory uint64
	// MaxCPU is how much processor time the reading of one message of up to 10 MiB may
	// take. It is judged on Linux, and not with the race detector. Default 2 s.
	MaxCPU time.Duration
	// MaxTime is a watchdog for one message, not a measurement. Default two
	// minutes, for machines that do other things too.
	MaxTime time.Duration
}

// Parser returns a Target for a Parser: its events are also written as JSON, which must
// be strict.
func (t Target) Parser(p parse.Parser[parse.Record]) Target {
	t.New = func() func(raw []byte) error {
		w := &worker{parser: parse.ForWorker(p), encoder: normalize.NewEncoder(normalize.EncoderOptions{})}
		var line []byte
		return func(raw []byte) error {
			w.events.Reset()
			w.msg = parse.Message{Raw: raw, Received: Now}
			if err := w.parser.Parse(&w.msg, &w.events); err != nil {
				return err
			}
			var errs []error
			for _, r := range w.events.Rejected() {
				errs = append(errs, r.Err)
			}
			for i, r := range w.events.All() {
				var err error
				if line, err = w.encoder.Append(line[:0], r); err != nil {
					return fmt.Errorf("event %d cannot be written: %w", i, err)
				}
				if i < 3 && len(line) < 1<<16 {
					if err := strictJSON(bytes.TrimSuffix(line, []byte{'\n'})); err != nil {
						return fmt.Errorf("event %d: %w: %s", i, err, short(line))
					}
				}
			}
			return errors.Join(errs...)
		}
	}
	return t
}

// Hostile gives a target everything that a peer may send: its samples cut at every byte, with
// every byte changed, with lengths that lie; messages of 10 MiB of one thing; a million
// levels, keys, columns and entities; entity and gzip bombs; and the samples of all other
// targets. Each message must be answered by an event or by errors whose category is one of
// data, within the bounds of the target, and the reader must answer a sound message as before
// in the end.
//
// The large messages have 1 MiB, and 100,000 parts, a quarter of it with the race detector, unless
// the environment variable PENSTOCK_HOSTILE is full: that takes minutes.
func Hostile(t *testing.T, x Target, others ...Target) {
	t.Helper()
	size := 1 << 20
	if racing {
		size = 1 << 18
	}
	if os.Getenv("PENSTOCK_HOSTILE") == "full" {
		size = 10 << 20
	}
	for _, f := range CheckHostile(x, size, others...) {
		t.Error(f)
	}
}

// CheckHostile is Hostile without package testing, with large messages of the given size. It
// returns what is wrong, a dozen of a kind at most. A message that is not answered in
// Target.MaxTime ends the program, with the stacks of its goroutines.
func CheckHostile(x Target, size int, others ...Target) (failures []string) {
	if x.MaxMemory == 0 {
		x.MaxMemory = 256 << 20
	}
	if x.MaxCPU == 0 {
		x.MaxCPU = 2 * time.Second
	}
	if x.MaxTime == 0 {
		x.MaxTime = 2 * time.Minute
	}
	f := &fire{x: x, read: x.New()}
	sound := make([]error, len(x.Samples))
	for i, s := range x.Samples {
		sound[i] = f.answer([]byte(s))
		f.judge(fmt.Sprintf("sample %d", i), sound[i])
	}
	f.small("cut", x.Samples, cuts1)
	f.small("changed", x.Samples, changes)
	f.small("lying", x.Samples, lies)
	var foreign []string
	for _, o := range others {
		if o.Name != x.Name {
			foreign = append(foreign, o.Samples...)
		}
	}
	f.small("foreign", foreign, func(s string) iter.Seq2[string, []byte] {
		return func(yield func(string, []byte) bool) { yield("whole", []byte(s)) }
	})
	for name, raw := range blowups(x.Samples, size) {
		f.large(name, raw)
	}
	for i, s := range x.Samples {
		if err := f.answer([]byte(s)); fmt.Sprint(err) != fmt.Sprint(sound[i]) {
			f.failf("%s: sample %d is answered by %v after all that, by %v before", x.Name, i, err, sound[i])
		}
	}
	return f.failures
}

// fire is a target under fire.
type fire struct {
	x        Target
	read     func(raw []byte) error
	failures []string
	bad      int
}

func (f *fire) failf(format string, args ...any) {
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

// answer reads one message. A panic is an error of category PARSER_PANIC.
func (f *fire) answer(raw []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errcat.Newf(errcat.ParserPanic, errcat.StageParse, "panic: %v", r)
			f.read = f.x.New()
		}
	}()
	return f.read(raw)
}

// fitting are the categories that say what is wrong with data.
var fitting = []errcat.Category{errcat.SchemaViolation, errcat.TypeMismatch, errcat.EncodingError, errcat.VendorFormatDrift,
	errcat.UnknownFormat, errcat.Oversize, errcat.Truncated}

func (f *fire) judge(what string, err error) {
	if err == nil || slices.Contains(fitting, errcat.Of(err)) {
		return
	}
	if f.bad++; f.bad <= 10 {
		text := err.Error()
		f.failf("%s, %s: %s: %.300s", f.x.Name, what, errcat.Of(err), text)
	}
}

// maxSmall is how much of a sample is cut and changed byte by byte.
const maxSmall = 2 << 10

// small reads many variants of small messages, which together are bound as one large.
func (f *fire) small(kind string, samples []string, variants func(string) iter.Seq2[string, []byte]) {
	for i, s := range samples {
		s = s[:min(len(s), maxSmall)]
		f.bounded(fmt.Sprintf("%s sample %d", kind, i), 64*f.x.MaxMemory, func(watch *time.Timer) {
			for how, raw := range variants(s) {
				watch.Reset(f.x.MaxTime)
				f.judge(fmt.Sprintf("%s sample %d, %s", kind, i, how), f.answer(raw))
			}
		})
	}
}

func (f *fire) large(name string, raw []byte) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f.bounded(name, f.x.MaxMemory, func(*time.Timer) {
		before := cputime.Thread()
		err := f.answer(raw)
		if used := cputime.Thread() - before; used > f.x.MaxCPU && !racing {
			f.failf("%s, %s: %v of processor time, more than %v", f.x.Name, name, used, f.x.MaxCPU)
		}
		f.judge(name, err)
	})
}

// bounded runs do with a watchdog and counts what it allocates.
func (f *fire) bounded(what string, limit uint64, do func(watch *time.Timer)) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	watch := time.AfterFunc(f.x.MaxTime, func() {
		panic(fmt.Sprintf("%s, %s: no answer within %v", f.x.Name, what, f.x.MaxTime))
	})
	do(watch)
	watch.Stop()
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > limit {
		f.failf("%s, %s: %d MiB were allocated, more than %d", f.x.Name, what, used>>20, limit>>20)
	}
}

// cuts1 is a sample cut at each byte, from the end and from the start.
func cuts1(s string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for i := range len(s) {
			if !yield("cut at "+strconv.Itoa(i), []byte(s[:i])) || !yield("from "+strconv.Itoa(i), []byte(s[i:])) {
				return
			}
		}
	}
}

// changes is a sample with each byte changed in several ways.
func changes(s string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		raw := []byte(s)
		for i := range raw {
			old := raw[i]
			for _, c := range []byte{old ^ 1, old ^ 0x20, old ^ 0x80, 0, 0xff, '"', '\\', '\n', '<', '&', '%', '9'} {
				raw[i] = c
				if c != old && !yield(fmt.Sprintf("byte %d is %#x", i, c), raw) {
					return
				}
			}
			raw[i] = old
		}
	}
}

// lies is a sample with numbers that may be lengths replaced: binary ones at each place, and
// decimal ones.
func lies(s string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for i := 0; i+4 <= len(s); i += 1 + len(s)/1024 {
			raw := []byte(s)
			for _, n := range []uint32{0, 1, 0x7fffffff, 0xffffffff, 0xffff0000} {
				for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
					copy(raw, s)
					order.PutUint32(raw[i:], n)
					if !yield(fmt.Sprintf("%#x at byte %d", n, i), raw) {
						return
					}
					order.PutUint16(raw[i:], uint16(n))
					copy(raw[i+2:], s[i+2:])
					if !yield(fmt.Sprintf("%#x at byte %d, short", uint16(n), i), raw) {
						return
					}
				}
			}
		}
		for i := 0; i < len(s); i++ {
			if s[i] < '0' || s[i] > '9' || i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
				continue
			}
			end := i
			for end < len(s) && s[end] >= '0' && s[end] <= '9' {
				end++
			}
			for _, n := range []string{"", "0", "-1", "4294967296", "99999999999999999999999999", strings.Repeat("9", 4000)} {
				if !yield(fmt.Sprintf("the number at byte %d is %.20s", i, n), []byte(s[:i]+n+s[end:])) {
					return
				}
			}
		}
	}
}

// blowups are large messages: of one thing, of a million of one thing, and of the samples.
func blowups(samples []string, size int) iter.Seq2[string, []byte] {
	million := size / 10
	many := func(s string, n int) []byte { return bytes.Repeat([]byte(s), n) }
	fill := func(head, s, tail string) []byte {
		return slices.Concat([]byte(head), many(s, size/len(s)), []byte(tail))
	}
	keys := func(format string, n int, head, tail string) []byte {
		b := []byte(head)
		for i := range n {
			b = fmt.Appendf(b, format, i)
		}
		return append(b, tail...)
	}
	return func(yield func(string, []byte) bool) {
		for name, raw := range map[string]func() []byte{
			"letters":            func() []byte { return fill("", "a", "") },
			"zeros":              func() []byte { return fill("", "\x00", "") },
			"ones":               func() []byte { return fill("", "\xff", "") },
			"spaces":             func() []byte { return fill("", " ", "") },
			"quotes":             func() []byte { return fill("", `"`, "") },
			"backslashes":        func() []byte { return fill("", `\`, "") },
			"digits":             func() []byte { return fill("", "9", "") },
			"half characters":    func() []byte { return fill("", "\xe2\x82", "") },
			"one value":          func() []byte { return fill("key=", "x", "") },
			"one quoted value":   func() []byte { return fill(`key="`, "x", `"`) },
			"one JSON string":    func() []byte { return fill(`{"a":"`, "x", `"}`) },
			"escapes":            func() []byte { return fill(`{"a":"`, `\u0000`, `"}`) },
			"open arrays":        func() []byte { return many("[", million) },
			"open objects":       func() []byte { return many(`{"a":`, million) },
			"closed arrays":      func() []byte { return append(many("[", million), many("]", million)...) },
			"open elements":      func() []byte { return many("<a>", million) },
			"closed elements":    func() []byte { return append(many("<a>", million), many("</a>", million)...) },
			"brackets":           func() []byte { return many("(<[{", million) },
			"JSON keys":          func() []byte { return keys(`"k%d":1,`, million, "{", `"z":1}`) },
			"one JSON key":       func() []byte { return slices.Concat([]byte("{"), many(`"k":1,`, million), []byte(`"k":1}`)) },
			"JSON records":       func() []byte { return keys(`{"a":%d},`, million/10, `{"Records":[`, `{}]}`) },
			"pairs":              func() []byte { return keys("k%d=v ", million, "", "") },
			"equal pairs":        func() []byte { return many("k=v ", million) },
			"bare words":         func() []byte { return many("k ", million) },
			"columns":            func() []byte { return many("a,", million) },
			"tabs":               func() []byte { return many("\t", million) },
			"bars":               func() []byte { return many("|", million) },
			"CEF keys":           func() []byte { return keys("k%d=v ", million, "CEF:0|v|p|1|2|n|5|", "") },
			"LEEF keys":          func() []byte { return keys("k%d=v\t", million, "LEEF:1.0|v|p|1|2|", "") },
			"structured data":    func() []byte { return append([]byte("<13>1 - h a - - "), many(`[a b="c"]`, million)...) },
			"parameters":         func() []byte { return keys(`k%d="v" `, million, "<13>1 - h a - - [a ", "]") },
			"headers in headers": func() []byte { return many("<13>Mar  3 08:15:02 h a: ", million/10) },
			"attributes":         func() []byte { return keys(` k%d="v"`, million, "<a", "/>") },
			"elements":           func() []byte { return keys("<k%d/>", million, "<a>", "</a>") },
			"entities":           func() []byte { return slices.Concat([]byte("<a>"), many("&amp;", million), []byte("</a>")) },
			"entity bomb":        func() []byte { return entityBomb() },
			"external entity":    func() []byte { return []byte(`<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`) },
			"gzip bomb":          func() []byte { return gzipBomb(size) },
			"empty":              func() []byte { return nil },
			"line feeds":         func() []byte { return many("\n", million) },
		} {
			if !yield(name, raw()) {
				return
			}
		}
		for i, s := range samples[:min(len(samples), maxBlown)] {
			if s == "" {
				continue
			}
			n := max(size/len(s), 1)
			if !yield(fmt.Sprintf("sample %d again and again", i), many(s, n)) || !yield(fmt.Sprintf("sample %d, lines", i), many(s+"\n", n)) ||
				!yield(fmt.Sprintf("sample %d and much text", i), append([]byte(s), many("x", size)...)) ||
				!yield(fmt.Sprintf("sample %d with a long middle", i), slices.Concat([]byte(s[:len(s)/2]), many("x", size), []byte(s[len(s)/2:]))) {
				return
			}
		}
	}
}

// maxBlown is how many samples are blown up.
const maxBlown = 2

// entityBomb stands for 10 to the 9th characters, if one expands it.
func entityBomb() []byte {
	b := []byte(`<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY l0 "lol">`)
	for i := 1; i < 10; i++ {
		b = fmt.Appendf(b, `<!ENTITY l%d "%s">`, i, strings.Repeat(fmt.Sprintf("&l%d;", i-1), 10))
	}
	return append(b, "]><a>&l9;</a>"...)
}

func gzipBomb(size int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for range 4 * max(size>>20, 1) {
		_, _ = w.Write(zeros) // into memory
	}
	w.Close()
	return b.Bytes()
}
