// Command cluster runs, without containers, what docker-compose.yml runs in
// them: PostgreSQL from this machine's packages, and the Temporal server with
// the schema, the namespace and the dynamic configuration of deploy/temporal.
// Everything listens on loopback, lives in one temporary folder, and is gone
// when the command ends.
//
// With a command it runs that, and ends with its exit code:
//
//	cluster --workers 2 go test ./dev/e2e
//
// The command finds the server's address in E2E_TEMPORAL_ADDRESS, and in
// E2E_TEMPORAL_CONTROL a URL that kills the server (POST …/kill) and starts it
// again (POST …/start). Without a command it stays up until Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"bob-onelogin/dev/children"
)

// options are the command line.
type options struct {
	workers              int
	server, sqlTool, cli string
	command              []string
}

func main() {
	var o options
	flag.IntVar(&o.workers, "workers", 2, "workers that each end-to-end test starts")
	flag.StringVar(&o.server, "server", "bin/temporal-server", "the Temporal server")
	flag.StringVar(&o.sqlTool, "sql-tool", "bin/temporal-sql-tool", "its SQL tool")
	flag.StringVar(&o.cli, "cli", "bin/temporal", "the Temporal CLI")
	flag.Parse()
	o.command = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stop()
	var failed *commandError
	switch {
	case err == nil:
	case errors.As(err, &failed):
		os.Exit(failed.code)
	default:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// commandError is how the command ended, which has said why.
type commandError struct{ code int }

func (e *commandError) Error() string {
	return fmt.Sprintf("the command ended with exit code %d", e.code)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "cluster: "+format+"\n", args...) }

// run keeps the logs where something failed, and else leaves nothing behind.
func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "bob-onelogin-cluster-")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil || ctx.Err() != nil {
			_ = os.RemoveAll(dir)
			return
		}
		_ = os.RemoveAll(filepath.Join(dir, "data"))
		say("the logs are in %s", dir)
	}()
	began := time.Now()
	database, err := startPostgres(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.stop()) }()
	say("%s serves after %s", database.version, since(began))
	server, err := newServer(dir, o, database)
	if err != nil {
		return err
	}
	// Both set-ups twice: every `docker compose up` does them again.
	for range 2 {
		if err := server.setUpSchema(ctx); err != nil {
			return err
		}
	}
	if err := server.start(ctx); err != nil {
		return err
	}
	defer server.kill()
	for range 2 {
		if err := server.setUpNamespace(ctx); err != nil {
			return err
		}
	}
	control, err := serveControl(ctx, server)
	if err != nil {
		return err
	}
	defer control.Close()
	say("the Temporal server serves at %s after %s", server.address, since(began))
	if len(o.command) == 0 {
		say("POST %s/kill and /start end it and start it again; Ctrl-C ends everything", control.url)
		<-ctx.Done()
		return nil
	}
	began = time.Now()
	err = runCommand(ctx, o, server, control.url)
	say("%s took %s", o.command[0], since(began))
	return err
}

func since(began time.Time) time.Duration { return time.Since(began).Round(100 * time.Millisecond) }

func runCommand(ctx context.Context, o options, s *server, control string) error {
	cli, err := filepath.Abs(o.cli)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, o.command[0], o.command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	// A group of its own is asked to end as a whole: `go test` does not pass a
	// signal on to the tests.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = append(os.Environ(), "TEMPORAL_CLI="+cli, "E2E_TEMPORAL_ADDRESS="+s.address,
		"E2E_TEMPORAL_CONTROL="+control, fmt.Sprintf("E2E_WORKERS=%d", o.workers))
	err = cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return &commandError{code: exit.ExitCode()}
	}
	return err
}

// controlServer lets tests kill and start the Temporal server.
type controlServer struct {
	*http.Server
	url string
}

func serveControl(ctx context.Context, s *server) (*controlServer, error) {
	listener, err := listen()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /kill", func(http.ResponseWriter, *http.Request) {
		say("killing the Temporal server")
		s.kill()
	})
	mux.HandleFunc("POST /start", func(w http.ResponseWriter, _ *http.Request) {
		began := time.Now()
		if err := s.start(ctx); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		say("the Temporal server serves again after %s", since(began))
	})
	c := &controlServer{url: "http://" + listener.Addr().String(), Server: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}
	go func() { _ = c.Serve(listener) }()
	return c, nil
}

// child is a process that writes to a log and dies with this one.
type child struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// start runs cmd; end is the signal that ends it when this process is gone.
func startChild(cmd *exec.Cmd, log string, end syscall.Signal) (*child, error) {
	f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// In a group of its own, a Ctrl-C in the terminal does not reach it.
	cmd.SysProcAttr.Setpgid = true
	children.DieWithParent(cmd.SysProcAttr, end)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	c := &child{cmd: cmd, log: log, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in the state
		close(c.ended)
	}()
	return c, nil
}

// stop sends a signal and waits for the end, and kills what does not end.
func (c *child) stop(signal syscall.Signal) error {
	_ = c.cmd.Process.Signal(signal)
	select {
	case <-c.ended:
		return nil
	case <-time.After(20 * time.Second):
	}
	_ = c.cmd.Process.Kill()
	<-c.ended
	return fmt.Errorf("%s did not end by itself", c.cmd.Path)
}

// until waits for something to hold while the child lives.
func (c *child) until(ctx context.Context, what string, within time.Duration, holds func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := holds(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s: %w\n%s", what, within, err, c.lastWords())
		case <-c.ended:
			return fmt.Errorf("%s: %s ended (%s)\n%s", what, c.cmd.Path, c.cmd.ProcessState, c.lastWords())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// lastWords is the end of the log.
func (c *child) lastWords() string {
	f, err := os.Open(c.log)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	const most = 3000
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-most), io.SeekStart)
	}
	text, _ := io.ReadAll(f)
	return string(text)
}

// runScript runs one of deploy/temporal's scripts as the containers do: by sh,
// told everything by the environment.
func runScript(ctx context.Context, name, log string, path string, env ...string) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", filepath.Join("deploy", "temporal", name))
	cmd.Env = append([]string{"PATH=" + path + ":" + os.Getenv("PATH")}, env...)
	out, err := cmd.CombinedOutput()
	f, openErr := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if openErr == nil {
		_, _ = f.Write(out)
		openErr = f.Close()
	}
	if err != nil {
		const most = 3000
		return fmt.Errorf("%s: %w\n%s", name, err, out[max(0, len(out)-most):])
	}
	return openErr
}
