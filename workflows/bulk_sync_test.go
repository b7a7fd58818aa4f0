package workflows_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

func TestBulkBringsEverybodyInLine(t *testing.T) {
	s := newStaff(t)
	for n := range 30 {
		s.employ(n)
		s.link(n)
	}
	s.put(idOf(1), title("Head Gardener"))
	s.put(idOf(2), terminated())
	s.employ(40) // has no user
	s.employ(41) // has one without a link
	s.link(41, map[string]any{"external_id": nil})
	out, err := s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, workflows.BulkDone, out.Phase)
	require.Equal(t, map[employee.Outcome]int{
		employee.Unchanged: 28, employee.Updated: 2, employee.Suspended: 1, employee.Created: 1,
	}, out.Outcomes)
	require.Empty(t, out.Failures)
	require.Equal(t, map[employee.Outcome]int{employee.Updated: 2, employee.Suspended: 1, employee.Created: 1}, out.Repaired.Outcomes)
	created := repairOf(out, idOf(40))
	require.Equal(t, employee.Created, created.Outcome)
	require.Contains(t, created.Changed, "email")
	require.ElementsMatch(t, []workflows.BulkRepair{
		{EmployeeID: idOf(1), Outcome: employee.Updated, Changed: []string{"title"}},
		{EmployeeID: idOf(2), Outcome: employee.Suspended, Changed: []string{"status"}},
		created,
		{EmployeeID: idOf(41), Outcome: employee.Updated, Changed: []string{"external_id"}},
	}, out.Repaired.First)
	require.Equal(t, 4, out.Total)
	require.Equal(t, 4, out.Done)
	require.Equal(t, 4, s.writes())
	require.Equal(t, 1, s.listings())
	require.Equal(t, "Head Gardener", s.userOf(1)["title"])
	require.Equal(t, 2, number(t, s.userOf(2)["status"]))
	require.NotNil(t, s.userOf(40))
	require.NotNil(t, s.userOf(41))

	out, err = s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, 0, s.writes(), "the second run writes nothing")
	require.Zero(t, out.Total)
	require.Nil(t, out.Repaired)
}

// repairOf is what a run says that it repaired of a person.
func repairOf(p workflows.BulkProgress, id string) workflows.BulkRepair {
	for _, person := range p.Repaired.First {
		if person.EmployeeID == id {
			return person
		}
	}
	return workflows.BulkRepair{}
}

// counts of Bob's calls.
const (
	search = "POST /v1/people/search"
	read   = "POST /v1/people/{identifier}"
)

func TestBulkChildrenActOnWhatWasRead(t *testing.T) {
	s := newStaff(t)
	for n := range 5 {
		s.employ(n)
		s.link(n)
	}
	s.put(idOf(1), title("Head Gardener"))
	s.put(idOf(2), terminated())
	s.employ(7)
	_, err := s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, map[string]int{search: 1}, s.bobCalls.Calls())
	one := s.oneCalls.Calls()
	delete(one, "POST /auth/oauth2/v2/token")
	require.Equal(t, map[string]int{
		"GET /api/2/users": 1, "GET /api/2/users?page": 1, "POST /api/2/users": 1, "PUT /api/2/users/{id}": 2, "PUT /api/1/users/{id}/logout": 1,
	}, one)
}

func TestBulkChildrenReadForThemselvesWhatIsOld(t *testing.T) {
	s := newStaff(t)
	s.settings.Limits.FreshFor = 0
	for n := range 30 {
		s.employ(n)
		s.link(n, titled("Surfer"))
	}
	s.put(idOf(3), terminated())
	out, err := s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, map[employee.Outcome]int{employee.Updated: 29, employee.Suspended: 1}, out.Outcomes)
	require.Equal(t, 31, s.writes(), "the leaver's status and profile are two")
	calls := s.bobCalls.Calls()
	require.Zero(t, calls[read], "nobody is read alone")
	require.LessOrEqual(t, calls[search], 4, "thirty people are read in few calls")
}

// titled is a title of a OneLogin user.
func titled(s string) map[string]any { return map[string]any{"title": s} }

// TestBulkWritesNothingThatIsOvertaken has the people's own workflows act after
// both sides were read, and before the children do.
func TestBulkWritesNothingThatIsOvertaken(t *testing.T) {
	s := newStaff(t)
	for n := range 3 {
		s.employ(n)
		s.link(n)
	}
	s.put(idOf(0), title("Diver"))
	s.put(idOf(1), terminated())
	s.employ(2, title("Diver"))
	overtake := sync.OnceFunc(func() {
		s.put(idOf(0), title("Captain"))
		s.put(idOf(1), employed())
	})
	s.acts.EndedSince = func(_ context.Context, ids []string, _ time.Time) (map[string]bool, error) {
		if len(ids) > 1 {
			return nil, nil // the page is handed out before anything happens
		}
		overtake()
		return map[string]bool{ids[0]: ids[0] != idOf(2)}, nil
	}
	out, err := s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, "Captain", s.userOf(0)["title"])
	require.Equal(t, 1, number(t, s.userOf(1)["status"]), "nobody is suspended by what is out of date")
	require.Zero(t, s.oneCalls.Calls()["PUT /api/1/users/{id}/logout"])
	require.Equal(t, map[employee.Outcome]int{employee.Updated: 2, employee.Unchanged: 1}, out.Outcomes)
	require.Equal(t, 2, s.writes())
}

