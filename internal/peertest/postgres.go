package peertest

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Postgres starts a server and returns its URL. Where the test runs as root the server
// runs as the user postgres.
func Postgres(t testing.TB) string {
	t.Helper()
	initdb, server := Binary(t, "initdb", "Debian: postgresql"), Binary(t, "postgres", "Debian: postgresql")
	dir, err := os.MkdirTemp("", "postgres")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	as := &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		u, err := user.Lookup("postgres")
		if err != nil {
			t.Skip("PostgreSQL does not run as root, and there is no user postgres")
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		as.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	data := filepath.Join(dir, "data")
	make := exec.Command(initdb, "-D", data, "-A", "trust", "-U", "penstock", "-E", "UTF8", "--no-sync")
	make.Dir, make.SysProcAttr = dir, as
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	port := FreePort(t)
	run := exec.Command(server, "-D", data, "-p", fmt.Sprint(port), "-c", "listen_addresses=127.0.0.1", "-k", dir, "-c", "fsync=off")
	run.Dir, run.SysProcAttr = dir, as
	StartCmd(t, run)
	WaitPort(t, port, 15*time.Second)
	return fmt.Sprintf("postgres://penstock@127.0.0.1:%d/postgres?sslmode=disable", port)
}
