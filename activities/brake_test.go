package activities_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// stubBrake decides as the workflow does, without one.
type stubBrake struct {
	mu     sync.Mutex
	state  brake.State
	asked  []brake.Request
	linked []int
	// err is what it answers instead, before is called before it answers.
	err    error
	before func()
}

func (s *stubBrake) Reserve(_ context.Context, by brake.Settings, r brake.Request) (brake.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r)
	if s.before != nil {
		s.before()
	}
	if s.err != nil {
		return brake.Answer{}, s.err
	}
	return s.state.Ask(time.Now(), by, r), nil
}

func (s *stubBrake) Learn(_ context.Context, linked int) error {
	s.linked = append(s.linked, linked)
	return s.err
}

func (s *stubBrake) Standing(context.Context) (brake.View, error) {
	return s.state.View(time.Now(), 1), s.err
}

// exhaust uses up the floor.
func (s *stubBrake) exhaust() {
	for n := range brake.DefaultSettings().AtLeast {
		s.state.Ask(time.Now(), brake.DefaultSettings(), brake.Request{EmployeeID: fmt.Sprint(n + 1), Case: time.Now()})
	}
}

// leaver is what a workflow asks for about somebody who has left.
func (w *world) left(change ...func(*activities.EnforceStatusInput)) activities.EnforceStatusInput {
	in := activities.EnforceStatusInput{EmployeeID: personID, Email: personEmail, Username: personEmail, Since: time.Now()}
	for _, c := range change {
		c(&in)
	}
	return in
}

func isRevoked(in *activities.EnforceStatusInput) { in.Revoked = true }

func TestEnforceStatusAsksTheBrake(t *testing.T) {
	tests := map[string]struct {
		user attrs
		// before is what is so before anybody is asked.
		before func(*world)
		in     func(*activities.EnforceStatusInput)
		// status is what the user has afterwards, done and brake what is said of
		// it, asked how often the brake was asked, and calls what it cost.
		status int
		done   lifecycle.StatusAction
		brake  *activities.Braked
		rule   string
		notes  int
		asked  int
		calls  calls
	}{
		"there is room": {
			status: 2, done: lifecycle.Suspend, rule: "the person's access has ended", asked: 1,
			calls: calls{find: 1, update: 1, logout: 1},
		},
		"suspended already: costs no place": {
			user: attrs{"status": 2}, status: 2, done: lifecycle.KeepStatus, rule: "already suspended", calls: calls{find: 1},
		},
		"protected: costs no place": {
			before: func(w *world) { w.settings.Protected.Emails = []string{personEmail} },
			status: 1, done: lifecycle.HoldStatus, rule: "this user is protected", calls: calls{find: 1},
		},
		"the limit is reached": {
			before: func(w *world) { w.brake.exhaust() },
			status: 1, done: lifecycle.HoldStatus, brake: &activities.Braked{Verdict: brake.Held, Held: 1},
			rule:  "the suspension brake holds it: 5 of 5 within 24h are used; see `starter explain " + personID + "`, then run `starter brake approve " + personID + "`",
			asked: 1, calls: calls{find: 1},
		},
		"switched off": {
			before: func(w *world) { w.brake.exhaust(); w.settings.Brake.Enabled = false },
			status: 2, done: lifecycle.Suspend, rule: "the person's access has ended", calls: calls{find: 1, update: 1, logout: 1},
		},
		"out of scope counts as well": {
			before: func(w *world) { w.brake.exhaust() },
			in:     func(in *activities.EnforceStatusInput) { in.OutOfScope = true },
			status: 1, done: lifecycle.HoldStatus, brake: &activities.Braked{Verdict: brake.Held, Held: 1},
			rule: "the suspension brake holds it", asked: 1, calls: calls{find: 1},
		},
		"a user who is found by the address": {
			user: attrs{"external_id": nil}, before: func(w *world) { w.brake.exhaust() },
			status: 1, done: lifecycle.HoldStatus, brake: &activities.Braked{Verdict: brake.Held, Held: 1},
			rule: "the suspension brake holds it", asked: 1, calls: calls{find: 2},
		},
		"rejected": {
			before: func(w *world) {
				w.brake.exhaust()
				w.brake.state.Ask(time.Now(), brake.DefaultSettings(), brake.Request{EmployeeID: personID, Case: time.Now()})
				w.brake.state.Reject(time.Now(), brake.Decision{All: true})
			},
			status: 1, done: lifecycle.HoldStatus, brake: &activities.Braked{Verdict: brake.Rejected},
			rule: "a person has rejected it", asked: 1, calls: calls{find: 1},
		},
		"a bulk run's own number": {
			before: func(w *world) { w.brake.exhaust() },
			in:     func(in *activities.EnforceStatusInput) { in.Run, in.AllowSuspensions = "bulk-sync/1", 1 },
			status: 2, done: lifecycle.Suspend, rule: "the person's access has ended", asked: 1, calls: calls{find: 1, update: 1, logout: 1},
		},
		"unreachable: nobody is suspended": {
			before: func(w *world) { w.brake.err = errors.New("no answer in time") },
			status: 1, done: lifecycle.HoldStatus, brake: &activities.Braked{Verdict: brake.Unreachable},
			rule:  "the suspension brake could not be asked, and without it nobody is suspended; it is asked again (no answer in time)",
			asked: 1, calls: calls{find: 1},
		},
		"none at all: nobody is suspended": {
			before: func(w *world) { w.acts.Brake = nil },
			status: 1, done: lifecycle.HoldStatus, brake: &activities.Braked{Verdict: brake.Unreachable},
			rule: "could not be asked", calls: calls{find: 1},
		},
		"a revocation passes": {
			before: func(w *world) { w.brake.exhaust() }, in: isRevoked,
			status: 2, done: lifecycle.Suspend, rule: "the person's access has ended", asked: 1, calls: calls{find: 1, update: 1, logout: 1},
		},
		"a revocation passes even unreachable": {
			before: func(w *world) { w.brake.err = errors.New("no answer in time") }, in: isRevoked,
			status: 2, done: lifecycle.Suspend, rule: "the person's access has ended", notes: 1, asked: 1,
			calls: calls{find: 1, update: 1, logout: 1},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(personID, inactive)
			id := w.user(test.user)
			if test.before != nil {
				test.before(w)
			}
			in := w.left()
			if test.in != nil {
				test.in(&in)
			}
			w.forgetCalls()
			var out activities.EnforceStatusResult
			require.NoError(t, w.once(activities.EnforceStatusName, in, &out))
			require.EqualValues(t, test.status, w.stored(id)["status"])
			require.Equal(t, test.done, out.Done)
			require.Equal(t, test.brake, out.Brake)
			require.Contains(t, out.Rule, test.rule)
			require.Len(t, out.Notes, test.notes)
			require.Len(t, w.brake.asked, test.asked)
			require.Equal(t, test.calls, w.calls())
			w.decentText(out.Rule)
		})
	}
}

