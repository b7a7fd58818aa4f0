package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/dev/sim/control"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

const readRoute = "/v1/people/{identifier}"

func (w *world) refuseReads(count int) {
	w.t.Helper()
	require.NoError(w.t, w.bobCalls.AddFault(control.Fault{Method: "POST", Route: readRoute, Count: count, Status: 400, Body: "{}"}))
}

func leavesOn(date string) map[string]any {
	return map[string]any{"employee": map[string]any{"lastDayOfWork": date}}
}

func TestEmployeeSyncSurvivesASignalThatCannotBeDecoded(t *testing.T) {
	w := newWorld(t)
	w.person(leavesOn("2026-01-20"))
	w.linked()
	w.after(26*time.Hour, func() { w.env.SignalWorkflow(workflows.EventSignal, "employee.updated") })
	_, err := w.play(employee.EventUpdated)
	require.NoError(t, err)
	require.Equal(t, 2, w.userStatus())
	require.True(t, w.env.Now().Equal(time.Date(2026, 1, 21, 0, 0, 0, 0, time.UTC)), "%s", w.env.Now())
}

func TestEmployeeSyncFailedLookDropsNoLeave(t *testing.T) {
	w := newWorld(t)
	w.person(leavesOn("2026-01-20"))
	w.linked()
	w.after(20*time.Hour, func() { w.refuseReads(1) })
	result, err := w.play(employee.EventUpdated)
	require.NoError(t, err)
	require.Equal(t, employee.Suspended, result.Outcome)
	require.True(t, w.env.Now().Equal(time.Date(2026, 1, 21, 0, 0, 0, 0, time.UTC)), "%s", w.env.Now())
}

func TestEmployeeSyncRevocationWithoutARead(t *testing.T) {
	w := newWorld(t)
	w.person()
	w.linked()
	w.refuseReads(2)
	w.after(10*time.Second, func() { require.Equal(t, 2, w.userStatus(), "a revocation is proof by itself") })
	w.after(48*time.Hour, func() {
		require.True(t, w.status().Revoked, "and holds, though Bob could not be read")
		w.event(employee.EventUpdated)
	})
	w.after(49*time.Hour, func() {
		require.Equal(t, 2, w.userStatus())
		w.put(w.id, terminated())
		w.event(employee.EventInactivated)
	})
	_, err := w.play(employee.EventAccessRevoked)
	require.NoError(t, err)
	require.Equal(t, 2, w.userStatus())
}

func TestEmployeeSyncRevocationRepeatedAfterAnActivation(t *testing.T) {
	w := newWorld(t)
	w.person()
	w.linked()
	revoke := func() { w.deliver(employee.Event{Type: employee.EventAccessRevoked, TriggeredAt: epoch}) }
	w.after(0, revoke)
	w.after(time.Hour, func() { w.deliver(employee.Event{Type: employee.EventActivated, TriggeredAt: epoch.Add(time.Hour)}) })
	first, err := w.play()
	require.NoError(t, err)
	require.Equal(t, 1, w.userStatus())

	w.last = first.Last
	w.after(26*time.Hour, revoke)
	second, err := w.play()
	require.NoError(t, err)
	require.Equal(t, 1, w.userStatus(), "a late repetition suspends nobody")
	require.Equal(t, employee.Unchanged, second.Outcome)
}

func TestEmployeeSyncNothingOvertakesASuspension(t *testing.T) {
	w := newWorld(t)
	w.person(terminated())
	w.linked()
	require.NoError(t, w.oneCalls.AddFault(control.Fault{Method: "PUT", Route: "/api/1/users/{id}/logout", Count: 1, Status: 502}))
	w.after(500*time.Millisecond, func() { w.event(employee.EventInactivated) })
	result, err := w.play(employee.EventLeft)
	require.NoError(t, err)
	require.Equal(t, employee.Suspended, result.Outcome)
	require.Equal(t, 2, w.oneCalls.Calls()["PUT /api/1/users/{id}/logout"], "the sessions are ended at the second try")
}

