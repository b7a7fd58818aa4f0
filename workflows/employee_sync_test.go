package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/activities"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/workflows"
)

func TestEmployeeSyncHireStartsOnTheDate(t *testing.T) {
	w := newWorld(t)
	w.person(hired("2026-03-02"))
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w.after(time.Hour, func() {
		view := w.status()
		require.Equal(t, workflows.Waiting, view.State)
		require.True(t, view.DueAt.Equal(start), "due %s", view.DueAt)
		require.Equal(t, "Europe/London", view.Zone)
		require.Equal(t, 1, w.liveTimers())
	})
	w.at(start.Add(-time.Second), func() {
		require.Nil(t, w.user(), "nobody is created a second early")
		w.put(w.id, employed())
	})
	result, err := w.play(employee.EventCreated)
	require.NoError(t, err)
	require.Equal(t, employee.Created, result.Outcome)
	require.Equal(t, 1, w.userStatus())
	require.Equal(t, 1, w.longTimers())
	require.Equal(t, 2, w.reads(), "one read on the event, one when due")
}

func TestEmployeeSyncStartDateMoves(t *testing.T) {
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }
	tests := []struct {
		name    string
		to      any
		created time.Time
		outcome employee.Outcome
		timers  int
	}{
		{"later", "2026-03-09", day(3, 9), employee.Created, 2},
		{"earlier", "2026-02-09", day(2, 9), employee.Created, 2},
		{"into the past", "2026-01-02", day(1, 10).Add(settle), employee.Created, 1},
		{"not at all", "2026-03-02", day(3, 2), employee.Created, 1},
		{"removed", nil, time.Time{}, employee.Skipped, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.person(hired("2026-03-02"))
			w.at(day(1, 10), func() {
				w.put(w.id, map[string]any{"work": map[string]any{"startDate": tt.to}})
				w.event(employee.EventUpdated)
			})
			if !tt.created.IsZero() {
				w.at(tt.created.Add(-time.Second), func() {
					require.Nil(t, w.user())
					require.LessOrEqual(t, w.liveTimers(), 1, "one live timer after the move")
					w.put(w.id, employed())
				})
			}
			result, err := w.play(employee.EventCreated)
			require.NoError(t, err)
			require.Equal(t, tt.outcome, result.Outcome, result.Reason)
			require.Equal(t, tt.timers, w.longTimers(), "long timers started")
			if tt.created.IsZero() {
				require.Nil(t, w.user())
			}
		})
	}
}

func TestEmployeeSyncTwoEventsWithinTheSettleDelay(t *testing.T) {
	w := newWorld(t)
	w.person()
	w.linked()
	w.after(10*time.Second, func() {
		w.put(w.id, title("Head Gardener"))
		w.event(employee.EventUpdated)
	})
	result, err := w.play(employee.EventUpdated)
	require.NoError(t, err)
	require.Equal(t, employee.Updated, result.Outcome)
	require.Equal(t, []string{"title"}, result.Changed)
	require.Equal(t, 1, w.reads(), "both events are answered by one read")
	require.Equal(t, 1, w.oneCalls.Calls()["PUT /api/2/users/{id}"])
}

func TestEmployeeSyncStreamOfEventsDoesNotPutOffTheReadForEver(t *testing.T) {
	w := newWorld(t)
	w.person()
	w.linked()
	for i := range 60 {
		w.after(time.Duration(i)*5*time.Second, func() {
			w.put(w.id, title(fmt.Sprintf("Gardener %d", i)))
			w.event(employee.EventUpdated)
		})
	}
	_, err := w.play(employee.EventUpdated)
	require.NoError(t, err)
	require.Equal(t, "Gardener 59", w.user()["title"], "the last state wins")
	require.LessOrEqual(t, w.reads(), 5)
	require.GreaterOrEqual(t, w.reads(), 2, "a read comes before the stream ends")
}

