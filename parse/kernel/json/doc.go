// Package json reads JSON events in one forward pass: what is wanted goes into slots,
// everything else is checked and skipped, or kept on request.
//
//	tree, err := json.New([]json.Path{{Path: "userIdentity.type", Slot: 0}})
//	reader := tree.Reader() // one for each worker
//	f.Reset(tree.Slots(), &text)
//	err = reader.Read(line, &f)
package json
