package ingest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/penstock-dev/penstock/internal/scan"
	"github.com/penstock-dev/penstock/parse"
)

// AppendID appends the identity of an event as 32 hexadecimal digits: half a SHA-256
// over the name of its source, the offset and bytes of its message, and its number
// within the message. It is equal when the same message is delivered again, read again
// or replayed, so that a destination can drop repeats. Config.Stamp is the place to
// enter it. It allocates nothing if dst has room.
func AppendID(dst []byte, m *parse.Message, split int) []byte {
	// Short texts are hashed as they are, longer ones by their own hash; which of the
	// two it is stands in the first bytes.
	var room [3*8 + idText + idText]byte
	b := room[:24]
	source := ""
	if m.Origin != nil {
		source = m.Origin.Source
	}
	binary.BigEndian.PutUint64(b, uint64(len(source)))
	binary.BigEndian.PutUint64(b[8:], uint64(m.Offset))
	binary.BigEndian.PutUint64(b[16:], uint64(split))
	b = appendText(b, scan.Bytes(source))
	b = appendText(b, m.Raw)
	id := sha256.Sum256(b)
	return hex.AppendEncode(dst, id[:16])
}

// idText is the longest text that is hashed as it is.
const idText = 512

func appendText(b, text []byte) []byte {
	if len(text) < idText {
		return append(append(b, 0), text...)
	}
	sum := sha256.Sum256(text)
	return append(append(b, 1), sum[:]...)
}
