package outline

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/internal/arena"
	"github.com/penstock-dev/penstock/parse"
)

const logon = "An account failed to log on.\r\n\r\nSubject:\r\n\tSecurity ID:\t\tS-1-5-18\r\n\tAccount Name:\t\tDB01$\r\n\tAccount Domain:\t\tEXAMPLE\r\n\tLogon ID:\t\t0x3E7\r\n\r\n" +
	"Logon Type:\t\t\t3\r\n\r\nAccount For Which Logon Failed:\r\n\tSecurity ID:\t\tS-1-0-0\r\n\tAccount Name:\t\tann\r\n\tAccount Domain:\t\t\r\n\r\n" +
	"Failure Information:\r\n\tFailure Reason:\t\tUnknown user name or bad password.\r\n\tStatus:\t\t\t0xC000006D\r\n\r\n" +
	"Process Information:\r\n\tCaller Process ID:\t0x25c\r\n\tCaller Process Name:\tC:\\Windows\\System32\\lsass.exe\r\n\r\n" +
	"Network Information:\r\n\tWorkstation Name:\tPC7\r\n\tSource Network Address:\t192.0.2.7\r\n\tSource Port:\t\t41974\r\n\r\n" +
	"This event is generated when a logon request fails. It is generated on the computer where access was attempted.\r\n\r\n" +
	"The Logon Type field indicates the kind of logon that was requested. The most common types are 2 (interactive) and 3 (network).\r\n\t- Key length indicates the length: 0 if none."

var paths = []string{
	"Subject.Account Name", "Subject.Account Domain", "Account For Which Logon Failed.Account Name", "Account For Which Logon Failed.Account Domain", "Logon Type",
	"Status", "Caller Process Name", "Source Network Address", "Source Port", "Workstation Name", "Privileges", "Vendor IDs", "Sujet.Nom du compte",
}

func newReader(t testing.TB) *Reader {
	t.Helper()
	slots := make([]int, len(paths))
	for i := range slots {
		slots[i] = i
	}
	o, err := New(paths, slots)
	if err != nil {
		t.Fatal(err)
	}
	return o.Reader()
}

func read(r *Reader, text string) string {
	var f parse.Frame
	f.Reset(len(paths), new(arena.Bytes))
	n := r.Read([]byte(text), &f)
	var out []string
	for i, v := range f.Slots {
		if !v.IsZero() {
			out = append(out, paths[i]+"="+v.String())
		}
	}
	if n < len(out) || n > len(out)+f.Duplicates {
		out = append(out, fmt.Sprintf("but counted %d", n))
	}
	return strings.Join(out, "|")
}

