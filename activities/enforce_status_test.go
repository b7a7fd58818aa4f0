package activities_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	"bob-onelogin/dev/sim/control"
	simonelogin "bob-onelogin/dev/sim/onelogin"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// leaver is the input for the sample person.
func (w *world) leaver() activities.EnforceStatusInput {
	return activities.EnforceStatusInput{EmployeeID: personID, Email: personEmail, Username: personEmail, Desired: w.desired(personID)}
}

// sessionsEnded reports whether a user was logged out everywhere.
func (w *world) sessionsEnded(id int64) bool {
	w.t.Helper()
	return w.stored(id)["_sessions_ended_at"] != nil
}

func TestEnforceStatus(t *testing.T) {
	const active, suspended = int64(1), int64(2)
	tests := []struct {
		name  string
		given func(w *world) int64
		input func(*activities.EnforceStatusInput)
		done  lifecycle.StatusAction
		calls calls
		// status is OneLogin's afterwards.
		status   int64
		sessions bool
		rule     string
		note     string
		// profile: the profile differs from what Bob says.
		profile bool
	}{
		{
			name:  "active",
			given: func(w *world) int64 { return w.user() },
			done:  lifecycle.Suspend, calls: calls{find: 1, update: 1, logout: 1}, status: suspended, sessions: true,
		},
		{
			name:  "active, and the profile differs",
			given: func(w *world) int64 { return w.user(attrs{"title": "Surfer"}) },
			done:  lifecycle.Suspend, calls: calls{find: 1, update: 1, logout: 1}, status: suspended, sessions: true,
			profile: true,
		},
		{
			name:  "suspended already",
			given: func(w *world) int64 { return w.user(attrs{"status": 2}) },
			done:  lifecycle.KeepStatus, calls: calls{find: 1}, status: suspended,
			rule: "already suspended",
		},
		{
			name:  "not linked, found by address",
			given: func(w *world) int64 { return w.user(attrs{"external_id": nil}) },
			done:  lifecycle.Suspend, calls: calls{find: 2, update: 1, logout: 1}, status: suspended, sessions: true,
			profile: true,
		},
		{
			name:  "not linked, found by username",
			given: func(w *world) int64 { return w.user(attrs{"external_id": nil, "email": otherEmail}) },
			done:  lifecycle.Suspend, calls: calls{find: 3, update: 1, logout: 1}, status: suspended, sessions: true,
			profile: true,
		},
		{
			name: "deleted in Bob, found by the address in the event",
			given: func(w *world) int64 {
				return w.user(attrs{"external_id": nil})
			},
			input: func(in *activities.EnforceStatusInput) { in.Desired = mapping.Desired{} },
			done:  lifecycle.Suspend, calls: calls{find: 2, update: 1, logout: 1}, status: suspended, sessions: true,
			profile: true,
		},
		{
			name:  "no user and no address: nobody to find, nobody created",
			input: func(in *activities.EnforceStatusInput) { in.Email, in.Username = "", "" },
			done:  lifecycle.KeepStatus, calls: calls{find: 1},
			rule: "has no OneLogin user",
		},
		{
			name: "no user: not created",
			done: lifecycle.KeepStatus, calls: calls{find: 3},
			rule: "has no OneLogin user",
		},
		{
			name: "the address belongs to somebody who is active in Bob",
			given: func(w *world) int64 {
				w.colleague(otherID, otherEmail)
				return w.user(attrs{"external_id": otherID})
			},
			done: lifecycle.KeepStatus, calls: calls{find: 2}, status: active,
			rule: "belongs to employee " + otherID,
		},
		{
			name: "protected by e-mail",
			given: func(w *world) int64 {
				w.settings.Protected.Emails = []string{"JUNIPER.sample@example.com"}
				return w.user()
			},
			done: lifecycle.HoldStatus, calls: calls{find: 1}, status: active,
			rule: "protected",
		},
		{
			name: "protected by the e-mail that OneLogin has",
			given: func(w *world) int64 {
				w.settings.Protected.Emails = []string{otherEmail}
				return w.user(attrs{"email": otherEmail})
			},
			done: lifecycle.HoldStatus, calls: calls{find: 1}, status: active,
			rule: "protected", profile: true,
		},
		{
			name: "protected by OneLogin id",
			given: func(w *world) int64 {
				w.settings.Protected.OneLoginIDs = []int64{777}
				return w.user(attrs{"id": 777})
			},
			done: lifecycle.HoldStatus, calls: calls{find: 1}, status: active,
			rule: "protected",
		},
		{
			name: "protected, and suspended by somebody else",
			given: func(w *world) int64 {
				w.settings.Protected.OneLoginIDs = []int64{777}
				return w.user(attrs{"id": 777, "status": 2})
			},
			done: lifecycle.KeepStatus, calls: calls{find: 1}, status: suspended,
			rule: "already suspended",
		},
		{
			name: "the account owner",
			given: func(w *world) int64 {
				w.oneSettings(func(s *simonelogin.Settings) { s.OwnerEmail = personEmail })
				return w.user()
			},
			done: lifecycle.HoldStatus, calls: calls{find: 1, update: 1}, status: active,
			rule: "account owner",
		},
		{
			name: "deleted before the sessions could be ended",
			given: func(w *world) int64 {
				w.oneFault(control.Fault{
					Method: "PUT", Route: "/api/1/users/{id}/logout", Status: 404,
					Body: `{"status":{"error":true,"code":404,"type":"not found","message":"User not found"}}`,
				})
				return w.user()
			},
			done: lifecycle.Suspend, calls: calls{find: 1, update: 1, logout: 1}, status: suspended,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			var about int64
			if test.given != nil {
				about = test.given(w)
			}
			in := w.leaver()
			if test.input != nil {
				test.input(&in)
			}
			w.forgetCalls()

			var out activities.EnforceStatusResult
			require.NoError(t, w.once(activities.EnforceStatusName, in, &out))

			require.Equal(t, test.done, out.Done)
			require.Equal(t, test.calls, w.calls())
			require.Contains(t, out.Rule, test.rule)
			require.NotEmpty(t, out.Rule)
			require.Contains(t, strings.Join(out.Notes, "\n"), test.note)
			require.Equal(t, test.note == "", len(out.Notes) == 0)
			require.Equal(t, test.profile, out.Profile != nil)
			if about == 0 {
				require.False(t, out.Found)
				require.Empty(t, w.one.Users(), "a leaver gets no user")
				return
			}
			require.Equal(t, test.status, w.stored(about)["status"])
			require.Equal(t, test.sessions, w.sessionsEnded(about))
		})
	}
}

