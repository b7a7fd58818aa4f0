package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/brake"
	"bob-onelogin/workflows"
)

// keeper is the brake's workflow in simulated time, across its runs.
type keeper struct {
	t   *testing.T
	env *testsuite.TestWorkflowEnvironment
	// linked is what isCounting the users comes to, countErr instead of that.
	linked   int
	countErr error
	counts   int
	// told are the people whose workflows were told of a decision.
	told  []string
	shown []string
	// story is what happens when.
	story []chapter
	end   time.Time
	runs  int
	next  int
	// untold are those who cannot be told.
	untold []string
}

func newKeeper(t *testing.T) *keeper { return &keeper{t: t} }

func (k *keeper) after(d time.Duration, do func()) {
	k.story = append(k.story, chapter{epoch.Add(d), do})
}

// play lets the story happen. The workflow never ends by itself: time runs out.
func (k *keeper) play() {
	k.t.Helper()
	end := epoch
	for _, c := range k.story {
		end = slices.MaxFunc([]time.Time{end, c.at}, time.Time.Compare)
	}
	k.end = end.Add(time.Second)
	now, in := epoch, workflows.BrakeInput{}
	for {
		k.runs++
		err := k.run(now, in)
		var again *workflow.ContinueAsNewError
		if !errors.As(err, &again) {
			require.True(k.t, temporal.IsTimeoutError(err), "%v", err)
			return
		}
		in = workflows.BrakeInput{}
		require.NoError(k.t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
		now = k.env.Now()
	}
}

func (k *keeper) run(now time.Time, in workflows.BrakeInput) error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(quiet{})
	k.env = suite.NewTestWorkflowEnvironment()
	k.env.SetStartTime(now)
	k.env.SetTestTimeout(30 * time.Second)
	k.env.SetWorkflowRunTimeout(k.end.Sub(now))
	workflows.Register(k.env, workflows.Options{})
	k.env.RegisterActivityWithOptions(func(context.Context) (activities.CountLinkedResult, error) {
		k.counts++
		return activities.CountLinkedResult{Linked: k.linked}, k.countErr
	}, activity.RegisterOptions{Name: activities.CountLinkedName})
	k.env.RegisterActivityWithOptions(func(_ context.Context, in activities.TellDecidedInput) (activities.TellDecidedResult, error) {
		k.told = append(k.told, in.EmployeeIDs...)
		return activities.TellDecidedResult{Untold: k.untold}, nil
	}, activity.RegisterOptions{Name: activities.TellDecidedName})
	k.env.OnUpsertTypedSearchAttributes(mock.MatchedBy(func(a temporal.SearchAttributes) bool {
		state, _ := a.GetKeyword(workflows.SyncStateKey)
		k.shown = append(k.shown, state)
		return true
	})).Return(nil)
	for i := range k.story {
		c := &k.story[i]
		if c.do != nil {
			k.env.RegisterDelayedCallback(func() {
				do := c.do
				c.do = nil
				do()
			}, max(0, c.at.Sub(now)))
		}
	}
	k.env.ExecuteWorkflow(workflows.SuspensionBrakeName, in)
	require.True(k.t, k.env.IsWorkflowCompleted())
	err := k.env.GetWorkflowError()
	var wrapped *temporal.WorkflowExecutionError
	if errors.As(err, &wrapped) {
		return wrapped.Unwrap()
	}
	return err
}

// update sends an update, and has what it answers looked at.
func (k *keeper) update(name string, in any, look func(any, error)) {
	k.next++
	k.env.UpdateWorkflow(name, fmt.Sprint(k.next), &testsuite.TestUpdateCallback{
		OnAccept:   func() {},
		OnReject:   func(err error) { look(nil, err) },
		OnComplete: look,
	}, in)
}

// ask asks about people, by number, and holds the verdicts against those wanted.
func (k *keeper) ask(people []int, want ...brake.Verdict) {
	k.t.Helper()
	k.askBy(brake.DefaultSettings(), people, want...)
}

func (k *keeper) askBy(by brake.Settings, people []int, want ...brake.Verdict) {
	k.t.Helper()
	in := workflows.ReserveInput{Settings: by, Tracked: true}
	for _, n := range people {
		in.Requests = append(in.Requests, brakeRequest(n))
	}
	k.update(workflows.ReserveUpdate, in, func(out any, err error) {
		require.NoError(k.t, err)
		var got []brake.Verdict
		for _, a := range out.(workflows.ReserveResult).Answers {
			got = append(got, a.Verdict)
		}
		require.Equal(k.t, want, got)
	})
}

func brakeRequest(n int) brake.Request {
	return brake.Request{EmployeeID: brakeID(n), UserID: int64(n), Case: epoch}
}

func brakeID(n int) string { return fmt.Sprintf("33328838%011d", n) }

