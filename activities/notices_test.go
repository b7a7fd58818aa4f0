package activities_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"bob-onelogin/activities"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/notify"
)

func refusedAs(kind string) error {
	return temporal.NewNonRetryableApplicationError("it is so", kind, nil)
}

func failedItem(id, reason string) activities.BulkItem {
	return activities.BulkItem{Key: activities.BulkKey{EmployeeID: id}, Outcome: employee.Failed, Reason: reason}
}

func TestWhatNeedsAPersonIsHandedOn(t *testing.T) {
	active := activities.UpsertUserInput{EmployeeID: personID, Standing: lifecycle.StandingActive}
	left := activities.UpsertUserInput{EmployeeID: personID, Standing: lifecycle.StandingLeft}
	leaver := activities.EnforceStatusInput{EmployeeID: personID}
	page := activities.BulkPageResult{Items: []activities.BulkItem{
		failedItem(personID, "two users"),
		{Key: activities.BulkKey{EmployeeID: otherID}, Outcome: employee.Held},
		{Key: activities.BulkKey{EmployeeID: managerID}, Outcome: employee.Moved},
	}}
	about := func(kind notify.Kind) []notify.Notice {
		return []notify.Notice{{Kind: kind, EmployeeID: personID, WorkflowID: "default-test-workflow-id"}}
	}
	tests := map[string]struct {
		in, out any
		err     error
		want    []notify.Notice
	}{
		"a user that was written":          {in: active, out: activities.UpsertUserResult{Outcome: employee.Updated}},
		"a user without a licence":         {in: active, out: activities.UpsertUserResult{Outcome: employee.Held}, want: about(notify.Held)},
		"two users with one link":          {in: active, err: refusedAs(activities.ErrConflict), want: about(notify.Conflict)},
		"an address that OneLogin refuses": {in: active, err: refusedAs(activities.ErrRefused), want: about(notify.Failed)},
		"the account owner":                {in: active, err: refusedAs(activities.ErrAccountOwner), want: about(notify.Failed)},
		"a leaver's profile":               {in: left, err: refusedAs(activities.ErrRefused)},
		"a leaver who is suspended":        {in: leaver, out: activities.EnforceStatusResult{Found: true, Done: lifecycle.Suspend}},
		"a leaver who is protected":        {in: leaver, out: activities.EnforceStatusResult{Found: true, Done: lifecycle.HoldStatus}, want: about(notify.Held)},
		"a leaver whom the brake holds": {
			in: leaver, out: activities.EnforceStatusResult{Found: true, Done: lifecycle.HoldStatus, Brake: &activities.Braked{Verdict: brake.Held, Held: 3}},
			want: []notify.Notice{{Kind: notify.Braked, WorkflowID: brake.WorkflowID, People: 3}},
		},
		"a leaver of whom the brake could not be asked": {
			in: leaver, out: activities.EnforceStatusResult{Found: true, Done: lifecycle.HoldStatus, Brake: &activities.Braked{Verdict: brake.Unreachable}},
		},
		"a leaver of whom the brake could not be asked for minutes": {
			in:   activities.EnforceStatusInput{EmployeeID: personID, Tries: 4},
			out:  activities.EnforceStatusResult{Found: true, Done: lifecycle.HoldStatus, Brake: &activities.Braked{Verdict: brake.Unreachable}},
			want: []notify.Notice{{Kind: notify.BrakeSilent, WorkflowID: brake.WorkflowID}},
		},
		"a leaver while the brake counts": {
			in:  activities.EnforceStatusInput{EmployeeID: personID, Tries: 9},
			out: activities.EnforceStatusResult{Found: true, Done: lifecycle.HoldStatus, Brake: &activities.Braked{Verdict: brake.Counting}},
		},
		"a leaver whom a person has rejected": {
			in: leaver, out: activities.EnforceStatusResult{Found: true, Done: lifecycle.HoldStatus, Brake: &activities.Braked{Verdict: brake.Rejected}},
		},
		"a leaver whom two users claim":       {in: leaver, err: refusedAs(activities.ErrConflict), want: about(notify.Conflict)},
		"a person whom Bob refuses":           {in: activities.ReadEmployeeInput{EmployeeID: personID}, err: refusedAs(activities.ErrRefused), want: about(notify.Failed)},
		"an outage":                           {in: active, err: temporal.NewApplicationError("down", activities.ErrUnavailable)},
		"refused credentials":                 {in: active, err: temporal.NewApplicationError("refused", activities.ErrCredentialsRefused)},
		"something else":                      {in: active, err: errors.New("something else")},
		"people of a bulk run":                {in: activities.BulkPageInput{}, out: page, want: about(notify.Conflict)},
		"people of a dry run":                 {in: activities.BulkPageInput{DryRun: true}, out: page},
		"an activity that is about no person": {in: activities.BulkEndsInput{}, out: activities.BulkEndsResult{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var told []notify.Notice
			out, err := through(t, activities.Noticing(func(_ context.Context, n notify.Notice) error {
				told = append(told, n)
				return nil
			}), test.in, test.out, test.err)
			require.Equal(t, test.want, told)
			require.Equal(t, test.err == nil, err == nil, "the activity's own end stays: %v", err)
			if test.err == nil {
				require.NotNil(t, out)
			}
		})
	}
}

