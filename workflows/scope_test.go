package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/workflows"
)

// suspending lets people out of scope lose their access.
func suspending(s *mapping.Settings) {
	s.Scope.Sites, s.Scope.OutOfScope = []string{"London"}, mapping.SuspendOutOfScope
}

func site(name any) map[string]any { return map[string]any{"work": map[string]any{"site": name}} }

func TestEmployeeSyncOutOfScope(t *testing.T) {
	tests := map[string]struct {
		scope   func(*mapping.Settings)
		site    any
		user    map[string]any
		outcome employee.Outcome
		status  int
		reason  string
	}{
		"kept as it is": {
			func(s *mapping.Settings) { s.Scope.Sites = []string{"London"} }, "Oslo", nil,
			employee.Skipped, 1, "Out of scope: the person's site is not under scope.sites",
		},
		"suspended where the settings say so": {
			suspending, "Oslo", nil,
			employee.Suspended, 2, "Out of scope: the person's site is not under scope.sites, and scope.out_of_scope says suspend",
		},
		"suspended already": {
			suspending, "Oslo",
			map[string]any{"status": 2},
			employee.Unchanged, 2, "already suspended",
		},
		"a user of the same address who is linked to nobody is not this program's": {
			suspending, "Oslo",
			map[string]any{"external_id": nil},
			employee.Skipped, 1, "no OneLogin user is linked to the person",
		},
		"a site that Bob does not give suspends nobody": {
			suspending, nil, nil,
			employee.Skipped, 1, "Bob has no work.site for this person",
		},
		"an excluded person is left alone": {
			func(s *mapping.Settings) { suspending(s); s.Scope.Exclude = []string{personID} }, "Oslo", nil,
			employee.Skipped, 1, "listed under scope.exclude",
		},
		"in scope": {suspending, "London", nil, employee.Unchanged, 1, "OneLogin already says what Bob says"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.scope)
			w.person(site(tt.site))
			id := w.linked(map[string]any{"title": "Gardener"}, tt.user)
			result, err := w.play(employee.EventUpdated)
			require.NoError(t, err)
			require.Equal(t, tt.outcome, result.Outcome, result.Reason)
			require.Contains(t, result.Reason, tt.reason)
			for _, u := range w.one.Users() {
				if u["id"] == id {
					require.Equal(t, tt.status, number(t, u["status"]))
				}
			}
		})
	}
}

func TestEmployeeSyncComesBackIntoScope(t *testing.T) {
	w := newWorld(t, suspending)
	w.person(site("Oslo"), title("Head Gardener"))
	w.linked()
	result, err := w.play(employee.EventUpdated)
	require.NoError(t, err)
	require.Equal(t, employee.Suspended, result.Outcome)
	require.Equal(t, "Gardener", w.user()["title"], "the profile of somebody out of scope is left alone")

	w.last = result.Last
	w.put(w.id, site("London"))
	result, err = w.play(employee.EventUpdated)
	require.NoError(t, err)
	require.Equal(t, employee.Reactivated, result.Outcome)
	require.Equal(t, 1, w.userStatus())
	require.Equal(t, "Head Gardener", w.user()["title"])
}

func TestBulkSuspendsWhoIsOutOfScope(t *testing.T) {
	s := newStaff(t)
	suspending(&s.settings)
	for n := range 4 {
		s.employ(n, site("London"))
		s.link(n)
	}
	s.put(idOf(1), site("Oslo"))
	s.put(idOf(2), site(nil))
	s.employ(5, site("Oslo")) // was never in scope: the user of that address is not this program's
	s.link(5, map[string]any{"external_id": nil})
	out, err := s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, map[employee.Outcome]int{employee.Unchanged: 2, employee.Suspended: 1, employee.Skipped: 2}, out.Outcomes)
	require.Equal(t, 2, number(t, s.userOf(1)["status"]))
	require.Equal(t, 1, s.writes())
}