func TestEnforceStatusSuspendsFromEveryStatus(t *testing.T) {
	for _, status := range []int{0, 1, 3, 4, 5, 7, 8} {
		t.Run(onelogin.Status(status).String(), func(t *testing.T) {
			w := newWorld(t)
			id := w.user(attrs{"status": status})
			in := w.leaver()
			w.forgetCalls()
			var out activities.EnforceStatusResult
			require.NoError(t, w.once(activities.EnforceStatusName, in, &out))
			require.Equal(t, lifecycle.Suspend, out.Done)
			require.Equal(t, int(onelogin.StatusSuspended), out.User.Status)
			require.Equal(t, int64(2), w.stored(id)["status"])
			require.True(t, w.sessionsEnded(id))
			require.Equal(t, calls{find: 1, update: 1, logout: 1}, w.calls())
		})
	}
}

func TestEnforceStatusAfterAFailure(t *testing.T) {
	suspension := func(f control.Fault) control.Fault {
		f.Method, f.Route = "PUT", "/api/2/users/{id}"
		return f
	}
	logoutFault := func(f control.Fault) control.Fault {
		f.Method, f.Route = "PUT", "/api/1/users/{id}/logout"
		return f
	}
	tests := []struct {
		name  string
		user  attrs
		fault control.Fault
		done  lifecycle.StatusAction
		calls calls
	}{
		{
			name:  "suspended, answer lost, sessions not reached",
			fault: suspension(control.Fault{Drop: control.DropAfter}),
			done:  lifecycle.Suspend, calls: calls{find: 2, update: 1, logout: 1},
		},
		{
			name:  "the suspension never arrived",
			fault: suspension(control.Fault{Drop: control.DropBefore}),
			done:  lifecycle.Suspend, calls: calls{find: 2, update: 2, logout: 1},
		},
		{
			name:  "suspended, the sessions fail once",
			fault: logoutFault(control.Fault{Status: 502, Body: "<html>Bad gateway</html>"}),
			done:  lifecycle.Suspend, calls: calls{find: 2, update: 1, logout: 2},
		},
		{
			name:  "sessions ended, answer lost",
			fault: logoutFault(control.Fault{Drop: control.DropAfter}),
			done:  lifecycle.Suspend, calls: calls{find: 2, update: 1, logout: 2},
		},
		{
			name:  "suspended by somebody else, the look-up fails once",
			user:  attrs{"status": 2},
			fault: control.Fault{Method: "GET", Route: "/api/2/users", Status: 503},
			done:  lifecycle.KeepStatus, calls: calls{find: 2, logout: 1},
		},
		{
			name:  "rate limited by the edge once",
			fault: suspension(control.Fault{Status: 429, Body: "<html>Too many</html>"}),
			done:  lifecycle.Suspend, calls: calls{find: 2, update: 2, logout: 1},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			id := w.user(test.user)
			in := w.leaver()
			w.oneFault(test.fault)
			w.forgetCalls()

			var out activities.EnforceStatusResult
			require.NoError(t, w.retrying(activities.EnforceStatusName, in, &out))

			require.Equal(t, test.done, out.Done)
			require.Equal(t, test.calls, w.calls())
			require.Equal(t, int64(2), w.stored(id)["status"])
			require.True(t, w.sessionsEnded(id), "sessions are ended whatever was lost")
		})
	}
}

