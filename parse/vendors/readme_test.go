package vendors_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/parse/pack"
)

// README.md is the table of products, made from the packs.
func TestProductTable(t *testing.T) {
	alone(t)
	set := packs(t)
	var list []*pack.Pack
	for _, name := range set.Names() {
		p, err := set.Pack(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	want := productTable(list)
	if *update {
		if err := os.WriteFile("README.md", want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("README.md")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("README.md is not what the packs are (%v): go test ./parse/vendors -run ProductTable -update", err)
	}
}

// productTable has a line for each pack, those of a vendor together.
func productTable(list []*pack.Pack) []byte {
	slices.SortFunc(list, func(a, b *pack.Pack) int {
		key := func(p *pack.Pack) string {
			return strings.ToLower(p.Vendor() + "\x00" + p.Product() + "\x00" + p.Name())
		}
		return strings.Compare(key(a), key(b))
	})
	var b bytes.Buffer
	b.WriteString(`# Products

Made from the packs by ` + "`go test ./parse/vendors -run ProductTable -update`" + `. By its bytes: detection finds the pack of a message; the
lines of the others have no signature, so that their source is named. How to add one: [ADDING.md](../pack/ADDING.md).

| vendor | product | pack | other names | by its bytes | version |
|---|---|---|---|---|---|
`)
	cell := func(s string) string { return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "\\|") }
	for _, p := range list {
		found := "no"
		if p.Detectable() {
			found = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | [%s](%s/pack.yaml) | %s | %s | %s |\n", cell(p.Vendor()), cell(p.Product()), p.Name(), p.Name(),
			cell(strings.Join(p.Aliases(), ", ")), found, cell(p.Version()))
	}
	return b.Bytes()
}