// TestEnforceStatusAsksLate: what is granted counts, so that the brake is asked
// when everything else is known, and right before the write.
func TestEnforceStatusAsksLate(t *testing.T) {
	w := newWorld(t)
	w.put(personID, inactive)
	id := w.user()
	w.forgetCalls()
	w.brake.before = func() { require.Equal(t, calls{find: 1}, w.calls()) }
	in := w.left()
	require.NoError(t, w.once(activities.EnforceStatusName, in, nil))
	require.EqualValues(t, 2, w.stored(id)["status"])
	asked := w.brake.asked[0]
	require.True(t, asked.Case.Equal(in.Since))
	asked.Case = time.Time{}
	require.Equal(t, brake.Request{EmployeeID: personID, UserID: id}, asked)
}

// TestEnforceStatusRetriesUnderOneGrant: an attempt that is repeated asks the
// same question, and counts once.
func TestEnforceStatusRetriesUnderOneGrant(t *testing.T) {
	w := newWorld(t)
	w.put(personID, inactive)
	id := w.user()
	w.oneFault(control.Fault{Method: http.MethodPut, Route: "/api/2/users/{id}", Status: 503, Count: 2})
	require.NoError(t, w.retrying(activities.EnforceStatusName, w.left(), nil))
	require.EqualValues(t, 2, w.stored(id)["status"])
	require.Len(t, w.brake.asked, 3)
	require.Equal(t, 1, w.brake.state.View(time.Now(), 0).Used)
}

// TestARefusedSuspensionStaysCounted: the safe side.
func TestARefusedSuspensionStaysCounted(t *testing.T) {
	w := newWorld(t)
	w.put(personID, inactive)
	w.user()
	w.oneFault(control.Fault{Method: http.MethodPut, Route: "/api/2/users/{id}", Status: 400})
	require.Error(t, w.once(activities.EnforceStatusName, w.left(), nil))
	require.Equal(t, 1, w.brake.state.View(time.Now(), 0).Used)
}

