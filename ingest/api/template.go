package api

import (
	"fmt"
	"slices"
	"strings"
)

// template is a text with variables in braces. {{ and }} stand for braces.
type template struct{ parts []part }

type part struct {
	text     string
	variable bool
}

func parseTemplate(text string, known []string) (template, error) {
	var t template
	literal := ""
	for text != "" {
		i := strings.IndexAny(text, "{}")
		if i < 0 {
			literal += text
			break
		}
		literal += text[:i]
		rest := text[i:]
		if len(rest) > 1 && rest[1] == rest[0] {
			literal += rest[:1]
			text = rest[2:]
			continue
		}
		name, after, ok := strings.Cut(rest[1:], "}")
		if rest[0] == '}' || !ok {
			return t, fmt.Errorf("a brace stands alone in %q; write it twice to mean itself", text)
		}
		if !slices.Contains(known, name) {
			return t, fmt.Errorf("the variable %q is not known; there are %s", name, strings.Join(known, ", "))
		}
		t.parts = append(t.parts, part{text: literal}, part{name, true})
		literal, text = "", after
	}
	if literal != "" {
		t.parts = append(t.parts, part{text: literal})
	}
	return t, nil
}

func (t template) empty() bool { return len(t.parts) == 0 }

// expand puts the values in.
func (t template) expand(value func(name string) (string, error)) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if !p.variable {
			b.WriteString(p.text)
			continue
		}
		v, err := value(p.text)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
	}
	return b.String(), nil
}