func TestEmployeeSyncHireEndsWhileWaiting(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"deleted": func(w *world) {
			require.NoError(w.t, w.bob.Remove(w.id))
			w.event(employee.EventDeleted)
		},
		"rescinded": func(w *world) {
			w.put(w.id, terminated())
			w.event(employee.EventInactivated)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.person(hired("2026-03-02"))
			w.after(24*time.Hour, func() { end(w) })
			result, err := w.play(employee.EventCreated)
			require.NoError(t, err)
			require.Equal(t, employee.Skipped, result.Outcome)
			require.Empty(t, w.one.Users(), "a leaver gets no user")
		})
	}
}

func TestEmployeeSyncLeaverIsSuspendedAtOnceAndConfirmed(t *testing.T) {
	w := newWorld(t)
	w.person(terminated())
	w.linked()
	w.after(5*time.Second, func() {
		require.Equal(t, 2, w.userStatus(), "suspended before the settle delay is over")
	})
	result, err := w.play(employee.EventLeft)
	require.NoError(t, err)
	require.Equal(t, employee.Suspended, result.Outcome)
	require.Equal(t, []string{"status"}, result.Changed)
	require.Equal(t, 2, w.reads(), "read at once and confirmed when settled")
	require.Equal(t, map[string]int{
		"GET /api/2/users": 1, "PUT /api/2/users/{id}": 1, "PUT /api/1/users/{id}/logout": 1,
	}, usersCalls(w), "three OneLogin calls")
}

// usersCalls leaves out the token and the definitions read at the start.
func usersCalls(w *world) map[string]int {
	calls := w.oneCalls.Calls()
	delete(calls, "POST /auth/oauth2/v2/token")
	delete(calls, "GET /api/2/users/custom_attributes")
	return calls
}

func TestEmployeeSyncLeaverWhoseReadDoesNotAgreeYet(t *testing.T) {
	w := newWorld(t)
	w.person()
	w.linked()
	w.after(15*time.Second, func() {
		require.Equal(t, 1, w.userStatus(), "an event alone is no proof")
		w.put(w.id, terminated())
	})
	result, err := w.play(employee.EventLeft)
	require.NoError(t, err)
	require.Equal(t, employee.Suspended, result.Outcome)
	require.Equal(t, 2, w.userStatus())
}

func TestEmployeeSyncLeaverWhoseReadNeverAgrees(t *testing.T) {
	w := newWorld(t)
	w.person()
	w.linked()
	result, err := w.play(employee.EventLeft)
	require.NoError(t, err)
	require.Equal(t, employee.Unchanged, result.Outcome)
	require.Equal(t, 1, w.userStatus())
}

func TestEmployeeSyncDeletion(t *testing.T) {
	tests := []struct {
		name   string
		event  employee.EventType
		remove bool
		status int
	}{
		{"announced and gone", employee.EventDeleted, true, 2},
		{"announced but still there", employee.EventDeleted, false, 1},
		{"gone without announcement", employee.EventUpdated, true, 1},
		{"left and gone without announcement of deletion", employee.EventLeft, true, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.person()
			w.linked()
			if tt.remove {
				require.NoError(t, w.bob.Remove(w.id))
			}
			_, err := w.play(tt.event)
			require.NoError(t, err)
			require.Equal(t, tt.status, w.userStatus())
		})
	}
}

// A deletion that is told twice, by Bob and by hand, finds a user without a link
// by the address that one of the two has named.
func TestEmployeeSyncDeletionToldTwice(t *testing.T) {
	named := employee.Event{Type: employee.EventDeleted, Email: "juniper.sample@example.com"}
	byHand := employee.Event{Type: employee.EventDeleted}
	for name, events := range map[string][]employee.Event{
		"by hand afterwards": {named, byHand}, "by hand before": {byHand, named},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.person()
			user := w.linked(map[string]any{"external_id": nil})
			require.NoError(t, w.bob.Remove(w.id))
			w.after(0, func() {
				for _, e := range events {
					w.deliver(e)
				}
			})
			_, err := w.play()
			require.NoError(t, err)
			require.Equal(t, 2, number(t, w.one.Users()[0]["status"]), "OneLogin user %d", user)
		})
	}
}

