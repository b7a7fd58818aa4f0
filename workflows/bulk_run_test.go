package workflows_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/workflows"
)

func TestBulkKeepsToItsWindow(t *testing.T) {
	for _, window := range []int{1, 3, 0} {
		t.Run(fmt.Sprint(window), func(t *testing.T) {
			b := newBench(t, 120)
			b.page = 7
			b.child = takes(time.Minute)
			out, err := b.play(workflows.BulkSyncInput{Window: window})
			require.NoError(t, err)
			b.once()
			want := window
			if want == 0 {
				want = workflows.DefaultWindow
			}
			require.Equal(t, want, b.most)
			require.Equal(t, 120, out.Done)
			require.Equal(t, map[employee.Outcome]int{employee.Created: 120}, out.Outcomes)
			require.Equal(t, workflows.BulkDone, out.Phase)
			require.Zero(t, out.Running)
		})
	}
}

func TestBulkStartsManagersFirst(t *testing.T) {
	// The first manages the second, and the second the third; all are new.
	line := func(t *testing.T) *bench {
		b := newBench(t, 4)
		for n := 1; n <= 2; n++ {
			b.items[n].ManagerID, b.items[n].AwaitsManager = idOf(n-1), true
		}
		return b
	}
	t.Run("a line of new people", func(t *testing.T) {
		b := line(t)
		b.child = takes(time.Minute)
		_, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.ElementsMatch(t, people(0, 3), b.started[:2], "nobody else waits for the managers")
		require.Equal(t, people(1, 2), b.started[2:], "nobody is started before the manager has ended")
		for n := 1; n <= 2; n++ {
			given := b.given[idOf(n)][0]
			require.Equal(t, userIDOf(idOf(n-1)), given.ManagerUserID)
			require.False(t, given.ManagerFollows)
		}
		require.Len(t, b.pages, 1, "nobody is left to be linked")
	})
	t.Run("two who manage each other", func(t *testing.T) {
		b := newBench(t, 2)
		b.items[0].ManagerID, b.items[0].AwaitsManager = idOf(1), true
		b.items[1].ManagerID, b.items[1].AwaitsManager = idOf(0), true
		b.child = func(_ workflow.Context, id string, in workflows.EmployeeSyncInput) (workflows.Result, error) {
			r := created(id)
			switch {
			case in.Bulk.Order == nil:
				r.Outcome = employee.Updated
			case in.Bulk.ManagerUserID == 0:
				r.MissingManager = in.Bulk.ManagerID
			}
			return r, nil
		}
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, people(0, 1, 0), b.started)
		require.True(t, b.given[idOf(0)][0].ManagerFollows, "the run links the person itself")
		require.Equal(t, userIDOf(idOf(1)), b.given[idOf(0)][1].ManagerUserID)
		require.Nil(t, b.given[idOf(0)][1].Order, "the child reads for itself")
		require.Equal(t, 2, out.Pass)
		require.Equal(t, 3, out.Total)
		require.Equal(t, 3, out.Done)
		require.Equal(t, map[employee.Outcome]int{employee.Created: 2, employee.Updated: 1}, out.Outcomes)
	})
	t.Run("a manager who fails", func(t *testing.T) {
		b := line(t)
		b.child = func(_ workflow.Context, id string, in workflows.EmployeeSyncInput) (workflows.Result, error) {
			if id == idOf(0) {
				return workflows.Result{}, temporal.NewNonRetryableApplicationError("OneLogin refused", "Refused", nil)
			}
			r := created(id)
			if in.Bulk.ManagerUserID == 0 {
				r.MissingManager = in.Bulk.ManagerID
			}
			return r, nil
		}
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, 1, out.Outcomes[employee.Failed])
		require.GreaterOrEqual(t, out.Outcomes[employee.Created], 3)
	})
	t.Run("the passes end where one changes nothing", func(t *testing.T) {
		b := newBench(t, 1)
		b.child = func(_ workflow.Context, id string, in workflows.EmployeeSyncInput) (workflows.Result, error) {
			r := created(id)
			if in.Bulk.Order == nil {
				r.Outcome = employee.Unchanged
			}
			r.MissingManager = idOf(7)
			return r, nil
		}
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, 2, out.Pass)
		require.Len(t, b.started, 2)
	})
	t.Run("the passes end at last", func(t *testing.T) {
		b := newBench(t, 1)
		b.child = func(_ workflow.Context, id string, _ workflows.EmployeeSyncInput) (workflows.Result, error) {
			r := created(id)
			r.MissingManager = idOf(7)
			return r, nil
		}
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, 5, out.Pass)
	})
}

