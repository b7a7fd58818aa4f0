package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"bob-onelogin/activities"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/workflows"
)

const personID = "3332883854254932743"

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
		fmt.Fprintln(os.Stderr, "dispatch:", err)
		return 1
	}
	defer func() { _ = server.Stop() }() // the process ends, and the server with it
	return m.Run()
}

// temporalCLI finds the Temporal CLI, which holds the dev server.
func temporalCLI() (string, error) {
	for _, path := range []string{os.Getenv("TEMPORAL_CLI"), filepath.Join("..", "..", "bin", "temporal")} {
		if _, err := os.Stat(path); path != "" && err == nil {
			return filepath.Abs(path)
		}
	}
	if path, err := exec.LookPath("temporal"); err == nil {
		return path, nil
	}
	return "", errors.New("the Temporal CLI is missing: run `make bin/temporal`, or name one in TEMPORAL_CLI")
}

// quiet drops the SDK's log lines.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// place is a namespace of the dev server.
type place struct {
	*dispatch.Dispatcher
	t         *testing.T
	client    client.Client
	namespace string
}

// places counts the namespaces, which repeated tests must not share.
var places atomic.Int64

func newPlace(t *testing.T, name string) *place {
	t.Helper()
	namespace := fmt.Sprintf("%s-%d", name, places.Add(1))
	c, err := client.Dial(client.Options{HostPort: server.FrontendHostPort(), Namespace: namespace, Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	p := &place{t: t, client: c, namespace: namespace, Dispatcher: dispatch.New(c, namespace)}
	p.eventually("the namespace is usable", func() bool {
		_, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace})
		return err == nil
	})
	return p
}

func (p *place) eventually(what string, ok func() bool) {
	p.t.Helper()
	require.Eventually(p.t, ok, 30*time.Second, 20*time.Millisecond, what)
}

// register gives the namespace the search attributes, and waits until workflows
// may start with them.
func (p *place) register() {
	p.t.Helper()
	require.NoError(p.t, p.RegisterSearchAttributes(p.t.Context()))
	p.eventually("workflows may carry the search attributes", func() bool {
		_, err := p.client.CountWorkflow(p.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Namespace: p.namespace, Query: "SyncState = 'Done' AND SyncDueAt IS NULL",
		})
		return err == nil
	})
	p.eventually("the dispatcher knows them", func() bool { return p.Tracked(p.t.Context()) })
}

// history is that of an employee's newest run.
func (p *place) history() []*historypb.HistoryEvent {
	p.t.Helper()
	var events []*historypb.HistoryEvent
	all := p.client.GetWorkflowHistory(p.t.Context(), workflows.EmployeeWorkflowID(personID), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		e, err := all.Next()
		require.NoError(p.t, err)
		events = append(events, e)
	}
	return events
}

// signalled are the events in the inbox of the newest run, in order.
func (p *place) signalled() []employee.Event {
	p.t.Helper()
	var events []employee.Event
	for _, h := range p.history() {
		s := h.GetWorkflowExecutionSignaledEventAttributes()
		if s == nil {
			continue
		}
		require.Equal(p.t, workflows.EventSignal, s.GetSignalName())
		var e employee.Event
		require.NoError(p.t, converter.GetDefaultDataConverter().FromPayloads(s.GetInput(), &e))
		events = append(events, e)
	}
	return events
}

// initialState is the search attribute that the newest run started with.
func (p *place) initialState() string {
	p.t.Helper()
	started := p.history()[0].GetWorkflowExecutionStartedEventAttributes()
	require.Equal(p.t, workflows.EmployeeSyncName, started.GetWorkflowType().GetName())
	require.Equal(p.t, workflows.TaskQueue, started.GetTaskQueue().GetName())
	require.Zero(p.t, started.GetWorkflowExecutionTimeout().AsDuration(), "a start date may lie months ahead")
	payload := started.GetSearchAttributes().GetIndexedFields()[workflows.SyncStateKey.GetName()]
	if payload == nil {
		return ""
	}
	var state string
	require.NoError(p.t, converter.GetDefaultDataConverter().FromPayload(payload, &state))
	return state
}

