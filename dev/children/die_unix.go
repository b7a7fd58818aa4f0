//go:build unix && !linux

package children

import "syscall"

// DieWithParent does nothing here: there is nothing like it.
func DieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