// TestBulkAllowsSuspensions: its people tell the brake one number, whichever run
// of the chain starts them.
func TestBulkAllowsSuspensions(t *testing.T) {
	b := newBench(t, 2)
	_, err := b.play(workflows.BulkSyncInput{AllowSuspensions: 7})
	require.NoError(t, err)
	one, two := b.given[idOf(0)][0], b.given[idOf(1)][0]
	require.Equal(t, 7, one.AllowSuspensions)
	require.NotEmpty(t, one.Run)
	require.Equal(t, one.Run, two.Run)

	b = newBench(t, 1)
	_, err = b.play(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Empty(t, b.given[idOf(0)][0].Run)
}

func TestBulkSignalsWhoeverRunsAlready(t *testing.T) {
	b := newBench(t, 3)
	b.running = people(1)
	out, err := b.play(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.ElementsMatch(t, people(0, 2), b.started)
	require.Equal(t, []string{idOf(1) + " sync.bulk"}, b.events)
	require.Equal(t, map[employee.Outcome]int{employee.Created: 2, workflows.Signalled: 1}, out.Outcomes)
	require.Equal(t, 3, out.Done)
}

// TestBulkStartsWhoeverEndsJustThen has the event come too late: a child is
// started once more, which reads for itself.
func TestBulkStartsWhoeverEndsJustThen(t *testing.T) {
	b := newBench(t, 2)
	b.child = takes(time.Minute)
	b.running, b.besides = people(0), &deaf{}
	out, err := b.play(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, []string{idOf(0) + " sync.bulk"}, b.events, "whoever runs again by then is told")
	require.Equal(t, map[employee.Outcome]int{workflows.Signalled: 1, employee.Created: 1}, out.Outcomes)
	require.Equal(t, 2, out.Done)
}

// TestBulkCountsWhoeverWaits has one child report and wait for half a year.
func TestBulkCountsWhoeverWaits(t *testing.T) {
	b := newBench(t, 3)
	b.child = func(ctx workflow.Context, id string, in workflows.EmployeeSyncInput) (workflows.Result, error) {
		if id != idOf(1) {
			return created(id), nil
		}
		end := activities.BulkEnd{EmployeeID: id, Outcome: employee.Scheduled, Reason: "Starts on 2026-07-01"}
		if err := workflow.SignalExternalWorkflow(ctx, in.Bulk.ReportTo, "", workflows.ReportSignal, end).Get(ctx, nil); err != nil {
			return workflows.Result{}, err
		}
		return created(id), workflow.Sleep(ctx, 180*24*time.Hour)
	}
	out, err := b.play(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, map[employee.Outcome]int{employee.Created: 2, employee.Scheduled: 1}, out.Outcomes)
	require.Less(t, out.EndedAt.Sub(out.StartedAt), time.Hour)
}

func TestBulkIgnoresReportsOfStrangers(t *testing.T) {
	b := newBench(t, 1)
	b.child = takes(time.Minute)
	b.story[10*time.Second] = func() {
		b.env.SignalWorkflow(workflows.ReportSignal, activities.BulkEnd{EmployeeID: idOf(7), Outcome: employee.Created})
		b.env.SignalWorkflow(workflows.ReportSignal, "not a report")
	}
	out, err := b.play(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, map[employee.Outcome]int{employee.Created: 1}, out.Outcomes)
}

func TestBulkListsTheFirstFailures(t *testing.T) {
	b := newBench(t, 26)
	b.items[0] = activities.BulkItem{Key: b.items[0].Key, Outcome: employee.Failed, Reason: "OneLogin users 1 and 2 both carry Bob id | 0"}
	b.child = func(_ workflow.Context, id string, _ workflows.EmployeeSyncInput) (workflows.Result, error) {
		if id == idOf(1) {
			return workflows.Result{Outcome: employee.Held, Reason: "a suspension is due, but this user is protected"}, nil
		}
		return workflows.Result{}, temporal.NewNonRetryableApplicationError("OneLogin refused the address", "Refused", nil)
	}
	out, err := b.play(workflows.BulkSyncInput{})
	require.NoError(t, err, "the failures of people are not the run's")
	require.Equal(t, map[employee.Outcome]int{employee.Failed: 25, employee.Held: 1}, out.Outcomes)
	require.Len(t, out.Failures, 20)
	require.Equal(t, 6, out.FailuresOmitted)
	require.Equal(t, workflows.BulkFailure{
		EmployeeID: idOf(0), Outcome: employee.Failed, Reason: "OneLogin users 1 and 2 both carry Bob id | 0",
	}, out.Failures[0], "nobody was started, so there is no workflow to look at")
	require.Contains(t, out.Failures, workflows.BulkFailure{
		EmployeeID: idOf(1), Outcome: employee.Held, WorkflowID: "employee/" + idOf(1), Reason: "a suspension is due, but this user is protected",
	})
	require.Equal(t, "OneLogin refused the address", out.Failures[5].Reason, "one sentence, without Temporal's account")
	details := b.details()
	require.Contains(t, details, "both carry Bob id \\| 0")
	for n := range 2 {
		require.Contains(t, details, "\n| "+idOf(n)+" | ", "one form of id, whether a workflow was started or not")
	}
	require.Contains(t, details, "and 6 more")
	require.NotContains(t, b.started, idOf(0))
}

func TestBulkListsTheFirstRepaired(t *testing.T) {
	b := newBench(t, 60)
	b.items[0] = activities.BulkItem{Key: b.items[0].Key, Outcome: employee.Failed, Reason: "two users carry this id"}
	b.child = func(_ workflow.Context, id string, _ workflows.EmployeeSyncInput) (workflows.Result, error) {
		switch id {
		case idOf(1):
			return workflows.Result{Outcome: employee.Held, Reason: "protected"}, nil
		case idOf(2):
			return workflows.Result{Outcome: employee.Unchanged}, nil
		case idOf(3):
			var many []string
			for n := range 30 {
				many = append(many, fmt.Sprintf("custom_attributes.n%02d", n))
			}
			return workflows.Result{Outcome: employee.Updated, Changed: many}, nil
		default:
			return workflows.Result{Outcome: employee.Updated, Changed: []string{"department", "title"}}, nil
		}
	}
	out, err := b.play(workflows.BulkSyncInput{Window: 1})
	require.NoError(t, err)
	r := out.Repaired
	require.Equal(t, map[employee.Outcome]int{employee.Updated: 57}, r.Outcomes, "neither failed nor held nor unchanged")
	require.Len(t, r.First, 25)
	require.Equal(t, 32, r.Omitted)
	require.Equal(t, 57, r.People())
	require.Len(t, r.First[0].Changed, 6)
	require.Equal(t, 24, r.First[0].ChangedOmitted)
	require.Equal(t, workflows.BulkRepair{EmployeeID: idOf(4), Outcome: employee.Updated, Changed: []string{"department", "title"}}, r.First[1])
	details := b.details()
	require.Contains(t, details, "| Bob id | Drift repaired: 57 |")
	require.Contains(t, details, "| "+idOf(4)+" | updated: department, title |")
	require.Contains(t, details, "custom_attributes.n05 and 24 more |")
	require.Contains(t, details, "| | and 37 more |")
	require.NotContains(t, details, "| "+idOf(1)+" | updated")
}

// TestBulkRepairs plays what counts as drift that was repaired.
func TestBulkRepairs(t *testing.T) {
	outcomes := map[string]employee.Outcome{
		idOf(0): employee.Scheduled, idOf(1): employee.Renamed, idOf(2): employee.Relinked, idOf(3): employee.Reactivated,
		idOf(4): employee.Suspended, idOf(5): employee.Skipped,
	}
	child := func(_ workflow.Context, id string, _ workflows.EmployeeSyncInput) (workflows.Result, error) {
		return workflows.Result{Outcome: outcomes[id]}, nil
	}
	t.Run("what was done, and what is waited for", func(t *testing.T) {
		b := newBench(t, 7)
		b.child = child
		b.running = people(6)
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, map[employee.Outcome]int{
			employee.Scheduled: 1, employee.Renamed: 1, employee.Relinked: 1, employee.Reactivated: 1, employee.Suspended: 1,
			workflows.Signalled: 1,
		}, out.Repaired.Outcomes)
		details := b.details()
		require.Contains(t, details, "| "+idOf(0)+" | scheduled: now waits for its date |")
		require.Contains(t, details, "| "+idOf(6)+" | signalled: its workflow was running, and looks again |")
	})
	t.Run("a forced run looks at those who wait, too", func(t *testing.T) {
		b := newBench(t, 7)
		b.child = child
		b.running = people(6)
		out, err := b.play(workflows.BulkSyncInput{Force: true})
		require.NoError(t, err)
		require.Equal(t, map[employee.Outcome]int{
			employee.Renamed: 1, employee.Relinked: 1, employee.Reactivated: 1, employee.Suspended: 1,
		}, out.Repaired.Outcomes)
	})
	t.Run("a dry run repairs nothing", func(t *testing.T) {
		b := newBench(t, 7)
		b.child = child
		out, err := b.play(workflows.BulkSyncInput{DryRun: true})
		require.NoError(t, err)
		require.NotEmpty(t, out.Outcomes)
		require.Nil(t, out.Repaired)
	})
}

func TestBulkPausesAndResumes(t *testing.T) {
	b := newBench(t, 10)
	b.child = takes(time.Minute)
	b.story[90*time.Second] = func() {
		b.update(workflows.PauseUpdate)
		require.Len(t, b.started, 4)
	}
	b.story[time.Hour] = func() {
		require.Len(t, b.started, 4, "what runs finishes, and nothing starts")
		p := b.progress()
		require.True(t, p.Paused)
		require.Contains(t, p.Waiting, "paused")
		require.Equal(t, 4, p.Done)
		require.Zero(t, p.Running)
		require.Contains(t, b.details(), "paused")
		b.update(workflows.ResumeUpdate)
	}
	b.story[time.Hour+5*time.Second] = func() {
		require.Len(t, b.started, 6, "at once")
		require.Empty(t, b.progress().Waiting)
	}
	out, err := b.play(workflows.BulkSyncInput{Window: 2})
	require.NoError(t, err)
	b.once()
	require.Equal(t, 10, out.Done)
	require.Equal(t, 2, b.answered)
	require.InDelta(t, 2, out.PerMinute, 0.7, "the pause is no part of the rate")
}

func TestBulkCancelled(t *testing.T) {
	account := func(t *testing.T, err error) workflows.BulkProgress {
		var cancelled *temporal.CanceledError
		require.ErrorAs(t, err, &cancelled)
		var p workflows.BulkProgress
		require.NoError(t, cancelled.Details(&p))
		require.True(t, p.Cancelled)
		return p
	}
	t.Run("what runs finishes, and is counted", func(t *testing.T) {
		b := newBench(t, 10)
		finished := 0
		b.child = func(ctx workflow.Context, id string, _ workflows.EmployeeSyncInput) (workflows.Result, error) {
			if err := workflow.Sleep(ctx, 50*time.Second); err != nil {
				return workflows.Result{}, err
			}
			finished++
			return created(id), nil
		}
		b.story[10*time.Second] = func() { b.env.CancelWorkflow() }
		_, err := b.play(workflows.BulkSyncInput{Window: 3})
		p := account(t, err)
		require.Len(t, b.started, 3, "nothing more is started")
		require.Equal(t, 3, finished)
		require.Equal(t, 3, p.Outcomes[employee.Created])
		require.Equal(t, workflows.BulkStopping, p.Phase)
		require.Zero(t, p.Running)
	})
	t.Run("what takes long goes on by itself", func(t *testing.T) {
		b := newBench(t, 10)
		b.child = takes(24 * time.Hour)
		b.story[10*time.Second] = func() { b.env.CancelWorkflow() }
		_, err := b.play(workflows.BulkSyncInput{Window: 3})
		p := account(t, err)
		require.Equal(t, 3, p.Running)
		require.Less(t, p.EndedAt.Sub(p.StartedAt), 2*time.Minute)
	})
	t.Run("while it is paused", func(t *testing.T) {
		b := newBench(t, 10)
		b.child = takes(time.Minute)
		b.story[10*time.Second] = func() { b.update(workflows.PauseUpdate) }
		b.story[time.Hour] = func() { b.env.CancelWorkflow() }
		_, err := b.play(workflows.BulkSyncInput{Window: 3})
		require.Equal(t, 3, account(t, err).Done)
	})
	t.Run("while it waits for the budget", func(t *testing.T) {
		b := newBench(t, 10)
		b.snapshot.Budget = budgetOf(10, time.Hour)
		b.budgets = []*activities.BulkBudget{b.snapshot.Budget}
		b.story[10*time.Minute] = func() { b.env.CancelWorkflow() }
		_, err := b.play(workflows.BulkSyncInput{})
		require.Empty(t, b.started)
		require.Zero(t, account(t, err).Done)
	})
}

func TestBulkLosesItsSnapshot(t *testing.T) {
	lost := temporal.NewNonRetryableApplicationError("the snapshot is not held here any more", activities.ErrSnapshotLost, nil)
	late := temporal.NewTimeoutError(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START, nil)
	for name, err := range map[string]error{"the worker has forgotten it": lost, "the worker is gone": late} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 300)
			b.page = 90
			b.child = takes(time.Second)
			b.lose = func(n int) error {
				if n == 2 || n == 4 {
					return err
				}
				return nil
			}
			out, err := b.play(workflows.BulkSyncInput{Window: 20})
			require.NoError(t, err)
			b.once()
			require.Len(t, b.started, 300)
			require.Len(t, b.snapshots, 3)
			require.Equal(t, "snapshot 2", b.pages[2].Snapshot)
			require.Equal(t, b.pages[1].After, b.pages[2].After, "it goes on where it was")
			require.Equal(t, 300, out.Total)
			require.Equal(t, 300, out.Done)
		})
	}
	t.Run("in the pass that links managers", func(t *testing.T) {
		b := newBench(t, 1)
		b.child = func(_ workflow.Context, id string, in workflows.EmployeeSyncInput) (workflows.Result, error) {
			r := created(id)
			if in.Bulk.Order != nil {
				r.MissingManager = idOf(7)
			} else {
				r.Outcome = employee.Updated
			}
			return r, nil
		}
		b.lose = func(n int) error {
			if n == 2 {
				return lost
			}
			return nil
		}
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, people(0, 0), b.started, "the person is linked all the same")
		require.Equal(t, 2, out.Pass)
		require.Equal(t, []activities.CreatedUser{{EmployeeID: idOf(0), UserID: userIDOf(idOf(0))}}, b.pages[2].Created, "what was created is told again")
	})
	t.Run("for ever", func(t *testing.T) {
		b := newBench(t, 1)
		b.lose = func(int) error { return lost }
		_, err := b.play(workflows.BulkSyncInput{})
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, activities.ErrSnapshotLost, app.Type())
		require.Contains(t, app.Message(), "a task queue of its own")
		require.Len(t, b.snapshots, 6, "everybody is not read for ever")
	})
}

