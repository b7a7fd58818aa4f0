package dispatch_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/notify"
	"bob-onelogin/workflows"
)

// begin starts an employee's workflow in a state; no worker takes it up.
func (p *place) begin(i int, state workflows.SyncState, due time.Time) {
	p.t.Helper()
	shown := []temporal.SearchAttributeUpdate{workflows.SyncStateKey.ValueSet(string(state))}
	if !due.IsZero() {
		shown = append(shown, workflows.SyncDueAtKey.ValueSet(due))
	}
	_, err := p.client.ExecuteWorkflow(p.t.Context(), client.StartWorkflowOptions{
		ID: workflows.EmployeeWorkflowID(person(i)), TaskQueue: workflows.TaskQueue, TypedSearchAttributes: temporal.NewSearchAttributes(shown...),
	}, workflows.EmployeeSyncName, workflows.EmployeeSyncInput{})
	require.NoError(p.t, err)
}

func TestSurvey(t *testing.T) {
	p := newPlace(t, "survey")
	s := p.NewSurveyor()
	survey, err := s.Look(t.Context())
	require.NoError(t, err)
	require.False(t, survey.Tracked, "nobody can be counted yet")
	require.Nil(t, survey.Running)

	p.register()
	survey, err = s.Look(t.Context())
	require.NoError(t, err)
	require.True(t, survey.Tracked)
	require.Zero(t, survey.OldestEndDue)
	require.Zero(t, survey.OldestEvent)
	require.NotNil(t, survey.Brake, "a brake that was never asked holds nobody")
	require.Zero(t, survey.Brake.Held)
	empty := survey.At

	long, ago, ahead := time.Now().Add(-time.Hour), time.Now().Add(-10*time.Minute), time.Now().Add(time.Hour)
	p.begin(1, workflows.Waiting, ahead)
	p.begin(2, workflows.Waiting, ago)
	p.begin(3, workflows.Leaving, ahead)
	p.begin(4, workflows.Leaving, ago)
	p.begin(5, workflows.Settling, time.Time{})
	p.begin(6, workflows.Settling, ahead) // an event, while a date lies ahead
	p.begin(7, workflows.Skipped, time.Time{})
	require.NoError(t, p.Signal(t.Context(), person(8), employee.Event{Type: employee.EventLeft, ReceivedAt: long}))
	require.NoError(t, p.Signal(t.Context(), person(9), employee.Event{Type: employee.EventUpdated, ReceivedAt: long}))
	for _, in := range []workflows.BulkSyncInput{{}, {DryRun: true}} {
		run, _, err := p.StartBulk(t.Context(), in)
		require.NoError(t, err)
		require.NoError(t, p.client.TerminateWorkflow(t.Context(), run.WorkflowID, run.RunID, "for the test"))
	}
	p.eventually("everybody is listed", func() bool {
		survey, err = s.Look(t.Context())
		require.NoError(t, err)
		total := 0
		for _, n := range survey.Running {
			total += n
		}
		return total == 8 && len(survey.BulkEnds) == 1
	})
	require.Equal(t, map[workflows.SyncState]int{workflows.Waiting: 2, workflows.Leaving: 2, workflows.Settling: 3, workflows.Syncing: 1, workflows.Held: 0}, survey.Running)
	require.Equal(t, 1, survey.StartsDue)
	require.Equal(t, 2, survey.EndsDue)
	require.WithinDuration(t, long, survey.OldestEndDue, time.Second)
	require.WithinDuration(t, long, survey.OldestEvent, time.Second, "of the event itself")
	require.Equal(t, workflows.BulkWorkflowID, survey.BulkEnds[0].WorkflowID)
	require.Equal(t, dispatch.BulkTerminated, survey.BulkEnds[0].Status)

	// Without the leaver, the oldest event is as old as the first workflow that
	// has one to answer.
	require.NoError(t, p.client.TerminateWorkflow(t.Context(), workflows.EmployeeWorkflowID(person(8)), "", "for the test"))
	p.eventually("the leaver is gone", func() bool {
		survey, err = s.Look(t.Context())
		require.NoError(t, err)
		return survey.Running[workflows.Syncing] == 0
	})
	require.WithinDuration(t, ago, survey.OldestEndDue, time.Second, "whom no worker has taken up")
	require.True(t, survey.OldestEvent.After(empty) && survey.OldestEvent.Before(survey.At), "since the start of the workflow")
}

