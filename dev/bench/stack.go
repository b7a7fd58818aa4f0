package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"google.golang.org/protobuf/types/known/durationpb"

	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// programs are what runs as a process of its own, by path.
type programs struct{ temporal, worker, starter string }

// prepare builds worker and starter into a folder that cleanUp removes, and
// finds the Temporal CLI, which holds the dev server. It has to be run in the
// module's root.
func prepare(ctx context.Context) (p programs, cleanUp func(), err error) {
	if p.temporal = os.Getenv("TEMPORAL_CLI"); p.temporal == "" {
		p.temporal = filepath.Join("bin", "temporal")
	}
	if p.temporal, err = exec.LookPath(p.temporal); err != nil {
		return p, nil, fmt.Errorf("the Temporal CLI is missing; run `make bin/temporal`, or name one in TEMPORAL_CLI: %w", err)
	}
	dir, err := os.MkdirTemp("", "bob-onelogin-bench-")
	if err != nil {
		return p, nil, err
	}
	cleanUp = func() { _ = os.RemoveAll(dir) }
	p.worker, p.starter = filepath.Join(dir, "worker"), filepath.Join(dir, "starter")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", "./worker", "./starter").CombinedOutput(); err != nil {
		cleanUp()
		return p, nil, fmt.Errorf("build worker and starter: %w\n%s", err, out)
	}
	return p, cleanUp, nil
}

// server is where a stack's workflows are.
type server interface {
	Client() client.Client
	FrontendHostPort() string
	Stop() error
}

// ownNamespace is a namespace on a server that is there already.
type ownNamespace struct {
	client  client.Client
	address string
}

func (n *ownNamespace) Client() client.Client    { return n.client }
func (n *ownNamespace) FrontendHostPort() string { return n.address }
func (n *ownNamespace) Stop() error              { n.client.Close(); return nil }

// stack is a server, a worker and, where asked for, a starter, on a world.
type stack struct {
	programs
	server    server
	namespace string
	env       []string
	worker    *exec.Cmd
	starter   *exec.Cmd
	log       logBuffer
}

// logBuffer takes what processes say.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// lastWords is the end of it.
func (l *logBuffer) lastWords() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	const most = 3000
	text := l.b.String()
	return text[max(0, len(text)-most):]
}

// upWithin is how long a process may take until it is ready.
const upWithin = time.Minute

// quickly is how soon Bob is read after an event where events are measured: what
// the 30 seconds of a real company would add is the same on both sides.
const quickly = "BOB_SETTLE_DELAY=1s"

// stage is a world of so many people with a stack on it, and what ends both; env
// comes on top of what the stack's processes are told.
func (b *bench) stage(ctx context.Context, employees int, of nature, env ...string) (*world, *stack, func(), error) {
	w, err := newWorld(employees, of)
	if err != nil {
		return nil, nil, nil, err
	}
	s, err := b.start(ctx, w, env...)
	if err != nil {
		w.close()
		return nil, nil, nil, err
	}
	return w, s, func() {
		s.stop()
		w.close()
	}, nil
}

// start starts a stack; env comes on top of what its processes are told.
func (b *bench) start(ctx context.Context, w *world, env ...string) (*stack, error) {
	s := &stack{programs: b.programs, namespace: client.DefaultNamespace}
	var err error
	if b.address != "" {
		s.namespace = "bench-" + strings.ToLower(rand.Text())
		s.server, err = openNamespace(ctx, b.address, s.namespace)
	} else {
		s.server, err = startDevServer(ctx, b.temporal)
	}
	if err != nil {
		return nil, err
	}
	s.env = append([]string{
		"HOME=" + filepath.Dir(b.programs.worker), "LOG_LEVEL=warn", "METRICS_ADDR=off",
		"TEMPORAL_ADDRESS=" + s.server.FrontendHostPort(), "TEMPORAL_NAMESPACE=" + s.namespace,
		"BOB_BASE_URL=" + w.bobServer.URL + "/v1", "BOB_SERVICE_USER_ID=" + bobUser, "BOB_SERVICE_USER_TOKEN=" + bobToken,
		"ONELOGIN_BASE_URL=" + w.oneLoginServer.URL, "ONELOGIN_CLIENT_ID=" + clientID, "ONELOGIN_CLIENT_SECRET=" + clientSecret,
		fmt.Sprintf("ONELOGIN_MAX_RPS=%d", maxRPS), "BOB_WEBHOOK_SECRETS=" + webhookSecret,
	}, env...)
	if err := s.startWorker(ctx); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// maxRPS is far above what a machine does here, so that it bounds nothing.
const maxRPS = 1000

func quiet() log.Logger { return log.NewStructuredLogger(slog.New(slog.DiscardHandler)) }

func startDevServer(ctx context.Context, cli string) (server, error) {
	dev, err := testsuite.StartDevServer(ctx, testsuite.DevServerOptions{
		ExistingPath: cli, LogLevel: "error", Stdout: io.Discard, Stderr: io.Discard,
		ClientOptions: &client.Options{Logger: quiet()},
		ExtraArgs: []string{
			"--dynamic-config-value", "matching.useNewMatcher=true",
			"--search-attribute", "SyncState=Keyword", "--search-attribute", "SyncDueAt=Datetime",
		},
	})
	if err != nil {
		return nil, fmt.Errorf("start a dev server: %w", err)
	}
	return dev, nil
}

func openNamespace(ctx context.Context, address, namespace string) (server, error) {
	c, err := client.Dial(client.Options{HostPort: address, Namespace: namespace, Logger: quiet()})
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err == nil {
		// The services of a cluster learn of a namespace one after the other.
		err = until(ctx, upWithin, func() error {
			_, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace})
			return err
		})
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("make namespace %s: %w", namespace, err)
	}
	return &ownNamespace{client: c, address: address}, nil
}

