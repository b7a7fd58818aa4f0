package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// bench is the bulk workflow alone: its activities hand out what a test says,
// and its children do what a test says.
type bench struct {
	t *testing.T
	// items are the people, in their order; page is how many come at once.
	items []activities.BulkItem
	page  int
	// snapshot is what the reading says, snapshotErr what it fails with.
	snapshot    activities.BulkSnapshotResult
	snapshotErr error
	// lose says whether the nth page asked for is lost, and how.
	lose func(n int) error
	// child is what an employee's workflow does; by default it is created at
	// once. running are people whose workflow runs before the bulk run begins,
	// and ends with the first event.
	child   func(ctx workflow.Context, id string, in workflows.EmployeeSyncInput) (workflows.Result, error)
	running []string
	// budgets are OneLogin's answers, one after the other, the last for ever.
	budgets []*activities.BulkBudget
	// ended is how children of an earlier run ended; stuck happens when somebody
	// looks and nobody has ended.
	ended map[string]activities.BulkEnd
	stuck func()
	// besides stands between the workflows and Temporal.
	besides interceptor.WorkerInterceptor
	// story happens in simulated time, counted from the beginning of each run.
	story map[time.Duration]func()
	// suggest has the nth run, counted from 1, hand over.
	suggest func(run int) bool

	env *testsuite.TestWorkflowEnvironment

	mu        sync.Mutex
	snapshots []activities.BulkSnapshotInput
	pages     []activities.BulkPageInput
	asked     int
	answered  int
	looked    []activities.BulkEndsInput
	// started are the children in order, with what they were given; live and
	// most count those that run at once.
	started    []string
	given      map[string][]workflows.FromBulk
	live, most int
	events     []string
	runs       int
	options    []activityOptions
	// handed are the states that runs handed over.
	handed []workflows.BulkSyncInput
}

func newBench(t *testing.T, people int) *bench {
	t.Helper()
	b := &bench{
		t: t, page: 100, besides: &interceptor.WorkerInterceptorBase{}, given: map[string][]workflows.FromBulk{}, story: map[time.Duration]func(){},
		snapshot: activities.BulkSnapshotResult{Employees: people, Users: people, SettingsVersion: "default"},
	}
	for n := range people {
		b.items = append(b.items, activities.BulkItem{
			Key: activities.BulkKey{EmployeeID: idOf(n)}, Outcome: employee.Created, Reason: "Has no OneLogin user", Calls: 1,
			Order: &activities.BulkOrder{},
		})
	}
	return b
}

// employees is a registry in which a bench's own workflow stands for that of
// employees.
type employees struct {
	*testsuite.TestWorkflowEnvironment
	instead any
}

func (r employees) RegisterWorkflowWithOptions(w any, o workflow.RegisterOptions) {
	if o.Name == workflows.EmployeeSyncName {
		w = r.instead
	}
	r.TestWorkflowEnvironment.RegisterWorkflowWithOptions(w, o)
}

func (b *bench) employee(ctx workflow.Context, in workflows.EmployeeSyncInput) (workflows.Result, error) {
	id, err := workflows.EmployeeIDFrom(workflow.GetInfo(ctx).WorkflowExecution.ID)
	if err != nil {
		return workflows.Result{}, err
	}
	if in.Bulk == nil {
		var e employee.Event
		workflow.GetSignalChannel(ctx, workflows.EventSignal).Receive(ctx, &e)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.events = append(b.events, id+" "+string(e.Type))
		return workflows.Result{}, nil
	}
	b.mu.Lock()
	b.started = append(b.started, id)
	b.given[id] = append(b.given[id], *in.Bulk)
	b.live++
	b.most = max(b.most, b.live)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.live--
	}()
	if b.child == nil {
		return created(id), nil
	}
	return b.child(ctx, id, in)
}

// created is the result of a person who was just created.
func created(id string) workflows.Result {
	return workflows.Result{EmployeeID: id, Outcome: employee.Created, OneLoginID: userIDOf(id), Reason: "New OneLogin user"}
}

// userIDOf is the OneLogin id of a person of the bench.
func userIDOf(id string) int64 {
	var n int64
	fmt.Sscanf(id[len(id)-5:], "%d", &n)
	return 1000 + n
}

// takes is a child that is created after a while.
func takes(d time.Duration) func(workflow.Context, string, workflows.EmployeeSyncInput) (workflows.Result, error) {
	return func(ctx workflow.Context, id string, _ workflows.EmployeeSyncInput) (workflows.Result, error) {
		return created(id), workflow.Sleep(ctx, d)
	}
}

// before starts the workflows that run before the bulk run does.
type before struct {
	interceptor.WorkerInterceptorBase
	b *bench
}

