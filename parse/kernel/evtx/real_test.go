package evtx_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/penstock-dev/penstock/parse/kernel/evtx"
)

// realFiles are logs that Windows wrote: those of the folder that PENSTOCK_EVTX_DIR names, or of the place where
// .ci/run puts those that the module of Winlogbeat has for its tests.
func realFiles(t *testing.T) []string {
	dir := os.Getenv("PENSTOCK_EVTX_DIR")
	if dir == "" {
		peers := os.Getenv("PENSTOCK_PEERS")
		if peers == "" {
			if home, err := os.UserCacheDir(); err == nil {
				peers = filepath.Join(home, "penstock-peers")
			}
		}
		dir = filepath.Join(peers, "evtx")
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.evtx"))
	if len(paths) == 0 {
		t.Skipf("no .evtx files in %s (PENSTOCK_EVTX_DIR names the folder, .ci/run peers fills it)", dir)
	}
	return paths
}

// Logs of real systems: every record is read, and says what evtxexport says.
func TestReal(t *testing.T) {
	paths := realFiles(t)
	tool, err := exec.LookPath("evtxexport")
	if err != nil {
		t.Skip("evtxexport (Debian package libevtx-utils) is not installed")
	}
	events := regexp.MustCompile(`(?s)<Event .*?</Event>`)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			ours := render(t, data, evtx.Options{})
			out, err := exec.Command(tool, "-f", "xml", path).Output()
			if err != nil {
				t.Fatal(err)
			}
			theirs := events.FindAllString(string(out), -1)
			if len(ours) != len(theirs) || len(ours) == 0 {
				t.Errorf("%d records, evtxexport has %d", len(ours), len(theirs))
			}
			for i, line := range ours {
				_, xml, ok := strings.Cut(line, " ")
				if !ok {
					t.Errorf("record %d: %s", i, line)
					continue
				}
				if i < len(theirs) && normal(xml) != normal(theirs[i]) {
					t.Errorf("record %d\nours   %s\ntheirs %s", i, normal(xml), normal(theirs[i]))
				}
			}
		})
	}
}
