package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// From sample lines to a pack that passes its test, and on from there.
func TestPackCommands(t *testing.T) {
	dir := t.TempDir()
	samples := filepath.Join(dir, "wall.log")
	write(t, samples, "<134>Mar  2 09:15:04 fw-7 acmewall=1 src=192.0.2.1 dst=192.0.2.2 dpt=443 action=deny zone=dmz\r\n\n<134>Mar  2 09:15:05 fw-7 acmewall=1 src=192.0.2.3 dst=192.0.2.2 dpt=80 action=allow zone=lan\n")
	packs := filepath.Join(dir, "packs")
	wall := filepath.Join(packs, "acme.wall")
	step := func(name string, wantCode int, stdin string, want []string, args ...string) string {
		t.Helper()
		out, errs, code := penstock(t, stdin, args...)
		if code != wantCode {
			t.Fatalf("%s: exit code %d, want %d:\n%s%s", name, code, wantCode, out, errs)
		}
		for _, w := range want {
			if !strings.Contains(out+errs, w) {
				t.Errorf("%s: %q is missing in\n%s%s", name, w, out, errs)
			}
		}
		return out
	}
	step("new", 0, "", []string{"read as kv", "wrote ", "ok  acme.wall: "}, "pack", "new", "acme.wall", "-from", samples, "-dir", packs)
	step("new again", 1, "", []string{"exists already"}, "pack", "new", "-from", samples, "-dir", packs, "acme.wall")
	step("new without samples", 1, "", []string{"-from is missing"}, "pack", "new", "acme.x")
	step("check", 0, "", []string{"ok  acme.wall 0.1.0"}, "pack", "check", packs)
	step("test", 0, "", []string{"ok  acme.wall: "}, "pack", "test", wall)
	step("list", 0, "", []string{"acme.wall", "0.1.0", "Acme"}, "pack", "list", "-packs", packs)
	step("show", 0, "", []string{"acme.wall 0.1.0: Acme Wall", "  source.ip\n"}, "pack", "show", "acme.wall", "-packs", packs)
	step("bench", 0, "", []string{"acme.wall, all fields: ", "2 records, 2 events, 0 dead letters"}, "pack", "bench", wall, "-time", "10ms")
	step("explain", 0, "<134>Mar  2 09:15:04 fw-7 acmewall=1 src=192.0.2.1 \x1b[31m=x", []string{"source.ip", "src at 41+9", "acme.wall/pack.yaml:", `\u001b`}, "explain", "-packs", packs, "-p", "acme.wall")
	step("explain auto", 0, "acmewall=1 src=192.0.2.1 zone=a action=b dst=c\nnot known\n", []string{"pack acme.wall", "no pack recognises it"}, "explain", "-packs", packs)
	step("explain a folder", 0, "src=192.0.2.1", []string{"src at 4+9"}, "explain", "-p", wall)

	over := filepath.Join(dir, "site.yaml")
	write(t, over, "overlay: acme.wall\nversion: site\nset: {organization.name: Example}\nafter:\n  - map: {observer.ingress.zone: zone}\n")
	step("overlay", 0, "src=192.0.2.1 zone=dmz\n", []string{`"organization":{"name":"Example"}`, `"ingress":{"zone":"dmz"}`}, "parse", "-p", "acme.wall", "-packs", packs, "-overlay", over)
	step("explain with overlay", 0, "src=192.0.2.1 zone=dmz\n", []string{"acme.wall 0.1.0+site", "site.yaml:5"}, "explain", "-p", "acme.wall", "-packs", packs, "-overlay", over)
	write(t, over, "overlay: acme.wall\nset: {organisation.name: Example}\n")
	step("wrong overlay", 1, "", []string{"site.yaml:2:7:", "did you mean organization.name"}, "parse", "-p", "acme.wall", "-packs", packs, "-overlay", over)

	yaml, err := os.ReadFile(filepath.Join(wall, "pack.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(wall, "pack.yaml"), strings.Replace(string(yaml), "destination.port: dpt", "source.port: dpt", 1))
	step("test after a change", 1, "", []string{"FAIL acme.wall: golden", "- destination.port: 443", "+ source.port: 443", "1 of 1 packs fail"}, "pack", "test", wall)
	old := filepath.Join(dir, "old")
	if err := os.CopyFS(old, os.DirFS(packs)); err != nil {
		t.Fatal(err)
	}
	step("update", 0, "", []string{"wrote "}, "pack", "test", "-update", wall)
	step("against", 0, "", []string{"note acme.wall: samples.log differs from", "- destination.port: 443"}, "pack", "test", "-against", old, wall)
	write(t, filepath.Join(wall, "pack.yaml"), strings.Replace(string(yaml), "source.ip: src", "sorce.ip: src", 1))
	step("check a fault", 1, "", []string{"acme.wall/pack.yaml:", `"sorce.ip" is no ECS field`, "did you mean source.ip", "1 of 1 packs are wrong"}, "pack", "check", packs)
	step("test a fault", 1, "", []string{"1 of 1 packs fail"}, "pack", "test", packs)
	step("check nothing", 1, "", []string{"holds no pack.yaml"}, "pack", "check", dir+"/none")
	step("no command", 2, "", []string{"usage: penstock pack COMMAND", "pack check"}, "pack")
	step("wrong command", 2, "", []string{`"chek" is no command`}, "pack", "chek")
	step("help", 0, "", []string{"usage: penstock pack COMMAND", "pack check"}, "pack", "-h")
	step("another's command", 2, "", []string{`"explain" is no command; did you mean penstock explain?`}, "pack", "explain")
	step("no folder", 2, "", []string{"usage: penstock pack check DIR..."}, "pack", "check")

	step("grok", 0, "", []string{"<a:ip> <b:rest>\n"}, "pack", "grok", "%{IP:a} %{GREEDYDATA:b}")
	step("grok by regex", 0, "", []string{`(?P<a>[0-9a-fA-F:.]+)[^x]`, "the last resort"}, "pack", "grok", "%{IP:a}[^x]")
	step("grok unknown", 1, "", []string{"NOPE is not known"}, "pack", "grok", "%{NOPE}")
	var schema struct{ Title string }
	if err := json.Unmarshal([]byte(step("schema", 0, "", nil, "pack", "schema")), &schema); err != nil || schema.Title == "" {
		t.Errorf("schema: %v", err)
	}
}

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"a\x1b[31m\n\u2028é\xff": `a\u001b[31m\u000a\u2028é\xff`,
		strings.Repeat("x", 300): strings.Repeat("x", 200) + "…",
		strings.Repeat("é", 150): strings.Repeat("é", 98) + "…",
	} {
		got := visible([]byte(in))
		if !strings.HasSuffix(want, "…") && got != want || !strings.HasSuffix(got, want[len(want)-3:]) {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
