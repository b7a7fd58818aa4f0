package activities_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	simbob "bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	simonelogin "bob-onelogin/dev/sim/onelogin"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

// plan is what a bulk run was told: the reading, and all of its pages.
type plan struct {
	activities.BulkSnapshotResult
	items map[string]activities.BulkItem
	// order are the people as they were handed out.
	order []string
	pages []activities.BulkPageResult
}

// bulk reads and plans everybody, and has all pages handed out.
func (w *world) bulk(in activities.BulkSnapshotInput) (plan, error) {
	w.t.Helper()
	p := plan{items: map[string]activities.BulkItem{}}
	if err := w.once(activities.BulkSnapshotName, in, &p.BulkSnapshotResult); err != nil {
		return p, err
	}
	if p.Settled == nil {
		p.Settled = map[employee.Outcome]int{}
	}
	for after := (activities.BulkKey{}); ; {
		var page activities.BulkPageResult
		err := w.once(activities.BulkPageName, activities.BulkPageInput{Snapshot: p.ID, DryRun: in.DryRun, After: after}, &page)
		if err != nil {
			return p, err
		}
		for _, item := range page.Items {
			id := item.Key.EmployeeID
			require.NotContains(w.t, p.items, id, "nobody is handed out twice")
			p.items[id] = item
			p.order = append(p.order, id)
			w.decentText(item.Reason)
		}
		p.pages = append(p.pages, page)
		p.Settled[employee.Unchanged] += page.Settled
		if page.Last {
			return p, nil
		}
		after = page.Next
	}
}

// changesOf are a dry run's changes of a person by attribute: "old → new".
func (p plan) changesOf(id string) map[string]string {
	changes := map[string]string{}
	text := func(v *string) string {
		if v == nil {
			return "nothing"
		}
		return *v
	}
	for _, c := range p.items[id].Changes {
		changes[c.Attribute] = text(c.Old) + " → " + text(c.New)
	}
	return changes
}

// OneLogin's own doings: a form of its own for phone numbers, and a mapping that
// sets everybody's title.
func stripSpaces(s *simonelogin.Settings) { s.StripPhoneSpaces = true }
func forceTitle(s *simonelogin.Settings)  { s.Force = map[string]any{"title": "Intern"} }

// day is a date so many days from now.
func day(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }

// starts makes somebody a future hire, leaves gives them a last day.
func starts(n int) map[string]any {
	return map[string]any{
		"work":     map[string]any{"startDate": day(n)},
		"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "hired"},
	}
}

func leaves(n int) map[string]any {
	return map[string]any{"internal": map[string]any{"terminationDate": day(n)}}
}

// midnight begins the day that is so many days from now, in UTC.
func midnight(n int) time.Time { return time.Now().UTC().AddDate(0, 0, n).Truncate(24 * time.Hour) }