func TestRead(t *testing.T) {
	const want = "Subject.Account Name=DB01$|Subject.Account Domain=EXAMPLE|Account For Which Logon Failed.Account Name=ann|Logon Type=3|" +
		"Status=0xC000006D|Caller Process Name=C:\\Windows\\System32\\lsass.exe|Source Network Address=192.0.2.7|Source Port=41974|Workstation Name=PC7"
	r := newReader(t)
	spaces := strings.NewReplacer("\r", " ", "\n", " ", "\t", " ")
	for _, tt := range []struct{ name, in, want string }{
		{"lines", logon, want},
		{"unix lines", strings.ReplaceAll(logon, "\r", ""), want},
		{"escaped", strings.NewReplacer("\r", "#015", "\n", "#012", "\t", "#011").Replace(logon), want},
		{"flat", spaces.Replace(logon), want},
		{"tabs stay", strings.NewReplacer("\r", " ", "\n", " ").Replace(logon), want},
		{"list", "Special privileges assigned to new logon.\n\nSubject:\n\tAccount Name:\t\tann\n\nPrivileges:\t\tSeSecurityPrivilege\n\t\t\tSeBackupPrivilege\n\nNo label here\n\tmore", "Subject.Account Name=ann|Privileges=SeSecurityPrivilege\n\t\t\tSeBackupPrivilege"},
		{"value below", "Vendor IDs:\t\r\n\t\tSCSI\\Disk\r\n\t\tGenDisk\r\n\t\t\r\n\r\nOther:\tx", "Vendor IDs=SCSI\\Disk\r\n\t\tGenDisk"},
		{"no-break spaces", "Sujet\u00a0:\r\n\tNom du compte\u00a0:\t\tann\r\n", "Sujet.Nom du compte=ann"},
		{"first wins", "Status: 1\nStatus: 2", "Status=1"},
		{"top label ends the heading", "Subject:\n\tAccount Name:\ta\nStatus:\t0\n\tAccount Domain:\tb", "Subject.Account Name=a|Status=0"},
		{"colons in values", "Caller Process Name: C:\\a: b.exe", "Caller Process Name=C:\\a: b.exe"},
		{"empty value", "Subject:\n\tAccount Name:\t\n\tAccount Domain:\tEXAMPLE", "Subject.Account Domain=EXAMPLE"},
		{"flat, empty value", "x.    Network Information:   Workstation Name:     Source Network Address: 192.0.2.1   Source Port:  1", "Source Network Address=192.0.2.1|Source Port=1"},
		{"flat, two spaces everywhere", "x.  Subject:  Account Name: a  Account Domain: b  Logon Type: 3", "Subject.Account Name=a|Subject.Account Domain=b|Logon Type=3"},
		{"flat, a title before the first label", "Registry value set:  Status: a=1  Source Port: 3", "Status=a=1|Source Port=3"},
		{"flat, a label for a value", "x.  Status:  Other: b  Source Port: 3", "Status=Other: b|Source Port=3"},
		{"no label", "nothing of the kind: here it is, and a label of more than the sixty-four bytes that one may have: x", ""},
		{"only colons", ": :\n:\n\t:\n: x", ""},
		{"empty", "", ""},
	} {
		if got := read(r, tt.in); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestNew(t *testing.T) {
	for _, bad := range [][]string{{""}, {".x"}, {"x."}, {"a", "a"}, {strings.Repeat("a", 65)}, {strings.Repeat("a", 65) + ".b"}} {
		if _, err := New(bad, make([]int, len(bad))); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	if _, err := New([]string{"a"}, []int{-1}); err == nil {
		t.Error("a negative slot is accepted")
	}
	if _, err := New([]string{"a"}, nil); err == nil {
		t.Error("a path without slot is accepted")
	}
}

func TestNoAllocations(t *testing.T) {
	r := newReader(t)
	var f parse.Frame
	var text arena.Bytes
	raw := []byte(logon)
	if n := testing.AllocsPerRun(100, func() {
		f.Reset(len(paths), &text)
		r.Read(raw, &f)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Values are parts of the text, each label has one at most, and nothing depends on what
// was read before.
func FuzzRead(f *testing.F) {
	for _, s := range []string{logon, strings.NewReplacer("\r", "#015", "\n", "#012", "\t", "#011").Replace(logon), "Subject:   Account Name:  x", "a:\n#01", "\xc2\xa0:\xc2", "Vendor IDs:\n\tx\n\ty"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := newReader(t)
		got := read(r, s)
		if again := read(r, s); again != got {
			t.Errorf("%q, then %q", got, again)
		}
		if strings.Contains(got, "but counted") {
			t.Error(got)
		}
		var fr parse.Frame
		fr.Reset(len(paths), new(arena.Bytes))
		r.Read([]byte(s), &fr)
		for _, v := range fr.Slots {
			if !v.IsZero() && (v.Str() == "" || !strings.Contains(s, v.Str())) {
				t.Errorf("%q is not in the text", v.Str())
			}
		}
	})
}

// FuzzScan compares skip, label and token with what they mean, byte by byte.
func FuzzScan(f *testing.F) {
	for _, s := range []string{"  \t a", "#011#012x", "\xc2\xa0a: b", "a:b: c", "a b  c", "a#015", "a\xc2", "Key:#011v", "a\tb", "a :", ": a"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		i, width := 0, 0
		for i < len(b) && space(b[i:]) > 0 {
			i += space(b[i:])
			width++
		}
		if rest, n := skip(b); string(rest) != string(b[i:]) || n != width {
			t.Errorf("skip: %q, %d", rest, n)
		}
		end := len(b)
		for i := 0; i < len(b); i++ {
			if space(b[i:]) > 0 && (b[i] != ' ' || i+1 < len(b) && space(b[i+1:]) > 0) {
				end = i
				break
			}
		}
		if tok, rest := token(b); string(tok) != string(b[:end]) || string(rest) != string(b[end:]) {
			t.Errorf("token: %q, %q", tok, rest)
		}
		var wantName, wantRest []byte
		want := false
	bytes:
		for i := 0; i < len(b) && i <= maxLabel; i++ {
			switch c := b[i]; {
			case c == ':':
				if i == 0 || i+1 < len(b) && space(b[i+1:]) == 0 {
					continue
				}
				if name := trim(b[:i]); len(name) > 0 {
					wantName, wantRest, want = name, b[i+1:], true
				}
				break bytes
			case c == '\t' || c == '#' && space(b[i:]) > 0 || c == ' ' && i+1 < len(b) && b[i+1] == ' ':
				break bytes
			}
		}
		if name, rest, ok := label(b); ok != want || string(name) != string(wantName) || string(rest) != string(wantRest) {
			t.Errorf("label: %q, %q, %v", name, rest, ok)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	r := newReader(b)
	var f parse.Frame
	var text arena.Bytes
	for _, raw := range []string{logon, strings.NewReplacer("\r", " ", "\n", " ", "\t", " ").Replace(logon)} {
		b.Run([]string{"lines", "flat"}[slices.Index([]bool{true, false}, strings.Contains(raw, "\n"))], func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				f.Reset(len(paths), &text)
				r.Read([]byte(raw), &f)
			}
		})
	}
}

func ExampleReader() {
	o, err := New([]string{"Subject.Account Name", "Logon Type"}, []int{0, 1})
	if err != nil {
		panic(err)
	}
	var f parse.Frame
	f.Reset(2, new(arena.Bytes))
	o.Reader().Read([]byte("Logged off.\n\nSubject:\n\tAccount Name:\t\tann\n\nLogon Type:\t3"), &f)
	fmt.Println(f.Slots[0], f.Slots[1])
	// Output: ann 3
}
