package activities_test

import (
	"context"
	"errors"
	"fmt"
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
	"bob-onelogin/internal/onelogin"
)

// everything is what a new user of the sample person is given.
var everything = []string{
	"custom_attributes.work_cell", "department", "email", "external_id",
	"firstname", "lastname", "phone", "status", "title", "username",
}

// companyOnCreate gives new users the name of their site as company.
func companyOnCreate(s *mapping.Settings) {
	s.Rules = append(s.Rules, mapping.Rule{Target: "company", Field: "work.site", OnCreateOnly: true})
}

func TestUpsertUser(t *testing.T) {
	tests := []struct {
		name     string
		settings func(*mapping.Settings)
		// undefined: OneLogin lacks the custom attribute.
		undefined bool
		// known: an earlier step has read the user.
		known bool
		// given returns the OneLogin user that it is about, 0 for one to be made.
		given   func(w *world) int64
		input   func(*activities.UpsertUserInput)
		outcome employee.Outcome
		changed []string
		calls   calls
		// user are attributes that OneLogin has afterwards.
		user   attrs
		note   string
		reason string
	}{
		{
			name:    "nobody there",
			outcome: employee.Created, changed: everything, calls: calls{find: 1, create: 1},
			user:   attrs{"external_id": personID, "email": personEmail, "username": personEmail, "title": "Lighthouse Keeper", "department": "Waves", "status": int64(1)},
			reason: "New OneLogin user",
		},
		{
			name:    "nothing differs",
			given:   func(w *world) int64 { return w.user() },
			outcome: employee.Unchanged, calls: calls{find: 1},
			reason: "already says",
		},
		{
			name:    "a title differs",
			given:   func(w *world) int64 { return w.user(attrs{"title": "Surfer"}) },
			outcome: employee.Updated, changed: []string{"title"}, calls: calls{find: 1, update: 1},
			user: attrs{"title": "Lighthouse Keeper", "phone": "+44 20 7946 0001"},
		},
		{
			name: "a value was removed in Bob",
			given: func(w *world) int64 {
				w.put(personID, map[string]any{"work": map[string]any{"workMobile": nil}})
				return w.user()
			},
			outcome: employee.Updated, changed: []string{"custom_attributes.work_cell"}, calls: calls{find: 1, update: 1},
			user: attrs{"custom_attributes": map[string]any{"work_cell": nil}},
		},
		{
			name: "Bob does not show the phones",
			given: func(w *world) int64 {
				w.bobSettings(func(s *simbob.Settings) { s.HiddenFields = []string{"workContact"} })
				return w.user(attrs{"phone": "kept"})
			},
			outcome: employee.Unchanged, calls: calls{find: 1},
			user: attrs{"phone": "kept"},
		},
		{
			name:    "an earlier step has read the user",
			given:   func(w *world) int64 { return w.user(attrs{"title": "Surfer"}) },
			known:   true,
			outcome: employee.Updated, changed: []string{"title"}, calls: calls{update: 1},
		},

		{
			name: "manager in OneLogin, met for the first time",
			given: func(w *world) int64 {
				w.colleague(managerID, otherEmail)
				w.put(personID, reportsTo(managerID))
				w.stranger(attrs{"external_id": managerID, "id": 777})
				return 0
			},
			outcome: employee.Created, changed: append([]string{"manager_user_id"}, everything...), calls: calls{find: 2, create: 1},
			user: attrs{"manager_user_id": int64(777)},
		},
		{
			name: "manager told by the manager's own workflow",
			given: func(w *world) int64 {
				w.colleague(managerID, otherEmail)
				w.put(personID, reportsTo(managerID))
				w.stranger(attrs{"external_id": managerID, "id": 777})
				return w.user()
			},
			input:   func(in *activities.UpsertUserInput) { in.ManagerUserID = 777 },
			outcome: employee.Updated, changed: []string{"manager_user_id"}, calls: calls{find: 1, update: 1},
			user: attrs{"manager_user_id": int64(777)},
		},
		{
			name: "manager not in OneLogin yet: one call more",
			given: func(w *world) int64 {
				w.colleague(managerID, otherEmail)
				w.put(personID, reportsTo(managerID))
				return w.user(attrs{"title": "Surfer"})
			},
			outcome: employee.Updated, changed: []string{"title"}, calls: calls{find: 2, update: 1},
			user: attrs{"manager_user_id": nil},
		},
		{
			name: "manager claimed by two OneLogin users",
			given: func(w *world) int64 {
				w.colleague(managerID, otherEmail)
				w.put(personID, reportsTo(managerID))
				w.stranger(attrs{"external_id": managerID})
				w.stranger(attrs{"external_id": managerID, "email": "hazel.2@example.com", "username": "hazel.2@example.com"})
				return w.user()
			},
			outcome: employee.Unchanged, calls: calls{find: 2},
			note: "manager_user_id is left alone: OneLogin users",
		},
		{
			name: "their own manager",
			given: func(w *world) int64 {
				w.put(personID, reportsTo(personID))
				return w.user()
			},
			outcome: employee.Unchanged, calls: calls{find: 1},
			note: "manager_user_id is left alone: Bob says that this person is their own manager",
		},
		{
			name: "no manager any more",
			given: func(w *world) int64 {
				boss := w.stranger()
				return w.user(attrs{"manager_user_id": boss})
			},
			outcome: employee.Updated, changed: []string{"manager_user_id"}, calls: calls{find: 1, update: 1},
			user: attrs{"manager_user_id": nil},
		},
		{
			name: "Bob does not show the manager",
			given: func(w *world) int64 {
				w.bobSettings(func(s *simbob.Settings) { s.HiddenFields = []string{"work.reportsTo"} })
				return w.user(attrs{"manager_user_id": w.stranger(attrs{"id": 777})})
			},
			outcome: employee.Unchanged, calls: calls{find: 1},
			user: attrs{"manager_user_id": int64(777)},
		},

		{
			name:    "adopted by e-mail",
			given:   func(w *world) int64 { return w.user(attrs{"external_id": nil}) },
			outcome: employee.Updated, changed: []string{"external_id"}, calls: calls{find: 2, create: 1, update: 1},
			user: attrs{"external_id": personID}, reason: "Adopted",
		},
		{
			name:    "adopted by username",
			given:   func(w *world) int64 { return w.user(attrs{"external_id": nil, "email": otherEmail}) },
			outcome: employee.Updated, changed: []string{"email", "external_id"}, calls: calls{find: 3, create: 1, update: 1},
			user: attrs{"external_id": personID, "email": personEmail}, reason: "Adopted",
		},
		{
			name: "adopted under an address in another case",
			given: func(w *world) int64 {
				return w.user(attrs{"external_id": nil, "email": "Juniper.Sample@example.com", "username": "JUNIPER.SAMPLE@EXAMPLE.COM"})
			},
			outcome: employee.Updated, changed: []string{"external_id"}, calls: calls{find: 2, create: 1, update: 1},
			user: attrs{"external_id": personID, "email": "Juniper.Sample@example.com"},
		},
		{
			name: "linked to somebody who is gone from Bob",
			given: func(w *world) int64 {
				return w.user(attrs{"external_id": otherID})
			},
			outcome: employee.Relinked, changed: []string{"external_id"}, calls: calls{find: 2, create: 1, update: 1},
			user: attrs{"external_id": personID}, reason: "Took over OneLogin user",
		},
		{
			name: "linked to somebody who is inactive in Bob",
			given: func(w *world) int64 {
				w.colleague(otherID, otherEmail)
				w.put(otherID, inactive)
				return w.user(attrs{"external_id": otherID, "status": 2})
			},
			outcome: employee.Relinked, changed: []string{"external_id", "status"}, calls: calls{find: 2, create: 1, update: 1},
			user: attrs{"external_id": personID, "status": int64(1)},
		},
		{
			name:    "renamed in place",
			given:   func(w *world) int64 { return w.user(attrs{"email": otherEmail, "username": otherEmail}) },
			outcome: employee.Renamed, changed: []string{"email", "username"}, calls: calls{find: 1, update: 1},
			user: attrs{"email": personEmail, "username": personEmail, "external_id": personID},
		},

		{
			name:    "suspended and active in Bob: lifted along with the profile",
			given:   func(w *world) int64 { return w.user(attrs{"status": 2, "title": "Surfer"}) },
			outcome: employee.Reactivated, changed: []string{"status", "title"}, calls: calls{find: 1, update: 1},
			user: attrs{"status": int64(1), "title": "Lighthouse Keeper"},
		},
		{
			name:      "work_cell is not defined",
			undefined: true,
			outcome:   employee.Created, changed: without(everything, "custom_attributes.work_cell"), calls: calls{find: 1, create: 1},
			note: "custom_attributes.work_cell is left out",
		},
		{
			name:      "work_cell is not defined and may be",
			settings:  func(s *mapping.Settings) { s.CreateCustomAttributes = true },
			undefined: true,
			outcome:   employee.Created, changed: everything, calls: calls{find: 1, define: 1, create: 1},
			user: attrs{"custom_attributes": map[string]any{"work_cell": "+44 7700 900001"}},
		},
		{
			name:      "work_cell was defined by another worker meanwhile",
			settings:  func(s *mapping.Settings) { s.CreateCustomAttributes = true },
			undefined: true,
			given: func(w *world) int64 {
				w.defineWorkCell()
				return 0
			},
			outcome: employee.Created, changed: everything, calls: calls{find: 1, define: 1, list: 1, create: 1},
			user: attrs{"custom_attributes": map[string]any{"work_cell": "+44 7700 900001"}},
		},
		{
			name:     "an attribute for new users alone, nobody there",
			settings: companyOnCreate,
			outcome:  employee.Created, changed: slices.Sorted(slices.Values(append(slices.Clone(everything), "company"))), calls: calls{find: 1, create: 1},
			user: attrs{"company": "London"},
		},
		{
			name:     "an attribute for new users alone, and the user is there",
			settings: companyOnCreate,
			given:    func(w *world) int64 { return w.user(attrs{"company": "Elsewhere"}) },
			outcome:  employee.Unchanged, calls: calls{find: 1},
			user: attrs{"company": "Elsewhere"},
		},
		{
			name:     "an attribute for new users alone, and the user is adopted",
			settings: companyOnCreate,
			given:    func(w *world) int64 { return w.user(attrs{"external_id": nil, "company": "Elsewhere"}) },
			outcome:  employee.Updated, changed: []string{"external_id"}, calls: calls{find: 2, create: 1, update: 1},
			user: attrs{"company": "Elsewhere"},
		},
		{
			name:    "no licence is free",
			given:   func(w *world) int64 { return w.user(attrs{"state": 3}) },
			outcome: employee.Held, calls: calls{find: 1},
			note: "Unlicensed",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var options []string
			if test.undefined {
				options = append(options, withoutWorkCell)
			}
			w := newWorld(t, options...)
			if test.settings != nil {
				test.settings(&w.settings)
			}
			var about int64
			if test.given != nil {
				about = test.given(w)
			}
			in := w.upsertInput()
			if test.input != nil {
				test.input(&in)
			}
			if test.known {
				in.Known = w.reread(about)
			}
			w.forgetCalls()

			var out activities.UpsertUserResult
			require.NoError(t, w.once(activities.UpsertUserName, in, &out))

			require.Equal(t, test.outcome, out.Outcome)
			require.ElementsMatch(t, test.changed, out.Changed)
			require.Equal(t, test.calls, w.calls())
			require.Contains(t, out.Reason, test.reason)
			require.Contains(t, strings.Join(out.Notes, "\n"), test.note)
			require.Len(t, w.linked(), 1, "users of the person")
			if about != 0 {
				require.Equal(t, about, out.User.ID, "the user is kept")
			}
			user := w.stored(out.User.ID)
			for name, want := range test.user {
				require.Equal(t, want, user[name], name)
			}
		})
	}
}

