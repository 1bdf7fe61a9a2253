package scan

import "unsafe"

// Bytes is the text of s without a copy. Nobody may change it.
func Bytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// Part is b[from:to:to]. Nothing is checked: there must be that many bytes, and one behind them or
// one of them at least.
func Part(b []byte, from, to uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), from)), to-from)
}

// Offset is where part lies in whole: its memory, not an equal text. It is -1 where part has
// no bytes or lies elsewhere.
func Offset(whole, part []byte) int {
	at := int(uintptr(unsafe.Pointer(unsafe.SliceData(part))) - uintptr(unsafe.Pointer(unsafe.SliceData(whole))))
	if len(part) == 0 || at < 0 || at > len(whole)-len(part) {
		return -1
	}
	return at
}

// String is b as a string that aliases it.
func String(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
