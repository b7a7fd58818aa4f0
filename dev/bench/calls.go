package main

import (
	"context"
	"fmt"
	"time"

	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// outcome is one thing that may come of a person, and the least that it can
// cost: one call to see how things stand, and one for each thing to be done.
type outcome struct {
	what  employee.Outcome
	event employee.EventType
	// bring makes somebody a person of whom that comes, given one who works.
	bring func(w *world, id string) (string, error)
	// oneLogin is the least for an event, and writes that for a person of a
	// bulk run, which sees everybody in its listing.
	oneLogin, writes int
}

var outcomes = []outcome{
	{
		what: employee.Created, event: employee.EventCreated, oneLogin: 2, writes: 1,
		bring: func(w *world, _ string) (string, error) { return w.hire() },
	},
	{
		what: employee.Updated, event: employee.EventUpdated, oneLogin: 2, writes: 1,
		bring: func(w *world, id string) (string, error) { return id, w.rename(id) },
	},
	{
		what: employee.Unchanged, event: employee.EventUpdated, oneLogin: 1, writes: 0,
		bring: func(_ *world, id string) (string, error) { return id, nil },
	},
	{
		// The status, and then the sessions.
		what: employee.Suspended, event: employee.EventLeft, oneLogin: 3, writes: 2,
		bring: func(w *world, id string) (string, error) { return id, w.leave(id) },
	},
}

const (
	// callsStaff is the size of the company, callsEach how many people each
	// outcome is brought about for.
	callsStaff, callsEach = 500, 10
	// spareCalls is how many calls more than the least an event may cost.
	spareCalls = 1
)

// calls counts what each outcome costs, when an event brings it about and when
// a bulk run does.
func (b *bench) calls(ctx context.Context) ([]table, error) {
	w, err := newWorld(callsStaff, nature{hires: 2*callsEach + 1})
	if err != nil {
		return nil, err
	}
	defer w.close()
	s, err := b.start(ctx, w, "BOB_SETTLE_DELAY=5s") // long enough for a timer on a busy machine
	if err != nil {
		return nil, err
	}
	defer s.stop()
	// The first one is not counted: it reads definitions and lists that are
	// kept for hours.
	if _, err := b.byEvent(ctx, s, w, outcomes[0], 0, 1); err != nil {
		return nil, err
	}
	events := &table{
		title: fmt.Sprintf("One event, of %d each", callsEach),
		columns: []string{
			"outcome", "OneLogin calls", "least", "Bob calls", "least", "history events", "history", "workflow tasks", "activities",
		},
	}
	at := 1
	for _, o := range outcomes {
		c, err := b.byEvent(ctx, s, w, o, at, callsEach)
		if err != nil {
			return nil, fmt.Errorf("%s by event: %w", o.what, err)
		}
		at += callsEach
		events.add(judge(c.oneLogin <= (o.oneLogin+spareCalls)*callsEach && c.bob <= (1+spareCalls)*callsEach),
			o.what, each(c.oneLogin, callsEach), o.oneLogin, each(c.bob, callsEach), 1, c.events, kilobytes(c.bytes), c.tasks, c.activities)
	}
	bulk := &table{
		title: fmt.Sprintf("One bulk run, %d employees, %d of them with the outcome", callsStaff, callsEach),
		columns: []string{
			"outcome", "OneLogin calls", "least", "Bob calls", "least", "events per person", "history per person", "workflow tasks", "activities",
		},
	}
	for _, o := range outcomes {
		c, pages, err := b.byBulk(ctx, s, w, o, at, callsEach)
		if err != nil {
			return nil, fmt.Errorf("%s by bulk run: %w", o.what, err)
		}
		at += callsEach
		least := pages + o.writes*callsEach
		bulk.add(judge(c.oneLogin == least && c.bob == 1),
			o.what, c.oneLogin, least, c.bob, 1, c.events, kilobytes(c.bytes), c.tasks, c.activities)
	}
	return []table{*events, *bulk}, nil
}

// cost is what calls all of them took, and what one person's workflow left.
type cost struct {
	spent
	trace
}

// people brings an outcome about for n people, from one of those who work on.
func (o outcome) people(w *world, from, n int) ([]string, error) {
	working, err := w.pick(from, n)
	if err != nil {
		return nil, err
	}
	ids := make([]string, n)
	for i := range ids {
		if ids[i], err = o.bring(w, working[i]); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// byEvent has people come to an outcome by an event each.
func (b *bench) byEvent(ctx context.Context, s *stack, w *world, o outcome, from, n int) (cost, error) {
	var c cost
	ids, err := o.people(w, from, n)
	if err != nil {
		return c, err
	}
	w.forgetCalls()
	d := dispatch.New(s.server.Client(), s.namespace)
	for _, id := range ids {
		if err := d.Signal(ctx, id, employee.Event{Type: o.event, ReceivedAt: time.Now()}); err != nil {
			return c, err
		}
	}
	for _, id := range ids {
		var r workflows.Result
		if c.trace, err = s.ended(ctx, workflows.EmployeeWorkflowID(id), &r); err != nil {
			return c, err
		}
		if r.Outcome != o.what {
			return c, fmt.Errorf("employee %s came to %s: %s", id, r.Outcome, r.Reason)
		}
	}
	c.spent = w.spent()
	return c, nil
}

// byBulk has people come to an outcome by one bulk run.
func (b *bench) byBulk(ctx context.Context, s *stack, w *world, o outcome, from, n int) (c cost, pages int, err error) {
	ids, err := o.people(w, from, n)
	if err != nil {
		return c, 0, err
	}
	w.forgetCalls()
	changed := n
	if o.what == employee.Unchanged {
		changed = 0
	}
	p, _, _, err := s.runBulk(ctx, b.Window, changed)
	if err != nil {
		return c, 0, err
	}
	c.spent = w.spent()
	if changed > 0 {
		if p.Outcomes[o.what] != n {
			return c, 0, fmt.Errorf("the run came to %v", p.Outcomes)
		}
		if c.trace, err = s.ended(ctx, workflows.EmployeeWorkflowID(ids[0]), nil); err != nil {
			return c, 0, err
		}
	}
	return c, pagesOf(p.Users), nil
}

// pagesOf is how many calls list so many users.
func pagesOf(users int) int { return (users + 99) / 100 }

// each writes what one of n cost. More than whole calls are those that several
// people share: a manager who is not known yet is looked up once.
func each(calls, n int) string {
	if calls%n == 0 {
		return thousands(calls / n)
	}
	return fmt.Sprintf("%.1f", float64(calls)/float64(n))
}
