package pack

import (
	"fmt"
	"strings"
	"testing"
)

// exprInput is the event that the expressions of the tests see.
const exprInput = `{"a":"x","b":"y y","n":5,"f":2.5,"t":true,"no":false,"null":null,"empty":"","dash":"-",` +
	`"l":["p","q","p"],"nums":[1,2],"o":{"k":"v","deep":{"z":1}},"ip":"10.1.2.3","out":"203.0.113.9","v6":"fd00::1",` +
	`"num":"42","neg":"-7","big":9223372036854775807,"odd key":"o1","a.b":"dotted","and":"word","5tuple":"five",` +
	`"arr":[{"Name":"A","Value":"1"},{"Name":"B","Value":"2"}],"ä":"umlaut"}`

// evaluate gives the text of an expression's value; absent ones are "<none>".
func evaluate(t testing.TB, expr, input string) (string, error) {
	t.Helper()
	p, err := Compile("pack.yaml", []byte(identity+"nulls: ['-']\nlookups:\n  words: {default: null, rows: {x: ex, y: [why, yes]}}\n  same: {default: keep, fold: true, rows: {X: ex}}\n  two: {default: {a: 0, b: none}, rows: {x: {a: 1, b: one}}}\n  bits: {default: null, rows: {0x1: one, 2: two, '4': four}}\n"+
		"steps:\n  - json: {}\n    map:\n      _used: $event.kind | lookup(words) ?? ($event.kind | lookup(same)) ?? ($event.kind | lookup(two, a)) ?? (n | flags(bits))\n      acme.value: '"+strings.ReplaceAll(expr, "'", "''")+"'\n"))
	if err != nil {
		return "", err
	}
	events, err := runPack(t, p, Options{}, input)
	if err != nil {
		return "", err
	}
	k, ok := events[0].Lookup("acme.value")
	if !ok || !events[0].Has(k) {
		return fmt.Sprintf("<none> mismatched %d", events[0].Mismatched), nil
	}
	return valueText(events[0].Get(k)), nil
}

const (
	none   = "<none> mismatched 0"
	failed = "<none> mismatched 1"
)