// reread reads a OneLogin user as an earlier activity did.
func (w *world) reread(id int64) *onelogin.User {
	w.t.Helper()
	u, err := w.acts.OneLogin.User(w.t.Context(), id)
	require.NoError(w.t, err)
	return &u
}

func without(list []string, gone string) []string {
	var rest []string
	for _, s := range list {
		if s != gone {
			rest = append(rest, s)
		}
	}
	return rest
}

func TestUpsertUserRefusesToGuess(t *testing.T) {
	tests := []struct {
		name string
		// given returns what the sentence must say besides the way out.
		given func(w *world) []string
		calls calls
	}{
		{
			name: "two users carry the person's id",
			given: func(w *world) []string {
				a := w.user()
				b := w.user(attrs{"email": otherEmail, "username": otherEmail})
				return []string{ids(a, b), "external_id"}
			},
			calls: calls{find: 1},
		},
		{
			name: "the e-mail belongs to one user and the username to another",
			given: func(w *world) []string {
				a := w.user(attrs{"external_id": nil, "username": otherEmail})
				b := w.user(attrs{"external_id": nil, "email": otherEmail})
				return []string{ids(a, b), "e-mail or username"}
			},
			calls: calls{find: 3, create: 1},
		},
		{
			name: "the address belongs to somebody who is active in Bob",
			given: func(w *world) []string {
				w.colleague(otherID, otherEmail)
				a := w.user(attrs{"external_id": otherID})
				return []string{fmt.Sprint(a), otherID, "not gone from Bob"}
			},
			calls: calls{find: 2, create: 1},
		},
		{
			name: "the address belongs to a future hire",
			given: func(w *world) []string {
				w.colleague(otherID, otherEmail)
				w.put(otherID, hired)
				a := w.user(attrs{"external_id": otherID})
				return []string{fmt.Sprint(a), otherID, "not gone from Bob"}
			},
			calls: calls{find: 2, create: 1},
		},
		{
			name: "the address belongs to a user linked to something else than Bob",
			given: func(w *world) []string {
				a := w.user(attrs{"external_id": "legacy-42"})
				return []string{fmt.Sprint(a), "not a Bob id"}
			},
			calls: calls{find: 2, create: 1},
		},
		{
			name: "the new address is taken",
			given: func(w *world) []string {
				a := w.user(attrs{"email": otherEmail, "username": otherEmail})
				b := w.user(attrs{"external_id": nil})
				return []string{fmt.Sprintf("OneLogin user %d", a), fmt.Sprintf("user %d has it", b)}
			},
			calls: calls{find: 2, update: 1},
		},
		{
			name: "the new username is taken",
			given: func(w *world) []string {
				a := w.user(attrs{"email": otherEmail, "username": otherEmail})
				b := w.user(attrs{"external_id": nil, "email": "hazel.2@example.com"})
				return []string{fmt.Sprintf("OneLogin user %d", a), fmt.Sprintf("user %d has it", b)}
			},
			calls: calls{find: 3, update: 1},
		},
		{
			name: "the address is taken by a user that OneLogin does not show",
			given: func(w *world) []string {
				w.oneFault(control.Fault{
					Method: "POST", Route: "/api/2/users", Status: 422,
					Body: `{"message":"Validation failed: Email must be unique within acme","name":"UnprocessableEntityError","statusCode":422}`,
				})
				return []string{"shows no user with it"}
			},
			calls: calls{find: 3, create: 1},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			sentences := test.given(w)
			before := w.one.Users()
			in := w.upsertInput()
			w.forgetCalls()

			err := w.retrying(activities.UpsertUserName, in, nil)

			app := failure(t, err)
			require.Equal(t, activities.ErrConflict, app.Type())
			require.True(t, app.NonRetryable())
			for _, s := range append(sentences, "run `starter sync "+personID+"`") {
				require.Contains(t, app.Message(), s)
			}
			require.Equal(t, test.calls, w.calls())
			require.Equal(t, before, w.one.Users(), "nothing is written")
		})
	}
}

