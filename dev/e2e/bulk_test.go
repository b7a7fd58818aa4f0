package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/activities"
	"bob-onelogin/dev/sim/people"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

const (
	listPage   = "GET /api/2/users?page"
	searchBob  = "POST /v1/people/search"
	readPerson = "POST /v1/people/{identifier}"
)

// writes counts the calls that write users; to end sessions is none.
func writes(calls map[string]int) int { return calls[createUser] + calls[updateUser] }

// bulkStack is a stack with sample staff, of whom nobody waits for a date.
type bulkStack struct {
	*stack
	staff []people.Person
	// userIDs are the OneLogin users of people by Bob id.
	userIDs map[string]int64
}

// newBulkStack has n employees who are in line with OneLogin, unless an option
// says otherwise.
func newBulkStack(t *testing.T, n int, options ...option) *bulkStack {
	t.Helper()
	usual := withSim("--employees", strconv.Itoa(n), "--at-rest", "--onelogin-users", "synced")
	s := &bulkStack{stack: newStack(t, append([]option{usual}, options...)...), staff: people.AtRest(n, time.Now().UTC())}
	s.learnUsers()
	s.calls()
	return s
}

func (s *bulkStack) learnUsers() {
	s.t.Helper()
	s.userIDs = map[string]int64{}
	for _, u := range s.users() {
		if link, ok := u["external_id"].(string); ok {
			s.userIDs[link] = int64(u["id"].(float64))
		}
	}
}

// setUser changes a person's user behind everybody's back.
func (s *bulkStack) setUser(employeeID string, attributes map[string]any) {
	s.t.Helper()
	id, known := s.userIDs[employeeID]
	require.True(s.t, known, "employee %s has no user", employeeID)
	s.do(http.MethodPut, fmt.Sprintf("%s/_sim/users/%d", s.oneURL, id), attributes)
}

// begin starts a bulk run as operators do, with one input or none.
func (s *bulkStack) begin(in ...any) client.WorkflowRun {
	s.t.Helper()
	run, err := s.temporal.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{
		ID: workflows.BulkWorkflowID, TaskQueue: workflows.TaskQueue, WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, workflows.BulkSyncName, in...)
	require.NoError(s.t, err)
	return run
}

// end waits for a run to end, those that continue it included.
func (s *bulkStack) end(run client.WorkflowRun) (workflows.BulkProgress, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	var p workflows.BulkProgress
	err := run.Get(ctx, &p)
	require.NoError(s.t, ctx.Err(), "the bulk run does not end")
	return p, err
}

// bulk is a whole run.
func (s *bulkStack) bulk(in ...any) workflows.BulkProgress {
	s.t.Helper()
	p, err := s.end(s.begin(in...))
	require.NoError(s.t, err)
	require.Equal(s.t, workflows.BulkDone, p.Phase)
	require.Equal(s.t, p.Total, p.Done)
	return p
}

func (s *bulkStack) progress() workflows.BulkProgress {
	s.t.Helper()
	var p workflows.BulkProgress
	value, err := s.temporal.QueryWorkflow(s.t.Context(), workflows.BulkWorkflowID, "", workflows.ProgressQuery)
	if err != nil {
		return p // no worker has it in hand yet
	}
	require.NoError(s.t, value.Get(&p))
	return p
}