func TestBulkPlan(t *testing.T) {
	const (
		unchanged = employee.Unchanged
		skipped   = employee.Skipped
		scheduled = employee.Scheduled
		held      = employee.Held
		failed    = employee.Failed
	)
	ours := activities.LastSync{MemoryKnown: true}.WithSuspension(true)
	tests := []struct {
		name string
		// undefined: OneLogin lacks the custom attribute.
		undefined bool
		given     func(w *world)
		// outcome is the sample person's, inLine says that they need no child.
		outcome employee.Outcome
		inLine  bool
		// because is part of the item's reason, or of the rule for the skipped.
		because string
		calls   int
		// changes are the dry run's.
		changes map[string]string
		manager string
		awaits  bool
	}{
		{
			name:    "no user",
			outcome: employee.Created, because: "no OneLogin user", calls: 1,
			changes: map[string]string{
				"custom_attributes.work_cell": "nothing → +44 7700 900001", "department": "nothing → Waves",
				"email": "nothing → " + personEmail, "external_id": "nothing → " + personID, "firstname": "nothing → Juniper",
				"lastname": "nothing → Sample", "phone": "nothing → +44 20 7946 0001", "status": "nothing → 1",
				"title": "nothing → Lighthouse Keeper", "username": "nothing → " + personEmail,
			},
		},
		{
			name:    "nothing differs",
			given:   func(w *world) { w.user() },
			outcome: unchanged, inLine: true,
		},
		{
			name:    "a title differs",
			given:   func(w *world) { w.user(attrs{"title": "Surfer"}) },
			outcome: employee.Updated, because: "does not say what Bob says", calls: 1,
			changes: map[string]string{"title": "Surfer → Lighthouse Keeper"},
		},
		{
			name: "a value was removed in Bob",
			given: func(w *world) {
				w.put(personID, map[string]any{"work": map[string]any{"workMobile": nil}})
				w.user()
			},
			outcome: employee.Updated, calls: 1,
			changes: map[string]string{"custom_attributes.work_cell": "+44 7700 900001 → nothing"},
		},
		{
			name:    "renamed in place",
			given:   func(w *world) { w.user(attrs{"email": otherEmail}) },
			outcome: employee.Renamed, calls: 1,
			changes: map[string]string{"email": otherEmail + " → " + personEmail},
		},

		// People who are not due, or are nobody's business.
		{
			name:    "starts later",
			given:   func(w *world) { w.put(personID, starts(3)) },
			outcome: scheduled, because: "Starts on",
			changes: map[string]string{},
		},
		{
			name: "starts later, and that is waited for",
			given: func(w *world) {
				w.put(personID, starts(3))
				w.due = map[string]time.Time{personID: midnight(3).Add(300 * time.Millisecond)}
			},
			outcome: scheduled, inLine: true,
		},
		{
			name: "starts later, and another day is waited for",
			given: func(w *world) {
				w.put(personID, starts(3))
				w.due = map[string]time.Time{personID: midnight(2)}
			},
			outcome: scheduled, because: "Starts on",
			changes: map[string]string{},
		},
		{
			name: "in line, and leaves later",
			given: func(w *world) {
				w.put(personID, leaves(3))
				w.user()
			},
			outcome: scheduled, because: "Bob says active",
			changes: map[string]string{},
		},
		{
			name: "in line, and leaves later, and that is waited for",
			given: func(w *world) {
				w.put(personID, leaves(3))
				w.user()
				w.due = map[string]time.Time{personID: midnight(4)}
			},
			outcome: scheduled, inLine: true,
		},
		{
			name: "differs, and the leave is waited for",
			given: func(w *world) {
				w.put(personID, leaves(3))
				w.user(attrs{"title": "Surfer"})
				w.due = map[string]time.Time{personID: midnight(4)}
			},
			outcome: employee.Updated, calls: 1,
			changes: map[string]string{"title": "Surfer → Lighthouse Keeper"},
		},
		{
			name: "may be suspended by us, was not, and leaves later",
			given: func(w *world) {
				w.settings.Policy.Reactivate = lifecycle.ReactivateOnActivation
				w.put(personID, leaves(3))
				w.user(attrs{"status": 2})
			},
			outcome: scheduled,
			changes: map[string]string{},
		},
		{
			name: "may be suspended by us, was not, and the leave is waited for",
			given: func(w *world) {
				w.settings.Policy.Reactivate = lifecycle.ReactivateOnActivation
				w.put(personID, leaves(3))
				w.user(attrs{"status": 2})
				w.due = map[string]time.Time{personID: midnight(4)}
			},
			outcome: unchanged, inLine: true,
		},
		{
			name:    "out of scope",
			given:   func(w *world) { w.settings.Scope.Exclude = []string{personID} },
			outcome: skipped, inLine: true, because: "scope.exclude",
		},
		{
			name: "no start date",
			given: func(w *world) {
				w.put(personID, starts(3))
				w.put(personID, map[string]any{"work": map[string]any{"startDate": nil}})
			},
			outcome: skipped, inLine: true, because: "no start date",
		},
		{
			name: "no start date, but a last day that is to be waited for",
			given: func(w *world) {
				w.put(personID, starts(3))
				w.put(personID, map[string]any{"work": map[string]any{"startDate": nil}})
				w.put(personID, leaves(9))
			},
			outcome: skipped, because: "no start date",
			changes: map[string]string{},
		},
		{
			name:    "no e-mail address",
			given:   func(w *world) { w.put(personID, map[string]any{"email": nil}) },
			outcome: skipped, inLine: true, because: "no root.email",
		},
		{
			name: "no e-mail address, but a last day that is to be waited for",
			given: func(w *world) {
				w.put(personID, map[string]any{"email": nil})
				w.put(personID, leaves(9))
			},
			outcome: skipped, because: "no root.email",
			changes: map[string]string{},
		},

		// Leavers.
		{
			name: "a leaver",
			given: func(w *world) {
				w.put(personID, inactive)
				w.user()
			},
			outcome: employee.Suspended, because: "access has ended", calls: 2,
			changes: map[string]string{"status": "1 → 2"},
		},
		{
			name: "a leaver by date",
			given: func(w *world) {
				w.put(personID, leaves(-2))
				w.user()
			},
			outcome: employee.Suspended, because: "terminationDate", calls: 2,
			changes: map[string]string{"status": "1 → 2"},
		},
		{
			name: "a leaver whose profile differs",
			given: func(w *world) {
				w.put(personID, inactive)
				w.user(attrs{"title": "Surfer"})
			},
			outcome: employee.Suspended, calls: 3,
			changes: map[string]string{"status": "1 → 2", "title": "Surfer → Lighthouse Keeper"},
		},
		{
			name: "a leaver without an e-mail address",
			given: func(w *world) {
				w.put(personID, inactive)
				w.put(personID, map[string]any{"email": nil})
				w.user(attrs{"title": "Surfer"})
			},
			outcome: employee.Suspended, calls: 2,
			changes: map[string]string{"status": "1 → 2"},
		},
		{
			name: "a leaver who is suspended",
			given: func(w *world) {
				w.put(personID, inactive)
				w.user(attrs{"status": 2})
			},
			outcome: unchanged, inLine: true,
		},
		{
			name: "a leaver who is suspended and whose profile differs",
			given: func(w *world) {
				w.put(personID, inactive)
				w.user(attrs{"status": 2, "title": "Surfer"})
			},
			outcome: employee.Updated, calls: 1,
			changes: map[string]string{"title": "Surfer → Lighthouse Keeper"},
		},
		{
			name: "a leaver who is suspended and whose manager alone differs",
			given: func(w *world) {
				w.put(personID, inactive)
				w.user(attrs{"status": 2, "manager_user_id": w.stranger()})
			},
			outcome: unchanged, inLine: true,
		},
		{
			name: "a leaver without a link",
			given: func(w *world) {
				w.put(personID, inactive)
				w.user(attrs{"external_id": nil})
			},
			outcome: employee.Suspended, calls: 3,
			changes: map[string]string{"status": "1 → 2", "external_id": "nothing → " + personID},
		},
		{
			name:    "a leaver without a user",
			given:   func(w *world) { w.put(personID, inactive) },
			outcome: skipped, inLine: true, because: "leaver gets none",
		},
		{
			name: "a leaver whose address a colleague at work has",
			given: func(w *world) {
				w.put(personID, inactive)
				w.colleague(otherID, personEmail)
				w.user(attrs{"external_id": nil, "firstname": "Hazel", "lastname": "Specimen"})
			},
			outcome: skipped, inLine: true, because: "the user is left to them",
		},
		{
			name: "a leaver whose address a colleague had who has left too",
			given: func(w *world) {
				w.put(personID, inactive)
				w.colleague(otherID, personEmail)
				w.put(otherID, inactive)
				w.user(attrs{"external_id": nil})
			},
			outcome: employee.Suspended, calls: 3,
			changes: map[string]string{"status": "1 → 2", "external_id": "nothing → " + personID},
		},
		{
			name: "a leaver whose address is that of somebody else's user",
			given: func(w *world) {
				w.put(personID, inactive)
				w.colleague(otherID, otherEmail)
				w.user(attrs{"external_id": otherID})
			},
			outcome: skipped, inLine: true, because: "belongs to employee " + otherID,
		},
		{
			name: "a protected leaver",
			given: func(w *world) {
				w.settings.Protected.Emails = []string{personEmail}
				w.put(personID, inactive)
				w.user()
			},
			outcome: held, because: "protected",
			changes: map[string]string{},
		},
		{
			name: "a protected leaver who is suspended",
			given: func(w *world) {
				w.settings.Protected.Emails = []string{personEmail}
				w.put(personID, inactive)
				w.user(attrs{"status": 2})
			},
			outcome: unchanged, inLine: true,
		},

		// Who is who.
		{
			name:    "found by address",
			given:   func(w *world) { w.user(attrs{"external_id": nil}) },
			outcome: employee.Updated, because: "Adopts OneLogin user", calls: 1,
			changes: map[string]string{"external_id": "nothing → " + personID},
		},
		{
			name: "found by address in another case",
			given: func(w *world) {
				w.user(attrs{"external_id": nil, "email": "Juniper.Sample@example.com", "username": "JUNIPER.SAMPLE@EXAMPLE.COM"})
			},
			outcome: employee.Updated, because: "Adopts OneLogin user", calls: 1,
			changes: map[string]string{"external_id": "nothing → " + personID},
		},
		{
			name:    "found by username",
			given:   func(w *world) { w.user(attrs{"external_id": nil, "email": otherEmail}) },
			outcome: employee.Updated, because: "Adopts OneLogin user", calls: 1,
			changes: map[string]string{"external_id": "nothing → " + personID, "email": otherEmail + " → " + personEmail},
		},
		{
			name: "found by address, linked to somebody who has left",
			given: func(w *world) {
				w.colleague(otherID, otherEmail)
				w.put(otherID, inactive)
				w.user(attrs{"external_id": otherID, "status": 2})
			},
			outcome: employee.Relinked, because: "from Bob employee " + otherID, calls: 1,
			changes: map[string]string{"external_id": otherID + " → " + personID, "status": "2 → 1"},
		},
		{
			name: "found by address, linked to somebody whom Bob no longer knows",
			given: func(w *world) {
				w.settings.Limits.LeastShownPercent = 0
				w.user(attrs{"external_id": otherID})
			},
			outcome: employee.Relinked, because: "from Bob employee " + otherID, calls: 1,
			changes: map[string]string{"external_id": otherID + " → " + personID},
		},
		{
			name: "found by address, linked to somebody who is there",
			given: func(w *world) {
				w.colleague(otherID, otherEmail)
				w.user(attrs{"external_id": otherID})
			},
			outcome: failed, because: "not gone from Bob",
			changes: map[string]string{},
		},
		{
			name:    "found by address, linked to something else than Bob",
			given:   func(w *world) { w.user(attrs{"external_id": "legacy-42"}) },
			outcome: failed, because: "not a Bob id",
			changes: map[string]string{},
		},
		{
			name: "two users are linked",
			given: func(w *world) {
				w.user()
				w.stranger(attrs{"external_id": personID})
			},
			outcome: failed, because: "both carry Bob id",
			changes: map[string]string{},
		},
		{
			name: "two users are found by address",
			given: func(w *world) {
				w.user(attrs{"external_id": nil, "username": "juniper"})
				w.stranger(attrs{"username": personEmail})
			},
			outcome: failed, because: "both match employee",
			changes: map[string]string{},
		},

		// Managers.
		{
			name: "the manager has a user",
			given: func(w *world) {
				w.put(personID, reportsTo(managerID))
				w.colleague(managerID, otherEmail)
				w.stranger(attrs{"external_id": managerID, "id": 4242})
				w.user()
			},
			outcome: employee.Updated, calls: 1, manager: managerID,
			changes: map[string]string{"manager_user_id": "nothing → 4242"},
		},
		{
			name: "Bob does not show the manager",
			given: func(w *world) {
				w.put(personID, reportsTo(managerID))
				w.colleague(managerID, otherEmail)
				w.bobSettings(func(s *simbob.Settings) { s.HiddenPeople = []string{managerID} })
				w.user()
			},
			outcome: unchanged, inLine: true,
		},
		{
			name: "to be created, and Bob does not show the manager",
			given: func(w *world) {
				w.put(personID, reportsTo(managerID))
				w.colleague(managerID, otherEmail)
				w.bobSettings(func(s *simbob.Settings) { s.HiddenPeople = []string{managerID} })
			},
			outcome: employee.Created, calls: 1, manager: managerID,
		},
		{
			name: "in line, and the manager is to be created",
			given: func(w *world) {
				w.put(personID, reportsTo(managerID))
				w.colleague(managerID, otherEmail)
				w.user()
			},
			outcome: employee.Updated, calls: 1, manager: managerID, awaits: true,
			changes: map[string]string{"manager_user_id": "nothing → the new user of employee " + managerID},
		},
		{
			name: "leaves later, and the manager is to be created",
			given: func(w *world) {
				w.put(personID, reportsTo(managerID))
				w.put(personID, leaves(3))
				w.colleague(managerID, otherEmail)
				w.user()
			},
			outcome: employee.Updated, calls: 1, manager: managerID, awaits: true,
			changes: map[string]string{"manager_user_id": "nothing → the new user of employee " + managerID},
		},
		{
			name: "starts later, and the manager is to be created",
			given: func(w *world) {
				w.put(personID, reportsTo(managerID))
				w.put(personID, starts(3))
				w.colleague(managerID, otherEmail)
			},
			outcome: scheduled, manager: managerID,
			changes: map[string]string{},
		},
		{
			name: "leaves, and the manager is to be created",
			given: func(w *world) {
				w.put(personID, reportsTo(managerID))
				w.put(personID, inactive)
				w.colleague(managerID, otherEmail)
				w.user()
			},
			outcome: employee.Suspended, calls: 2, manager: managerID,
			changes: map[string]string{"status": "1 → 2"},
		},
		{
			name: "to be created, and the manager too",
			given: func(w *world) {
				w.put(personID, reportsTo(managerID))
				w.colleague(managerID, otherEmail)
			},
			outcome: employee.Created, calls: 1, manager: managerID, awaits: true,
		},
		{
			name: "the manager has two users",
			given: func(w *world) {
				w.put(personID, reportsTo(managerID))
				w.colleague(managerID, otherEmail)
				w.stranger(attrs{"external_id": managerID})
				w.stranger(attrs{"external_id": managerID, "email": "hazel.2@example.com", "username": "hazel.2@example.com"})
				w.user(attrs{"title": "Surfer"})
			},
			outcome: employee.Updated, calls: 1, manager: managerID,
			changes: map[string]string{"title": "Surfer → Lighthouse Keeper"},
		},

		// Suspensions of people who are at work.
		{
			name:    "suspended",
			given:   func(w *world) { w.user(attrs{"status": 2}) },
			outcome: employee.Reactivated, because: "Bob says active", calls: 1,
			changes: map[string]string{"status": "2 → 1"},
		},
		{
			name: "suspended, and always_active",
			given: func(w *world) {
				w.settings.Policy.Status = lifecycle.AlwaysActive
				w.user(attrs{"status": 2})
			},
			outcome: unchanged, inLine: true,
		},
		{
			name: "suspended, and always_suspended",
			given: func(w *world) {
				w.settings.Policy.Status = lifecycle.AlwaysSuspended
				w.user(attrs{"status": 2})
			},
			outcome: unchanged, inLine: true,
		},
		{
			name: "suspended by somebody else, and reactivate is on_activation",
			given: func(w *world) {
				w.settings.Policy.Reactivate = lifecycle.ReactivateOnActivation
				w.user(attrs{"status": 2})
			},
			outcome: unchanged, inLine: true,
		},
		{
			name: "suspended by us, and reactivate is on_activation",
			given: func(w *world) {
				w.settings.Policy.Reactivate = lifecycle.ReactivateOnActivation
				w.recalled = ours
				w.user(attrs{"status": 2})
			},
			outcome: employee.Reactivated, calls: 1,
			changes: map[string]string{"status": "2 → 1"},
		},
		{
			name: "suspended by us, and reactivate is never",
			given: func(w *world) {
				w.settings.Policy.Reactivate = lifecycle.ReactivateNever
				w.recalled = ours
				w.user(attrs{"status": 2})
			},
			outcome: unchanged, inLine: true,
		},
		{
			name: "suspended by somebody else, on_activation, and a title differs",
			given: func(w *world) {
				w.settings.Policy.Reactivate = lifecycle.ReactivateOnActivation
				w.user(attrs{"status": 2, "title": "Surfer"})
			},
			outcome: employee.Updated, calls: 1,
			changes: map[string]string{"title": "Surfer → Lighthouse Keeper"},
		},
		{
			name:    "locked",
			given:   func(w *world) { w.user(attrs{"status": 3}) },
			outcome: unchanged, inLine: true,
		},
		{
			name: "no licence is free",
			given: func(w *world) {
				w.user(attrs{"state": 3})
			},
			outcome: held, inLine: true,
		},

		// Custom attributes.
		{
			name:      "work_cell is not defined",
			undefined: true,
			given:     func(w *world) { w.user(attrs{"custom_attributes": map[string]any{}}) },
			outcome:   unchanged, inLine: true,
		},
		{
			name:      "work_cell is not defined and may be",
			undefined: true,
			given: func(w *world) {
				w.settings.CreateCustomAttributes = true
				w.user(attrs{"custom_attributes": map[string]any{}})
			},
			outcome: employee.Updated, calls: 1,
			changes: map[string]string{"custom_attributes.work_cell": "nothing → +44 7700 900001"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var options []string
			if test.undefined {
				options = append(options, withoutWorkCell)
			}
			w := newWorld(t, options...)
			if test.given != nil {
				test.given(w)
			}
			before, defined := w.one.Users(), w.calls()[define]
			for _, dryRun := range []bool{false, true} {
				w.forgetCalls()
				p, err := w.bulk(activities.BulkSnapshotInput{DryRun: dryRun})
				require.NoError(t, err)
				require.Equal(t, before, w.one.Users(), "planning writes nothing")
				for route := range w.calls() {
					require.Contains(t, []string{find, find + "?page", list}, route)
				}
				require.Equal(t, defined, w.calls()[define], "planning defines nothing")

				item, out := p.items[personID]
				if test.inLine {
					require.False(t, out, "%s: %s", item.Outcome, item.Reason)
					require.Positive(t, p.Settled[test.outcome])
					if test.because != "" {
						require.Contains(t, fmt.Sprint(slices.Collect(maps.Keys(p.SkippedFor))), test.because)
					}
					continue
				}
				require.True(t, out, "settled: %v, skipped for %v", p.Settled, p.SkippedFor)
				require.Equal(t, test.outcome, item.Outcome)
				require.Contains(t, item.Reason, test.because)
				require.Equal(t, test.calls, item.Calls)
				require.Equal(t, test.awaits, item.AwaitsManager)
				if test.outcome != failed {
					require.Equal(t, test.manager, item.ManagerID)
				}
				if !dryRun {
					require.Empty(t, item.Changes)
					require.Empty(t, item.Digest)
					require.Equal(t, test.outcome != failed, item.Order != nil, "whoever gets a child gets what was read")
					continue
				}
				require.Nil(t, item.Order)
				require.NotEmpty(t, item.Digest)
				if test.changes != nil {
					require.Equal(t, test.changes, p.changesOf(personID))
				}
			}
		})
	}
}

