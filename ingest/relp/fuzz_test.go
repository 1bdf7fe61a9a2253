package relp

import (
	"bufio"
	"bytes"
	"testing"
)

func FuzzHeader(f *testing.F) {
	for _, s := range []string{"1 open 85 relp", "2 syslog 0\n", "999999999 rsp 6 200 OK\n", "1 x 9999999999 ", "1  2", "\n", "0 serverclose 0\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		h, ended, err := readHeader(bufio.NewReader(bytes.NewReader(in)))
		if err != nil {
			return
		}
		if h.txn < 0 || h.txn > 999_999_999 || h.length < 0 || h.length > 999_999_999 || len(h.command) == 0 || len(h.command) > maxCommand || ended && h.length > 0 {
			t.Errorf("%q gives %+v, ended %v", in, h, ended)
		}
	})
}
