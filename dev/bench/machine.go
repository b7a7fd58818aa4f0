package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// describeMachine is what figures depend on.
func describeMachine(server string) string {
	words := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	if model := procLine("/proc/cpuinfo", "model name"); model != "" {
		words[0] += " (" + model + ")"
	}
	if kb, ok := kilobytesIn(procLine("/proc/meminfo", "MemTotal")); ok {
		words = append(words, fmt.Sprintf("%d GB", (kb+1<<19)>>20))
	}
	return strings.Join(append(words, runtime.GOOS+"/"+runtime.GOARCH, runtime.Version(), server, time.Now().UTC().Format(time.DateOnly)), ", ")
}

// procLine is what Linux says in one of its files under a key; empty where it
// does not.
func procLine(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	return lineOf(f, key)
}

func lineOf(r io.Reader, key string) string {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func kilobytesIn(value string) (int64, bool) {
	kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
	return kb, err == nil
}

// peakMemory is the resident memory of a process at its most, in bytes; 0 where
// the system does not tell.
func peakMemory(pid int) int64 {
	kb, _ := kilobytesIn(procLine(fmt.Sprintf("/proc/%d/status", pid), "VmHWM"))
	return kb << 10
}
