package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	simbob "bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	simonelogin "bob-onelogin/dev/sim/onelogin"
	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/workflows"
)

const (
	personID  = "3332883800000000011"
	managerID = "3332883800000000012"
	settle    = 30 * time.Second
)

// epoch is when every story begins: noon in London, a winter's day.
var epoch = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// world is one employee's workflow with the real activities, the stand-ins of
// both APIs, and simulated time that passes as fast as the tests run.
type world struct {
	t        *testing.T
	bob      *simbob.Server
	bobCalls *control.Control
	one      *simonelogin.Server
	oneCalls *control.Control
	acts     *activities.Activities
	settings mapping.Settings
	id       string

	// story is what happens when, in simulated time.
	story []chapter
	env   *testsuite.TestWorkflowEnvironment
	runs  int

	// shown is what the list of workflows shows, in the order in which that
	// changed; starts is what it shows when the workflow starts. Without it the
	// namespace has no search attributes.
	starts []temporal.SearchAttributeUpdate
	shown  []string
	// looks are what looks at the person have come to.
	looks []workflows.Look

	// last is what earlier runs left, and onRead happens when Bob is about to
	// be read.
	last   activities.LastSync
	onRead func()
	// brake is asked before anybody is suspended.
	brake *stubBrake

	mu      sync.Mutex
	signals []signal
	// announced are the users that were created.
	announced []activities.CreatedUser
	timers    map[string]time.Duration
	started   []time.Duration
}

type chapter struct {
	at time.Time
	do func()
}

type signal struct {
	employeeID string
	event      employee.Event
}

func newWorld(t *testing.T, change ...func(*mapping.Settings)) *world {
	t.Helper()
	w := &world{t: t, id: personID, settings: mapping.Default(), brake: &stubBrake{}}
	london, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	w.settings.Policy.Zones.Default = london
	for _, c := range change {
		c(&w.settings)
	}

	w.bobCalls = control.New(control.NewClock())
	w.bob = simbob.New(simbob.Config{
		ServiceUserID: "SERVICE-test", Token: "token",
		Settings: simbob.Settings{PerMinute: -1},
	}, w.bobCalls)
	t.Cleanup(w.bob.Close)
	bobServer := httptest.NewServer(w.bob)
	t.Cleanup(bobServer.Close)

	w.oneCalls = control.New(control.NewClock())
	w.one = simonelogin.New(simonelogin.Config{
		ClientID: "id", ClientSecret: "secret", HourlyBudget: -1, BurstPerSecond: -1,
	}, w.oneCalls)
	w.one.DefineCustomAttribute("Work Cell", "work_cell")
	oneServer := httptest.NewServer(w.one)
	t.Cleanup(oneServer.Close)

	bobClient, err := bob.New(bob.Config{BaseURL: bobServer.URL + "/v1", ServiceUserID: "SERVICE-test", Token: "token", MaxPerMinute: 100_000})
	require.NoError(t, err)
	oneClient, err := onelogin.New(onelogin.Config{BaseURL: oneServer.URL, ClientID: "id", ClientSecret: "secret", MaxRPS: 100_000})
	require.NoError(t, err)
	w.acts = &activities.Activities{
		Bob: bobClient, OneLogin: oneClient,
		Settings: func() mapping.Settings { return w.settings },
		Signal: func(_ context.Context, id string, e employee.Event) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.signals = append(w.signals, signal{id, e})
			return nil
		},
		Announce: func(_ context.Context, c activities.CreatedUser) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.announced = append(w.announced, c)
			return nil
		},
		Recall:           func(context.Context, string) (activities.LastSync, error) { return w.last, nil },
		SearchAttributes: func() bool { return false },
		Brake:            w.brake,
	}
	require.NoError(t, w.acts.Prepare(context.Background()))
	return w
}

// person puts the sample person into Bob: active since 2020 unless changed.
func (w *world) person(changes ...map[string]any) {
	w.t.Helper()
	w.put(w.id, map[string]any{
		"email": "juniper.sample@example.com", "firstName": "Juniper", "surname": "Sample",
		"work":     map[string]any{"startDate": "2020-01-06", "title": "Gardener", "workPhone": "+44 20 7946 0001", "workMobile": "+44 7700 900001"},
		"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
	})
	for _, c := range changes {
		w.put(w.id, c)
	}
}

