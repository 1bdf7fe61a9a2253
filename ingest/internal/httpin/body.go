package httpin

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
)

// keptBuffer is the largest buffer that is used again.
const keptBuffer = 4 << 20

// Buffer returns an empty buffer that is used again after Serve has returned.
func (r *Request) Buffer() *[]byte {
	b, _ := r.s.bufs.Get().(*[]byte)
	if b == nil {
		b = new([]byte)
	}
	r.bufs = append(r.bufs, b)
	return b
}

// hold counts n more bytes as in flight.
func (r *Request) hold(n int) error {
	r.held += int64(n)
	if r.s.inFlight.Add(int64(n)) > r.s.opts.MaxInFlight {
		return Errorf(http.StatusTooManyRequests, "too many bytes are being worked on")
	}
	return nil
}

func (r *Request) release() {
	r.s.inFlight.Add(-r.held)
	r.held = 0
	for _, b := range r.bufs {
		if cap(*b) <= keptBuffer {
			*b = (*b)[:0]
			r.s.bufs.Put(b)
		}
	}
	r.bufs = nil
	if m := r.msgs; m != nil {
		r.msgs = nil
		clear(m.Msgs)
		clear(m.Faults)
		m.Msgs, m.Faults = m.Msgs[:0], m.Faults[:0]
		if cap(m.Msgs) <= keptMessages && cap(m.Faults) <= keptMessages {
			r.s.msgs.Put(m)
		}
	}
}

// keptMessages is how long a list of messages may be and still be used again.
const keptMessages = 64 << 10

// Messages returns an empty list that is used again after Serve has returned. A request has
// one.
func (r *Request) Messages() *Messages {
	if r.msgs == nil {
		if r.msgs, _ = r.s.msgs.Get().(*Messages); r.msgs == nil {
			r.msgs = new(Messages)
		}
	}
	return r.msgs
}

// Bytes reads the whole body, decompressed. It is valid until Serve returns.
func (r *Request) Bytes() ([]byte, error) {
	if r.body != nil {
		return r.body, nil
	}
	o := &r.s.opts
	if r.ContentLength > o.MaxBody {
		return nil, Errorf(http.StatusRequestEntityTooLarge, "the body has %d bytes, at most %d are taken", r.ContentLength, o.MaxBody)
	}
	sent := r.Buffer()
	if n := int(min(r.ContentLength, 1<<20)); n > cap(*sent) {
		*sent = make([]byte, 0, n+1)
	}
	parts, total, err := r.read(*sent, r.Body, o.MaxBody, "the body has")
	if err != nil {
		return nil, err
	}
	*sent = parts[0]
	r.s.stats.bytes.Add(total)
	var body []byte
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		body = join(parts, total)
		*sent = body
	case "gzip", "x-gzip", "deflate":
		if body, err = r.inflate(reader(parts), total, encoding); err != nil {
			return nil, err
		}
	default:
		codec := o.codec(encoding)
		if codec == nil {
			return nil, Errorf(http.StatusUnsupportedMediaType, "Content-Encoding %q is not known: send %s or none", encoding, o.encodings())
		}
		if body, err = r.decompress(reader(parts), total, codec); err != nil {
			return nil, err
		}
	}
	r.s.stats.inflated.Add(int64(len(body)))
	r.body = body
	return body, nil
}

// read reads all of src, but at most limit bytes, into the capacity of first and then into
// parts of their own, one at least: a body that is refused has taken the limit and not, by
// growing, twice that.
func (r *Request) read(first []byte, src io.Reader, limit int64, what string) (parts [][]byte, total int64, err error) {
	b := first[:0]
	for {
		if len(b) == cap(b) {
			if len(b) > 0 {
				parts = append(parts, b)
			}
			b = make([]byte, 0, min(max(total, 32<<10), 4<<20, limit+1-total))
		}
		n, err := src.Read(b[len(b):min(int64(cap(b)), int64(len(b))+limit+1-total)])
		b, total = b[:len(b)+n], total+int64(n)
		if hold := r.hold(n); hold != nil {
			return nil, 0, hold
		}
		switch {
		case total > limit:
			return nil, 0, Errorf(http.StatusRequestEntityTooLarge, "%s more than %d bytes", what, limit)
		case err == io.EOF:
			return append(parts, b), total, nil
		case err != nil:
			var st *Status
			if errors.As(err, &st) {
				return nil, 0, st
			}
			if errcat.Of(err) == errcat.Oversize {
				return nil, 0, Errorf(http.StatusRequestEntityTooLarge, "the body needs more memory than is allowed")
			}
			return nil, 0, Errorf(http.StatusBadRequest, "the body cannot be read to its end")
		}
	}
}

// join puts parts of total bytes together.
func join(parts [][]byte, total int64) []byte {
	if len(parts) == 1 {
		return parts[0]
	}
	whole := make([]byte, 0, total)
	for _, p := range parts {
		whole = append(whole, p...)
	}
	return whole
}

// reader reads parts, and lets go of those that have been read.
func reader(parts [][]byte) io.Reader {
	if len(parts) == 1 {
		return bytes.NewReader(parts[0])
	}
	readers := make([]io.Reader, len(parts))
	for i, p := range parts {
		readers[i] = bytes.NewReader(p)
	}
	return io.MultiReader(readers...)
}

// codec is the one of that name, or nil.
func (o *Options) codec(name string) ingest.Codec {
	for _, c := range o.Codecs {
		if strings.EqualFold(c.Name(), name) {
			return c
		}
	}
	return nil
}

// encodings are those that are known, in words.
func (o *Options) encodings() string {
	known := "gzip, deflate"
	for _, c := range o.Codecs {
		known += ", " + c.Name()
	}
	return known
}

// inflatedLimit is how long the body may become.
func (o *Options) inflatedLimit(sent int64) int64 {
	return min(o.MaxInflated, max(sent*int64(o.MaxRatio), 1<<20))
}

func (r *Request) decompress(body io.Reader, sent int64, codec ingest.Codec) ([]byte, error) {
	z, err := codec.NewReader(body)
	if err != nil {
		return nil, Errorf(http.StatusBadRequest, "the body is not %s", codec.Name())
	}
	if c, ok := z.(io.Closer); ok {
		defer c.Close()
	}
	return r.plain(z, sent)
}

func (r *Request) inflate(body io.Reader, sent int64, encoding string) ([]byte, error) {
	var z io.ReadCloser
	var err error
	if encoding == "deflate" {
		z, err = zlib.NewReader(body)
	} else {
		z, err = gzip.NewReader(body)
	}
	if err != nil {
		return nil, Errorf(http.StatusBadRequest, "the body is not %s", encoding)
	}
	defer z.Close()
	return r.plain(z, sent)
}

// plain is what z makes of so many bytes that were sent.
func (r *Request) plain(z io.Reader, sent int64) ([]byte, error) {
	dst := r.Buffer()
	parts, total, err := r.read(*dst, z, r.s.opts.inflatedLimit(sent), "decompressed, the body has")
	if err != nil {
		return nil, err
	}
	*dst = join(parts, total)
	return *dst, nil
}
