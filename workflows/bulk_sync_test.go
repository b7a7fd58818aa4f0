package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

func TestBulkBringsEverybodyInLine(t *testing.T) {
	s := newStaff(t)
	for n := range 30 {
		s.employ(n)
		s.link(n)
	}
	s.put(idOf(1), title("Head Gardener"))
	s.put(idOf(2), terminated())
	s.employ(40) // has no user
	s.employ(41) // has one without a link
	s.link(41, map[string]any{"external_id": nil})
	out, err := s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, workflows.BulkDone, out.Phase)
	require.Equal(t, map[employee.Outcome]int{
		employee.Unchanged: 28, employee.Updated: 2, employee.Suspended: 1, employee.Created: 1,
	}, out.Outcomes)
	require.Empty(t, out.Failures)
	require.Equal(t, 4, out.Total)
	require.Equal(t, 4, out.Done)
	require.Equal(t, 4, s.writes())
	require.Equal(t, 1, s.listings())
	require.Equal(t, "Head Gardener", s.userOf(1)["title"])
	require.Equal(t, 2, number(t, s.userOf(2)["status"]))
	require.NotNil(t, s.userOf(40))
	require.NotNil(t, s.userOf(41))

	out, err = s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, 0, s.writes(), "the second run writes nothing")
	require.Zero(t, out.Total)
}