func TestUpsertUserLeavesOtherStatusesAlone(t *testing.T) {
	for _, status := range []int{0, 3, 4, 5, 7, 8} {
		t.Run(onelogin.Status(status).String(), func(t *testing.T) {
			w := newWorld(t)
			id := w.user(attrs{"status": status, "title": "Surfer"})
			out, err := w.upsert(func(in *activities.UpsertUserInput) { in.Activated = true })
			require.NoError(t, err)
			require.Equal(t, employee.Updated, out.Outcome)
			require.Equal(t, []string{"title"}, out.Changed)
			require.False(t, out.Lifted)
			require.Equal(t, int64(status), w.stored(id)["status"])
		})
	}
}

func TestUpsertUserLiftsASuspension(t *testing.T) {
	ours := activities.LastSync{MemoryKnown: true}.WithSuspension(true)
	tests := []struct {
		name       string
		status     lifecycle.StatusPolicy
		reactivate lifecycle.ReactivatePolicy
		standing   lifecycle.Standing
		activated  bool
		recalled   activities.LastSync
		lifted     bool
	}{
		{name: "always, by an update", reactivate: lifecycle.ReactivateAlways, lifted: true},
		{name: "on activation, by an update", reactivate: lifecycle.ReactivateOnActivation},
		{name: "on activation, by an activation", reactivate: lifecycle.ReactivateOnActivation, activated: true, lifted: true},
		{name: "on activation, by an update, suspended by us", reactivate: lifecycle.ReactivateOnActivation, recalled: ours, lifted: true},
		{name: "never, by an activation", reactivate: lifecycle.ReactivateNever, activated: true, recalled: ours},
		{name: "always, but the person has not started", standing: lifecycle.StandingNotStarted},
		{name: "always, but nobody knows how the person stands", standing: lifecycle.StandingUnknown},
		{name: "always_active", status: lifecycle.AlwaysActive, activated: true},
		{name: "always_suspended", status: lifecycle.AlwaysSuspended, activated: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			if test.status != "" {
				w.settings.Policy.Status = test.status
			}
			if test.reactivate != "" {
				w.settings.Policy.Reactivate = test.reactivate
			}
			w.recalled = test.recalled
			id := w.user(attrs{"status": 2})
			out, err := w.upsert(func(in *activities.UpsertUserInput) {
				in.Activated = test.activated
				if test.standing != "" {
					in.Standing = test.standing
				}
			})
			require.NoError(t, err)
			require.Equal(t, 1, w.recalls, "a suspension is looked up in earlier runs")
			require.Equal(t, test.lifted, out.Lifted)
			if test.lifted {
				require.Equal(t, employee.Reactivated, out.Outcome)
				require.Equal(t, int64(1), w.stored(id)["status"])
				return
			}
			require.Equal(t, employee.Unchanged, out.Outcome)
			require.Equal(t, int64(2), w.stored(id)["status"])
		})
	}
}