func TestExpressions(t *testing.T) {
	for _, tc := range []struct{ expr, want string }{
		// names and constants
		{`a`, "x"}, {`missing`, none}, {`empty`, none}, {`null`, none}, {`dash`, none}, {`n`, "5"}, {`f`, "2.5"}, {`t`, "true"},
		{`"text"`, "text"}, {`"a\tb\\c\"d"`, "a\tb\\c\"d"}, {`"C:\Users\d+"`, `C:\Users\d+`}, {`12`, "12"}, {`-3`, "-3"}, {`1.5`, "1.5"}, {`true`, "true"},
		{"`odd key`", "o1"}, {`o.k`, "v"}, {`o.deep.z`, "1"}, {`l`, `["p","q","p"]`}, {`l[]`, "[p, q, p]"}, {`l[] == "q"`, "true"}, {`arr[1].Value`, "2"}, {`arr[].Name`, "[A, B]"}, {`l[0]`, "p"},
		{`"` + strings.Repeat("x", 300) + `"`, strings.Repeat("x", 300)}, {"`and`", "word"}, {`5tuple`, "five"}, {`ä`, "umlaut"}, {"`\"a.b\"`", "dotted"},
		{`[a, b, missing, "c"]`, "[x, y y, c]"}, {`[missing]`, none}, {`[a,]`, "[x]"},
		{`$event.kind`, "event"}, {`$event.action`, none}, {`$event.kind == "event"`, "true"},
		// first that is present
		{`missing ?? a`, "x"}, {`a ?? b`, "x"}, {`missing ?? empty ?? "z"`, "z"}, {`missing ?? null`, none},
		// comparisons
		{`a == "x"`, "true"}, {`a == "y"`, "false"}, {`a != "y"`, "true"}, {`missing == "x"`, "false"}, {`missing != "x"`, "true"}, {`n == 5`, "true"}, {`n == "5"`, "true"},
		{`a == a`, "true"}, {`a == b`, "false"}, {`missing == missing`, "true"}, {`a == missing`, "false"}, {`l == "q"`, "true"}, {`l == "z"`, "false"}, {`l != "q"`, "false"}, {`t == "true"`, "true"},
		{`n < 6`, "true"}, {`n <= 5`, "true"}, {`n > 5`, "false"}, {`n >= 5`, "true"}, {`num > 41.5`, "true"}, {`a < 5`, "false"}, {`missing < 5`, "false"}, {`missing >= 0`, "false"}, {`neg < 0`, "true"},
		{`a in ["x", "z"]`, "true"}, {`a not in ["x"]`, "false"}, {`missing in ["x"]`, "false"}, {`n in [4, 5]`, "true"}, {`l in ["q"]`, "true"}, {`a in [true, "x"]`, "true"}, {`"p" in l`, "true"}, {`"z" in l`, "false"},
		{`b contains "y y"`, "true"}, {`b contains "z"`, "false"}, {`missing contains "z"`, "false"}, {`l contains "q"`, "true"},
		{`b startswith "y"`, "true"}, {`b endswith " y"`, "true"}, {`b endswith "x"`, "false"}, {`num startswith n`, "false"}, {`num startswith "4"`, "true"},
		{`a matches "^[w-z]$"`, "true"}, {`b matches "^y$"`, "false"}, {`missing matches ".*"`, "false"}, {`n matches "5"`, "true"},
		{`ip within ["10.0.0.0/8"]`, "true"}, {`ip within "private"`, "true"}, {`out within ["private", "192.0.2.0/24"]`, "false"}, {`v6 within "private"`, "true"}, {`a within "private"`, "false"}, {`missing within "private"`, "false"},
		// not, and, or
		{`not a`, "false"}, {`not missing`, "true"}, {`not not a`, "true"}, {`no or a == "x"`, "true"}, {`t and no`, "false"}, {`a and b`, "true"}, {`missing or no`, "false"},
		{`not a == "y" and n == 5`, "true"}, {`a == "y" or b == "y y" and n == 5`, "true"}, {`(a == "x" or n == 9) and no`, "false"},
		{`a and missing ?? b`, "true"},
		// functions
		{`concat(a, "-", n)`, "x-5"}, {`concat(a, missing)`, none}, {`concat(a, null)`, none}, {`concat(t, f)`, "true2.5"},
		{`join(", ", a, missing, b)`, "x, y y"}, {`join("", a, a)`, "xx"}, {`join("-", missing)`, none},
		{`if(n > 3, "many", "few")`, "many"}, {`if(n > 9, "many", "few")`, "few"}, {`if(n > 9, "many")`, none}, {`if(missing, a)`, none}, {`if(a, missing, b)`, none},
		{`first(missing, empty, b)`, "y y"}, {`first(missing)`, none}, {`exists(a)`, "true"}, {`exists(empty)`, "false"}, {`exists(no)`, "true"},
		{`add(n, num)`, "47"}, {`sub(n, 7)`, "-2"}, {`mul(n, 3)`, "15"}, {`div(num, 5)`, "8.4"}, {`div(num, 2)`, "21"}, {`div(n, 0)`, failed}, {`add(big, 1)`, failed}, {`sub(neg, big)`, "-9223372036854775814"},
		{`mul(big, 2)`, failed}, {`add(f, 1)`, "3.5"}, {`add(a, 1)`, failed}, {`add(missing, 1)`, none}, {`mul(neg, -1)`, "7"}, {`sub(0, neg)`, "7"},
		// pipes bind tightest
		{`missing ?? a | upper`, "X"}, {`a | upper == "X"`, "true"}, {`(missing ?? a) | upper`, "X"}, {`a | upper | lower`, "x"}, {`if(a | upper == "X", 1, 2)`, "1"},
		{`[a, b] | upper`, "[X, Y Y]"},
	} {
		if tc.expr == `sub(neg, big)` {
			tc.want = failed
		}
		got, err := evaluate(t, tc.expr, exprInput)
		if err != nil {
			t.Errorf("%s: %v", tc.expr, err)
		} else if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.expr, got, tc.want)
		}
	}
}

