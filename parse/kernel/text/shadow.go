package text

// findShadowed returns the patterns that no text can reach.
func (c *compiler) findShadowed() []int {
	reached := make([]bool, len(c.set.patterns))
	seen := make([]bool, len(c.all))
	var visit func(int32)
	visit = func(at int32) {
		if at < 0 || seen[at] {
			return
		}
		seen[at] = true
		n := &c.all[at]
		for _, l := range n.lits {
			visit(l.next)
		}
		if n.accept >= 0 {
			reached[n.accept] = true
		}
		covered := false // by a capture that takes any text; only the empty one is left
		for i := range n.caps {
			e := &n.caps[i]
			if covered && e.min > 0 {
				continue
			}
			for _, t := range e.terms {
				visit(t.next)
			}
			visit(e.next)
			if c.takesAll(e) {
				if covered = true; e.min == 0 || n.accept >= 0 {
					return // the empty one is taken as well
				}
			}
		}
		if n.prefix >= 0 {
			reached[n.prefix] = true
		}
	}
	visit(0)
	var out []int
	for i, ok := range reached {
		if !ok {
			out = append(out, i)
		}
	}
	return out
}

// takesAll reports whether the capture matches any text that is left, to its end.
func (c *compiler) takesAll(e *edge) bool {
	if t := e.cap.typ; t != tRest && t != tUntil || e.next < 0 {
		return false
	}
	n := &c.all[e.next]
	return n.accept >= 0 || n.prefix >= 0
}
