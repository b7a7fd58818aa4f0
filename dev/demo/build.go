package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// binaries are the programs that the demo runs, by path.
type binaries struct {
	temporal, worker, starter, sim string
}

// moduleRoot is the folder of go.mod, from dir upwards.
func moduleRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if content, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(content), "module bob-onelogin\n") {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("run the demo inside its source tree: no go.mod of bob-onelogin here or above")
		}
		dir = up
	}
}

func build(ctx context.Context, p *progress, root string, o options) (binaries, error) {
	bin := func(name string) string { return filepath.Join(root, "bin", name) }
	b := binaries{worker: bin("worker"), starter: bin("starter"), sim: bin("sim")}
	err := p.step("Building worker, starter and stand-ins (minutes the first time, seconds later)", "Built worker, starter and stand-ins", func() error {
		for _, target := range [][2]string{{b.worker, "./worker"}, {b.starter, "./starter"}, {b.sim, "./dev/sim"}} {
			if err := goBuild(ctx, root, "-o", target[0], target[1]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	b.temporal, err = findTemporal(ctx, o.temporalCLI, bin("temporal"))
	if err != nil || b.temporal != "" {
		return b, err
	}
	b.temporal = bin("temporal")
	return b, p.step("Building the Temporal CLI with its dev server into bin/temporal: takes minutes, once", "Built the Temporal CLI", func() error {
		return goBuild(ctx, root, "-modfile=dev/tools/go.mod", "-o", b.temporal, "github.com/temporalio/cli/cmd/temporal")
	})
}

func goBuild(ctx context.Context, root string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"build"}, args...)...)
	cmd.Dir = root
	// Asked politely, it takes its compilers with it.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// findTemporal returns the Temporal CLI that is there already: the one that the
// user names, the one built here, or one on PATH; empty if none answers.
func findTemporal(ctx context.Context, named, built string) (string, error) {
	if named != "" {
		path, err := exec.LookPath(named)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err == nil {
			err = answersAsTemporal(ctx, path)
		}
		if err != nil {
			return "", fmt.Errorf("TEMPORAL_CLI does not name a Temporal CLI that runs here: %w", err)
		}
		return path, nil
	}
	onPath, err := exec.LookPath("temporal")
	if err != nil {
		onPath = ""
	}
	for _, path := range []string{built, onPath} {
		if path != "" && answersAsTemporal(ctx, path) == nil {
			return path, nil
		}
	}
	return "", ctx.Err()
}

func answersAsTemporal(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", path, err)
	}
	if !strings.HasPrefix(string(out), "temporal version") {
		return fmt.Errorf("%s --version: not the answer of a Temporal CLI", path)
	}
	return nil
}

// lock takes a lock between processes; waiting is called once if it has to
// wait. What it returns gives the lock back, at the first call.
func lock(ctx context.Context, path string, waiting func()) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	for first := true; ; first = false {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
