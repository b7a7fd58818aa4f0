package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"bob-onelogin/dev/children"
)

// stopGrace is how long a process may take to end on SIGTERM.
const stopGrace = 10 * time.Second

// lastLines is how much of a log is shown when something failed.
const lastLines = 15

// process is a child in a process group of its own, so that a Ctrl-C in the
// terminal reaches the demo alone and the children end in order.
type process struct {
	name string
	log  string
	cmd  *exec.Cmd
	// ended is closed when the process has ended.
	ended chan struct{}
}

// processes are the children, in the order of their start.
type processes struct {
	dir   string
	died  func(error)
	grace time.Duration

	mu       sync.Mutex
	list     []*process
	stopping bool
}

// deathError: a child ended that nobody stopped.
type deathError struct {
	name  string
	state string
}

func (e *deathError) Error() string { return fmt.Sprintf("%s ended by itself (%s)", e.name, e.state) }

// newProcesses keeps logs in dir, and calls died when a child ends by itself.
func newProcesses(dir string, died func(error)) *processes {
	return &processes{dir: dir, died: died, grace: stopGrace}
}

// start runs a program with exactly this environment; its output goes to its
// log.
func (ps *processes) start(name, path string, env []string, args ...string) error {
	log, err := os.Create(filepath.Join(ps.dir, name+".log"))
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close()
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = env, log, log, &syscall.SysProcAttr{Setpgid: true}
	children.DieWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, log: log.Name(), cmd: cmd, ended: make(chan struct{})}
	ps.list = append(ps.list, p)
	go func() {
		_ = cmd.Wait() // how it ended is in the state
		close(p.ended)
		ps.mu.Lock()
		defer ps.mu.Unlock()
		if !ps.stopping {
			ps.died(&deathError{name: name, state: cmd.ProcessState.String()})
		}
	}()
	return nil
}

// stop ends all children, the last started first: each by SIGTERM, and by
// SIGKILL if that takes too long.
func (ps *processes) stop() error {
	ps.mu.Lock()
	ps.stopping = true
	list := slices.Clone(ps.list)
	ps.mu.Unlock()
	var errs []error
	for _, p := range slices.Backward(list) {
		errs = append(errs, p.stop(ps.grace))
	}
	return errors.Join(errs...)
}

func (p *process) stop(grace time.Duration) error {
	for _, try := range []struct {
		signal syscall.Signal
		within time.Duration
	}{{syscall.SIGTERM, grace}, {syscall.SIGKILL, 5 * time.Second}} {
		select {
		case <-p.ended:
			return nil
		default:
		}
		// The whole group: nothing that a child started survives it.
		_ = syscall.Kill(-p.cmd.Process.Pid, try.signal)
		select {
		case <-p.ended:
			return nil
		case <-time.After(try.within):
		}
	}
	return fmt.Errorf("%s (process %d) does not end", p.name, p.cmd.Process.Pid)
}

// lastWords shows where the logs are, and the end of the one that tells most
// about err: the dead child's, else the worker's.
func (ps *processes) lastWords(w io.Writer, err error) {
	about := "worker"
	var death *deathError
	if errors.As(err, &death) {
		about = death.name
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range ps.list {
		if p.name == about {
			fmt.Fprintf(w, "\nThe last lines of %s:\n%s\n", p.log, tail(p.log, lastLines))
		}
	}
	fmt.Fprintf(w, "All logs are in %s\n", ps.dir)
}

// longestLine bounds what is shown of a line of a log.
const longestLine = 400

// tail returns the last n lines of a file, indented.
func tail(path string, n int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return "  " + err.Error()
	}
	text := strings.TrimSpace(string(content))
	if text == "" {
		return "  (nothing)"
	}
	lines := strings.Split(text, "\n")
	lines = lines[max(0, len(lines)-n):]
	for i, line := range lines {
		lines[i] = "  " + cut(line, longestLine)
	}
	return strings.Join(lines, "\n")
}

// pickPorts returns a port of 127.0.0.1 for each preferred one: itself, or any
// free one where it is taken.
func pickPorts(preferred ...int) ([]int, error) {
	ports := make([]int, 0, len(preferred))
	for _, want := range preferred {
		l, err := net.Listen("tcp", loopback(want))
		if err != nil {
			l, err = net.Listen("tcp", loopback(0))
		}
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		// Held until all are picked, so that none is picked twice.
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// until looks every 100 ms whether something holds, and fails with what was
// seen last.
func until(ctx context.Context, within time.Duration, what string, holds func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var seen error
	for {
		err := holds(limited)
		if err == nil {
			return nil
		}
		if limited.Err() == nil || seen == nil {
			seen = err // the last look may have been cut short
		}
		select {
		case <-limited.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%s: not within %s: %w", what, within, seen)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