func TestBulkPlanRemembersWhatOneLoginMakesOfValues(t *testing.T) {
	t.Run("its own form", func(t *testing.T) {
		w := newWorld(t)
		w.oneSettings(stripSpaces)
		id := w.user(attrs{"phone": ""})
		out, err := w.upsert()
		require.NoError(t, err)
		require.Equal(t, employee.Updated, out.Outcome)
		require.Equal(t, "+442079460001", w.stored(id)["phone"])
		w.recalled = out.Last

		p, err := w.bulk(activities.BulkSnapshotInput{})
		require.NoError(t, err)
		require.Empty(t, p.items)
		require.Equal(t, 1, p.Items, "one person was looked at again")
		require.Equal(t, 1, p.pages[0].Settled)
		require.Equal(t, [][]string{{personID}}, w.asked)
	})
	t.Run("its own form beside a change", func(t *testing.T) {
		w := newWorld(t)
		w.oneSettings(stripSpaces)
		w.user(attrs{"phone": ""})
		out, err := w.upsert()
		require.NoError(t, err)
		w.recalled = out.Last
		w.put(personID, map[string]any{"work": map[string]any{"title": "Surfer"}})

		p, err := w.bulk(activities.BulkSnapshotInput{DryRun: true})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"title": "Lighthouse Keeper → Surfer"}, p.changesOf(personID))
	})
	t.Run("its own mapping", func(t *testing.T) {
		w := newWorld(t)
		w.oneSettings(forceTitle)
		w.user(attrs{"title": "Intern"})
		for range 2 {
			out, err := w.upsert()
			require.NoError(t, err)
			require.Equal(t, employee.Updated, out.Outcome)
			w.recalled = out.Last
		}
		p, err := w.bulk(activities.BulkSnapshotInput{})
		require.NoError(t, err)
		require.Empty(t, p.items)
		require.Equal(t, 1, p.Settled[employee.Unchanged])
	})
	t.Run("nothing can be recalled", func(t *testing.T) {
		w := newWorld(t)
		w.user(attrs{"title": "Surfer"})
		w.recallErr = fmt.Errorf("the namespace is busy")
		_, err := w.bulk(activities.BulkSnapshotInput{})
		require.Equal(t, activities.ErrUnavailable, failure(t, err).Type())
	})
}