func TestBulkHandsOver(t *testing.T) {
	t.Run("everything is carried, and nobody is started twice", func(t *testing.T) {
		b := newBench(t, 900)
		b.page = 25
		b.child = takes(3 * time.Second)
		b.snapshot.Settled = map[employee.Outcome]int{employee.Unchanged: 40, employee.Skipped: 2}
		b.snapshot.SkippedFor = map[string]int{"Out of scope": 2}
		b.story[2*time.Second] = func() { b.env.SetContinueAsNewSuggested(b.runs < 4) }
		out, err := b.play(workflows.BulkSyncInput{Window: 10})
		require.NoError(t, err)
		require.Equal(t, 4, b.runs)
		b.once()
		require.Len(t, b.started, 900)
		require.Len(t, b.snapshots, 1, "the reading is carried")
		require.Equal(t, map[employee.Outcome]int{employee.Created: 900, employee.Unchanged: 40, employee.Skipped: 2}, out.Outcomes)
		require.Equal(t, map[string]int{"Out of scope": 2}, out.SkippedFor)
		require.Equal(t, 900, out.Done)
		require.True(t, out.StartedAt.Equal(epoch), "the start is the first run's")
		for _, in := range b.handed {
			require.Equal(t, 10, in.Window)
			require.Empty(t, in.State.Adrift)
		}
	})
	t.Run("a child that takes long is looked after", func(t *testing.T) {
		b := newBench(t, 6)
		b.child = func(ctx workflow.Context, id string, _ workflows.EmployeeSyncInput) (workflows.Result, error) {
			if id == idOf(1) || id == idOf(2) {
				return created(id), workflow.Sleep(ctx, time.Hour)
			}
			return created(id), nil
		}
		b.story[time.Second] = func() {
			b.env.SetContinueAsNewSuggested(b.runs == 1)
			b.env.SignalWorkflow(workflows.ReportSignal, activities.BulkEnd{}) // something happens
		}
		// One of them has ended; the other reports that it waits.
		b.ended = map[string]activities.BulkEnd{idOf(1): {EmployeeID: idOf(1), Outcome: employee.Failed, Reason: "OneLogin refused"}}
		b.stuck = func() {
			b.env.SignalWorkflow(workflows.ReportSignal, activities.BulkEnd{EmployeeID: idOf(2), Outcome: employee.Scheduled})
		}
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, people(1, 2), b.handed[0].State.Adrift)
		require.Equal(t, people(1, 2), b.looked[0].EmployeeIDs)
		b.once()
		require.Equal(t, map[employee.Outcome]int{employee.Created: 4, employee.Failed: 1, employee.Scheduled: 1}, out.Outcomes)
		require.Equal(t, 6, out.Done)
		require.Equal(t, "employee/"+idOf(1), out.Failures[0].WorkflowID)
	})
	t.Run("before the history grows long", func(t *testing.T) {
		b := newBench(t, 20)
		b.page = 5
		b.child = takes(time.Second)
		b.story[1500*time.Millisecond] = func() {
			if b.runs == 1 {
				b.env.SetCurrentHistoryLength(6001)
			}
		}
		out, err := b.play(workflows.BulkSyncInput{Window: 1})
		require.NoError(t, err)
		require.Equal(t, 2, b.runs)
		require.Equal(t, 20, out.Done)
	})
	t.Run("a pause is carried", func(t *testing.T) {
		b := newBench(t, 20)
		b.page = 1
		b.child = takes(2 * time.Second)
		b.story[time.Second] = func() {
			if b.runs == 1 {
				b.update(workflows.PauseUpdate)
				b.env.SetContinueAsNewSuggested(true)
			}
		}
		b.story[time.Hour] = func() {
			require.True(t, b.progress().Paused)
			before := len(b.started)
			b.update(workflows.ResumeUpdate)
			require.Greater(t, 20, before)
		}
		out, err := b.play(workflows.BulkSyncInput{Window: 1})
		require.NoError(t, err)
		b.once()
		require.Equal(t, 20, out.Done)
	})
	t.Run("a dry run's plan stays with the run that made it", func(t *testing.T) {
		b := newBench(t, 30)
		b.page = 10
		b.suggest = func(run int) bool { return run <= 2 }
		b.items[0].Digest = "d1g3st"
		b.lose = nil
		in := workflows.BulkSyncInput{DryRun: true}
		out, err := b.play(in)
		require.NoError(t, err)
		require.Empty(t, b.started)
		require.Equal(t, 30, out.Done)
		require.Equal(t, 3, out.PlanPages)
		value, err := b.env.QueryWorkflow(workflows.PlanQuery, workflows.PlanRequest{Page: 2})
		require.NoError(t, err)
		var page workflows.PlanPage
		require.NoError(t, value.Get(&page))
		require.Equal(t, 3, page.Pages)
		require.Len(t, page.Entries, 10)
	})
}

