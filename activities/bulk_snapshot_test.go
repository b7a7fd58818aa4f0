package activities_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	simbob "bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/internal/employee"
)

// staffed is a world of n people, the sample person aside, who are all in line.
func staffed(t *testing.T, n int) *world {
	t.Helper()
	w := newWorld(t)
	w.user()
	for i := range n {
		w.employ(i)
	}
	return w
}

// nth is the Bob id of the nth person.
func nth(i int) string { return fmt.Sprintf("33328838000001%05d", i) }

// employ puts the nth person into Bob, and gives them a user who says the same
// but for the changes.
func (w *world) employ(i int, changes ...attrs) int64 {
	w.t.Helper()
	email := fmt.Sprintf("hazel.%d@example.com", i)
	w.colleague(nth(i), email)
	return w.user(append([]attrs{{
		"external_id": nth(i), "email": email, "username": email, "firstname": "Hazel", "lastname": "Specimen",
		"title": nil, "department": nil, "phone": nil, "custom_attributes": map[string]any{},
	}}, changes...)...)
}

// listing is the route of OneLogin's listing, which is that of all look-ups.
const listing = "/api/2/users"

// pageFault is a fault of the listing's nth page, counted from 1.
func pageFault(page int, f control.Fault) control.Fault {
	f.Method, f.Route, f.Skip = http.MethodGet, listing, page-1
	return f
}

func TestBulkSnapshotCountsEverybody(t *testing.T) {
	w := staffed(t, 250)
	w.put(nth(1), map[string]any{"surname": "Sample"})
	w.put(nth(2), inactive)
	w.put(nth(3), starts(5))
	w.settings.Scope.Exclude = []string{nth(4), nth(5)}
	w.forgetCalls()
	p, err := w.bulk(activities.BulkSnapshotInput{})
	require.NoError(t, err)
	require.Equal(t, 251, p.Employees)
	require.Equal(t, 251, p.Users)
	require.Equal(t, 3, p.Items)
	require.Equal(t, "default", p.SettingsVersion)
	require.True(t, p.SearchAttributes)
	require.Equal(t, "bob-onelogin-worker/test", p.Queue)
	require.Equal(t, map[string]int{"Out of scope: the person is listed under scope.exclude": 2}, p.SkippedFor)
	require.Equal(t, map[employee.Outcome]int{employee.Unchanged: 246, employee.Skipped: 2}, p.Settled)
	require.ElementsMatch(t, []string{nth(1), nth(2), nth(3)}, p.order)
	require.Equal(t, calls{find: 3}, w.calls(), "one call for each hundred users")
	require.Equal(t, map[string]int{"POST /v1/people/search": 1}, w.bobCalls.Calls())
}

func TestBulkSnapshotOfAnEmptyOneLogin(t *testing.T) {
	w := newWorld(t)
	p, err := w.bulk(activities.BulkSnapshotInput{})
	require.NoError(t, err)
	require.Zero(t, p.Users)
	require.Equal(t, employee.Created, p.items[personID].Outcome)
}

