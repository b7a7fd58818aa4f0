package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"bob-onelogin/activities"
	"bob-onelogin/workflows"
)

// staff is a world of several people, and a bulk run over them.
type staff struct {
	*world
	// ended are people of whom another run has ended since the reading.
	ended map[string]bool
	due   map[string]time.Time
	other string
	// before happens when the run begins, with the environment that it runs in.
	before func(env *testsuite.TestWorkflowEnvironment)
	// lasts are what earlier runs left of people.
	lasts map[string]activities.LastSync
}

func newStaff(t *testing.T) *staff {
	t.Helper()
	s := &staff{world: newWorld(t), ended: map[string]bool{}, due: map[string]time.Time{}, lasts: map[string]activities.LastSync{}}
	s.acts.RecallMany = func(_ context.Context, ids []string) (map[string]activities.LastSync, error) {
		found := map[string]activities.LastSync{}
		for _, id := range ids {
			if last, ok := s.lasts[id]; ok {
				found[id] = last
			}
		}
		return found, nil
	}
	s.acts.EndedSince = func(context.Context, []string, time.Time) (map[string]bool, error) { return s.ended, nil }
	s.acts.Waiting = func(context.Context) (map[string]time.Time, error) { return s.due, nil }
	s.acts.OtherBulk = func(context.Context, string, string) (string, error) { return s.other, nil }
	s.acts.Ended = func(context.Context, string) (activities.BulkEnd, bool, error) {
		return activities.BulkEnd{}, false, nil
	}
	s.acts.Queue = workflows.OwnTaskQueue("test")
	return s
}

// idOf is the Bob id of the nth person.
func idOf(n int) string { return fmt.Sprintf("33328838000000%05d", n) }

func addressOf(n int) string { return fmt.Sprintf("sample.%d@example.com", n) }

// employ puts the nth person into Bob, active since 2020 unless changed.
func (s *staff) employ(n int, changes ...map[string]any) string {
	s.t.Helper()
	s.put(idOf(n), map[string]any{
		"email": addressOf(n), "firstName": "Juniper", "surname": fmt.Sprintf("Sample %d", n),
		"work":     map[string]any{"startDate": "2020-01-06", "title": "Gardener", "reportsTo": nil},
		"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
	})
	for _, c := range changes {
		s.put(idOf(n), c)
	}
	return idOf(n)
}

// link gives the nth person a user that says what Bob says, but for changes.
func (s *staff) link(n int, changes ...map[string]any) int64 {
	s.t.Helper()
	user := map[string]any{
		"email": addressOf(n), "username": addressOf(n), "firstname": "Juniper", "lastname": fmt.Sprintf("Sample %d", n),
		"title": "Gardener", "external_id": idOf(n), "status": 1, "state": 1,
	}
	for _, c := range changes {
		maps.Copy(user, c)
	}
	return s.one.Seed(user)[0]
}

func reportingTo(n int) map[string]any {
	return map[string]any{"work": map[string]any{"reportsTo": idOf(n)}}
}

// bulk runs a bulk run to its end.
func (s *staff) bulk(in workflows.BulkSyncInput) (workflows.BulkProgress, error) {
	s.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	s.env = env
	env.SetStartTime(time.Now())
	env.SetTestTimeout(30 * time.Second)
	env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: workflows.BulkWorkflowID, TaskQueue: workflows.TaskQueue})
	workflows.Register(env, workflows.Options{SettleDelay: settle})
	s.acts.RegisterGeneral(env)
	s.acts.RegisterOneLogin(env)
	s.acts.RegisterOwn(env)
	if s.before != nil {
		s.before(env)
	}
	s.forget()
	env.ExecuteWorkflow(workflows.BulkSyncName, in)
	require.True(s.t, env.IsWorkflowCompleted())
	if err := env.GetWorkflowError(); err != nil {
		var wrapped *temporal.WorkflowExecutionError
		if errors.As(err, &wrapped) {
			err = wrapped.Unwrap()
		}
		return workflows.BulkProgress{}, err
	}
	var out workflows.BulkProgress
	require.NoError(s.t, env.GetWorkflowResult(&out))
	return out, nil
}

// forget forgets the calls made so far.
func (s *staff) forget() {
	s.oneCalls.ResetCalls()
	s.bobCalls.ResetCalls()
}

func (s *staff) writes() int {
	c := s.oneCalls.Calls()
	return c["POST /api/2/users"] + c["PUT /api/2/users/{id}"]
}

func (s *staff) listings() int { return s.oneCalls.Calls()["GET /api/2/users"] }

// userOf is the one user linked to the nth person; nil without one.
func (s *staff) userOf(n int) map[string]any {
	s.t.Helper()
	var found map[string]any
	for _, u := range s.one.Users() {
		if u["external_id"] == idOf(n) {
			require.Nil(s.t, found, "two users are linked to one person")
			found = u
		}
	}
	return found
}
