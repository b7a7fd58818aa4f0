package workflows_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/workflows"
)

// newBrakedWorld is a leaver for whom there is no room under the brake.
func newBrakedWorld(t *testing.T, change ...func(*mapping.Settings)) *world {
	t.Helper()
	w := newWorld(t, change...)
	w.person(terminated())
	w.linked()
	w.brake.exhaust()
	return w
}

// decide has a person approve or reject, as the brake's workflow does it.
func (w *world) decide(of func(time.Time, brake.Decision) brake.Decided) {
	require.Equal(w.t, 1, of(w.env.Now(), brake.Decision{All: true}).People, "the person is held")
	w.deliver(employee.Event{Type: employee.EventDecided})
}

// change merges into a OneLogin user behind everybody's back.
func (w *world) change(id int64, attributes string) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.one.ServeHTTP(rec, httptest.NewRequest(http.MethodPut, fmt.Sprintf("/_sim/users/%d", id), strings.NewReader(attributes)))
	require.Equal(w.t, http.StatusOK, rec.Code, rec.Body)
}

// holds checks that the person is held, and looks so.
func (w *world) holds() {
	w.t.Helper()
	require.Equal(w.t, 1, w.userStatus(), "the person is not suspended")
	v := w.status()
	require.Equal(w.t, workflows.Held, v.State)
	require.Equal(w.t, "brake", v.DueFor)
}

// rejected checks that a person has rejected the suspension, and that it looks so.
func (w *world) rejected() {
	w.t.Helper()
	w.holds()
	require.Contains(w.t, w.status().Reason, "a person has rejected it")
	require.Len(w.t, w.brake.state.Rejected, 1)
}

