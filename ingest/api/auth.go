package api

import (
	"bytes"
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/penstock-dev/penstock/errcat"
	"github.com/penstock-dev/penstock/internal/yaml"
)

type authKind uint8

const (
	authNone   authKind = iota
	authHeader          // a header with a secret
	authBasic           // RFC 7617
	authOAuth2          // client credentials, RFC 6749 section 4.4
	authJWT             // a signed assertion for a token, RFC 7523
	authDuo             // Duo's signature of a request
)

type authSpec struct {
	kind             authKind
	name             string
	value            template
	user, password   template
	tokenURL         template
	form             []pair
	issuer, audience template
	subject, scope   template
	key              template
}

func (r *reader) auth(n *yaml.Node) (a authSpec) {
	if n == nil || r.err != nil {
		return a
	}
	r.keys(n, "header", "basic", "oauth2", "jwt", "duo")
	if len(n.Pairs) != 1 {
		r.fail(n, "auth names one of header, basic, oauth2, jwt, duo")
		return a
	}
	v := n.Pairs[0].Value
	switch n.Pairs[0].Key.Text {
	case "header":
		r.keys(v, "name", "value")
		a = authSpec{kind: authHeader, name: r.text(v.Get("name")), value: r.template(v.Get("value"))}
	case "basic":
		r.keys(v, "user", "password")
		a = authSpec{kind: authBasic, user: r.template(v.Get("user")), password: r.template(v.Get("password"))}
	case "oauth2":
		r.keys(v, "token_url", "form")
		a = authSpec{kind: authOAuth2, tokenURL: r.template(v.Get("token_url")), form: r.pairs(v.Get("form"))}
	case "jwt":
		r.keys(v, "token_url", "issuer", "subject", "audience", "scope", "key")
		a = authSpec{
			kind: authJWT, tokenURL: r.template(v.Get("token_url")), issuer: r.template(v.Get("issuer")), subject: r.template(v.Get("subject")),
			audience: r.template(v.Get("audience")), scope: r.template(v.Get("scope")), key: r.template(v.Get("key")),
		}
	case "duo":
		r.keys(v, "user", "password")
		a = authSpec{kind: authDuo, user: r.template(v.Get("user")), password: r.template(v.Get("password"))}
	}
	return a
}

// token is what an OAuth2 server gave.
type token struct {
	mu      sync.Mutex
	text    string
	expires time.Time
	asked   time.Time // when the last one was asked for
}

// forget makes the next request ask for a new token.
func (t *token) forget() {
	t.mu.Lock()
	t.text = ""
	t.mu.Unlock()
}

// maxTokenAnswer bounds the answer of a token server.
const maxTokenAnswer = 1 << 20

// authorize puts credentials into a request.
func (e *endpoint) authorize(ctx context.Context, req *http.Request, v *values) error {
	a := &e.def.auth
	switch a.kind {
	case authHeader:
		value, err := a.value.expand(v.get)
		if err != nil {
			return err
		}
		req.Header.Set(a.name, value)
	case authBasic, authDuo:
		user, err := a.user.expand(v.get)
		if err != nil {
			return err
		}
		password, err := a.password.expand(v.get)
		if err != nil {
			return err
		}
		if a.kind == authDuo {
			signDuo(req, user, password, e.now())
			return nil
		}
		req.SetBasicAuth(user, password)
	case authOAuth2, authJWT:
		text, err := e.bearer(ctx, v)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+text)
	}
	return nil
}

