package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// settled is the settle delay of the worker here.
const settled = time.Second

// events compares how long it takes to handle a burst of events, each of which
// changes somebody, with the same burst on bare workflows.
func (b *bench) events(ctx context.Context) ([]table, error) {
	w, s, end, err := b.stage(ctx, b.Events*b.Rounds*5/4, nature{}, quickly)
	if err != nil {
		return nil, err
	}
	defer end()
	bare, err := s.serveBare()
	if err != nil {
		return nil, err
	}
	defer bare.stop()

	d := dispatch.New(s.server.Client(), s.namespace)
	var r rounds
	var ours, theirs burst
	for round := range b.Rounds {
		if err := w.change(round*b.Events, b.Events); err != nil {
			return nil, err
		}
		ids, err := w.pick(round*b.Events, b.Events)
		if err != nil {
			return nil, err
		}
		w.forgetCalls()
		ours, err = b.burst(ctx, s, employeeWorkflows(ids), func(ctx context.Context, i int) error {
			return d.Signal(ctx, ids[i], employee.Event{Type: employee.EventUpdated, ReceivedAt: time.Now()})
		})
		if err != nil {
			return nil, err
		}
		if writes := w.oneLoginCalls.Calls()["PUT /api/2/users/{id}"]; writes != b.Events {
			return nil, fmt.Errorf("%d events wrote %d users", b.Events, writes)
		}
		names := make([]string, b.Events)
		for i := range names {
			names[i] = fmt.Sprintf("bare-event/%d-%d", round, i)
		}
		theirs, err = b.burst(ctx, s, names, func(ctx context.Context, i int) error {
			_, err := s.server.Client().SignalWithStartWorkflow(ctx, names[i], workflows.EventSignal,
				employee.Event{Type: employee.EventUpdated, ReceivedAt: time.Now()}, bareOptions(names[i], bareQueue), bareEmployee, bareInput{Settle: settled})
			return err
		})
		if err != nil {
			return nil, err
		}
		r.add(ours.took(), theirs.took())
		b.say("round %d of %d: %s for events, %s for bare workflows", round+1, b.Rounds, short(ours.took()), short(theirs.took()))
	}
	t := figures(fmt.Sprintf("%d events at once, each changes somebody, medians of %d rounds", b.Events, b.Rounds))
	per := func(d []time.Duration) string {
		return fmt.Sprintf("%s, %.1f/s", short(median(d)), float64(b.Events)/median(d).Seconds())
	}
	t.tell("events", per(r.ours))
	t.tell("bare workflows", per(r.theirs))
	each := func(ours, theirs int) (float64, float64) {
		return float64(ours) / float64(b.Events), float64(theirs) / float64(b.Events)
	}
	tasks, bareTasks := each(ours.tasks, theirs.tasks)
	activities, bareActivities := each(ours.activities, theirs.activities)
	// On either side, who is late waits for no timer any more.
	t.add(judge(tasks-bareTasks < 0.5 && activities == bareActivities), "workflow tasks and activities of one",
		fmt.Sprintf("%.1f and %.1f", tasks, activities), fmt.Sprintf("those of the bare one: %.1f and %.1f", bareTasks, bareActivities))
	mine, other := each(ours.events, theirs.events)
	t.tell("history events of one, and of the bare one", fmt.Sprintf("%.1f and %.1f", mine, other))
	t.ratio("time against bare workflows", r.ratio(), bound)
	return []table{*t}, nil
}

// burst is what came of so many workflows that were signalled at once.
type burst struct {
	span
	// tasks, activities and events are those of all of them.
	tasks, activities, events int
}

// burst signals all workflows, by so many senders, and waits for all to end.
func (b *bench) burst(ctx context.Context, s *stack, ids []string, send func(context.Context, int) error) (burst, error) {
	var out burst
	if err := b.send(ctx, len(ids), send); err != nil {
		return out, err
	}
	for _, id := range ids {
		t, err := s.ended(ctx, id, nil)
		if err != nil {
			return out, err
		}
		out.add(t)
		out.tasks, out.activities, out.events = out.tasks+t.tasks, out.activities+t.activities, out.events+t.events
	}
	return out, nil
}

// send does something n times, by so many senders at once.
func (b *bench) send(ctx context.Context, n int, one func(context.Context, int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(b.Senders)
	for i := range n {
		g.Go(func() error { return one(ctx, i) })
	}
	return g.Wait()
}
