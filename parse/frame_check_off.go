//go:build !penstock_poison

package parse

func (f *Frame) checkClear() {}