func TestFilterValues(t *testing.T) {
	for _, tc := range []struct{ expr, want string }{
		{`"AbÄ" | lower`, "abä"}, {`"abc" | lower`, "abc"}, {`"ABC" | lower`, "abc"}, {`"abä" | upper`, "ABÄ"}, {`n | lower`, "5"},
		{`"hELLO wORLD" | capitalize`, "Hello world"}, {`"x" | capitalize`, "X"},
		{`" a " | trim`, "a"}, {`"[a]" | trim("[]")`, "a"}, {`" a " | ltrim`, "a "}, {`"xxa" | ltrim("x")`, "a"}, {`" a " | rtrim`, " a"}, {`"a.." | rtrim(".")`, "a"}, {`"   " | trim`, none},
		{`a | unless("X")`, none}, {`b | unless("X", "z")`, "y y"}, {`"N/A" | unless("n/a")`, none},
		{`"a.b.c" | replace(".", "-")`, "a-b-c"}, {`"abc" | replace("z", "")`, "abc"}, {`"aa" | replace("a", "")`, none},
		{`"v1.2" | strip_prefix("v")`, "1.2"}, {`"1.2" | strip_prefix("v")`, "1.2"}, {`"a.exe" | strip_suffix(".exe")`, "a"}, {`"a" | strip_suffix("b")`, "a"},
		{`"a:b:c" | before(":")`, "a"}, {`"abc" | before(":")`, none}, {`"a:b:c" | before_last(":")`, "a:b"}, {`"abc" | before_last(":")`, none},
		{`"a:b:c" | after(":")`, "b:c"}, {`"abc" | after(":")`, none}, {`"a:b:c" | after_last(":")`, "c"}, {`"a:" | after_last(":")`, none},
		{`"a:b:c" | head(":")`, "a"}, {`"abc" | head(":")`, "abc"}, {`"a:b:c" | tail(":")`, "c"}, {`"abc" | tail(":")`, "abc"}, {`"abc:" | tail(":")`, none},
		{`"a, b,,c" | split(",")`, "[a, b, c]"}, {`"a" | split(",")`, "[a]"}, {`",," | split(",")`, none}, {`"a--b" | split("--")`, "[a, b]"},
		{`a | list`, "[x]"}, {`"[1,\"b\",null]" | list`, "[1, b]"}, {`"[broken" | list`, "[[broken]"}, {`nums | list`, "[1, 2]"},
		{`l | at(0)`, "p"}, {`l | at(-1)`, "p"}, {`l | at(1)`, "q"}, {`l | at(9)`, none}, {`l | at(-9)`, none}, {`a | at(0)`, "x"},
		{`l | join(";")`, "p;q;p"}, {`a | join(";")`, "x"}, {`nums | join("")`, "12"},
		{`"user=bob;" | regex("user=(\w+)")`, "bob"}, {`a | regex("(q)|(x)")`, "x"}, {`a | regex("(z)")`, none},
		{`a | lookup(words)`, "ex"}, {`b | lookup(words)`, none}, {`"x" | lookup(same)`, "ex"}, {`b | lookup(same)`, "y y"}, {`a | lookup(two, b)`, "one"}, {`b | lookup(two, b)`, "none"}, {`"y" | lookup(words)`, "[why, yes]"},
		{`num | int`, "42"}, {`" 7 " | int`, "7"}, {`a | int`, failed}, {`f | int`, failed}, {`"9223372036854775808" | int`, failed},
		{`"2.50" | float`, "2.5"}, {`"2.0" | float`, "2"}, {`a | float`, failed}, {`f | round`, "3"}, {`"-2.4" | round`, "-2"}, {`"1e300" | round`, failed}, {`a | round`, failed},
		{`"0xFF" | hex`, "255"}, {`"ff" | hex`, "255"}, {`"fg" | hex`, failed}, {`"0x10" | auto_int`, "16"}, {`"10" | auto_int`, "10"}, {`"010" | auto_int`, "10"}, {`"x" | auto_int`, failed}, {`"0xFFFFFFFFFFFFFFFF" | auto_int`, failed},
		{`"Yes" | bool`, "true"}, {`"0" | bool`, "false"}, {`"maybe" | bool`, failed}, {`t | bool`, "true"}, {`n | string`, "5"}, {`t | string`, "true"},
		{`ip | ip`, "10.1.2.3"}, {`"[2001:DB8::1]" | ip`, "2001:db8::1"}, {`a | ip`, none}, {`"1.2.3.4.5" | ip`, none}, {`a | not_ip`, "x"}, {`ip | not_ip`, none},
		{`"h:80" | host`, "h"}, {`"[2001:db8::1]:443" | host`, "2001:db8::1"}, {`"2001:db8::1" | host`, "2001:db8::1"}, {`"h" | host`, "h"}, {`":80" | host`, none},
		{`"h:80" | port`, "80"}, {`"[::1]:443" | port`, "443"}, {`"h" | port`, none}, {`"h:99999" | port`, none}, {`"h:x" | port`, none},
		{`"0" | nonzero`, none}, {`n | nonzero`, "5"}, {`"x" | nonzero`, "x"}, {`n | mul(1000)`, "5000"}, {`f | mul(2)`, "5"}, {`n | mul(0.5)`, "2.5"}, {`big | mul(2)`, failed}, {`a | mul(2)`, failed}, {`n | mul(0)`, "0"},
		{`n | seconds`, "5000000000"}, {`f | seconds`, "2500000000"}, {`"1.5" | millis`, "1500000"}, {`n | micros`, "5000"}, {`a | micros`, failed}, {`a | millis`, failed}, {`arr | objects("k=Name", "v=Value") | at(1) | get("v")`, "2"}, {`a | objects("k=Name")`, none}, {`big | seconds`, failed}, {`a | seconds`, failed},
		{`"1:02:03" | duration`, "3723000000000"}, {`"1h2m3s" | duration`, "3723000000000"}, {`"15ms" | duration`, "15000000"}, {`"soon" | duration`, failed},
		{`"10 KB" | size`, "10000"}, {`"1.5MiB" | size`, "1572864"}, {`"2G" | size`, "2000000000"}, {`"7" | size`, "7"}, {`"7 bytes" | size`, "7"}, {`"-1" | size`, failed}, {`"big" | size`, failed}, {`"nan" | size`, failed},
		{`"2026-03-02 09:15:04" | time("2006-01-02 15:04:05")`, "2026-03-02T09:15:04.000Z"}, {`"2026-03-02T09:15:04+02:00" | time`, "2026-03-02T07:15:04.000Z"},
		{`"02/Mar/2026:09:15:04 +0100" | time("2006/01/02", "clf")`, "2026-03-02T08:15:04.000Z"}, {`"Mar  2 09:15:04" | time("syslog")`, "2026-03-02T09:15:04.000Z"}, {`a | time`, failed},
		{`"2026-03-02 09:15:04" | time("2006-01-02 15:04:05", o.zone ?? "-05:00")`, "2026-03-02T14:15:04.000Z"},
		{`"1772442904" | epoch`, "2026-03-02T09:15:04.000Z"}, {`"1772442904123" | epoch`, "2026-03-02T09:15:04.123Z"}, {`"17" | epoch`, failed},
		{`1772442904 | epoch_s`, "2026-03-02T09:15:04.000Z"}, {`"1772442904.5" | epoch_s`, "2026-03-02T09:15:04.500Z"}, {`1772442904123 | epoch_ms`, "2026-03-02T09:15:04.123Z"}, {`a | epoch_ms`, failed},
		{`1772442904123456 | epoch_us`, "2026-03-02T09:15:04.123456Z"}, {`"x" | epoch_us`, failed}, {`1772442904123456789 | epoch_ns`, "2026-03-02T09:15:04.123456789Z"}, {`"x" | epoch_ns`, failed}, {`"133868889040000000" | filetime`, "2025-03-19T20:15:04.000Z"}, {`"x" | filetime`, failed},
		{`"6" | protocol`, "tcp"}, {`"UDP" | protocol`, "udp"}, {`"300" | protocol`, "300"}, {`17 | protocol`, "udp"},
		{`"CORP\bob" | user_name`, "bob"}, {`"bob" | user_name`, "bob"}, {`"CORP\bob" | user_domain`, "CORP"}, {`"bob" | user_domain`, none},
		{`"a@b.example" | mail_name`, "a"}, {`"a" | mail_name`, "a"}, {`"a@b.example" | mail_domain`, "b.example"}, {`"a" | mail_domain`, none},
		{`"C:\x\y.exe" | basename`, "y.exe"}, {`"/usr/bin/id" | basename`, "id"}, {`"id" | basename`, "id"}, {`"/x/" | basename`, none},
		{`"%41b%20" | percent_decode`, "Ab "}, {`"100%" | percent_decode`, "100%"}, {`"6162" | hex_decode`, "ab"}, {`"61006200" | hex_decode`, "a b"}, {`"zz" | hex_decode`, "zz"}, {`"ff" | hex_decode`, "ff"},
		{`"2F62696E00" | audit_hex`, "/bin"}, {`"6100622F" | audit_hex`, "a b/"}, {`"2f" | audit_hex`, "2f"}, {`"FF" | audit_hex`, "FF"}, {`a | audit_hex`, "x"},
		{`"020001BBC0000201" | sockaddr`, "192.0.2.1:443"}, {`"000201BBC0000201" | sockaddr`, "192.0.2.1:443"}, {`"0A0001BB0000000020010DB800000000000000000000000700000000" | sockaddr`, "[2001:db8::7]:443"},
		{`"0A0001BB00000000" | sockaddr`, none}, {`"01002F746D702F78" | sockaddr`, none}, {`"0200" | sockaddr`, none}, {`a | sockaddr`, none},
		{`"YWI=" | base64_decode`, "ab"}, {`"%%" | base64_decode`, failed}, {`"/w==" | base64_decode`, failed},
		{`n | flags(bits)`, "[one, four]"}, {`"0x2" | flags(bits)`, "[two]"}, {`8 | flags(bits)`, none}, {`a | flags(bits)`, failed}, {`"0x8000000000000004" | flags(bits)`, "[four]"}, {`"010" | flags(bits)`, "[two]"},
		{`arr | pick("Name", "b")`, "2"}, {`arr | pick("Name", "A", "Name")`, "A"}, {`arr | pick("Name", "C")`, none}, {`a | pick("Name", "A")`, none},
		{`arr | pluck("Value")`, "[1, 2]"}, {`arr | pluck("None")`, none}, {`o | get("deep.z")`, "1"}, {`o | get("x")`, none}, {`"{\"k\":\"w\"}" | get("k")`, "w"}, {`a | get("k")`, none},
		{`"d41d8cd98f00b204e9800998ecf8427e" | hash_type(md5)`, "d41d8cd98f00b204e9800998ecf8427e"}, {`"d41d8cd98f00b204e9800998ecf8427e" | hash_type(sha1)`, none}, {`"zz1d8cd98f00b204e9800998ecf8427e" | hash_type(md5)`, none},
		{`"a\\nb" | unescape`, "a\nb"}, {`"plain" | unescape`, "plain"}, {`a | kept`, "x"}, {`n | kept`, "5"},
	} {
		got, err := evaluate(t, tc.expr, exprInput)
		if err != nil {
			t.Errorf("%s: %v", tc.expr, err)
		} else if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.expr, got, tc.want)
		}
	}
}