// result is what a run of stand leaves: the ReportID of the event that it got
// names one of these.
var results = map[string]workflows.Result{
	"suspended": {Outcome: employee.Suspended, Last: activities.LastSync{}.WithSuspension(true)},
	"updated": {Outcome: employee.Updated, Last: activities.LastSync{
		MemoryKnown: true, Memory: mapping.Memory{"title": {Want: "a", Stored: "b", Times: 2}},
	}},
	"unchanged": {Outcome: employee.Unchanged},
	"told": {
		Outcome: employee.Created, Reason: "A OneLogin user was created", OneLoginID: 60000042, MissingManager: person(1),
	},
	"older": {Outcome: employee.Updated, Last: activities.LastSync{MemoryKnown: true}.WithSuspension(false)},
}

// stand stands in for the employee's workflow: it ends with the result that
// its event names, and answers the query and the update.
func stand(ctx workflow.Context, _ workflows.EmployeeSyncInput) (workflows.Result, error) {
	id, err := workflows.EmployeeIDFrom(workflow.GetInfo(ctx).WorkflowExecution.ID)
	if err != nil {
		return workflows.Result{}, err
	}
	err = workflow.SetQueryHandler(ctx, workflows.StatusQuery, func() (workflows.StatusView, error) {
		return workflows.StatusView{EmployeeID: id, State: workflows.Waiting}, nil
	})
	if err != nil {
		return workflows.Result{}, err
	}
	asked := false
	err = workflow.SetUpdateHandler(ctx, workflows.SyncUpdate, func(workflow.Context) (workflows.Result, error) {
		asked = true
		if id != personID {
			return workflows.Result{}, temporal.NewNonRetryableApplicationError("two OneLogin users", activities.ErrConflict, nil)
		}
		return workflows.Result{EmployeeID: id, Outcome: employee.Updated}, nil
	})
	if err != nil {
		return workflows.Result{}, err
	}
	var e employee.Event
	inbox := workflow.GetSignalChannel(ctx, workflows.EventSignal)
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(inbox, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, &e) })
	if err := workflow.Await(ctx, func() bool { return asked || selector.HasPending() }); err != nil {
		return workflows.Result{}, err
	}
	if selector.HasPending() {
		selector.Select(ctx)
	}
	switch e.ReportID {
	case "failed":
		return workflows.Result{}, temporal.NewNonRetryableApplicationError("two OneLogin users", activities.ErrConflict, nil)
	case "again":
		return workflows.Result{}, workflow.NewContinueAsNewError(ctx, workflows.EmployeeSyncName, workflows.EmployeeSyncInput{})
	case "stays":
		return workflows.Result{}, workflow.Await(ctx, func() bool { return false })
	}
	return results[e.ReportID], nil
}

// work polls the task queue with stand and standBulk.
func (p *place) work() {
	p.t.Helper()
	w := worker.New(p.client, workflows.TaskQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(stand, workflow.RegisterOptions{Name: workflows.EmployeeSyncName})
	w.RegisterWorkflowWithOptions(standBulk, workflow.RegisterOptions{Name: workflows.BulkSyncName})
	require.NoError(p.t, w.Start())
	p.t.Cleanup(w.Stop)
}

// finish runs the employee's workflow to an end and waits until the end is
// listed, as Recall needs it.
func (p *place) finish(result string) {
	p.t.Helper()
	before := p.closed()
	require.NoError(p.t, p.Signal(p.t.Context(), personID, employee.Event{Type: employee.EventUpdated, ReportID: result}))
	p.eventually("the run is closed and listed", func() bool { return p.closed() == before+1 })
}

func (p *place) closed() int64 {
	p.t.Helper()
	n, err := p.client.CountWorkflow(p.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: p.namespace, Query: "WorkflowType = '" + workflows.EmployeeSyncName + "' AND ExecutionStatus != 'Running'",
	})
	require.NoError(p.t, err)
	return n.GetCount()
}

func TestSignalStartsAndJoins(t *testing.T) {
	p := newPlace(t, "signal")
	first := employee.Event{Type: employee.EventUpdated, ReceivedAt: time.Date(2026, 1, 8, 13, 6, 27, 0, time.UTC)}
	second := employee.Event{Type: employee.EventDeleted, Email: "juniper.sample@example.com"}
	require.NoError(t, p.Signal(t.Context(), personID, first))
	require.Equal(t, []employee.Event{first}, p.signalled(), "it is in the server's database")
	run := p.history()[0].GetWorkflowExecutionStartedEventAttributes().GetOriginalExecutionRunId()

	require.NoError(t, p.Signal(t.Context(), personID, second))
	require.Equal(t, []employee.Event{first, second}, p.signalled())
	require.Equal(t, run, p.history()[0].GetWorkflowExecutionStartedEventAttributes().GetOriginalExecutionRunId(), "one writer per employee")
}