func (w *world) put(id string, record map[string]any) {
	w.t.Helper()
	_, err := w.bob.Put(id, record)
	require.NoError(w.t, err)
}

func hired(start string) map[string]any {
	return map[string]any{
		"work":     map[string]any{"startDate": start},
		"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "hired"},
	}
}

func employed() map[string]any {
	return map[string]any{"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"}}
}

func terminated() map[string]any {
	return map[string]any{"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "terminated"}}
}

func title(s string) map[string]any { return map[string]any{"work": map[string]any{"title": s}} }

// linked gives the person a OneLogin user that says what Bob says.
func (w *world) linked(changes ...map[string]any) int64 {
	w.t.Helper()
	user := map[string]any{
		"email": "juniper.sample@example.com", "username": "juniper.sample@example.com",
		"firstname": "Juniper", "lastname": "Sample", "phone": "+44 20 7946 0001", "title": "Gardener",
		"custom_attributes": map[string]any{"work_cell": "+44 7700 900001"},
		"external_id":       w.id, "status": 1, "state": 1,
	}
	for _, c := range changes {
		for k, v := range c {
			user[k] = v
		}
	}
	return w.one.Seed(user)[0]
}

// user returns the person's OneLogin user; nil where there is none.
func (w *world) user() map[string]any {
	users := w.users()
	if len(users) > 1 {
		w.t.Fatalf("%d OneLogin users carry the person's id", len(users))
	}
	if len(users) == 0 {
		return nil
	}
	return users[0]
}

func (w *world) users() []map[string]any {
	return slices.DeleteFunc(w.one.Users(), func(u map[string]any) bool { return u["external_id"] != w.id })
}

func (w *world) userStatus() int {
	w.t.Helper()
	u := w.user()
	require.NotNil(w.t, u, "the person has a OneLogin user")
	return number(w.t, u["status"])
}

func number(t *testing.T, v any) int {
	t.Helper()
	switch v := v.(type) {
	case int:
		return v
	case int64:
		return int(v)
	case float64:
		return int(v)
	default:
		t.Fatalf("%v (%T) is not a number", v, v)
		return 0
	}
}

// at plans what happens at a moment of simulated time.
func (w *world) at(when time.Time, do func()) {
	w.story = append(w.story, chapter{when, do})
}

// after is at, counted from the beginning.
func (w *world) after(d time.Duration, do func()) { w.at(epoch.Add(d), do) }

// event delivers an event now.
func (w *world) event(t employee.EventType) { w.deliver(employee.Event{Type: t}) }

func (w *world) deliver(e employee.Event) {
	if e.ReceivedAt.IsZero() {
		e.ReceivedAt = w.env.Now()
	}
	w.env.SignalWorkflow(workflows.EventSignal, e)
}

// storyGoesOn reports whether something has not happened yet.
func (w *world) storyGoesOn() bool {
	return slices.ContainsFunc(w.story, func(c chapter) bool { return c.do != nil })
}

// begins returns when the next start of the workflow happens: at the epoch, or
// with the first of what has not happened when an earlier run ended.
func (w *world) begins() time.Time {
	if w.env == nil {
		return epoch
	}
	next := w.env.Now()
	for i, c := range slices.DeleteFunc(slices.Clone(w.story), func(c chapter) bool { return c.do == nil }) {
		if i == 0 || c.at.Before(next) {
			next = c.at
		}
	}
	return next
}

// status asks the query.
func (w *world) status() workflows.StatusView {
	w.t.Helper()
	value, err := w.env.QueryWorkflow(workflows.StatusQuery)
	require.NoError(w.t, err)
	var view workflows.StatusView
	require.NoError(w.t, value.Get(&view))
	return view
}

// liveTimers counts the timers, those of the settle delay aside, that neither
// fired nor were cancelled.
func (w *world) liveTimers() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, d := range w.timers {
		if d > settle {
			n++
		}
	}
	return n
}

// longTimers counts the timers, those of the settle delay aside, that were
// ever started.
func (w *world) longTimers() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, d := range w.started {
		if d > settle {
			n++
		}
	}
	return n
}

