package pack

import (
	"sort"
	"strings"

	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/kv"
)

func (c *compiler) kvLayer(l *layer, y *yaml.Node, common []string) error {
	if err := c.known(y, append(common, "as", "preset", "pairs", "keys", "quotes", "bare", "spaces", "spaced", "key_bytes", "prefix", "suffix", "stray", "escapes", "null", "trim_key")...); err != nil {
		return err
	}
	var o kv.Options
	if n := y.Get("preset"); n != nil {
		presets := map[string]func() kv.Options{
			"fortinet": kv.Fortinet, "sophos": kv.Sophos, "sonicwall": kv.SonicWall, "watchguard": kv.WatchGuard,
			"checkpoint": kv.CheckPoint, "juniper": kv.Juniper, "logfmt": kv.Logfmt, "iptables": kv.IPTables, "auditd": kv.Auditd,
		}
		f, ok := presets[n.Text]
		if !ok {
			var names []string
			for name := range presets {
				names = append(names, name)
			}
			sort.Strings(names)
			return c.errorf(n, "preset %q is not known%s (known: %s)", n.Text, didYouMean(n.Text, names), strings.Join(names, ", "))
		}
		o = f()
	}
	text := func(key string, to *string) {
		if n := y.Get(key); n != nil {
			*to = n.Text
		}
	}
	text("pairs", &o.PairSeparators)
	text("keys", &o.KeySeparators)
	text("quotes", &o.Quotes)
	text("key_bytes", &o.KeyBytes)
	text("prefix", &o.Prefix)
	text("suffix", &o.Suffix)
	text("null", &o.Null)
	text("trim_key", &o.TrimKey)
	if n := y.Get("quotes"); n != nil && n.Text == "" {
		o.NoQuotes = true
	}
	if n := y.Get("spaces"); n != nil {
		o.UnquotedSpaces = n.Text == "true"
	}
	if n := y.Get("spaced"); n != nil {
		o.SpacedSeparator = n.Text == "true"
	}
	if n := y.Get("bare"); n != nil {
		switch n.Text {
		case "true":
			o.BareKeys = kv.BareTrue
		case "empty":
			o.BareKeys = kv.BareEmpty
		case "stray":
			o.BareKeys = kv.BareStray
		default:
			return c.errorf(n, "bare is true, empty or stray, not %q", n.Text)
		}
	}
	if n := y.Get("escapes"); n != nil {
		switch n.Text {
		case "backslash":
			o.Escapes = kv.EscapeBackslash
		case "c":
			o.Escapes = kv.EscapeC
		case "doubled":
			o.Escapes = kv.EscapeDoubled
		case "none":
			o.Escapes = kv.EscapeNone
		default:
			return c.errorf(n, "escapes is backslash, c, doubled or none, not %q", n.Text)
		}
	}
	stray := -1
	if n := y.Get("stray"); n != nil { // the name under which words outside of pairs are found
		o.KeepStray = true
		stray = c.declare(n.Text)
	}
	f, err := kv.New(o)
	if err != nil {
		return c.errorf(y, "%v", err)
	}
	l.kv = f
	l.wanted = l.unprefixed
	c.keyed = append(c.keyed, l)
	l.run = func(s *state, l *layer, text []byte) error {
		rest := len(s.frame.Rest)
		rd := s.layers[l.number].kv
		err := rd.Read(text, &s.frame)
		s.place(l, rest)
		if stray >= 0 {
			if _, t := rd.Stray(); len(t) > 0 {
				s.frame.Set(stray, parse.BytesValue(t))
			}
		}
		if err == nil && l.from != slotMessage {
			s.consume(l.from)
		}
		return err
	}
	return nil
}
