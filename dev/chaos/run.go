package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/workflows"
)

const (
	// restWithin is how long everything may take to come to rest. Refused
	// credentials cost a minute and some, twice where a probe meets a fault.
	restWithin = 5 * time.Minute
	// mostStirs bounds how often something more is made to happen for a fault
	// that waits for its call.
	mostStirs = 12
)

// outcome is one seed's run.
type outcome struct {
	Evidence   evidence
	Violations []violation
	Kills      map[victim]int
	Took       time.Duration
}

// run plays a seed's schedule in a world of its own.
func run(ctx context.Context, p programs, seed uint64) (outcome, error) {
	began := time.Now()
	dir, err := os.MkdirTemp("", "bob-onelogin-chaos-")
	if err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(dir)
	s := newSchedule(seed, began)
	w, err := newWorld(s)
	if err != nil {
		return outcome{}, fmt.Errorf("make the stand-ins: %w", err)
	}
	defer w.close()
	st, err := startStack(ctx, p, w, dir)
	if err != nil {
		return outcome{}, err
	}
	defer st.stop()

	r := &player{schedule: s, world: w, stack: st, people: slices.Clone(s.People), changes: map[string][]time.Time{}}
	failed := r.play(ctx)
	if ctx.Err() != nil {
		return outcome{}, ctx.Err()
	}
	e := r.evidence()
	violations := judge(e)
	if failed != nil {
		violations = append([]violation{{Invariant: "everything comes to rest", Text: failed.Error()}}, violations...)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return outcome{Evidence: e, Violations: violations, Kills: st.kills, Took: time.Since(began)}, nil
}

// player makes happen what a schedule says.
type player struct {
	schedule schedule
	world    *world
	stack    *stack
	people   []person
	changes  map[string][]time.Time
	stale    int
	before   state
	after    state
}

// play returns an error where something has not come to rest.
func (r *player) play(ctx context.Context) error {
	if err := r.wave(ctx, r.schedule.Calm); err != nil {
		return fmt.Errorf("the calm: %w", err)
	}
	r.world.arm()
	for i, steps := range r.schedule.Waves {
		var bulk client.WorkflowRun
		if i == r.schedule.Bulk {
			bulk = r.startBulk(ctx)
		}
		if err := r.wave(ctx, steps); err != nil {
			return fmt.Errorf("wave %d: %w", i+1, err)
		}
		if bulk != nil {
			_ = bulk.Get(ctx, nil) // a fault may well have ended it
		}
		if i == r.schedule.Rush {
			if err := r.aftermath(ctx); err != nil {
				return fmt.Errorf("what follows the rush: %w", err)
			}
		}
	}
	if err := r.stir(ctx); err != nil {
		return fmt.Errorf("waiting for faults: %w", err)
	}
	r.world.over()
	r.stale = r.world.bob.StaleReads()
	var err error
	if r.before, err = r.look(ctx); err != nil {
		return err
	}
	if err := r.reconcile(ctx); err != nil {
		return fmt.Errorf("the reconciling run: %w", err)
	}
	if r.after, err = r.look(ctx); err != nil {
		return err
	}
	return r.replay(ctx)
}

// wave makes all steps happen at once, and waits until nothing moves.
func (r *player) wave(ctx context.Context, steps []step) error {
	for _, st := range steps {
		if err := r.step(st); err != nil {
			return err
		}
	}
	return r.rest(ctx)
}

func (r *player) step(st step) error {
	b := r.world.bob
	email := ""
	if before, err := b.Person(st.Person); err == nil {
		email = text(before, "email")
	}
	switch {
	case st.Remove:
		if err := b.Remove(st.Person); err != nil {
			return err
		}
	case st.Patch != nil:
		if _, err := b.Put(st.Person, clone(st.Patch)); err != nil {
			return err
		}
	}
	if st.Hire {
		r.people = append(r.people, person{ID: st.Person, Situation: newcomer, Record: st.Patch})
	}
	r.changes[st.Person] = append(r.changes[st.Person], time.Now())
	for i, t := range st.Events {
		e := bob.Event{Type: t, EmployeeID: st.Person}
		if st.Remove {
			e.Data = map[string]any{"email": email}
		}
		switch st.How {
		case dropped:
			return nil
		case duplicated:
			e.Duplicates = 2
		case reordered:
			if i == 0 {
				e.Delay, e.Shuffle = control.Duration(overtaken), true
			}
		case late:
			e.Delay, e.Shuffle = control.Duration(2*settle), true
			e.TriggeredAt = time.Now().Add(-hoursLate)
		}
		if err := b.Queue(e); err != nil {
			return err
		}
	}
	return nil
}

// rest waits until every webhook has been accepted and answered by a read, and
// no workflow is at work: twice in a row, because what is listed lags a little.
func (r *player) rest(ctx context.Context) error {
	quietBefore := false
	return until(ctx, "everything comes to rest", restWithin, func(ctx context.Context) error {
		busy := r.busy(ctx)
		before := quietBefore
		if quietBefore = busy == nil; busy == nil && !before {
			return errors.New("it may go on")
		}
		return busy
	})
}

// busy says what still moves; nil for nothing.
func (r *player) busy(ctx context.Context) error {
	if err := r.stack.alive(); err != nil {
		return err
	}
	for _, d := range r.world.bob.Deliveries() {
		if !d.Delivered && !d.GivenUp {
			return fmt.Errorf("%s of employee %s is not delivered (%d after %d attempts)", d.Type, d.EmployeeID, d.Status, d.Attempts)
		}
	}
	if late := unread(r.world.log(), time.Now()); len(late) > 0 {
		return fmt.Errorf("%s of employee %s is not answered by a read", late[0].Event, late[0].Person)
	}
	return r.working(ctx)
}

// working names a workflow that is at work: one that waits for a date or for a
// person is not, nor the one that looks at created users some minutes later.
func (r *player) working(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list, err := r.stack.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: client.DefaultNamespace, PageSize: 200,
		Query: fmt.Sprintf("ExecutionStatus = 'Running' AND WorkflowType IN ('%s', '%s')", workflows.EmployeeSyncName, workflows.BulkSyncName),
	})
	if err != nil {
		return err
	}
	var held []string
	for _, info := range list.GetExecutions() {
		id, state := info.GetExecution().GetWorkflowId(), stateOf(info.GetSearchAttributes())
		switch workflows.SyncState(state) {
		case workflows.Settling, workflows.Syncing, "":
			return fmt.Errorf("%s is at work (%s)", id, state)
		case workflows.Held:
			held = append(held, id)
		}
	}
	return r.asksAgain(ctx, held)
}

