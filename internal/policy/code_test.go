package policy

import "testing"

// Nothing happens on import. Generated code is the generator's affair.
func TestNoInit(t *testing.T) {
	for _, p := range loadPackages(t) {
		for _, f := range p.files {
			if f.test || f.generated {
				continue
			}
			for _, pos := range f.inits {
				t.Errorf("%s:%d: rule nothing happens on import: func init; make it a value that the host passes in", f.path, pos.Line)
			}
		}
	}
}

// Every package that a host can import shows in an example that runs how it is
// used.
func TestEveryPackageHasAnExample(t *testing.T) {
	for _, p := range loadPackages(t) {
		if p.internal() || p.main || p.dir == "." {
			continue
		}
		n := 0
		for _, f := range p.files {
			n += f.examples
		}
		if n == 0 {
			t.Errorf("%s: rule every package has an example: no func Example in its _test files", p.dir)
		}
	}
}
