package draft

import (
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
	for _, s := range samples {
		tokens := strings.FieldsFunc(string(s.payload), func(r rune) bool { return r == ' ' || r == '\t' })
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
			if same {
				part = token(tok, before, used)
			} else {
				part = "<" + unique(before, "word", used) + ":word>"
			}
			parts = append(parts, part)
			if strings.Contains(part, "<") {
				before = ""
			} else {
				before = cleanName(strings.Trim(tok, ".,:;()[]"))
			}
		}
		p := strings.Join(parts, " ")
		if !slices.Contains(list, p) {
			list = append(list, p)
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
	case always, !printable(core):
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
