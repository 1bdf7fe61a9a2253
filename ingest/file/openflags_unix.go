//go:build unix

package file

import "syscall"

const openFlags = syscall.O_NONBLOCK