// TestBulkSnapshotStandsOrFalls breaks one page of the listing: half a picture
// is never acted on.
func TestBulkSnapshotStandsOrFalls(t *testing.T) {
	tests := []struct {
		name string
		do   func(w *world)
		kind string
		// calls of the listing that the failed reading made, and of the whole
		// reading where it is tried again.
		calls, again int
	}{
		{
			name: "a page fails", calls: 2, again: 5, kind: activities.ErrUnavailable,
			do: func(w *world) { w.oneFault(pageFault(2, control.Fault{Status: 502})) },
		},
		{
			name: "the last page is cut off", calls: 3, again: 6, kind: activities.ErrUnavailable,
			do: func(w *world) {
				w.oneFault(pageFault(3, control.Fault{Status: 200, Body: `[{"id":1`, Headers: counted("3", "251")}))
			},
		},
		{
			name: "a page is no list", calls: 2, again: 5, kind: activities.ErrUnavailable,
			do: func(w *world) {
				w.oneFault(pageFault(2, control.Fault{Status: 200, Body: "{}", Headers: counted("3", "251")}))
			},
		},
		{
			name: "a page does not tell how many there are", calls: 2, again: 5, kind: activities.ErrUnavailable,
			do: func(w *world) {
				w.oneFault(pageFault(2, control.Fault{Status: 200, Body: "[]", Headers: map[string]string{"Total-Pages": "3"}}))
			},
		},
		{
			name: "a page does not tell how many pages there are", calls: 1, again: 4, kind: activities.ErrUnavailable,
			do: func(w *world) {
				w.oneFault(pageFault(1, control.Fault{Status: 200, Body: "[]", Headers: map[string]string{"Total-Count": "251"}}))
			},
		},
		{
			name: "a page is empty", calls: 3, again: 6, kind: activities.ErrUnavailable,
			do: func(w *world) {
				w.oneFault(pageFault(2, control.Fault{Status: 200, Body: "[]", Headers: counted("3", "251")}))
			},
		},
		{
			name: "a user is removed meanwhile", calls: 2, again: 5, kind: activities.ErrUnavailable,
			do: func(w *world) { w.beforePage(2, func() { w.deleteUser(w.one.Users()[0]["id"].(int64)) }) },
		},
		{
			name: "too many calls", calls: 2, again: 5, kind: activities.ErrRateLimited,
			do: func(w *world) {
				w.oneFault(pageFault(2, control.Fault{Status: 429, Body: "<html></html>", Headers: map[string]string{"Content-Type": "text/html"}}))
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, retried := range []bool{false, true} {
				w := staffed(t, 250)
				test.do(w)
				w.forgetCalls()
				var out activities.BulkSnapshotResult
				if retried {
					require.NoError(t, w.retrying(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, &out))
					require.Equal(t, test.again, w.calls()[find], "all of it is read anew")
					continue
				}
				err := w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, &out)
				app := failure(t, err)
				require.Equal(t, test.kind, app.Type())
				require.False(t, app.NonRetryable())
				require.Equal(t, test.calls, w.calls()[find])
			}
		})
	}
	t.Run("Bob's answer is cut off", func(t *testing.T) {
		w := staffed(t, 3)
		w.bobFault(control.Fault{Method: http.MethodPost, Route: "/v1/people/search", Status: 200, Body: `{"employees":[{"id":"` + personID + `"`})
		require.Equal(t, activities.ErrUnavailable, failure(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, nil)).Type())
		require.NoError(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, nil))
	})
}

func counted(pages, users string) map[string]string {
	return map[string]string{"Total-Pages": pages, "Total-Count": users}
}

// beforePage does something just before OneLogin answers the nth page, once.
func (w *world) beforePage(page int, do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instead = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && r.URL.Query().Get("page") == strconv.Itoa(page) && do != nil {
			do()
			do = nil
		}
		return false
	}
}

func TestBulkSnapshotOfAListThatGrows(t *testing.T) {
	w := staffed(t, 150)
	w.beforePage(2, func() { w.employ(150) })
	p, err := w.bulk(activities.BulkSnapshotInput{})
	require.NoError(t, err)
	require.Equal(t, 152, p.Users)
	require.Equal(t, p.Employees, p.Settled[employee.Unchanged])
}

// TestBulkSnapshotOfAListThatShowsSomebodyTwice has a user come in front while
// the list is read, which moves the last of the first page to the second.
func TestBulkSnapshotOfAListThatShowsSomebodyTwice(t *testing.T) {
	w := newWorld(t)
	w.user(attrs{"id": int64(50_000)})
	for i := range 150 {
		w.employ(i, attrs{"id": int64(1000 + i)})
	}
	w.beforePage(2, func() { w.employ(150, attrs{"id": int64(1)}) })
	require.Equal(t, activities.ErrUnavailable, failure(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, nil)).Type(),
		"the one in front was not seen")
	p, err := w.bulk(activities.BulkSnapshotInput{})
	require.NoError(t, err)
	require.Equal(t, 152, p.Users)
	require.Empty(t, p.items, "nobody is in conflict with themselves")
}

