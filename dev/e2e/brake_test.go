package e2e

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/dev/sim/people"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// brake is where the suspension brake stands, as the starter tells it; nothing
// where no worker answers.
func (s *stack) brake() brake.View {
	s.t.Helper()
	var v brake.View
	said, err := s.starterCommand("brake", "show", "--json")
	if err == nil {
		require.NoError(s.t, json.Unmarshal([]byte(said), &v), said)
	}
	return v
}

func idsOf(people []brake.Person) []string {
	ids := make([]string, len(people))
	for i, p := range people {
		ids[i] = p.EmployeeID
	}
	return ids
}

// suspended counts the users of some people who cannot log in, with one look.
func (s *stack) suspended(of []people.Person) int {
	s.t.Helper()
	status := map[any]any{}
	for _, u := range s.users() {
		status[u["external_id"]] = u["status"]
	}
	n := 0
	for _, p := range of {
		if status[p.ID] == float64(2) {
			n++
		}
	}
	return n
}

// atWorkNow are people who work and have a user that is not suspended.
func (s *bulkStack) atWorkNow() []people.Person {
	s.t.Helper()
	status := map[any]any{}
	for _, u := range s.users() {
		status[u["external_id"]] = u["status"]
	}
	var active []people.Person
	for _, p := range s.staff {
		internal := p.Record["internal"].(map[string]any)
		if internal["status"] == "Active" && status[p.ID] != nil && status[p.ID] != float64(2) {
			active = append(active, p)
		}
	}
	return active
}

// linkedActive counts whom the limit is a share of.
func (s *stack) linkedActive() int {
	s.t.Helper()
	n := 0
	for _, u := range s.users() {
		if link, ok := u["external_id"].(string); ok && link != "" && u["status"] != float64(2) {
			n++
		}
	}
	return n
}

// TestTwoHundredLeaveAtOnce: of two hundred leavers, whom two workers take up at
// once from events and from a bulk run, exactly as many are suspended as the
// limit says, though one of the workers is killed in the middle. A person decides
// about the rest.
func TestTwoHundredLeaveAtOnce(t *testing.T) {
	s := newBulkStack(t, 300, withWorkers(2))
	leavers := s.atWorkNow()
	require.GreaterOrEqual(t, len(leavers), 200)
	leavers = leavers[:200]
	limit := s.linkedActive() * 5 / 100
	require.Greater(t, limit, 5, "a share of the users")

	for i, p := range leavers {
		if i < 180 {
			s.put(p.ID, inactive())
		}
	}
	run := s.begin(workflows.BulkSyncInput{Window: 200})
	// Bob answers 45 reads a minute: these are all that events may cost here.
	for _, p := range leavers[180:] {
		s.put(p.ID, inactive(), "employee.left")
	}
	never := func() {
		t.Helper()
		require.LessOrEqual(t, s.suspended(leavers), limit, "one too many")
	}
	s.eventually("suspensions begin", 30*time.Second, func() bool { never(); return s.suspended(leavers) >= limit/2 })
	s.workers[0].stop(syscall.SIGKILL)
	var v brake.View
	s.eventually("all the others are held", 2*time.Minute, func() bool {
		never()
		v = s.brake()
		return v.Held == len(leavers)-limit && s.suspended(leavers) == limit
	})
	_, err := s.end(run)
	require.NoError(t, err)
	never()
	require.Equal(t, limit, v.Used)
	require.Equal(t, limit, v.Limit)
	require.Len(t, v.People, v.Held)
	// Whoever was held by an event is looked at once more when Bob has settled.
	var view workflows.StatusView
	s.eventually("the workflow says that it is held", 30*time.Second, func() bool {
		view = s.status(v.People[0].EmployeeID)
		return view.State == workflows.Held
	})
	require.Contains(t, view.Reason, "the suspension brake holds it")
	said, err := s.starterCommand("brake", "show")
	require.NoError(t, err, said)
	require.Contains(t, said, v.People[0].EmployeeID)

	s.oneMoreWorker()
	one, back := v.People[0].EmployeeID, v.People[1].EmployeeID

	said, err = s.starterCommand("brake", "approve", one)
	require.NoError(t, err, said)
	require.Contains(t, said, "Approved: 1 person")
	s.eventually("the one is suspended", 30*time.Second, func() bool { return s.userStatus(one) == 2 })
	require.Equal(t, limit+1, s.suspended(leavers))
	s.eventually("the workflow has ended", 30*time.Second, func() bool { _, err := s.closed(one); return err == nil })
	s.keep("held-approved", one)

	// Somebody comes back without Bob's telling so: approved or not, Bob is read
	// again before anybody is suspended.
	s.put(back, map[string]any{"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"}})
	said, err = s.starterCommand("brake", "approve", "--all")
	require.NoError(t, err, said)
	s.eventually("the approved begin to be suspended", 30*time.Second, func() bool { return s.suspended(leavers) > limit+10 })
	s.workers[1].stop(syscall.SIGKILL)
	s.eventually("everybody else is suspended", 2*time.Minute, func() bool { return s.suspended(leavers) == len(leavers)-1 })
	require.Equal(t, 1, s.userStatus(back))
	s.eventually("nobody waits any more", 30*time.Second, func() bool {
		v = s.brake()
		return v.Limit > 0 && v.Held == 0 && v.Approved == 0
	})
	require.Equal(t, len(leavers)-1, v.Used)
}