func TestBulkSnapshotTellsTheBrake(t *testing.T) {
	w := newWorld(t)
	w.user()
	w.stranger()
	w.put(managerID, map[string]any{"email": "suspended@example.com", "work": map[string]any{"startDate": "2020-01-06"}, "internal": inactive["internal"]})
	w.one.Seed(map[string]any{"email": "suspended@example.com", "username": "suspended@example.com", "external_id": managerID, "status": 2})
	var out activities.BulkSnapshotResult
	require.NoError(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{DryRun: true}, &out))
	require.Empty(t, w.brake.linked, "a dry run tells nobody anything")
	out = activities.BulkSnapshotResult{}
	require.NoError(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, &out))
	require.Equal(t, []int{1}, w.brake.linked, "neither who is not linked nor who is suspended")
	require.Nil(t, out.Brake)

	w.brake.err = errors.New("no answer in time")
	require.NoError(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{}, &out), "it costs nobody the run")
}

func TestDryRunsSayWhatTheBrakeWouldLetPass(t *testing.T) {
	const day = 24 * time.Hour
	tests := map[string]struct {
		before func(*world)
		want   *activities.BrakeAhead
		says   string
	}{
		"there is room": {
			want: &activities.BrakeAhead{Planned: 1, Limit: 5, Window: day, Pass: 1},
			says: "1 suspension is planned, and 1 would pass: 0 of 5 within 24h are used",
		},
		"there is none": {
			before: func(w *world) { w.brake.exhaust() },
			want:   &activities.BrakeAhead{Planned: 1, Used: 5, Limit: 5, Window: day},
			says:   "1 suspension is planned, and 0 would pass: 5 of 5 within 24h are used; 1 would be held until a person approves them",
		},
		"nobody knows": {
			before: func(w *world) { w.brake.err = errors.New("no answer in time") },
			want:   &activities.BrakeAhead{Planned: 1, Limit: 5, Window: day, Pass: 1, Unknown: true},
			says:   "1 suspension is planned, and 1 would pass if nobody was suspended of late; the brake could not be asked",
		},
		"switched off": {before: func(w *world) { w.settings.Brake.Enabled = false }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(personID, inactive)
			w.user()
			if test.before != nil {
				test.before(w)
			}
			var out activities.BulkSnapshotResult
			require.NoError(t, w.once(activities.BulkSnapshotName, activities.BulkSnapshotInput{DryRun: true}, &out))
			require.Equal(t, test.want, out.Brake)
			if test.want != nil {
				require.Equal(t, test.says, out.Brake.String())
			}
		})
	}
}

func TestCountLinked(t *testing.T) {
	w := newWorld(t)
	w.user()
	w.stranger()
	w.one.Seed(map[string]any{"email": "suspended@example.com", "username": "suspended@example.com", "external_id": managerID, "status": 2})
	for n := range 250 {
		address := fmt.Sprintf("user-%d@example.com", n)
		w.one.Seed(map[string]any{"email": address, "username": address, "external_id": fmt.Sprintf("33328838%011d", 500+n), "status": 1})
	}
	w.forgetCalls()
	var out activities.CountLinkedResult
	require.NoError(t, w.once(activities.CountLinkedName, nil, &out))
	require.Equal(t, 251, out.Linked)
	require.Equal(t, calls{find: 3}, w.calls(), "a call for each page")

	w.oneFault(control.Fault{Method: http.MethodGet, Route: "/api/2/users", Status: 503, Skip: 1})
	require.Error(t, w.once(activities.CountLinkedName, nil, &out), "half a count is none")
}

func TestTellDecided(t *testing.T) {
	w := newWorld(t)
	var told []string
	away := true
	w.acts.Signal = func(_ context.Context, id string, e employee.Event) error {
		require.Equal(t, employee.Event{Type: employee.EventDecided}, e)
		if told = append(told, id); away || id == otherID {
			return errors.New("the server is away")
		}
		return nil
	}
	in := activities.TellDecidedInput{EmployeeIDs: []string{otherID, personID}}
	require.Error(t, w.once(activities.TellDecidedName, in, nil), "it is tried again")
	require.Equal(t, []string{otherID, personID}, told)
	away = false
	var out activities.TellDecidedResult
	require.NoError(t, w.retrying(activities.TellDecidedName, in, &out))
	require.Equal(t, []string{otherID}, out.Untold, "who cannot be told keeps nobody waiting")
	require.Len(t, told, 12, "and is given up after some attempts")
}