func TestBulkDryRun(t *testing.T) {
	b := newBench(t, 25)
	b.page = 10
	old, next := "Surfer", "Gardener"
	b.items[3].Changes, b.items[3].Digest, b.items[3].UserID = []activities.Change{{Attribute: "title", Old: &old, New: &next}}, "d1g3st", 42
	out, err := b.play(workflows.BulkSyncInput{DryRun: true})
	require.NoError(t, err)
	require.Empty(t, b.started)
	require.Zero(t, b.asked)
	require.Equal(t, map[employee.Outcome]int{employee.Created: 25}, out.Outcomes)
	require.True(t, out.DryRun)
	require.Equal(t, 3, out.PlanPages)
	require.True(t, b.snapshots[0].DryRun)
	for _, page := range b.pages {
		require.True(t, page.DryRun)
	}
	ask := func(page int) (workflows.PlanPage, error) {
		value, err := b.env.QueryWorkflow(workflows.PlanQuery, workflows.PlanRequest{Page: page})
		if err != nil {
			return workflows.PlanPage{}, err
		}
		var out workflows.PlanPage
		require.NoError(t, value.Get(&out))
		return out, nil
	}
	seen := map[string]bool{}
	for n := range 3 {
		page, err := ask(n)
		require.NoError(t, err)
		require.Equal(t, 3, page.Pages)
		require.Equal(t, n, page.Page)
		require.Empty(t, page.RunID)
		for _, e := range page.Entries {
			seen[e.EmployeeID] = true
			if e.EmployeeID == idOf(3) {
				require.Equal(t, workflows.PlanEntry{
					EmployeeID: idOf(3), OneLoginID: 42, Outcome: employee.Created, Reason: "Has no OneLogin user",
					Changes: b.items[3].Changes, Digest: "d1g3st",
				}, e)
			}
		}
	}
	require.Len(t, seen, 25)
	for _, n := range []int{-1, 3} {
		_, err := ask(n)
		require.ErrorContains(t, err, "the plan has 3 page(s), counted from 0")
	}
	impersonal(t, b.details())
	impersonal(t, fmt.Sprint(b.progress()))
}