// A workflow with something to do has had it since its start, unless it was seen
// without before.
func TestSinceWhenEventsAreUnanswered(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2027, 3, 1, 9, minute, 0, 0, time.UTC) }
	var pending dispatch.PendingRuns
	none := time.Time{}
	waited := dispatch.Surveyed("waited", workflows.Waiting, at(-600), at(600))
	looks := []struct {
		now    time.Time
		runs   []dispatch.SurveyedRun
		oldest time.Time
	}{
		{now: at(0), runs: []dispatch.SurveyedRun{waited}},
		{now: at(1), runs: []dispatch.SurveyedRun{waited, dispatch.Surveyed("new", workflows.Settling, at(0), none)}, oldest: at(0)},
		{now: at(2), runs: []dispatch.SurveyedRun{
			dispatch.Surveyed("waited", workflows.Settling, at(-600), at(600)), // woken by an event
			dispatch.Surveyed("rested", workflows.Settling, at(-600), none),    // without a date
		}, oldest: at(2)},
		{now: at(3), runs: []dispatch.SurveyedRun{dispatch.Surveyed("waited", workflows.Syncing, at(-600), at(600))}, oldest: at(2)},
		{now: at(4), runs: []dispatch.SurveyedRun{
			dispatch.Surveyed("waited", workflows.Syncing, at(-600), at(600)),
			dispatch.Surveyed("leaver", workflows.Syncing, at(-600), at(-7)),
		}, oldest: at(-7)},
		{now: at(5), runs: []dispatch.SurveyedRun{waited}},
		{now: at(6), runs: []dispatch.SurveyedRun{dispatch.Surveyed("waited", workflows.Settling, at(-600), at(600))}, oldest: at(6)},
	}
	for _, look := range looks {
		require.Equal(t, look.oldest, pending.Oldest(look.runs, look.now), "at %s", look.now)
	}
}

func TestNotPolledBy(t *testing.T) {
	p := newPlace(t, "polled-by")
	everything := []string{"bob-onelogin (workflows)", "bob-onelogin (activities)", "bob-onelogin-api (activities)", "own (activities)"}
	missing, err := p.NotPolledBy(t.Context(), "me", "own")
	require.NoError(t, err)
	require.Equal(t, everything, missing)

	start := func(identity, queue string) {
		w := worker.New(p.client, queue, worker.Options{Identity: identity, DisableWorkflowWorker: queue != workflows.TaskQueue})
		w.RegisterActivityWithOptions(func() error { return nil }, activity.RegisterOptions{Name: "Nothing"})
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	for _, queue := range []string{workflows.TaskQueue, workflows.OneLoginTaskQueue, "own"} {
		start("another", queue)
	}
	p.eventually("the other is seen", func() bool {
		missing, err = p.NotPolledBy(t.Context(), "another", "own")
		require.NoError(t, err)
		return len(missing) == 0
	})
	missing, err = p.NotPolledBy(t.Context(), "me", "own")
	require.NoError(t, err)
	require.Equal(t, everything, missing, "what others poll is not polled by me")
	start("me", workflows.TaskQueue)
	p.eventually("I am seen", func() bool {
		missing, err = p.NotPolledBy(t.Context(), "me")
		require.NoError(t, err)
		return len(missing) == 1 && missing[0] == "bob-onelogin-api (activities)"
	})
}

func TestNotifierHandsOnOnce(t *testing.T) {
	p := newPlace(t, "notices")
	held := notify.Notice{Kind: notify.Held, EmployeeID: person(1), WorkflowID: workflows.EmployeeWorkflowID(person(1))}
	one, another := p.NewNotifier(), p.NewNotifier()
	for range 3 {
		require.NoError(t, one.Notify(t.Context(), held))
	}
	require.Equal(t, 1, p.notices())
	require.NoError(t, one.Notify(t.Context(), notify.Notice{Kind: notify.CredentialsRefused, API: "Bob"}))
	require.NoError(t, another.Notify(t.Context(), held), "another process: the workflow tells it once")
	require.Equal(t, 3, p.notices())

	// What could not be handed on is tried again.
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	conflict := notify.Notice{Kind: notify.Conflict, EmployeeID: person(1)}
	require.ErrorContains(t, one.Notify(canceled, conflict), "hand a notice of the kind conflict to notify: ")
	require.NoError(t, one.Notify(t.Context(), conflict))
	require.Equal(t, 4, p.notices())
}

// notices counts those that the workflow has been signalled.
func (p *place) notices() int {
	p.t.Helper()
	n := 0
	h := p.client.GetWorkflowHistory(p.t.Context(), workflows.NotifyWorkflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for h.HasNext() {
		e, err := h.Next()
		require.NoError(p.t, err)
		if e.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == workflows.NoticeSignal {
			n++
		}
	}
	return n
}