// update sends an update that answers the progress.
func (s *bulkStack) update(name string) workflows.BulkProgress {
	s.t.Helper()
	handle, err := s.temporal.UpdateWorkflow(s.t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: workflows.BulkWorkflowID, UpdateName: name, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	require.NoError(s.t, err)
	var p workflows.BulkProgress
	require.NoError(s.t, handle.Get(s.t.Context(), &p))
	return p
}

// plan asks for every page of a dry run's plan.
func (s *bulkStack) plan(run client.WorkflowRun, pages int) []workflows.PlanEntry {
	s.t.Helper()
	var entries []workflows.PlanEntry
	for page := range pages {
		var p workflows.PlanPage
		for runID := run.GetRunID(); ; runID = p.RunID {
			value, err := s.temporal.QueryWorkflow(s.t.Context(), workflows.BulkWorkflowID, runID, workflows.PlanQuery, workflows.PlanRequest{Page: page})
			require.NoError(s.t, err)
			p = workflows.PlanPage{}
			require.NoError(s.t, value.Get(&p))
			if p.RunID == "" {
				break
			}
		}
		require.Equal(s.t, page, p.Page)
		require.Equal(s.t, pages, p.Pages)
		require.NotEmpty(s.t, p.Entries)
		entries = append(entries, p.Entries...)
	}
	return entries
}

// children counts the employees' workflows, running and closed.
func (s *stack) children() int {
	s.t.Helper()
	count, err := s.temporal.CountWorkflow(s.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
		Query: "WorkflowType = '" + workflows.EmployeeSyncName + "'",
	})
	require.NoError(s.t, err)
	return int(count.GetCount())
}

// cli runs Temporal's own command.
func (s *stack) cli(args ...string) (string, error) {
	s.t.Helper()
	path, err := temporalCLI()
	require.NoError(s.t, err)
	cmd := exec.Command(path, args...)
	cmd.Env = s.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// requireInLine holds both stand-ins against each other, by what the sample
// staff says of Bob's default table: everybody who works has one user that says
// what Bob says, nobody who has left can log in, and nobody else has a user.
func (s *bulkStack) requireInLine() {
	s.t.Helper()
	var staff []map[string]any
	require.NoError(s.t, json.Unmarshal(s.do(http.MethodGet, s.bobURL+"/_sim/people", nil), &staff))
	linked := map[string]map[string]any{}
	for _, u := range s.users() {
		if link, ok := u["external_id"].(string); ok {
			require.NotContains(s.t, linked, link, "two users are linked to one person")
			linked[link] = u
		}
	}
	for _, r := range staff {
		id := r["id"].(string)
		u, internal := linked[id], r["internal"].(map[string]any)
		delete(linked, id)
		switch internal["lifecycleStatus"] {
		case "hired":
			require.Nil(s.t, u, "employee %s has not started", id)
			continue
		case "terminated":
			if u == nil {
				continue
			}
		}
		require.NotNil(s.t, u, "employee %s has no user", id)
		want := people.Person{ID: id, Record: r}.Synced()
		for _, name := range []string{"firstname", "lastname", "phone", "title", "department", "custom_attributes"} {
			require.Equal(s.t, want[name], u[name], "%s of employee %s", name, id)
		}
		for _, name := range []string{"email", "username"} {
			require.True(s.t, strings.EqualFold(want[name].(string), u[name].(string)), "%s of employee %s", name, id)
		}
		require.EqualValues(s.t, want["status"], u["status"], "status of employee %s", id)
		var manager any
		if of, ok := r["work"].(map[string]any)["manager"].(string); ok {
			manager = s.userNumber(of)
		}
		require.Equal(s.t, manager, u["manager_user_id"], "manager of employee %s", id)
	}
	require.Empty(s.t, slices.Sorted(maps.Keys(linked)), "users of nobody")
}

// userNumber is the id of a person's user as JSON has it, nil without one.
func (s *bulkStack) userNumber(employeeID string) any {
	id, known := s.userIDs[employeeID]
	if !known {
		s.learnUsers()
		if id, known = s.userIDs[employeeID]; !known {
			return nil
		}
	}
	return float64(id)
}

// newHire is somebody who works here and whom OneLogin does not know; the
// address is made of the id.
func newHire(id, managerID string) map[string]any {
	var reportsTo any
	if managerID != "" {
		reportsTo = managerID
	}
	return map[string]any{
		"email": "hire." + id + "@example.com", "firstName": "Juniper", "surname": "Hire " + id[len(id)-4:],
		"work":     map[string]any{"startDate": "2024-01-08", "title": "Tea Taster", "reportsTo": reportsTo},
		"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
	}
}

// hireID gives ids that no sample person has.
func hireID(i int) string { return people.ID(1_000_000 + i) }

func TestBulkStartsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	s := newBulkStack(t, 20)
	s.plainInput = true // the command encrypts nothing
	start := func(workflowID string, input ...string) (workflows.BulkProgress, error) {
		args := []string{"workflow", "start", "--type", "BulkSync", "--task-queue", "bob-onelogin", "--workflow-id", workflowID}
		for _, in := range input {
			args = append(args, "--input", in)
		}
		out, err := s.cli(args...)
		require.NoError(t, err, out)
		return s.end(s.temporal.GetWorkflow(t.Context(), workflowID, ""))
	}
	for i, input := range [][]string{nil, {`{}`}, {`null`}} {
		name := strings.Join(append([]string{"input"}, input...), " ")
		s.put(hireID(i), newHire(hireID(i), ""))
		p, err := start(map[bool]string{true: "bulk-sync", false: "by-hand"}[i == 0], input...)
		require.NoError(t, err, name)
		require.Equal(t, workflows.BulkDone, p.Phase, name)
		require.Equal(t, 1, p.Outcomes[employee.Created], name)
		require.Equal(t, map[string]int{findUser: 1, listPage: 1, createUser: 1}, s.calls(), name)
	}
	for input, word := range map[string]string{
		`{"dry_run":true}`:              `"dry_run"`,
		`{"DryRun":true}`:               `"DryRun"`,
		`{"force":true,"employees":[]}`: `"employees"`,
		`{"window":501}`:                "window must lie between",
		`{"employeeIds":["someone"]}`:   "not Bob ids",
		`{"dryRun":"yes"}`:              "dryRun",
	} {
		_, err := start("bulk-sync", input)
		require.ErrorContains(t, err, word, input)
	}
	require.Empty(t, s.calls(), "a refused input calls nobody")
	s.requireInLine()
}

