/*
Package grok turns Logstash grok patterns into the text patterns of packs:

	p, err := grok.Import(`%{SYSLOGTIMESTAMP:ts} %{HOSTNAME:host} %{WORD:action}: %{IP:src}(?: port %{INT:port:int})?`)
	// <ts:time(syslog)> <host:host> <action:chars(a-zA-Z0-9_)>: <src:ip>{ port <port:int>}

Grok is regular expressions, text patterns are not: what has no counterpart is an error that
names it, and [Regex] then gives a linear-time regular expression, the last resort.
*/
package grok

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/penstock-dev/penstock/parse/kernel/text"
)

// maxPattern bounds a pattern, in bytes.
const maxPattern = 64 << 10

// definition is a grok pattern: the type of a capture, and a regular expression that RE2
// takes.
type definition struct{ capture, regex string }

var definitions = map[string]definition{
	"IP": {"ip", `[0-9a-fA-F:.]+`}, "IPV4": {"ip", `\d{1,3}(?:\.\d{1,3}){3}`}, "IPV6": {"ip", `[0-9a-fA-F:.%]+`},
	"IPORHOST": {"host", `[0-9A-Za-z_.:-]+`}, "HOSTNAME": {"host", `[0-9A-Za-z_.-]+`}, "HOST": {"host", `[0-9A-Za-z_.-]+`}, "SYSLOGHOST": {"host", `[0-9A-Za-z_.:-]+`},
	"HOSTPORT": {"chars(0-9A-Za-z_.:-)", `[0-9A-Za-z_.:-]+:\d+`},
	"INT":      {"int", `[+-]?\d+`}, "POSINT": {"int", `[1-9]\d*`}, "NONNEGINT": {"int", `\d+`}, "NUMBER": {"number", `[+-]?\d+(?:\.\d+)?`}, "BASE10NUM": {"number", `[+-]?\d+(?:\.\d+)?`},
	"BASE16NUM": {"hex", `(?:0x)?[0-9A-Fa-f]+`},
	"WORD":      {"chars(a-zA-Z0-9_)", `\w+`}, "NOTSPACE": {"word", `\S+`}, "DATA": {"", `.*?`}, "GREEDYDATA": {"rest", `.*`},
	"QUOTEDSTRING": {"quoted", `"(?:[^"\\]|\\.)*"`}, "QS": {"quoted", `"(?:[^"\\]|\\.)*"`},
	"USERNAME": {"chars(a-zA-Z0-9._\\-)", `[a-zA-Z0-9._-]+`}, "USER": {"chars(a-zA-Z0-9._\\-)", `[a-zA-Z0-9._-]+`}, "EMAILADDRESS": {"word", `\S+@\S+`},
	"MAC": {"mac", `[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}`}, "CISCOMAC": {"mac", `[0-9A-Fa-f]{4}(?:\.[0-9A-Fa-f]{4}){2}`}, "COMMONMAC": {"mac", `[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}`},
	"UUID": {"chars(0-9A-Fa-f\\-)", `[0-9A-Fa-f-]{36}`}, "LOGLEVEL": {"chars(a-zA-Z)", `[a-zA-Z]+`}, "PROG": {"chars(!-Z^-~)", `[!-Z^-~]+`},
	"PATH": {"word", `\S+`}, "UNIXPATH": {"word", `/\S*`}, "WINPATH": {"word", `\S+`}, "URI": {"word", `\S+`}, "URIPATH": {"word", `\S+`}, "URIPATHPARAM": {"word", `\S+`}, "URIPROTO": {"chars(a-zA-Z0-9+\\-)", `[A-Za-z][A-Za-z0-9+-]*`},
	"SYSLOGTIMESTAMP": {"time(syslog)", `[A-Z][a-z]{2} +\d{1,2} \d{2}:\d{2}:\d{2}`}, "CISCOTIMESTAMP": {"time(syslog)", `[A-Z][a-z]{2} +\d{1,2} (?:\d{4} )?\d{2}:\d{2}:\d{2}`},
	"TIMESTAMP_ISO8601": {"time(iso8601)", `\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?`}, "HTTPDATE": {"time(clf)", `\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}`},
	"YEAR": {"int", `\d{4}`}, "MONTHNUM": {"int", `\d{1,2}`}, "MONTHDAY": {"int", `\d{1,2}`}, "MONTH": {"chars(a-zA-Z)", `[A-Za-z]+`}, "DAY": {"chars(a-zA-Z)", `[A-Za-z]+`}, "TIME": {"chars(0-9:.,)", `[0-9:.,]+`},
	"SPACE": {" ", `\s*`},
}

