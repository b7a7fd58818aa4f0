package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/dev/sim/people"
	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/workflows"
)

var today = time.Date(2026, 2, 27, 23, 30, 0, 0, time.UTC)

func TestStoryIsConsistent(t *testing.T) {
	parts := story(today)
	taken := map[string]bool{}
	for _, p := range people.Generate(sampleStaff, today) {
		taken[p.ID] = true
		if email, ok := p.Record["email"].(string); ok {
			taken[strings.ToLower(email)] = true
		}
	}
	known := map[string]part{}
	for _, p := range parts {
		t.Run(p.name(), func(t *testing.T) {
			require.True(t, bob.IsEmployeeID(p.id))
			require.Len(t, p.id, 19)
			require.False(t, taken[p.id] || taken[p.email()], "somebody else has the id or the address")
			taken[p.id], taken[p.email()] = true, true
			require.True(t, strings.HasSuffix(p.email(), "@example.com"))

			for _, r := range []record{p.before, p.change} {
				work, _ := r["work"].(record)
				if boss, ok := work["reportsTo"].(string); ok {
					require.Equal(t, linkedAccount, known[boss].account, "the manager comes first and has a user")
				}
			}
			if p.account == linkedAccount {
				require.NotNil(t, p.before, "who is linked is in Bob")
			}
			known[p.id] = p
			if p.events == nil {
				require.Empty(t, p.expected, "nothing happens to who has no event")
				return
			}
			require.NotEmpty(t, p.happens)
			require.NotEmpty(t, p.expected)
			require.NotEmpty(t, p.end.state)
			require.NotEmpty(t, p.end.outcome)
			if u := p.end.user; u != nil && u.manager != "" {
				require.Contains(t, known, u.manager)
			}
		})
	}
}

func TestStoryTellsWhatItMust(t *testing.T) {
	events := map[employee.EventType]int{}
	outcomes := map[employee.Outcome]int{}
	adopted, repeated := 0, 0
	for _, p := range story(today) {
		for _, e := range p.events {
			events[e]++
		}
		outcomes[p.end.outcome]++
		if p.account == unlinkedAccount {
			adopted++
		}
		if p.deliveries == 3 {
			repeated++
		}
	}
	require.Equal(t, map[employee.EventType]int{
		employee.EventCreated: 4, employee.EventUpdated: 1, employee.EventLeft: 1, employee.EventAccessRevoked: 1,
	}, events)
	require.Equal(t, 2, outcomes[employee.Created])
	require.Equal(t, 1, outcomes[employee.Scheduled])
	require.Equal(t, 2, outcomes[employee.Updated])
	require.Equal(t, 2, outcomes[employee.Suspended])
	require.Equal(t, []int{1, 1}, []int{adopted, repeated})
}

func TestStoryCountsDaysInItsZone(t *testing.T) {
	start := func(p part) any { return p.change["work"].(record)["startDate"] }
	starts := map[string]any{}
	for _, p := range story(today.In(time.FixedZone("east", 3600))) {
		if p.before == nil && p.end.state != "" {
			starts[p.name()] = start(p)
		}
	}
	require.Equal(t, "2026-02-28", starts["Hire Today"])
	require.Equal(t, "2026-03-14", starts["Hire Later"])
}

func TestEndIsMissedBy(t *testing.T) {
	p := part{id: "42", first: "Some", last: "Body"}
	boss := user{ID: 7, ExternalID: "1", FirstName: "Boss", LastName: "One", Email: "boss.one@example.com"}
	good := user{
		ID: 9, ExternalID: "42", Email: p.email(), Title: "Surfer", Status: onelogin.StatusActive, ManagerUserID: 7,
		CreatedAt: "2026-02-27T00:00:00.000Z", UpdatedAt: "2026-02-27T00:00:00.000Z",
	}
	want := end{workflows.Done, employee.Created, &userEnd{status: onelogin.StatusActive, title: "Surfer", manager: "1", writtenOnce: true}}
	done := workflows.StatusView{EmployeeID: "42", State: workflows.Done, LastOutcome: &workflows.Result{Outcome: employee.Created}}
	waiting := workflows.StatusView{EmployeeID: "42", State: workflows.Waiting, LastOutcome: &workflows.Result{Outcome: employee.Scheduled}}
	changed := func(change func(*user)) []user {
		u := good
		change(&u)
		return []user{boss, u}
	}

	tests := map[string]struct {
		end    end
		view   workflows.StatusView
		users  []user
		missed []string
	}{
		"as it must be": {want, done, []user{boss, good}, nil},
		"no answer of the workflow yet": {
			want,
			workflows.StatusView{EmployeeID: "42", State: workflows.Settling},
			[]user{boss, good},
			[]string{"the workflow's state is Settling instead of Done", `the outcome is "" instead of "created"`},
		},
		"no user": {want, done, []user{boss}, []string{"the number of OneLogin users is 0 instead of 1"}},
		"a second user under the address in other case": {
			want, done, append(changed(func(*user) {}), user{ID: 10, Email: "SOME.body@example.com"}),
			[]string{"the number of OneLogin users is 2 instead of 1"},
		},
		"not linked": {
			want, done, changed(func(u *user) { u.ExternalID = "" }),
			[]string{"the link to Bob is  instead of 42"},
		},
		"wrong status": {
			want, done, changed(func(u *user) { u.Status = onelogin.StatusSuspended }),
			[]string{"the status is suspended instead of active"},
		},
		"wrong title": {want, done, changed(func(u *user) { u.Title = "Cook" }), []string{"the title is Cook instead of Surfer"}},
		"wrong manager": {
			want, done, changed(func(u *user) { u.ManagerUserID = 9 }),
			[]string{"the manager is not the one in Bob"},
		},
		"sessions ended for nothing": {
			want, done, changed(func(u *user) { u.SessionsEndedAt = "2026-02-27T00:00:01.000Z" }),
			[]string{"that sessions were ended is true instead of false"},
		},
		"written twice": {
			want, done, changed(func(u *user) { u.UpdatedAt = "2026-02-27T00:00:05.000Z" }),
			[]string{"the last write is 2026-02-27T00:00:05.000Z instead of 2026-02-27T00:00:00.000Z"},
		},
		"waits without a user": {end{workflows.Waiting, employee.Scheduled, nil}, waiting, []user{boss}, nil},
		"waits and has a user already": {
			end{workflows.Waiting, employee.Scheduled, nil},
			waiting,
			[]user{boss, good},
			[]string{"the number of OneLogin users is 1 instead of 0"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.missed, tt.end.missedBy(find(p, tt.view, tt.users), tt.users))
		})
	}
	require.Equal(t, "Boss One", find(p, done, []user{boss, good}).manager)
}
