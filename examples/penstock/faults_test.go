package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/penstock-dev/penstock/internal/faulttest"
)

// envProgram makes the test binary the program itself, with the arguments that follow.
const envProgram = "PENSTOCK_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(envProgram) != "" {
		code := run(context.Background(), os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
		if text, err := os.ReadFile("/proc/self/status"); err == nil {
			for line := range strings.Lines(string(text)) {
				if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
					fmt.Fprintln(os.Stderr, "peak", strings.Fields(rest)[0])
				}
			}
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// program runs the program in a process of its own. It returns what it said, how long it
// took, and its largest memory in bytes.
func program(t *testing.T, env []string, args ...string) (said string, took time.Duration, peak int64) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(append(os.Environ(), envProgram+"=1"), env...)
	begun := time.Now()
	out, err := cmd.CombinedOutput()
	took = time.Since(begun)
	if err == nil {
		t.Errorf("%v: no error: %s", args, out)
	}
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, "peak "); ok {
			kb, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			peak = kb << 10
			continue
		}
		said += line
	}
	return said, took, peak
}

// Configurations that grow, contain themselves or contradict themselves are refused at
// once, with their place.
func TestF58ConfigurationBombs(t *testing.T) {
	const good = "sources: [{stdin: {}}]\nsinks: [{stdout: {}}]\n"
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	dir := t.TempDir()
	loop := filepath.Join(dir, "loop")
	os.MkdirAll(filepath.Join(loop, "a.one"), 0o700)
	os.MkdirAll(filepath.Join(loop, "b.two"), 0o700)
	os.WriteFile(filepath.Join(loop, "a.one", "pack.yaml"), []byte("pack: a.one\nversion: 1.0.0\nformat: json\ninclude: [b.two]\n"), 0o600)
	os.WriteFile(filepath.Join(loop, "b.two", "pack.yaml"), []byte("pack: b.two\nversion: 1.0.0\nformat: json\ninclude: [a.one]\n"), 0o600)
	large := filepath.Join(dir, "large.yaml")
	f, err := os.Create(large)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(good)
	for range 100 {
		f.WriteString("# " + strings.Repeat("x", 1<<20) + "\n")
	}
	f.Close()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	_, base, floor := program(t, nil, "check", "-c", file("nothing.yaml", "sources: 1\n")) // of a process that refuses at once
	var slowest time.Duration
	var most int64
	cases := []struct {
		name string
		args []string
		want string
	}{
		{"aliases, 10^10", []string{"check", "-c", file("laughs.yaml", laughs.String())}, "laughs.yaml:1:5: anchors"},
		{"alias of itself", []string{"check", "-c", file("self.yaml", "a: &a [*a]\n")}, "self.yaml:1:4: anchors"},
		{"100 MB", []string{"check", "-c", large}, "large.yaml:1:1: the file has more than"},
		{"an endless device", []string{"check", "-c", "/dev/zero"}, "/dev/zero:1:1: the file has more than"},
		{"a secret from an endless device", []string{"check", "-c", file("zero.yaml", "sources: [{http: {address: '127.0.0.1:0', token_file: {file: /dev/zero}}}]\nsinks: [{stdout: {}}]\n")}, "zero.yaml:1:"},
		{"deep brackets", []string{"check", "-c", file("deep.yaml", "sources: "+strings.Repeat("[", 1_000_000))}, "deep.yaml:1:"},
		{"many keys", []string{"check", "-c", file("keys.yaml", strings.Repeat("k: v\n", 800_000))}, "keys.yaml:"},
		{"keys twice", []string{"check", "-c", file("twice.yaml", good+"sources: []\n")}, "twice.yaml:3:1: "},
		{"a variable that names itself", []string{"check", "-c", file("env.yaml", "sources: [{stdin: {name: {env: PENSTOCK_SELF}}}]\nsinks: [{nobody: {env: PENSTOCK_SELF}}]\n")}, "env.yaml:2:"},
		{"packs that include each other", []string{"pack", "check", filepath.Join(loop, "a.one")}, "a.one"},
	}
	faulttest.Figures(t, "F58", "YAML aliases 10^10, 100 MB file, endless device, packs that include each other, an environment variable that names itself, duplicate keys, a million brackets, 800,000 keys",
		"refused ≤ 1 s, RSS ≤ 64 MB, message names line and rule", func() string {
			return fmt.Sprintf("%d cases; the slowest took %s, most memory %.1f MB (a process that refuses at once: %s, %.1f MB)", len(cases), slowest.Round(time.Millisecond), float64(most)/1e6, base.Round(time.Millisecond), float64(floor)/1e6)
		})
	for _, c := range cases {
		said, took, peak := program(t, []string{"PENSTOCK_SELF={env: PENSTOCK_SELF}"}, c.args...)
		slowest, most = max(slowest, took), max(most, peak)
		if !strings.Contains(said, c.want) || len(said) > 5000 {
			t.Errorf("%s: %.500s, want %s", c.name, said, c.want)
		}
		if took > time.Second+base || peak > 64<<20 {
			t.Errorf("%s: %s and %d bytes", c.name, took, peak)
		}
	}
}

