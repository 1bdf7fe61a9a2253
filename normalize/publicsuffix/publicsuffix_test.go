package publicsuffix_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"

	"github.com/penstock-dev/penstock/normalize/ecs"
	split "github.com/penstock-dev/penstock/normalize/publicsuffix"
	"github.com/penstock-dev/penstock/parse"
)

func TestSplit(t *testing.T) {
	for _, tc := range []struct{ name, want string }{
		{"www.example.co.uk", "www|example.co.uk|co.uk"},
		{"a.b.Example.COM", "a.b|Example.COM|COM"},
		{"example.com.", "|example.com|com"},
		{"foo.github.io", "|foo.github.io|github.io"},
		{"x.unknown-tld", "|x.unknown-tld|unknown-tld"},
		{"co.uk", ""}, {"com", ""}, {"localhost", ""}, {"192.0.2.1", ""}, {"2001:db8::1", ""}, {"", ""}, {".", ""}, {"a..b.com", ""}, {".com", ""},
		{"host name.com", ""}, {"example.com:80", ""}, {strings.Repeat("a.", 200) + "com", ""},
	} {
		sub, registered, top, ok := split.Split(tc.name)
		got := ""
		if ok {
			got = sub + "|" + registered + "|" + top
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestProcess(t *testing.T) {
	s := split.New()
	var r parse.Record
	r.SetString(ecs.URLDomain, "www.example.co.uk")
	r.SetString(ecs.DNSQuestionName, "mail.example.net.")
	r.SetString(ecs.DNSQuestionTopLevelDomain, "set")
	r.SetString(ecs.SourceDomain, "host1")
	if keep, err := s.Process(nil, &r); !keep || err != nil {
		t.Fatal(keep, err)
	}
	for k, want := range map[parse.Key]string{ecs.URLRegisteredDomain: "example.co.uk", ecs.URLTopLevelDomain: "co.uk", ecs.URLSubdomain: "www",
		ecs.DNSQuestionRegisteredDomain: "example.net", ecs.DNSQuestionTopLevelDomain: "set", ecs.DNSQuestionSubdomain: "mail", ecs.SourceRegisteredDomain: ""} {
		if got := r.Get(k).String(); got != want {
			t.Errorf("%s is %q, want %q", r.Name(k), got, want)
		}
	}
}

// Split agrees with the library, and its parts make up the name.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"www.example.co.uk", "a.b.c", "x.ck", "www.ck", "..", "é.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		sub, registered, top, ok := split.Split(name)
		if !ok {
			return
		}
		whole := registered
		if sub != "" {
			whole = sub + "." + registered
		}
		if whole != strings.TrimSuffix(name, ".") || !strings.HasSuffix(registered, "."+top) {
			t.Fatalf("%q: %q %q %q", name, sub, registered, top)
		}
		lower := strings.ToLower(strings.TrimSuffix(name, "."))
		if want, err := publicsuffix.EffectiveTLDPlusOne(lower); err == nil && len(lower) == len(whole) && strings.ToLower(registered) != want {
			t.Fatalf("%q: %q, want %q", name, registered, want)
		}
	})
}

func Example() {
	sub, registered, top, _ := split.Split("www.example.co.uk")
	fmt.Println(sub, registered, top)
	// Output: www example.co.uk co.uk
}
