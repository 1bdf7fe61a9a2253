// Package config fills options of the Go API from YAML: the key of a field is its name in
// lower case with underscores (MaxMessage is max_message). Keys that nothing takes, values of
// the wrong type and numbers without a unit where one is needed are errors with file, line
// and column.
//
//	string     text, {env: NAME} or {file: PATH}; so that secrets need not stand in the file
//	int64      a number, or bytes as in 64KiB or 1GiB
//	Duration   30s, 5m
//	netip.Prefix, *time.Location, ingest.Framing by their text
//	the Rate of a listener: {events_per_second: 1000, bytes_per_second: 1MiB, …}
//	ingest.Decoding: {compression: auto, charset: auto, invalid: keep}
//	TLS: its files are read, so that a certificate without its key or one that has expired is an error with its place
//	slices, maps with text keys, structs and pointers to them
//
// Functions, other interfaces and channels cannot be set from a file and are left as they are.
package config

import (
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/penstock-dev/penstock/batch/webhook"
	"github.com/penstock-dev/penstock/ingest"
	"github.com/penstock-dev/penstock/ingest/api"
	"github.com/penstock-dev/penstock/ingest/syslog"
	"github.com/penstock-dev/penstock/internal/yaml"
	"github.com/penstock-dev/penstock/ratelimit"
)

// File is a configuration that has been read.
type File struct{ *yaml.File }

