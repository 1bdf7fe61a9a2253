//go:build !amd64 || purego

package normalize

import "github.com/penstock-dev/penstock/parse"

func (sh *shape) put(out []byte, n, i int, values []parse.Value) (int, int) {
	return sh.putWords(out, n, i, values)
}