func stateOf(attributes *commonpb.SearchAttributes) string {
	var state string
	if p := attributes.GetIndexedFields()[workflows.SyncStateKey.GetName()]; p != nil {
		_ = converter.GetDefaultDataConverter().FromPayload(p, &state) // none is at work
	}
	return state
}

func (r *player) startBulk(ctx context.Context) client.WorkflowRun {
	var run client.WorkflowRun
	err := until(ctx, "a bulk run starts", upWithin, func(ctx context.Context) (err error) {
		run, err = r.stack.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: workflows.BulkWorkflowID, TaskQueue: workflows.TaskQueue,
		}, workflows.BulkSyncName)
		return err
	})
	if err != nil {
		return nil // the rest is waited for anyway
	}
	return run
}

// stir makes something more happen, as long as a fault waits for its call.
func (r *player) stir(ctx context.Context) error {
	for range mostStirs {
		waiting := r.world.waiting()
		var steps []step
		if r.schedule.Stale && r.world.bob.StaleReads() == 0 {
			steps = append(steps, r.spare(staleRead)...)
		}
		if len(waiting) == 0 && len(steps) == 0 {
			return nil
		}
		bulk := false
		for _, p := range waiting {
			switch p.Kind {
			case bobSearch, oneList:
				bulk = true
			case oneCreate:
				steps = append(steps, r.spare(oneCreate)...)
			case oneSuspend, oneSessions:
				steps = append(steps, r.spare(oneSuspend)...)
			default:
				steps = append(steps, r.spare(oneUpdate)...)
			}
		}
		if bulk {
			if run := r.startBulk(ctx); run != nil {
				_ = run.Get(ctx, nil) // a fault may well end it
			}
		}
		if err := r.wave(ctx, steps); err != nil {
			return err
		}
	}
	return nil
}

