package text

import (
	"fmt"
	"strings"
)

// capType is the type of a capture.
type capType uint8

const (
	tUntil capType = iota
	tRest
	tWord
	tUser
	tToken
	tChars
	tHost
	tInt
	tHex
	tNumber
	tIP
	tPort
	tMAC
	tQuoted
	tTime
	numTypes
)

func (t capType) String() string {
	return [numTypes]string{"until", "rest", "word", "user", "token", "chars", "host", "int", "hex", "number", "ip", "port", "mac", "quoted", "time"}[t]
}

// meantTypes are names that people try, and what they get here.
func meantType(name string) string {
	switch strings.ToLower(name) {
	case "integer", "long", "num", "digits", "uint", "posint", "nonnegint":
		return "int"
	case "float", "double", "decimal", "base10num":
		return "number"
	case "string", "str", "text", "data", "any", "lazy":
		return "until"
	case "notspace", "nospace", "nonspace":
		return "token"
	case "greedydata", "remainder", "line", "tail":
		return "rest"
	case "ipv4", "ipv6", "addr", "address", "ipaddr":
		return "ip"
	case "hostname", "iporhost", "fqdn", "domain":
		return "host"
	case "username":
		return "user"
	case "quote", "qs", "quotedstring":
		return "quoted"
	case "hexadecimal", "base16num":
		return "hex"
	case "timestamp", "date", "datetime":
		return "time(2006-01-02 15:04:05)"
	case "class", "set", "charset":
		return "chars(a-z)"
	}
	best, dist := "", 3
	for t := capType(0); t < numTypes; t++ {
		if d := distance(strings.ToLower(name), t.String()); d < dist {
			best, dist = t.String(), d
		}
	}
	return best
}

// distance is the number of edits between two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diag
			if a[i] != b[j] {
				d = 1 + min(diag, row[j], row[j+1])
			}
			diag, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}

// setType fills in what the type's name says, or returns what is wrong with it.
func (c *capture) setType(name, arg string, hasArg bool) (why, meant string) {
	found := false
	for t := capType(0); t < numTypes; t++ {
		if t.String() == name {
			c.typ, found = t, true
			break
		}
	}
	if !found {
		if len(name) > 32 {
			name = name[:32]
		}
		why = fmt.Sprintf("unknown type %q", name)
		if m := meantType(name); m != "" {
			return why, "did you mean " + m + "?"
		}
		return why, "types are until rest word token user host int hex number ip port mac quoted chars(…) time(…)"
	}
	if hasArg != (c.typ == tChars || c.typ == tTime) {
		if hasArg {
			return name + " takes no argument", "write <name:" + name + ">"
		}
		return name + " needs an argument", map[capType]string{
			tChars: "write <name:chars(a-z0-9_)>", tTime: "write <name:time(2006-01-02 15:04:05)>"}[c.typ]
	}
	switch c.typ {
	case tWord, tToken:
		c.class = newClass(func(b byte) bool { return b != ' ' && b != '\t' && b != '\r' && b != '\n' })
	case tUser:
		c.class = newClass(func(b byte) bool { return b > ' ' && b != 0x7f && b != '"' && b != '\'' })
	case tChars:
		return c.setChars(arg)
	case tTime:
		var err string
		if c.layout, err = newLayout(arg); err != "" {
			return err, "write a Go layout, such as time(Jan _2 15:04:05), or a name: " + strings.Join(layoutNames(), " ")
		}
	}
	return "", ""
}

// class is a set of bytes with a name that is equal for equal sets.
type class struct {
	has [256]bool
	key string
}

func newClass(has func(byte) bool) *class {
	c := &class{}
	var key [32]byte
	for i := range c.has {
		if has(byte(i)) {
			c.has[i] = true
			key[i/8] |= 1 << (i % 8)
		}
	}
	c.key = string(key[:])
	return c
}

// span returns the first index from i on whose byte is not in the class.
func (c *class) span(b []byte, i int) int {
	for i < len(b) && c.has[b[i]] {
		i++
	}
	return i
}

func (c *capture) setChars(arg string) (why, meant string) {
	set := arg
	not := strings.HasPrefix(set, "^")
	if not {
		set = set[1:]
	}
	var has [256]bool
	any := false
	next := func() byte {
		b := set[0]
		set = set[1:]
		if b == '\\' && set != "" {
			b = set[0]
			set = set[1:]
		}
		return b
	}
	for set != "" {
		lo := next()
		hi := lo
		if len(set) > 1 && set[0] == '-' {
			set = set[1:]
			hi = next()
		}
		if hi < lo {
			return fmt.Sprintf("the range %c-%c runs backwards", lo, hi), fmt.Sprintf("write %c-%c", hi, lo)
		}
		for b := int(lo); b <= int(hi); b++ {
			has[b], any = true, true
		}
	}
	if !any {
		return "chars() names no character", "write <name:chars(a-z0-9_)>"
	}
	c.class = newClass(func(b byte) bool { return has[b] != not })
	return "", ""
}