func TestEmployeeSyncRevocationHoldsForMonths(t *testing.T) {
	w := newWorld(t)
	w.person()
	w.linked()
	for month := 1; month <= 6; month++ {
		w.after(time.Duration(month)*30*24*time.Hour, func() {
			w.put(w.id, title(fmt.Sprintf("Gardener %d", month)))
			w.event(employee.EventUpdated)
			// An activation that happened before the revocation and was
			// delivered late lifts nothing.
			w.deliver(employee.Event{Type: employee.EventActivated, TriggeredAt: epoch.Add(-time.Hour)})
		})
		w.after(time.Duration(month)*30*24*time.Hour+time.Hour, func() {
			require.Equal(t, 2, w.userStatus())
			require.Equal(t, workflows.Leaving, w.status().State)
			require.True(t, w.status().Revoked)
		})
	}
	w.after(200*24*time.Hour, func() { w.put(w.id, terminated()) })
	w.after(0, func() { w.deliver(employee.Event{Type: employee.EventAccessRevoked, TriggeredAt: epoch}) })
	result, err := w.play()
	require.NoError(t, err)
	require.Equal(t, 2, w.userStatus())
	require.Equal(t, employee.Updated, result.Outcome, "the profile is kept up to date meanwhile")
	require.Less(t, w.env.Now().Sub(epoch), 202*24*time.Hour, "ended within a day of Bob saying inactive")
}

func TestEmployeeSyncRevocationIsReleasedByActivation(t *testing.T) {
	w := newWorld(t)
	w.person()
	w.linked()
	w.after(0, func() { w.deliver(employee.Event{Type: employee.EventAccessRevoked, TriggeredAt: epoch}) })
	w.after(24*30*time.Hour, func() {
		require.Equal(t, 2, w.userStatus())
		w.deliver(employee.Event{Type: employee.EventActivated, TriggeredAt: w.env.Now()})
	})
	_, err := w.play()
	require.NoError(t, err)
	require.Equal(t, 1, w.userStatus())
}

func TestEmployeeSyncFutureLeave(t *testing.T) {
	leaving := map[string]any{
		"internal": map[string]any{"terminationDate": "2026-06-30"},
		"employee": map[string]any{"lastDayOfWork": "2026-06-12"},
	}
	end := time.Date(2026, 6, 12, 23, 0, 0, 0, time.UTC) // midnight in London's summer

	t.Run("access ends with the last day", func(t *testing.T) {
		w := newWorld(t)
		w.person(leaving)
		w.linked()
		w.after(time.Hour, func() {
			view := w.status()
			require.Equal(t, workflows.Leaving, view.State)
			require.True(t, view.DueAt.Equal(end), "due %s", view.DueAt)
			require.Equal(t, "leave", view.DueFor)
		})
		w.at(end.Add(-time.Second), func() { require.Equal(t, 1, w.userStatus()) })
		w.at(end.Add(time.Second), func() { require.Equal(t, 2, w.userStatus()) })
		result, err := w.play(employee.EventUpdated)
		require.NoError(t, err)
		require.Equal(t, employee.Suspended, result.Outcome)
		require.Equal(t, 2, w.userStatus())
		require.True(t, w.env.Now().Equal(end), "ended at %s", w.env.Now())
	})
	t.Run("an undone termination is noticed within a day without an event", func(t *testing.T) {
		w := newWorld(t)
		w.person(leaving)
		w.linked()
		undone := epoch.Add(10*24*time.Hour + time.Hour)
		w.at(undone, func() {
			w.put(w.id, map[string]any{
				"internal": map[string]any{"terminationDate": nil}, "employee": map[string]any{"lastDayOfWork": nil},
			})
		})
		result, err := w.play(employee.EventUpdated)
		require.NoError(t, err)
		require.Equal(t, employee.Unchanged, result.Outcome)
		require.Equal(t, 1, w.userStatus())
		require.LessOrEqual(t, w.env.Now().Sub(undone), 24*time.Hour)
	})
	t.Run("the moment comes while an event settles", func(t *testing.T) {
		w := newWorld(t)
		w.person(leaving)
		w.linked()
		w.at(end.Add(-5*time.Second), func() { w.event(employee.EventUpdated) })
		w.at(end.Add(time.Second), func() { require.Equal(t, 2, w.userStatus(), "the event does not put off the end of access") })
		_, err := w.play(employee.EventUpdated)
		require.NoError(t, err)
	})
	t.Run("an event that moves no date restarts no timer", func(t *testing.T) {
		w := newWorld(t)
		w.person(leaving)
		w.linked()
		w.after(time.Hour, func() { w.event(employee.EventUpdated) })
		w.after(2*time.Hour, func() {
			require.Equal(t, 1, w.longTimers())
			w.put(w.id, map[string]any{"employee": map[string]any{"lastDayOfWork": "2026-01-05"}})
			w.event(employee.EventUpdated)
		})
		_, err := w.play(employee.EventUpdated)
		require.NoError(t, err)
	})
}