func TestBulkSnapshotOfFewPeople(t *testing.T) {
	tests := []struct {
		name  string
		ids   []string
		calls calls
		bob   int
	}{
		{name: "fewer than pages: looked up one by one", ids: []string{personID, nth(1)}, calls: calls{find: 3}, bob: 1},
		{name: "as many as pages: the listing costs less", ids: []string{personID, nth(1), nth(2)}, calls: calls{find: 3}, bob: 1},
		{name: "more than fit into one search of Bob", ids: allOf(201), calls: calls{find: 3}, bob: 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := staffed(t, 250)
			w.put(nth(1), map[string]any{"surname": "Sample"})
			w.put(nth(9), map[string]any{"surname": "Sample"})
			w.forgetCalls()
			p, err := w.bulk(activities.BulkSnapshotInput{EmployeeIDs: test.ids})
			require.NoError(t, err)
			require.Equal(t, test.calls, w.calls())
			require.Equal(t, map[string]int{"POST /v1/people/search": test.bob}, w.bobCalls.Calls())
			require.Equal(t, len(test.ids), p.Employees)
			require.Equal(t, 251, p.Users)
			require.Contains(t, p.items, nth(1))
			require.Equal(t, slices.Contains(test.ids, nth(9)), p.items[nth(9)].Outcome == employee.Updated, "others are left alone")
		})
	}
	t.Run("somebody whom Bob does not show", func(t *testing.T) {
		w := staffed(t, 2)
		p, err := w.bulk(activities.BulkSnapshotInput{EmployeeIDs: []string{personID, otherID}})
		require.NoError(t, err)
		require.Equal(t, 1, p.Settled[employee.Skipped])
		require.Empty(t, p.items)
		require.Len(t, p.SkippedFor, 1)
	})
	t.Run("the address of somebody who was not asked for", func(t *testing.T) {
		w := staffed(t, 250)
		w.put(nth(1), inactive)
		w.put(nth(2), map[string]any{"email": "hazel.1@example.com"})
		w.deleteUser(w.userOf(nth(2)))
		w.change(w.userOf(nth(1)), `{"external_id":null}`)
		p, err := w.bulk(activities.BulkSnapshotInput{EmployeeIDs: []string{nth(1)}})
		require.NoError(t, err)
		require.Empty(t, p.items, "the user is a colleague's, whom Bob is asked about")
		require.Equal(t, 1, p.Settled[employee.Skipped])
	})
}

// allOf are the ids of the first n people.
func allOf(n int) []string {
	var all []string
	for i := range n {
		all = append(all, nth(i))
	}
	return all
}

func TestBulkSnapshotStopsWhereBobShowsTooFew(t *testing.T) {
	tests := []struct {
		name    string
		hidden  int
		percent int
		says    string
	}{
		{name: "just enough", hidden: 2, percent: 80},
		{name: "one too few", hidden: 3, percent: 80, says: "Bob shows 7 of the 10 people whom OneLogin's users are linked to, which is less than 80%"},
		{name: "one too few, and that is allowed", hidden: 3, percent: 70},
		{name: "nobody", hidden: 10, percent: 0, says: "Bob shows nobody at all"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := staffed(t, 9)
			w.stranger() // a user without a link counts for nothing
			w.settings.Limits.LeastShownPercent = test.percent
			w.bobSettings(func(s *simbob.Settings) { s.HiddenPeople = append(allOf(9), personID)[:test.hidden] })
			before := w.one.Users()
			p, err := w.bulk(activities.BulkSnapshotInput{})
			require.Equal(t, before, w.one.Users())
			if test.says == "" {
				require.NoError(t, err)
				require.Empty(t, p.items, "whom Bob does not show is left alone")
				return
			}
			app := failure(t, err)
			require.Equal(t, activities.ErrBobShowsTooFew, app.Type())
			require.True(t, app.NonRetryable())
			require.Contains(t, app.Message(), test.says)
			require.Contains(t, app.Message(), "nothing was written")
		})
	}
	t.Run("the few who were asked for", func(t *testing.T) {
		w := staffed(t, 9)
		w.bobSettings(func(s *simbob.Settings) { s.HiddenPeople = allOf(9) })
		_, err := w.bulk(activities.BulkSnapshotInput{EmployeeIDs: []string{personID, nth(1)}})
		require.NoError(t, err)
	})
}

func TestBulkSnapshotTellsWhoCanLogInUnseen(t *testing.T) {
	w := staffed(t, 40)
	w.stranger() // is linked to nobody
	seen := w.employ(40)
	suspended := w.employ(41, attrs{"status": 2})
	protected := w.employ(42)
	w.settings.Protected.OneLoginIDs = []int64{protected}
	w.settings.Limits.LeastShownPercent = 0
	hidden := append(allOf(25), nth(41), nth(42))
	w.bobSettings(func(s *simbob.Settings) { s.HiddenPeople = hidden })

	p, err := w.bulk(activities.BulkSnapshotInput{})
	require.NoError(t, err)
	require.Equal(t, 25, p.Unseen.Users, "neither the suspended %d nor the protected %d", suspended, protected)
	require.Len(t, p.Unseen.First, 20)
	for i, u := range p.Unseen.First {
		require.Equal(t, nth(i), u.EmployeeID)
		require.NotEqual(t, seen, u.OneLoginID)
		require.NotZero(t, u.OneLoginID)
	}

	p, err = w.bulk(activities.BulkSnapshotInput{EmployeeIDs: []string{nth(1), nth(30)}})
	require.NoError(t, err)
	require.Nil(t, p.Unseen, "only these were asked for")

	w.bobSettings(func(s *simbob.Settings) { s.HiddenPeople = nil })
	p, err = w.bulk(activities.BulkSnapshotInput{})
	require.NoError(t, err)
	require.Nil(t, p.Unseen)
}

