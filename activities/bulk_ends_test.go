package activities_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
)

func TestBulkEnds(t *testing.T) {
	w := newWorld(t)
	w.ends = map[string]activities.BulkEnd{
		personID: {EmployeeID: personID, Outcome: employee.Created, UserID: 42, MissingManager: managerID},
		otherID:  {EmployeeID: otherID, Outcome: employee.Failed, Reason: "OneLogin refused"},
	}
	in := activities.BulkEndsInput{EmployeeIDs: []string{personID, managerID, otherID}}
	var out activities.BulkEndsResult
	require.NoError(t, w.once(activities.BulkEndsName, in, &out))
	require.Equal(t, []activities.BulkEnd{w.ends[personID], w.ends[otherID]}, out.Ended, "whoever runs is not among them")

	w.broken = errors.New("the namespace is busy")
	app := failure(t, w.once(activities.BulkEndsName, in, nil))
	require.Equal(t, activities.ErrUnavailable, app.Type())
	require.False(t, app.NonRetryable())
}