func TestEmployeeSyncLeadDaysThenActive(t *testing.T) {
	w := newWorld(t, func(s *mapping.Settings) { s.Policy.Start.LeadDays = 3 })
	w.person(hired("2026-03-02"))
	due := time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w.at(due.Add(-time.Second), func() { require.Nil(t, w.user()) })
	w.at(due.Add(time.Minute), func() {
		require.Equal(t, 2, w.userStatus(), "created suspended: Bob does not say active yet")
		require.Equal(t, workflows.Waiting, w.status().State)
	})
	w.at(start.Add(-time.Second), func() { w.put(w.id, employed()) })
	result, err := w.play(employee.EventCreated)
	require.NoError(t, err)
	require.Equal(t, 1, w.userStatus())
	require.Equal(t, employee.Reactivated, result.Outcome)
	require.True(t, w.env.Now().Equal(start))
}

func TestEmployeeSyncOutOfSightForAWhile(t *testing.T) {
	hide := func(w *world, people ...string) {
		settings := w.bob.Settings()
		settings.HiddenPeople = people
		require.NoError(w.t, w.bob.Set(settings))
	}
	t.Run("a start is not forgotten", func(t *testing.T) {
		w := newWorld(t)
		w.person(hired("2026-03-02"))
		w.after(24*time.Hour, func() {
			hide(w, w.id)
			w.event(employee.EventUpdated)
		})
		w.after(30*time.Hour, func() {
			hide(w)
			w.put(w.id, employed())
		})
		result, err := w.play(employee.EventCreated)
		require.NoError(t, err)
		require.Equal(t, employee.Created, result.Outcome)
		require.True(t, w.env.Now().Equal(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)), "%s", w.env.Now())
	})
	t.Run("a leave is not forgotten, and not acted on without sight", func(t *testing.T) {
		w := newWorld(t)
		w.person(map[string]any{"employee": map[string]any{"lastDayOfWork": "2026-02-13"}})
		w.linked()
		w.after(24*time.Hour, func() {
			hide(w, w.id)
			w.event(employee.EventUpdated)
		})
		_, err := w.play(employee.EventUpdated)
		require.NoError(t, err)
		require.Equal(t, 1, w.userStatus(), "a 404 is no proof, even on the day")
		require.True(t, w.env.Now().Equal(time.Date(2026, 2, 14, 0, 0, 0, 0, time.UTC)), "%s", w.env.Now())
	})
}

