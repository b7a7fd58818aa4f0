package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"bob-onelogin/activities"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// server is the one dev server of this package's tests; each test has its own
// namespace there.
var server *testsuite.DevServer

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	path, err := temporalCLI()
	if err == nil {
		server, err = testsuite.StartDevServer(context.Background(), testsuite.DevServerOptions{
			ExistingPath: path, LogLevel: "error", Stdout: io.Discard, Stderr: io.Discard,
			ClientOptions: &client.Options{Logger: quiet{}},
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "starter:", err)
		return 1
	}
	defer func() { _ = server.Stop() }() // the process ends, and the server with it
	return m.Run()
}

// temporalCLI finds the Temporal CLI, which holds the dev server.
func temporalCLI() (string, error) {
	for _, path := range []string{os.Getenv("TEMPORAL_CLI"), filepath.Join("..", "bin", "temporal")} {
		if _, err := os.Stat(path); path != "" && err == nil {
			return filepath.Abs(path)
		}
	}
	if path, err := exec.LookPath("temporal"); err == nil {
		return path, nil
	}
	return "", errors.New("the Temporal CLI is missing: run `make bin/temporal`, or name one in TEMPORAL_CLI")
}

// output is what a command has written; it may be read while it writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// office is a namespace of the dev server, and the command's two streams.
type office struct {
	*dispatch.Dispatcher
	t         *testing.T
	client    client.Client
	namespace string
	out, err  *output
}

// offices counts the namespaces, which repeated tests must not share.
var offices atomic.Int64

func newOffice(t *testing.T) *office {
	t.Helper()
	t.Parallel()
	namespace := fmt.Sprintf("office-%d", offices.Add(1))
	c, err := client.Dial(client.Options{HostPort: server.FrontendHostPort(), Namespace: namespace, Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	o := &office{
		Dispatcher: dispatch.New(c, namespace), t: t, client: c, namespace: namespace, out: &output{}, err: &output{},
	}
	o.eventually("the namespace is usable", func() bool {
		_, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace})
		return err == nil
	})
	return o
}

func (o *office) eventually(what string, ok func() bool) {
	o.t.Helper()
	require.Eventually(o.t, ok, 30*time.Second, 20*time.Millisecond, what)
}

// bulk is the command as somebody uses it without a terminal.
func (o *office) bulk(command bulkCommand) *bulk {
	return &bulk{
		Dispatcher: o.Dispatcher, namespace: o.namespace, command: command,
		console: console{in: strings.NewReader(""), out: o.out, err: o.err},
		pace:    pace{look: 20 * time.Millisecond, patience: time.Minute},
	}
}

