package ingest

import (
	"unicode/utf8"

	"github.com/penstock-dev/penstock/errcat"
)

// InvalidText is what becomes of messages that are not UTF-8.
type InvalidText uint8

const (
	// KeepInvalid parses them as they are: event.original then has the raw bytes in
	// base64, and encoders write U+FFFD for each byte in fields. Nothing is spent on
	// looking for them.
	KeepInvalid InvalidText = iota
	// RejectInvalid makes dead letters of them, of category ENCODING_ERROR.
	RejectInvalid
	// RepairInvalid replaces what is not UTF-8 by U+FFFD before they are parsed. The number
	// of repaired messages is Stats.Repaired.
	RepairInvalid
	// RepairWindows1252 reads each byte that is not UTF-8 as Windows-1252, for sources that
	// mix both. Repaired messages are counted.
	RepairWindows1252
)

// InvalidTextByName returns an InvalidText by its name: keep, reject, repair or windows-1252.
func InvalidTextByName(name string) (InvalidText, bool) {
	switch name {
	case "keep":
		return KeepInvalid, true
	case "reject":
		return RejectInvalid, true
	case "repair":
		return RepairInvalid, true
	case "windows-1252":
		return RepairWindows1252, true
	}
	return KeepInvalid, false
}

var errInvalidText = errcat.New(errcat.EncodingError, errcat.StageCollect, "the message is not UTF-8")

// apply deals with the messages of a chunk. Those that are repaired lie in memory of their
// own.
func (v InvalidText) apply(c *Chunk) {
	if v == KeepInvalid {
		return
	}
	var faults []Fault // with those that come in between
	known := c.Faults
	for i := range c.Msgs {
		if len(known) > 0 && known[0].Msg == i {
			if faults != nil {
				faults = append(faults, known[0])
			}
			known = known[1:]
			continue
		}
		m := &c.Msgs[i]
		if utf8.Valid(m.Raw) {
			continue
		}
		if v == RejectInvalid {
			if faults == nil {
				faults = append(faults, c.Faults[:len(c.Faults)-len(known)]...)
			}
			faults = append(faults, Fault{Msg: i, Err: errInvalidText})
			continue
		}
		m.Raw = v.repair(m.Raw)
		c.Repaired++
	}
	if faults != nil {
		c.Faults = faults
	}
}

func (v InvalidText) repair(b []byte) []byte {
	out := make([]byte, 0, len(b)+len(b)/8+16)
	for i := 0; i < len(b); {
		if b[i] < 0x80 {
			out = append(out, b[i])
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r != utf8.RuneError || n != 1:
			out = append(out, b[i:i+n]...)
		case v == RepairWindows1252:
			out = appendWindows1252(out, b[i])
		default:
			out = utf8.AppendRune(out, utf8.RuneError)
		}
		i += n
	}
	return out
}
