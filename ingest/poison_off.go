//go:build !penstock_poison

package ingest

func poison([]byte) {}
