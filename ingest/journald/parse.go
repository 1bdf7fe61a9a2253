package journald

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/scan"
)

var (
	errOversize = errcat.New(errcat.Oversize, errcat.StageBuffer, "a journal entry larger than the limit")
	errFormat   = errors.New("not the Journal Export Format")
)

const (
	maxFields = 1024
	maxName   = 256
)

// field is one field of an entry, in the text of the entry.
type field struct{ name, value [2]int }

// parser reads entries one by one.
type parser struct {
	r     *bufio.Reader
	limit int

	text   []byte
	fields []field
	size   int64 // of the entry at hand, what was not kept included
	over   bool  // it is larger than the limit
}

// next reads an entry. io.EOF means that there is no more; an entry that is cut off is
// io.ErrUnexpectedEOF.
func (p *parser) next() error {
	p.text, p.fields, p.size, p.over = p.text[:0], p.fields[:0], 0, false
	if cap(p.text) > 1<<20 {
		p.text = nil
	}
	for {
		start := len(p.text)
		sep, err := p.name()
		if err != nil {
			if err == io.EOF && p.size > 0 {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		name := [2]int{start, len(p.text)}
		if name[0] == name[1] {
			if sep != '\n' {
				return errFormat
			}
			if p.size <= 1 { // blank lines before the first field
				p.size = 0
				continue
			}
			return nil
		}
		at := len(p.text)
		if sep == '=' {
			err = p.line()
		} else {
			err = p.binary()
		}
		if err != nil {
			return err
		}
		if len(p.fields) >= maxFields {
			p.over = true
		}
		if p.over { // what is too much is not kept, its names neither
			p.text = p.text[:start]
			continue
		}
		p.fields = append(p.fields, field{name, [2]int{at, len(p.text)}})
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// name reads the name of a field and returns what ends it: "=", or LF before a binary
// value. An LF alone ends the entry.
func (p *parser) name() (byte, error) {
	for n := 0; ; n++ {
		c, err := p.r.ReadByte()
		if err != nil {
			return 0, err
		}
		p.size++
		switch {
		case c == '=' || c == '\n':
			return c, nil
		case n >= maxName || c < ' ' || c > '~':
			return 0, errFormat
		}
		p.text = append(p.text, c)
	}
}

// keep appends b if the entry is within its limit.
func (p *parser) keep(b []byte) {
	p.size += int64(len(b))
	if room := p.limit - len(p.text); len(b) > room {
		p.over = true
		b = b[:max(room, 0)]
	}
	p.text = append(p.text, b...)
}

// line reads a value up to the end of its line.
func (p *parser) line() error {
	for {
		b, err := p.r.ReadSlice('\n')
		if err == nil {
			p.keep(b[:len(b)-1])
			p.size++
			return nil
		}
		if err != bufio.ErrBufferFull {
			return unexpected(err)
		}
		p.keep(b)
	}
}

// binary reads a value with its length before it.
func (p *parser) binary() error {
	var head [8]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return unexpected(err)
	}
	left := binary.LittleEndian.Uint64(head[:])
	if left > 1<<40 {
		return errFormat
	}
	for left > 0 {
		b, err := p.r.Peek(int(min(left, 4096)))
		if len(b) == 0 {
			return unexpected(err)
		}
		p.keep(b)
		_, _ = p.r.Discard(len(b)) // of what was peeked
		left -= uint64(len(b))
	}
	if c, err := p.r.ReadByte(); err != nil || c != '\n' {
		if err == nil {
			err = errFormat
		}
		return unexpected(err)
	}
	p.size++
	return nil
}

func (p *parser) get(span [2]int) []byte { return p.text[span[0]:span[1]] }

// cursor is the entry's position in the journal.
func (p *parser) cursor() string {
	for _, f := range p.fields {
		if string(p.get(f.name)) == "__CURSOR" {
			return string(p.get(f.value))
		}
	}
	return ""
}

// json appends the entry as an object.
func (p *parser) json(dst []byte) []byte {
	dst = append(dst, '{')
	for i, f := range p.fields {
		name := p.get(f.name)
		same := func(g field) bool { return bytes.Equal(p.get(g.name), name) }
		if slices.ContainsFunc(p.fields[:i], same) {
			continue
		}
		if dst[len(dst)-1] != '{' {
			dst = append(dst, ',')
		}
		dst = append(scan.AppendJSONString(dst, name), ':')
		more := slices.ContainsFunc(p.fields[i+1:], same)
		if more {
			dst = append(dst, '[')
		}
		dst = scan.AppendJSONString(dst, p.get(f.value))
		for _, g := range p.fields[i+1:] {
			if more && same(g) {
				dst = scan.AppendJSONString(append(dst, ','), p.get(g.value))
			}
		}
		if more {
			dst = append(dst, ']')
		}
	}
	return append(dst, '}')
}
