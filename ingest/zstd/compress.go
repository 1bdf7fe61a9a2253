package zstd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Compression compresses for package batch/file: each batch is a frame of its own. It is safe
// for concurrent use.
type Compression struct {
	encoder *zstd.Encoder
}

// NewCompression returns a Compression. level is that of the zstd program, 1 to 22; 0 is its
// default, 3.
func NewCompression(level int) (*Compression, error) {
	if level == 0 {
		level = 3
	}
	if level < 1 || level > 22 {
		return nil, fmt.Errorf("zstd: level %d; want 1 to 22, or 0 for the default of 3", level)
	}
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, err
	}
	return &Compression{e}, nil
}

// Suffix is ".zst".
func (*Compression) Suffix() string { return ".zst" }

// Append appends src as one frame.
func (c *Compression) Append(dst, src []byte) ([]byte, error) {
	return c.encoder.EncodeAll(src, dst), nil
}

// maxFrame bounds a frame of a file that is recovered, as it is and decoded: no batch is that
// large.
const maxFrame = 1 << 30

// Whole returns how many of the first bytes of r are whole frames with right checksums.
func (*Compression) Whole(r io.Reader) (int64, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame))
	if err != nil {
		return 0, err
	}
	defer d.Close()
	in := bufio.NewReader(r)
	var frame, text []byte
	for whole := int64(0); ; {
		frame, err = readFrame(in, frame[:0])
		if err == nil {
			text, err = d.DecodeAll(frame, text[:0])
		}
		switch {
		case err == nil:
			whole += int64(len(frame))
			continue
		case err == io.EOF, errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, errFrame), len(frame) > 0:
			return whole, nil
		}
		return whole, err
	}
}

var errFrame = errors.New("zstd: not a frame")

// readFrame appends one frame of r to b. RFC 8878, section 3.1.1.
func readFrame(r io.Reader, b []byte) ([]byte, error) {
	read := func(n int) ([]byte, error) {
		if len(b)+n > maxFrame {
			return nil, errFrame
		}
		start := len(b)
		b = slices.Grow(b, n)[:start+n]
		if _, err := io.ReadFull(r, b[start:]); err != nil {
			return nil, err
		}
		return b[start:], nil
	}
	head, err := read(5)
	if err != nil {
		return b, err
	}
	if string(head[:4]) != (codec{}).Magic() {
		return b, errFrame
	}
	descriptor := head[4]
	single := descriptor&0x20 != 0
	more := [...]int{0, 1, 2, 4}[descriptor&3] // dictionary
	size := [...]int{0, 2, 4, 8}[descriptor>>6]
	switch {
	case !single:
		more++ // window
	case size == 0:
		size = 1
	}
	if _, err := read(more + size); err != nil {
		return b, err
	}
	for {
		block, err := read(3)
		if err != nil {
			return b, err
		}
		header := uint32(block[0]) | uint32(block[1])<<8 | uint32(block[2])<<16
		n := int(header >> 3)
		switch header >> 1 & 3 {
		case 1: // one byte, repeated
			n = 1
		case 3:
			return b, errFrame
		}
		if _, err := read(n); err != nil {
			return b, err
		}
		if header&1 != 0 {
			break
		}
	}
	if descriptor&4 != 0 {
		_, err = read(4)
	}
	return b, err
}