func TestEmployeeSyncBraked(t *testing.T) {
	tests := map[string]struct {
		before func(*world)
		story  func(*world)
		// want is what the workflow ends with, status what the user has then.
		want   employee.Outcome
		status int
		reason string
	}{
		"approved": {
			story: func(w *world) {
				w.after(time.Hour, w.holds)
				w.after(2*time.Hour, func() { w.decide(w.brake.state.Approve) })
			},
			want: employee.Suspended, status: 2, reason: "Bob says inactive",
		},
		"rejected, and back without an event": {
			story: func(w *world) {
				w.after(2*time.Hour, func() { w.decide(w.brake.state.Reject) })
				w.after(99*time.Hour, func() {
					w.rejected()
					require.Empty(w.t, w.brake.dropped)
					w.put(w.id, employed())
				})
				w.after(124*time.Hour, func() {
					require.Equal(w.t, []string{w.id}, w.brake.dropped, "the rejection does not outlive what it was about")
				})
			},
			want: employee.Unchanged, status: 1,
		},
		"rejected, and Bob tells anew: a person looks again, though there is room": {
			story: func(w *world) {
				w.after(2*time.Hour, func() { w.decide(w.brake.state.Reject) })
				w.after(48*time.Hour, func() { w.event(employee.EventLeft) })
				w.after(49*time.Hour, func() {
					w.holds()
					w.decide(w.brake.state.Approve)
				})
			},
			want: employee.Suspended, status: 2,
		},
		"rejected, and Bob delivers the same once more, and something older": {
			story: func(w *world) {
				left := employee.Event{Type: employee.EventInactivated, TriggeredAt: epoch.Add(30 * time.Second)}
				w.after(time.Minute, func() { w.deliver(left) })
				w.after(2*time.Hour, func() { w.decide(w.brake.state.Reject) })
				w.after(48*time.Hour, func() { w.deliver(left); w.event(employee.EventUpdated) })
				w.after(49*time.Hour, func() {
					w.deliver(employee.Event{Type: employee.EventLeft, TriggeredAt: epoch})
				})
				w.after(50*time.Hour, w.rejected)
				w.after(51*time.Hour, func() {
					w.deliver(employee.Event{Type: employee.EventLeft, TriggeredAt: epoch.Add(47 * time.Hour)})
				})
				w.after(52*time.Hour, func() { w.holds(); w.decide(w.brake.state.Approve) })
			},
			want: employee.Suspended, status: 2,
		},
		"rejected after the brake had to count, and Bob delivers the same once more": {
			story: func(w *world) {
				left := employee.Event{Type: employee.EventLeft, TriggeredAt: epoch.Add(30 * time.Second)}
				w.brake.counting = true
				w.after(time.Minute, func() { w.deliver(left) })
				w.after(5*time.Minute, func() { w.brake.counting = false })
				w.after(2*time.Hour, func() { w.decide(w.brake.state.Reject) })
				w.after(48*time.Hour, func() { w.deliver(left) })
				w.after(49*time.Hour, func() { w.rejected(); w.put(w.id, employed()); w.event(employee.EventUpdated) })
			},
			want: employee.Unchanged, status: 1,
		},
		"rejected by mistake, and approved": {
			story: func(w *world) {
				w.after(2*time.Hour, func() { w.decide(w.brake.state.Reject) })
				w.after(3*time.Hour, func() {
					w.rejected()
					w.brake.state.Approve(w.env.Now(), brake.Decision{EmployeeIDs: []string{w.id}})
					w.deliver(employee.Event{Type: employee.EventDecided})
				})
			},
			want: employee.Suspended, status: 2,
		},
		"out of Bob's sight for a while, and approved then": {
			story: func(w *world) {
				w.after(time.Hour, func() { require.NoError(w.t, w.bob.Remove(w.id)) })
				w.after(2*time.Hour, func() { w.decide(w.brake.state.Approve) })
				w.after(2*time.Hour+time.Minute, func() {
					w.holds()
					require.Contains(w.t, w.status().Reason, "Bob does not show this person")
					require.Empty(w.t, w.brake.dropped, "it proves nothing, nor that they are back")
					w.person(terminated())
				})
			},
			want: employee.Suspended, status: 2,
		},
		"out of Bob's sight at the daily look": {
			story: func(w *world) {
				w.after(time.Hour, func() { require.NoError(w.t, w.bob.Remove(w.id)) })
				w.after(60*time.Hour, func() {
					w.holds()
					require.Len(w.t, w.brake.state.Waiting, 1)
					require.Less(w.t, w.reads(), 60, "it is looked again for, and not all the time")
					w.person(terminated())
				})
				w.after(62*time.Hour, func() { w.decide(w.brake.state.Approve) })
			},
			want: employee.Suspended, status: 2,
		},
		"out of Bob's sight for more than a month": {
			story: func(w *world) {
				w.after(time.Hour, func() { require.NoError(w.t, w.bob.Remove(w.id)) })
				w.after(25*24*time.Hour, w.holds)
			},
			want: employee.Skipped, status: 1, reason: "Bob does not show this person",
		},
		"out of scope by now": {
			story: func(w *world) {
				w.after(time.Hour, func() { w.settings.Scope.Exclude = []string{w.id}; w.event(employee.EventUpdated) })
				w.after(2*time.Hour, func() { require.Equal(w.t, []string{w.id}, w.brake.dropped) })
			},
			want: employee.Skipped, status: 1,
		},
		"back before a person has looked": {
			story: func(w *world) {
				w.after(time.Hour, func() { w.put(w.id, employed()); w.event(employee.EventUpdated) })
				w.after(2*time.Hour, func() { require.Equal(w.t, []string{w.id}, w.brake.dropped) })
			},
			want: employee.Unchanged, status: 1,
		},
		"back, and approved all the same: Bob is read again": {
			story: func(w *world) {
				w.after(time.Hour, func() { w.put(w.id, employed()) })
				w.after(2*time.Hour, func() { w.decide(w.brake.state.Approve) })
				w.after(3*time.Hour, func() { require.Equal(w.t, []string{w.id}, w.brake.dropped) })
			},
			want: employee.Unchanged, status: 1,
		},
		"back without an event: noticed within a day": {
			story: func(w *world) {
				w.after(time.Hour, func() { w.put(w.id, employed()) })
				w.after(25*time.Hour, func() { require.Equal(w.t, []string{w.id}, w.brake.dropped) })
			},
			want: employee.Unchanged, status: 1,
		},
		"suspended by hand": {
			story: func(w *world) {
				w.after(time.Hour, func() { w.change(w.user()["id"].(int64), `{"status":2}`) })
				w.after(25*time.Hour, func() { require.Equal(w.t, []string{w.id}, w.brake.dropped) })
			},
			want: employee.Unchanged, status: 2,
		},
		"a place that becomes free releases nobody": {
			story: func(w *world) {
				w.after(72*time.Hour, func() {
					w.holds()
					require.Zero(w.t, w.brake.state.View(w.env.Now(), 0).Used)
				})
				w.after(73*time.Hour, func() { w.decide(w.brake.state.Approve) })
			},
			want: employee.Suspended, status: 2,
		},
		"deleted, and approved: the announcement still counts": {
			before: func(w *world) { require.NoError(w.t, w.bob.Remove(w.id)) },
			story: func(w *world) {
				w.after(time.Hour, w.holds)
				w.after(30*time.Hour, w.holds)
				w.after(48*time.Hour, func() { w.decide(w.brake.state.Approve) })
			},
			want: employee.Suspended, status: 2, reason: "Bob announced the deletion",
		},
		"revoked while held": {
			story: func(w *world) {
				w.after(time.Hour, func() { w.event(employee.EventAccessRevoked) })
			},
			want: employee.Suspended, status: 2,
		},
		"a bulk run with a number of its own": {
			story: func(w *world) {
				w.after(time.Hour, func() {
					w.deliver(employee.Event{Type: employee.EventBulk, Run: "bulk-sync/1", AllowSuspensions: 1})
				})
			},
			want: employee.Suspended, status: 2,
		},
		"a bulk run without one": {
			story: func(w *world) {
				w.after(time.Hour, func() { w.deliver(employee.Event{Type: employee.EventBulk}) })
				w.after(2*time.Hour, w.holds)
				w.after(3*time.Hour, func() { w.decide(w.brake.state.Approve) })
			},
			want: employee.Suspended, status: 2,
		},
		"a look that fails keeps the person held": {
			story: func(w *world) {
				var twin int64
				w.after(time.Hour, func() {
					twin = w.linked(map[string]any{"email": "twin@example.com", "username": "twin@example.com"})
					w.event(employee.EventUpdated)
				})
				w.after(2*time.Hour, func() {
					require.Equal(w.t, workflows.Failed, w.status().State)
					w.change(twin, `{"external_id":null}`)
				})
				w.after(3*time.Hour, func() { w.decide(w.brake.state.Approve) })
			},
			want: employee.Suspended, status: 2,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // looks that are made together wait for one another
			w := newBrakedWorld(t)
			if test.before != nil {
				test.before(w)
			}
			test.story(w)
			first := employee.EventLeft
			if test.before != nil {
				first = employee.EventDeleted
			}
			result, err := w.play(first)
			require.NoError(t, err)
			for w.storyGoesOn() {
				result, err = w.play()
				require.NoError(t, err)
			}
			require.Equal(t, test.want, result.Outcome, result.Reason)
			require.Contains(t, result.Reason, test.reason)
			require.Equal(t, test.status, w.userStatus())
			require.Empty(t, w.brake.state.Waiting)
			require.Empty(t, w.brake.state.Rejected)
		})
	}
}