func TestBulkSnapshotBesideAnother(t *testing.T) {
	w := staffed(t, 1)
	w.other = "bulk-sync"
	w.forgetCalls()
	app := failure(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, nil))
	require.Equal(t, activities.ErrAlreadyRunning, app.Type())
	require.True(t, app.NonRetryable())
	require.Equal(t, "another bulk run is under way: bulk-sync; wait for its end, or cancel it first", app.Message())
	require.Empty(t, w.calls())
	require.NoError(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{DryRun: true}, nil), "a dry run writes nothing")

	w.other, w.broken = "", fmt.Errorf("the namespace is busy")
	require.Equal(t, activities.ErrUnavailable, failure(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, nil)).Type())
	require.Equal(t, activities.ErrUnavailable, failure(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{DryRun: true}, nil)).Type(),
		"nobody knows who waits")
}

func TestBulkSnapshotForced(t *testing.T) {
	w := staffed(t, 3)
	w.settings.Scope.Exclude = []string{nth(1)}
	w.put(nth(2), starts(3))
	w.due = map[string]time.Time{nth(2): midnight(3)}
	p, err := w.bulk(activities.BulkSnapshotInput{Force: true})
	require.NoError(t, err)
	require.Len(t, p.items, 4, "everybody")
	require.Equal(t, employee.Unchanged, p.items[personID].Outcome)
	require.Equal(t, employee.Skipped, p.items[nth(1)].Outcome)
	require.Equal(t, employee.Scheduled, p.items[nth(2)].Outcome)
	for id, item := range p.items {
		require.NotNil(t, item.Order, id)
		require.Zero(t, item.Calls, id)
	}
}

func TestBulkApply(t *testing.T) {
	// Two people differ; only the sample person's change is in the plan.
	planned := func(t *testing.T) (*world, map[string]string) {
		w := staffed(t, 2)
		w.put(personID, map[string]any{"work": map[string]any{"title": "Surfer"}})
		w.put(nth(1), map[string]any{"surname": "Sample"})
		p, err := w.bulk(activities.BulkSnapshotInput{DryRun: true})
		require.NoError(t, err)
		require.Len(t, p.items, 2)
		return w, map[string]string{personID: p.items[personID].Digest}
	}
	tests := []struct {
		name  string
		moves func(w *world)
		check func(t *testing.T, p plan)
	}{
		{
			name: "nothing has moved",
			check: func(t *testing.T, p plan) {
				require.Equal(t, []string{personID}, p.order)
				require.Equal(t, employee.Updated, p.items[personID].Outcome)
				require.NotNil(t, p.items[personID].Order)
				require.Empty(t, p.items[personID].Changes)
				require.Empty(t, p.items[personID].Digest)
			},
		},
		{name: "Bob has moved", moves: func(w *world) { w.put(personID, map[string]any{"work": map[string]any{"title": "Diver"}}) }, check: refusesThePlan},
		{name: "OneLogin has moved", moves: func(w *world) { w.change(w.userOf(personID), `{"title":"Diver"}`) }, check: refusesThePlan},
		{name: "more differs by now", moves: func(w *world) { w.change(w.userOf(personID), `{"phone":"1"}`) }, check: refusesThePlan},
		{name: "the person has left", moves: func(w *world) { w.put(personID, inactive) }, check: refusesThePlan},
		{name: "the user is another", moves: func(w *world) {
			w.deleteUser(w.userOf(personID))
			w.user()
		}, check: refusesThePlan},
		{
			name:  "the change was made by somebody else",
			moves: func(w *world) { w.change(w.userOf(personID), `{"title":"Surfer"}`) },
			check: func(t *testing.T, p plan) {
				require.Empty(t, p.items)
				require.Equal(t, 1, p.Settled[employee.Unchanged])
			},
		},
		{
			name:  "Bob does not show the person",
			moves: func(w *world) { w.bobSettings(func(s *simbob.Settings) { s.HiddenPeople = []string{personID} }) },
			check: func(t *testing.T, p plan) {
				require.Empty(t, p.items)
				require.Equal(t, 1, p.Settled[employee.Skipped])
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, digests := planned(t)
			w.settings.Limits.LeastShownPercent = 0
			if test.moves != nil {
				test.moves(w)
			}
			p, err := w.bulk(activities.BulkSnapshotInput{Apply: digests})
			require.NoError(t, err)
			require.NotContains(t, p.items, nth(1), "whoever is not in the plan is left alone")
			test.check(t, p)
		})
	}
	t.Run("of one person whose manager has no user either", func(t *testing.T) {
		w := staffed(t, 0)
		w.colleague(managerID, otherEmail)
		w.put(personID, reportsTo(managerID))
		w.put(personID, map[string]any{"work": map[string]any{"title": "Surfer"}})
		dry, err := w.bulk(activities.BulkSnapshotInput{DryRun: true, EmployeeIDs: []string{personID}})
		require.NoError(t, err)
		p, err := w.bulk(activities.BulkSnapshotInput{Apply: map[string]string{personID: dry.items[personID].Digest}})
		require.NoError(t, err)
		require.Equal(t, employee.Updated, p.items[personID].Outcome, p.items[personID].Reason)
		require.False(t, p.items[personID].AwaitsManager, "the manager is not in the plan")
	})
	t.Run("of a person and a manager who are both new", func(t *testing.T) {
		w := staffed(t, 0)
		w.colleague(managerID, otherEmail)
		w.put(personID, reportsTo(managerID))
		dry, err := w.bulk(activities.BulkSnapshotInput{DryRun: true})
		require.NoError(t, err)
		p, err := w.bulk(activities.BulkSnapshotInput{Apply: map[string]string{
			personID: dry.items[personID].Digest, managerID: dry.items[managerID].Digest,
		}})
		require.NoError(t, err)
		require.Equal(t, []string{managerID, personID}, p.order)
		require.True(t, p.items[personID].AwaitsManager)
	})
}