// TestBulkOrderIsEnough lets the children of a bulk run act on what they are
// given: none of them looks anybody up.
func TestBulkOrderIsEnough(t *testing.T) {
	tests := []struct {
		name    string
		given   func(w *world) int64
		calls   calls
		outcome employee.Outcome
	}{
		{name: "created", calls: calls{create: 1}, outcome: employee.Created},
		{name: "updated", given: func(w *world) int64 { return w.user(attrs{"title": "Surfer"}) }, calls: calls{update: 1}, outcome: employee.Updated},
		{name: "adopted", given: func(w *world) int64 { return w.user(attrs{"external_id": nil}) }, calls: calls{update: 1}, outcome: employee.Updated},
		{name: "relinked", given: func(w *world) int64 {
			w.settings.Limits.LeastShownPercent = 0
			return w.user(attrs{"external_id": otherID})
		}, calls: calls{update: 1}, outcome: employee.Relinked},
		{name: "reactivated", given: func(w *world) int64 { return w.user(attrs{"status": 2}) }, calls: calls{update: 1}, outcome: employee.Reactivated},
		{
			name: "missing manager",
			given: func(w *world) int64 {
				w.put(personID, reportsTo(managerID))
				return w.user(attrs{"title": "Surfer"})
			},
			calls: calls{update: 1}, outcome: employee.Updated,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			if test.given != nil {
				test.given(w)
			}
			in := w.ordered()
			w.forgetCalls()
			w.recalls = 0
			var out activities.UpsertUserResult
			require.NoError(t, w.once(activities.UpsertUserName, in, &out))
			require.Equal(t, test.outcome, out.Outcome)
			require.Equal(t, test.calls, w.calls())
			require.Zero(t, w.recalls, "what earlier runs left came along")
		})
	}
	t.Run("suspended", func(t *testing.T) {
		w := newWorld(t)
		w.put(personID, inactive)
		id := w.user()
		p, err := w.bulk(activities.BulkSnapshotInput{})
		require.NoError(t, err)
		o := p.items[personID].Order
		w.forgetCalls()
		var out activities.EnforceStatusResult
		in := activities.EnforceStatusInput{EmployeeID: personID, Email: personEmail, Username: personEmail, Desired: o.Desired, Listed: &o.Listed}
		require.NoError(t, w.once(activities.EnforceStatusName, in, &out))
		require.Equal(t, calls{update: 1, logout: 1}, w.calls())
		require.True(t, w.sessionsEnded(id))
	})
}

