package text

// findShadowed returns the patterns that no text can reach.
func findShadowed(s *Set) []int {
	reached := make([]bool, len(s.patterns))
	seen := make([]bool, len(s.nodes))
	var visit func(int32)
	visit = func(at int32) {
		if at < 0 || seen[at] {
			return
		}
		seen[at] = true
		n := &s.nodes[at]
		for _, l := range n.lits {
			visit(l.next)
		}
		if n.accept >= 0 {
			reached[n.accept] = true
		}
		covered := false // by a capture that takes any text; only the empty one is left
		for _, i := range n.caps {
			e := &s.edges[i]
			if covered && e.min > 0 {
				continue
			}
			for _, t := range e.terms {
				visit(t.next)
			}
			visit(e.next)
			if e.takesAll(s) {
				if covered = true; e.min == 0 || n.accept >= 0 {
					return // the empty one is taken as well
				}
			}
		}
		if n.prefix >= 0 {
			reached[n.prefix] = true
		}
	}
	if len(s.nodes) > 0 {
		visit(0)
	}
	var out []int
	for i, ok := range reached {
		if !ok {
			out = append(out, i)
		}
	}
	return out
}

// takesAll reports whether the capture matches any text that is left, to its end.
func (e *edge) takesAll(s *Set) bool {
	return (e.typ == tRest || e.typ == tUntil) && e.next >= 0 && (s.nodes[e.next].accept >= 0 || s.nodes[e.next].prefix >= 0)
}