// work polls the task queue with standBulk.
func (o *office) work() {
	o.t.Helper()
	w := worker.New(o.client, workflows.TaskQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(standBulk, workflow.RegisterOptions{Name: workflows.BulkSyncName})
	require.NoError(o.t, w.Start())
	o.t.Cleanup(w.Stop)
}

// tell has a run say where it stands.
func (o *office) tell(workflowID string, p workflows.BulkProgress) {
	o.t.Helper()
	require.NoError(o.t, o.client.SignalWorkflow(o.t.Context(), workflowID, "", "stand", p))
}

// failsWith is the sentence of a run that fails.
const failsWith = "Bob shows nobody at all: check the service user"

// standBulk stands in for a bulk run. One that writes says what it is told,
// and ends when that says "done"; dry runs and plans to apply end by
// themselves.
func standBulk(ctx workflow.Context, in workflows.BulkSyncInput) (workflows.BulkProgress, error) {
	p := workflows.BulkProgress{
		Phase: workflows.BulkReading, DryRun: in.DryRun, StartedAt: workflow.Now(ctx), Settings: "0123456789ab",
		Outcomes: map[employee.Outcome]int{},
	}
	pages := slices.Collect(slices.Chunk(sampleEntries, 25))
	err := errors.Join(
		workflow.SetQueryHandler(ctx, workflows.ProgressQuery, func() (workflows.BulkProgress, error) { return p, nil }),
		workflow.SetQueryHandler(ctx, workflows.PlanQuery, func(r workflows.PlanRequest) (workflows.PlanPage, error) {
			return workflows.PlanPage{Page: r.Page, Pages: len(pages), Entries: pages[r.Page]}, nil
		}),
	)
	for update, paused := range map[string]bool{workflows.PauseUpdate: true, workflows.ResumeUpdate: false} {
		err = errors.Join(err, workflow.SetUpdateHandler(ctx, update, func(workflow.Context) (workflows.BulkProgress, error) {
			p.Paused = paused
			return p, nil
		}))
	}
	if err != nil {
		return p, err
	}
	switch {
	case in.DryRun && len(in.EmployeeIDs) == 0:
		p.Phase, p.Employees, p.Users, p.Total, p.Done, p.PlanPages = workflows.BulkDone, 312, 320, len(sampleEntries), len(sampleEntries), len(pages)
		p.Outcomes = map[employee.Outcome]int{employee.Created: 1, employee.Updated: 58, employee.Failed: 1, employee.Unchanged: 240, employee.Skipped: 12}
		p.SkippedFor = map[string]int{"Out of scope: another site": 12}
		return p, nil
	case in.Apply != nil:
		p.Phase = workflows.BulkDone
		for _, id := range workflow.DeterministicKeys(in.Apply) {
			switch in.Apply[id] {
			case "moved":
				p.Done++
				p.Outcomes[employee.Moved]++
				p.Failures = append(p.Failures, workflows.BulkFailure{
					EmployeeID: id, Outcome: employee.Moved,
					Reason: "This person's state has moved since the plan was made, so nothing was changed; make a new plan",
				})
			case "in line":
				p.Outcomes[employee.Unchanged]++
			case "gone":
			default:
				p.Done++
				p.Outcomes[employee.Updated]++
			}
		}
		p.Total = p.Done
		return p, nil
	}
	told := workflow.GetSignalChannel(ctx, "stand")
	for {
		selector := workflow.NewSelector(ctx)
		selector.AddReceive(told, func(c workflow.ReceiveChannel, _ bool) {
			started := p.StartedAt
			c.Receive(ctx, &p)
			p.StartedAt = started
		})
		selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { p.Cancelled = true })
		selector.Select(ctx)
		switch {
		case p.Cancelled:
			return p, temporal.NewCanceledError(p)
		case p.Phase == workflows.BulkDone:
			return p, nil
		case p.Phase == "failed":
			return p, temporal.NewNonRetryableApplicationError(failsWith, "TooFewShown", nil, p)
		}
	}
}

// sampleID is the Bob id of the nth sample person.
func sampleID(n int) string { return fmt.Sprintf("33328838542550%05d", n) }

func value(text string) *string { return &text }

// sampleEntries are what a dry run of standBulk would change, not in order.
var sampleEntries = func() []workflows.PlanEntry {
	entries := []workflows.PlanEntry{
		{
			EmployeeID: sampleID(2), Outcome: employee.Created, Reason: "Has no OneLogin user", Digest: "d2",
			Changes: []activities.Change{
				{Attribute: "status", New: value("1")},
				{Attribute: "email", New: value("juniper.sample@example.com")},
				{Attribute: "firstname", New: value(`Juniper <script>alert("x")</script>`)},
			},
		},
		{
			EmployeeID: sampleID(1), OneLoginID: 60000001, Outcome: employee.Updated, Reason: "OneLogin does not say what Bob says", Digest: "d1",
			Changes: []activities.Change{
				{Attribute: "title", Old: value("Baker & \x1b[31mred"), New: value("Head baker")},
				{Attribute: "phone", Old: value("+44 20 7946 0000")},
			},
		},
		{EmployeeID: sampleID(3), OneLoginID: 60000003, Outcome: employee.Failed, Reason: "Two OneLogin users carry this person's id", Digest: "d3"},
	}
	for n := 4; n <= 60; n++ {
		entries = append(entries, workflows.PlanEntry{
			EmployeeID: sampleID(n), OneLoginID: int64(60000000 + n), Outcome: employee.Updated, Reason: "OneLogin does not say what Bob says",
			Digest: fmt.Sprintf("d%d", n), Changes: []activities.Change{{Attribute: "department", Old: value("Bread"), New: value("Cakes")}},
		})
	}
	return entries
}()
