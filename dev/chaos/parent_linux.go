package main

import "syscall"

// dieWithParent has the kernel kill a child whose parent is gone, however it
// went.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