// Work that is done stays done, whether anybody can be told or not.
func TestAnActivityDoesNotFailForAMessage(t *testing.T) {
	_, err := through(t, activities.Noticing(func(ctx context.Context, _ notify.Notice) error {
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		return errors.New("the server is not there")
	}), activities.EnforceStatusInput{EmployeeID: personID}, activities.EnforceStatusResult{Found: true, Done: lifecycle.HoldStatus}, nil)
	require.NoError(t, err)
}

// through runs an activity that ends as it is told, behind an interceptor.
func through(t *testing.T, i interceptor.WorkerInterceptor, in, out any, fails error) (any, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{i}})
	register := func(fn any) { env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: "sample"}) }
	switch in.(type) {
	case activities.UpsertUserInput:
		register(ending[activities.UpsertUserInput, activities.UpsertUserResult](out, fails))
	case activities.EnforceStatusInput:
		register(ending[activities.EnforceStatusInput, activities.EnforceStatusResult](out, fails))
	case activities.ReadEmployeeInput:
		register(ending[activities.ReadEmployeeInput, activities.ReadEmployeeResult](out, fails))
	case activities.BulkPageInput:
		register(ending[activities.BulkPageInput, activities.BulkPageResult](out, fails))
	default:
		register(ending[activities.BulkEndsInput, activities.BulkEndsResult](out, fails))
	}
	value, err := env.ExecuteActivity("sample", in)
	return value, err
}

func ending[In, Out any](out any, fails error) func(context.Context, In) (Out, error) {
	return func(context.Context, In) (Out, error) {
		result, _ := out.(Out)
		return result, fails
	}
}

func TestSendNotices(t *testing.T) {
	w := newWorld(t)
	in := activities.SendNoticesInput{Notices: []notify.Notice{{Kind: notify.Held, EmployeeID: personID}}}
	require.ErrorContains(t, w.once(activities.SendNoticesName, in, nil), "NOTIFY_URL is not set on this worker")

	var told []notify.Notice
	w.acts.Notify = func(_ context.Context, notices []notify.Notice) error {
		told = notices
		return nil
	}
	require.NoError(t, w.once(activities.SendNoticesName, in, nil))
	require.Equal(t, in.Notices, told)

	w.acts.Notify = func(context.Context, []notify.Notice) error { return &notify.StatusError{StatusCode: 404} }
	var app *temporal.ApplicationError
	require.ErrorAs(t, w.once(activities.SendNoticesName, in, nil), &app)
	require.False(t, app.NonRetryable(), "the address may be mended")
}
