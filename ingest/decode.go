package ingest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
)

// Decoding says how the bytes of a stream become text: decompression, then the character
// set, then what is done about text that is not UTF-8. The zero Decoding leaves all bytes as
// they are. Positions in a stream that is decoded (Message.Offset, commits) count decoded
// bytes.
//
// Data that cannot be decoded ends the stream: what was read before is delivered, and the
// fault is one dead letter (TRUNCATED for compressed data that ends early, ENCODING_ERROR for
// corrupt data, OVERSIZE for a breach of the limits) that holds the beginning of the
// message in which it was met, if there was one. It is no error of the source.
type Decoding struct {
	// Codecs are the forms of compression that are told by their first bytes. A stream that
	// begins like none of them is read as it is. DefaultCodecs has those of this package.
	Codecs []Codec
	// Codec, if set, is the form that the stream must have, whatever it begins with.
	Codec Codec
	// MaxOutput is how many bytes a compressed stream may become. Default 64 GiB.
	MaxOutput int64
	// MaxRatio is how many times its compressed size a stream may become; the first MiB is
	// free. Default 500, at most 1 << 20.
	MaxRatio int
	// Charset is the character set. Default: UTF-8 with or without a byte order mark,
	// which is kept like any other bytes; AutoCharset also reads UTF-16 with one.
	Charset Charset
	// Invalid is what becomes of messages that are not UTF-8. It must be left alone for
	// formats that are no text.
	Invalid InvalidText
}

// Codec is a form of compression. It is safe for concurrent use.
type Codec interface {
	// Name is the name of the form, such as gzip.
	Name() string
	// Magic is what each stream begins with, or "" where that tells too little: such a
	// Codec is used only where it is named.
	Magic() string
	// NewReader returns a reader of the plain bytes of r, to its end. Its errors have a
	// category (see errcat.Of). If it is an io.Closer it is closed after the last Read. It
	// must bound its memory.
	NewReader(r io.Reader) (io.Reader, error)
}

// DefaultCodecs are the forms of compression that this package tells by their first bytes.
func DefaultCodecs() []Codec { return []Codec{Gzip} }

const (
	defaultMaxOutput = 64 << 30
	defaultMaxRatio  = 500
	ratioFree        = 1 << 20
	maxMagic         = 16
)

func (d *Decoding) plain() bool { return len(d.Codecs) == 0 && d.Codec == nil && d.Charset == nil }

// Check reports what is wrong with the options.
func (d *Decoding) Check() error {
	switch {
	case d.MaxOutput < 0:
		return fmt.Errorf("ingest: Decoding.MaxOutput is %d", d.MaxOutput)
	case d.MaxRatio < 0 || d.MaxRatio > 1<<20:
		return fmt.Errorf("ingest: Decoding.MaxRatio is %d, want 1 to %d, or 0 for the default of %d", d.MaxRatio, 1<<20, defaultMaxRatio)
	case d.Invalid > RepairWindows1252:
		return fmt.Errorf("ingest: Decoding.Invalid is %d", d.Invalid)
	}
	for _, c := range d.Codecs {
		if c == nil || c.Magic() == "" || len(c.Magic()) > maxMagic {
			return errors.New("ingest: Decoding.Codecs has one that is not told by its first bytes: name it as Codec")
		}
	}
	return nil
}

// dataError is an error of the stream's data, not of reading it.
type dataError struct{ err error }

func (e *dataError) Error() string             { return e.err.Error() }
func (e *dataError) Unwrap() error             { return e.err }
func (e *dataError) Category() errcat.Category { return errcat.Of(e.err) }

func badData(c errcat.Category, format string, args ...any) error {
	return &dataError{errcat.Newf(c, errcat.StageCollect, format, args...)}
}

// Reader returns a reader of the decoded bytes of r. It reads ahead no further than it must
// to tell the form of the stream. Invalid does not concern it. The result is an io.Closer; r
// is not closed.
func (d *Decoding) Reader(r io.Reader) (io.ReadCloser, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	return &decodeReader{d: d, r: r}, nil
}

