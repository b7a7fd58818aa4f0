package activities_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	simbob "bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	simonelogin "bob-onelogin/dev/sim/onelogin"
	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

const (
	personID  = "3332883800000000011"
	managerID = "3332883800000000012"
	otherID   = "3332883800000000013"

	personEmail = "juniper.sample@example.com"
	otherEmail  = "hazel.specimen@example.com"

	bobToken       = "bob-s3cret-token"
	oneLoginSecret = "onelogin-s3cret"
)

// private is what of the sample people and of the credentials must not be in
// the text of any error, in lower case.
var private = []string{
	"juniper", "sample", "hazel", "specimen", "example.com", "@",
	"7946", "7700", "900001", "s3cret",
}

// OneLogin's routes, as the stand-in counts them.
const (
	find   = "GET /api/2/users"
	create = "POST /api/2/users"
	update = "PUT /api/2/users/{id}"
	logout = "PUT /api/1/users/{id}/logout"
	list   = "GET /api/2/users/custom_attributes"
	define = "POST /api/2/users/custom_attributes"
)

// calls counts calls of OneLogin by route.
type calls map[string]int

// world is the real activities between the stand-ins of both APIs.
type world struct {
	t        *testing.T
	bob      *simbob.Server
	bobCalls *control.Control
	one      *simonelogin.Server
	oneCalls *control.Control
	acts     *activities.Activities
	settings mapping.Settings

	bobClient *bob.Client
	oneClient *onelogin.Client

	// recalled is what earlier runs left; recalls counts how often that was
	// asked for.
	recalled activities.LastSync
	// announced are the users that were created, announceErr what announcing
	// one answers.
	announced   []activities.CreatedUser
	announceErr error
	recallErr   error
	recalls     int

	// due are the moments that workflows wait for, other is another bulk run,
	// ended are people of whom a run has ended since, and ends how the runs of
	// others ended.
	due   map[string]time.Time
	other string
	ended map[string]bool
	ends  map[string]activities.BulkEnd
	// asked are the people of each call of RecallMany; broken is what the four
	// questions to Temporal answer.
	asked  [][]string
	broken error
	// brake is asked before anybody is suspended.
	brake *stubBrake

	mu sync.Mutex
	// onWrite, where set, happens once, just before OneLogin sees a PUT.
	onWrite func()
	// instead, where set, answers calls of either API that it wants to.
	instead func(http.ResponseWriter, *http.Request) bool
}

// withoutWorkCell leaves the custom attribute undefined in OneLogin.
const withoutWorkCell = "no work_cell"

func newWorld(t *testing.T, options ...string) *world {
	t.Helper()
	w := &world{t: t, settings: mapping.Default(), brake: &stubBrake{}}

	w.bobCalls = control.New(control.NewClock())
	w.bob = simbob.New(simbob.Config{
		ServiceUserID: "SERVICE-sample", Token: bobToken, Settings: simbob.Settings{PerMinute: -1},
	}, w.bobCalls)
	t.Cleanup(w.bob.Close)
	bobServer := httptest.NewServer(w.intercepted(w.bob))
	t.Cleanup(bobServer.Close)

	w.oneCalls = control.New(control.NewClock())
	w.one = simonelogin.New(simonelogin.Config{
		ClientID: "id", ClientSecret: oneLoginSecret, HourlyBudget: -1, BurstPerSecond: -1,
	}, w.oneCalls)
	if !slices.Contains(options, withoutWorkCell) {
		w.defineWorkCell()
	}
	oneServer := httptest.NewServer(w.intercepted(w.one))
	t.Cleanup(oneServer.Close)

	bobClient, err := bob.New(bob.Config{
		BaseURL: bobServer.URL + "/v1", ServiceUserID: "SERVICE-sample", Token: bobToken, MaxPerMinute: 100_000,
	})
	require.NoError(t, err)
	oneClient, err := onelogin.New(onelogin.Config{
		BaseURL: oneServer.URL, ClientID: "id", ClientSecret: oneLoginSecret, MaxRPS: 100_000,
	})
	require.NoError(t, err)
	w.bobClient, w.oneClient = bobClient, oneClient
	w.restart()
	w.forgetCalls()

	w.put(personID, map[string]any{
		"email": personEmail, "firstName": "Juniper", "surname": "Sample",
		"work": map[string]any{
			"startDate": "2020-01-06", "title": "Lighthouse Keeper", "department": "Waves", "site": "London",
			"workPhone": "+44 20 7946 0001", "workMobile": "+44 7700 900001", "reportsTo": nil,
		},
		"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed", "terminationDate": nil},
		"employee": map[string]any{"lastDayOfWork": nil},
	})
	return w
}