func TestBulkDryRunThatFindsNothing(t *testing.T) {
	b := newBench(t, 0)
	out, err := b.play(workflows.BulkSyncInput{DryRun: true})
	require.NoError(t, err)
	require.Zero(t, out.PlanPages)
	value, err := b.env.QueryWorkflow(workflows.PlanQuery, workflows.PlanRequest{})
	require.NoError(t, err)
	var page workflows.PlanPage
	require.NoError(t, value.Get(&page))
	require.Equal(t, workflows.PlanPage{}, page)
}

func TestBulkThatWritesHasNoPlan(t *testing.T) {
	b := newBench(t, 1)
	_, err := b.play(workflows.BulkSyncInput{})
	require.NoError(t, err)
	_, err = b.env.QueryWorkflow(workflows.PlanQuery, workflows.PlanRequest{})
	require.ErrorContains(t, err, "this run is no dry run")
}

// budgetOf is an hour of a hundred calls, ten of them kept, which ends so long
// after the epoch.
func budgetOf(left int, ends time.Duration) *activities.BulkBudget {
	return &activities.BulkBudget{
		Budget: onelogin.Budget{Limit: 100, Remaining: left, ResetAt: epoch.Add(ends), SeenAt: epoch}, Reserve: 10,
	}
}

func TestBulkWaitsForTheBudget(t *testing.T) {
	t.Run("until the next hour", func(t *testing.T) {
		b := newBench(t, 9)
		b.snapshot.Budget = budgetOf(14, 20*time.Minute)
		b.budgets = []*activities.BulkBudget{budgetOf(10, 20*time.Minute), budgetOf(100, 80*time.Minute)}
		b.story[5*time.Minute] = func() {
			p := b.progress()
			require.Equal(t, "waiting for OneLogin's budget until 12:20 UTC", p.Waiting)
			require.Equal(t, 4, p.Done)
			require.Equal(t, 10, p.Reserve)
			require.Equal(t, 10, *p.Budget)
			require.Zero(t, p.EndsAt)
			require.Contains(t, b.details(), "waiting for OneLogin's budget until 12:20 UTC")
		}
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		b.once()
		require.Equal(t, 9, out.Done)
		require.Empty(t, out.Waiting)
		require.Equal(t, 2, b.asked)
		require.WithinRange(t, out.EndedAt, epoch.Add(20*time.Minute), epoch.Add(21*time.Minute))
	})
	t.Run("what runs is waited for before it asks", func(t *testing.T) {
		b := newBench(t, 5)
		b.child = takes(10 * time.Second)
		b.snapshot.Budget = budgetOf(13, 20*time.Minute)
		b.budgets = []*activities.BulkBudget{budgetOf(100, 20*time.Minute)}
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, 3, b.most, "no more than the budget allows")
		require.Equal(t, 1, b.asked)
		require.Equal(t, 5, out.Done)
	})
	t.Run("what runs is taken off what a later page tells", func(t *testing.T) {
		b := newBench(t, 320)
		b.child = takes(10 * time.Second)
		b.snapshot.Budget = budgetOf(70, 20*time.Minute)
		b.budgets = []*activities.BulkBudget{budgetOf(10, 20*time.Minute), budgetOf(1000, 80*time.Minute)}
		b.lose = func(n int) error {
			if n == 2 {
				b.snapshot.Budget = budgetOf(65, 20*time.Minute) // somebody else has spent five
			}
			return nil
		}
		b.story[5*time.Minute] = func() { require.Len(t, b.started, 55) }
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, 320, out.Done)
	})
	t.Run("what runs long keeps its part", func(t *testing.T) {
		b := newBench(t, 5)
		b.child = takes(10 * time.Minute)
		b.snapshot.Budget = budgetOf(12, 20*time.Minute)
		// Nothing of it has been spent; two calls are still to come.
		b.budgets = []*activities.BulkBudget{budgetOf(13, 20*time.Minute), budgetOf(13, 20*time.Minute), budgetOf(100, 80*time.Minute)}
		_, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, 3, b.most)
	})
	t.Run("OneLogin does not say when the hour ends", func(t *testing.T) {
		b := newBench(t, 2)
		b.snapshot.Budget = budgetOf(10, 0)
		b.budgets = []*activities.BulkBudget{budgetOf(10, 0), budgetOf(100, 0)}
		b.budgets[0].ResetAt = time.Time{}
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, 2, out.Done)
		require.InDelta(t, 5*time.Minute, out.EndedAt.Sub(epoch), float64(time.Minute))
	})
	t.Run("the account has none", func(t *testing.T) {
		b := newBench(t, 2)
		b.snapshot.Budget = budgetOf(10, time.Hour)
		b.budgets = []*activities.BulkBudget{nil}
		out, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, 2, out.Done)
	})
	t.Run("those who cost nothing do not wait", func(t *testing.T) {
		b := newBench(t, 2)
		b.items[0].Calls = 0
		b.snapshot.Budget = budgetOf(10, 30*time.Minute)
		b.budgets = []*activities.BulkBudget{b.snapshot.Budget, budgetOf(100, 90*time.Minute)}
		b.story[time.Minute] = func() { require.Equal(t, people(0), b.started) }
		_, err := b.play(workflows.BulkSyncInput{})
		require.NoError(t, err)
	})
}

