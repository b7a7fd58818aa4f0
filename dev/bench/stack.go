package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// programs are what runs as a process of its own, by path.
type programs struct{ temporal, worker string }

// prepare builds the worker into a folder that cleanUp removes, and finds the
// Temporal CLI, which holds the dev server. It has to be run in the module's
// root.
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
	p.worker = filepath.Join(dir, "worker")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", p.worker, "./worker").CombinedOutput(); err != nil {
		cleanUp()
		return p, nil, fmt.Errorf("build the worker: %w\n%s", err, out)
	}
	return p, cleanUp, nil
}

// stack is a dev server and a worker, on a world.
type stack struct {
	server *testsuite.DevServer
	worker *exec.Cmd
	log    bytes.Buffer
}

// upWithin is how long a process may take until it is ready.
const upWithin = time.Minute

func start(ctx context.Context, p programs, w *world) (*stack, error) {
	quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	server, err := testsuite.StartDevServer(ctx, testsuite.DevServerOptions{
		ExistingPath: p.temporal, LogLevel: "error", Stdout: io.Discard, Stderr: io.Discard,
		ClientOptions: &client.Options{Logger: quiet},
		ExtraArgs: []string{
			"--dynamic-config-value", "matching.useNewMatcher=true",
			"--search-attribute", "SyncState=Keyword", "--search-attribute", "SyncDueAt=Datetime",
		},
	})
	if err != nil {
		return nil, fmt.Errorf("start a dev server: %w", err)
	}
	s := &stack{server: server}
	s.worker = exec.Command(p.worker)
	s.worker.Env = []string{
		"HOME=" + filepath.Dir(p.worker), "LOG_LEVEL=warn",
		"TEMPORAL_ADDRESS=" + server.FrontendHostPort(), "TEMPORAL_NAMESPACE=" + client.DefaultNamespace,
		"BOB_BASE_URL=" + w.bobServer.URL + "/v1", "BOB_SERVICE_USER_ID=" + bobUser, "BOB_SERVICE_USER_TOKEN=" + bobToken,
		"ONELOGIN_BASE_URL=" + w.oneLoginServer.URL, "ONELOGIN_CLIENT_ID=" + clientID, "ONELOGIN_CLIENT_SECRET=" + clientSecret,
		"ONELOGIN_MAX_RPS=1000",
	}
	s.worker.Stdout, s.worker.Stderr = &s.log, &s.log
	if err := s.worker.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start the worker: %w", err), server.Stop())
	}
	if err := s.polls(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("%w\n%s", err, s.log.String())
	}
	return s, nil
}

// polls waits until the worker takes work.
func (s *stack) polls(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, upWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for queue, kind := range map[string]enumspb.TaskQueueType{
		workflows.TaskQueue:         enumspb.TASK_QUEUE_TYPE_WORKFLOW,
		workflows.OneLoginTaskQueue: enumspb.TASK_QUEUE_TYPE_ACTIVITY,
	} {
		for {
			described, err := s.server.Client().DescribeTaskQueue(ctx, queue, kind)
			if err == nil && len(described.GetPollers()) > 0 {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("the worker does not poll %s: %w", queue, ctx.Err())
			case <-tick.C:
			}
		}
	}
	return nil
}

// bulk is one bulk run that must change so many people and nobody else, what it
// took, and what of that the fan-out took.
func (s *stack) bulk(ctx context.Context, window, changed int) (p workflows.BulkProgress, took, fanned time.Duration, err error) {
	began := time.Now()
	run, err := s.server.Client().ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: workflows.BulkWorkflowID, TaskQueue: workflows.TaskQueue,
	}, workflows.BulkSyncName, workflows.BulkSyncInput{Window: window})
	if err == nil {
		err = run.Get(ctx, &p)
	}
	took = time.Since(began)
	switch {
	case err != nil:
		return p, 0, 0, fmt.Errorf("bulk run: %w", err)
	case p.Outcomes[employee.Updated] != changed || p.Total != changed:
		return p, 0, 0, fmt.Errorf("bulk run: %d people were changed, and it dealt with %d: %v", changed, p.Total, p.Outcomes)
	}
	fanned, err = s.fanned(ctx, run)
	return p, took, fanned, err
}

// stopWithin is how long the worker may take to stop in order.
const stopWithin = 30 * time.Second

func (s *stack) stop() {
	_ = s.worker.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(stopWithin, func() { _ = s.worker.Process.Kill() })
	_ = s.worker.Wait() // how it went does not matter any more
	kill.Stop()
	_ = s.server.Stop()
}
