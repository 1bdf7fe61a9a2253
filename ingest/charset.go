package ingest

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/errcat"
)

// Charset is a character set that text can be in. It is safe for concurrent use.
type Charset interface {
	// Name is the name of the set as IANA has it, in lower case.
	Name() string
	// NewDecoder returns a decoder for one stream.
	NewDecoder() CharsetDecoder
}

// CharsetDecoder turns one stream into UTF-8. It is used by one goroutine.
type CharsetDecoder interface {
	// Decode appends the UTF-8 of src to dst and returns it, and how many bytes of src it
	// took. Bytes that begin a character and are not all of it are left, unless end says
	// that nothing follows; then an error says what is wrong with them. What the set does not
	// know becomes bytes that are no UTF-8, so that Decoding.Invalid can deal with the
	// message. dst grows by no more than six times the length of src.
	Decode(dst, src []byte, end bool) (out []byte, n int, err error)
}

// The character sets of this package.
var (
	// UTF8 takes a byte order mark off.
	UTF8 Charset = charset{"utf-8", func() CharsetDecoder { return &marked{} }}
	// AutoCharset is UTF-16 where the stream begins with a byte order mark of it, else UTF8.
	AutoCharset Charset = charset{"auto", func() CharsetDecoder { return &marked{auto: true} }}
	// UTF16LE and UTF16BE take a byte order mark off.
	UTF16LE Charset = charset{"utf-16le", func() CharsetDecoder { return &utf16{} }}
	UTF16BE Charset = charset{"utf-16be", func() CharsetDecoder { return &utf16{big: true} }}
	// Latin1 is ISO 8859-1, every byte of which is a character.
	Latin1 Charset = charset{"iso-8859-1", func() CharsetDecoder { return latin1{} }}
	// Windows1252 is the character set of Western Windows, as browsers read it.
	Windows1252 Charset = charset{"windows-1252", func() CharsetDecoder { return windows1252{} }}
)

// CharsetByName returns a Charset of this package by its name or a common alias, letter
// case aside: auto, utf-8, utf-16le, utf-16be, iso-8859-1 (latin1), windows-1252 (cp1252).
// Module ingest/charset has many more.
func CharsetByName(name string) (Charset, bool) {
	switch strings.ToLower(name) {
	case "auto":
		return AutoCharset, true
	case "utf-8", "utf8":
		return UTF8, true
	case "utf-16le", "utf16le":
		return UTF16LE, true
	case "utf-16be", "utf16be":
		return UTF16BE, true
	case "iso-8859-1", "latin1", "latin-1":
		return Latin1, true
	case "windows-1252", "cp1252":
		return Windows1252, true
	}
	return nil, false
}

type charset struct {
	name string
	make func() CharsetDecoder
}

func (c charset) Name() string               { return c.name }
func (c charset) NewDecoder() CharsetDecoder { return c.make() }

// marked looks at the byte order mark.
type marked struct {
	auto  bool
	begun bool
	utf16 *utf16
}

func (m *marked) Decode(dst, src []byte, end bool) ([]byte, int, error) {
	n := 0
	if !m.begun {
		const mark = "\ufeff"
		switch {
		case len(src) == 0 && !end:
			return dst, 0, nil
		case strings.HasPrefix(mark, string(src[:min(len(src), 3)])) && len(src) < 3 && !end:
			return dst, 0, nil
		case strings.HasPrefix(string(src[:min(len(src), 3)]), mark):
			n = 3
		case m.auto && len(src) == 1 && (src[0] == 0xff || src[0] == 0xfe) && !end:
			return dst, 0, nil
		case m.auto && len(src) >= 2 && src[0] == 0xff && src[1] == 0xfe:
			m.utf16 = &utf16{}
		case m.auto && len(src) >= 2 && src[0] == 0xfe && src[1] == 0xff:
			m.utf16 = &utf16{big: true}
		}
		m.begun = true
	}
	if m.utf16 != nil {
		return m.utf16.Decode(dst, src, end)
	}
	return append(dst, src[n:]...), len(src), nil
}

type utf16 struct {
	big   bool
	begun bool
}