// ordered is what the sample person's child does with its order.
func (w *world) ordered() activities.UpsertUserInput {
	w.t.Helper()
	p, err := w.bulk(activities.BulkSnapshotInput{})
	require.NoError(w.t, err)
	item := p.items[personID]
	require.NotNil(w.t, item.Order)
	o := item.Order
	return activities.UpsertUserInput{
		EmployeeID: personID, Desired: o.Desired, Standing: o.Decision.Standing, Listed: &o.Listed, Last: o.Last,
		Bulk: true, ManagerUserID: item.ManagerUserID,
	}
}

func TestBulkOrderThatIsOvertaken(t *testing.T) {
	stale := func(l *activities.Listed, s mapping.Settings) {
		l.At = time.Now().Add(-s.Limits.FreshFor - time.Second)
	}
	t.Run("another run has ended since", func(t *testing.T) {
		w := newWorld(t)
		w.user(attrs{"title": "Surfer"})
		in := w.ordered()
		w.ended = map[string]bool{personID: true}
		w.forgetCalls()
		app := failure(t, w.retrying(activities.UpsertUserName, in, nil))
		require.Equal(t, activities.ErrOutdated, app.Type())
		require.True(t, app.NonRetryable())
		require.Empty(t, w.calls())
	})
	t.Run("it was checked a moment ago", func(t *testing.T) {
		w := newWorld(t)
		w.acts.SettleDelay = 30 * time.Second
		w.user(attrs{"title": "Surfer"})
		in := w.ordered()
		w.broken = fmt.Errorf("nobody need be asked")
		require.NoError(t, w.once(activities.UpsertUserName, in, nil))
	})
	t.Run("it was checked a part of the settle delay ago", func(t *testing.T) {
		w := newWorld(t)
		w.acts.SettleDelay = 30 * time.Second
		w.user(attrs{"title": "Surfer"})
		in := w.ordered()
		in.Listed.CheckedAt = in.Listed.CheckedAt.Add(-10 * time.Second)
		w.ended = map[string]bool{personID: true}
		require.Equal(t, activities.ErrOutdated, failure(t, w.once(activities.UpsertUserName, in, nil)).Type())
	})
	t.Run("another run has ended before the page was handed out", func(t *testing.T) {
		w := newWorld(t)
		w.user(attrs{"title": "Surfer"})
		w.ended = map[string]bool{personID: true}
		p, err := w.bulk(activities.BulkSnapshotInput{})
		require.NoError(t, err)
		require.Nil(t, p.items[personID].Order, "the child reads for itself")
	})
	t.Run("Temporal cannot tell", func(t *testing.T) {
		w := newWorld(t)
		w.user(attrs{"title": "Surfer"})
		in := w.ordered()
		w.broken = fmt.Errorf("the namespace is busy")
		w.forgetCalls()
		app := failure(t, w.once(activities.UpsertUserName, in, nil))
		require.Equal(t, activities.ErrUnavailable, app.Type())
		require.Empty(t, w.calls(), "nothing is written without knowing")
	})
	t.Run("it waited for its turn too long", func(t *testing.T) {
		w := newWorld(t)
		w.user(attrs{"title": "Surfer"})
		in := w.ordered()
		stale(in.Listed, w.settings)
		w.forgetCalls()
		require.Equal(t, activities.ErrOutdated, failure(t, w.once(activities.UpsertUserName, in, nil)).Type())
		require.Empty(t, w.calls())
	})
	t.Run("a run that was under way may end before the child starts", func(t *testing.T) {
		for runs, vouched := range map[bool]bool{false: true, true: false} {
			w := newWorld(t)
			w.user(attrs{"title": "Surfer"})
			if runs {
				w.ended = map[string]bool{personID: false}
			}
			p, err := w.bulk(activities.BulkSnapshotInput{})
			require.NoError(t, err)
			require.NotNil(t, p.items[personID].Order)
			require.Equal(t, vouched, !p.items[personID].Order.Listed.CheckedAt.IsZero())
		}
	})
	// waits has the first attempt fail before it writes, and the next come when
	// what was read is old.
	waits := func(w *world) {
		w.acts.EndedSince = func(context.Context, []string, time.Time) (map[string]bool, error) {
			w.settings.Limits.FreshFor = 0
			return nil, fmt.Errorf("the namespace is busy")
		}
	}
	t.Run("its next attempt comes too late", func(t *testing.T) {
		w := newWorld(t)
		w.user(attrs{"title": "Surfer"})
		in := w.ordered()
		waits(w)
		require.Equal(t, activities.ErrOutdated, failure(t, w.retrying(activities.UpsertUserName, in, nil)).Type())
		require.Zero(t, w.calls()[update])
	})
	t.Run("a leaver's next attempt comes too late", func(t *testing.T) {
		for _, status := range []int64{1, 2} {
			w := newWorld(t)
			w.put(personID, inactive)
			id := w.user(attrs{"title": "Surfer"})
			p, err := w.bulk(activities.BulkSnapshotInput{})
			require.NoError(t, err)
			o := p.items[personID].Order
			waits(w)
			w.change(id, fmt.Sprintf(`{"status":%d}`, status))
			in := activities.EnforceStatusInput{EmployeeID: personID, Email: personEmail, Desired: o.Desired, Listed: &o.Listed}
			err = w.retrying(activities.EnforceStatusName, in, nil)
			require.Zero(t, w.calls()[update])
			if status == 1 {
				require.Equal(t, activities.ErrOutdated, failure(t, err).Type())
				continue
			}
			require.NoError(t, err)
			require.True(t, w.sessionsEnded(id), "an attempt whose answer was lost may have suspended without ending the sessions")
		}
	})
	t.Run("a leaver's", func(t *testing.T) {
		for name, overtake := range map[string]func(*world, *activities.Listed){
			"another run has ended since":     func(w *world, _ *activities.Listed) { w.ended = map[string]bool{personID: true} },
			"it waited for its turn too long": func(w *world, l *activities.Listed) { stale(l, w.settings) },
		} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				w.put(personID, inactive)
				id := w.user()
				p, err := w.bulk(activities.BulkSnapshotInput{})
				require.NoError(t, err)
				o := p.items[personID].Order
				overtake(w, &o.Listed)
				w.forgetCalls()
				in := activities.EnforceStatusInput{EmployeeID: personID, Email: personEmail, Desired: o.Desired, Listed: &o.Listed}
				require.Equal(t, activities.ErrOutdated, failure(t, w.once(activities.EnforceStatusName, in, nil)).Type())
				require.Empty(t, w.calls())
				require.Equal(t, int64(1), w.stored(id)["status"], "nobody is suspended by what is out of date")
			})
		}
	})
}