func TestUpsertUserCreatesWithAStatus(t *testing.T) {
	const active, suspended = int64(1), int64(2)
	tests := []struct {
		policy   lifecycle.StatusPolicy
		standing lifecycle.Standing
		status   int64
	}{
		{lifecycle.FollowBob, lifecycle.StandingActive, active},
		{lifecycle.FollowBob, lifecycle.StandingNotStarted, suspended},
		{lifecycle.FollowBob, lifecycle.StandingUnknown, suspended},
		{lifecycle.AlwaysActive, lifecycle.StandingActive, active},
		{lifecycle.AlwaysActive, lifecycle.StandingNotStarted, active},
		{lifecycle.AlwaysSuspended, lifecycle.StandingActive, suspended},
		{lifecycle.AlwaysSuspended, lifecycle.StandingNotStarted, suspended},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s, %s", test.policy, test.standing), func(t *testing.T) {
			w := newWorld(t)
			w.settings.Policy.Status = test.policy
			out, err := w.upsert(func(in *activities.UpsertUserInput) { in.Standing = test.standing })
			require.NoError(t, err)
			require.Equal(t, employee.Created, out.Outcome)
			require.Equal(t, test.status, w.stored(out.User.ID)["status"])
			require.Contains(t, out.StatusRule, map[int64]string{1: "created active", 2: "created suspended"}[test.status])
		})
	}
}

