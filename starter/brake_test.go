package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"bob-onelogin/activities"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// guard polls for the real brake, and returns whose workflows it has woken.
func (o *office) guard() func() []string {
	o.t.Helper()
	var mu sync.Mutex
	var told []string
	acts := &activities.Activities{Signal: func(_ context.Context, id string, _ employee.Event) error {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, id)
		return nil
	}}
	w := worker.New(o.client, workflows.TaskQueue, worker.Options{})
	workflows.Register(w, workflows.Options{})
	acts.RegisterGeneral(w)
	require.NoError(o.t, w.Start())
	o.t.Cleanup(w.Stop)
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), told...)
	}
}

func (o *office) braker(answer string) *braker {
	o.out, o.err = &output{}, &output{}
	return &braker{Dispatcher: o.Dispatcher, console: console{in: strings.NewReader(answer), out: o.out, err: o.err, asks: answer != ""}}
}

func leaverID(n int) string { return fmt.Sprintf("33328838%011d", n) }

func TestBrakeCommand(t *testing.T) {
	o := newOffice(t)
	told := o.guard()
	ctx := t.Context()
	require.NoError(t, o.braker("").show(ctx, false))
	require.Contains(t, o.out.String(), "has not been asked yet")
	require.NoError(t, o.braker("").decide(ctx, brakePeople{All: true}, approval))
	require.Contains(t, o.err.String(), "Nobody is held.")
	require.ErrorContains(t, o.braker("").decide(ctx, brakePeople{IDs: []string{leaverID(1)}}, approval), "neither held nor decided about: "+leaverID(1))

	// Many ask at once, from two workers: never one too many.
	by := brake.DefaultSettings()
	by.Percent = 0
	brakes := []activities.Brake{o.NewBrake(), o.NewBrake()}
	since := time.Now()
	ask := func(n int) brake.Verdict {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		a, err := brakes[n%2].Reserve(ctx, by, brake.Request{EmployeeID: leaverID(n), UserID: int64(n), Case: since})
		require.NoError(t, err)
		return a.Verdict
	}
	var all sync.WaitGroup
	verdicts := make([]brake.Verdict, 60)
	for n := range verdicts {
		all.Go(func() { verdicts[n] = ask(n) })
	}
	all.Wait()
	count := map[brake.Verdict]int{}
	var granted, held []int
	for n, v := range verdicts {
		count[v]++
		require.Equal(t, v, ask(n), "the same question has the same answer")
		if v == brake.Granted {
			granted = append(granted, n)
		} else {
			held = append(held, n)
		}
	}
	require.Equal(t, map[brake.Verdict]int{brake.Granted: 5, brake.Held: 55}, count)
	require.NotEmpty(t, granted)

	require.NoError(t, o.braker("").show(ctx, false))
	require.Contains(t, o.out.String(), "Suspensions within 24h")
	require.Contains(t, o.out.String(), "5 of 5")
	require.Contains(t, o.out.String(), "employee/"+leaverID(held[0]))
	require.NoError(t, o.braker("").show(ctx, true))
	var view brake.View
	require.NoError(t, json.Unmarshal([]byte(o.out.String()), &view))
	require.Equal(t, 55, view.Held)
	require.Len(t, view.People, 55)

	require.NoError(t, o.braker("").decide(ctx, brakePeople{IDs: []string{leaverID(held[0])}}, approval))
	require.Contains(t, o.out.String(), "Approved: 1 person.")
	require.Contains(t, o.out.String(), "Still held: 54 people.")
	require.Equal(t, brake.Granted, ask(held[0]))
	require.NoError(t, o.braker("").decide(ctx, brakePeople{IDs: []string{leaverID(held[1])}}, rejection))
	require.Equal(t, brake.Rejected, ask(held[1]))

	require.ErrorContains(t, o.braker("\n").decide(ctx, brakePeople{All: true}, approval), "nothing was decided", "without a yes")
	require.Contains(t, o.err.String(), "Suspend 53 people? [y/N]")
	require.NoError(t, o.braker("y\n").decide(ctx, brakePeople{All: true}, approval))
	require.Contains(t, o.out.String(), "Approved: 53 people.")
	o.eventually("everybody's workflow is told", func() bool { return len(told()) == 55 })

	require.NoError(t, o.braker("").show(ctx, false))
	require.Regexp(t, `(?m)^Rejected +OneLogin user +Since +Workflow\n`+leaverID(held[1]), o.out.String())
	require.NoError(t, o.braker("").decide(ctx, brakePeople{IDs: []string{leaverID(held[1])}}, approval))
	require.Equal(t, brake.Granted, ask(held[1]), "a rejection can be taken back")
}

func TestBrakeCommandChecksFirst(t *testing.T) {
	for name, c := range map[string]brakePeople{
		"nobody": {}, "somebody and everybody": {IDs: []string{leaverID(1)}, All: true}, "no id": {IDs: []string{"juniper"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Error(t, brakeApprove{c}.Run(t.Context(), config.Starter{}))
			require.Error(t, brakeReject{c}.Run(t.Context(), config.Starter{}))
		})
	}
}

func TestPrintBrake(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	require.NoError(t, printBrake(&b, brake.View{
		At: at, Settings: brake.DefaultSettings(), Used: 6, Limit: 6, Linked: 120, CountedAt: at.Add(-time.Hour), FreeAt: at.Add(20 * time.Hour),
		Held: 3, Since: at.Add(-time.Minute), Approved: 1, Rejected: 2,
		ApprovedPeople: []brake.Person{{EmployeeID: leaverID(3), UserID: 44, Since: at}},
		RejectedPeople: []brake.Person{{EmployeeID: leaverID(4), UserID: 45, Since: at}},
		People:         []brake.Person{{EmployeeID: leaverID(1), UserID: 42, Since: at.Add(-time.Minute)}, {EmployeeID: leaverID(2), UserID: 43, Since: at}},
	}))
	golden(t, "brake", b.Bytes())
}

func TestBrakeNote(t *testing.T) {
	require.Empty(t, brakeNote(brake.View{}.Under(brake.DefaultSettings(), 0)))
	require.Equal(t, []string{"The suspension brake would hold this, unless it is approved already: 5 of 5 within 24h are used; `starter brake show`"},
		brakeNote(brake.View{Used: 5}.Under(brake.DefaultSettings(), 0)))
}
