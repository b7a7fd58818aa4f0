package workflows_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/workflows"
)

// What is shown to people calls the person by name, and nothing else does.
func TestEmployeeSyncSaysWho(t *testing.T) {
	tests := map[string]struct {
		settings func(*mapping.Settings)
		record   map[string]any
		name     string
		details  string
	}{
		"by the names that Bob has": {name: "Juniper Sample", details: "**Juniper Sample**, Bob employee " + personID + "\n\n**Waiting** since"},
		"by one, where Bob shows no other": {
			record: map[string]any{"surname": nil}, name: "Juniper", details: "**Juniper**, Bob employee " + personID + "\n\n**Waiting** since",
		},
		"as it was typed": {
			record: map[string]any{"firstName": "  Juni*per ", "surname": "O'Sample_[x](y)"},
			name:   "Juni*per O'Sample_[x](y)", details: `**Juni\*per O'Sample\_\[x\](y)**, Bob employee ` + personID,
		},
		"by none, where Bob shows none": {record: map[string]any{"firstName": nil, "surname": nil}, details: "**Waiting** since"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.person(hired("2026-03-02"), tt.record)
			w.after(time.Second, func() {
				require.Empty(t, w.status().Name, "nothing is read yet")
				require.NotContains(t, detailsOf(t, w.env), "Bob employee")
			})
			w.after(time.Hour, func() {
				require.Equal(t, tt.name, w.status().Name)
				details := detailsOf(t, w.env)
				require.Equal(t, tt.details, details[:min(len(tt.details), len(details))])
				w.put(w.id, map[string]any{"internal": map[string]any{"lifecycleStatus": "rescinded"}, "work": map[string]any{"startDate": nil}})
				w.event(employee.EventUpdated)
			})
			result, err := w.play(employee.EventCreated)
			require.NoError(t, err)
			encoded, err := json.Marshal(result)
			require.NoError(t, err)
			impersonal(t, string(encoded))
		})
	}
}

// A fresh run that goes on with the wait knows the name from the start, and so
// does one that Bob shows nothing any more.
func TestEmployeeSyncRemembersWho(t *testing.T) {
	w := newWorld(t)
	w.person(map[string]any{"employee": map[string]any{"lastDayOfWork": "2026-03-02"}})
	w.after(time.Hour, func() {
		require.Greater(t, w.runs, 1, "the user was created, so that a fresh run waits")
		require.Equal(t, "Juniper Sample", w.status().Name)
		w.put(w.id, map[string]any{"firstName": nil, "surname": nil})
		w.event(employee.EventUpdated)
	})
	w.after(2*time.Hour, func() {
		require.Equal(t, "Juniper Sample", w.status().Name)
		require.Contains(t, detailsOf(t, w.env), "**Juniper Sample**, Bob employee "+personID)
	})
	_, err := w.play(employee.EventCreated)
	require.NoError(t, err)
}

func TestBulkChildSaysWho(t *testing.T) {
	s := newStaff(t)
	s.employ(0)
	s.employ(1)
	_, err := s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	for n, name := range []string{"Juniper Sample 0", "Juniper Sample 1"} {
		value, err := s.env.QueryWorkflowByID(workflows.EmployeeWorkflowID(idOf(n)), workflows.StatusQuery)
		require.NoError(t, err)
		var view workflows.StatusView
		require.NoError(t, value.Get(&view))
		require.Equal(t, name, view.Name, "without a read of its own")
	}
	require.Equal(t, map[string]int{search: 1}, s.bobCalls.Calls())
}

func TestEmployeeSummary(t *testing.T) {
	require.Equal(t, "Bob employee 42 → OneLogin", workflows.EmployeeSummary("42", ""))
	require.Equal(t, "Juniper Sample, Bob employee 42 → OneLogin", workflows.EmployeeSummary("42", "Juniper Sample"))
}
