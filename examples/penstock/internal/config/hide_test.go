package config

import (
	"strings"
	"testing"
)

// Errors show the line that is wrong, and no secret that stands in it.
func TestErrorsHideSecrets(t *testing.T) {
	const secret = "hunter2-canary"
	for name, text := range map[string]string{
		"plain":         "sink:\n  password: hunter2-canary\n",
		"quoted":        "sink:\n  \"token\": \"hunter2-canary\"\n",
		"list":          "source:\n  tokens:\n    - other\n    - hunter2-canary\n",
		"list, flat":    "source:\n  tokens:\n  - hunter2-canary\n",
		"list in line":  "source:\n  tokens: [other, hunter2-canary]\n",
		"mapping":       "source:\n  secrets:\n    one: hunter2-canary\n",
		"deeper":        "source:\n  headers:\n    X-Any:\n      - hunter2-canary\n",
		"braces":        "sink: {url: https://a.example, password: hunter2-canary, size: 3}\n",
		"braces, again": "sink: {client_secret: 'hunter2-canary'}\n",
		"block":         "sink:\n  private_key: |\n    begin\n    hunter2-canary\n",
		"URL":           "sink:\n  url: https://user:hunter2-canary@a.example/x\n",
		"item":          "sinks:\n  - password: hunter2-canary\n",
		"item, later":   "sinks:\n  - name: x\n    password: hunter2-canary\n",
		"unclosed":      "sink:\n  password: \"hunter2-canary\n",
		"twice":         "sink:\n  password: a\n  password: hunter2-canary\n",
		"tab":           "sink:\n\tpassword: hunter2-canary\n",
		"anchor":        "sink:\n  password: &x hunter2-canary\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse("x.yaml", []byte(text)); err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%v", err)
			}
			lines := strings.Split(text, "\n")
			for i := range lines {
				if got := hide(lines, i); strings.Contains(got, secret) {
					t.Errorf("line %d: %s", i+1, got)
				}
			}
		})
	}
	// What is no secret is shown.
	for _, text := range []string{
		"a:\n  url: https://a.example/x", "a:\n  key_file: /etc/x.key", "a:\n  password: {env: NAME}", "a:\n  password: {file: /x}",
		"a:\n  max_message: 3\n", "a: {url: x, size: 3}", "tokens: [x]\nb:\n  c: d", "a:\n  password: x\n  size: 4",
	} {
		lines := strings.Split(text, "\n")
		i := len(lines) - 1
		if lines[i] == "" {
			i--
		}
		if got := hide(lines, i); got != lines[i] {
			t.Errorf("%q is shown as %q", lines[i], got)
		}
	}
}