// TestBulkUnderTheBrake: a run finds more leavers than may be suspended, and the
// next one has a number of its own.
func TestBulkUnderTheBrake(t *testing.T) {
	t.Parallel()
	s := newBulkStack(t, 40)
	leavers := s.atWorkNow()[:12]
	for _, p := range leavers {
		s.put(p.ID, inactive())
	}
	said, err := s.starterCommand("bulk", "--dry-run", "--watch")
	require.NoError(t, err, said)
	require.Contains(t, said, "The suspension brake: 12 suspensions are planned, and 5 would pass: 0 of 5 within 24h are used; 7 would be held until a person approves them.")

	p := s.bulk()
	require.Equal(t, 5, p.Outcomes[employee.Suspended], "%v", p.Outcomes)
	require.Equal(t, 7, p.Outcomes[employee.Held], "%v", p.Outcomes)
	require.Equal(t, 5, s.suspended(leavers))
	require.Equal(t, 7, s.brake().Held)
	rejected, held := s.brake().People[0].EmployeeID, s.brake().People[1].EmployeeID
	s.keepRun("bulk", workflows.BulkWorkflowID, "")
	for _, p := range leavers {
		if s.userStatus(p.ID) == 2 {
			s.keep("bulk-child", p.ID)
			break
		}
	}
	s.keep("held", held)

	said, err = s.starterCommand("brake", "reject", rejected)
	require.NoError(t, err, said)
	s.eventually("the workflow says that it is rejected", 30*time.Second, func() bool {
		return strings.Contains(s.status(rejected).Reason, "a person has rejected it")
	})
	require.Equal(t, workflows.Held, s.status(rejected).State)
	s.keep("held-rejected", rejected)

	p = s.bulk(workflows.BulkSyncInput{AllowSuspensions: 4})
	require.Equal(t, 7, p.Outcomes[workflows.Signalled], "all of them wait already: %v", p.Outcomes)
	s.eventually("four more are suspended", 30*time.Second, func() bool { return s.suspended(leavers) == 9 && s.brake().Used == 9 })
	require.Equal(t, 2, s.brake().Held)
	require.Equal(t, 1, s.userStatus(rejected), "who was rejected stays")
	s.keepRun("brake", workflows.BrakeWorkflowID, "")

	require.Equal(t, []string{rejected}, idsOf(s.brake().RejectedPeople))
	s.put(rejected, map[string]any{"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"}}, "employee.updated")
	require.Equal(t, employee.Unchanged, s.done(rejected).Outcome)
	s.eventually("the rejection goes with what it was about", 30*time.Second, func() bool { return s.brake().Rejected == 0 })
}
