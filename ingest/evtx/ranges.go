package evtx

import "slices"

// span is the numbers from First to Last.
type span struct{ First, Last uint64 }

// ranges is a set of numbers, as spans in ascending order that do not touch.
type ranges []span

// maxSpans bounds a set. A log has one or two; a hostile file could make one for each record.
const maxSpans = 1 << 16

// find is the index of the span that n is in or stands before.
func (r ranges) find(n uint64) (i int, in bool) {
	i, _ = slices.BinarySearchFunc(r, n, func(s span, n uint64) int {
		if s.Last < n {
			return -1
		}
		return 1
	})
	return i, i < len(r) && r[i].First <= n
}

func (r ranges) has(n uint64) bool {
	_, in := r.find(n)
	return in
}

// hasAll reports whether all numbers of s are in r.
func (r ranges) hasAll(s span) bool {
	i, in := r.find(s.First)
	return in && r[i].Last >= s.Last
}

// add adds the numbers of s. It reports false if the set is full.
func (r *ranges) add(s span) bool {
	list := *r
	if n := len(list); n > 0 && list[n-1].First <= s.First && s.First-1 <= list[n-1].Last { // as nearly always
		list[n-1].Last = max(list[n-1].Last, s.Last)
		return true
	}
	from, _ := list.find(s.First)
	if from > 0 && s.First > 0 && list[from-1].Last == s.First-1 {
		from--
	}
	to := from
	for to < len(list) && (s.Last+1 == 0 || list[to].First <= s.Last+1) {
		s.First, s.Last = min(s.First, list[to].First), max(s.Last, list[to].Last)
		to++
	}
	if from == to && len(list) >= maxSpans {
		return false
	}
	*r = slices.Replace(list, from, to, s)
	return true
}
