package activities_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
)

func TestNotifyEmployees(t *testing.T) {
	event := employee.Event{Type: employee.EventManagerLinked, ManagerID: managerID, ManagerUserID: 777}
	tests := []struct {
		name string
		// down lists those who cannot be reached.
		down []string
		to   []string
		told []string
	}{
		{name: "nobody"},
		{name: "everybody", to: []string{personID, otherID}, told: []string{personID, otherID}},
		{name: "the first cannot be reached, the others are told", to: []string{personID, otherID, managerID}, down: []string{personID}, told: []string{otherID, managerID}},
		{name: "nobody can be reached", to: []string{personID, otherID}, down: []string{personID, otherID}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			var told []string
			w.acts.Signal = func(_ context.Context, id string, e employee.Event) error {
				require.Equal(t, event, e)
				for _, d := range test.down {
					if d == id {
						return errors.New("the server is not there")
					}
				}
				told = append(told, id)
				return nil
			}
			err := w.once(activities.NotifyEmployeesName, activities.NotifyEmployeesInput{EmployeeIDs: test.to, Event: event}, nil)
			require.Equal(t, test.told, told)
			if len(test.down) == 0 {
				require.NoError(t, err)
				return
			}
			app := failure(t, err)
			require.Equal(t, activities.ErrUnavailable, app.Type())
			require.False(t, app.NonRetryable())
			for _, d := range test.down {
				require.Contains(t, app.Message(), "employee "+d)
			}
		})
	}
}

func TestNotifyEmployeesTellsThoseWhoWereMissed(t *testing.T) {
	w := newWorld(t)
	tries := 0
	told := map[string]bool{}
	w.acts.Signal = func(_ context.Context, id string, _ employee.Event) error {
		if tries++; tries == 1 {
			return errors.New("the server is not there")
		}
		told[id] = true
		return nil
	}
	require.NoError(t, w.retrying(activities.NotifyEmployeesName, activities.NotifyEmployeesInput{EmployeeIDs: []string{personID, otherID}}, nil))
	require.Equal(t, map[string]bool{personID: true, otherID: true}, told)
}