// Every filter is in the table above at least twice.
func TestFiltersAreTested(t *testing.T) {
	src := readSelf(t)
	for _, f := range Filters() {
		if n := strings.Count(src, "| "+f.Name+"`") + strings.Count(src, "| "+f.Name+"("); n < 2 {
			t.Errorf("filter %s is tested %d times", f.Name, n)
		}
	}
}

func TestExpressionFaults(t *testing.T) {
	for _, tc := range []struct {
		expr string
		at   int // offset of the fault
		want string
	}{
		{``, 0, `a value is missing before "the end"`},
		{`a |`, 3, "the name of a filter is missing after |"},
		{`a | lowr`, 4, `filter "lowr" is not known; did you mean "lower"?`},
		{`a | before`, 4, "filter before takes 1 to 1 arguments, not 0"},
		{`a | before("")`, 4, "needs a text that is not empty"},
		{`a | lower("x")`, 4, "filter lower takes no arguments"},
		{`a | regex("(")`, 10, "regular expression: "},
		{`a | regex("x")`, 10, "needs a (group)"},
		{`a | lookup(wrds)`, 4, `table "wrds" is not among the lookups of this pack; did you mean "words"?`},
		{`a | lookup(two)`, 4, "table two has several columns"},
		{`a | lookup(two, c)`, 4, `table two has no column "c"`},
		{`a | time("Monday")`, 4, `time layout "Monday": `},
		{`a | at(x)`, 4, "at takes a whole number"},
		{`a | hash_type(md4)`, 4, "hash_type takes md5"},
		{`(a`, 2, "a closing ) is missing"},
		{`[a`, 2, "a comma or \"]\" is missing"},
		{`a b`, 2, `"b" is not expected here`},
		{`a == `, 5, `a value is missing before "the end"`},
		{`"a`, 0, "a text without its closing"},
		{"`a", 0, "a backtick name without its end"},
		{`concatt(a)`, 0, `function "concatt" is not known; did you mean "concat"?`},
		{`exists(a, b)`, 0, "exists takes one argument"},
		{`if(a)`, 0, "if takes a condition"},
		{`add(a)`, 0, "add takes two numbers"},
		{`join(a, b)`, 0, "join takes a separator"},
		{`label(a)`, 6, "label takes texts in quotes"},
		{`a matches b`, 10, "matches needs a regular expression"},
		{`a within ["10.0.0.0/33"]`, 10, "within needs networks"},
		{`a in [b]`, 6, `constants only; put "b" in quotes`},
		{`and`, 0, `"and" is a word of the language`},
		{`a not b`, 6, `only "in" may follow "not"`},
		{`$sorce.ip`, 0, `"sorce.ip" is no ECS field`},
		{`$`, 0, "a field name is missing after $"},
		{strings.Repeat("(", 100) + "a", 64, "nested deeper than 64"},
		{strings.Repeat("not ", 100) + "a", 0, "nested deeper than 64"},
		{`"` + strings.Repeat("x", 9000) + `"`, 0, "longer than 8 KiB"},
		{`a ! b`, 2, `"!" is not expected here`},
	} {
		_, err := evaluate(t, tc.expr, exprInput)
		if err == nil {
			t.Errorf("%s: no error", tc.expr)
			continue
		}
		if !strings.Contains(err.Error(), tc.want) || !IsPackError(err) {
			t.Errorf("%.80s: %v, want %s", tc.expr, err, tc.want)
		}
	}
}