func TestBulkReportsWhoeverWaits(t *testing.T) {
	s := newStaff(t)
	s.before = func(env *testsuite.TestWorkflowEnvironment) { env.SetDetachedChildWait(false) }
	in := func(days int) string { return time.Now().AddDate(0, 0, days).Format(time.DateOnly) }
	s.employ(0, hired(in(20)))
	s.employ(1, map[string]any{"internal": map[string]any{"terminationDate": in(20)}})
	s.link(1)
	s.employ(2, map[string]any{"internal": map[string]any{"terminationDate": in(20)}}, title("Diver"))
	s.link(2)
	out, err := s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, map[employee.Outcome]int{employee.Scheduled: 2, employee.Updated: 1}, out.Outcomes)
	require.Equal(t, 3, out.Done)
	require.Less(t, out.EndedAt.Sub(out.StartedAt), time.Hour, "the run does not wait with them")
	require.Equal(t, "Diver", s.userOf(2)["title"])
	require.Equal(t, 1, number(t, s.userOf(1)["status"]), "nobody is suspended ahead of the day")
}

func TestBulkLeavesThoseAloneWhoWaitAlready(t *testing.T) {
	s := newStaff(t)
	day := time.Now().UTC().AddDate(0, 0, 20)
	s.employ(0, hired(day.Format(time.DateOnly)))
	s.due[idOf(0)] = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, s.settings.Policy.Zones.Default)
	out, err := s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, map[employee.Outcome]int{employee.Scheduled: 1}, out.Outcomes)
	require.Zero(t, out.Total)
}

func TestBulkLinksManagers(t *testing.T) {
	t.Run("all are new", func(t *testing.T) {
		s := newStaff(t)
		for n := range 12 {
			s.employ(n)
		}
		for n := range 11 {
			s.put(idOf(n), reportingTo(n+1)) // the last is at the top
		}
		out, err := s.bulk(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, map[employee.Outcome]int{employee.Created: 12}, out.Outcomes)
		require.Equal(t, 12, s.writes(), "one write for each")
		for n := range 11 {
			require.Equal(t, s.userOf(n + 1)["id"], s.userOf(n)["manager_user_id"])
		}
	})
	t.Run("a circle of three", func(t *testing.T) {
		s := newStaff(t)
		for n := range 3 {
			s.employ(n)
		}
		for n := range 3 {
			s.put(idOf(n), reportingTo((n+1)%3))
		}
		out, err := s.bulk(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, 4, s.writes())
		require.Equal(t, 2, out.Pass)
		for n := range 3 {
			require.Equal(t, s.userOf((n + 1) % 3)["id"], s.userOf(n)["manager_user_id"])
		}
		require.Empty(t, s.signals, "the run links them itself")
		out, err = s.bulk(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Zero(t, s.writes())
		require.Zero(t, out.Total)
	})
	t.Run("somebody whose manager is new", func(t *testing.T) {
		s := newStaff(t)
		s.employ(0)
		s.employ(1)
		s.put(idOf(0), reportingTo(1))
		s.link(0)
		out, err := s.bulk(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, map[employee.Outcome]int{employee.Created: 1, employee.Updated: 1}, out.Outcomes)
		require.Equal(t, s.userOf(1)["id"], s.userOf(0)["manager_user_id"])
	})
	t.Run("a manager who is out of scope", func(t *testing.T) {
		s := newStaff(t)
		s.employ(0)
		s.employ(1)
		s.put(idOf(0), reportingTo(1))
		s.settings.Scope.Exclude = []string{idOf(1)}
		_, err := s.bulk(workflows.BulkSyncInput{})
		require.NoError(t, err)
		require.Equal(t, 1, s.writes())
		require.Equal(t, []signal{{idOf(1), employee.Event{Type: employee.EventReportWaiting, ReportID: idOf(0)}}}, s.signals,
			"whom the run does not create is asked to report later")
	})
}

func TestBulkLeaversComeBeforeLiveEventsAndTheRestAfter(t *testing.T) {
	s := newStaff(t)
	s.employ(0, terminated())
	s.link(0)
	s.employ(1, title("Diver"))
	s.link(1)
	s.employ(2)
	s.ended[idOf(2)] = true // whose child reads for itself
	priorities := map[string][]int{}
	s.before = func(env *testsuite.TestWorkflowEnvironment) {
		env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&watch{note: func(o activityOptions) {
			priorities[o.name] = append(priorities[o.name], o.Priority.PriorityKey)
		}}}})
	}
	_, err := s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, []int{1}, priorities[activities.EnforceStatusName])
	require.Equal(t, []int{5, 5}, priorities[activities.UpsertUserName])
	require.Equal(t, []int{5}, priorities[activities.ReadEmployeeName])
}