// TestEmployeeSyncBrakeWithoutAnAnswer: nobody is suspended, and it is asked
// again until there is one.
func TestEmployeeSyncBrakeWithoutAnAnswer(t *testing.T) {
	for name, answer := range map[string]func(*stubBrake, bool){
		"unreachable": func(s *stubBrake, away bool) {
			if s.err = nil; away {
				s.err = errors.New("no answer in time")
			}
		},
		"counting": func(s *stubBrake, away bool) { s.counting = away },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.person(terminated())
			w.linked()
			w.starts = []temporal.SearchAttributeUpdate{workflows.SyncStateKey.ValueSet(string(workflows.Syncing))}
			answer(w.brake, true)
			w.after(5*time.Minute, w.holds)
			w.after(20*time.Minute, w.holds)
			w.after(35*time.Minute, func() { answer(w.brake, false) })
			result, err := w.play(employee.EventLeft)
			require.NoError(t, err)
			require.Equal(t, employee.Suspended, result.Outcome)
			require.Equal(t, 2, w.userStatus())
			require.Contains(t, w.shown, "Held")
			require.Less(t, w.env.Now(), epoch.Add(46*time.Minute), "it is asked again every ten minutes at the latest")
			require.Less(t, len(w.brake.asked), 15, "and not all the time")
			for _, r := range w.brake.asked {
				require.Equal(t, w.brake.asked[0].Case, r.Case, "every time the same question")
			}
			require.Equal(t, 1, w.brake.state.View(w.env.Now(), 0).Used)
		})
	}
}