// decodeReader puts the readers together when the stream's first bytes are known.
type decodeReader struct {
	d     *Decoding
	r     io.Reader
	chain io.Reader
	close []io.Closer
	head  [maxMagic]byte
	n     int
	err   error // of r behind head
}

func (x *decodeReader) Read(p []byte) (int, error) {
	if x.chain == nil {
		if err := x.begin(); err != nil {
			return 0, err
		}
	}
	return x.chain.Read(p)
}

func (x *decodeReader) Close() error {
	var errs []error
	for _, c := range x.close {
		errs = append(errs, c.Close())
	}
	x.close = nil
	return errors.Join(errs...)
}

// begin reads as much as it takes to know the form, and sets up the chain.
func (x *decodeReader) begin() error {
	codec := x.d.Codec
	for codec == nil && len(x.d.Codecs) > 0 {
		head, maybe := string(x.head[:x.n]), false
		for _, c := range x.d.Codecs {
			switch magic := c.Magic(); {
			case strings.HasPrefix(head, magic):
				codec = c
			case strings.HasPrefix(magic, head):
				maybe = true
			}
			if codec != nil {
				break
			}
		}
		if codec != nil || !maybe || x.err != nil {
			break
		}
		n, err := x.r.Read(x.head[x.n:])
		x.n += max(n, 0)
		if x.err = err; n == 0 && err == nil {
			return nil // nothing yet: asked again
		}
	}
	var r io.Reader = &headed{x: x}
	if codec != nil {
		in := &counted{r: r}
		plain, err := codec.NewReader(in)
		if err != nil {
			return asData(err)
		}
		if c, ok := plain.(io.Closer); ok {
			x.close = append(x.close, c)
		}
		l := &limited{r: plain, in: in, name: codec.Name(), left: x.d.MaxOutput, ratio: int64(x.d.MaxRatio)}
		if l.left == 0 {
			l.left = defaultMaxOutput
		}
		if l.ratio == 0 {
			l.ratio = defaultMaxRatio
		}
		r = l
	}
	if x.d.Charset != nil {
		r = newCharsetReader(r, x.d.Charset)
	}
	x.chain = r
	return nil
}

// headed is the stream with what was read ahead.
type headed struct {
	x  *decodeReader
	at int
}

func (h *headed) Read(p []byte) (int, error) {
	if h.at < h.x.n {
		n := copy(p, h.x.head[h.at:h.x.n])
		h.at += n
		return n, nil
	}
	if err := h.x.err; err != nil {
		return 0, err
	}
	return h.x.r.Read(p)
}

// counted counts compressed bytes, and tells its own errors from those of the decoder.
type counted struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(max(n, 0))
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// limited holds the limits on decompressed bytes.
type limited struct {
	r     io.Reader
	in    *counted
	name  string
	out   int64
	left  int64
	ratio int64
	err   error
}

func (l *limited) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := l.r.Read(p[:min(int64(len(p)), max(l.left, 1))])
	if int64(n) > l.left {
		l.err = badData(errcat.Oversize, "%s: the stream becomes more bytes than MaxOutput", l.name)
		return 0, l.err
	}
	l.left -= int64(n)
	l.out += int64(n)
	switch {
	case err == io.EOF:
	case err != nil && l.in.err == nil:
		err = asData(fmt.Errorf("%s: %w", l.name, err))
	case err == nil && l.out > ratioFree && l.out/l.ratio > l.in.n:
		err = badData(errcat.Oversize, "%s: the stream becomes more than MaxRatio times its size", l.name)
	}
	l.err = err
	return n, err
}

// asData makes an error one of the data: early ends are TRUNCATED, what has no category is an
// ENCODING_ERROR.
func asData(err error) error {
	if _, ok := err.(*dataError); ok {
		return err
	}
	c := errcat.Of(err)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		c = errcat.Truncated
	case c == errcat.Internal:
		c = errcat.EncodingError
	}
	return &dataError{&errcat.Error{Category: c, Stage: errcat.StageCollect, Err: err}}
}
