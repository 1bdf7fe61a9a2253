package httpin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// auth knows the tokens, as hashes: these are compared in constant time whatever their
// length.
type auth struct {
	static [][32]byte
	file   string
	open   bool

	mu     sync.Mutex
	looked time.Time
	mod    time.Time
	size   int64
	read   [][32]byte
}

const maxTokenFile = 1 << 20

func newAuth(o *Options) (*auth, error) {
	a := &auth{file: o.TokenFile, open: len(o.Tokens) == 0 && o.TokenFile == ""}
	for _, t := range o.Tokens {
		a.static = append(a.static, sha256.Sum256([]byte(t)))
	}
	if a.file != "" {
		if err := a.load(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// load reads the file if it has changed.
func (a *auth) load() error {
	info, err := os.Stat(a.file)
	if err != nil {
		return err
	}
	if info.ModTime().Equal(a.mod) && info.Size() == a.size {
		return nil
	}
	if info.Size() > maxTokenFile {
		return fmt.Errorf("token file %s has %d bytes, want at most %d", a.file, info.Size(), maxTokenFile)
	}
	text, err := os.ReadFile(a.file)
	if err != nil {
		return err
	}
	var hashes [][32]byte
	for line := range strings.SplitSeq(string(text), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			hashes = append(hashes, sha256.Sum256([]byte(line)))
		}
	}
	a.read, a.mod, a.size = hashes, info.ModTime(), info.Size()
	return nil
}

// fromFile returns the tokens of the file, which is looked at once a second.
func (a *auth) fromFile() [][32]byte {
	if a.file == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); now.Sub(a.looked) >= time.Second {
		a.looked = now
		_ = a.load() // a file that cannot be read leaves the tokens as they were
	}
	return a.read
}

var errUnauthorized = &Status{http.StatusUnauthorized, "no token, or not one that is known"}

func (a *auth) check(r *http.Request) error {
	if a.open {
		return nil
	}
	scheme, credential, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok {
		return errUnauthorized
	}
	shown := []string{strings.TrimSpace(credential)}
	if strings.EqualFold(scheme, "Basic") {
		text, err := base64.StdEncoding.DecodeString(shown[0])
		if err != nil {
			return errUnauthorized
		}
		_, password, _ := strings.Cut(string(text), ":")
		shown = []string{string(text), password}
	}
	found := 0
	for _, s := range shown {
		if s == "" {
			continue
		}
		sum := sha256.Sum256([]byte(s))
		for _, set := range [][][32]byte{a.static, a.fromFile()} {
			for i := range set {
				found |= subtle.ConstantTimeCompare(sum[:], set[i][:])
			}
		}
	}
	if found == 0 {
		return errUnauthorized
	}
	return nil
}
