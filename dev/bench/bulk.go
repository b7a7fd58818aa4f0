package main

import (
	"context"
	"fmt"
	"time"

	"bob-onelogin/workflows"
)

// bound is how much longer something may take than what it is held against.
const bound = 1.5

// bulk compares a bulk run in which everybody has changed with the same
// fan-out of bare workflows, which have its workflow tasks and activities, and
// with one of empty workflows, which have one workflow task and nothing else.
func (b *bench) bulk(ctx context.Context) ([]table, error) {
	// Each round has people of its own, because those of whom another run was
	// just about are looked at once more. Not everybody in Bob works.
	w, s, end, err := b.stage(ctx, b.Children*b.Rounds*5/4, nature{})
	if err != nil {
		return nil, err
	}
	defer end()
	bare, err := s.serveBare()
	if err != nil {
		return nil, err
	}
	defer bare.stop()

	var againstBare, againstEmpty, floor rounds
	for round := range b.Rounds {
		if err := w.change(round*b.Children, b.Children); err != nil {
			return nil, err
		}
		_, run, _, err := s.runBulk(ctx, b.Window, b.Children)
		if err != nil {
			return nil, err
		}
		t, err := s.trace(ctx, run.GetID(), run.GetRunID())
		if err != nil {
			return nil, err
		}
		ours := t.closed.Sub(t.fanned)
		theirs, err := s.bareFanOut(ctx, fmt.Sprint(round), 1, bareParentInput{Kind: kindWorking, Children: b.Children, Window: b.Window, Input: order()})
		if err != nil {
			return nil, err
		}
		nothing, err := s.bareFanOut(ctx, fmt.Sprint(round), 1, bareParentInput{Kind: kindEmpty, Children: b.Children, Window: b.Window, Input: order()})
		if err != nil {
			return nil, err
		}
		againstBare.add(ours, theirs)
		againstEmpty.add(ours, nothing)
		floor.add(theirs, nothing)
		b.say("round %d of %d: %s in bulk, %s of bare workflows, %s of empty ones", round+1, b.Rounds, short(ours), short(theirs), short(nothing))
	}
	ours, err := s.ended(ctx, workflows.EmployeeWorkflowID(w.working[0]), nil)
	if err != nil {
		return nil, err
	}
	theirs, err := s.ended(ctx, "working/0-0-0", nil)
	if err != nil {
		return nil, err
	}
	t := figures(fmt.Sprintf("Fan-out over %d changed people, %d at once, medians of %d rounds", b.Children, b.Window, b.Rounds))
	per := func(d []time.Duration) string {
		return fmt.Sprintf("%s, %s each, %.0f/s", short(median(d)), short(median(d)/time.Duration(b.Children)), float64(b.Children)/median(d).Seconds())
	}
	t.tell("bulk run", per(againstBare.ours))
	t.tell("bare workflows", per(againstBare.theirs))
	t.tell("empty workflows", per(againstEmpty.theirs))
	t.add(judge(ours.tasks == theirs.tasks && ours.activities == theirs.activities), "workflow tasks and activities of one child",
		fmt.Sprintf("%d and %d", ours.tasks, ours.activities), fmt.Sprintf("those of the bare one: %d and %d", theirs.tasks, theirs.activities))
	t.ratio("time against bare workflows", againstBare.ratio(), bound)
	// A dev server has its database in the same process and nothing to wait for,
	// so that an activity costs what its share of the processor is, whoever
	// schedules it: see the ratio of the two that do nothing.
	if t.tell("bare workflows against empty ones", fmt.Sprintf("%.2f", floor.ratio())); b.address == "" {
		t.tell("time against empty workflows", fmt.Sprintf("%.2f", againstEmpty.ratio()))
	} else {
		t.ratio("time against empty workflows", againstEmpty.ratio(), bound)
	}
	return []table{*t}, nil
}