func TestEmployeeSyncUrgentEventDuringTheReadOvertakesTheWrite(t *testing.T) {
	w := newWorld(t)
	w.person(title("Head Gardener"))
	w.linked()
	require.NoError(t, w.oneCalls.AddFault(control.Fault{Method: "GET", Route: "/api/2/users", Count: 1, Status: 500}))
	sent := false
	w.onRead = func() {
		if !sent {
			sent = true
			w.put(w.id, terminated())
			w.event(employee.EventLeft)
		}
	}
	_, err := w.play(employee.EventUpdated)
	require.NoError(t, err)
	require.Equal(t, 2, w.userStatus())
	require.Equal(t, "Head Gardener", w.user()["title"])
}

func TestEmployeeSyncUpdateIsAnsweredByThePassThatOvertakes(t *testing.T) {
	w := newWorld(t)
	w.person(leavesOn("2026-06-12"))
	w.linked()
	var answer *workflows.Result
	asked := false
	w.onRead = func() {
		if asked {
			return
		}
		asked = true
		w.env.UpdateWorkflow(workflows.SyncUpdate, "during a pass", &updated{t: t, done: func(r any) {
			result := r.(workflows.Result)
			answer = &result
		}})
		// Settled already when it comes: no second look follows by itself.
		w.deliver(employee.Event{Type: employee.EventLeft, ReceivedAt: w.env.Now().Add(-settle - time.Second)})
	}
	w.after(time.Hour, func() {
		require.NotNil(t, answer, "the update is answered")
		w.put(w.id, terminated())
		w.event(employee.EventLeft)
	})
	_, err := w.play(employee.EventUpdated)
	require.NoError(t, err)
	require.Equal(t, 2, w.userStatus(), "and later events are handled")
}

func TestEmployeeSyncStreamOfEventsIsActedOn(t *testing.T) {
	w := newWorld(t)
	w.person()
	for i := range 180 {
		w.after(time.Duration(i)*20*time.Second, func() { w.event(employee.EventUpdated) })
	}
	w.after(10*time.Minute, func() { require.NotNil(t, w.user(), "the person does not wait for the end of the stream") })
	_, err := w.play(employee.EventCreated)
	require.NoError(t, err)
}

func TestEmployeeSyncManagerIsRememberedAfterAFailure(t *testing.T) {
	w := newWorld(t)
	w.person()
	require.NoError(t, w.oneCalls.AddFault(control.Fault{
		Method: "POST", Route: "/api/2/users", Count: 1, Status: 422,
		Body: `{"message":"Validation failed: Phone is invalid","name":"UnprocessableEntityError","statusCode":422}`,
	}))
	w.after(0, func() { w.deliver(employee.Event{Type: employee.EventReportWaiting, ReportID: managerID}) })
	w.after(time.Hour, func() {
		require.Equal(t, workflows.Failed, w.status().State)
		w.event(employee.EventUpdated)
	})
	_, err := w.play()
	require.NoError(t, err)
	require.Len(t, w.signals, 1)
	require.Equal(t, managerID, w.signals[0].employeeID)
}

func TestEmployeeSyncUpdateAnswersForItself(t *testing.T) {
	w := newWorld(t)
	w.person(title("Head Gardener"), leavesOn("2026-03-20"))
	w.linked()
	var own workflows.Result
	w.at(epoch.AddDate(0, 1, 0), func() {
		w.env.UpdateWorkflow(workflows.SyncUpdate, "a month later", &updated{t: t, done: func(r any) { own = r.(workflows.Result) }})
	})
	result, err := w.play(employee.EventUpdated)
	require.NoError(t, err)
	require.Equal(t, employee.Unchanged, own.Outcome)
	require.Empty(t, own.Changed)
	require.Equal(t, employee.Suspended, result.Outcome)
}

func TestEmployeeSyncLeaverSharesTheAddressWithSomebodyWhoStays(t *testing.T) {
	w := newWorld(t)
	w.person(terminated())
	w.put(managerID, map[string]any{
		"email": "juniper.sample@example.com", "firstName": "Juniper", "surname": "Sample",
		"work": map[string]any{"startDate": "2025-01-06"}, "internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
	})
	id := w.linked(map[string]any{"external_id": nil})
	result, err := w.play(employee.EventLeft)
	require.NoError(t, err)
	require.Equal(t, employee.Skipped, result.Outcome)
	require.Contains(t, result.Reason, managerID)
	require.Len(t, w.one.Users(), 1)
	require.Equal(t, int(id), number(t, w.one.Users()[0]["id"]))
	require.Equal(t, 1, number(t, w.one.Users()[0]["status"]))
	require.Nil(t, w.one.Users()[0]["external_id"])
}