// Names are the grok patterns that are known, sorted.
func Names() []string {
	var out []string
	for n := range definitions {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

var reference = regexp.MustCompile(`^%\{(\w+)(?::([^}:]+))?(?::(?:int|float|string))?\}`)

// capture reads a %{NAME:field} at the start of s.
func capture(s string) (d definition, name string, length int, err error) {
	m := reference.FindStringSubmatch(s)
	if m == nil {
		return d, "", 0, fmt.Errorf("%.20q is no %%{NAME:field}", s)
	}
	d, ok := definitions[m[1]]
	if !ok {
		return d, "", 0, fmt.Errorf("the grok pattern %s is not known; known are %s", m[1], strings.Join(Names(), ", "))
	}
	name = strings.ReplaceAll(strings.Trim(m[2], "[]"), "][", ".")
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-@", r) {
			return r
		}
		return '_'
	}, name)
	return d, name, len(m[0]), nil
}

// Import returns the text pattern that does what a grok pattern does.
func Import(pattern string) (string, error) {
	if len(pattern) > maxPattern {
		return "", fmt.Errorf("grok: the pattern is longer than %d bytes", maxPattern)
	}
	c := &importer{src: pattern}
	out, err := c.sequence(0)
	if err == nil && c.pos < len(c.src) {
		err = fmt.Errorf("%q closes nothing", c.src[c.pos])
	}
	if err == nil {
		out = strings.TrimSpace(out)
		if cut, ok := strings.CutSuffix(out, "..."); ok {
			out = cut + `\...` // three dots, and not the end of a prefix
		}
		if err = text.Check(out); err == nil {
			return out, nil
		}
	}
	return "", fmt.Errorf("grok: at byte %d: %w", c.pos, err)
}

type importer struct {
	src string
	pos int
}

// sequence reads up to the end of a group or of the pattern.
func (c *importer) sequence(depth int) (string, error) {
	if depth > 16 {
		return "", fmt.Errorf("groups deeper than 16")
	}
	var b strings.Builder
	for c.pos < len(c.src) {
		rest := c.src[c.pos:]
		switch ch := rest[0]; {
		case ch == '|' && depth > 0, ch == ')':
			return b.String(), nil
		case ch == '^' && c.pos == 0, ch == '$' && len(rest) == 1:
			c.pos++
		case strings.HasPrefix(rest, "%{"):
			d, name, n, err := capture(rest)
			if err != nil {
				return "", err
			}
			c.pos += n
			typ := d.capture
			switch {
			case typ == " ":
				b.WriteByte(' ')
				continue
			case typ == "rest" && (depth > 0 || strings.Trim(c.src[c.pos:], "$") != ""):
				typ = "" // more follows: up to the next literal
			}
			if name == "" {
				name = "_"
			}
			if typ != "" {
				name += ":" + typ
			}
			b.WriteString("<" + name + ">")
		case ch == '(':
			group, err := c.group(depth)
			if err != nil {
				return "", err
			}
			b.WriteString(group)
		case ch == '\\':
			if len(rest) < 2 {
				return "", fmt.Errorf("a backslash at the end")
			}
			switch e := rest[1]; {
			case e == 's':
				c.pos += 2
				c.skip("+*?")
				b.WriteByte(' ')
			case e >= 'a' && e <= 'z' || e >= 'A' && e <= 'Z' || e >= '0' && e <= '9':
				return "", fmt.Errorf("\\%c has no counterpart", e)
			default:
				c.pos += 2
				if err := c.literal(&b, e); err != nil {
					return "", err
				}
			}
		case ch == ' ':
			c.pos++
			c.skip("+*")
			b.WriteByte(' ')
		case strings.IndexByte(".*+?[]{}$^|", ch) >= 0:
			return "", fmt.Errorf("%q of a regular expression has no counterpart", ch)
		default:
			c.pos++
			if err := c.literal(&b, ch); err != nil {
				return "", err
			}
		}
	}
	return b.String(), nil
}