func TestBulkDryRunAndApply(t *testing.T) {
	s := newStaff(t)
	for n := range 5 {
		s.employ(n)
		s.link(n)
	}
	s.put(idOf(0), title("Diver"))
	s.put(idOf(1), title("Captain"))
	s.put(idOf(2), terminated())
	before := s.one.Users()
	out, err := s.bulk(workflows.BulkSyncInput{DryRun: true})
	require.NoError(t, err)
	require.Equal(t, before, s.one.Users())
	require.Zero(t, s.writes())
	require.Empty(t, s.signals)
	require.Equal(t, map[employee.Outcome]int{employee.Unchanged: 2, employee.Updated: 2, employee.Suspended: 1}, out.Outcomes)
	value, err := s.env.QueryWorkflow(workflows.PlanQuery, workflows.PlanRequest{})
	require.NoError(t, err)
	var page workflows.PlanPage
	require.NoError(t, value.Get(&page))
	digests := map[string]string{}
	for _, e := range page.Entries {
		digests[e.EmployeeID] = e.Digest
	}
	require.Len(t, digests, 3)

	// One of them moves, and somebody who is not in the plan differs by now.
	s.put(idOf(1), title("Cook"))
	s.put(idOf(3), title("Cook"))
	out, err = s.bulk(workflows.BulkSyncInput{Apply: digests})
	require.NoError(t, err)
	require.Equal(t, 1, out.Outcomes[employee.Updated])
	require.Equal(t, 1, out.Outcomes[employee.Suspended])
	require.Equal(t, 1, out.Outcomes[employee.Moved])
	require.Contains(t, out.Failures[0].Reason, "state has moved")
	require.Equal(t, idOf(1), out.Failures[0].EmployeeID)
	require.Equal(t, "Diver", s.userOf(0)["title"])
	require.Equal(t, "Gardener", s.userOf(1)["title"])
	require.Equal(t, "Gardener", s.userOf(3)["title"])
	require.Equal(t, 2, number(t, s.userOf(2)["status"]))
}

func TestBulkForSomeOrForAll(t *testing.T) {
	s := newStaff(t)
	for n := range 4 {
		s.employ(n)
		s.link(n)
	}
	s.put(idOf(0), title("Diver"))
	s.put(idOf(1), title("Diver"))
	out, err := s.bulk(workflows.BulkSyncInput{EmployeeIDs: people(1, 2)})
	require.NoError(t, err)
	require.Equal(t, map[employee.Outcome]int{employee.Updated: 1, employee.Unchanged: 1}, out.Outcomes)
	require.Equal(t, "Gardener", s.userOf(0)["title"])

	out, err = s.bulk(workflows.BulkSyncInput{Force: true})
	require.NoError(t, err)
	require.Equal(t, 4, out.Total, "everybody has a child")
	require.Equal(t, map[employee.Outcome]int{employee.Updated: 1, employee.Unchanged: 3}, out.Outcomes)
	require.Equal(t, 1, s.writes(), "and whoever is in line is not written")
}

func TestBulkStopsBesideAnother(t *testing.T) {
	s := newStaff(t)
	s.employ(0)
	s.other = "bulk-sync-nightly"
	_, err := s.bulk(workflows.BulkSyncInput{})
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, activities.ErrAlreadyRunning, app.Type())
	require.Contains(t, app.Message(), "bulk-sync-nightly")
	require.Zero(t, s.writes())
	_, err = s.bulk(workflows.BulkSyncInput{DryRun: true})
	require.NoError(t, err)
}

func TestBulkTellsNothingOfPeople(t *testing.T) {
	s := newStaff(t)
	s.employ(0)
	s.link(0, map[string]any{"external_id": "legacy-42"}) // a conflict
	s.employ(1)
	s.link(1)
	s.settings.Protected.Emails = []string{addressOf(1)}
	s.put(idOf(1), terminated())
	out, err := s.bulk(workflows.BulkSyncInput{})
	require.NoError(t, err)
	require.Equal(t, map[employee.Outcome]int{employee.Failed: 1, employee.Held: 1}, out.Outcomes)
	require.Len(t, out.Failures, 2)
	encoded, err := json.Marshal(out)
	require.NoError(t, err)
	for _, text := range []string{string(encoded), detailsOf(t, s.env)} {
		impersonal(t, text)
	}
}
