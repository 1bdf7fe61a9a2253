//go:build unix

package exec

import (
	"os"
	"os/exec"
	"syscall"
)

// group puts the command into a process group of its own, all of which is told to end.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return signal(cmd, syscall.SIGTERM) }
}

// kill ends what there is of the group.
func kill(cmd *exec.Cmd) { _ = signal(cmd, syscall.SIGKILL) } // fails where nothing is left

func signal(cmd *exec.Cmd, s syscall.Signal) error {
	if cmd.Process == nil {
		return os.ErrProcessDone
	}
	return syscall.Kill(-cmd.Process.Pid, s)
}