// tree is every file and folder below a place with its size.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		size := int64(0)
		if info.Mode().IsRegular() {
			size = info.Size()
		}
		fmt.Fprintf(&b, "%s %s %d\n", path, info.Mode(), size)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Names that lead out of a folder, in configurations, packs, archives and events, create
// and read nothing outside.
func TestF56Paths(t *testing.T) {
	root := t.TempDir()
	inside, outside := filepath.Join(root, "inside"), filepath.Join(root, "outside")
	for _, dir := range []string{inside, outside} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	secret := filepath.Join(outside, "secret.log")
	if err := os.WriteFile(secret, []byte("canary-outside\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(inside)
	evil := []string{"../outside/x", "../../x", outside + "/x", "a/../../outside/x", `..\outside\x`, "a\x00b", strings.Repeat("n", 300), ".", "..", "", ".hidden", "a/b", "-x", "CON\n"}
	before := tree(t, outside)
	refused, tried := 0, 0
	refuse := func(what, name, said string, code int) {
		t.Helper()
		tried++
		if code == 0 {
			t.Errorf("%s %q was taken", what, name)
			return
		}
		refused++
		if strings.TrimSpace(said) == "" {
			t.Errorf("%s %q: refused without a word", what, name)
		}
	}
	samples := filepath.Join(inside, "samples.log")
	os.WriteFile(samples, []byte("a=b c=d\na=c c=e\n"), 0o600)
	for _, name := range evil {
		if name == ".hidden" || name == "" || name == "-x" {
			continue // no way out; the first argument of flags
		}
		_, errs, code := penstock(t, "", "pack", "new", "-from", samples, name)
		refuse("a pack called", name, errs, code)
		_, errs, code = penstock(t, asaLine+"\n", "parse", "-p", name)
		refuse("a pack to parse by", name, errs, code)
	}
	for _, name := range evil {
		if name == "" {
			continue // the default
		}
		for _, key := range []string{"prefix", "suffix"} {
			if key == "suffix" && strings.Trim(name, ".") == "" || key == "suffix" && name == ".hidden" || key == "prefix" && name == "-x" || key == "suffix" && name == "-x" {
				continue // characters that may stand there
			}
			config := fmt.Sprintf("sources: [{stdin: {}}]\nsinks: [{file: {dir: %q, %s: %q}}]\n", filepath.Join(inside, "out"), key, name)
			path := filepath.Join(inside, "pipeline.yaml")
			os.WriteFile(path, []byte(config), 0o600)
			_, errs, code := penstock(t, asaLine+"\n", "run", "-c", path)
			refuse("a "+key, name, errs, code)
		}
	}
	// Packs that name files outside, by path and by link.
	for i, include := range []string{"../../outside", outside, "../x"} {
		dir := filepath.Join(inside, fmt.Sprint("pack", i))
		os.MkdirAll(dir, 0o700)
		os.WriteFile(filepath.Join(dir, "pack.yaml"), fmt.Appendf(nil, "pack: a.b\nversion: 1.0.0\nformat: json\ninclude: [%q]\nlookups: {x: {file: %q}}\n", include, include), 0o600)
		_, errs, code := penstock(t, "", "pack", "check", dir)
		refuse("a pack that includes", include, errs, code)
	}
	// Links in the folder that is followed, and an archive that is one.
	logs := filepath.Join(inside, "logs")
	os.MkdirAll(logs, 0o700)
	os.Symlink(secret, filepath.Join(logs, "link.log"))
	os.Symlink(outside, filepath.Join(logs, "folder"))
	os.Symlink(secret, filepath.Join(logs, "archive.log.gz"))
	os.WriteFile(filepath.Join(logs, "real.log"), []byte(asaLine+"\n"), 0o600)
	out := filepath.Join(inside, "events")
	r := start(t, strings.NewReader(""), fmt.Sprintf(`
sources: [{file: {include: [%q, %q], poll: 5ms, scan: 10ms, rest: 20ms}}]
sinks: [{file: {dir: %q, max_age: 50ms}}]
`, filepath.Join(logs, "**", "*.log"), filepath.Join(logs, "*.gz"), out))
	eventually(t, "the real file", func() bool { return strings.Contains(contents(out), "cisco.asa") })
	time.Sleep(200 * time.Millisecond)
	r.stop()
	if got := contents(out); strings.Contains(got, "canary-outside") {
		t.Errorf("a file outside was read: %s", got)
	}
	for _, name := range []string{"link.log", "archive.log.gz"} {
		tried++
		if strings.Contains(r.errs.String(), name) {
			refused++
		} else {
			t.Errorf("%s is not named in the log: %s", name, r.errs.String())
		}
	}
	// Events whose fields are paths, into every sink that writes files.
	var in strings.Builder
	for _, name := range evil {
		name = strings.NewReplacer("\x00", " ", "\n", " ").Replace(name)
		fmt.Fprintf(&in, "CEF:0|%[1]s|%[1]s|1|%[1]s|n|5|shost=%[1]s suser=%[1]s cat=%[1]s fname=%[1]s deviceExternalId=%[1]s\n", strings.ReplaceAll(name, "|", ""))
	}
	in.WriteString("nobody understands ../../outside/x\n")
	state := filepath.Join(inside, "state")
	config := filepath.Join(inside, "sinks.yaml")
	os.WriteFile(config, fmt.Appendf(nil, "sources: [{stdin: {}}]\nsinks: [{file: {dir: %q}}]\ndead_letters: {dir: %q}\n", filepath.Join(state, "files"), filepath.Join(state, "dead")), 0o600)
	if _, errs, code := penstock(t, in.String(), "run", "-c", config); code != 0 {
		t.Errorf("exit %d: %s", code, errs)
	}
	after := tree(t, outside)
	faulttest.Figures(t, "F56", fmt.Sprintf("%d names with .., absolute, NUL, \\, 300 characters as packs, prefixes, suffixes, includes; links out of a followed folder and one that is called an archive; events whose fields are such names", len(evil)),
		"0 files created or read outside the root (tree compared before and after); refused by name", func() string {
			return fmt.Sprintf("%d of %d refused; the tree outside is the same: %v", refused, tried, after == before)
		})
	if after != before {
		t.Errorf("outside changed:\n%s\nwas\n%s", after, before)
	}
	if entries, _ := os.ReadDir(root); len(entries) != 2 {
		t.Errorf("new beside the folder: %v", entries)
	}
}

// A canary secret in every place that a secret can have stands nowhere that a person or a
// machine looks at.
func TestF59Secrets(t *testing.T) {
	const canary = "canary-Zk3v9"
	dir := t.TempDir()
	secretFile := filepath.Join(dir, "secret")
	if err := os.WriteFile(secretFile, []byte(canary+"-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PENSTOCK_TEST_SECRET", canary+"-env")
	t.Setenv("PENSTOCK_TEST_BASIC", "user:"+canary+"-basic")
	// A server that repeats what it was shown, refuses some, and one that redirects.
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		switch {
		case strings.HasPrefix(r.URL.Path, "/denied"):
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasPrefix(r.URL.Path, "/bad"):
			w.WriteHeader(http.StatusBadRequest)
		case strings.HasPrefix(r.URL.Path, "/moved"):
			w.Header().Set("Location", "http://elsewhere.example.org/?token="+r.Header.Get("Authorization"))
			w.WriteHeader(http.StatusMovedPermanently)
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
		user, password, _ := r.BasicAuth()
		fmt.Fprintf(w, "you said %q %q %s %s", r.Header.Get("Authorization"), r.Header.Get("X-Api-Key"), user, password)
	}))
	defer echo.Close()
	address, listener := freeAddress(t), freeAddress(t)
	dead := filepath.Join(dir, "dead")
	in, feed := io.Pipe()
	sink := func(kind, path, auth string) string {
		return fmt.Sprintf("  - %s: {urls: [%q], max_age: 10ms, attempts: 2, min_delay: 1ms, max_delay: 5ms, %s}\n", kind, echo.URL+path, auth)
	}
	config := fmt.Sprintf("sources:\n  - stdin: {}\n  - http: {address: %q, tokens: [{env: PENSTOCK_TEST_SECRET}], token_file: %q}\n", listener, secretFile) +
		"sinks:\n" + sink("elastic", "/denied", "auth: {secret: {env: PENSTOCK_TEST_SECRET}}") + sink("splunk", "/bad", "auth: {file: "+secretFile+"}") +
		sink("loki", "/moved", "stream: {labels: {job: x}}, auth: {scheme: Basic, secret: {env: PENSTOCK_TEST_BASIC}}") +
		sink("webhook", "/broken", "header: {X-Api-Key: {env: PENSTOCK_TEST_SECRET}}") + "  - stdout: {}\n" +
		fmt.Sprintf("dead_letters: {dir: %q}\nadmin: %q\n", dead, address)
	r := start(t, in, config)
	get := func(path string) string {
		res, err := http.Get("http://" + address + path)
		if err != nil {
			return ""
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return string(b)
	}
	eventually(t, "the admin address", func() bool {
		select {
		case code := <-r.code:
			t.Fatalf("exit %d: %s", code, r.errs.String())
		default:
		}
		return get("/stats") != ""
	})
	tapped := make(chan string, 1)
	go func() {
		out, errs, _ := penstock(t, "", "tap", "-a", address, "-n", "3")
		tapped <- out + errs
	}()
	// Clients that show good and bad secrets; none of it belongs into what is recorded.
	for _, header := range []string{"Bearer " + canary + "-env", "Splunk " + canary + "-file", "Bearer " + canary + "-wrong", "Basic " + canary + "-nobase64", canary} {
		req, _ := http.NewRequest("POST", "http://"+listener+"/?token="+canary+"-query", strings.NewReader(asaLine+"\n"))
		req.Header.Set("Authorization", header)
		req.Header.Set("Cookie", "session="+canary+"-cookie")
		if res, err := http.DefaultClient.Do(req); err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
	var shown string
	eventually(t, "the tap", func() bool {
		fmt.Fprintln(feed, asaLine)
		select {
		case shown = <-tapped:
			return true
		default:
			return false
		}
	})
	fmt.Fprintln(feed, "nobody understands this")
	time.Sleep(300 * time.Millisecond)
	seen := map[string]string{"tap": shown, "stats": get("/stats"), "metrics": get("/metrics"), "health": get("/health")}
	cmdline, _ := os.ReadFile("/proc/self/cmdline") // what a list of processes shows
	seen["process list"] = string(cmdline)
	feed.Close()
	r.cancel()
	select {
	case <-r.code: // some sinks never took anything: it may say so
	case <-time.After(60 * time.Second):
		t.Fatal("it does not end")
	}
	seen["log"], seen["output"], seen["dead letters"] = r.errs.String(), r.out.String(), contents(dead)
	_, errs, _ := penstock(t, "", "check", "-c", filepath.Join(dir, "none.yaml"))
	seen["check"] = errs
	bad := filepath.Join(dir, "bad.yaml")
	os.WriteFile(bad, []byte(strings.Replace(config, "max_age: 10ms", "max_age: 10x", 1)), 0o600)
	_, seen["errors of the configuration"], _ = penstock(t, "", "check", "-c", bad)
	total, leaks := 0, 0
	for where, text := range seen {
		total += len(text)
		if n := strings.Count(text, canary); n > 0 {
			leaks += n
			at := strings.Index(text, canary)
			t.Errorf("%s shows a secret: …%.300s", where, text[max(0, at-150):])
		}
	}
	faulttest.Figures(t, "F59", "secrets from environment and file as tokens, Basic, headers; servers that repeat them with 401, 400, 500 and a redirect; clients that show good and bad ones in header, cookie and URL",
		"0 occurrences of the canary in logs, metrics, dead letters, tap, process list, errors of the configuration", func() string {
			return fmt.Sprintf("%d occurrences in %d bytes of %d kinds", leaks, total, len(seen))
		})
	if len(seen["log"]) == 0 || len(seen["dead letters"]) == 0 || len(seen["metrics"]) == 0 || !strings.Contains(shown, "cisco.asa") {
		t.Errorf("nothing to look at: %v", seen)
	}
}
