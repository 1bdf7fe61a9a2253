package ecs

import (
	"cmp"
	"slices"
	"strings"
)

// Nearest returns up to n names of fields that somebody may have meant by a
// name that [Lookup] refuses, the best first: names with a few letters mistaken
// ("soruce.ip"), written in another style ("SourceIp", "src_ip"), with words
// missing ("status_code") or too many ("winlog.source.ip"), and names of objects
// that only group fields ("user_agent"). It returns none where nothing is near,
// and for names of more than 128 bytes. It is made for error messages: it looks
// at the whole table and takes about a millisecond.
func Nearest(name string, n int) []string {
	const maxQuery = 128
	if n <= 0 || len(name) > maxQuery {
		return nil
	}
	query := queryWords(name)
	letters := strings.Join(query, "")
	if letters == "" {
		return nil
	}
	type match struct {
		key  Key
		cost int
	}
	var matches []match
	var words []string
	var joined []byte
	var rows editRows
	for k := range All() {
		words, joined = nameWords(words[:0], joined[:0], k.Name())
		cost, ok := wordCost(query, words)
		if d := rows.distance(letters, joined, 1+len(letters)/5); d >= 0 && (!ok || d*editCost < cost) {
			cost, ok = d*editCost, true
		}
		if ok {
			matches = append(matches, match{k, cost})
		}
	}
	slices.SortFunc(matches, func(a, b match) int {
		return cmp.Or(a.cost-b.cost, int(a.key.Level())-int(b.key.Level()),
			len(a.key.Name())-len(b.key.Name()), int(a.key)-int(b.key))
	})
	matches = matches[:min(n, len(matches))]
	var names []string
	for _, m := range matches {
		names = append(names, m.key.Name())
	}
	return names
}

const (
	editCost  = 4 // one letter mistaken
	baseCost  = 2 // words missing or too many
	extraCost = 3 // each such word
)

// wordCost compares whole words. It is ok when one name has all words of the
// other in the same order and both end in the same word, with two exceptions.
func wordCost(query, words []string) (cost int, ok bool) {
	short, long := query, words
	if len(short) > len(long) {
		short, long = long, short
	}
	extra := len(long) - len(short)
	if extra > 3 {
		return 0, false
	}
	cost = baseCost + extraCost*extra
	switch {
	case extra == 0:
		cost = 0
	case short[len(short)-1] == long[len(long)-1]:
		if len(query) == 1 {
			cost += baseCost // one word says little
		}
	case len(query) > len(words) && len(words) > 1 && extra == 1:
		// source.ip_address for source.ip
	case len(query) < len(words) && slices.Equal(query, words[:len(query)]):
		cost++ // an object, which is no field, for those in it
	default:
		return 0, false
	}
	i := 0
	for _, w := range long {
		if i < len(short) && short[i] == w {
			i++
		}
	}
	return cost, i == len(short)
}

// queryWords splits a name in any style into lower-case words, in
// their long form.
func queryWords(name string) []string {
	var words []string
	start := 0
	flush := func(end int) {
		if start < end {
			words = append(words, longForm(strings.ToLower(name[start:end]))...)
		}
	}
	for i := range len(name) {
		switch c := name[i]; {
		case !isWord(c):
			flush(i)
			start = i + 1
		case isUpper(c) && i > start && !isUpper(name[i-1]):
			flush(i) // sourceIp
			start = i
		}
	}
	flush(len(name))
	return words
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// isWord takes every byte past ASCII as part of a word.
func isWord(c byte) bool {
	return isUpper(c) || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c >= 0x80
}

// longForm replaces the usual short forms by what ECS writes.
func longForm(word string) []string {
	switch word {
	case "src":
		return []string{"source"}
	case "dst", "dest":
		return []string{"destination"}
	case "addr":
		return []string{"address"}
	case "msg":
		return []string{"message"}
	case "proc":
		return []string{"process"}
	case "cmd", "cmdline", "commandline":
		return []string{"command", "line"}
	case "useragent":
		return []string{"user", "agent"}
	case "ts":
		return []string{"timestamp"}
	}
	return []string{word}
}

// nameWords appends the words of a field's name, and its letters without
// separators.
func nameWords(words []string, letters []byte, name string) ([]string, []byte) {
	start := 0
	for i := 0; i <= len(name); i++ {
		if i == len(name) || !isWord(name[i]) {
			if start < i {
				words = append(words, name[start:i])
				letters = append(letters, name[start:i]...)
			}
			start = i + 1
		}
	}
	return words, letters
}

// editRows is the scratch space of distance.
type editRows [3][]int

// distance counts the letters to insert, delete, replace or swap to get from a
// to b; -1 when they are more than limit.
func (r *editRows) distance(a string, b []byte, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return -1
	}
	for i := range r {
		r[i] = slices.Grow(r[i][:0], len(b)+1)[:len(b)+1]
	}
	before, last, row := r[0], r[1], r[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			d := min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			row[j] = d
			best = min(best, d)
		}
		if best > limit {
			return -1
		}
		before, last, row = last, row, before
	}
	if last[len(b)] > limit {
		return -1
	}
	return last[len(b)]
}