func (r *player) spare(kind string) []step {
	spares := r.schedule.Spares[kind]
	if len(spares) == 0 {
		return nil
	}
	r.schedule.Spares[kind] = spares[1:]
	return spares[:1]
}

// reconcile is the nightly run, which repairs what no webhook has told.
func (r *player) reconcile(ctx context.Context) error {
	if err := r.rest(ctx); err != nil {
		return err
	}
	run := r.startBulk(ctx)
	if run == nil {
		return errors.New("it did not start")
	}
	var p workflows.BulkProgress
	timed, cancel := context.WithTimeout(ctx, restWithin)
	defer cancel()
	if err := run.Get(timed, &p); err != nil {
		return err
	}
	return r.rest(ctx)
}

// look takes down both sides as they are, and whom the brake holds.
func (r *player) look(ctx context.Context) (state, error) {
	held, err := r.held(ctx)
	if err != nil {
		return state{}, err
	}
	s := state{At: time.Now(), Users: r.world.oneLogin.Users(), Records: map[string]map[string]any{}, Held: held}
	req := httptest.NewRequest(http.MethodPost, "/v1/people/search", strings.NewReader(searchBody))
	req.SetBasicAuth(bobUser, bobToken)
	answer := httptest.NewRecorder()
	r.world.bob.ServeHTTP(answer, req)
	for _, e := range employeesIn(answer.Body.Bytes()) {
		s.Records[text(e, "id")] = e
	}
	return s, nil
}

// searchBody asks Bob for all that the truth is worked out from.
var searchBody = func() string {
	body, err := json.Marshal(map[string]any{
		"fields": []string{
			"root.id", "root.email", "root.firstName", "root.surname", "work.workPhone", "work.workMobile", "work.title", "work.department",
			"work.startDate", "work.site", "work.reportsTo", "internal.status", "internal.lifecycleStatus", "internal.terminationDate", "employee.lastDayOfWork",
		},
		"showInactive": true, "humanReadable": "APPEND",
	})
	if err != nil {
		panic(err)
	}
	return string(body)
}()

func (r *player) evidence() evidence {
	return evidence{
		Schedule: r.schedule, People: r.people, Changes: r.changes, Calls: r.world.log(), Waiting: r.world.waiting(),
		StaleReads: r.stale, Before: r.before, After: r.after,
		Log: r.stack.worker.log.String() + r.stack.starter.log.String(),
	}
}

// replay holds every history against the workflows' code: whatever was killed in
// between, a worker of tomorrow can go on with it.
func (r *player) replay(ctx context.Context) error {
	replayer := worker.NewWorkflowReplayer()
	workflows.Register(replayer, workflows.Options{SettleDelay: time.Hour})
	request := &workflowservice.ListWorkflowExecutionsRequest{Namespace: client.DefaultNamespace, PageSize: 200}
	for {
		list, err := r.stack.temporal.ListWorkflow(ctx, request)
		if err != nil {
			return err
		}
		for _, info := range list.GetExecutions() {
			x := workflow.Execution{ID: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId()}
			var h historypb.History
			for events := r.stack.temporal.GetWorkflowHistory(ctx, x.ID, x.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
				e, err := events.Next()
				if err != nil {
					return err
				}
				h.Events = append(h.Events, e)
			}
			if err := replayer.ReplayWorkflowHistoryWithOptions(quiet, &h, worker.ReplayWorkflowHistoryOptions{OriginalExecution: x}); err != nil {
				return fmt.Errorf("%s does not replay: %w", x.ID, err)
			}
		}
		if request.NextPageToken = list.GetNextPageToken(); len(request.NextPageToken) == 0 {
			return nil
		}
	}
}
