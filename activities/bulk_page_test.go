package activities_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
)

func TestBulkPagesAreBounded(t *testing.T) {
	t.Run("by people", func(t *testing.T) {
		w := staffed(t, 0)
		for i := range 205 {
			w.colleague(nth(i), fmt.Sprintf("hazel.%d@example.com", i))
		}
		p, err := w.bulk(activities.BulkSnapshotInput{})
		require.NoError(t, err)
		require.Len(t, p.items, 205)
		var sizes []int
		for _, page := range p.pages {
			sizes = append(sizes, len(page.Items))
		}
		require.Equal(t, []int{100, 100, 5}, sizes)
		require.Empty(t, w.asked, "nobody who has no user is looked up in earlier runs")
	})
	for _, dryRun := range []bool{false, true} {
		t.Run(fmt.Sprintf("by bytes, dry run %t", dryRun), func(t *testing.T) {
			w := staffed(t, 0)
			long := strings.Repeat("é", 6_000)
			for i := range 60 {
				w.colleague(nth(i), fmt.Sprintf("hazel.%d@example.com", i))
				w.put(nth(i), map[string]any{"work": map[string]any{"title": long}})
			}
			p, err := w.bulk(activities.BulkSnapshotInput{DryRun: dryRun})
			require.NoError(t, err)
			require.Len(t, p.items, 60)
			require.Greater(t, len(p.pages), 3)
			for _, page := range p.pages {
				encoded, err := json.Marshal(page)
				require.NoError(t, err)
				require.Less(t, len(encoded), 200<<10)
				require.NotEmpty(t, page.Items)
			}
		})
	}
	t.Run("one person who is more than a page", func(t *testing.T) {
		w := staffed(t, 1)
		w.put(nth(0), map[string]any{"work": map[string]any{"title": strings.Repeat("x", 190<<10)}})
		w.put(personID, map[string]any{"work": map[string]any{"title": "Surfer"}})
		p, err := w.bulk(activities.BulkSnapshotInput{})
		require.NoError(t, err)
		require.Len(t, p.items, 2, "the run does not stand still")
	})
	t.Run("nobody", func(t *testing.T) {
		w := staffed(t, 1)
		p, err := w.bulk(activities.BulkSnapshotInput{})
		require.NoError(t, err)
		require.Len(t, p.pages, 1)
		require.True(t, p.pages[0].Last)
		require.Empty(t, p.items)
	})
	t.Run("a page of people who are in line after all", func(t *testing.T) {
		w := staffed(t, 0)
		w.settings.Policy.Reactivate = "on_activation"
		for i := range 130 {
			w.employ(i, attrs{"status": 2})
		}
		p, err := w.bulk(activities.BulkSnapshotInput{})
		require.NoError(t, err)
		require.Empty(t, p.items)
		require.Len(t, p.pages, 2)
		require.Equal(t, 100, p.pages[0].Settled)
		require.Equal(t, 131, p.Settled[employee.Unchanged])
	})
}

func TestBulkPageIsTheSameWhenAskedAgain(t *testing.T) {
	w := staffed(t, 0)
	for i := range 130 {
		w.colleague(nth(i), fmt.Sprintf("hazel.%d@example.com", i))
	}
	var s activities.BulkSnapshotResult
	require.NoError(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, &s))
	var first, again activities.BulkPageResult
	require.NoError(t, w.once(activities.BulkPageName, activities.BulkPageInput{Snapshot: s.ID}, &first))
	require.NoError(t, w.once(activities.BulkPageName, activities.BulkPageInput{Snapshot: s.ID}, &again))
	for _, page := range []activities.BulkPageResult{first, again} {
		for i := range page.Items {
			require.NotZero(t, page.Items[i].Order.Listed.CheckedAt)
			page.Items[i].Order.Listed.CheckedAt = time.Time{}
		}
	}
	require.Equal(t, first, again)

	// Another process reads anew and goes on where this one was.
	w.restart()
	require.NoError(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, &s))
	var rest activities.BulkPageResult
	require.NoError(t, w.once(activities.BulkPageName, activities.BulkPageInput{Snapshot: s.ID, After: first.Next}, &rest))
	require.True(t, rest.Last)
	require.Len(t, rest.Items, 30)
	require.Equal(t, nth(100), rest.Items[0].Key.EmployeeID)
}

