package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"bob-onelogin/dev/children"
	"bob-onelogin/dev/ports"
	"bob-onelogin/workflows"
)

// programs are what runs as a process of its own, by path.
type programs struct{ temporal, worker, starter string }

// upWithin is how long a process may take until it is ready.
const upWithin = time.Minute

var (
	quietLog = log.New(io.Discard, "", 0)
	quiet    = sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
)

// prepare builds worker and starter into a folder, and finds the Temporal CLI,
// which holds the dev server. root is the module's.
func prepare(ctx context.Context, root, dir string, flags ...string) (programs, error) {
	p := programs{
		temporal: os.Getenv("TEMPORAL_CLI"),
		worker:   filepath.Join(dir, "worker"), starter: filepath.Join(dir, "starter"),
	}
	if p.temporal == "" {
		p.temporal = filepath.Join(root, "bin", "temporal")
	}
	found, err := exec.LookPath(p.temporal)
	if err != nil {
		return p, fmt.Errorf("the Temporal CLI is missing; run `make bin/temporal`, or name one in TEMPORAL_CLI: %w", err)
	}
	p.temporal = found
	args := append(append([]string{"build"}, flags...), "-o", dir+"/", "./worker", "./starter")
	build := exec.CommandContext(ctx, "go", args...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return p, fmt.Errorf("build worker and starter: %w\n%s", err, out)
	}
	return p, nil
}

// process is one that can be killed and started again. What it prints is kept
// over its lives.
type process struct {
	path string
	args []string
	env  []string
	log  locked

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
}

func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(p.path, p.args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, &p.log, &p.log
	// In a group of its own, a Ctrl-C in the terminal does not reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	children.DieWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.path, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it was killed, most often
		close(ended)
	}()
	p.cmd, p.ended = cmd, ended
	return nil
}

// kill ends the process as kill -9 does, and waits until it is gone.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

func (p *process) dead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// stack is one seed's own Temporal server, worker and starter.
type stack struct {
	server, worker, starter *process
	address                 string
	starterURL              string
	temporal                client.Client

	mu    sync.Mutex
	kills map[victim]int
	// away are those that were killed and are to come back by themselves.
	away map[*process]bool
	// failed is what could not be started again.
	failed error
	over   bool
	again  sync.WaitGroup
}

func startStack(ctx context.Context, p programs, w *world, dir string) (*stack, error) {
	addr, err := ports.FreeAddress()
	if err != nil {
		return nil, err
	}
	starterAddr, err := ports.FreeAddress()
	if err != nil {
		return nil, err
	}
	policy := filepath.Join(dir, "provisioning.yaml")
	if err := os.WriteFile(policy, []byte(policyFile), 0o600); err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr) // it was made of both
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir,
		"TEMPORAL_ADDRESS=" + addr, "TEMPORAL_NAMESPACE=" + client.DefaultNamespace,
		"BOB_BASE_URL=" + w.bobURL + "/v1", "BOB_SERVICE_USER_ID=" + bobUser, "BOB_SERVICE_USER_TOKEN=" + bobToken,
		"BOB_MAX_PER_MINUTE=3000", "BOB_WEBHOOK_SECRETS=" + webhookSecret, "BOB_SETTLE_DELAY=" + settle.String(),
		"ONELOGIN_BASE_URL=" + w.oneLoginURL, "ONELOGIN_CLIENT_ID=" + clientID, "ONELOGIN_CLIENT_SECRET=" + clientSecret,
		"ONELOGIN_MAX_RPS=50", "ONELOGIN_PAGE_LIMIT=10", "PROVISIONING_FILE=" + policy,
		"STARTER_ADDR=" + starterAddr, "METRICS_ADDR=off",
	}
	s := &stack{
		address: addr, starterURL: "http://" + starterAddr, kills: map[victim]int{}, away: map[*process]bool{},
		server: &process{path: p.temporal, env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, args: []string{
			"server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", port, "--log-level", "error",
			"--db-filename", filepath.Join(dir, "temporal.db"),
			"--search-attribute", "SyncState=Keyword", "--search-attribute", "SyncDueAt=Datetime",
			"--dynamic-config-value", "matching.useNewMatcher=true",
		}},
		worker:  &process{path: p.worker, env: env},
		starter: &process{path: p.starter, args: []string{"serve"}, env: env},
	}
	w.starterURL = s.starterURL
	w.kill = s.killAndRestart
	if err := s.up(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *stack) up(ctx context.Context) error {
	if err := s.server.start(); err != nil {
		return err
	}
	err := until(ctx, "the Temporal server serves", upWithin, func(ctx context.Context) (err error) {
		s.temporal, err = client.DialContext(ctx, client.Options{HostPort: s.address, Logger: quiet})
		return err
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.server.log.tail())
	}
	if err := errors.Join(s.starter.start(), s.worker.start()); err != nil {
		return err
	}
	err = until(ctx, "the starter is ready", upWithin, func(ctx context.Context) error { return ready(ctx, s.starterURL+"/readyz") })
	if err == nil {
		err = until(ctx, "the worker polls", upWithin, s.polls)
	}
	if err != nil {
		return fmt.Errorf("%w\n%s\n%s", err, s.starter.log.tail(), s.worker.log.tail())
	}
	return nil
}

func ready(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %d", res.StatusCode)
	}
	return nil
}

func (s *stack) polls(ctx context.Context) error {
	for queue, kind := range map[string]enumspb.TaskQueueType{
		workflows.TaskQueue:         enumspb.TASK_QUEUE_TYPE_WORKFLOW,
		workflows.OneLoginTaskQueue: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
	} {
		described, err := s.temporal.DescribeTaskQueue(ctx, queue, kind)
		if err != nil {
			return err
		}
		if len(described.GetPollers()) == 0 {
			return fmt.Errorf("nobody polls %s", queue)
		}
	}
	return nil
}

// killAndRestart returns when the victim is dead; it comes back by itself, as
// what keeps processes running would have it, after so long.
func (s *stack) killAndRestart(v victim, down time.Duration) {
	p := map[victim]*process{theWorker: s.worker, theServer: s.server, theStarter: s.starter}[v]
	s.mu.Lock()
	defer s.mu.Unlock()
	p.kill()
	s.kills[v]++
	if s.over || s.away[p] {
		return
	}
	s.away[p] = true
	s.again.Go(func() {
		time.Sleep(down) // it is the duration that is planned
		s.mu.Lock()
		defer s.mu.Unlock()
		s.away[p] = false
		s.failed = errors.Join(s.failed, p.start())
	})
}

// alive starts whatever has ended by itself, as what keeps processes running
// would: a worker that comes up while there is no server ends.
func (s *stack) alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range []*process{s.server, s.worker, s.starter} {
		switch {
		case s.away[p]:
			return fmt.Errorf("%s is away", filepath.Base(p.path))
		case p.dead():
			s.failed = errors.Join(s.failed, p.start())
		}
	}
	return s.failed
}

func (s *stack) stop() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.again.Wait()
	if s.temporal != nil {
		s.temporal.Close()
	}
	for _, p := range []*process{s.worker, s.starter, s.server} {
		p.kill()
	}
}

// until waits for something to hold.
func until(ctx context.Context, what string, within time.Duration, holds func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s: %w", what, within, err)
		case <-tick.C:
		}
	}
}

// locked collects a process's output.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *locked) tail() string {
	const most = 4000
	s := l.String()
	return s[max(0, len(s)-most):]
}