func TestEmployeeSyncLeadDaysUnderOnActivation(t *testing.T) {
	w := newWorld(t, func(s *mapping.Settings) {
		s.Policy.Start.LeadDays = 3
		s.Policy.Reactivate = lifecycle.ReactivateOnActivation
	})
	w.person(hired("2026-03-02"))
	w.at(time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC), func() { w.put(w.id, employed()) })
	_, err := w.play(employee.EventCreated)
	require.NoError(t, err)
	require.Equal(t, 1, w.userStatus(), "a suspension of our own making is lifted even if the activation's webhook is lost")
}

func TestEmployeeSyncOnCreation(t *testing.T) {
	w := newWorld(t, func(s *mapping.Settings) { s.Policy.Start.When = lifecycle.StartOnCreation })
	w.person(hired("2026-03-02"))
	w.after(time.Hour, func() {
		require.Equal(t, 2, w.userStatus())
		w.put(w.id, hired("2026-02-02"))
		w.event(employee.EventUpdated)
	})
	w.at(time.Date(2026, 2, 2, 2, 30, 0, 0, time.UTC), func() {
		require.Equal(t, 2, w.userStatus(), "Bob is late to say active")
		w.put(w.id, employed())
	})
	_, err := w.play(employee.EventCreated)
	require.NoError(t, err)
	require.Equal(t, 1, w.userStatus(), "lifted without an event, within the hour")
}

func TestEmployeeSyncFailure(t *testing.T) {
	t.Run("a conflict fails the workflow with one sentence", func(t *testing.T) {
		w := newWorld(t)
		w.person()
		a := w.linked()
		b := w.linked(map[string]any{"email": "other@example.com", "username": "other@example.com"})
		_, err := w.play(employee.EventUpdated)
		var failed *temporal.ApplicationError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, activities.ErrConflict, failed.Type())
		require.Contains(t, failed.Message(), fmt.Sprintf("OneLogin users %d and %d", a, b))
		require.Contains(t, failed.Message(), "starter sync "+w.id)
		require.NotContains(t, failed.Message(), "@")
		require.Zero(t, w.oneCalls.Calls()["PUT /api/2/users/{id}"], "nothing is written")
	})
	t.Run("a refused profile does not end the wait for a leave", func(t *testing.T) {
		w := newWorld(t)
		w.person(map[string]any{"employee": map[string]any{"lastDayOfWork": "2026-02-13"}}, title("Head Gardener"))
		w.linked()
		require.NoError(t, w.oneCalls.AddFault(control.Fault{
			Method: "PUT", Route: "/api/2/users/{id}", Count: 1, Status: 422,
			Body: `{"message":"Validation failed: Title is invalid","name":"UnprocessableEntityError","statusCode":422}`,
		}))
		w.after(time.Hour, func() {
			require.Equal(t, workflows.Failed, w.status().State)
			require.Contains(t, w.status().Reason, "Title is invalid")
		})
		result, err := w.play(employee.EventUpdated)
		require.NoError(t, err)
		require.Equal(t, employee.Suspended, result.Outcome)
		require.Equal(t, 2, w.userStatus())
	})
	t.Run("a refused profile does not keep a leaver logged in", func(t *testing.T) {
		w := newWorld(t)
		w.person(terminated(), title("Former Gardener"))
		w.linked()
		require.NoError(t, w.oneCalls.AddFault(control.Fault{
			Method: "PUT", Route: "/api/2/users/{id}", Skip: 1, Count: 1, Status: 422,
			Body: `{"message":"Validation failed: Title is invalid","name":"UnprocessableEntityError","statusCode":422}`,
		}))
		result, err := w.play(employee.EventLeft)
		require.NoError(t, err)
		require.Equal(t, employee.Suspended, result.Outcome)
		require.Equal(t, 2, w.userStatus())
		require.Contains(t, fmt.Sprint(result.Notes), "The profile was not updated")
	})
}