func (i *before) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &beforeInbound{interceptor.WorkflowInboundInterceptorBase{Next: next}, i.b}
}

type beforeInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	b *bench
}

func (i *beforeInbound) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	if workflow.GetInfo(ctx).WorkflowType.Name == workflows.BulkSyncName && i.b.runs == 1 {
		for _, id := range i.b.running {
			o := workflow.ChildWorkflowOptions{
				WorkflowID: workflows.EmployeeWorkflowID(id), TaskQueue: workflows.TaskQueue,
				ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_ABANDON,
			}
			child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, o), workflows.EmployeeSyncName, workflows.EmployeeSyncInput{})
			if err := child.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
				return nil, err
			}
		}
	}
	return i.Next.ExecuteWorkflow(ctx, in)
}

// activityOptions are those with which a workflow began an activity.
type activityOptions struct {
	name string
	workflow.ActivityOptions
}

// watch notes how activities are begun.
type watch struct {
	interceptor.WorkerInterceptorBase
	note func(activityOptions)
}

func (i *watch) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &watchInbound{interceptor.WorkflowInboundInterceptorBase{Next: next}, i.note}
}

type watchInbound struct {
	interceptor.WorkflowInboundInterceptorBase
	note func(activityOptions)
}

func (i *watchInbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&watchOutbound{interceptor.WorkflowOutboundInterceptorBase{Next: next}, i.note})
}

type watchOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	note func(activityOptions)
}

// deaf has the first event of a run reach nobody, as if the workflow that it is
// for had ended a moment before.
type deaf struct {
	interceptor.WorkerInterceptorBase
}

func (i *deaf) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &deafInbound{interceptor.WorkflowInboundInterceptorBase{Next: next}}
}

type deafInbound struct {
	interceptor.WorkflowInboundInterceptorBase
}

func (i *deafInbound) Init(next interceptor.WorkflowOutboundInterceptor) error {
	return i.Next.Init(&deafOutbound{WorkflowOutboundInterceptorBase: interceptor.WorkflowOutboundInterceptorBase{Next: next}})
}

type deafOutbound struct {
	interceptor.WorkflowOutboundInterceptorBase
	heard bool
}

func (o *deafOutbound) SignalExternalWorkflow(ctx workflow.Context, workflowID, runID, name string, arg any) workflow.Future {
	if !o.heard {
		o.heard = true
		told, failed := workflow.NewFuture(ctx)
		failed.SetError(errors.New("unknown external workflow execution"))
		return told
	}
	return o.Next.SignalExternalWorkflow(ctx, workflowID, runID, name, arg)
}

func (o *watchOutbound) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	o.note(activityOptions{name, workflow.GetActivityOptions(ctx)})
	return o.Next.ExecuteActivity(ctx, name, args...)
}

func (b *bench) register(env *testsuite.TestWorkflowEnvironment) {
	as := func(name string, fn any) { env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name}) }
	as(activities.BulkSnapshotName, func(_ context.Context, in activities.BulkSnapshotInput) (activities.BulkSnapshotResult, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.snapshots = append(b.snapshots, in)
		out := b.snapshot
		out.ID, out.Queue, out.Items = fmt.Sprintf("snapshot %d", len(b.snapshots)), workflows.OwnTaskQueue("test"), len(b.items)
		return out, b.snapshotErr
	})
	as(activities.BulkPageName, func(_ context.Context, in activities.BulkPageInput) (activities.BulkPageResult, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.pages = append(b.pages, in)
		if b.lose != nil {
			if err := b.lose(len(b.pages)); err != nil {
				return activities.BulkPageResult{}, err
			}
		}
		if in.Unlinked != nil {
			var out activities.BulkPageResult
			for _, u := range in.Unlinked {
				out.Items = append(out.Items, activities.BulkItem{
					Key: activities.BulkKey{EmployeeID: u.EmployeeID}, Outcome: employee.Updated, Calls: 2,
					ManagerID: u.ManagerID, ManagerUserID: userIDOf(u.ManagerID),
				})
			}
			out.Last = true
			return out, nil
		}
		rest := slices.DeleteFunc(slices.Clone(b.items), func(i activities.BulkItem) bool { return i.Key.Compare(in.After) <= 0 })
		out := activities.BulkPageResult{Items: rest[:min(b.page, len(rest))], Budget: b.snapshot.Budget}
		out.Left = len(rest) - len(out.Items)
		out.Last = out.Left == 0
		if len(out.Items) > 0 {
			out.Next = out.Items[len(out.Items)-1].Key
		}
		return out, nil
	})
	as(activities.BulkBudgetName, func(context.Context) (*activities.BulkBudget, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.asked++
		if len(b.budgets) == 0 {
			return nil, errors.New("no question is expected")
		}
		return b.budgets[min(b.asked, len(b.budgets))-1], nil
	})
	as(activities.BulkEndsName, func(_ context.Context, in activities.BulkEndsInput) (activities.BulkEndsResult, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.looked = append(b.looked, in)
		var out activities.BulkEndsResult
		for _, id := range in.EmployeeIDs {
			if end, ok := b.ended[id]; ok {
				out.Ended = append(out.Ended, end)
			}
		}
		if len(out.Ended) == 0 && b.stuck != nil {
			b.stuck()
		}
		return out, nil
	})
}

