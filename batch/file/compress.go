package file

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"sync"

	"github.com/penstock-dev/penstock/internal/vfs"
)

// Compression compresses what is written, batch by batch: each becomes a piece of its own, and
// pieces one behind the other are one valid file. So a batch that was written in part can be
// cut off again. It is safe for concurrent use. Gzip is one; module ingest/zstd has another.
type Compression interface {
	// Suffix is appended to Options.Suffix, such as ".gz".
	Suffix() string
	// Append appends src as one piece.
	Append(dst, src []byte) ([]byte, error)
	// Whole returns how many of the first bytes of r are whole pieces with right checksums.
	// The error is one of r.
	Whole(r io.Reader) (int64, error)
}

// Gzip is the Compression of RFC 1952. level is that of compress/gzip; 0 is its default.
func Gzip(level int) (Compression, error) {
	if level == 0 {
		level = gzip.DefaultCompression
	}
	if _, err := gzip.NewWriterLevel(io.Discard, level); err != nil {
		return nil, fmt.Errorf("batch/file: %w", err)
	}
	return &gzipped{level: level}, nil
}

type gzipped struct {
	level   int
	writers sync.Pool
}

func (*gzipped) Suffix() string { return ".gz" }
func (g *gzipped) Append(dst, src []byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	z, _ := g.writers.Get().(*gzip.Writer)
	if z == nil {
		z, _ = gzip.NewWriterLevel(out, g.level) // the level was checked
	} else {
		z.Reset(out)
	}
	defer g.writers.Put(z)
	if _, err := z.Write(src); err != nil {
		return dst, err
	}
	if err := z.Close(); err != nil {
		return dst, err
	}
	return out.Bytes(), nil
}

func (*gzipped) Whole(r io.Reader) (int64, error) {
	in := &counter{r: r}
	buf := bufio.NewReader(in) // gzip reads no byte of it that it does not need
	var z gzip.Reader
	for whole := int64(0); ; {
		err := z.Reset(buf)
		if err == nil {
			z.Multistream(false)
			_, err = io.Copy(io.Discard, &z)
		}
		if in.err != nil {
			return whole, in.err
		}
		if err != nil {
			return whole, nil
		}
		whole = in.n - int64(buf.Buffered())
	}
}

// counter counts what is read, and remembers why reading failed.
type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// lastPiece returns the offset behind the last whole piece of f.
func lastPiece(f vfs.File, c Compression) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return c.Whole(io.NewSectionReader(f, 0, info.Size()))
}
