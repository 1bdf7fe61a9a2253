package syslog

// What a byte may be part of.
const (
	cPrint  uint16 = 1 << iota // a field of an RFC 5424 header: no space, no control
	cSDName                    // SD-ID and PARAM-NAME
	cHost                      // a host in the RFC 3164 family
	cTag                       // a tag in the RFC 3164 family, without pid
	cPID                       // what stands in brackets behind a tag
	cDigit
	cAlpha
	cHex
	cColon
	cBracket
	cSlash
)

// class is read-only.
var class = func() (t [256]uint16) {
	set := func(bits uint16, chars string) {
		for i := 0; i < len(chars); i++ {
			t[chars[i]] |= bits
		}
	}
	for c := 0x21; c < 256; c++ {
		t[c] |= cSDName
		if c != 0x7F {
			t[c] |= cPrint
		}
		if c >= 0x80 {
			t[c] |= cHost | cAlpha
		}
	}
	for _, c := range `= ]"` {
		t[c] &^= cSDName
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= cHost | cTag | cPID | cAlpha
		t[c-32] |= cHost | cTag | cPID | cAlpha
	}
	set(cHost|cTag|cPID|cDigit|cHex, "0123456789")
	set(cHex, "abcdefABCDEF")
	set(cHost, "._-:[]%/@+")
	set(cTag, "._-/()@+#~")
	set(cPID, "._-/:@#,")
	set(cColon, ":")
	set(cBracket, "[]")
	set(cSlash, "/")
	return t
}()

func isDigit(c byte) bool { return c-'0' <= 9 }