func TestUpsertUserAlongAChainOfManagers(t *testing.T) {
	w := newWorld(t)
	w.colleague(managerID, otherEmail)
	w.put(personID, reportsTo(managerID))
	w.put(managerID, reportsTo(personID))

	first, err := w.upsert()
	require.NoError(t, err)
	require.Equal(t, employee.Created, first.Outcome)
	require.Equal(t, managerID, first.MissingManager)

	// Of the two who manage each other the second finds the first remembered.
	in := activities.UpsertUserInput{EmployeeID: managerID, Desired: w.desired(managerID), Standing: lifecycle.StandingActive}
	w.forgetCalls()
	var manager activities.UpsertUserResult
	require.NoError(t, w.once(activities.UpsertUserName, in, &manager))
	require.Equal(t, calls{find: 1, create: 1}, w.calls(), "a manager who is known costs no call")
	require.Empty(t, manager.MissingManager)
	require.Equal(t, first.User.ID, w.stored(manager.User.ID)["manager_user_id"])

	again := w.upsertInput()
	w.forgetCalls()
	var repaired activities.UpsertUserResult
	require.NoError(t, w.once(activities.UpsertUserName, again, &repaired))
	require.Equal(t, []string{"manager_user_id"}, repaired.Changed)
	require.Equal(t, calls{find: 1, update: 1}, w.calls())
	require.Equal(t, manager.User.ID, w.stored(first.User.ID)["manager_user_id"])
}

func TestUpsertUserForgetsAManagerWhoIsGone(t *testing.T) {
	tests := []struct {
		name string
		// told is set where the manager's workflow told the id in the input.
		told bool
	}{
		{name: "remembered by this worker"},
		{name: "told by the manager's workflow", told: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.colleague(managerID, otherEmail)
			w.put(personID, reportsTo(managerID))
			id := w.user(attrs{"title": "Surfer"})
			old := w.stranger(attrs{"external_id": managerID})
			in := w.upsertInput()
			if test.told {
				in.ManagerUserID = old
			} else {
				managers := activities.UpsertUserInput{EmployeeID: managerID, Desired: w.desired(managerID), Standing: lifecycle.StandingActive}
				require.NoError(t, w.once(activities.UpsertUserName, managers, nil))
			}
			w.deleteUser(old)
			now := w.stranger(attrs{"external_id": managerID, "id": old + 1000})

			var out activities.UpsertUserResult
			err := w.once(activities.UpsertUserName, in, &out)
			app := failure(t, err)
			require.Equal(t, activities.ErrStale, app.Type())
			require.False(t, app.NonRetryable())

			require.NoError(t, w.retrying(activities.UpsertUserName, in, &out))
			require.Equal(t, now, w.stored(id)["manager_user_id"])
		})
	}
}