func TestBulkDryRunAndItsPlan(t *testing.T) {
	t.Parallel()
	s := newBulkStack(t, 250, withSim("--onelogin-users", "none"))
	s.do(http.MethodDelete, s.bobURL+"/_sim/calls", nil)
	at := 0
	for _, p := range s.staff {
		if p.Due() && p.Record["internal"].(map[string]any)["status"] == "Active" {
			at++
		}
	}
	run := s.begin(workflows.BulkSyncInput{DryRun: true})
	p, err := s.end(run)
	require.NoError(t, err)
	require.True(t, p.DryRun)
	require.Equal(t, at, p.Total)
	require.Equal(t, map[employee.Outcome]int{employee.Created: at, employee.Skipped: len(s.staff) - at}, nonzero(p.Outcomes))
	s.keepRun("bulk-dry-run", workflows.BulkWorkflowID, "")
	require.Equal(t, map[string]int{findUser: 1, listPage: 1}, s.calls(), "a dry run writes nothing")
	require.Equal(t, map[string]int{searchBob: 1}, s.callsOf(s.bobURL))
	require.Zero(t, s.children(), "a dry run starts nobody")

	require.Greater(t, p.PlanPages, 2)
	plan := s.plan(run, p.PlanPages)
	require.Len(t, plan, at)
	seen, digests := map[string]bool{}, map[string]bool{}
	for _, e := range plan {
		require.False(t, seen[e.EmployeeID], "employee %s twice", e.EmployeeID)
		seen[e.EmployeeID], digests[e.Digest] = true, true
		require.Equal(t, employee.Created, e.Outcome)
		require.NotEmpty(t, e.Reason)
		names := []string{}
		for _, c := range e.Changes {
			require.Nil(t, c.Old, c.Attribute)
			require.NotNil(t, c.New, c.Attribute)
			names = append(names, c.Attribute)
		}
		require.Subset(t, names, []string{"email", "external_id", "firstname", "lastname", "status", "username"})
	}
	require.Len(t, digests, at, "digests")

	// Three of the plan are applied, of whom one has moved since.
	three := map[string]string{}
	for _, e := range plan[:3] {
		three[e.EmployeeID] = e.Digest
	}
	s.put(plan[2].EmployeeID, map[string]any{"surname": "Else"})
	applied := s.bulk(workflows.BulkSyncInput{Apply: three})
	require.Equal(t, map[employee.Outcome]int{employee.Created: 2, employee.Moved: 1}, nonzero(applied.Outcomes))
	require.Len(t, applied.Failures, 1)
	require.Equal(t, plan[2].EmployeeID, applied.Failures[0].EmployeeID)
	require.Contains(t, applied.Failures[0].Reason, "moved since the plan")
	require.Equal(t, 2, writes(s.calls()))
	require.Len(t, s.users(), 2)
}