func TestBulkPageGoesOnAfterSomebodyWhoIsGone(t *testing.T) {
	w := staffed(t, 0)
	for i := range 5 {
		w.colleague(nth(i), fmt.Sprintf("hazel.%d@example.com", i))
	}
	var s activities.BulkSnapshotResult
	require.NoError(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, &s))
	var page activities.BulkPageResult
	after := activities.BulkKey{EmployeeID: strings.TrimSuffix(nth(2), "2") + "1"}
	require.NoError(t, w.once(activities.BulkPageName, activities.BulkPageInput{Snapshot: s.ID, After: after}, &page))
	require.Len(t, page.Items, 3)

	var last activities.BulkPageResult
	after = activities.BulkKey{Depth: 7, EmployeeID: "1"}
	require.NoError(t, w.once(activities.BulkPageName, activities.BulkPageInput{Snapshot: s.ID, After: after}, &last))
	require.Empty(t, last.Items)
	require.True(t, last.Last)
}

func TestBulkPageOfASnapshotThatIsLost(t *testing.T) {
	w := staffed(t, 1)
	var s activities.BulkSnapshotResult
	require.NoError(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, &s))
	w.restart()
	app := failure(t, w.once(activities.BulkPageName, activities.BulkPageInput{Snapshot: s.ID}, nil))
	require.Equal(t, activities.ErrSnapshotLost, app.Type())
	require.True(t, app.NonRetryable())
}

func TestBulkPageKnowsUsersThatTheRunHasCreated(t *testing.T) {
	w := staffed(t, 0)
	w.colleague(managerID, otherEmail)
	w.put(personID, reportsTo(managerID))
	var s activities.BulkSnapshotResult
	require.NoError(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, &s))
	var page activities.BulkPageResult
	in := activities.BulkPageInput{Snapshot: s.ID, Created: []activities.CreatedUser{{EmployeeID: managerID, UserID: 4242}}}
	require.NoError(t, w.once(activities.BulkPageName, in, &page))
	require.Len(t, page.Items, 2)
	require.Equal(t, managerID, page.Items[0].Key.EmployeeID, "managers come first")
	report := page.Items[1]
	require.Equal(t, int64(4242), report.ManagerUserID)
	require.False(t, report.AwaitsManager)

	// The second pass takes those whose manager has a user by now.
	unlinked := []activities.Unlinked{{EmployeeID: personID, ManagerID: managerID}, {EmployeeID: nth(1), ManagerID: nth(2)}}
	var second activities.BulkPageResult
	require.NoError(t, w.once(activities.BulkPageName, activities.BulkPageInput{Snapshot: s.ID, Unlinked: unlinked}, &second))
	require.True(t, second.Last)
	require.Len(t, second.Items, 1)
	require.Equal(t, personID, second.Items[0].Key.EmployeeID)
	require.Equal(t, int64(4242), second.Items[0].ManagerUserID)
	require.Nil(t, second.Items[0].Order)
}

func TestBulkPageLinksToUsersOfTheListing(t *testing.T) {
	w := staffed(t, 0)
	w.colleague(managerID, otherEmail)
	manager := w.stranger(attrs{"external_id": managerID})
	w.put(personID, reportsTo(managerID))
	w.forgetCalls()
	p, err := w.bulk(activities.BulkSnapshotInput{})
	require.NoError(t, err)
	require.Equal(t, manager, p.items[personID].ManagerUserID)
	require.Equal(t, calls{find: 1}, w.calls())
}

func TestBulkOrdersAreDatedFromTheBeginningOfTheReading(t *testing.T) {
	w := staffed(t, 0)
	w.put(personID, map[string]any{"work": map[string]any{"title": "Surfer"}})
	w.settings.Limits.FreshFor = 3 * time.Minute
	before := time.Now()
	p, err := w.bulk(activities.BulkSnapshotInput{})
	require.NoError(t, err)
	o := p.items[personID].Order
	require.WithinRange(t, o.ReadAt, before, time.Now())
	require.True(t, o.Listed.At.Equal(o.ReadAt))
	require.Equal(t, o.ReadAt.Add(3*time.Minute), o.FreshUntil)
	require.True(t, p.TakenAt.Equal(o.ReadAt))
}
