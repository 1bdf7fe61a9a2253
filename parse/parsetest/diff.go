package parsetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Diff tells in words how the lines of two golden files, or two answers, differ: by
// lines that one of them lacks and, where both have a line, by field. It is empty for
// equal lines.
func Diff(want, got [][]byte) string {
	var b strings.Builder
	for _, h := range hunks(want, got) {
		for i := range max(h.wantEnd-h.want, h.gotEnd-h.got) {
			switch {
			case h.want+i >= h.wantEnd:
				fmt.Fprintf(&b, "line %d is new: %s\n", h.got+i+1, short(got[h.got+i]))
			case h.got+i >= h.gotEnd:
				fmt.Fprintf(&b, "line %d is gone: %s\n", h.want+i+1, short(want[h.want+i]))
			default:
				fmt.Fprintf(&b, "line %d:\n%s", h.got+i+1, DiffFields(want[h.want+i], got[h.got+i]))
			}
		}
	}
	return b.String()
}

// DiffFields tells how two JSON objects differ, a line for each field: "-" what the first
// has, "+" what the second has.
func DiffFields(want, got []byte) string {
	a, errA := flatten(want)
	c, errC := flatten(got)
	if errA != nil || errC != nil {
		return fmt.Sprintf("  - %s\n  + %s\n", short(want), short(got))
	}
	var names []string
	for n := range a {
		names = append(names, n)
	}
	for n := range c {
		if _, ok := a[n]; !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for _, n := range names {
		if a[n] == c[n] {
			continue
		}
		if v, ok := a[n]; ok {
			fmt.Fprintf(&b, "  - %s: %s\n", n, v)
		}
		if v, ok := c[n]; ok {
			fmt.Fprintf(&b, "  + %s: %s\n", n, v)
		}
	}
	if b.Len() == 0 && !bytes.Equal(want, got) {
		return "  the same fields in another order\n"
	}
	return b.String()
}

func short(line []byte) string {
	if len(line) > 400 {
		return strings.ToValidUTF8(string(line[:400]), "") + " …"
	}
	return string(line)
}

// flatten gives the fields of an object by their dotted names, as JSON text.
func flatten(line []byte) (map[string]string, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	var root map[string]any
	if err := d.Decode(&root); err != nil {
		return nil, err
	}
	out := map[string]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		if m, ok := v.(map[string]any); ok && (len(m) > 0 || path == "") {
			for k, e := range m {
				walk(strings.TrimPrefix(path+"."+k, "."), e)
			}
			return
		}
		text, _ := json.Marshal(v)
		out[path] = string(text)
	}
	walk("", root)
	return out, nil
}

// hunk is a run of lines of want that stands where a run of got does.
type hunk struct{ want, wantEnd, got, gotEnd int }

// hunks finds where two lists of lines differ, by their longest common subsequence where
// they are short enough for that.
func hunks(want, got [][]byte) []hunk {
	start := 0
	for start < len(want) && start < len(got) && bytes.Equal(want[start], got[start]) {
		start++
	}
	endW, endG := len(want), len(got)
	for endW > start && endG > start && bytes.Equal(want[endW-1], got[endG-1]) {
		endW--
		endG--
	}
	n, m := endW-start, endG-start
	if n == 0 && m == 0 {
		return nil
	}
	if n*m > 1<<22 {
		return []hunk{{start, endW, start, endG}}
	}
	// common[i][j] is the length of the longest common subsequence of what follows.
	common := make([][]int32, n+1)
	for i := range common {
		common[i] = make([]int32, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if bytes.Equal(want[start+i], got[start+j]) {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []hunk
	for i, j := 0, 0; i < n || j < m; {
		h := hunk{want: start + i, got: start + j}
		for (i < n || j < m) && !(i < n && j < m && bytes.Equal(want[start+i], got[start+j])) {
			if j == m || i < n && common[i+1][j] >= common[i][j+1] {
				i++
			} else {
				j++
			}
		}
		h.wantEnd, h.gotEnd = start+i, start+j
		if h.wantEnd > h.want || h.gotEnd > h.got {
			out = append(out, h)
		}
		for i < n && j < m && bytes.Equal(want[start+i], got[start+j]) {
			i++
			j++
		}
	}
	return out
}
