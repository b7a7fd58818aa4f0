package children

import "syscall"

// DieWithParent has the kernel send a signal to a child whose parent is gone,
// however it went. That watches the parent's thread, and Go ends threads with
// the process alone, unless a goroutine is locked to one; lock none. Elsewhere
// than on Linux it does nothing.
func DieWithParent(a *syscall.SysProcAttr, end syscall.Signal) { a.Pdeathsig = end }