func (u *utf16) Decode(dst, src []byte, end bool) ([]byte, int, error) {
	unit := func(i int) rune {
		if u.big {
			return rune(src[i])<<8 | rune(src[i+1])
		}
		return rune(src[i]) | rune(src[i+1])<<8
	}
	i := 0
	for ; i+1 < len(src); i += 2 {
		c := unit(i)
		switch {
		case c == 0xfeff && !u.begun:
		case c < 0x80:
			dst = append(dst, byte(c))
		case c >= 0xd800 && c < 0xdc00:
			if i+3 >= len(src) && !end {
				u.begun = true
				return dst, i, nil
			}
			if i+3 < len(src) {
				if d := unit(i + 2); d >= 0xdc00 && d < 0xe000 {
					dst = utf8.AppendRune(dst, 0x10000+(c-0xd800)<<10+(d-0xdc00))
					i += 2
					break
				}
			}
			dst = appendSurrogate(dst, c)
		case c >= 0xdc00 && c < 0xe000:
			dst = appendSurrogate(dst, c)
		default:
			dst = utf8.AppendRune(dst, c)
		}
		u.begun = true
	}
	if end && i < len(src) {
		return dst, len(src), errcat.New(errcat.Truncated, errcat.StageCollect, "UTF-16 that ends within a unit")
	}
	return dst, i, nil
}

// appendSurrogate writes half of a pair the way UTF-8 would if it could.
func appendSurrogate(dst []byte, c rune) []byte {
	return append(dst, 0xe0|byte(c>>12), 0x80|byte(c>>6)&0x3f, 0x80|byte(c)&0x3f)
}

type latin1 struct{}

func (latin1) Decode(dst, src []byte, _ bool) ([]byte, int, error) {
	for _, c := range src {
		if c < 0x80 {
			dst = append(dst, c)
		} else {
			dst = append(dst, 0xc0|c>>6, 0x80|c&0x3f)
		}
	}
	return dst, len(src), nil
}

type windows1252 struct{}

func (windows1252) Decode(dst, src []byte, _ bool) ([]byte, int, error) {
	for _, c := range src {
		dst = appendWindows1252(dst, c)
	}
	return dst, len(src), nil
}

func appendWindows1252(dst []byte, c byte) []byte {
	switch {
	case c < 0x80:
		return append(dst, c)
	case c < 0xa0:
		return utf8.AppendRune(dst, rune(c1252[c-0x80]))
	}
	return append(dst, 0xc0|c>>6, 0x80|c&0x3f)
}

// c1252 are the characters from 0x80 on; the five that Windows leaves out are controls.
var c1252 = [32]uint16{
	0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d, 0x017d, 0x8f,
	0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d, 0x017e, 0x0178,
}

// charsetReader turns a stream into UTF-8.
type charsetReader struct {
	r    io.Reader
	dec  CharsetDecoder
	name string
	in   []byte // not decoded yet
	out  []byte // not read yet
	at   int    // of out
	err  error
}

const charsetBuffer = 8 << 10

func newCharsetReader(r io.Reader, c Charset) io.Reader {
	return &charsetReader{r: r, dec: c.NewDecoder(), name: c.Name(), in: make([]byte, 0, charsetBuffer)}
}

func (c *charsetReader) Read(p []byte) (int, error) {
	for c.at == len(c.out) {
		if c.err != nil {
			return 0, c.err
		}
		if m, ok := c.dec.(*marked); ok && m.begun && m.utf16 == nil && len(c.in) == 0 {
			return c.r.Read(p) // it is UTF-8: nothing to be done any more
		}
		n, err := c.r.Read(c.in[len(c.in):cap(c.in)])
		if n == 0 && err == nil {
			return 0, nil
		}
		c.in = c.in[:len(c.in)+max(n, 0)]
		var took int
		var bad error
		c.out, took, bad = c.dec.Decode(c.out[:0], c.in, err != nil)
		c.at = 0
		c.in = c.in[:copy(c.in, c.in[took:])]
		switch {
		case bad != nil && (err == nil || err == io.EOF):
			err = asCharset(c.name, bad)
		case err == nil && len(c.in) == cap(c.in):
			err = badData(errcat.Internal, "%s: the decoder takes nothing of %d bytes", c.name, len(c.in))
		}
		c.err = err
	}
	n := copy(p, c.out[c.at:])
	c.at += n
	return n, nil
}

// asCharset is asData for a decoder's error, whose category counts if it has one.
func asCharset(name string, err error) error {
	cat := errcat.Of(err)
	if cat == errcat.Internal {
		cat = errcat.EncodingError
	}
	return badData(cat, "%s: %w", name, err)
}