// play starts the workflow with events and lets the story happen, across every
// continue-as-new, until the workflow ends.
func (w *world) play(events ...employee.EventType) (workflows.Result, error) {
	w.t.Helper()
	now, input := w.begins(), workflows.EmployeeSyncInput{}
	for w.runs = 0; ; {
		w.runs++
		require.Less(w.t, w.runs, 2000, "the workflow keeps continuing as new")
		err := w.run(now, input, events)
		var again *workflow.ContinueAsNewError
		if !errors.As(err, &again) {
			if err != nil {
				return workflows.Result{}, err
			}
			var result workflows.Result
			require.NoError(w.t, w.env.GetWorkflowResult(&result))
			return result, nil
		}
		input = workflows.EmployeeSyncInput{}
		require.NoError(w.t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &input))
		now, events = w.env.Now(), nil
	}
}

func (w *world) run(now time.Time, input workflows.EmployeeSyncInput, events []employee.EventType) error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	w.env = suite.NewTestWorkflowEnvironment()
	w.env.SetStartTime(now)
	w.env.SetTestTimeout(30 * time.Second)
	// A machine that is busy with other tests is no deadlock.
	w.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: 20 * time.Second})
	w.env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflows.EmployeeWorkflowID(w.id), TaskQueue: workflows.TaskQueue})
	workflows.Register(w.env, workflows.Options{SettleDelay: settle, Observe: func(l workflows.Look) { w.looks = append(w.looks, l) }})
	w.acts.RegisterGeneral(w.env)
	w.acts.RegisterOneLogin(w.env)
	w.show()
	w.brake.now = w.env.Now
	w.env.OnSignalExternalWorkflow(mock.Anything, workflows.BrakeWorkflowID, "", workflows.DropSignal, workflows.NotHeld{EmployeeID: w.id}).
		Return(func(string, string, string, string, any) error {
			w.brake.drop(w.id)
			return nil
		})

	w.env.OnSignalExternalWorkflow(mock.Anything, workflows.BrakeWorkflowID, "", workflows.DropSignal, mock.MatchedBy(func(n workflows.NotHeld) bool { return !n.Refused.IsZero() })).
		Return(func(_ string, _ string, _ string, _ string, n any) error {
			w.brake.refund(n.(workflows.NotHeld))
			return nil
		})

	w.env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		if info.ActivityType.Name == activities.ReadEmployeeName && w.onRead != nil {
			w.onRead()
		}
	})
	w.timers = map[string]time.Duration{}
	w.env.SetOnTimerScheduledListener(func(id string, d time.Duration) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.timers[id] = d
		w.started = append(w.started, d)
	})
	gone := func(id string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.timers, id)
	}
	w.env.SetOnTimerFiredListener(gone)
	w.env.SetOnTimerCanceledListener(gone)

	if len(events) > 0 {
		w.env.RegisterDelayedCallback(func() {
			for _, e := range events {
				w.event(e)
			}
		}, 0)
	}
	for i := range w.story {
		c := &w.story[i]
		if c.do == nil {
			continue
		}
		w.env.RegisterDelayedCallback(func() {
			do := c.do
			c.do = nil
			do()
		}, max(0, c.at.Sub(now)))
	}
	w.env.ExecuteWorkflow(workflows.EmployeeSyncName, input)
	require.True(w.t, w.env.IsWorkflowCompleted())
	err := w.env.GetWorkflowError()
	var wrapped *temporal.WorkflowExecutionError
	if errors.As(err, &wrapped) {
		return wrapped.Unwrap()
	}
	return err
}

// show follows what the list of workflows shows.
func (w *world) show() {
	if w.starts == nil {
		return
	}
	state, due := "", ""
	see := func(a temporal.SearchAttributes) {
		if s, ok := a.GetKeyword(workflows.SyncStateKey); ok {
			state = s
		}
		if at, ok := a.GetTime(workflows.SyncDueAtKey); ok {
			due = " " + at.UTC().Format(time.RFC3339)
		} else if strings.Contains(fmt.Sprint(a), "<nil>") {
			due = "" // the collection hides from its readers what it unsets
		}
		if now := state + due; len(w.shown) == 0 || w.shown[len(w.shown)-1] != now {
			w.shown = append(w.shown, now)
		}
	}
	start := temporal.NewSearchAttributes(w.starts...)
	require.NoError(w.t, w.env.SetTypedSearchAttributesOnStart(start))
	see(start)
	w.env.OnUpsertTypedSearchAttributes(mock.MatchedBy(func(a temporal.SearchAttributes) bool {
		see(a)
		return true
	})).Return(nil)
}

func (w *world) reads() int { return w.bobCalls.Calls()["POST /v1/people/{identifier}"] }

// quiet drops the SDK's log lines, which would bury a failing test's own.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
