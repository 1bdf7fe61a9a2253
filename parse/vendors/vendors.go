// Package vendors holds the built-in packs, one folder for each product.
package vendors

import (
	"embed"

	"github.com/penstock-dev/penstock/parse/pack"
)

//go:embed */pack.yaml
var files embed.FS

// Packs returns the built-in packs as a Set of its own, to which a host may add.
func Packs() (*pack.Set, error) {
	s, err := pack.NewSet()
	if err != nil {
		return nil, err
	}
	return s, s.LoadDir(files)
}
