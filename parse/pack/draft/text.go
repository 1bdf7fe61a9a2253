package draft

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// patterns makes text patterns of the samples: lines that differ in addresses, numbers
// and single words only share one.
func patterns(samples []*sample) (list []string, names []string) {
	type group struct {
		tokens [][]string
	}
	var groups []*group
	stamp, behind := stamps(samples)
	for i, s := range samples {
		tokens := strings.FieldsFunc(string(s.payload[behind[i]:]), func(r rune) bool { return r == ' ' || r == '\t' })
		var home *group
		for _, g := range groups {
			if alike(g.tokens[0], tokens) {
				home = g
				break
			}
		}
		if home == nil {
			home = &group{}
			groups = append(groups, home)
		}
		home.tokens = append(home.tokens, tokens)
	}
	for _, g := range groups {
		var parts []string
		used := map[string]bool{}
		before := ""
		for i, tok := range g.tokens[0] {
			same := true
			for _, other := range g.tokens[1:] {
				same = same && shape(other[i]) == shape(tok)
			}
			part := ""
			core := strings.TrimRight(tok, ",;:.")
			switch end := tok[len(core):]; {
			case slices.Contains(people, before) && core != "" && !strings.Contains(core, "=") &&
				endWith(g.tokens, i, end):
				part = "<" + unique(before, "word", used) + ":word>" + escape(end)
			case same:
				part = token(tok, before, used)
			default:
				part = "<" + unique(before, "word", used) + ":word>"
			}
			parts = append(parts, part)
			if strings.Contains(part, "<") {
				before = ""
			} else {
				before = cleanName(strings.Trim(tok, ".,:;()[]"))
			}
		}
		p := stamp + strings.Join(parts, " ")
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
		if stamp != "" {
			used["_time"] = true
		}
		for n := range used {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return list, names
}

// people are words behind which somebody is named.
var people = []string{"user", "username", "account"}

// endWith reports whether the i-th words end with the same signs.
func endWith(tokens [][]string, i int, end string) bool {
	return !slices.ContainsFunc(tokens, func(t []string) bool { return t[i][len(strings.TrimRight(t[i], ",;:.")):] != end })
}

// stamps is the pattern of the times that all payloads begin with, as _time, and where each
// goes on behind it; "" and zeros where they do not.
func stamps(samples []*sample) (pattern string, behind []int) {
	behind = make([]int, len(samples))
	for _, form := range stampForms {
		n := 0
		for i, s := range samples {
			m := form.find.FindIndex(s.payload)
			if m == nil || m[1] == len(s.payload) {
				break
			}
			behind[i] = m[1]
			n++
		}
		if n == len(samples) && n > 0 {
			return form.pattern, behind
		}
		clear(behind)
	}
	return "", behind
}

var stampForms = []struct {
	find    *regexp.Regexp
	pattern string
}{
	{regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)? `), "<_time:time(iso8601)> "},
	{regexp.MustCompile(`^\[\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?\] `), "[<_time:time(iso8601)>] "},
	{regexp.MustCompile(`^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d `), "<_time:time(2006/01/02 15:04:05)> "},
}

// alike reports whether two lines are the same message: as many words, and most of them
// equal but for addresses and numbers, the first one included.
func alike(a, b []string) bool {
	if len(a) != len(b) || len(a) == 0 || shape(a[0]) != shape(b[0]) {
		return false
	}
	same := 0
	for i := range a {
		if shape(a[i]) == shape(b[i]) {
			same++
		}
	}
	return 3*same >= 2*len(a)
}

// shape is a word with its addresses and numbers taken out.
func shape(tok string) string { return token(tok, "", map[string]bool{}) }

// token writes one word of a pattern.
func token(tok, before string, used map[string]bool) string {
	if k, v, ok := strings.Cut(tok, "="); ok && plainKey(k) && v != "" && !strings.ContainsAny(v, `"'`) {
		end := strings.TrimRight(v, ",;:.)]")
		if end != "" {
			return escape(k) + "=" + capture(end, cleanName(k), used, true) + escape(v[len(end):])
		}
	}
	core := strings.TrimLeft(tok, `([<"'`)
	lead := tok[:len(tok)-len(core)]
	end := strings.TrimRight(core, `)]>,;:."'`)
	tail := core[len(end):]
	return escape(lead) + capture(end, before, used, false) + escape(tail)
}

func capture(core, before string, used map[string]bool, always bool) string {
	if isIP(core) {
		return "<" + unique(before, "ip", used) + ":ip>"
	}
	for _, sep := range []string{":", "/"} {
		if host, port, ok := strings.Cut(core, sep); ok && isIP(host) && isPort(port) {
			return "<" + unique(before, "ip", used) + ":ip>" + sep + "<" + unique(before, "port", used) + ":port>"
		}
	}
	switch {
	case isInt(core) && strings.Trim(core, "0123456789") == "":
		return "<" + unique(before, "number", used) + ":int>"
	case always, !printable(core), strings.ContainsAny(core, "0123456789"):
		return "<" + unique(before, "", used) + ":word>"
	}
	return escape(core)
}

// printable reports whether a word can stand in a YAML file as it is.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func unique(before, kind string, used map[string]bool) string {
	name := strings.Trim(strings.Trim(before+"_"+kind, "_-"), "-")
	if before == kind {
		name = kind
	}
	if name == "" || strings.Trim(name, "_-") == "" {
		name = "value"
	}
	for n, base := 2, name; used[name]; n++ {
		name = base + itoa(n)
	}
	used[name] = true
	return name
}

func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `<`, `\<`, `{`, `\{`, `}`, `\}`, `|`, `\|`, `...`, `\...`).Replace(s)
}
