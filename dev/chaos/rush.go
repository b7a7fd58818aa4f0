package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"bob-onelogin/dev/sim/bob"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/workflows"
)

// A rush is a wave in which more people leave than the suspension brake lets
// pass. When it is over, a person decides about those whom the brake holds.

// rushEvery is which seeds have a rush: every fifth one. Boundaries come in
// turn, 24 of them; every fourth seed would meet six, and every fifth meets all.
const rushEvery = 5

// What a person does about somebody who is held.
const (
	approves    = "approve"
	rejects     = "reject"
	leavesAlone = "leave alone"
)

const (
	// decidedWithin is how long a decision may take, its repetitions included.
	decidedWithin = time.Minute
	// soon tells the questions that a workflow puts to the brake again because
	// there was no answer from those of every day.
	soon = 15 * time.Minute
)

// rush has enough people more leave in one wave, one whose access is revoked in
// the next, when the brake lets nobody else pass, and a process killed when a
// person decides. It has a source of chance of its own, so that whatever else
// there is in the schedule stays as it is.
func (m *maker) rush() {
	m.rng = rand.New(rand.NewPCG(m.s.Seed, 0x72757368))
	m.s.Rush = pickOne(m.rng, []int{0, 0, 1}) // most faults strike in the first wave
	then := func(wave int, s situation, step func(person) step) {
		m.add(s, m.s.People[m.rng.IntN(3)].ID)
		m.s.Waves[wave] = append(m.s.Waves[wave], step(m.s.People[len(m.s.People)-1]))
	}
	for range 9 + m.rng.IntN(4) {
		then(m.s.Rush, rushed, func(p person) step {
			return m.leave(p, pickOne(m.rng, []delivery{atOnce, atOnce, duplicated, reordered, late}))
		})
	}
	then(m.s.Rush+1, revoked, func(p person) step {
		return step{Person: p.ID, What: "access revoked", Events: []string{"employee.access.revoked.immediately"}, How: atOnce}
	})
	wave := m.s.Waves[m.s.Rush]
	m.rng.Shuffle(len(wave), func(i, j int) { wave[i], wave[j] = wave[j], wave[i] })
	killed := pickOne(m.rng, []victim{theWorker, theServer})
	m.plan(planned{
		Class: string(killed) + " killed at a decision", Kind: decision, Kill: killed, When: pickOne(m.rng, []string{beforeTheCall, afterTheCall}),
	})
}

func (r *player) dispatcher() *dispatch.Dispatcher {
	return dispatch.New(r.stack.temporal, client.DefaultNamespace)
}

// brake is where the suspension brake stands.
func (r *player) brake(ctx context.Context) (v brake.View, err error) {
	err = until(ctx, "the brake answers", upWithin, func(ctx context.Context) (err error) {
		v, err = r.dispatcher().Brake(ctx, 0)
		return err
	})
	return v, err
}

// held are those whom the brake holds, those of the rush first: they were added
// to the schedule last.
func (r *player) held(ctx context.Context) ([]string, error) {
	v, err := r.brake(ctx)
	var ids []string
	for _, p := range v.People {
		ids = append(ids, p.EmployeeID)
	}
	slices.SortFunc(ids, func(a, b string) int { return strings.Compare(b, a) })
	return ids, err
}

// aftermath is what follows a rush: a person approves a third of those who are
// held, rejects another, and leaves the rest alone. Then a webhook of somebody
// who was rejected comes once more.
func (r *player) aftermath(ctx context.Context) error {
	ids, err := r.held(ctx)
	if err != nil {
		return err
	}
	n := len(ids) / 3
	for _, d := range []struct {
		what string
		ids  []string
	}{{approves, ids[:n]}, {rejects, ids[n : 2*n]}, {leavesAlone, ids[2*n:]}} {
		if err := r.decide(ctx, d.what, d.ids); err != nil {
			return err
		}
	}
	err = until(ctx, "approvals are used", restWithin, func(ctx context.Context) error {
		v, err := r.dispatcher().Brake(ctx, 1)
		if err == nil && v.Approved > 0 {
			return fmt.Errorf("%d approved people have not been suspended", v.Approved)
		}
		return errors.Join(err, r.stack.alive())
	})
	if err != nil {
		return err
	}
	if err := r.rest(ctx); err != nil {
		return err
	}
	if n == 0 {
		return nil // nobody to try it with, which is a violation
	}
	if err := r.repeat(ids[n]); err != nil {
		return err
	}
	return r.rest(ctx)
}

// decide is a person with the starter's command. It is written down as a call
// about each of those it is about, as a fault may be planned for.
func (r *player) decide(ctx context.Context, what string, ids []string) error {
	var calls []*call
	kill := func(when string) {
		for _, c := range calls {
			if c.Fault != nil && c.Fault.When == when {
				r.world.kill(c.Fault.Kill, c.Fault.Down)
			}
		}
	}
	for _, id := range ids {
		c := &call{Kind: decision, Event: what, Person: id}
		r.world.enter(c)
		calls = append(calls, c)
	}
	kill(beforeTheCall)
	if what != leavesAlone && len(ids) > 0 {
		if err := r.command(ctx, append([]string{"brake", what}, ids...)); err != nil {
			return err
		}
	}
	for _, c := range calls {
		r.world.effect(c, http.StatusOK, nil)
		r.world.leave(c, http.StatusOK, nil)
	}
	kill(afterTheCall)
	return nil
}

// command runs the starter as an operator does, who tries again until there is
// an answer. Where the answer to one try was lost, the next may find that the
// decision is made.
func (r *player) command(ctx context.Context, args []string) error {
	var refused error
	tries := 0
	err := until(ctx, "starter "+strings.Join(args[:2], " "), decidedWithin, func(ctx context.Context) error {
		if err := r.stack.alive(); err != nil {
			return err
		}
		tries++
		cmd := exec.CommandContext(ctx, r.stack.starter.path, args...)
		cmd.Env = r.stack.starter.env
		said, err := cmd.CombinedOutput()
		_, _ = r.stack.starter.log.Write(said) // it never fails
		if err == nil {
			return nil
		}
		err = fmt.Errorf("%w: %s", err, said)
		if !strings.Contains(string(said), "neither held nor decided about:") {
			return err
		}
		if tries == 1 {
			refused = err
		}
		return nil
	})
	return errors.Join(err, refused)
}

// repeat has Bob deliver the newest webhook of a leaver once more, as it was.
func (r *player) repeat(id string) error {
	var newest call
	for _, c := range r.world.log() {
		if c.Kind == hook && c.Effect && c.Person == id && !c.TriggeredAt.Before(newest.TriggeredAt) {
			newest = c
		}
	}
	if newest.Event == "" {
		return nil // a bulk run has found them
	}
	return r.world.bob.Queue(bob.Event{Type: newest.Event, EmployeeID: id, TriggeredAt: newest.TriggeredAt})
}

// asksAgain names one of some workflows that are held for want of an answer of
// the brake, which it is asked again for: they are at work still.
func (r *player) asksAgain(ctx context.Context, workflowIDs []string) error {
	for _, workflowID := range workflowIDs {
		id, err := workflows.EmployeeIDFrom(workflowID)
		if err != nil {
			continue // a bulk run
		}
		view, err := r.dispatcher().Status(ctx, id)
		switch {
		case err != nil:
			return err
		case view.DueFor == "brake" && time.Until(view.DueAt) < soon:
			return fmt.Errorf("employee %s asks the brake again at %s", id, clock(view.DueAt))
		}
	}
	return nil
}