func TestUpsertUserDoesNotRepeatARefusalForEver(t *testing.T) {
	// The phone is refused, not the manager: the second try knows.
	w := newWorld(t)
	w.colleague(managerID, otherEmail)
	w.put(personID, reportsTo(managerID))
	w.user(attrs{"title": "Surfer"})
	boss := w.stranger(attrs{"external_id": managerID})
	w.oneFault(control.Fault{
		Method: "PUT", Route: "/api/2/users/{id}", Count: 10, Status: 422,
		Body: `{"message":"Validation failed: Phone +44 20 7946 0001 of juniper.sample@example.com is invalid","name":"UnprocessableEntityError","statusCode":422}`,
	})
	in := w.upsertInput(func(in *activities.UpsertUserInput) { in.ManagerUserID = boss })
	w.forgetCalls()

	err := w.retrying(activities.UpsertUserName, in, nil)
	app := failure(t, err)
	require.Equal(t, activities.ErrRefused, app.Type())
	require.True(t, app.NonRetryable())
	require.Equal(t, 2, w.calls()[update])
}

func TestUpsertUserAfterALostAnswer(t *testing.T) {
	tests := []struct {
		name    string
		given   func(w *world)
		fault   control.Fault
		outcome employee.Outcome
		changed []string
		lifted  bool
		calls   calls
		reason  string
	}{
		{
			name:    "creation done, answer lost",
			fault:   control.Fault{Method: "POST", Route: "/api/2/users", Drop: control.DropAfter},
			outcome: employee.Created, changed: everything, calls: calls{find: 2, create: 1},
			reason: "Done by an earlier attempt",
		},
		{
			name:    "creation never arrived",
			fault:   control.Fault{Method: "POST", Route: "/api/2/users", Drop: control.DropBefore},
			outcome: employee.Created, changed: everything, calls: calls{find: 2, create: 2},
			reason: "New OneLogin user",
		},
		{
			name:    "creation answered by the edge",
			fault:   control.Fault{Method: "POST", Route: "/api/2/users", Status: 502, Body: "<html>Bad gateway</html>"},
			outcome: employee.Created, changed: everything, calls: calls{find: 2, create: 2},
			reason: "New OneLogin user",
		},
		{
			name:    "change done, answer lost",
			given:   func(w *world) { w.user(attrs{"title": "Surfer"}) },
			fault:   control.Fault{Method: "PUT", Route: "/api/2/users/{id}", Drop: control.DropAfter},
			outcome: employee.Updated, changed: []string{"title"}, calls: calls{find: 2, update: 1},
			reason: "Done by an earlier attempt",
		},
		{
			name:    "change never arrived",
			given:   func(w *world) { w.user(attrs{"title": "Surfer"}) },
			fault:   control.Fault{Method: "PUT", Route: "/api/2/users/{id}", Drop: control.DropBefore},
			outcome: employee.Updated, changed: []string{"title"}, calls: calls{find: 2, update: 2},
			reason: "now says what Bob says",
		},
		{
			name:    "suspension lifted, answer lost",
			given:   func(w *world) { w.user(attrs{"status": 2}) },
			fault:   control.Fault{Method: "PUT", Route: "/api/2/users/{id}", Drop: control.DropAfter},
			outcome: employee.Reactivated, changed: []string{"status"}, lifted: true, calls: calls{find: 2, update: 1},
			reason: "Done by an earlier attempt",
		},
		{
			name:    "adoption done, answer lost",
			given:   func(w *world) { w.user(attrs{"external_id": nil}) },
			fault:   control.Fault{Method: "PUT", Route: "/api/2/users/{id}", Drop: control.DropAfter},
			outcome: employee.Updated, changed: []string{"external_id"}, calls: calls{find: 3, create: 1, update: 1},
			reason: "Done by an earlier attempt",
		},
		{
			name:    "nothing to write, look-up lost",
			given:   func(w *world) { w.user() },
			fault:   control.Fault{Method: "GET", Route: "/api/2/users", Drop: control.DropBefore},
			outcome: employee.Unchanged, calls: calls{find: 2},
			reason: "already says",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			if test.given != nil {
				test.given(w)
			}
			in := w.upsertInput()
			w.oneFault(test.fault)
			w.forgetCalls()

			var out activities.UpsertUserResult
			require.NoError(t, w.retrying(activities.UpsertUserName, in, &out))

			require.Equal(t, test.outcome, out.Outcome)
			require.ElementsMatch(t, test.changed, out.Changed)
			require.Equal(t, test.lifted, out.Lifted)
			require.Contains(t, out.Reason, test.reason)
			require.Equal(t, test.calls, w.calls())
			require.Len(t, w.one.Users(), 1, "one user, never two")
			require.Len(t, w.linked(), 1)
		})
	}
}