// restart is another process: it remembers nothing.
func (w *world) restart() {
	w.t.Helper()
	w.acts = &activities.Activities{
		Bob: w.bobClient, OneLogin: w.oneClient,
		Settings: func() mapping.Settings { return w.settings },
		Signal:   func(context.Context, string, employee.Event) error { return errors.New("no signal is expected") },
		Announce: func(_ context.Context, c activities.CreatedUser) error {
			w.announced = append(w.announced, c)
			return w.announceErr
		},
		Recall: func(_ context.Context, id string) (activities.LastSync, error) {
			if id == personID {
				w.recalls++
			}
			return w.recalled, w.recallErr
		},
		SearchAttributes: func() bool { return true },
		RecallMany: func(_ context.Context, ids []string) (map[string]activities.LastSync, error) {
			w.asked = append(w.asked, ids)
			known := map[string]activities.LastSync{}
			for _, id := range ids {
				if w.recalled.MemoryKnown || w.recalled.SuspendedByUs != nil {
					known[id] = w.recalled
				}
			}
			return known, w.recallErr
		},
		EndedSince: func(context.Context, []string, time.Time) (map[string]bool, error) { return w.ended, w.broken },
		Waiting:    func(context.Context) (map[string]time.Time, error) { return w.due, w.broken },
		OtherBulk:  func(context.Context, string, string) (string, error) { return w.other, w.broken },
		Ended: func(_ context.Context, id string) (activities.BulkEnd, bool, error) {
			end, ended := w.ends[id]
			return end, ended, w.broken
		},
		Queue: "bob-onelogin-worker/test",
		Brake: w.brake,
	}
	require.NoError(w.t, w.acts.Prepare(context.Background()))
}

func (w *world) intercepted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		instead, do := w.instead, w.onWrite
		if r.Method == http.MethodPut {
			w.onWrite = nil
		}
		w.mu.Unlock()
		if r.Method == http.MethodPut && do != nil {
			do()
		}
		if instead != nil && instead(rw, r) {
			return
		}
		next.ServeHTTP(rw, r)
	})
}

func (w *world) defineWorkCell() { w.one.DefineCustomAttribute("Work Cell", "work_cell") }

// oneSettings changes how OneLogin behaves.
func (w *world) oneSettings(change func(*simonelogin.Settings)) {
	w.t.Helper()
	s := w.one.Settings()
	change(&s)
	body, err := json.Marshal(s)
	require.NoError(w.t, err)
	rec := httptest.NewRecorder()
	w.one.ServeHTTP(rec, httptest.NewRequest(http.MethodPut, "/_sim/settings", bytes.NewReader(body)))
	require.Equal(w.t, http.StatusOK, rec.Code, rec.Body)
}

// put merges into a person's record in Bob.
func (w *world) put(id string, record map[string]any) {
	w.t.Helper()
	_, err := w.bob.Put(id, record)
	require.NoError(w.t, err)
}

// bobSettings changes how Bob behaves.
func (w *world) bobSettings(change func(*simbob.Settings)) {
	w.t.Helper()
	s := w.bob.Settings()
	change(&s)
	require.NoError(w.t, w.bob.Set(s))
}

// colleague puts another active person into Bob.
func (w *world) colleague(id, email string) {
	w.put(id, map[string]any{
		"email": email, "firstName": "Hazel", "surname": "Specimen",
		"work":     map[string]any{"startDate": "2019-02-04"},
		"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
	})
}

func reportsTo(id any) map[string]any { return map[string]any{"work": map[string]any{"reportsTo": id}} }