// TestEnforceStatusMayNotEndSessions: a credential that may not is said in the
// end; one that is refused for a while is waited for.
func TestEnforceStatusMayNotEndSessions(t *testing.T) {
	refused := map[string]control.Fault{
		"401": {Status: 401, Body: `{"status":{"error":true,"code":401,"type":"Unauthorized","message":"Insufficient Permission"}}`},
		"403": {Status: 403},
	}
	for name, f := range refused {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.user()
			f.Method, f.Route, f.Count = "PUT", "/api/1/users/{id}/logout", 100
			w.oneFault(f)
			require.Equal(t, activities.ErrCredentialsRefused, failure(t, w.once(activities.EnforceStatusName, w.leaver(), nil)).Type(), "it may pass")
			require.Equal(t, int64(2), w.stored(id)["status"], "the suspension is in place")

			w = newWorld(t)
			w.user()
			w.oneFault(f)
			var out activities.EnforceStatusResult
			require.NoError(t, w.retrying(activities.EnforceStatusName, w.leaver(), &out))
			require.Equal(t, lifecycle.Suspend, out.Done)
			require.Contains(t, strings.Join(out.Notes, "\n"), "refused to end running sessions")
			require.Equal(t, 1, w.calls()[update], "the suspension is written once")
		})
	}
	t.Run("suspended by somebody else", func(t *testing.T) {
		w := newWorld(t)
		w.user(attrs{"status": 2})
		w.oneFault(control.Fault{Method: "GET", Route: "/api/2/users", Status: 503})
		w.oneFault(control.Fault{Method: "PUT", Route: "/api/1/users/{id}/logout", Status: 403, Count: 100})
		var out activities.EnforceStatusResult
		require.NoError(t, w.retrying(activities.EnforceStatusName, w.leaver(), &out))
		require.Equal(t, lifecycle.KeepStatus, out.Done, "the suspension is not this work's")
		require.Len(t, out.Notes, 1)
	})
}

// TestEnforceStatusAfterALongWait: what was read of Bob before the wait may not
// be true any more.
func TestEnforceStatusAfterALongWait(t *testing.T) {
	w := newWorld(t)
	id := w.user()
	w.acts.LongestWait = -time.Second // whatever was waited is long
	w.forgetCalls()
	require.Equal(t, activities.ErrOutdated, failure(t, w.once(activities.EnforceStatusName, w.leaver(), nil)).Type())
	require.Equal(t, int64(1), w.stored(id)["status"])
	require.Empty(t, w.brake.asked, "it costs no place")
	require.Empty(t, w.calls(), "nor a call")

	in := w.leaver()
	in.Revoked = true
	require.NoError(t, w.once(activities.EnforceStatusName, in, nil), "a revocation is proof by itself")
	require.Equal(t, int64(2), w.stored(id)["status"])
}

func TestEnforceStatusDeletedBetweenLookUpAndWrite(t *testing.T) {
	w := newWorld(t)
	id := w.user()
	in := w.leaver()
	w.onWrite = func() { w.deleteUser(id) }

	var out activities.EnforceStatusResult
	require.NoError(t, w.retrying(activities.EnforceStatusName, in, &out))
	require.False(t, out.Found)
	require.Equal(t, lifecycle.KeepStatus, out.Done)
	require.Empty(t, w.one.Users())
}

func TestEnforceStatusWithTwoUsersOfOnePerson(t *testing.T) {
	w := newWorld(t)
	a := w.user()
	b := w.user(attrs{"email": otherEmail, "username": otherEmail})
	err := w.once(activities.EnforceStatusName, w.leaver(), nil)
	app := failure(t, err)
	require.Equal(t, activities.ErrConflict, app.Type())
	require.True(t, app.NonRetryable())
	require.Contains(t, app.Message(), ids(a, b))
	require.Contains(t, app.Message(), "run `starter sync "+personID+"`")
	require.Equal(t, int64(1), w.stored(a)["status"])
	require.Equal(t, int64(1), w.stored(b)["status"])
}

func TestEnforceStatusHandsTheProfileToTheNextStep(t *testing.T) {
	w := newWorld(t)
	id := w.user(attrs{"external_id": nil, "title": "Surfer"})
	in := w.leaver()
	var found activities.EnforceStatusResult
	require.NoError(t, w.once(activities.EnforceStatusName, in, &found))
	require.NotNil(t, found.Profile)
	w.forgetCalls()

	var out activities.UpsertUserResult
	require.NoError(t, w.once(activities.UpsertUserName, activities.UpsertUserInput{
		EmployeeID: personID, Desired: in.Desired, Standing: lifecycle.StandingLeft, Known: found.Profile,
	}, &out))
	require.Equal(t, calls{update: 1}, w.calls())
	require.Equal(t, []string{"external_id", "title"}, out.Changed)
	user := w.stored(id)
	require.Equal(t, personID, user["external_id"], "the leaver is linked from now on")
	require.Equal(t, int64(2), user["status"], fmt.Sprintf("user %d stays suspended", id))
}
