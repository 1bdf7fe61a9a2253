package api

import (
	"embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed definitions/*.yaml
var definitionFiles embed.FS

var builtins = sync.OnceValues(func() (map[string]*Definition, error) {
	entries, err := definitionFiles.ReadDir("definitions")
	if err != nil {
		return nil, err
	}
	all := make(map[string]*Definition, len(entries))
	for _, e := range entries {
		src, err := definitionFiles.ReadFile("definitions/" + e.Name())
		if err != nil {
			return nil, err
		}
		d, err := ParseDefinition(e.Name(), src)
		if err != nil {
			return nil, err
		}
		if d.name+".yaml" != e.Name() {
			return nil, fmt.Errorf("api: %s is called %s", e.Name(), d.name)
		}
		all[d.name] = d
	}
	return all, nil
})

// Builtins are the names of the definitions that come with the package, in order.
func Builtins() []string {
	entries, err := definitionFiles.ReadDir("definitions")
	if err != nil {
		return nil
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".yaml")
	}
	return names
}

// Builtin returns a definition that comes with the package.
func Builtin(name string) (*Definition, error) {
	all, err := builtins()
	if err != nil {
		return nil, err
	}
	d, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("api: no definition %q; there are %s", name, strings.Join(Builtins(), ", "))
	}
	return d, nil
}