// An answer that is lost is not a lost write, nor one of nobody.
func TestBulkOrderWhoseAnswerIsLost(t *testing.T) {
	for name, tt := range map[string]struct {
		given   func(*world)
		route   string
		outcome employee.Outcome
		changed []string
	}{
		"of a change": {
			func(w *world) { w.user(attrs{"title": "Surfer"}) }, update, employee.Updated, []string{"title"},
		},
		"of an adoption": {
			func(w *world) { w.user(attrs{"external_id": nil}) }, update, employee.Updated, []string{"external_id"},
		},
		"of a creation": {
			func(*world) {}, create, employee.Created,
			[]string{"custom_attributes.work_cell", "department", "email", "external_id", "firstname", "lastname", "phone", "status", "title", "username"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tt.given(w)
			in := w.ordered()
			method, route, _ := strings.Cut(tt.route, " ")
			w.oneFault(control.Fault{Method: method, Route: route, Drop: control.DropAfter})
			w.forgetCalls()
			var out activities.UpsertUserResult
			require.NoError(t, w.retrying(activities.UpsertUserName, in, &out))
			require.Equal(t, tt.outcome, out.Outcome, out.Reason)
			require.Equal(t, tt.changed, out.Changed)
			require.Equal(t, calls{tt.route: 1, find: 1}, w.calls(), "written once, and looked for after the loss")
			require.Len(t, w.linked(), 1)
		})
	}
}
