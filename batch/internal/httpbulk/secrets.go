package httpbulk

import (
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// secrets has the secret of the moment.
type secrets struct {
	auth Auth
	more []string // values of headers, which may be secrets too

	mu      sync.Mutex
	refused bool // the last one was not accepted
	looked  time.Time
	mod     time.Time
	size    int64
	read    string
}

func newSecrets(a Auth, header map[string]string) (*secrets, error) {
	s := &secrets{auth: a}
	for _, v := range header {
		if len(v) >= minHidden {
			s.more = append(s.more, v)
			if _, credential, ok := strings.Cut(v, " "); ok && len(credential) >= minHidden { // Bearer X
				s.more = append(s.more, credential)
			}
		}
	}
	if a.File == "" {
		return s, nil
	}
	_, err := s.get()
	return s, err
}

// changes reports whether there may be another secret later.
func (s *secrets) changes() bool { return s.auth.File != "" || s.auth.Provide != nil }

const maxSecret = 64 << 10

func (s *secrets) get() (string, error) {
	switch {
	case s.auth.Provide != nil:
		s.mu.Lock()
		refused := s.refused
		s.mu.Unlock()
		return s.auth.Provide(refused)
	case s.auth.File == "":
		return s.auth.Secret, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read != "" && !s.refused && time.Since(s.looked) < time.Second {
		return s.read, nil
	}
	s.looked = time.Now()
	info, err := os.Stat(s.auth.File)
	if err == nil && (!info.ModTime().Equal(s.mod) || info.Size() != s.size || s.refused) && info.Size() <= maxSecret {
		var text []byte
		if text, err = os.ReadFile(s.auth.File); err == nil {
			if secret := strings.TrimSpace(string(text)); secret != "" {
				s.read, s.mod, s.size = secret, info.ModTime(), info.Size()
			}
		}
	}
	if s.read == "" {
		if err == nil {
			err = errors.New("the file of the secret is empty, or too large")
		}
		return "", err
	}
	return s.read, nil // while a new file cannot be read the old secret may do
}

func (s *secrets) refuse() {
	s.mu.Lock()
	s.refused = true
	s.mu.Unlock()
}

func (s *secrets) accepted() {
	s.mu.Lock()
	s.refused = false
	s.mu.Unlock()
}

func (s *secrets) show(req *http.Request, secret string) {
	switch {
	case secret == "":
	case strings.EqualFold(s.auth.Scheme, "Basic"):
		user, password, _ := strings.Cut(secret, ":")
		req.SetBasicAuth(user, password)
	default:
		req.Header.Set("Authorization", s.auth.Scheme+" "+secret)
	}
}

// minHidden is the least length of what is hidden: shorter ones stand in any text.
const minHidden = 4

// hide takes the secret, and the values of the headers, out of a text that a server made.
func (s *secrets) hide(text, secret string) string {
	hidden := s.more
	if len(secret) >= minHidden {
		hidden = append([]string{secret, base64.StdEncoding.EncodeToString([]byte(secret))}, hidden...)
		if _, password, ok := strings.Cut(secret, ":"); ok && strings.EqualFold(s.auth.Scheme, "Basic") && len(password) >= minHidden {
			hidden = append(hidden, password)
		}
	}
	for _, h := range hidden {
		text = strings.ReplaceAll(text, h, "***")
	}
	return text
}