func TestBulkTellsItsProgress(t *testing.T) {
	b := newBench(t, 10)
	b.child = takes(time.Minute)
	b.snapshot.Employees, b.snapshot.Users = 500, 490
	b.snapshot.Settled = map[employee.Outcome]int{employee.Unchanged: 490}
	b.snapshot.Unseen = &activities.Unseen{Users: 3, First: []activities.UnseenUser{{EmployeeID: idOf(900), OneLoginID: 60000900}}}
	b.story[150*time.Second] = func() {
		p := b.progress()
		require.Equal(t, workflows.BulkRunning, p.Phase)
		require.Equal(t, 500, p.Employees)
		require.Equal(t, 490, p.Users)
		require.Equal(t, 10, p.Total)
		require.Equal(t, 4, p.Done)
		require.Equal(t, 2, p.Running)
		require.InDelta(t, 2, p.PerMinute, 0.5)
		require.WithinDuration(t, epoch.Add(5*time.Minute), p.EndsAt, time.Minute)
		details := b.details()
		for _, line := range []string{
			"**Bulk run: running**", "Bob shows 500 people, OneLogin 490 users; 10 were found out of line.",
			"| Dealt with | 4 of 10 (40%) |", "| Running now | 2 |", "| Rate | 2 a minute |", "| created | 4 |", "| unchanged | 490 |", "| Settings | default |",
			"| Bob id | Can log in, and Bob does not show them: 3 |", "| " + idOf(900) + " | OneLogin user 60000900 |", "| | and 2 more |",
		} {
			require.Contains(t, details, line)
		}
		impersonal(t, details)
	}
	out, err := b.play(workflows.BulkSyncInput{Window: 2})
	require.NoError(t, err)
	require.Contains(t, b.details(), "**Bulk run: done**")
	require.Equal(t, b.snapshot.Unseen, out.Unseen)
	require.Zero(t, out.EndsAt)
	require.False(t, out.EndedAt.IsZero())
}