func TestSignalSetsTheFirstState(t *testing.T) {
	tests := []struct {
		namespace  string
		registered bool
		event      employee.EventType
		state      string
	}{
		{"state-settling", true, employee.EventUpdated, string(workflows.Settling)},
		{"state-urgent", true, employee.EventLeft, string(workflows.Syncing)},
		{"state-without", false, employee.EventUpdated, ""},
	}
	for _, test := range tests {
		t.Run(test.namespace, func(t *testing.T) {
			p := newPlace(t, test.namespace)
			if test.registered {
				p.register()
			}
			require.Equal(t, test.registered, p.Tracked(t.Context()))
			require.NoError(t, p.Signal(t.Context(), personID, employee.Event{Type: test.event}))
			require.Equal(t, test.state, p.initialState())
			require.Len(t, p.signalled(), 1)
		})
	}
}

// A server may list search attributes before it accepts them, and one that had
// them may lose them: no event is lost for that.
func TestSignalWithoutTheSearchAttributesThatWerePromised(t *testing.T) {
	listed := newPlace(t, "promise-listed")
	listed.register()
	bare := newPlace(t, "promise-bare")
	// It asks the one namespace for its search attributes and starts in the
	// other.
	misled := dispatch.New(bare.client, listed.namespace)
	require.True(t, misled.Tracked(t.Context()))

	require.NoError(t, misled.Signal(t.Context(), personID, employee.Event{Type: employee.EventLeft}))
	require.Empty(t, bare.initialState())
	require.Len(t, bare.signalled(), 1)
	require.False(t, misled.Tracked(t.Context()), "it goes on without, for a while")
}

// unreachable is a client of a server that is not there.
func unreachable(t *testing.T) client.Client {
	t.Helper()
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// brief is a context for what is going to fail.
func brief(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestSignalFails(t *testing.T) {
	err := dispatch.New(unreachable(t), "default").Signal(brief(t), personID, employee.Event{Type: employee.EventDeleted, Email: "juniper.sample@example.com"})
	require.ErrorContains(t, err, "deliver employee.deleted to employee/"+personID)
	require.NotContains(t, err.Error(), "juniper")
}

func TestAnnounceCollects(t *testing.T) {
	p := newPlace(t, "announce")
	for i := range int64(3) {
		require.NoError(t, p.Announce(t.Context(), activities.CreatedUser{EmployeeID: personID, UserID: 1 + i}))
	}
	d, err := p.client.DescribeWorkflowExecution(t.Context(), workflows.ReadBackWorkflowID, "")
	require.NoError(t, err)
	require.Equal(t, workflows.ReadBackName, d.GetWorkflowExecutionInfo().GetType().GetName())
	signals := 0
	all := p.client.GetWorkflowHistory(t.Context(), workflows.ReadBackWorkflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for all.HasNext() {
		e, err := all.Next()
		require.NoError(t, err)
		if s := e.GetWorkflowExecutionSignaledEventAttributes(); s != nil {
			require.Equal(t, workflows.CreatedSignal, s.GetSignalName())
			signals++
		}
	}
	require.Equal(t, 3, signals, "one run collects them all")
}

func TestSyncNow(t *testing.T) {
	p := newPlace(t, "sync")

	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := p.SyncNow(ctx, personID)
	require.ErrorIs(t, err, dispatch.ErrNoAnswer, "no worker polls the task queue")

	p.work()
	ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	result, err := p.SyncNow(ctx, personID)
	require.NoError(t, err)
	require.Equal(t, workflows.Result{EmployeeID: personID, Outcome: employee.Updated}, result)

	_, err = p.SyncNow(ctx, personID+"1")
	var failed *temporal.ApplicationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, activities.ErrConflict, failed.Type())
	require.Equal(t, "two OneLogin users", failed.Message())
}

func TestSyncNowSetsTheFirstState(t *testing.T) {
	p := newPlace(t, "sync-state")
	p.register()
	p.work()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := p.SyncNow(ctx, personID)
	require.NoError(t, err)
	require.Equal(t, string(workflows.Syncing), p.initialState())
}

func TestStatus(t *testing.T) {
	p := newPlace(t, "status")
	_, err := p.Status(t.Context(), personID)
	var none *serviceerror.NotFound
	require.ErrorAs(t, err, &none)

	p.work()
	require.NoError(t, p.Signal(t.Context(), personID, employee.Event{Type: employee.EventUpdated}))
	view, err := p.Status(t.Context(), personID)
	require.NoError(t, err)
	require.Equal(t, workflows.StatusView{EmployeeID: personID, State: workflows.Waiting}, view)

	p.eventually("the run is closed", func() bool { return p.closed() == 1 })
	view, err = p.Status(t.Context(), personID)
	require.NoError(t, err, "a closed run answers as well")
	require.Equal(t, personID, view.EmployeeID)
}

func TestRegisterSearchAttributes(t *testing.T) {
	p := newPlace(t, "attributes")
	require.False(t, p.Tracked(t.Context()))
	require.NoError(t, p.RegisterSearchAttributes(t.Context()))
	require.NoError(t, p.RegisterSearchAttributes(t.Context()), "those that are there are left alone")
	require.NoError(t, dispatch.New(p.client, p.namespace).RegisterSearchAttributes(t.Context()), "and by another worker too")

	known, err := p.client.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: p.namespace})
	require.NoError(t, err)
	for name, kind := range dispatch.SearchAttributes() {
		require.Equal(t, kind, known.GetCustomAttributes()[name], name)
	}
	require.True(t, dispatch.New(p.client, p.namespace).Tracked(t.Context()))
}