func (k *keeper) decide(update string, d brake.Decision, want brake.Decided) {
	k.t.Helper()
	k.update(update, d, func(out any, err error) {
		require.NoError(k.t, err)
		got := out.(brake.Decided)
		got.EmployeeIDs = nil
		require.Equal(k.t, want, got)
	})
}

func (k *keeper) view() brake.View {
	k.t.Helper()
	value, err := k.env.QueryWorkflow(workflows.BrakeQuery, workflows.BrakeRequest{})
	require.NoError(k.t, err)
	var v brake.View
	require.NoError(k.t, value.Get(&v))
	return v
}

const (
	isGranted  = brake.Granted
	isHeld     = brake.Held
	isRejected = brake.Rejected
	isCounting = brake.Counting
)

func some(from, n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = from + i
	}
	return all
}

func verdicts(v brake.Verdict, n int) []brake.Verdict { return slices.Repeat([]brake.Verdict{v}, n) }

// noShare are settings under which nobody is counted.
func noShare() brake.Settings {
	s := brake.DefaultSettings()
	s.Percent = 0
	return s
}

func TestSuspensionBrake(t *testing.T) {
	k := newKeeper(t)
	k.after(0, func() {
		k.askBy(noShare(), some(0, 7), append(verdicts(isGranted, 5), isHeld, isHeld)...)
	})
	k.after(time.Minute, func() {
		k.askBy(noShare(), []int{0, 5, 6, 7}, isGranted, isHeld, isHeld, isHeld)
		urgent := brakeRequest(8)
		urgent.Revoked = true
		k.update(workflows.ReserveUpdate, workflows.ReserveInput{Settings: noShare(), Requests: []brake.Request{urgent}}, func(out any, err error) {
			require.NoError(t, err)
			require.Equal(t, isGranted, out.(workflows.ReserveResult).Answers[0].Verdict)
		})
	})
	k.after(time.Hour, func() {
		v := k.view()
		require.Equal(t, 6, v.Used)
		require.Equal(t, 5, v.Limit)
		require.Equal(t, 3, v.Held)
		require.Equal(t, []string{"Held"}, k.shown)
		k.decide(workflows.ApproveUpdate, brake.Decision{EmployeeIDs: []string{brakeID(5), brakeID(1)}}, brake.Decided{People: 1, NotHeld: []string{brakeID(1)}, Held: 2})
		k.decide(workflows.RejectUpdate, brake.Decision{EmployeeIDs: []string{brakeID(6)}}, brake.Decided{People: 1, Held: 1})
	})
	k.after(2*time.Hour, func() {
		require.Equal(t, []string{brakeID(5), brakeID(6)}, k.told, "their workflows are told")
		k.askBy(noShare(), []int{5, 6}, isGranted, isRejected)
		k.env.SignalWorkflow(workflows.DropSignal, workflows.NotHeld{EmployeeID: brakeID(7)})
	})
	k.after(3*time.Hour, func() {
		require.Zero(t, k.view().Held)
		require.Equal(t, []string{"Held", "Done"}, k.shown)
	})
	k.after(26*time.Hour, func() { k.askBy(noShare(), []int{9, 6}, isGranted, isRejected) })
	k.play()
	require.Zero(t, k.counts)
}

// TestSuspensionBrakeIsNotCancelled: what it knows would be gone.
func TestSuspensionBrakeIsNotCancelled(t *testing.T) {
	k := newKeeper(t)
	k.after(0, func() { k.askBy(noShare(), some(0, 6), append(verdicts(isGranted, 5), isHeld)...) })
	k.after(time.Minute, func() { k.env.CancelWorkflow() })
	k.after(time.Hour, func() {
		k.decide(workflows.ApproveUpdate, brake.Decision{All: true}, brake.Decided{People: 1})
		k.askBy(noShare(), some(5, 2), isGranted, isHeld)
	})
	k.after(2*time.Hour, func() {
		require.Equal(t, []string{brakeID(5)}, k.told, "activities run on")
		require.Equal(t, []string{"Held", "Done", "Held"}, k.shown)
		require.Equal(t, 6, k.view().Used)
	})
	k.play()
}

// TestSuspensionBrakeGivesBackWhatOneLoginRefused: whoever cannot be suspended
// takes nobody's place.
func TestSuspensionBrakeGivesBackWhatOneLoginRefused(t *testing.T) {
	k := newKeeper(t)
	k.after(0, func() { k.askBy(noShare(), some(0, 6), append(verdicts(isGranted, 5), isHeld)...) })
	k.after(time.Minute, func() {
		k.env.SignalWorkflow(workflows.DropSignal, workflows.NotHeld{EmployeeID: brakeID(3), Refused: epoch})
	})
	k.after(time.Hour, func() { k.askBy(noShare(), some(6, 2), isGranted, isHeld) })
	k.play()
}