func TestBulkWorkIsDoneAfterWhateverIsMoreUrgent(t *testing.T) {
	b := newBench(t, 1)
	b.snapshot.Budget = budgetOf(10, time.Minute)
	b.budgets = []*activities.BulkBudget{budgetOf(100, time.Hour)}
	_, err := b.play(workflows.BulkSyncInput{})
	require.NoError(t, err)
	queues := map[string]string{}
	for _, o := range b.options {
		queues[o.name] = o.TaskQueue
		if o.name != activities.BulkPageName { // it has a queue of its own
			require.Equal(t, 5, o.Priority.PriorityKey, o.name)
		}
		require.NotZero(t, o.HeartbeatTimeout, "a worker that dies hands over")
	}
	require.Equal(t, map[string]string{
		activities.BulkSnapshotName: workflows.TaskQueue,
		activities.BulkPageName:     workflows.OwnTaskQueue("test"),
		activities.BulkBudgetName:   workflows.OneLoginTaskQueue,
	}, queues)
}

func TestBulkThatCannotRead(t *testing.T) {
	b := newBench(t, 3)
	b.snapshotErr = temporal.NewNonRetryableApplicationError("Bob shows 1 of the 3 people; nothing was written", activities.ErrBobShowsTooFew, nil)
	_, err := b.play(workflows.BulkSyncInput{})
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, activities.ErrBobShowsTooFew, app.Type())
	require.Equal(t, "Bob shows 1 of the 3 people; nothing was written", app.Message())
	var p workflows.BulkProgress
	require.NoError(t, app.Details(&p), "the failure carries the progress")
	require.Empty(t, b.started)
}