func TestBulkForceLooksAtEverybody(t *testing.T) {
	t.Parallel()
	s := newBulkStack(t, 60)
	p := s.bulk()
	require.Zero(t, p.Total)
	require.Zero(t, s.children())
	s.calls()
	p = s.bulk(workflows.BulkSyncInput{Force: true})
	require.True(t, p.Force)
	require.Equal(t, 60, p.Total)
	require.Equal(t, map[employee.Outcome]int{employee.Unchanged: 57, employee.Skipped: 3}, nonzero(p.Outcomes))
	require.Equal(t, 60, s.children())
	require.Zero(t, writes(s.calls()))
}

func TestBulkOfSomePeople(t *testing.T) {
	t.Parallel()
	s := newBulkStack(t, 260, withSim("--onelogin-users", "none"))
	s.seed(map[string]any{"email": "stranger@example.com", "username": "stranger@example.com"})
	ids := []string{s.staff[0].ID, s.staff[1].ID, s.staff[2].ID, "3332883899999999001"}
	p := s.bulk(workflows.BulkSyncInput{EmployeeIDs: ids})
	require.Equal(t, 3, p.Total)
	require.Equal(t, map[employee.Outcome]int{employee.Created: 3, employee.Skipped: 1}, nonzero(p.Outcomes))
	require.Len(t, p.SkippedFor, 1)
	for rule := range p.SkippedFor {
		require.Contains(t, rule, "Bob does not show this person")
	}
	calls := s.calls()
	require.Equal(t, 3, writes(calls))
	require.Len(t, s.users(), 4)
	boss := s.user(s.staff[0].ID)
	require.Equal(t, boss["id"], s.user(s.staff[1].ID)["manager_user_id"])
}

func TestBulkStopsWhereBobShowsTooFew(t *testing.T) {
	t.Parallel()
	s := newBulkStack(t, 40)
	var hidden []string
	for _, p := range s.staff[:12] {
		hidden = append(hidden, p.ID)
	}
	s.put(s.staff[30].ID, map[string]any{"surname": "Else"})
	s.do(http.MethodPut, s.bobURL+"/_sim/settings", map[string]any{"hidden_people": hidden})
	_, err := s.end(s.begin())
	require.ErrorContains(t, err, "less than 80%")
	require.ErrorContains(t, err, "permission group")
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, activities.ErrBobShowsTooFew, app.Type())
	require.Equal(t, map[string]int{findUser: 1, listPage: 1}, s.calls())
	require.Zero(t, s.children())

	s.do(http.MethodPut, s.bobURL+"/_sim/settings", map[string]any{"hidden_people": hidden[:7]})
	p := s.bulk()
	require.Equal(t, 1, p.Outcomes[employee.Updated])
	require.Equal(t, 1, writes(s.calls()), "those who are not shown are left alone")
}

