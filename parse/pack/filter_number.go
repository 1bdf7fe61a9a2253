package pack

import (
	"bytes"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/penstock-dev/penstock/internal/timeparse"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/parse"
)

func intScale(unit int64) filterFunc {
	return func(s *state, v parse.Value) (parse.Value, bool) {
		if i, ok := s.integer(v); ok {
			r := i * unit
			if unit != 0 && r/unit != i {
				return parse.Value{}, false
			}
			return parse.IntValue(r), true
		}
		f, ok := s.number(v)
		if !ok || math.IsNaN(f) || math.Abs(f*float64(unit)) >= 1<<63 {
			return parse.Value{}, false
		}
		return parse.IntValue(int64(math.Round(f * float64(unit)))), true
	}
}

func toBool(s *state, v parse.Value) (parse.Value, bool) {
	if v.Kind() == parse.KindBool {
		return v, true
	}
	switch strings.ToLower(string(s.text(v))) {
	case "true", "yes", "1", "y", "on", "enabled", "t":
		return parse.BoolValue(true), true
	case "false", "no", "0", "n", "off", "disabled", "f":
		return parse.BoolValue(false), true
	}
	return parse.Value{}, false
}

func mulFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	if len(n.args) != 2 || n.args[1].kind != nodeNumber {
		return nil, c.at(y, n.at, "mul takes one number")
	}
	if i, err := strconv.ParseInt(n.args[1].text, 10, 64); err == nil {
		return intScale(i), nil
	}
	f, err := strconv.ParseFloat(n.args[1].text, 64)
	if err != nil {
		return nil, c.at(y, n.at, "mul takes one number")
	}
	return func(s *state, v parse.Value) (parse.Value, bool) {
		x, ok := s.number(v)
		return wholeOrFloat(x * f), ok
	}, nil
}

func durationFilter(s *state, v parse.Value) (parse.Value, bool) {
	n, ok := timeparse.ParseDuration(bytes.TrimSpace(s.text(v)))
	return parse.IntValue(n), ok
}

func sizeFilter(s *state, v parse.Value) (parse.Value, bool) {
	var buf [32]byte // the longest number with its unit that means something
	t := buf[:0]
	for _, c := range bytes.TrimSpace(s.text(v)) {
		if c == ' ' {
			continue
		}
		if len(t) == len(buf) {
			return parse.Value{}, false
		}
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		t = append(t, c)
	}
	unit := 1.0
	t = bytes.TrimSuffix(bytes.TrimSuffix(t, []byte("ytes")), []byte("yte"))
	t = bytes.TrimSuffix(t, []byte("b"))
	binary := bytes.HasSuffix(t, []byte("i"))
	t = bytes.TrimSuffix(t, []byte("i"))
	if len(t) > 0 {
		step := 1000.0
		if binary {
			step = 1024
		}
		if i := strings.IndexByte("kmgtp", t[len(t)-1]); i >= 0 {
			unit = math.Pow(step, float64(i+1))
			t = t[:len(t)-1]
		}
	}
	f, err := strconv.ParseFloat(string(t), 64)
	if err != nil || !(f >= 0 && f*unit < 1<<53) { // NaN is neither
		return parse.Value{}, false
	}
	return parse.IntValue(int64(math.Round(f * unit))), true
}

// parseBits reads a whole number, in hexadecimal where it begins with 0x. A leading zero
// means nothing.
func parseBits(t string) (int64, bool) {
	t = strings.TrimSpace(t)
	if len(t) > 2 && t[0] == '0' && t[1]|0x20 == 'x' {
		u, err := strconv.ParseUint(t[2:], 16, 64)
		return int64(u), err == nil
	}
	i, err := strconv.ParseInt(t, 10, 64)
	return i, err == nil
}

func flagsFilter(c *compiler, y *yaml.Node, n *node) (filterFunc, error) {
	a, err := textArgs(c, y, n, 1, 1)
	if err != nil {
		return nil, err
	}
	t, err := c.table(y, a[0], n.at)
	if err != nil {
		return nil, err
	}
	type bit struct {
		mask  int64
		label parse.Value
	}
	var bits []bit
	for key, row := range t.rows {
		m, ok := parseBits(key)
		if !ok {
			return nil, c.at(y, n.at, "table %s has the key %q, which is no number", a[0], key)
		}
		bits = append(bits, bit{m, row[0]})
	}
	sort.Slice(bits, func(i, j int) bool { return bits[i].mask < bits[j].mask })
	return func(s *state, v parse.Value) (parse.Value, bool) {
		x, ok := parseBits(string(s.text(v)))
		if !ok {
			return parse.Value{}, false
		}
		l := s.rec.Lists().Alloc(len(bits))[:0]
		for _, b := range bits {
			if x&b.mask == b.mask && (b.mask != 0 || x == 0) {
				l = append(l, b.label)
			}
		}
		if len(l) == 0 {
			return parse.Value{}, true
		}
		return parse.ListValue(l), true
	}, nil
}
