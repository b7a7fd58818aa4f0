package activities_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"bob-onelogin/activities"
	simbob "bob-onelogin/dev/sim/bob"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
)

// done is what came of one person, however it was brought about.
type done struct {
	outcome employee.Outcome
	changed []string
	// conflict is the sentence of a person who is left to people.
	conflict string
	// wrote: OneLogin has something that it did not have before.
	wrote bool
	users []map[string]any
}

// act does what an employee's workflow does about one read, and undoes it.
func (w *world) act(t require.TestingT, id string, d lifecycle.Decision, desired mapping.Desired, order *activities.BulkOrder, managerUserID int64) done {
	before := w.one.Users()
	defer func() {
		w.populate(before)
	}()
	var listed *activities.Listed
	var last activities.LastSync
	if order != nil {
		listed, last = &order.Listed, order.Last
	}
	w.restart()
	var out done
	fail := func(err error) {
		app := failure(w.t, err)
		require.Equal(t, activities.ErrConflict, app.Type(), app.Message())
		out.conflict = app.Message()
	}
	upsert := func(in activities.UpsertUserInput) (activities.UpsertUserResult, bool) {
		in.EmployeeID, in.Desired, in.Standing = id, desired, d.Standing
		var result activities.UpsertUserResult
		if err := w.once(activities.UpsertUserName, in, &result); err != nil {
			fail(err)
			return result, false
		}
		out.changed = append(out.changed, result.Changed...)
		return result, true
	}
	switch d.Phase {
	case lifecycle.PhaseWait:
		out.outcome = employee.Scheduled
	case lifecycle.PhaseNone:
		out.outcome = employee.Skipped
	case lifecycle.PhaseLeave:
		text := func(name string) string {
			if v := desired.Attributes[name]; v != nil {
				return *v
			}
			return ""
		}
		in := activities.EnforceStatusInput{EmployeeID: id, Desired: desired, Listed: listed, Email: text("email"), Username: text("username")}
		var result activities.EnforceStatusResult
		if err := w.once(activities.EnforceStatusName, in, &result); err != nil {
			fail(err)
			break
		}
		out.outcome = map[lifecycle.StatusAction]employee.Outcome{
			lifecycle.Suspend: employee.Suspended, lifecycle.HoldStatus: employee.Held, lifecycle.KeepStatus: employee.Unchanged,
		}[result.Done]
		if result.Done == lifecycle.Suspend {
			out.changed = []string{"status"}
			last = last.WithSuspension(true)
		}
		if !result.Found {
			out.outcome = employee.Skipped
		}
		if result.Profile != nil && desired.Missing == "" {
			if profile, ok := upsert(activities.UpsertUserInput{Known: result.Profile, Last: last}); ok && out.outcome == employee.Unchanged {
				out.outcome = profile.Outcome
			}
		}
	default:
		if desired.Missing != "" {
			out.outcome = employee.Skipped
			break
		}
		if result, ok := upsert(activities.UpsertUserInput{Listed: listed, Last: last, Bulk: order != nil, ManagerUserID: managerUserID}); ok {
			out.outcome = result.Outcome
		}
	}
	slices.Sort(out.changed)
	out.users = essential(w.one.Users())
	out.wrote = fmt.Sprint(essential(before)) != fmt.Sprint(out.users)
	return out
}

// essential leaves out what is another at each write, the ids included: users
// are told apart by their addresses.
func essential(users []map[string]any) []map[string]any {
	users = slices.Clone(users)
	for i, u := range users {
		u = maps.Clone(u)
		maps.DeleteFunc(u, func(k string, _ any) bool {
			return strings.HasSuffix(k, "_at") || strings.HasPrefix(k, "_") || k == "id"
		})
		users[i] = u
	}
	slices.SortFunc(users, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a["email"]), fmt.Sprint(b["email"])) })
	return users
}

// populate makes these the only OneLogin users. A manager has to be there before
// their reports.
func (w *world) populate(users []map[string]any) {
	for _, u := range w.one.Users() {
		w.deleteUser(u["id"].(int64))
	}
	managers := map[any]any{}
	for _, u := range users {
		u = maps.Clone(u)
		if manager := u["manager_user_id"]; manager != nil {
			managers[u["id"]] = manager
		}
		maps.DeleteFunc(u, func(k string, v any) bool { return strings.HasPrefix(k, "_") || k == "manager_user_id" || v == nil })
		w.one.Seed(u)
	}
	for id, manager := range managers {
		w.change(id.(int64), fmt.Sprintf(`{"manager_user_id":%d}`, manager))
	}
}