var (
	inactive = map[string]any{"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "terminated"}}
	hired    = map[string]any{
		"work":     map[string]any{"startDate": "2999-01-04"},
		"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "hired"},
	}
)

type attrs map[string]any

// user adds a OneLogin user who says what Bob says of the sample person, but
// for the changes.
func (w *world) user(changes ...attrs) int64 {
	w.t.Helper()
	u := map[string]any{
		"email": personEmail, "username": personEmail, "firstname": "Juniper", "lastname": "Sample",
		"phone": "+44 20 7946 0001", "title": "Lighthouse Keeper", "department": "Waves",
		"custom_attributes": map[string]any{"work_cell": "+44 7700 900001"},
		"external_id":       personID, "status": 1, "state": 1,
	}
	for _, c := range changes {
		maps.Copy(u, c)
	}
	return w.one.Seed(u)[0]
}

// stranger adds a OneLogin user with another address and no link.
func (w *world) stranger(changes ...attrs) int64 {
	w.t.Helper()
	return w.user(append([]attrs{{"email": otherEmail, "username": otherEmail, "external_id": nil}}, changes...)...)
}

// stored returns a OneLogin user by id.
func (w *world) stored(id int64) map[string]any {
	w.t.Helper()
	for _, u := range w.one.Users() {
		if u["id"] == id {
			return u
		}
	}
	w.t.Fatalf("there is no OneLogin user %d", id)
	return nil
}

// linked returns the OneLogin users that carry the sample person's id.
func (w *world) linked() []map[string]any {
	var users []map[string]any
	for _, u := range w.one.Users() {
		if u["external_id"] == personID {
			users = append(users, u)
		}
	}
	return users
}

// deleteUser removes a OneLogin user behind everybody's back.
func (w *world) deleteUser(id int64) {
	rec := httptest.NewRecorder()
	w.one.ServeHTTP(rec, httptest.NewRequest(http.MethodDelete, fmt.Sprintf("/_sim/users/%d", id), nil))
	require.Equal(w.t, http.StatusNoContent, rec.Code)
}

// change merges into a OneLogin user behind everybody's back.
func (w *world) change(id int64, attributes string) {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.one.ServeHTTP(rec, httptest.NewRequest(http.MethodPut, fmt.Sprintf("/_sim/users/%d", id), strings.NewReader(attributes)))
	require.Equal(w.t, http.StatusOK, rec.Code, rec.Body)
}

func (w *world) forgetCalls() {
	w.oneCalls.ResetCalls()
	w.bobCalls.ResetCalls()
}

// calls are those of OneLogin since the last forgetCalls; tokens aside, which
// are shared by thousands of calls.
func (w *world) calls() calls {
	made := calls(w.oneCalls.Calls())
	delete(made, "POST /auth/oauth2/v2/token")
	delete(made, find+"?page") // counted as find already
	return made
}

func (w *world) oneFault(f control.Fault) {
	w.t.Helper()
	require.NoError(w.t, w.oneCalls.AddFault(f))
}

func (w *world) bobFault(f control.Fault) {
	w.t.Helper()
	require.NoError(w.t, w.bobCalls.AddFault(f))
}

// bobRead is the route of a person's read.
const bobRead = "/v1/people/{identifier}"

// quiet drops the SDK's log lines.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// once runs one attempt of an activity, by its registered name.
func (w *world) once(name string, in, out any) error {
	w.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestActivityEnvironment()
	w.acts.RegisterGeneral(env)
	w.acts.RegisterOneLogin(env)
	w.acts.RegisterOwn(env)
	value, err := env.ExecuteActivity(name, in)
	if err != nil {
		return w.decent(err)
	}
	if out != nil {
		require.NoError(w.t, value.Get(out))
	}
	return nil
}

// retrying runs an activity as a workflow does: again after a failure that
// allows it, in simulated time.
func (w *world) retrying(name string, in, out any) error {
	w.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(20 * time.Second)
	w.acts.RegisterGeneral(env)
	w.acts.RegisterOneLogin(env)
	w.acts.RegisterOwn(env)
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute,
			RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumAttempts: 7},
		})
		return workflow.ExecuteActivity(ctx, name, in).Get(ctx, out)
	})
	require.True(w.t, env.IsWorkflowCompleted())
	if err := env.GetWorkflowError(); err != nil {
		return w.decent(err)
	}
	return nil
}

// decent checks what holds for every error of this package: nothing of a
// person and no secret is in its text.
func (w *world) decent(err error) error {
	w.t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		w.decentText(e.Error())
	}
	return err
}

func (w *world) decentText(text string) {
	w.t.Helper()
	for _, s := range private {
		require.NotContains(w.t, strings.ToLower(text), s)
	}
}

// failure is what Temporal is told of an error.
func failure(t *testing.T, err error) *temporal.ApplicationError {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	return app
}

// read reads the sample person as a workflow would, now.
func (w *world) read(change ...func(*activities.ReadEmployeeInput)) (activities.ReadEmployeeResult, error) {
	w.t.Helper()
	in := activities.ReadEmployeeInput{EmployeeID: personID, Now: time.Now()}
	for _, c := range change {
		c(&in)
	}
	var out activities.ReadEmployeeResult
	err := w.once(activities.ReadEmployeeName, in, &out)
	return out, err
}

// desired is what Bob, read now, wants OneLogin to say of a person.
func (w *world) desired(id string) mapping.Desired {
	w.t.Helper()
	read, err := w.read(func(in *activities.ReadEmployeeInput) { in.EmployeeID = id })
	require.NoError(w.t, err)
	require.True(w.t, read.Found)
	var desired mapping.Desired
	require.NoError(w.t, w.once(activities.MapFieldsName, read.Record, &desired))
	require.Empty(w.t, desired.Missing)
	return desired
}

func (w *world) upsertInput(change ...func(*activities.UpsertUserInput)) activities.UpsertUserInput {
	w.t.Helper()
	in := activities.UpsertUserInput{EmployeeID: personID, Desired: w.desired(personID), Standing: lifecycle.StandingActive}
	for _, c := range change {
		c(&in)
	}
	return in
}

// upsert runs one attempt of UpsertUser for the sample person.
func (w *world) upsert(change ...func(*activities.UpsertUserInput)) (activities.UpsertUserResult, error) {
	w.t.Helper()
	var out activities.UpsertUserResult
	err := w.once(activities.UpsertUserName, w.upsertInput(change...), &out)
	return out, err
}

// ids lists the two OneLogin users as a sentence does.
func ids(a, b int64) string { return fmt.Sprintf("%d and %d", a, b) }