func TestEmployeeSyncSkipped(t *testing.T) {
	w := newWorld(t)
	w.person(map[string]any{"email": nil})
	result, err := w.play(employee.EventCreated)
	require.NoError(t, err)
	require.Equal(t, employee.Skipped, result.Outcome)
	require.Contains(t, result.Reason, "root.email")
	require.Empty(t, w.one.Users())
}

func TestEmployeeSyncRehire(t *testing.T) {
	w := newWorld(t)
	w.person()
	w.linked(map[string]any{"status": 2})
	result, err := w.play(employee.EventActivated)
	require.NoError(t, err)
	require.Equal(t, employee.Reactivated, result.Outcome)
	require.Equal(t, []string{"status"}, result.Changed)
	require.Equal(t, map[string]int{"GET /api/2/users": 1, "PUT /api/2/users/{id}": 1}, usersCalls(w))
}

func TestEmployeeSyncManagerComesLater(t *testing.T) {
	t.Run("the report asks the manager's workflow to report back", func(t *testing.T) {
		w := newWorld(t)
		w.put(managerID, map[string]any{"email": "manager@example.com", "firstName": "Rowan", "surname": "Sample"})
		w.person(map[string]any{"work": map[string]any{"reportsTo": managerID}})
		result, err := w.play(employee.EventCreated)
		require.NoError(t, err)
		require.Equal(t, employee.Created, result.Outcome)
		require.Len(t, w.signals, 1)
		require.Equal(t, managerID, w.signals[0].employeeID)
		require.Equal(t, employee.EventReportWaiting, w.signals[0].event.Type)
		require.Equal(t, w.id, w.signals[0].event.ReportID)
	})
	t.Run("a manager's appearance links the report, and asks nobody again", func(t *testing.T) {
		w := newWorld(t)
		w.put(managerID, map[string]any{"email": "manager@example.com", "firstName": "Rowan", "surname": "Sample"})
		w.person(map[string]any{"work": map[string]any{"reportsTo": managerID}})
		w.linked()
		manager := w.one.Seed(map[string]any{"email": "manager@example.com", "username": "manager@example.com", "external_id": managerID})[0]
		w.after(0, func() {
			w.deliver(employee.Event{Type: employee.EventManagerLinked, ManagerID: managerID, ManagerUserID: manager})
		})
		result, err := w.play()
		require.NoError(t, err)
		require.Equal(t, []string{"manager_user_id"}, result.Changed)
		require.Equal(t, int(manager), number(t, w.user()["manager_user_id"]))
		require.Empty(t, w.signals)
		require.Equal(t, map[string]int{"GET /api/2/users": 1, "PUT /api/2/users/{id}": 1}, usersCalls(w))
	})
	t.Run("a manager tells waiting reports", func(t *testing.T) {
		w := newWorld(t)
		w.person()
		w.after(0, func() { w.deliver(employee.Event{Type: employee.EventReportWaiting, ReportID: "3332883800000000099"}) })
		result, err := w.play()
		require.NoError(t, err)
		require.Equal(t, employee.Created, result.Outcome)
		require.Len(t, w.signals, 1)
		require.Equal(t, "3332883800000000099", w.signals[0].employeeID)
		require.Equal(t, employee.EventManagerLinked, w.signals[0].event.Type)
		require.Equal(t, result.OneLoginID, w.signals[0].event.ManagerUserID)
	})
	t.Run("a manager who starts later remembers", func(t *testing.T) {
		w := newWorld(t)
		w.person(hired("2026-03-02"))
		w.after(time.Hour, func() { w.deliver(employee.Event{Type: employee.EventReportWaiting, ReportID: "3332883800000000099"}) })
		w.after(2*time.Hour, func() {
			require.Equal(t, 1, w.status().AwaitedBy)
			require.Equal(t, 1, w.reads(), "being waited for is no reason to read Bob")
		})
		w.at(time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC), func() { w.put(w.id, employed()) })
		_, err := w.play(employee.EventCreated)
		require.NoError(t, err)
		require.Len(t, w.signals, 1)
	})
	t.Run("a manager without an address is remembered until it comes", func(t *testing.T) {
		w := newWorld(t)
		w.person(map[string]any{"email": nil})
		w.after(0, func() { w.deliver(employee.Event{Type: employee.EventReportWaiting, ReportID: "3332883800000000099"}) })
		w.after(90*24*time.Hour, func() {
			w.put(w.id, map[string]any{"email": "juniper.sample@example.com"})
			w.event(employee.EventUpdated)
		})
		result, err := w.play()
		require.NoError(t, err)
		require.Equal(t, employee.Created, result.Outcome)
		require.Len(t, w.signals, 1)
	})
}