// bearer returns a token that is good for another while, or asks for one.
func (e *endpoint) bearer(ctx context.Context, v *values) (string, error) {
	t := &e.token
	t.mu.Lock()
	defer t.mu.Unlock()
	now := e.now()
	if t.text != "" && now.Before(t.expires) {
		return t.text, nil
	}
	if wait := t.asked.Add(time.Second).Sub(now); wait > 0 {
		if err := sleep(ctx, wait); err != nil {
			return "", err
		}
	}
	t.asked = e.now()
	form := url.Values{}
	if e.def.auth.kind == authJWT {
		assertion, err := e.assertion(v, t.asked)
		if err != nil {
			return "", err
		}
		form.Set("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
		form.Set("assertion", assertion)
		v.secrets = append(v.secrets, assertion)
	} else {
		form.Set("grant_type", "client_credentials")
	}
	for _, p := range e.def.auth.form {
		text, err := p.value.expand(v.get)
		if err != nil {
			return "", err
		}
		form.Set(p.name, text)
	}
	target, err := e.def.auth.tokenURL.expand(v.get)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", e.userAgent)
	res, err := e.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxTokenAnswer))
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", statusError(res, "the token server", false)
	}
	var answer struct {
		AccessToken string          `json:"access_token"`
		ExpiresIn   json.RawMessage `json:"expires_in"` // some write the number as text
	}
	if err := json.Unmarshal(b, &answer); err != nil || answer.AccessToken == "" {
		return "", errcat.New(errcat.SchemaViolation, errcat.StageCollect, "api: the token server's answer holds no access_token")
	}
	lifetime := 5 * time.Minute
	var seconds int64
	if _, err := fmt.Sscan(strings.Trim(string(answer.ExpiresIn), `"`), &seconds); err == nil && seconds > 0 {
		lifetime = time.Duration(min(seconds, 86400)) * time.Second
	}
	t.text, t.expires = answer.AccessToken, t.asked.Add(lifetime*9/10)
	return t.text, nil
}

// assertion is a JWT that RS256 signs (RFC 7519, RFC 7518 section 3.3).
func (e *endpoint) assertion(v *values, now time.Time) (string, error) {
	a := &e.def.auth
	claims := map[string]any{"iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for name, t := range map[string]template{"iss": a.issuer, "sub": a.subject, "aud": a.audience, "scope": a.scope} {
		text, err := t.expand(v.get)
		if err != nil {
			return "", err
		}
		if text != "" {
			claims[name] = text
		}
	}
	text, err := a.key.expand(v.get)
	if err != nil {
		return "", err
	}
	key, err := parseKey([]byte(text))
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	signed := enc.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc.EncodeToString(body)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return signed + "." + enc.EncodeToString(sig), nil
}

var errKey = errcat.New(errcat.AccessDenied, errcat.StageCollect, "api: the signing key is no RSA key in PEM (PKCS #8 or PKCS #1)")

func parseKey(b []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(bytes.ReplaceAll(b, []byte(`\n`), []byte("\n")))
	if block == nil {
		return nil, errKey
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errKey
	}
	r, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errKey
	}
	return r, nil
}

// signDuo signs a request as the Duo Admin API wants it: HMAC-SHA1 over date, method, host,
// path and the sorted parameters, as the password of basic authentication.
func signDuo(req *http.Request, user, key string, now time.Time) {
	date := now.UTC().Format(time.RFC1123Z)
	// url.Values.Encode sorts; Duo wants %20 where it writes a plus sign.
	params := strings.ReplaceAll(req.URL.Query().Encode(), "+", "%20")
	text := strings.Join([]string{date, req.Method, strings.ToLower(req.URL.Host), req.URL.Path, params}, "\n")
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(text))
	req.Header.Set("Date", date)
	req.SetBasicAuth(user, hex.EncodeToString(mac.Sum(nil)))
}

// statusError is what a status says, without the body: that may repeat credentials. throttled says that the answer means
// too many requests, whatever its status.
func statusError(res *http.Response, who string, throttled bool) error {
	cat := errcat.TransientNetwork
	switch {
	case throttled:
		cat = errcat.RateLimited
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		cat = errcat.AccessDenied
	case res.StatusCode == http.StatusTooManyRequests:
		cat = errcat.RateLimited
	case res.StatusCode >= 400 && res.StatusCode < 500 && res.StatusCode != http.StatusRequestTimeout:
		cat = errcat.SchemaViolation
	}
	return &answerError{errcat.Newf(cat, errcat.StageCollect, "api: %s answers %s", who, http.StatusText(res.StatusCode)+fmt.Sprintf(" (%d)", res.StatusCode)), res.StatusCode, res.Header}
}

// answerError keeps what an answer says beside its category.
type answerError struct {
	err    error
	status int
	header http.Header
}

func (a *answerError) Error() string { return a.err.Error() }
func (a *answerError) Unwrap() error { return a.err }

// asAnswer finds the answer in an error.
func asAnswer(err error) (*answerError, bool) {
	var a *answerError
	ok := errors.As(err, &a)
	return a, ok
}