func TestBulkReadsAgainAsAWhole(t *testing.T) {
	t.Parallel()
	s := newBulkStack(t, 500)
	s.put(s.staff[40].ID, map[string]any{"surname": "Else"})
	// Its own fault only counts calls of the route; the worker makes no others.
	s.fault(s.oneURL, map[string]any{"method": "GET", "route": "/api/2/users", "skip": 2, "status": 502, "body": "<html>Bad gateway</html>"})
	s.do(http.MethodDelete, s.bobURL+"/_sim/calls", nil)
	p := s.bulk()
	require.Equal(t, 475, p.Users)
	require.Equal(t, 1, p.Outcomes[employee.Updated])
	require.Equal(t, map[string]int{findUser: 3 + 5, listPage: 3 + 5, updateUser: 1}, s.calls(),
		"two pages, one that fails, and all five from the start")
	require.Equal(t, 1, s.callsOf(s.bobURL)[searchBob], "Bob is read when OneLogin is")
	s.requireInLine()
}

func TestBulkLinksManagersWhoeverComesFirst(t *testing.T) {
	t.Parallel()
	s := newBulkStack(t, 20)
	// A line of three new people, the last first, and a circle of two.
	last, middle, first, left, right := hireID(0), hireID(1), hireID(2), hireID(3), hireID(4)
	for id, manager := range map[string]string{last: middle, middle: first, first: "", left: right, right: left} {
		s.put(id, newHire(id, manager))
	}
	// And one who works here reports to one of the new.
	old := s.staff[19]
	s.put(old.ID, map[string]any{"work": map[string]any{"reportsTo": first}})
	p := s.bulk()
	require.GreaterOrEqual(t, p.Pass, 2, "passes")
	calls := s.calls()
	require.Equal(t, 5, calls[createUser], "each is created once")
	require.LessOrEqual(t, calls[updateUser], 3, "the line costs nothing more, the circle one or two writes")
	require.Equal(t, 1, calls[listPage])
	s.learnUsers()
	s.requireInLine()
	require.Equal(t, 5, p.Outcomes[employee.Created])
	s.keepRun("bulk-managers", workflows.BulkWorkflowID, "")
	s.keep("bulk-child-created", last)
	p = s.bulk()
	require.Zero(t, p.Total)
	require.Zero(t, writes(s.calls()))
}

// nonzero leaves out outcomes that nobody had.
func nonzero(outcomes map[employee.Outcome]int) map[employee.Outcome]int {
	told := maps.Clone(outcomes)
	maps.DeleteFunc(told, func(_ employee.Outcome, n int) bool { return n == 0 })
	return told
}

// TestBulkKnowsWhoCameBack: a person who was hired anew has two records in Bob,
// and one user. The leaver's record must not take away what is the other's.
func TestBulkKnowsWhoCameBack(t *testing.T) {
	t.Parallel()
	s := newBulkStack(t, 40)
	for i, p := range s.staff {
		if p.Situation != "left, still has access" {
			continue
		}
		s.setUser(p.ID, map[string]any{"status": 1})
		again := newHire(hireID(i), p.ManagerID)
		again["email"] = p.Record["email"]
		s.put(hireID(i), again)
		out := s.bulk()
		require.Equal(t, map[employee.Outcome]int{employee.Relinked: 1}, changed(out.Outcomes))
		require.Nil(t, s.user(p.ID), "the old record has no user any more")
		require.Equal(t, 1, s.userStatus(hireID(i)), "who works here can log in")
		calls := s.calls()
		require.Equal(t, 1, writes(calls))
		require.Zero(t, calls[logout], "nobody is logged out")
		return
	}
	t.Fatal("nobody has left")
}

// changed leaves out the outcomes of those who are in line.
func changed(outcomes map[employee.Outcome]int) map[employee.Outcome]int {
	told := nonzero(outcomes)
	delete(told, employee.Unchanged)
	delete(told, employee.Skipped)
	return told
}
