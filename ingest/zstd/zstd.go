// Package zstd is the ingest.Codec of Zstandard (RFC 8878), a module of its own because of
// its library, github.com/klauspost/compress.
//
//	codec, err := zstd.New(zstd.Options{})
//	...
//	file.Options{Decoding: ingest.Decoding{Codecs: append(ingest.DefaultCodecs(), codec)}}
//
// A stream is any number of frames one behind the other; skippable frames are skipped.
package zstd

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/ingest"
)

// Options of a codec. The zero Options work.
type Options struct {
	// MaxWindow is how many bytes of what was decoded a frame may refer back to, which is
	// about what a stream takes of memory. Default 8 MiB, which zstd writes without
	// --ultra or --long; 1 KiB to 512 MiB.
	MaxWindow int
}

// New returns the codec. The error says which option is wrong.
func New(o Options) (ingest.Codec, error) {
	switch {
	case o.MaxWindow == 0:
		o.MaxWindow = 8 << 20
	case o.MaxWindow < 1<<10 || o.MaxWindow > 512<<20:
		return nil, fmt.Errorf("zstd: MaxWindow is %d; want %d to %d, or 0 for the default of %d", o.MaxWindow, 1<<10, 512<<20, 8<<20)
	}
	return codec{o}, nil
}

type codec struct{ o Options }

func (codec) Name() string  { return "zstd" }
func (codec) Magic() string { return "\x28\xb5\x2f\xfd" }

func (c codec) NewReader(r io.Reader) (io.Reader, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(uint64(c.o.MaxWindow)))
	if err != nil {
		return nil, err
	}
	return &reader{d}, nil
}

// reader gives the library's errors their categories.
type reader struct{ d *zstd.Decoder }

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.d.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return n, errcat.Newf(errcat.Truncated, errcat.StageCollect, "the data ends within a frame: %w", err)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return n, errcat.Newf(errcat.Oversize, errcat.StageCollect, "a frame needs a larger window than MaxWindow: %w", err)
	}
	return n, errcat.Newf(errcat.EncodingError, errcat.StageCollect, "%w", err)
}

// Close ends the decoder. It starts no goroutine, since it runs with a concurrency of 1.
func (r *reader) Close() error {
	r.d.Close()
	return nil
}
