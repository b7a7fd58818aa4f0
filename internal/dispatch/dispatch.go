// Package dispatch delivers events and requests to employees' workflows and to
// bulk runs, and asks them what they know. It is the only place outside the
// workflows that knows how they are started: an employee's under the employee's
// own ID, together with the signal, in one transaction of the Temporal server;
// a bulk run under one of two fixed IDs, or by a Schedule.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// Dispatcher talks to employees' workflows through one Temporal client.
type Dispatcher struct {
	client    client.Client
	namespace string
	tracking  tracking

	// Patience bounds the waits for a bulk run's answers.
	Patience Patience
}

// New returns a dispatcher for a namespace.
func New(c client.Client, namespace string) *Dispatcher {
	return &Dispatcher{client: c, namespace: namespace, Patience: defaultPatience}
}

// Signal delivers an event to an employee's workflow, starting it if it does
// not run. When it returns nil, the server has the event in its database.
func (d *Dispatcher) Signal(ctx context.Context, employeeID string, e employee.Event) error {
	in := workflows.EmployeeSyncInput{Shown: workflows.InitialState(e.Type)}
	if e.Type.Urgent() {
		in.ShownDue = e.ReceivedAt
	}
	_, err := withTracking(ctx, d, employeeID, in, func(o client.StartWorkflowOptions, in workflows.EmployeeSyncInput) (client.WorkflowRun, error) {
		return d.client.SignalWithStartWorkflow(ctx, o.ID, workflows.EventSignal, e, o, workflows.EmployeeSyncName, in)
	})
	if err != nil {
		return fmt.Errorf("deliver %s to %s: %w", e.Type, workflows.EmployeeWorkflowID(employeeID), err)
	}
	return nil
}

// Announce has a user that was just created read back later, together with
// others of the same time. When it returns nil, the server has it.
func (d *Dispatcher) Announce(ctx context.Context, c activities.CreatedUser) error {
	_, err := d.client.SignalWithStartWorkflow(ctx, workflows.ReadBackWorkflowID, workflows.CreatedSignal, c, client.StartWorkflowOptions{
		ID: workflows.ReadBackWorkflowID, TaskQueue: workflows.TaskQueue,
		StaticSummary: "Read created OneLogin users back: is there a licence for each?",
	}, workflows.ReadBackName, workflows.ReadBackInput{})
	if err != nil {
		return fmt.Errorf("announce user %d to %s: %w", c.UserID, workflows.ReadBackWorkflowID, err)
	}
	return nil
}

// ErrNoAnswer: the request was not answered in time; most often no worker
// polls the task queue.
var ErrNoAnswer = errors.New("no answer in time")

// SyncNow asks an employee's workflow for a synchronisation now, starting it
// if it does not run, and returns what it came to. It waits for an answer as
// long as ctx lets it, and returns ErrNoAnswer after that.
func (d *Dispatcher) SyncNow(ctx context.Context, employeeID string) (workflows.Result, error) {
	in := workflows.EmployeeSyncInput{Shown: workflows.Syncing}
	handle, err := withTracking(ctx, d, employeeID, in, func(o client.StartWorkflowOptions, in workflows.EmployeeSyncInput) (client.WorkflowUpdateHandle, error) {
		o.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
		return d.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: d.client.NewWithStartWorkflowOperation(o, workflows.EmployeeSyncName, in),
			UpdateOptions: client.UpdateWorkflowOptions{
				WorkflowID: o.ID, UpdateName: workflows.SyncUpdate,
				WaitForStage: client.WorkflowUpdateStageCompleted,
			},
		})
	})
	var result workflows.Result
	if err == nil {
		err = handle.Get(ctx, &result)
	}
	// The call may see the end of the wait a moment before ctx says so.
	var tooLate *client.WorkflowUpdateServiceTimeoutOrCanceledError
	if ctx.Err() != nil || errors.As(err, &tooLate) {
		return workflows.Result{}, ErrNoAnswer
	}
	return result, err
}

// Status asks an employee's workflow, running or closed, where it stands.
// A *serviceerror.NotFound says that there is no such workflow.
func (d *Dispatcher) Status(ctx context.Context, employeeID string) (workflows.StatusView, error) {
	var view workflows.StatusView
	answer, err := d.client.QueryWorkflow(ctx, workflows.EmployeeWorkflowID(employeeID), "", workflows.StatusQuery)
	if err != nil {
		return view, err
	}
	return view, answer.Get(&view)
}

// startOptions are those of every employee's workflow. It has no time-outs:
// it may wait for a start date months ahead.
func startOptions(employeeID string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:            workflows.EmployeeWorkflowID(employeeID),
		TaskQueue:     workflows.TaskQueue,
		StaticSummary: workflows.EmployeeSummary(employeeID, ""),
	}
}

// withTracking starts with the first search attributes set where the namespace
// has them, and without where the server does not accept them (yet).
func withTracking[T any](ctx context.Context, d *Dispatcher, employeeID string, in workflows.EmployeeSyncInput, start func(client.StartWorkflowOptions, workflows.EmployeeSyncInput) (T, error)) (T, error) {
	o := startOptions(employeeID)
	if !d.Tracked(ctx) {
		return start(o, workflows.EmployeeSyncInput{})
	}
	o.TypedSearchAttributes = in.SearchAttributes()
	out, err := start(o, in)
	var invalid *serviceerror.InvalidArgument
	if !errors.As(err, &invalid) {
		return out, err
	}
	d.tracking.lost()
	return start(startOptions(employeeID), workflows.EmployeeSyncInput{})
}

