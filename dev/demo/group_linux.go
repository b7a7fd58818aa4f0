package main

import "syscall"

// ownGroup also lets the kernel end a child whose parent is gone, however it
// went. That watches the parent's thread, and Go ends threads with the process
// alone, unless a goroutine is locked to one; none here is.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
