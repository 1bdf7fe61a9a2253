package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/pack"
)

// maxRecord is the longest record, in bytes, that explain takes.
const maxRecord = 1 << 20

// runExplain tells for every field of the events of each record which bytes and which line
// of the pack made it.
func runExplain(_ context.Context, args []string, std stdio) error {
	var name, packs, now, zone, overlays string
	var whole bool
	rest, err := arguments("explain", "[flags] [FILE]", std, args, 0, 1, func(fs *flagSet) {
		fs.StringVar(&name, "p", "auto", "`pack` by name or folder, or auto to tell it by the bytes")
		fs.StringVar(&packs, "packs", "", "`folder` of packs to use instead of the built-in ones")
		fs.StringVar(&overlays, "overlay", "", "`file` that changes a pack; several with commas")
		fs.StringVar(&now, "now", "", "the `time` (RFC 3339) by which times without a year get theirs; default: the clock")
		fs.StringVar(&zone, "tz", "UTC", "time `zone` of times that carry none")
		fs.BoolVar(&whole, "whole", false, "the whole input is one record")
	})
	if err != nil {
		return err
	}
	o := parseOptions{pack: name, now: now, zone: zone, packs: packs, overlay: overlays}
	opts, err := o.packOptions()
	if err != nil {
		return err
	}
	set, err := o.set()
	if err != nil {
		return err
	}
	find, err := o.finder(set, opts)
	if err != nil {
		return err
	}
	in := std.in
	if len(rest) == 1 {
		f, err := os.Open(rest[0])
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	each := func(raw []byte) error {
		m := &parse.Message{Raw: raw, Received: time.Now()}
		p, err := find(m)
		if err != nil {
			fmt.Fprintf(std.out, "%s\n\n", err)
			return nil
		}
		return explain(std.out, set, p, opts, m)
	}
	if whole {
		raw, err := io.ReadAll(io.LimitReader(in, maxRecord))
		if err != nil {
			return err
		}
		return each(raw)
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxRecord)
	for lines.Scan() {
		if raw := lines.Bytes(); len(raw) > 0 {
			if err := each(raw); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

func explain(out io.Writer, set *pack.Set, p *pack.Pack, opts pack.Options, m *parse.Message) error {
	fmt.Fprintf(out, "%s\npack %s %s\n", visible(m.Raw), p.Name(), p.Version())
	of := p.Explain
	if q, _ := set.Pack(p.Name()); q == p {
		of = func(o pack.Options, m *parse.Message) ([]pack.Explanation, error) { return set.Explain(p.Name(), o, m) }
	}
	list, err := of(opts, m)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	event := -1
	for _, e := range list {
		if e.Event != event {
			if event = e.Event; event > 0 {
				fmt.Fprintf(w, "event %d\n", event)
			}
			fmt.Fprintln(w, "FIELD\tVALUE\tHOW\tBYTES\tPLACE")
		}
		var from []string
		for _, s := range e.From {
			from = append(from, s.String())
		}
		place := ""
		if e.Line > 0 {
			place = fmt.Sprintf("%s:%d", e.File, e.Line)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Field, visible([]byte(e.Value)), e.How, strings.Join(from, ", "), place)
	}
	if ferr := w.Flush(); ferr != nil {
		return ferr
	}
	if err != nil {
		fmt.Fprintln(out, err)
	}
	_, ferr := fmt.Fprintln(out)
	return ferr
}

// visible makes bytes fit for a console: what is long is cut, what is no text is escaped.
func visible(b []byte) string {
	const most = 200
	cut := ""
	if len(b) > most {
		b, cut = b[:most], "…"
		for i := 0; i < utf8.UTFMax && len(b) > 0 && b[len(b)-1] >= utf8.RuneSelf; i++ {
			b = b[:len(b)-1] // perhaps a rune that is cut
		}
	}
	var out bytes.Buffer
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&out, `\x%02x`, b[0])
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.Write(b[:n])
		}
		b = b[n:]
	}
	return out.String() + cut
}

// finder returns what finds the pack of a message.
func (o *parseOptions) finder(set *pack.Set, opts pack.Options) (func(m *parse.Message) (*pack.Pack, error), error) {
	if o.pack != "auto" {
		p, err := set.Pack(o.pack)
		if err != nil && o.overlay == "" {
			if q, direrr := onePack(o.pack, o.packs); direrr == nil {
				p, err = q, nil
			}
		}
		return func(*parse.Message) (*pack.Pack, error) { return p, nil }, err
	}
	parser, err := set.Auto(opts)
	if err != nil {
		return nil, err
	}
	auto, ok := parser.Worker().(*pack.Auto)
	if !ok {
		return nil, errors.New("these packs cannot be told apart")
	}
	return func(m *parse.Message) (*pack.Pack, error) {
		i := auto.Detect(m)
		if i < 0 {
			return nil, fmt.Errorf("%s\nno pack recognises it", visible(m.Raw))
		}
		return auto.Pack(i)
	}, nil
}