func refusesThePlan(t *testing.T, p plan) {
	item := p.items[personID]
	require.Equal(t, employee.Moved, item.Outcome)
	require.Nil(t, item.Order)
	require.Contains(t, item.Reason, "state has moved since the plan was made")
}

// userOf is the OneLogin id of the one user that is linked to a person.
func (w *world) userOf(id string) int64 {
	w.t.Helper()
	for _, u := range w.one.Users() {
		if u["external_id"] == id {
			return u["id"].(int64)
		}
	}
	w.t.Fatalf("nobody is linked to employee %s", id)
	return 0
}

// A person who came back has a new record and the address of the old one, whose
// user the new record takes over: the old record's leaving must not suspend it.
func TestBulkPersonWhoCameBack(t *testing.T) {
	for name, inOrder := range map[string]bool{"the old record first": true, "the new record first": false} {
		t.Run(name, func(t *testing.T) {
			w := staffed(t, 0)
			old, again := otherID, managerID
			if !inOrder {
				old, again = again, old
			}
			w.colleague(old, otherEmail)
			w.put(old, inactive)
			w.colleague(again, otherEmail)
			id := w.stranger(attrs{"external_id": old})
			p, err := w.bulk(activities.BulkSnapshotInput{})
			require.NoError(t, err)
			require.Equal(t, []string{again}, p.order)
			require.Equal(t, employee.Relinked, p.items[again].Outcome)
			require.Equal(t, id, p.items[again].UserID)
			require.Equal(t, 1, p.Settled[employee.Skipped])
			require.Contains(t, p.SkippedFor, "Has left, and somebody at work takes over the OneLogin user of the same address")
		})
	}
}

// Two people at work with one address, and one user who is linked to nobody.
func TestBulkTwoWouldTakeTheSameUser(t *testing.T) {
	w := staffed(t, 0)
	w.colleague(otherID, otherEmail)
	w.colleague(managerID, otherEmail)
	w.stranger()
	p, err := w.bulk(activities.BulkSnapshotInput{})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{otherID, managerID}, p.order)
	for _, id := range p.order {
		item := p.items[id]
		require.Equal(t, employee.Failed, item.Outcome)
		require.Nil(t, item.Order)
		require.Contains(t, item.Reason, managerID+" and "+otherID+", who are all at work")
		require.Contains(t, item.Reason, "`starter sync "+id+"`")
	}
}
