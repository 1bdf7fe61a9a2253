package api

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/penstock-dev/penstock/errcat"
)

// Secret gives a secret when it is needed, so that one that was rotated is seen. It may be
// called from any goroutine.
type Secret func(ctx context.Context) (string, error)

// Secrets are the secrets of an endpoint by name.
type Secrets map[string]Secret

// SecretText is a secret that never changes.
func SecretText(s string) Secret { return func(context.Context) (string, error) { return s, nil } }

// SecretEnv reads an environment variable each time.
func SecretEnv(name string) Secret {
	return func(context.Context) (string, error) {
		v, ok := os.LookupEnv(name)
		if !ok {
			return "", errcat.Newf(errcat.AccessDenied, errcat.StageCollect, "api: the environment variable %s of a secret is not set", name)
		}
		return v, nil
	}
}

// maxSecret is the longest secret, in bytes.
const maxSecret = 64 << 10

// SecretFile reads a file each time; white space at its end does not count.
func SecretFile(path string) Secret {
	return func(context.Context) (string, error) {
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		if info.Size() > maxSecret {
			return "", errcat.Newf(errcat.Oversize, errcat.StageCollect, "api: the secret in %s has %d bytes", path, info.Size())
		}
		b, err := os.ReadFile(path)
		return strings.TrimSpace(string(b)), err
	}
}

// hide takes secrets out of a text that is going to be shown.
func hide(text string, secrets []string) string {
	for _, s := range secrets {
		if len(s) >= 4 {
			text = strings.ReplaceAll(text, s, "(secret)")
		}
	}
	return text
}

// hidden is an error without secrets in its text.
type hidden struct {
	err  error
	text string
}

func (h *hidden) Error() string { return h.text }
func (h *hidden) Unwrap() error { return h.err }

func hideError(err error, secrets []string) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := hide(text, secrets); clean != text {
		return &hidden{fmt.Errorf("%s", clean), clean}
	}
	return err
}