func TestBulkInput(t *testing.T) {
	many := func(n int) []string {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = idOf(i)
		}
		return ids
	}
	plan := func(n int) map[string]string {
		digests := map[string]string{}
		for _, id := range many(n) {
			digests[id] = "abcdef012345"
		}
		return digests
	}
	encoded := func(v any) string {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return string(b)
	}
	tests := []struct {
		name  string
		input string
		says  []string
	}{
		{name: "nothing in it", input: `{}`},
		{name: "null", input: `null`},
		{name: "everything as documented", input: `{"dryRun":false,"force":false,"employeeIds":[],"window":50}`},
		{name: "a plan", input: encoded(workflows.BulkSyncInput{Apply: plan(3)})},
		{name: "no object", input: `[]`, says: []string{"must be a JSON object"}},
		{name: "misspelt keys", input: `{"dryrun":true,"Force":true,"window":5}`, says: []string{`unknown keys: "Force", "dryrun"`, "dryRun, force, employeeIds, window, allowSuspensions"}},
		{name: "a window of none", input: `{"window":-1}`, says: []string{"window must lie between 1 and 500"}},
		{name: "a window that is too large", input: `{"window":501}`, says: []string{"window must lie between 1 and 500"}},
		{name: "suspensions that a dry run cannot have", input: `{"dryRun":true,"allowSuspensions":3}`, says: []string{"allowSuspensions is for a run that writes"}},
		{name: "less than no suspensions", input: `{"allowSuspensions":-3}`, says: []string{"allowSuspensions must not be negative"}},
		{name: "ids that are none", input: `{"employeeIds":["employee/1","a@b",""],"window":501}`, says: []string{"3 of the employee ids are not Bob ids", "window"}},
		{name: "too many ids", input: encoded(workflows.BulkSyncInput{EmployeeIDs: many(5001)}), says: []string{"holds 5001 ids"}},
		{name: "too many changes", input: encoded(workflows.BulkSyncInput{Apply: plan(workflows.MaxApply + 1)}), says: []string{"holds 4001 changes"}},
		{name: "a plan of nothing", input: `{"apply":{}}`, says: []string{"apply holds no changes"}},
		{name: "a plan and more", input: `{"apply":{"3332883800000000011":"a"},"force":true}`, says: []string{"apply goes with neither"}},
		{name: "a plan for nobody", input: `{"apply":{"me":"a"}}`, says: []string{"1 of the employee ids are not Bob ids"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var in workflows.BulkSyncInput
			err := json.Unmarshal([]byte(test.input), &in)
			if err == nil {
				err = in.Validate()
			}
			if test.says == nil {
				require.NoError(t, err)
				require.Equal(t, workflows.DefaultWindow, in.Window)
				return
			}
			for _, s := range test.says {
				require.ErrorContains(t, err, s)
			}
			require.NotContains(t, err.Error(), "a@b")
		})
	}
	t.Run("ids are taken once, in their order", func(t *testing.T) {
		in := workflows.BulkSyncInput{EmployeeIDs: []string{idOf(2), " " + idOf(1), idOf(2)}}
		require.NoError(t, in.Validate())
		require.Equal(t, people(1, 2), in.EmployeeIDs)
	})
	t.Run("a run refuses it before it reads", func(t *testing.T) {
		b := newBench(t, 1)
		_, err := b.play(workflows.BulkSyncInput{Window: 501})
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, "BadInput", app.Type())
		require.True(t, app.NonRetryable())
		require.Empty(t, b.snapshots)
	})
	t.Run("what is asked for is passed on", func(t *testing.T) {
		b := newBench(t, 0)
		_, err := b.play(workflows.BulkSyncInput{Force: true, EmployeeIDs: people(3, 1)})
		require.NoError(t, err)
		require.Equal(t, activities.BulkSnapshotInput{Force: true, EmployeeIDs: people(1, 3)}, b.snapshots[0])
	})
}

// TestBulkStateFitsIntoAPayload fills a hand-over to its bounds.
func TestBulkStateFitsIntoAPayload(t *testing.T) {
	in := workflows.BulkSyncInput{Window: 500, Apply: map[string]string{}}
	s := &workflows.BulkState{}
	for n := range workflows.MaxApply {
		in.Apply[idOf(n)] = "abcdef012345"
	}
	for n := range 800 {
		s.Unlinked = append(s.Unlinked, activities.Unlinked{EmployeeID: idOf(n), ManagerID: idOf(n + 1)})
	}
	for n := range 500 {
		s.Adrift = append(s.Adrift, idOf(n))
		s.Created = append(s.Created, activities.CreatedUser{EmployeeID: idOf(n), UserID: 1 << 40})
	}
	for n := range 20 {
		s.Progress.Failures = append(s.Progress.Failures, workflows.BulkFailure{
			EmployeeID: idOf(n), Outcome: employee.Failed, WorkflowID: workflows.EmployeeWorkflowID(idOf(n)), Reason: strings.Repeat("reason ", 40),
		})
	}
	s.Progress.Repaired = &workflows.BulkRepaired{Outcomes: map[employee.Outcome]int{employee.Updated: 25}}
	for n := range 25 {
		r := workflows.BulkRepair{EmployeeID: idOf(n), Outcome: employee.Updated}
		for name := range 6 {
			r.Changed = append(r.Changed, fmt.Sprintf("custom_attributes.work_cell_%d", name))
		}
		s.Progress.Repaired.First = append(s.Progress.Repaired.First, r)
	}
	in.State = s
	b, err := json.Marshal(in)
	require.NoError(t, err)
	require.Less(t, len(b), 256<<10)

	// A page of the second pass is as large as it gets.
	var page activities.BulkPageResult
	for n := range 800 {
		page.Items = append(page.Items, activities.BulkItem{
			Key: activities.BulkKey{EmployeeID: idOf(n)}, Outcome: employee.Updated, Calls: 2,
			Reason: "The manager has a OneLogin user by now", ManagerID: idOf(n + 1), ManagerUserID: 1 << 40,
		})
	}
	b, err = json.Marshal(page)
	require.NoError(t, err)
	require.Less(t, len(b), 256<<10)
}