func TestEmployeeSyncRevocationPassesTheBrake(t *testing.T) {
	w := newBrakedWorld(t)
	w.put(w.id, employed())
	w.after(time.Minute, func() {
		require.Equal(t, 2, w.userStatus())
		require.True(t, w.brake.asked[0].Revoked)
		require.Equal(t, 6, w.brake.state.View(w.env.Now(), 0).Used, "it counts")
	})
	w.after(time.Hour, func() { w.put(w.id, terminated()); w.event(employee.EventInactivated) })
	result, err := w.play(employee.EventAccessRevoked)
	require.NoError(t, err)
	require.Equal(t, employee.Suspended, result.Outcome)
	require.Len(t, w.brake.asked, 1, "who is suspended already costs nothing")
}

// TestEmployeeSyncTheAccountOwnerTakesNoPlace: however often they are looked at.
func TestEmployeeSyncTheAccountOwnerTakesNoPlace(t *testing.T) {
	w := newWorld(t)
	w.person(terminated())
	w.linked()
	settings := w.one.Settings()
	settings.OwnerEmail = "juniper.sample@example.com"
	body, err := json.Marshal(settings)
	require.NoError(t, err)
	rec := httptest.NewRecorder()
	w.one.ServeHTTP(rec, httptest.NewRequest(http.MethodPut, "/_sim/settings", bytes.NewReader(body)))
	require.Equal(t, http.StatusOK, rec.Code, rec.Body)
	w.after(time.Hour, func() { w.event(employee.EventLeft) })
	w.after(2*time.Hour, func() { w.event(employee.EventLeft) })
	for again := true; again; again = w.storyGoesOn() {
		result, err := w.play(map[bool][]employee.EventType{true: {employee.EventLeft}}[w.env == nil]...)
		require.NoError(t, err)
		require.Equal(t, employee.Held, result.Outcome)
	}
	require.GreaterOrEqual(t, len(w.brake.asked), 3)
	require.Zero(t, w.brake.state.View(w.env.Now(), 0).Used)
}

// TestEmployeeSyncReadsAgainAfterALongWait: OneLogin could not be reached for so
// long that Bob has taken the leaving back.
func TestEmployeeSyncReadsAgainAfterALongWait(t *testing.T) {
	for name, test := range map[string]struct {
		back   bool
		status int
	}{"taken back": {true, 1}, "still so": {false, 2}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.person(terminated())
			w.linked()
			w.acts.LongestWait = -time.Second // whatever was waited is long
			reads := 0
			w.onRead = func() {
				if reads++; reads != 3 {
					return
				}
				if test.back {
					w.put(w.id, employed())
				}
				w.acts.LongestWait = time.Hour
			}
			result, err := w.play(employee.EventLeft)
			require.NoError(t, err)
			require.Equal(t, test.status, w.userStatus(), result.Reason)
			require.Contains(t, []int{3, 4}, reads, "two in vain, one that counts, and the one that confirms it")
			require.Len(t, w.brake.asked, test.status-1)
		})
	}
}

// TestEmployeeSyncLeavingTwiceCountsTwice: a person who came back in between is
// another case.
func TestEmployeeSyncLeavingTwiceCountsTwice(t *testing.T) {
	w := newWorld(t)
	w.person(terminated())
	w.linked()
	w.after(time.Hour, func() { w.put(w.id, employed()); w.event(employee.EventActivated) })
	w.after(2*time.Hour, func() { w.put(w.id, terminated()); w.event(employee.EventLeft) })
	for again := true; again; again = w.storyGoesOn() {
		_, err := w.play(map[bool][]employee.EventType{true: {employee.EventLeft}}[w.env == nil]...)
		require.NoError(t, err)
	}
	require.Equal(t, 2, w.userStatus())
	require.Equal(t, 2, w.brake.state.View(w.env.Now(), 0).Used)
}
