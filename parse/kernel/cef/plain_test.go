package cef

import (
	"strings"

	"github.com/penstock-dev/penstock/parse"
)

// The plain reading of an extension, which the fuzz target and the benchmark compare
// with: split at every '=', the key is what stands after the last blank before it.

type pair struct{ key, value string }

func plainPairs(ext string) (pairs []pair, stray string) {
	parts := strings.Split(ext, "=")
	key, value, have := "", "", false
	emit := func(v string) {
		v = strings.Trim(v, " \t\r\n")
		if have {
			pairs = append(pairs, pair{key, plainUnescape(v)})
		} else {
			stray = v
		}
	}
	for i, part := range parts {
		if i == len(parts)-1 {
			emit(value + part)
			break
		}
		cut := strings.LastIndexAny(part, " \t\r\n")
		if (cut >= 0 || i == 0) && plainKey(part[cut+1:]) {
			emit(value + part[:max(cut, 0)])
			key, value, have = part[cut+1:], "", true
		} else {
			value += part + "="
		}
	}
	return pairs, stray
}

func plainKey(s string) bool {
	const word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	return s != "" && strings.Contains(word, s[:1]) && strings.Trim(s, word+".-[]@") == ""
}

func plainUnescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			switch s[i] {
			case '=', '\\', '|':
				b.WriteByte(s[i])
			case 'n':
				b.WriteByte('\n')
			case 'r':
				b.WriteByte('\r')
			default:
				b.WriteByte('\\')
				b.WriteByte(s[i])
			}
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// collect reads ext as a Reader does and returns the pairs: those with a slot by
// name, the others in order.
func collect(r *Reader, names []string, ext []byte, f *parse.Frame) (slots map[string]string, rest []pair, err error) {
	err = r.Read(ext, f)
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

// split does the same to plain pairs.
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
