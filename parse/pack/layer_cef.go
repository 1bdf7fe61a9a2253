package pack

import (
	"slices"
	"strings"
	"sync"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/cef"
	"github.com/penstock-dev/penstock/parse/kernel/leef"
)

var cefNames = []string{"version", "vendor", "product", "device_version", "class_id", "name", "severity"}

func (c *compiler) cefLayer(l *layer, y *yaml.Node, common []string) error {
	if l.kind == "cef" {
		common = append(common, "names", "strip")
	}
	if err := c.known(y, common...); err != nil {
		return err
	}
	if n := y.Get("names"); n != nil {
		if n.Text != "wire" && n.Text != "long" {
			return c.errorf(n, "names is wire or long, not %q", n.Text)
		}
		if n.Text == "long" {
			l.long = cefLong()
		}
	}
	if n := y.Get("strip"); n != nil {
		var err error
		if l.strip, err = c.strings(n); err != nil {
			return err
		}
		if slices.Contains(l.strip, "") {
			return c.errorf(n, "an empty prefix stands before everything")
		}
	}
	for _, n := range cefNames {
		l.header = append(l.header, c.declare(l.kind+"."+n))
	}
	l.wanted = func(name string) (string, bool) { return name, !strings.HasPrefix(name, l.kind+".") }
	c.keyed = append(c.keyed, l)
	if l.kind == "cef" {
		l.run = runCEF
	} else {
		l.run = runLEEF
	}
	return nil
}

// cefLong returns the long names of the CEF dictionary's short keys: src is
// sourceAddress.
var cefLong = sync.OnceValue(func() map[string][]byte {
	long := map[string][]byte{}
	for e := range cef.Dictionary() {
		if e.Key != e.FullName {
			long[e.Key] = []byte(e.FullName)
		}
	}
	return long
})

// extension is the name under which an extension key is kept.
func (l *layer) extension(key string) string {
	if n, ok := l.long[key]; ok {
		return string(n)
	}
	return key
}

// withLong adds the long names of keys, for the same slots, unless the pack itself
// asks for them.
func (l *layer) withLong(names []string, slots []int) ([]string, []int) {
	for i, key := range names[:len(names):len(names)] {
		if n := l.extension(key); n != key && !slices.Contains(names, n) {
			names, slots = append(names, n), append(slots, slots[i])
		}
	}
	return names, slots
}

// withStripped adds the prefixed forms of keys, for the same slots, unless the pack itself
// asks for them.
func (l *layer) withStripped(names []string, slots []int) ([]string, []int) {
	for i, key := range names[:len(names):len(names)] {
		for _, prefix := range l.strip {
			if n := prefix + key; !slices.Contains(names, n) {
				names, slots = append(names, n), append(slots, slots[i])
			}
		}
	}
	return names, slots
}

// stripped is a key without the vendor's prefix.
func (l *layer) stripped(key []byte) []byte {
	for _, prefix := range l.strip {
		if len(key) > len(prefix) && string(key[:len(prefix)]) == prefix {
			return key[len(prefix):]
		}
	}
	return key
}

func runCEF(s *state, l *layer, text []byte) error {
	st := &s.layers[l.number]
	at := cef.Find(text)
	if at < 0 {
		return errcat.New(errcat.UnknownFormat, errcat.StageParse, "no CEF header")
	}
	ext, err := cef.ParseHeader(text[at:], &st.cefH)
	if err != nil {
		return err
	}
	h := &st.cefH
	h.Unescape(s.frame.Text)
	s.frame.Set(l.header[0], parse.IntValue(int64(h.Version)))
	for i, v := range [...]parse.Value{h.Vendor, h.Product, h.DeviceVersion, h.ClassID, h.Name, h.Severity} {
		s.frame.Set(l.header[i+1], v)
	}
	rest := len(s.frame.Rest)
	err = st.cef.Read(ext, &s.frame)
	s.place(l, rest)
	if l.long != nil {
		for i := rest; i < len(s.frame.Rest); i++ {
			if n, ok := l.long[string(s.frame.Rest[i].Key)]; ok {
				s.frame.Rest[i].Key = n
			}
		}
	}
	if l.strip != nil {
		for i := rest; i < len(s.frame.Rest); i++ {
			s.frame.Rest[i].Key = l.stripped(s.frame.Rest[i].Key)
		}
	}
	return err
}

func runLEEF(s *state, l *layer, text []byte) error {
	st := &s.layers[l.number]
	at := leef.Find(text)
	if at < 0 {
		return errcat.New(errcat.UnknownFormat, errcat.StageParse, "no LEEF header")
	}
	attrs, err := leef.ParseHeader(text[at:], &st.leefH)
	if err != nil {
		return err
	}
	h := &st.leefH
	h.Unescape(s.frame.Text)
	s.frame.Set(l.header[0], parse.IntValue(int64(h.Major)))
	for i, v := range [...]parse.Value{h.Vendor, h.Product, h.ProductVersion, h.EventID} {
		s.frame.Set(l.header[i+1], v)
	}
	rest := len(s.frame.Rest)
	err = st.leef.Read(attrs, h.Delimiter, &s.frame)
	s.place(l, rest)
	return err
}