// Two workers that add them at the same moment get two fields for one name, of
// which the server then writes one and searches the other.
func TestRegisterSearchAttributesLeavesOneFieldEach(t *testing.T) {
	p := newPlace(t, "attributes-twice")
	fields := func() map[string]string {
		described, err := p.client.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: p.namespace})
		require.NoError(t, err)
		return described.GetConfig().GetCustomSearchAttributeAliases()
	}
	_, err := p.client.WorkflowService().UpdateNamespace(t.Context(), &workflowservice.UpdateNamespaceRequest{
		Namespace: p.namespace, Config: &namespacepb.NamespaceConfig{CustomSearchAttributeAliases: map[string]string{
			"Keyword07": "SyncState", "Keyword03": "SyncState", "Keyword05": "Another", "Datetime02": "SyncDueAt",
		}},
	})
	require.NoError(t, err)
	require.Len(t, fields(), 4)

	var workers sync.WaitGroup
	for range 3 {
		workers.Go(func() {
			if err := dispatch.New(p.client, p.namespace).RegisterSearchAttributes(t.Context()); err != nil {
				t.Errorf("a worker: %v", err)
			}
		})
	}
	workers.Wait()
	require.Equal(t, map[string]string{"Keyword03": "SyncState", "Keyword05": "Another", "Datetime02": "SyncDueAt"}, fields())
}

func TestRegisterSearchAttributesOfAnotherType(t *testing.T) {
	p := newPlace(t, "attributes-other")
	_, err := p.client.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
		Namespace:        p.namespace,
		SearchAttributes: map[string]enumspb.IndexedValueType{workflows.SyncStateKey.GetName(): enumspb.INDEXED_VALUE_TYPE_TEXT},
	})
	require.NoError(t, err)
	p.eventually("the server says what is wrong", func() bool {
		err := p.RegisterSearchAttributes(t.Context())
		return err != nil && err.Error() == "list the namespace's search attributes: search attribute SyncState has the type Text in namespace "+p.namespace+" and must have Keyword"
	})
	require.False(t, p.Tracked(t.Context()))
	require.NoError(t, p.Signal(t.Context(), personID, employee.Event{Type: employee.EventUpdated}), "events are delivered all the same")
	require.Empty(t, p.initialState())
}

func TestRegisterSearchAttributesFails(t *testing.T) {
	err := dispatch.New(server.Client(), "nowhere").RegisterSearchAttributes(t.Context())
	require.ErrorContains(t, err, "list the namespace's search attributes")
}
