// Command demo shows the product on this machine in one command, with nothing
// but Go: it builds what it needs, starts a Temporal dev server, the stand-ins
// for Bob and OneLogin, worker and starter as processes of their own on
// loopback, plays a story through signed webhooks, and shows how it ended.
//
// It stays up until Ctrl-C; with --once it ends by itself, and exits 0 only if
// everybody ended as the story says. It talks to the stand-ins over HTTP alone
// and may import whatever helps to read the product; nothing imports it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
	_ "time/tzdata" // zones work on machines without a zone database

	"bob-onelogin/internal/mapping"
)

// options are what the command line and the environment say.
type options struct {
	once bool
	// environ is the user's environment, in the form of os.Environ.
	environ          []string
	temporalCLI      string
	provisioningFile string
}

func main() {
	once := flag.Bool("once", false, "end after the story; exit 0 only if everybody ended as it says")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "demo: unknown argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	go stopWithParent(ctx, stop)
	p := newProgress(os.Stdout, os.Getenv("TERM"), os.Getenv("NO_COLOR"))
	err := run(ctx, p, options{
		once: *once, environ: os.Environ(),
		temporalCLI: os.Getenv("TEMPORAL_CLI"), provisioningFile: os.Getenv("PROVISIONING_FILE"),
	})
	switch {
	case err == nil:
	case ctx.Err() != nil && !errors.Is(err, errStory):
		fmt.Fprintln(os.Stderr, "demo: stopped before the end")
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// stopWithParent ends the demo with `go run`, which dies of a SIGTERM without
// passing it on.
func stopWithParent(ctx context.Context, stop func()) {
	parent := os.Getppid()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for os.Getppid() == parent {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	stop()
}

// errStory: somebody did not end as the story says.
var errStory = errors.New("not everybody ended as the story says")

func run(ctx context.Context, p *progress, o options) (err error) {
	root, err := moduleRoot(".")
	if err != nil {
		return err
	}
	settings, err := o.settings()
	if err != nil {
		return err
	}
	p.say("%s", p.bold("Bob → OneLogin: everything on this machine"))

	// One demo at a time builds and picks ports; running they may be many.
	unlock, err := lock(ctx, filepath.Join(os.TempDir(), fmt.Sprintf("bob-onelogin-demo-%d.lock", os.Getuid())), func() {
		p.say("  Another demo is starting: waiting until it is up")
	})
	if err != nil {
		return err
	}
	defer unlock()
	binaries, err := build(ctx, p, root, o)
	if err != nil {
		return err
	}
	built := time.Now()

	dir, err := os.MkdirTemp("", "bob-onelogin-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for logs: %w", err)
	}
	asked := ctx // ends when the user asks; ctx also when a child dies
	ctx, cancel := context.WithCancelCause(asked)
	defer cancel(nil)
	children := newProcesses(dir, cancel)
	defer func() {
		err = errors.Join(err, p.step("Stopping everything", "Stopped everything", children.stop))
		if err == nil || asked.Err() != nil && !errors.Is(err, errStory) {
			err = errors.Join(err, os.RemoveAll(dir))
			return
		}
		children.lastWords(os.Stderr, err)
	}()

	s := newStack(root, dir, binaries, o, children)
	if err := s.start(ctx, p); err != nil {
		return err
	}
	unlock()

	today := time.Now().In(settings.Policy.Zones.Default)
	parts := story(today)
	rows, err := s.play(ctx, p, parts)
	if err != nil {
		return err
	}
	p.say("\n%s", table(rows, p.columns(), p.colour))
	p.say("%s", verdict(rows, time.Since(built), p.colour))
	if o.provisioningFile != "" {
		p.say("  PROVISIONING_FILE is set: the story's ends are those of the default settings.")
	}
	failed := !allWell(rows)
	if !o.once {
		next, err := s.next(parts, today.Format(time.DateOnly), o.environ)
		if err != nil {
			return err
		}
		p.say("%s", next)
		<-ctx.Done()
		if cause := context.Cause(ctx); errors.As(cause, new(*deathError)) {
			return cause
		}
	}
	if failed {
		return errStory
	}
	return nil
}

// settings are those that the worker will run with: the story starts somebody
// "today", which is a matter of zones.
func (o options) settings() (mapping.Settings, error) {
	if o.provisioningFile == "" {
		return mapping.Default(), nil
	}
	content, err := os.ReadFile(o.provisioningFile)
	if err != nil {
		return mapping.Settings{}, fmt.Errorf("PROVISIONING_FILE: %w", err)
	}
	settings, err := mapping.Parse(content)
	if err != nil {
		return mapping.Settings{}, fmt.Errorf("PROVISIONING_FILE %s: %w", o.provisioningFile, err)
	}
	return settings, nil
}
