package kv

import (
	"errors"
	"fmt"
	"strings"
)

// Escapes says how a quoted value carries its own quote.
type Escapes uint8

// The escapes. In unquoted values nothing is an escape.
const (
	// EscapeBackslash: a backslash before a quote, a backslash or a closing bracket
	// takes its meaning away; before anything else it stands for itself, as devices
	// that print bare Windows paths mean it.
	EscapeBackslash Escapes = iota
	// EscapeC: the same, and \n \r \t \b \f \/ \uXXXX as in JSON.
	EscapeC
	// EscapeDoubled: a quote is written twice.
	EscapeDoubled
	// EscapeNone: no escapes.
	EscapeNone
)

// Bare says what a word without a key separator is.
type Bare uint8

// What becomes of bare words.
const (
	BareStray Bare = iota // stray text: counted, and kept if KeepStray is set
	BareTrue              // a key whose value is true
	BareEmpty             // a key whose value is empty
)

// Options describe one dialect of key=value. The zero Options are the usual one:
// pairs separated by spaces, '=', values bare or in double quotes with backslash
// escapes. The presets are functions that return Options.
type Options struct {
	// PairSeparators are the bytes between pairs; a run of them counts as one.
	// Default: a space.
	PairSeparators string
	// KeySeparators are the bytes between key and value. Default: "=".
	KeySeparators string
	// SpacedSeparator allows blanks around the key separator ("key = value").
	SpacedSeparator bool
	// Quotes are the bytes that may open a quoted value: any of " ' `.
	// Default: the double quote.
	Quotes string
	// NoQuotes makes quotes ordinary bytes.
	NoQuotes bool
	// Escapes inside quotes. Default: EscapeBackslash.
	Escapes Escapes
	// BareKeys says what words without a key separator are. Default: BareStray.
	BareKeys Bare
	// BareWords limits BareKeys to these words; others are stray. Default: no limit.
	BareWords []string
	// TrimKey are bytes taken from both ends of keys. Default: none.
	TrimKey string
	// KeyBytes are the bytes that keys may hold. What stands before the last run of
	// them is stray text ("[rule-7]IN=eth0"). Default: all but separators, quotes,
	// blanks and controls. Ranges may be written as in "A-Za-z0-9_"; a '-' itself
	// stands at the end.
	KeyBytes string
	// UnquotedSpaces: a value without quotes runs until the next pair separator that
	// is followed by a key and its separator.
	UnquotedSpaces bool
	// Prefix and Suffix are taken from the ends of the text where they stand there.
	Prefix, Suffix string
	// Nested is a quote, one of Quotes, whose content is pairs again, read as if
	// they stood outside; the key before it is left out (auditd's msg='…').
	Nested byte
	// Null is an unquoted value that means "no value". Default: none.
	Null string
	// KeepStray collects stray text, see Reader.Stray.
	KeepStray bool
}

// Classes of bytes; a byte can have several.
const (
	isSep uint8 = 1 << iota // between pairs
	isKeySep
	isQuote
	isBlank // space, tab, CR, LF
	isKey   // may stand in a key
	isTrim  // taken from the ends of keys
)

// Format is a compiled dialect. It is constant and safe for concurrent use.
type Format struct {
	opts  Options
	class [256]uint8
	bare  map[string]struct{}
	fast  bool // the usual dialect, for which Reader has a loop of its own
}

// New compiles a dialect. It fails where a byte would have two meanings.
func New(o Options) (*Format, error) {
	if o.PairSeparators == "" {
		o.PairSeparators = " "
	}
	if o.KeySeparators == "" {
		o.KeySeparators = "="
	}
	if o.Quotes == "" && !o.NoQuotes {
		o.Quotes = `"`
	}
	f := &Format{opts: o}
	if o.NoQuotes && (o.Quotes != "" || o.Nested != 0) {
		return nil, errors.New("kv: NoQuotes excludes Quotes and Nested")
	}
	if strings.Trim(o.Quotes, "\"'`") != "" {
		return nil, fmt.Errorf("kv: Quotes %q may hold only \", ' and `", o.Quotes)
	}
	if o.Nested != 0 && strings.IndexByte(o.Quotes, o.Nested) < 0 {
		return nil, fmt.Errorf("kv: Nested %q is not one of Quotes %q", o.Nested, o.Quotes)
	}
	if o.Escapes > EscapeNone {
		return nil, errors.New("kv: unknown Escapes")
	}
	if o.BareKeys > BareEmpty {
		return nil, errors.New("kv: unknown BareKeys")
	}
	if len(o.BareWords) > 0 && o.BareKeys == BareStray {
		return nil, errors.New("kv: BareWords without BareKeys")
	}
	for _, s := range []struct {
		name, bytes string
		class       uint8
	}{{"PairSeparators", o.PairSeparators, isSep}, {"KeySeparators", o.KeySeparators, isKeySep}, {"Quotes", o.Quotes, isQuote}} {
		for i := range len(s.bytes) {
			c := s.bytes[i]
			if f.class[c]&(isSep|isKeySep|isQuote)&^s.class != 0 || c == '\\' {
				return nil, fmt.Errorf("kv: %q in %s has another meaning already", c, s.name)
			}
			f.class[c] |= s.class
		}
	}
	for _, c := range []byte(" \t\r\n") {
		f.class[c] |= isBlank
	}
	for i := range len(o.TrimKey) {
		f.class[o.TrimKey[i]] |= isTrim
	}
	if o.KeyBytes == "" {
		for c := 0x21; c < 256; c++ {
			if c != 0x7f && c != '"' && c != '\'' && c != '`' {
				f.class[c] |= isKey
			}
		}
	} else if err := f.keyBytes(o.KeyBytes); err != nil {
		return nil, err
	}
	for c := range f.class {
		if f.class[c]&(isSep|isKeySep|isQuote) != 0 {
			f.class[c] &^= isKey
		}
	}
	if len(o.BareWords) > 0 {
		f.bare = make(map[string]struct{}, len(o.BareWords))
		for _, w := range o.BareWords {
			f.bare[w] = struct{}{}
		}
	}
	f.fast = o.PairSeparators == " " && o.KeySeparators == "=" && o.Quotes == `"` && o.Escapes <= EscapeC &&
		o.BareKeys == BareStray && !o.SpacedSeparator && !o.UnquotedSpaces && o.TrimKey == "" && o.KeyBytes == "" &&
		o.Nested == 0 && o.Null == ""
	return f, nil
}

// keyBytes reads a set such as "A-Za-z0-9_-".
func (f *Format) keyBytes(set string) error {
	for i := 0; i < len(set); i++ {
		lo, hi := set[i], set[i]
		if i+2 < len(set) && set[i+1] == '-' {
			hi = set[i+2]
			i += 2
		}
		if lo > hi {
			return fmt.Errorf("kv: KeyBytes range %c-%c is empty", lo, hi)
		}
		for c := int(lo); c <= int(hi); c++ {
			f.class[c] |= isKey
		}
	}
	return nil
}

// Options returns what the format was made of, defaults filled in.
func (f *Format) Options() Options { return f.opts }