func TestEmployeeSyncUpdate(t *testing.T) {
	w := newWorld(t)
	w.person(hired("2026-03-02"))
	answered := false
	w.after(time.Hour, func() {
		w.env.UpdateWorkflow(workflows.SyncUpdate, "one", &updated{t: t, done: func(result any) {
			answered = true
			require.Equal(t, employee.Scheduled, result.(workflows.Result).Outcome)
		}})
	})
	w.after(2*time.Hour, func() {
		require.True(t, answered)
		require.Equal(t, 2, w.reads())
		require.Equal(t, 1, w.longTimers(), "the date has not moved, so its timer has not either")
		require.NoError(t, w.bob.Remove(w.id))
		w.event(employee.EventDeleted)
	})
	_, err := w.play(employee.EventCreated)
	require.NoError(t, err)
}

// updated takes the answer to an update.
type updated struct {
	t    *testing.T
	done func(any)
}

func (u *updated) Accept()          {}
func (u *updated) Reject(err error) { u.t.Errorf("update rejected: %v", err) }
func (u *updated) Complete(result any, err error) {
	if err != nil {
		u.t.Errorf("update failed: %v", err)
		return
	}
	u.done(result)
}

func TestEmployeeSyncWorkflowIDNamesThePerson(t *testing.T) {
	for id, want := range map[string]bool{
		"employee/3332883854254932743": true, "employee/": false, "employee/abc": false, "bulk-sync": false, "employee/1/2": false,
	} {
		_, err := workflows.EmployeeIDFrom(id)
		require.Equal(t, want, err == nil, id)
	}
	require.Equal(t, "employee/7", workflows.EmployeeWorkflowID("7"))
}

func TestEmployeeSyncYearOfAPerson(t *testing.T) {
	w := newWorld(t)
	w.person(hired("2026-02-02"))
	day := func(month time.Month, d int) time.Time { return time.Date(2026, month, d, 9, 0, 0, 0, time.UTC) }
	w.at(time.Date(2026, 2, 1, 23, 59, 0, 0, time.UTC), func() { w.put(w.id, employed()) })
	w.at(day(1, 20), func() { // known to leave before having started
		w.put(w.id, map[string]any{"internal": map[string]any{"terminationDate": "2026-12-31"}})
		w.event(employee.EventUpdated)
	})
	for month := time.March; month <= time.December; month++ {
		w.at(day(month, 3), func() {
			w.put(w.id, title("Gardener of "+month.String()))
			w.event(employee.EventUpdated)
		})
	}
	w.at(day(7, 10), func() {
		w.put(w.id, map[string]any{"email": "juniper.other@example.com"})
		w.event(employee.EventUpdated)
	})
	w.at(day(7, 11), func() {
		u := w.user()
		require.Equal(t, "juniper.other@example.com", u["email"])
		require.Equal(t, "juniper.other@example.com", u["username"])
		require.Equal(t, workflows.Leaving, w.status().State)
	})
	w.at(day(12, 31), func() { require.Equal(t, 1, w.userStatus()) })
	result, err := w.play(employee.EventCreated)
	require.NoError(t, err)
	require.Equal(t, employee.Suspended, result.Outcome)
	require.Equal(t, "Gardener of December", w.user()["title"])
	require.True(t, w.env.Now().Equal(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)), "%s", w.env.Now())
}
