package leef

import (
	"strings"

	"github.com/penstock-dev/penstock/parse"
)

// The plain reading of attributes, which the fuzz target and the benchmark compare
// with: cut at every delimiter; a piece without a key continues the one before.

type pair struct{ key, value string }

func plainPairs(text, delim string) (pairs []pair, stray string) {
	pieces := strings.Split(text, delim)
	if len(delim) == 1 && delim != "\t" {
		for i := 0; i+1 < len(pieces); {
			p := pieces[i]
			if (len(p)-len(strings.TrimRight(p, "\\")))%2 == 1 {
				pieces[i] += delim + pieces[i+1]
				pieces = append(pieces[:i+1], pieces[i+2:]...)
				continue
			}
			i++
		}
	}
	key, value, gap, have := "", "", "", false
	emit := func() {
		v := strings.Trim(value, " \t\r\n")
		if have {
			pairs = append(pairs, pair{key, plainUnescape(v, delim)})
		} else {
			stray = v
		}
	}
	for _, p := range pieces {
		k, rest, found := strings.Cut(p, "=")
		k = strings.TrimLeft(k, " \t\r\n")
		switch {
		case found && plainKey(k):
			emit()
			key, value, gap, have = k, rest, "", true
		case strings.Trim(p, " \t\r\n") == "":
			gap += delim + p // between values, unless more of this one comes
		case !have && value == "":
			value, gap = p, ""
		default:
			value += gap + delim + p
			gap = ""
		}
	}
	emit()
	return pairs, stray
}

func plainKey(k string) bool {
	return k != "" && strings.IndexFunc(k, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune("\"'`\\=,;<>{}|^", r)
	}) < 0
}

func plainUnescape(s, delim string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			special := `\=|`
			if len(delim) == 1 {
				special += delim
			}
			if strings.IndexByte(special, s[i]) < 0 {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func collect(r *Reader, names []string, text, delim []byte, f *parse.Frame) (slots map[string]string, rest []pair, err error) {
	err = r.Read(text, delim, f)
	slots = map[string]string{}
	for i, v := range f.Slots {
		if !v.IsZero() {
			slots[names[i]] = v.Str()
		}
	}
	for _, p := range f.Rest {
		rest = append(rest, pair{string(p.Key), p.Value.Str()})
	}
	return slots, rest, err
}

func split(names []string, pairs []pair) (slots map[string]string, rest []pair, duplicates int) {
	slots = map[string]string{}
	known := map[string]bool{}
	for _, n := range names {
		known[n] = true
	}
	for _, p := range pairs {
		if !known[p.key] {
			rest = append(rest, p)
		} else if _, ok := slots[p.key]; ok {
			duplicates++
		} else {
			slots[p.key] = p.value
		}
	}
	return slots, rest, duplicates
}
