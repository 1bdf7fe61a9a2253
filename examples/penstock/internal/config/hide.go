package config

import (
	"regexp"
	"strings"
)

// secretKey finds keys whose values errors do not show, with all that stands below them. Paths of
// files that hold secrets (key_file) are none.
var secretKey = regexp.MustCompile(`(?i)(^|[_-])(passw(or)?d|passphrase|secrets?|tokens?|credentials?|authorization|cookies?|headers?|users|keys?|dsn|connection)$`)

var (
	// keyLine is the begin of a line with a key.
	keyLine = regexp.MustCompile(`^(\s*(?:- +)*)["']?([^\s"':{}\[\],#][^"':{}\[\],]*)["']?\s*:(?:\s|$)`)
	// flowPair is a key in braces, and its value up to the next one.
	flowPair = regexp.MustCompile(`([{,]\s*["']?)([A-Za-z0-9_-]+)(["']?\s*:\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|\[[^\]]*\]?|\{[^}]*\}?|[^,}\]]*)`)
	// userInfo is the part of a URL that may hold a password.
	userInfo = regexp.MustCompile(`(://)[^/@\s"']*@`)
)

const hidden = "***"

// hide returns line i without the values of secret keys.
func hide(lines []string, i int) string {
	line := userInfo.ReplaceAllString(lines[i], "${1}"+hidden+"@")
	m := keyLine.FindStringSubmatchIndex(line)
	if below(lines, i) {
		if m != nil {
			return line[:m[1]] + hidden
		}
		rest := strings.TrimLeft(line, " -")
		return line[:len(line)-len(rest)] + hidden
	}
	if m != nil && secretKey.MatchString(line[m[4]:m[5]]) {
		if rest := strings.TrimSpace(line[m[1]:]); rest == "" || reference(rest) {
			return line
		}
		return line[:m[1]] + hidden
	}
	return flowPair.ReplaceAllStringFunc(line, func(pair string) string {
		p := flowPair.FindStringSubmatch(pair)
		if !secretKey.MatchString(p[2]) || reference(p[4]) {
			return pair
		}
		return p[1] + p[2] + p[3] + hidden
	})
}

// reference reports whether a value says where the secret is: {env: NAME} or {file: PATH}.
func reference(value string) bool {
	return strings.HasPrefix(value, "{env:") || strings.HasPrefix(value, "{file:")
}

// below reports whether line i stands below a secret key.
func below(lines []string, i int) bool {
	indent := indentOf(lines[i])
	item := strings.HasPrefix(lines[i][indent:], "-")
	for j := i - 1; j >= 0 && (indent > 0 || item); j-- {
		at := indentOf(lines[j])
		if text := lines[j][at:]; text == "" || text[0] == '#' || at > indent || at == indent && (!item || text[0] == '-') {
			continue
		}
		if m := keyLine.FindStringSubmatch(lines[j]); m != nil {
			if secretKey.MatchString(m[2]) && !reference(strings.TrimSpace(lines[j][strings.Index(lines[j], ":")+1:])) {
				return true
			}
		}
		indent, item = at, lines[j][at] == '-'
	}
	return false
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