func TestUpsertUserAfterALostCreationThatWasNormalised(t *testing.T) {
	w := newWorld(t)
	w.oneSettings(func(s *simonelogin.Settings) { s.StripPhoneSpaces = true })
	in := w.upsertInput()
	w.oneFault(control.Fault{Method: "POST", Route: "/api/2/users", Drop: control.DropAfter})
	w.oneFault(control.Fault{Method: "PUT", Route: "/api/2/users/{id}", Drop: control.DropAfter})
	w.forgetCalls()

	var out activities.UpsertUserResult
	require.NoError(t, w.retrying(activities.UpsertUserName, in, &out))

	require.Equal(t, employee.Created, out.Outcome, "whatever was written after the creation")
	require.Equal(t, everything, out.Changed)
	require.Equal(t, calls{find: 3, create: 1, update: 2}, w.calls(), "what OneLogin made of the phone is known only from an answer")
	require.Equal(t, []activities.CreatedUser{{EmployeeID: personID, UserID: out.User.ID}}, w.announced)
	require.Len(t, w.linked(), 1)
}

func TestUpsertUserDeletedBetweenLookUpAndWrite(t *testing.T) {
	w := newWorld(t)
	id := w.user(attrs{"title": "Surfer"})
	in := w.upsertInput()
	gone := func() { w.deleteUser(id) }

	w.onWrite = gone
	app := failure(t, w.once(activities.UpsertUserName, in, nil))
	require.Equal(t, activities.ErrStale, app.Type())
	require.False(t, app.NonRetryable())

	id = w.user(attrs{"title": "Surfer"})
	w.onWrite = gone
	var out activities.UpsertUserResult
	require.NoError(t, w.retrying(activities.UpsertUserName, in, &out))
	require.Equal(t, employee.Created, out.Outcome)
	require.Len(t, w.linked(), 1)
}

func TestUpsertUserKeepsOffTheAccountOwner(t *testing.T) {
	w := newWorld(t)
	w.user(attrs{"title": "Surfer"})
	w.oneSettings(func(s *simonelogin.Settings) { s.OwnerEmail = personEmail })
	out, err := w.upsert()
	require.NoError(t, err)
	require.Equal(t, employee.Skipped, out.Outcome)
	require.Contains(t, out.Reason, "account owner")
	require.NotZero(t, out.User.ID, "reports can be linked all the same")
	require.Empty(t, out.Changed)
}

func TestUpsertUserAgainstAOneLoginMapping(t *testing.T) {
	w := newWorld(t)
	w.one.SetMapping(func(user map[string]any) { user["title"] = "Set by a mapping" })

	writes := 0
	for sync := range 5 {
		in := w.upsertInput()
		w.forgetCalls()
		var out activities.UpsertUserResult
		require.NoError(t, w.once(activities.UpsertUserName, in, &out))
		writes += w.calls()[create] + w.calls()[update]
		if sync >= 2 {
			require.Equal(t, employee.Unchanged, out.Outcome)
			require.Equal(t, calls{find: 1}, w.calls())
			require.Contains(t, strings.Join(out.Notes, "\n"), "[title] was overwritten by a OneLogin mapping")
		}
		w.recalled = out.Last.Or(w.recalled)
	}
	require.Equal(t, 2, writes, "the title is written twice and then left to the mapping")

	// A new value in Bob is a new difference.
	w.put(personID, map[string]any{"work": map[string]any{"title": "Surfer"}})
	out, err := w.upsert()
	require.NoError(t, err)
	require.Equal(t, []string{"title"}, out.Changed)
}

func TestUpsertUserWithAValueThatOneLoginNormalises(t *testing.T) {
	w := newWorld(t)
	w.oneSettings(func(s *simonelogin.Settings) { s.StripPhoneSpaces = true })

	out, err := w.upsert()
	require.NoError(t, err)
	require.Equal(t, employee.Created, out.Outcome)
	require.Equal(t, "+442079460001", w.stored(out.User.ID)["phone"])
	w.recalled = out.Last

	for range 2 {
		in := w.upsertInput()
		w.forgetCalls()
		require.NoError(t, w.once(activities.UpsertUserName, in, &out))
		require.Equal(t, employee.Unchanged, out.Outcome)
		require.Equal(t, calls{find: 1}, w.calls())
		require.Contains(t, strings.Join(out.Notes, "\n"), "OneLogin keeps its own form of [phone]")
		require.True(t, out.Last.MemoryKnown, "what was recalled is handed on")
		w.recalled = out.Last
	}
}