// until waits for something to hold, and returns what it said last where it
// does not in time.
func until(ctx context.Context, within time.Duration, holds func() error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-tick.C:
		}
	}
}

func (s *stack) startWorker(ctx context.Context) error {
	s.worker = s.process(s.programs.worker)
	if err := s.worker.Start(); err != nil {
		s.worker = nil
		return fmt.Errorf("start the worker: %w", err)
	}
	if err := s.polls(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, s.log.lastWords())
	}
	return nil
}

func (s *stack) process(path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, &s.log, &s.log
	return cmd
}

// polls waits until the worker takes work.
func (s *stack) polls(ctx context.Context) error {
	for queue, kind := range map[string]enumspb.TaskQueueType{
		workflows.TaskQueue:         enumspb.TASK_QUEUE_TYPE_WORKFLOW,
		workflows.OneLoginTaskQueue: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
	} {
		err := until(ctx, upWithin, func() error {
			described, err := s.server.Client().DescribeTaskQueue(ctx, queue, kind)
			if err == nil && len(described.GetPollers()) == 0 {
				err = errors.New("nobody polls it")
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("the worker does not poll %s: %w", queue, err)
		}
	}
	return nil
}

// startStarter starts the endpoint of Bob's webhooks, and returns its URL.
func (s *stack) startStarter(ctx context.Context) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return "", err
	}
	s.starter = s.process(s.programs.starter, "serve")
	s.starter.Env = append(s.starter.Env, "STARTER_ADDR="+address)
	if err := s.starter.Start(); err != nil {
		s.starter = nil
		return "", fmt.Errorf("start the starter: %w", err)
	}
	url := "http://" + address
	err = until(ctx, upWithin, func() error {
		answer, err := http.Get(url + "/readyz")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("the starter is not ready: %w\n%s", err, s.log.lastWords())
	}
	return url + "/webhooks/bob", nil
}

// runBulk is one bulk run that must change so many people and nobody else.
func (s *stack) runBulk(ctx context.Context, window, changed int) (p workflows.BulkProgress, run client.WorkflowRun, took time.Duration, err error) {
	began := time.Now()
	run, err = s.server.Client().ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.BulkWorkflowID, TaskQueue: workflows.TaskQueue,
	}, workflows.BulkSyncName, workflows.BulkSyncInput{Window: window})
	if err != nil {
		return p, nil, 0, fmt.Errorf("start a bulk run: %w", err)
	}
	first := run.GetRunID() // that of its last run, once it has ended
	err = run.Get(ctx, &p)
	took = time.Since(began)
	switch {
	case err != nil:
		return p, nil, 0, fmt.Errorf("bulk run: %w\n%s", err, s.log.lastWords())
	case changes(p.Outcomes) != changed || p.Total != changed:
		return p, nil, 0, fmt.Errorf("bulk run: %d people were changed, and it dealt with %d: %v", changed, p.Total, p.Outcomes)
	}
	return p, s.server.Client().GetWorkflow(ctx, run.GetID(), first), took, nil
}

func changes(of map[employee.Outcome]int) int {
	return of[employee.Created] + of[employee.Updated] + of[employee.Suspended]
}

// stopWithin is how long a process may take to stop in order.
const stopWithin = 30 * time.Second

func end(cmd *exec.Cmd) {
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(stopWithin, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait() // how it went does not matter any more
	kill.Stop()
}

func (s *stack) stopWorker() {
	end(s.worker)
	s.worker = nil
}

func (s *stack) stop() {
	s.stopWorker()
	end(s.starter)
	_ = s.server.Stop()
}