// SearchAttributes are the program's search attributes and their types.
func SearchAttributes() map[string]enumspb.IndexedValueType {
	return map[string]enumspb.IndexedValueType{
		workflows.SyncStateKey.GetName(): enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		workflows.SyncDueAtKey.GetName(): enumspb.INDEXED_VALUE_TYPE_DATETIME,
	}
}

// RegisterSearchAttributes adds the program's search attributes to the
// namespace where they are missing. On Temporal Cloud, and where permissions
// do not allow it, an administrator has to; the error says so.
func (d *Dispatcher) RegisterSearchAttributes(ctx context.Context) error {
	missing, err := d.missingSearchAttributes(ctx)
	if err != nil {
		return fmt.Errorf("list the namespace's search attributes: %w", err)
	}
	if len(missing) > 0 {
		// Workers of a new namespace start together; one of them is enough.
		if err := pause(ctx, rand.N(registrationSpread)); err != nil {
			return err
		}
		if missing, err = d.missingSearchAttributes(ctx); err != nil {
			return fmt.Errorf("list the namespace's search attributes: %w", err)
		}
	}
	if len(missing) > 0 {
		if err := d.addSearchAttributes(ctx, missing); err != nil {
			return err
		}
	}
	// A server takes some seconds to know its own new attributes everywhere; a
	// workflow that began meanwhile would go without them.
	for deadline := time.Now().Add(registrationTimeout); time.Now().Before(deadline); {
		wait := 200 * time.Millisecond
		if d.searchable(ctx) {
			repaired, err := d.oneFieldEach(ctx)
			switch {
			case err != nil:
				return err
			case !repaired:
				d.tracking.found()
				return nil
			}
			wait = registrationShows
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
	return fmt.Errorf("the search attributes were added to namespace %s but do not show yet", d.namespace)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// oneFieldEach takes away what several workers have added at once, and tells
// whether there was anything. A server with an SQL database gives an attribute
// one of its free fields; asked twice at the same moment it gives two, and then
// looks for people in one field whom it has written into the other. Whoever
// finds that leaves the same field. Elsewhere there are no such fields.
func (d *Dispatcher) oneFieldEach(ctx context.Context) (repaired bool, err error) {
	described, err := d.client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: d.namespace})
	if err != nil {
		return false, fmt.Errorf("look at namespace %s: %w", d.namespace, err)
	}
	fields := described.GetConfig().GetCustomSearchAttributeAliases()
	ours, seen, surplus := SearchAttributes(), map[string]bool{}, map[string]string{}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		name := fields[field]
		if _, ok := ours[name]; ok && seen[name] {
			surplus[field] = "" // which takes it away
		}
		seen[name] = true
	}
	if len(surplus) == 0 {
		return false, nil
	}
	_, err = d.client.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: d.namespace, Config: &namespacepb.NamespaceConfig{CustomSearchAttributeAliases: surplus},
	})
	if err != nil {
		return false, fmt.Errorf("take away the second fields of search attributes in namespace %s: %w", d.namespace, err)
	}
	return true, nil
}

func (d *Dispatcher) addSearchAttributes(ctx context.Context, missing map[string]enumspb.IndexedValueType) error {
	_, err := d.client.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: d.namespace, SearchAttributes: missing,
	})
	var exists *serviceerror.AlreadyExists
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("add the search attributes SyncState (Keyword) and SyncDueAt (Datetime) to namespace %s: %w", d.namespace, err)
	}
	return nil
}

// searchable reports whether the namespace has the search attributes and
// queries may use them. Servers list new ones some seconds before that.
func (d *Dispatcher) searchable(ctx context.Context) bool {
	missing, err := d.missingSearchAttributes(ctx)
	if err != nil || len(missing) > 0 {
		return false
	}
	_, err = d.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: d.namespace,
		Query:     fmt.Sprintf("%s = '%s' AND %s IS NULL", workflows.SyncStateKey.GetName(), workflows.Waiting, workflows.SyncDueAtKey.GetName()),
	})
	return err == nil
}

const (
	// registrationTimeout bounds the wait for new search attributes to show.
	registrationTimeout = 20 * time.Second
	// registrationSpread is in what time workers add them that start together.
	registrationSpread = time.Second
	// registrationShows is how long a server may go on with what it has known of
	// a namespace, and more.
	registrationShows = 5 * time.Second
)

func (d *Dispatcher) missingSearchAttributes(ctx context.Context) (map[string]enumspb.IndexedValueType, error) {
	known, err := d.client.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: d.namespace})
	if err != nil {
		return nil, err
	}
	missing := SearchAttributes()
	for name, kind := range known.GetCustomAttributes() {
		switch wanted, ours := missing[name]; {
		case !ours:
		case wanted != kind:
			return nil, &AttributeTypeError{Namespace: d.namespace, Name: name, Type: kind, Wanted: wanted}
		default:
			delete(missing, name)
		}
	}
	return missing, nil
}

// tracking remembers whether the namespace has the search attributes.
type tracking struct {
	mu     sync.Mutex
	known  bool
	nextAt time.Time
}

// trackingRetry is how often their absence is looked at again.
const trackingRetry = 5 * time.Second

func (t *tracking) found() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = true
}

func (t *tracking) lost() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known, t.nextAt = false, time.Now().Add(trackingRetry)
}

// Tracked reports whether workflows may set the search attributes. Where that
// cannot be found out, they go without.
func (d *Dispatcher) Tracked(ctx context.Context) bool {
	d.tracking.mu.Lock()
	defer d.tracking.mu.Unlock()
	if d.tracking.known || time.Now().Before(d.tracking.nextAt) {
		return d.tracking.known
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	d.tracking.known = d.searchable(ctx)
	d.tracking.nextAt = time.Now().Add(trackingRetry)
	return d.tracking.known
}