func TestUpsertUserRecallsOnlyWhereItMatters(t *testing.T) {
	complete := activities.LastSync{MemoryKnown: true}.WithSuspension(false)
	tests := []struct {
		name    string
		given   func(w *world)
		last    activities.LastSync
		recalls int
	}{
		{name: "a new user", given: func(*world) {}},
		{name: "nothing differs", given: func(w *world) { w.user() }},
		{name: "a difference", given: func(w *world) { w.user(attrs{"title": "Surfer"}) }, recalls: 1},
		{name: "a suspension", given: func(w *world) { w.user(attrs{"status": 2}) }, recalls: 1},
		{name: "a difference, and this run knows", given: func(w *world) { w.user(attrs{"title": "Surfer"}) }, last: complete},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			test.given(w)
			_, err := w.upsert(func(in *activities.UpsertUserInput) { in.Last = test.last })
			require.NoError(t, err)
			require.Equal(t, test.recalls, w.recalls)
		})
	}

	t.Run("the recollection fails", func(t *testing.T) {
		w := newWorld(t)
		w.recallErr = errors.New("the server is not there")
		id := w.user(attrs{"title": "Surfer"})
		_, err := w.upsert()
		app := failure(t, err)
		require.Equal(t, activities.ErrUnavailable, app.Type())
		require.False(t, app.NonRetryable())
		require.Equal(t, "Surfer", w.stored(id)["title"])
	})
}

func TestUpsertUserReportsALicenceThatIsMissing(t *testing.T) {
	w := newWorld(t)
	w.oneSettings(func(s *simonelogin.Settings) {
		s.Licences, s.UnlicensedAfter = 1, control.Duration(time.Minute)
	})
	w.stranger()
	out, err := w.upsert()
	require.NoError(t, err)
	require.Equal(t, employee.Created, out.Outcome)

	w.oneCalls.Clock().Advance(2 * time.Minute)
	out, err = w.upsert()
	require.NoError(t, err)
	require.Equal(t, employee.Held, out.Outcome, "a person has to free or buy a licence")
	require.Equal(t, int(onelogin.StateUnlicensed), out.User.State)
	require.Contains(t, strings.Join(out.Notes, "\n"), "Unlicensed")
}

func TestUpsertUserTellsOthers(t *testing.T) {
	w := newWorld(t)
	w.colleague(managerID, otherEmail)
	w.put(personID, reportsTo(managerID))
	type told struct {
		id string
		e  employee.Event
	}
	var all []told
	var down error
	w.acts.Signal = func(_ context.Context, id string, e employee.Event) error {
		all = append(all, told{id, e})
		return down
	}

	down = errors.New("the server is not there")
	ask := func(in *activities.UpsertUserInput) { in.AskManager, in.AwaitedBy = true, []string{otherID} }
	_, err := w.upsert(ask)
	require.Equal(t, activities.ErrUnavailable, failure(t, err).Type())
	require.Len(t, all, 2, "one who cannot be told does not keep the others from it")
	require.Len(t, w.one.Users(), 1)

	all, down = nil, nil
	out, err := w.upsert(ask)
	require.NoError(t, err)
	require.Equal(t, employee.Unchanged, out.Outcome, "telling again writes nothing again")
	require.Equal(t, []told{
		{managerID, employee.Event{Type: employee.EventReportWaiting, ReportID: personID}},
		{otherID, employee.Event{Type: employee.EventManagerLinked, ManagerID: personID, ManagerUserID: out.User.ID}},
	}, all)

	all = nil
	_, err = w.upsert()
	require.NoError(t, err)
	require.Empty(t, all, "nobody is asked without being told to")
}

func TestUpsertUserAnnouncesACreationAtLeastOnce(t *testing.T) {
	w := newWorld(t)
	w.announceErr = errors.New("the server is not there")
	_, err := w.upsert()
	require.Equal(t, activities.ErrUnavailable, failure(t, err).Type())
	require.Len(t, w.announced, 1)
	require.Equal(t, personID, w.announced[0].EmployeeID)
	require.Len(t, w.one.Users(), 1, "the user is there all the same")
}