// TestBulkPlansAsASingleEventDecides draws small worlds and holds the plan of a
// bulk run, and what its children do with their orders, against what a single
// event does about each of the people: the same outcome, the same attributes,
// the same users afterwards; and for whoever is in line, nothing.
func TestBulkPlansAsASingleEventDecides(t *testing.T) {
	w := newWorld(t)
	w.colleague("3332883800000000015", "elm@example.com") // somebody is always there
	rapid.Check(t, func(rt *rapid.T) { w.twins(rt) })
}

// takenOver reports whether the plan gives somebody else the user that is linked
// to a person, or that has the person's address.
func takenOver(users []map[string]any, p plan, id string) bool {
	for _, item := range p.items {
		for _, u := range users {
			if u["id"] == item.UserID && item.Key.EmployeeID != id && u["external_id"] != item.Key.EmployeeID {
				return true
			}
		}
	}
	return false
}

func (w *world) twins(rt *rapid.T) {
	people := []string{personID, managerID, otherID, "3332883800000000014"}
	addresses := []string{"ash@example.com", "birch@example.com", "Cedar@example.com", "cedar@example.com", "dogwood@example.com"}
	titles := []any{"Gardener", "Surfer", nil}

	w.settings = mapping.Default()
	w.settings.Limits.LeastShownPercent = 0
	w.settings.Brake.Enabled = false // more leave here than in any company
	w.settings.Policy.Status = rapid.SampledFrom([]lifecycle.StatusPolicy{lifecycle.FollowBob, lifecycle.AlwaysActive, lifecycle.AlwaysSuspended}).Draw(rt, "status")
	w.settings.Policy.Reactivate = rapid.SampledFrom([]lifecycle.ReactivatePolicy{lifecycle.ReactivateAlways, lifecycle.ReactivateOnActivation, lifecycle.ReactivateNever}).Draw(rt, "reactivate")
	w.settings.Policy.Start.When = rapid.SampledFrom([]lifecycle.StartWhen{lifecycle.StartOnDate, lifecycle.StartOnCreation}).Draw(rt, "start")
	w.settings.Scope.Exclude = rapid.SliceOfNDistinct(rapid.SampledFrom(people), 0, 1, rapid.ID).Draw(rt, "excluded")
	w.settings.Protected.Emails = rapid.SliceOfNDistinct(rapid.SampledFrom(addresses), 0, 1, rapid.ID).Draw(rt, "protected")
	w.recalled = rapid.SampledFrom([]activities.LastSync{
		{}, {MemoryKnown: true}, activities.LastSync{MemoryKnown: true}.WithSuspension(true), activities.LastSync{}.WithSuspension(false),
	}).Draw(rt, "recalled")
	w.bobSettings(func(s *simbob.Settings) {
		s.HiddenFields = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"internal.status", "internal.lifecycleStatus", "work.startDate", "work.reportsTo", "work.title", "internal.terminationDate",
		}), 0, 1, rapid.ID).Draw(rt, "hidden fields")
		s.HiddenPeople = rapid.SliceOfNDistinct(rapid.SampledFrom(people), 0, 1, rapid.ID).Draw(rt, "hidden people")
	})

	for _, id := range people {
		_ = w.bob.Remove(id)
	}
	employed := rapid.SliceOfNDistinct(rapid.SampledFrom(people), 1, len(people), rapid.ID).Draw(rt, "people")
	for _, id := range employed {
		record := map[string]any{
			"email": rapid.SampledFrom(append([]string{""}, addresses...)).Draw(rt, "address"), "firstName": "Sample", "surname": "Person",
			"work": map[string]any{"startDate": "2020-01-06", "title": rapid.SampledFrom(titles).Draw(rt, "title"), "reportsTo": nil},
		}
		if record["email"] == "" {
			record["email"] = nil
		}
		w.put(id, record)
		w.put(id, rapid.SampledFrom([]map[string]any{
			{"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"}},
			{},
			inactive, starts(5), leaves(5), leaves(-5),
			{"internal": map[string]any{"status": "Active", "lifecycleStatus": "garden leave"}},
			{"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "parental leave"}},
			{"internal": map[string]any{"status": "Inactive", "lifecycleStatus": nil}},
			{"work": map[string]any{"startDate": nil}},
		}).Draw(rt, "state"))
	}
	for _, id := range employed {
		if manager := rapid.SampledFrom(append([]string{""}, employed...)).Draw(rt, "manager"); manager != "" {
			w.put(id, reportsTo(manager))
		}
	}
	var users []map[string]any
	holders := rapid.SliceOfNDistinct(rapid.SampledFrom(addresses), 0, len(addresses), strings.ToLower).Draw(rt, "holders")
	usernames := rapid.Permutation(slices.Clone(holders)).Draw(rt, "usernames")
	if rapid.Bool().Draw(rt, "e-mail is username") {
		usernames = holders
	}
	for i, address := range holders {
		u := map[string]any{
			"id": int64(100 + i), "email": address, "username": usernames[i], "firstname": "Sample", "lastname": "Person",
			"title":  rapid.SampledFrom(titles).Draw(rt, "title"),
			"status": rapid.SampledFrom([]int{1, 1, 2, 2, 3}).Draw(rt, "status"), "state": rapid.SampledFrom([]int{1, 1, 1, 3}).Draw(rt, "state"),
		}
		if link := rapid.SampledFrom(append([]string{"", "", "legacy-42", "3332883800000000099"}, people...)).Draw(rt, "link"); link != "" {
			u["external_id"] = link
		}
		if manager := rapid.IntRange(0, len(holders)).Draw(rt, "manager"); manager != i && manager < len(holders) {
			u["manager_user_id"] = int64(100 + manager)
		}
		users = append(users, u)
	}
	w.populate(users)

	w.restart()
	before := w.one.Users()
	planned, err := w.bulk(activities.BulkSnapshotInput{})
	require.NoError(rt, err)
	dry, err := w.bulk(activities.BulkSnapshotInput{DryRun: true})
	require.NoError(rt, err)
	require.Equal(rt, before, w.one.Users(), "planning writes nothing")
	require.Equal(rt, planned.order, dry.order)

	for _, id := range employed {
		w.restart()
		read, err := w.read(func(in *activities.ReadEmployeeInput) { in.EmployeeID = id })
		require.NoError(rt, err)
		var desired mapping.Desired
		if read.Found {
			require.NoError(rt, w.once(activities.MapFieldsName, read.Record, &desired))
		}
		single := w.act(rt, id, read.Decision, desired, nil, 0)
		item, ok := planned.items[id]
		if !ok && takenOver(before, planned, id) {
			// Only a bulk run sees that the user is somebody else's by now.
			continue
		}
		if !ok {
			require.False(rt, single.wrote, "%s is in line for the bulk run; an event writes %v", id, single.changed)
			require.Empty(rt, single.conflict)
			continue
		}
		var names []string
		future := false
		for _, c := range dry.items[id].Changes {
			if c.New != nil && strings.HasPrefix(*c.New, "the new user of") {
				future = true
				continue
			}
			names = append(names, c.Attribute)
		}
		require.Equal(rt, future, item.AwaitsManager, "a manager who is to be created is a change to come")
		if strings.Contains(item.Reason, "who are all at work") {
			// An event takes the user; the next one of the other person fails.
			require.Equal(rt, employee.Failed, item.Outcome)
			require.Nil(rt, item.Order)
			continue
		}
		if item.Order == nil {
			require.Equal(rt, employee.Failed, item.Outcome)
			require.Equal(rt, item.Reason, single.conflict)
			require.False(rt, single.wrote)
			continue
		}
		child := w.act(rt, id, item.Order.Decision, item.Order.Desired, item.Order, item.ManagerUserID)
		require.Equal(rt, single.outcome, child.outcome, "what was read decides as a read of its own")
		require.Equal(rt, single.changed, child.changed)
		require.Equal(rt, single.users, child.users)
		require.Equal(rt, single.conflict != "", child.conflict != "")
		if strings.Contains(single.conflict, "cannot take its new address") {
			// Only OneLogin can tell that an address is taken.
			require.True(rt, slices.Contains(names, "email") || slices.Contains(names, "username"), "planned %v", names)
			continue
		}
		require.Empty(rt, single.conflict)
		require.Equal(rt, single.wrote, len(names) > 0, "planned %v, an event writes %v", names, single.changed)
		require.Equal(rt, single.changed, names)
		switch {
		case future && (single.outcome == employee.Unchanged || single.outcome == employee.Held):
			require.Equal(rt, employee.Updated, item.Outcome)
		case item.Outcome == employee.Scheduled:
			require.Contains(rt, []employee.Outcome{employee.Scheduled, employee.Unchanged, employee.Held}, single.outcome)
		default:
			require.Equal(rt, single.outcome, item.Outcome)
		}
	}
}