// Parse reads one. Its errors, and those of the File, show the line that is wrong, without what may be
// a secret in it.
func Parse(name string, src []byte) (*File, error) {
	f, err := yaml.ParseHiding(name, src, hide)
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// Fill sets the fields of *into from a mapping. A nil or empty node leaves it as it is.
func (f *File) Fill(n *yaml.Node, into any) error {
	return f.value(n, reflect.ValueOf(into).Elem())
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	prefixType   = reflect.TypeFor[netip.Prefix]()
	locationType = reflect.TypeFor[*time.Location]()
	framingType  = reflect.TypeFor[ingest.Framing]()
	secretType   = reflect.TypeFor[api.Secret]()
	urlType      = reflect.TypeFor[*url.URL]()
	decodingType = reflect.TypeFor[ingest.Decoding]()
	rateType     = reflect.TypeFor[syslog.RateLimiter]() // that of all listeners
)

func (f *File) value(n *yaml.Node, v reflect.Value) error {
	if n == nil || n.Kind == yaml.Null {
		return nil
	}
	switch v.Type() {
	case durationType:
		d, err := time.ParseDuration(n.Text)
		if err != nil || !n.IsScalar() {
			return f.Errorf(n, "a duration such as 30s or 5m is wanted here")
		}
		v.SetInt(int64(d))
		return nil
	case prefixType:
		p, err := netip.ParsePrefix(n.Text)
		if err != nil {
			a, aerr := netip.ParseAddr(n.Text)
			if aerr != nil {
				return f.Errorf(n, "a network such as 192.0.2.0/24 is wanted here")
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		v.Set(reflect.ValueOf(p))
		return nil
	case locationType:
		l, err := time.LoadLocation(n.Text)
		if err != nil {
			return f.Errorf(n, "time zone: %v", err)
		}
		v.Set(reflect.ValueOf(l))
		return nil
	case urlType:
		u, err := url.Parse(n.Text)
		if err != nil || u.Host == "" {
			return f.Errorf(n, "a URL is wanted here")
		}
		v.Set(reflect.ValueOf(u))
		return nil
	case framingType:
		fr, err := ingest.ParseFraming(n.Text)
		if err != nil {
			return f.Errorf(n, "%v", err)
		}
		v.Set(reflect.ValueOf(fr))
		return nil
	case decodingType:
		d, err := f.decoding(n)
		if err != nil {
			return err
		}
		v.Set(reflect.ValueOf(d))
		return nil
	case rateType:
		r, err := f.rate(n)
		if err != nil {
			return err
		}
		v.Set(reflect.ValueOf(r))
		return nil
	case secretType:
		s, err := f.secret(n)
		if err != nil {
			return err
		}
		v.Set(reflect.ValueOf(s))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		s, err := f.Text(n)
		if err != nil {
			return err
		}
		v.SetString(s)
	case reflect.Bool:
		if n.Kind != yaml.Bool {
			return f.Errorf(n, "true or false is wanted here")
		}
		v.SetBool(n.Text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		i, ok := number(n)
		if !ok {
			return f.Errorf(n, "a number is wanted here, or bytes such as 64KiB")
		}
		if v.CanInt() {
			if v.OverflowInt(i) {
				return f.Errorf(n, "%s is too large", n.Text)
			}
			v.SetInt(i)
		} else {
			if i < 0 || v.OverflowUint(uint64(i)) {
				return f.Errorf(n, "%s is out of range", n.Text)
			}
			v.SetUint(uint64(i))
		}
	case reflect.Float64:
		x, err := strconv.ParseFloat(n.Text, 64)
		if i, ok := number(n); err != nil && ok { // with a unit
			x, err = float64(i), nil
		}
		if err != nil {
			return f.Errorf(n, "a number is wanted here")
		}
		v.SetFloat(x)
	case reflect.Slice:
		if n.Kind != yaml.List {
			return f.Errorf(n, "a list is wanted here")
		}
		s := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
		for i, it := range n.Items {
			if err := f.value(it, s.Index(i)); err != nil {
				return err
			}
		}
		v.Set(s)
	case reflect.Map:
		if n.Kind != yaml.Map {
			return f.Errorf(n, "a mapping is wanted here")
		}
		m := reflect.MakeMapWithSize(v.Type(), len(n.Pairs))
		for _, p := range n.Pairs {
			e := reflect.New(v.Type().Elem()).Elem()
			if err := f.value(p.Value, e); err != nil {
				return err
			}
			m.SetMapIndex(reflect.ValueOf(p.Key.Text).Convert(v.Type().Key()), e)
		}
		v.Set(m)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return f.value(n, v.Elem())
	case reflect.Struct:
		if err := f.fields(n, v); err != nil {
			return err
		}
		return f.certificates(n, v)
	default:
		return f.Errorf(n, "this cannot be set in a file")
	}
	return nil
}

// certificates reads the files of a TLS configuration, to say with its place what is wrong with them.
func (f *File) certificates(n *yaml.Node, v reflect.Value) error {
	var err error
	switch t := v.Interface().(type) {
	case syslog.TLS: // that of all listeners
		_, _, err = t.Config()
	case webhook.TLS: // and of all sinks
		_, err = t.Config()
	}
	if err != nil {
		return f.Wrap(n, err)
	}
	return nil
}

// fields sets the fields of a struct.
func (f *File) fields(n *yaml.Node, v reflect.Value) error {
	if n.Kind != yaml.Map {
		return f.Errorf(n, "a mapping is wanted here")
	}
	keys := map[string][]int{}
	var names []string
	for _, field := range reflect.VisibleFields(v.Type()) { // those of embedded structs too
		if !field.IsExported() || field.Anonymous || !settable(field.Type) {
			continue
		}
		name := Key(field.Name)
		keys[name] = field.Index
		names = append(names, name)
	}
	for _, p := range n.Pairs {
		i, ok := keys[p.Key.Text]
		if !ok {
			slices.Sort(names)
			return f.Errorf(p.Key, "%q is not known here; it is one of %s%s", p.Key.Text, strings.Join(names, ", "), Hint(p.Key.Text, names))
		}
		if err := f.value(p.Value, v.FieldByIndex(i)); err != nil {
			return err
		}
	}
	return nil
}

// settable reports whether values of a type can stand in a file.
func settable(t reflect.Type) bool {
	switch t {
	case framingType, secretType, locationType, prefixType, urlType, rateType:
		return true
	}
	switch t.Kind() {
	case reflect.Func, reflect.Interface, reflect.Chan, reflect.UnsafePointer:
		return false
	case reflect.Slice, reflect.Map:
		return settable(t.Elem())
	case reflect.Pointer:
		return t.Elem().Kind() == reflect.Struct && t.Elem().PkgPath() != "log/slog"
	}
	return true
}

// Key is the name that a field has in a file: words of the Go name, initialisms included, in
// lower case with underscores between.
func Key(name string) string {
	var b strings.Builder
	r := []rune(name)
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 && (!unicode.IsUpper(r[i-1]) || i+1 < len(r) && unicode.IsLower(r[i+1]) && r[i+1] != 's') {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// Text is a text, or what it refers to.
func (f *File) Text(n *yaml.Node) (string, error) {
	if n.IsScalar() {
		return n.Text, nil
	}
	kind, name, err := f.reference(n)
	if err != nil {
		return "", err
	}
	if kind == "env" {
		v, ok := os.LookupEnv(name)
		if !ok {
			return "", f.Errorf(n, "the environment variable %s is not set", name)
		}
		return v, nil
	}
	b, err := ReadFile(name)
	if err != nil {
		return "", f.Errorf(n, "%v", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// ReadFile reads a file that is to be parsed, or to hold a secret. One that is larger than
// any that is understood is refused without being read.
func ReadFile(name string) ([]byte, error) {
	r, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, yaml.MaxSize+1)) // a pipe or device has no size
	if err == nil && len(b) > yaml.MaxSize {
		err = fmt.Errorf("%s:1:1: the file has more than %d bytes", name, yaml.MaxSize)
	}
	return b, err
}

func (f *File) reference(n *yaml.Node) (kind, name string, err error) {
	if n.Kind == yaml.Map && len(n.Pairs) == 1 && n.Pairs[0].Value.IsScalar() {
		kind, name = n.Pairs[0].Key.Text, n.Pairs[0].Value.Text
		if kind == "env" || kind == "file" {
			return kind, name, nil
		}
	}
	return "", "", f.Errorf(n, "a text is wanted here, or {env: NAME} or {file: PATH}")
}

// secret is a reference that is looked up whenever it is needed.
func (f *File) secret(n *yaml.Node) (api.Secret, error) {
	if n.IsScalar() {
		return api.SecretText(n.Text), nil
	}
	kind, name, err := f.reference(n)
	if err != nil {
		return nil, err
	}
	if kind == "env" {
		return api.SecretEnv(name), nil
	}
	return api.SecretFile(name), nil
}

// rate is a limiter of peers; its keys are those of ratelimit.LimiterOptions.
func (f *File) rate(n *yaml.Node) (*ratelimit.Keyed, error) {
	var o struct {
		EventsPerSecond, EventBurst, BytesPerSecond, ByteBurst float64
		MaxKeys                                                int
	}
	if err := f.Fill(n, &o); err != nil {
		return nil, err
	}
	if o.EventsPerSecond == 0 && o.BytesPerSecond == 0 {
		return nil, f.Errorf(n, "rate: neither events_per_second nor bytes_per_second is set")
	}
	k, err := ratelimit.NewKeyed(ratelimit.KeyedOptions{MaxKeys: o.MaxKeys, PerKey: ratelimit.LimiterOptions{
		EventsPerSecond: o.EventsPerSecond, EventBurst: o.EventBurst, BytesPerSecond: o.BytesPerSecond, ByteBurst: o.ByteBurst,
	}})
	return k, f.Wrap(n, err)
}

var units = []struct {
	name string
	size int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}}

func number(n *yaml.Node) (int64, bool) {
	if i, ok := n.Int(); ok {
		return i, true
	}
	if !n.IsScalar() {
		return 0, false
	}
	if mode, ok := strings.CutPrefix(n.Text, "0"); ok && mode != "" { // a file mode
		i, err := strconv.ParseInt(mode, 8, 32)
		return i, err == nil
	}
	for _, u := range units {
		text, ok := strings.CutSuffix(n.Text, u.name)
		if !ok {
			continue
		}
		i, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil || i < 0 || i > (1<<62)/u.size {
			return 0, false
		}
		return i * u.size, true
	}
	return 0, false
}

// One returns the only entry of a mapping: which kind of thing it is, and its options. Other
// entries, which belong to the thing around it, are named by beside.
func (f *File) One(n *yaml.Node, beside ...string) (kind *yaml.Node, options *yaml.Node, err error) {
	if n.Kind != yaml.Map {
		return nil, nil, f.Errorf(n, "a mapping with one kind is wanted here, such as stdout: {}")
	}
	for _, p := range n.Pairs {
		if slices.Contains(beside, p.Key.Text) {
			continue
		}
		if kind != nil {
			return nil, nil, f.Errorf(p.Key, "there are two kinds here, %s and %s; write them as two entries of the list", kind.Text, p.Key.Text)
		}
		kind, options = p.Key, p.Value
	}
	if kind == nil {
		return nil, nil, f.Errorf(n, "no kind is named here")
	}
	return kind, options, nil
}

// Keys checks that a mapping has no keys but these.
func (f *File) Keys(n *yaml.Node, allowed ...string) error {
	if n.Kind != yaml.Map {
		return f.Errorf(n, "a mapping is wanted here")
	}
	for _, p := range n.Pairs {
		if !slices.Contains(allowed, p.Key.Text) {
			return f.Errorf(p.Key, "%q is not known here; it is one of %s%s", p.Key.Text, strings.Join(allowed, ", "), Hint(p.Key.Text, allowed))
		}
	}
	return nil
}

// Wrap gives an error the place of n.
func (f *File) Wrap(n *yaml.Node, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w", f.Errorf(n, "%v", err))
}
