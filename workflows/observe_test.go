package workflows_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/dev/sim/control"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/workflows"
)

// started is what the list shows of a workflow that an event has just started.
func started(e employee.EventType) []temporal.SearchAttributeUpdate {
	shown := []temporal.SearchAttributeUpdate{workflows.SyncStateKey.ValueSet(string(workflows.InitialState(e)))}
	if e.Urgent() {
		shown = append(shown, workflows.SyncDueAtKey.ValueSet(epoch))
	}
	return shown
}

// Together with Syncing, a moment in the past says since when somebody's access
// should have ended, and nothing else: that is what an alert goes by.
func TestTheListShowsSinceWhenAccessShouldHaveEnded(t *testing.T) {
	const begin, soon = "2026-01-05T12:00:00Z", "2026-01-05T12:00:10Z"
	tests := map[string]struct {
		event employee.EventType
		story func(w *world)
		shown []string
	}{
		"a leaver": {
			event: employee.EventLeft,
			story: func(w *world) { w.person(terminated()); w.linked() },
			shown: []string{"Syncing " + begin, "Settling", "Syncing", "Done"},
		},
		"a leaver of whom Bob knows nothing yet": {
			event: employee.EventLeft,
			story: func(w *world) {
				w.person()
				w.linked()
				w.after(15*time.Second, func() { w.put(w.id, terminated()) })
			},
			shown: []string{"Syncing " + begin, "Settling", "Syncing " + begin, "Done"},
		},
		"a leaver while another event settles": {
			event: employee.EventUpdated,
			story: func(w *world) {
				w.person(terminated())
				w.linked()
				w.after(10*time.Second, func() { w.event(employee.EventLeft) })
			},
			shown: []string{"Settling", "Syncing " + soon, "Settling", "Syncing", "Done"},
		},
		"a leaver while another event is stuck": {
			event: employee.EventUpdated,
			story: func(w *world) {
				w.person()
				w.linked(map[string]any{"title": "Beekeeper"})
				require.NoError(w.t, w.oneCalls.AddFault(control.Fault{Method: http.MethodGet, Route: "/api/2/users", Status: 503, Count: 8}))
				w.after(35*time.Second, func() {
					w.put(w.id, terminated())
					w.event(employee.EventLeft)
				})
			},
			shown: []string{"Settling", "Syncing", "Syncing 2026-01-05T12:00:35Z", "Syncing", "Done"},
		},
		"a date of leaving": {
			event: employee.EventUpdated,
			story: func(w *world) {
				w.person(map[string]any{"employee": map[string]any{"lastDayOfWork": "2026-01-05"}})
				w.linked()
			},
			shown: []string{"Settling", "Syncing", "Leaving 2026-01-06T00:00:00Z", "Syncing 2026-01-06T00:00:00Z", "Done"},
		},
		"an event while the date of leaving lies ahead": {
			event: employee.EventUpdated,
			story: func(w *world) {
				w.person(map[string]any{"employee": map[string]any{"lastDayOfWork": "2026-01-05"}})
				w.linked()
				w.after(time.Hour, func() { w.event(employee.EventUpdated) })
			},
			shown: []string{
				"Settling", "Syncing", "Leaving 2026-01-06T00:00:00Z", "Settling 2026-01-06T00:00:00Z", "Syncing 2026-01-06T00:00:00Z",
				"Leaving 2026-01-06T00:00:00Z", "Syncing 2026-01-06T00:00:00Z", "Done",
			},
		},
		"an event of leaving that comes to nothing, before a date of leaving": {
			event: employee.EventUpdated,
			story: func(w *world) {
				w.person(map[string]any{"employee": map[string]any{"lastDayOfWork": "2026-01-05"}})
				w.linked()
				w.after(time.Hour, func() { w.event(employee.EventInactivated) })
			},
			shown: []string{
				"Settling", "Syncing", "Leaving 2026-01-06T00:00:00Z", "Syncing 2026-01-05T13:00:00Z", "Settling 2026-01-06T00:00:00Z",
				"Syncing 2026-01-05T13:00:00Z", "Leaving 2026-01-06T00:00:00Z", "Syncing 2026-01-06T00:00:00Z", "Done",
			},
		},
		"a start": {
			event: employee.EventCreated,
			story: func(w *world) {
				w.person(hired("2026-01-06"))
				w.after(11*time.Hour, func() { w.put(w.id, employed()) })
			},
			shown: []string{"Settling", "Syncing", "Waiting 2026-01-06T00:00:00Z", "Syncing", "Done"},
		},
		"a look at a revocation that holds": {
			event: employee.EventAccessRevoked,
			story: func(w *world) {
				w.person()
				w.linked()
				w.after(36*time.Hour, func() { w.put(w.id, terminated()); w.event(employee.EventLeft) })
			},
			shown: []string{
				"Syncing " + begin, "Settling 2026-01-06T12:00:00Z", "Syncing 2026-01-06T12:00:00Z", "Leaving 2026-01-06T12:00:00Z",
				"Syncing", "Leaving 2026-01-07T12:00:00Z", "Syncing 2026-01-07T00:00:00Z", "Settling", "Syncing", "Done",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.acts.SearchAttributes = func() bool { return true }
			w.starts = started(test.event)
			test.story(w)
			_, err := w.play(test.event)
			require.NoError(t, err)
			require.Equal(t, test.shown, w.shown)
		})
	}
}

func TestLooksAreToldOnce(t *testing.T) {
	tests := map[string]struct {
		event employee.EventType
		story func(w *world)
		fails bool
		looks []workflows.Look
	}{
		"a new user": {
			event: employee.EventCreated,
			story: func(w *world) { w.person() },
			looks: []workflows.Look{{Phase: lifecycle.PhaseProvision, Outcome: employee.Created}},
		},
		"a leaver, whose second look finds nothing new": {
			event: employee.EventLeft,
			story: func(w *world) { w.person(terminated()); w.linked() },
			looks: []workflows.Look{{Phase: lifecycle.PhaseLeave, Outcome: employee.Suspended, Late: time.Millisecond}},
		},
		"a leaver of whom Bob knew nothing at first": {
			event: employee.EventLeft,
			story: func(w *world) {
				w.person()
				w.linked()
				w.after(15*time.Second, func() { w.put(w.id, terminated()) })
			},
			looks: []workflows.Look{{Phase: lifecycle.PhaseLeave, Outcome: employee.Suspended, Late: settle}},
		},
		"a hire, and the start": {
			event: employee.EventCreated,
			story: func(w *world) {
				w.person(hired("2026-01-06"))
				w.after(11*time.Hour, func() { w.put(w.id, employed()) })
			},
			looks: []workflows.Look{
				{Phase: lifecycle.PhaseWait, Outcome: employee.Scheduled},
				{Phase: lifecycle.PhaseProvision, Outcome: employee.Created},
			},
		},
		"a conflict": {
			event: employee.EventLeft,
			story: func(w *world) {
				w.person(terminated())
				w.linked()
				w.linked(map[string]any{"email": "other@example.com", "username": "other@example.com"})
			},
			fails: true,
			looks: []workflows.Look{
				{Phase: lifecycle.PhaseLeave, Outcome: employee.Failed},
				{Phase: lifecycle.PhaseLeave, Outcome: employee.Failed},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			test.story(w)
			_, err := w.play(test.event)
			require.Equal(t, test.fails, err != nil, "%v", err)
			require.Equal(t, test.looks, w.looks)
		})
	}
}