func (c *importer) skip(set string) {
	if c.pos < len(c.src) && strings.IndexByte(set, c.src[c.pos]) >= 0 {
		c.pos++
	}
}

// literal writes one byte of text, which may be optional.
func (c *importer) literal(b *strings.Builder, ch byte) error {
	lit := string([]byte{ch})
	if strings.IndexByte(`\<{}|`, ch) >= 0 {
		lit = `\` + lit
	}
	if c.pos < len(c.src) {
		switch c.src[c.pos] {
		case '?':
			c.pos++
			lit = "{" + lit + "}"
		case '*', '+', '{':
			return fmt.Errorf("the repetition of %q has no counterpart", ch)
		}
	}
	b.WriteString(lit)
	return nil
}

// group reads (?:a|b), perhaps with a question mark behind it.
func (c *importer) group(depth int) (string, error) {
	rest := c.src[c.pos:]
	switch {
	case strings.HasPrefix(rest, "(?:"):
		c.pos += 3
	case strings.HasPrefix(rest, "(?"):
		return "", fmt.Errorf("%.4q has no counterpart", rest)
	default:
		c.pos++
	}
	var parts []string
	for {
		p, err := c.sequence(depth + 1)
		if err != nil {
			return "", err
		}
		parts = append(parts, p)
		if c.pos >= len(c.src) {
			return "", fmt.Errorf("a group without its )")
		}
		c.pos++
		if c.src[c.pos-1] == ')' {
			break
		}
	}
	optional := false
	if c.pos < len(c.src) {
		switch c.src[c.pos] {
		case '?':
			c.pos++
			optional = true
		case '*', '+', '{':
			return "", fmt.Errorf("the repetition of a group has no counterpart")
		}
	}
	if optional && len(parts) > 1 {
		parts = append(parts, "")
	}
	if !optional && len(parts) == 1 {
		return parts[0], nil
	}
	return "{" + strings.Join(parts, "|") + "}", nil
}

// Regex returns the grok pattern as a regular expression of package regexp whose named
// groups are the fields; characters that a group's name cannot have are underscores.
func Regex(pattern string) (string, error) {
	if len(pattern) > maxPattern {
		return "", fmt.Errorf("grok: the pattern is longer than %d bytes", maxPattern)
	}
	var b strings.Builder
	for i := 0; i < len(pattern); {
		if strings.HasPrefix(pattern[i:], "%{") {
			d, name, n, err := capture(pattern[i:])
			if err != nil {
				return "", fmt.Errorf("grok: at byte %d: %w", i, err)
			}
			i += n
			name = strings.NewReplacer(".", "_", "-", "_", "@", "_").Replace(name)
			if name == "" {
				b.WriteString("(?:" + d.regex + ")")
			} else {
				b.WriteString("(?P<" + name + ">" + d.regex + ")")
			}
			continue
		}
		if pattern[i] == '\\' && i+1 < len(pattern) {
			b.WriteByte(pattern[i])
			i++
		}
		b.WriteByte(pattern[i])
		i++
	}
	if _, err := regexp.Compile(b.String()); err != nil {
		return "", fmt.Errorf("grok: %w", err)
	}
	return b.String(), nil
}