// TestSuspensionBrakeTellsTheOthers: one who cannot be told keeps nobody waiting.
func TestSuspensionBrakeTellsTheOthers(t *testing.T) {
	k := newKeeper(t)
	k.untold = []string{brakeID(5)}
	k.after(0, func() { k.askBy(noShare(), some(0, 200), append(verdicts(isGranted, 5), verdicts(isHeld, 195)...)...) })
	k.after(time.Second, func() { k.askBy(noShare(), some(200, 20), verdicts(isHeld, 20)...) })
	k.after(time.Minute, func() { k.decide(workflows.RejectUpdate, brake.Decision{All: true}, brake.Decided{People: 215}) })
	k.after(time.Hour, func() { require.Len(t, k.told, 215) })
	k.play()
}

func TestSuspensionBrakeRefusesNonsense(t *testing.T) {
	k := newKeeper(t)
	refused := func(update string, in any) {
		k.update(update, in, func(_ any, err error) { require.Error(t, err, "%v", in) })
	}
	settings := brake.DefaultSettings()
	k.after(0, func() {
		refused(workflows.ReserveUpdate, workflows.ReserveInput{Settings: settings})
		refused(workflows.ReserveUpdate, workflows.ReserveInput{Requests: []brake.Request{brakeRequest(1)}})
		refused(workflows.ReserveUpdate, workflows.ReserveInput{Settings: settings, Requests: []brake.Request{{EmployeeID: brakeID(1)}}})
		refused(workflows.ReserveUpdate, workflows.ReserveInput{Settings: settings, Requests: []brake.Request{{EmployeeID: "juniper", Case: epoch}}})
		refused(workflows.ApproveUpdate, brake.Decision{})
		refused(workflows.RejectUpdate, brake.Decision{All: true, EmployeeIDs: []string{brakeID(1)}})
	})
	k.play()
}

func TestSuspensionBrakeCountsTheLinkedUsers(t *testing.T) {
	k := newKeeper(t)
	k.linked = 140 // seven
	k.after(0, func() { k.ask(some(0, 6), append(verdicts(isGranted, 5), isCounting)...) })
	k.after(time.Second, func() { k.ask(some(5, 3), isGranted, isGranted, isHeld) })
	k.after(time.Hour, func() { k.env.SignalWorkflow(workflows.LinkedSignal, workflows.LinkedUsers{Linked: 200}) })
	k.after(2*time.Hour, func() {
		k.ask(some(8, 3), isGranted, isGranted, isGranted)
		require.Equal(t, 200, k.view().Linked)
	})
	k.play()
	require.Equal(t, 1, k.counts, "a bulk run has told it")
}

func TestSuspensionBrakeHoldsTheFloorWhereNobodyCanCount(t *testing.T) {
	k := newKeeper(t)
	k.countErr = temporal.NewNonRetryableApplicationError("refused", activities.ErrRefused, nil)
	k.after(0, func() { k.ask(some(0, 6), append(verdicts(isGranted, 5), isCounting)...) })
	k.after(time.Second, func() { k.ask(some(5, 2), isHeld, isHeld) })
	k.after(5*time.Minute, func() { k.ask(some(7, 1), isHeld) })
	k.after(11*time.Minute, func() {
		require.Equal(t, 1, k.counts)
		k.countErr, k.linked = nil, 200
		k.ask(some(8, 1), isCounting)
	})
	k.after(12*time.Minute, func() { k.ask([]int{8, 5}, isGranted, isHeld) })
	k.play()
	require.Equal(t, 2, k.counts)
}

// TestSuspensionBrakeContinuesAsNew: whatever it remembers goes from run to run.
func TestSuspensionBrakeContinuesAsNew(t *testing.T) {
	k := newKeeper(t)
	k.after(0, func() {
		k.askBy(noShare(), some(0, 205)[:200], append(verdicts(isGranted, 5), verdicts(isHeld, 195)...)...)
	})
	k.after(time.Second, func() {
		k.decide(workflows.RejectUpdate, brake.Decision{EmployeeIDs: []string{brakeID(5)}}, brake.Decided{People: 1, Held: 194})
	})
	k.after(time.Minute, func() { k.env.SetContinueAsNewSuggested(true) })
	k.after(time.Minute+time.Second, func() { k.askBy(noShare(), []int{0}, isGranted) })
	k.after(2*time.Minute, func() {
		require.Equal(t, 2, k.runs)
		v := k.view()
		require.Equal(t, 194, v.Held)
		require.Equal(t, 5, v.Used)
		require.Equal(t, 1, v.Rejected)
		require.Equal(t, brakeID(6), v.People[0].EmployeeID)
		k.askBy(noShare(), []int{0, 5, 6, 200}, isGranted, isRejected, isHeld, isHeld)
		k.decide(workflows.ApproveUpdate, brake.Decision{All: true}, brake.Decided{People: 195})
	})
	k.after(3*time.Minute, func() { require.Len(t, k.told, 196, "by and by") })
	k.play()
	require.Equal(t, []string{"Held", "Done"}, k.shown)
}
