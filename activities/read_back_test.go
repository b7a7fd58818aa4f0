package activities_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/internal/employee"
)

func TestReadBack(t *testing.T) {
	tests := []struct {
		name string
		// states are those of the users, gone the places of deleted ones.
		states []int
		gone   []int
		// down lists those whose workflows cannot be told.
		down       []string
		unlicensed []string
		told       []string
	}{
		{name: "a licence for each", states: []int{1, 1}},
		{name: "none for the second", states: []int{1, 3, 1}, unlicensed: []string{"2"}, told: []string{"2"}},
		{name: "deleted meanwhile", states: []int{3, 3}, gone: []int{0}, unlicensed: []string{"2"}, told: []string{"2"}},
		{name: "one cannot be told, the others are", states: []int{3, 3, 3}, down: []string{"1"}, told: []string{"2", "3"}},
	}
	employees := []string{"1", "2", "3"}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			var told []string
			w.acts.Signal = func(_ context.Context, id string, e employee.Event) error {
				require.Equal(t, employee.Event{Type: employee.EventUnlicensed}, e)
				if slices.Contains(test.down, id) {
					return errors.New("the server is not there")
				}
				told = append(told, id)
				return nil
			}
			var in activities.ReadBackInput
			for i, state := range test.states {
				id := w.user(attrs{
					"state": state, "external_id": employees[i],
					"email": employees[i] + "@example.com", "username": employees[i] + "@example.com",
				})
				in.Users = append(in.Users, activities.CreatedUser{EmployeeID: employees[i], UserID: id})
			}
			for _, i := range test.gone {
				w.deleteUser(in.Users[i].UserID)
			}

			var out activities.ReadBackResult
			err := w.once(activities.ReadBackName, in, &out)

			require.Equal(t, calls{find: 1}, w.calls(), "one call for all")
			require.Equal(t, test.told, told)
			require.Equal(t, test.unlicensed, out.Unlicensed)
			if len(test.down) == 0 {
				require.NoError(t, err)
				return
			}
			app := failure(t, err)
			require.Equal(t, activities.ErrUnavailable, app.Type())
			require.False(t, app.NonRetryable())
		})
	}
}

func TestReadBackFails(t *testing.T) {
	w := newWorld(t)
	id := w.user(attrs{"state": 3})
	in := activities.ReadBackInput{Users: []activities.CreatedUser{{EmployeeID: personID, UserID: id}}}
	w.oneFault(control.Fault{Method: "GET", Route: "/api/2/users", Status: 502, Body: "<html>Bad gateway</html>"})
	app := failure(t, w.once(activities.ReadBackName, in, nil))
	require.Equal(t, activities.ErrUnavailable, app.Type())
	require.False(t, app.NonRetryable())

	in.Users = make([]activities.CreatedUser, activities.MaxReadBack+1)
	app = failure(t, w.once(activities.ReadBackName, in, nil))
	require.Equal(t, activities.ErrRefused, app.Type())
	require.True(t, app.NonRetryable())
}
