// Package policy holds no code, only tests that keep the rules of the whole
// tree: who may import whom, which modules the root may require, what may stand
// at the top level, that nothing happens on import, that every package shows an
// example, and that no text names the machine it was written on.
//
// A rule that no longer fits is changed here, in the table that states it, in
// the same change that needs it.
package policy