// play runs the bulk run to its end, across every hand-over.
func (b *bench) play(in workflows.BulkSyncInput) (workflows.BulkProgress, error) {
	b.t.Helper()
	now := epoch
	for b.runs = 1; ; b.runs++ {
		require.Less(b.t, b.runs, 50, "the run keeps handing over")
		var suite testsuite.WorkflowTestSuite
		suite.SetLogger(quiet{})
		env := suite.NewTestWorkflowEnvironment()
		b.env = env
		// A busy machine is no deadlock.
		env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 20 * time.Second, Interceptors: []interceptor.WorkerInterceptor{
			&before{b: b}, b.besides, &watch{note: func(o activityOptions) { b.options = append(b.options, o) }},
		}})
		env.SetStartTime(now)
		env.SetTestTimeout(20 * time.Second)
		env.SetDetachedChildWait(false)
		env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflows.BulkWorkflowID, TaskQueue: workflows.TaskQueue})
		env.SetContinueAsNewSuggested(b.suggest != nil && b.suggest(b.runs))
		workflows.Register(employees{env, b.employee}, workflows.Options{SettleDelay: settle})
		b.register(env)
		for at, do := range b.story {
			env.RegisterDelayedCallback(do, at)
		}
		env.ExecuteWorkflow(workflows.BulkSyncName, in)
		require.True(b.t, env.IsWorkflowCompleted())
		err := env.GetWorkflowError()
		var wrapped *temporal.WorkflowExecutionError
		if errors.As(err, &wrapped) {
			err = wrapped.Unwrap()
		}
		var again *workflow.ContinueAsNewError
		if errors.As(err, &again) {
			for _, p := range again.Input.GetPayloads() {
				require.Less(b.t, len(p.GetData()), 256<<10)
			}
			in = workflows.BulkSyncInput{}
			require.NoError(b.t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
			b.handed = append(b.handed, in)
			now = env.Now()
			continue
		}
		if err != nil {
			return workflows.BulkProgress{}, err
		}
		var out workflows.BulkProgress
		require.NoError(b.t, env.GetWorkflowResult(&out))
		return out, nil
	}
}

// progress asks the query.
func (b *bench) progress() workflows.BulkProgress {
	b.t.Helper()
	value, err := b.env.QueryWorkflow(workflows.ProgressQuery)
	require.NoError(b.t, err)
	var p workflows.BulkProgress
	require.NoError(b.t, value.Get(&p))
	return p
}

// details are the current details that the web UI shows.
func (b *bench) details() string {
	b.t.Helper()
	return detailsOf(b.t, b.env)
}

func detailsOf(t *testing.T, env *testsuite.TestWorkflowEnvironment) string {
	t.Helper()
	value, err := env.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(t, err)
	var metadata sdkpb.WorkflowMetadata
	require.NoError(t, value.Get(&metadata))
	return metadata.GetCurrentDetails()
}

// update sends an update, whose answer says whether the run is paused.
func (b *bench) update(name string) {
	b.t.Helper()
	b.env.UpdateWorkflow(name, fmt.Sprintf("%s at %s", name, b.env.Now()), &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { require.NoError(b.t, err) },
		OnComplete: func(result any, err error) {
			require.NoError(b.t, err)
			require.Equal(b.t, name == workflows.PauseUpdate, result.(workflows.BulkProgress).Paused)
			b.answered++
		},
	})
}

// once fails where somebody was started twice.
func (b *bench) once() {
	b.t.Helper()
	sorted := slices.Sorted(slices.Values(b.started))
	require.Len(b.t, slices.Compact(slices.Clone(sorted)), len(sorted), "somebody was started twice: %v", sorted)
}

// ids are the Bob ids of some people, by number.
func people(numbers ...int) []string {
	var all []string
	for _, n := range numbers {
		all = append(all, idOf(n))
	}
	return all
}

// impersonal fails where a text has something of a person.
func impersonal(t *testing.T, text string) {
	t.Helper()
	for _, s := range []string{"juniper", "sample", "example.com", "@", "gardener", "7946"} {
		require.NotContains(t, strings.ToLower(text), s)
	}
}
