package main

import (
	"context"
	"fmt"
	"time"

	"bob-onelogin/workflows"
)

const (
	// memoryBound is what a worker may take for the largest company, where
	// nobody has changed.
	memoryBound = 512 << 20
	// Temporal's own bounds: it warns of payloads above the first, and of
	// histories above the others.
	payloadBound, eventsBound, bytesBound = 256 << 10, 10_240, 10 << 20
	// steps is how many companies there are, each ten times as large as the
	// one before.
	steps = 3
)

// measured is one bulk run.
type measured struct {
	employees, users, changed int
	took                      time.Duration
	// peak is the worker's resident memory at its most, in bytes; 0 where the
	// system does not tell.
	peak  int64
	spent spent
	trace trace
	// bare is what as many bare children took under one parent, on a server that
	// was as empty.
	bare time.Duration
}

// changedEach is the time of one who has changed, on top of what the company
// takes where nobody has.
func (m measured) changedEach(idle measured) time.Duration {
	return (m.took - idle.took) / time.Duration(max(1, m.changed))
}

func (m measured) bareEach() time.Duration { return m.bare / time.Duration(max(1, m.changed)) }

// scale runs everybody in companies of three sizes, of whom nobody, few or
// many have changed. Each run has a worker process of its own, so that its peak
// memory is this run's alone.
func (b *bench) scale(ctx context.Context) ([]table, error) {
	var runs []measured
	for step := range steps {
		employees := b.Employees
		for range steps - 1 - step {
			employees /= 10
		}
		shares := []int{0, 10}
		if step == steps-1 {
			shares = []int{0, 1, 10}
		}
		more, err := b.company(ctx, employees, shares)
		if err != nil {
			return nil, fmt.Errorf("%d employees: %w", employees, err)
		}
		busiest := &more[len(more)-1]
		if busiest.bare, err = b.bareCompany(ctx, busiest.changed); err != nil {
			return nil, fmt.Errorf("%d bare children: %w", busiest.changed, err)
		}
		b.say("%s bare children: %s", thousands(busiest.changed), short(busiest.bare))
		runs = append(runs, more...)
	}
	return []table{scaleTable(runs), growthTable(runs)}, nil
}

// company runs everybody of one company once for each share, in percent, of
// people who have changed.
func (b *bench) company(ctx context.Context, employees int, shares []int) ([]measured, error) {
	w, s, end, err := b.stage(ctx, employees, nature{})
	if err != nil {
		return nil, err
	}
	defer end()
	var runs []measured
	at := 0
	for i, share := range shares {
		if i > 0 {
			s.stopWorker()
			if err := s.startWorker(ctx); err != nil {
				return nil, err
			}
		}
		m := measured{changed: employees * share / 100}
		if err := w.change(at, m.changed); err != nil {
			return nil, err
		}
		at += m.changed
		w.forgetCalls()
		p, run, took, err := s.runBulk(ctx, b.Window, m.changed)
		if err != nil {
			return nil, err
		}
		m.employees, m.users, m.took, m.spent = p.Employees, p.Users, took, w.spent()
		m.peak = peakMemory(s.worker.Process.Pid)
		if m.trace, err = s.trace(ctx, workflows.BulkWorkflowID, run.GetRunID()); err != nil {
			return nil, err
		}
		b.say("%s employees, %s changed: %s, %s", thousands(m.employees), thousands(m.changed), short(took), megabytes(m.peak))
		runs = append(runs, m)
	}
	return runs, nil
}

// bareCompany has so many bare children under one parent, on a server on which
// nothing has run yet, as it was for the company.
func (b *bench) bareCompany(ctx context.Context, children int) (time.Duration, error) {
	_, s, end, err := b.stage(ctx, callsStaff, nature{})
	if err != nil {
		return 0, err
	}
	defer end()
	bare, err := s.serveBare()
	if err != nil {
		return 0, err
	}
	defer bare.stop()
	return s.bareFanOut(ctx, "scale", 1, bareParentInput{Kind: kindWorking, Children: children, Window: b.Window, Input: order()})
}

// leastCalls list everybody and write who has changed.
func (m measured) leastCalls() int { return pagesOf(m.users) + m.changed }

// inBounds: everybody is one answer of Bob's, memory is held to a bound where
// nobody of the largest company has changed.
func (m measured) inBounds(largest bool) bool {
	return m.spent.oneLogin == m.leastCalls() && m.spent.bob == 1 &&
		m.trace.largest <= payloadBound && m.trace.longest <= eventsBound && m.trace.widest <= bytesBound &&
		(!largest || m.changed > 0 || m.peak <= memoryBound)
}

func scaleTable(runs []measured) table {
	largest := runs[len(runs)-1].employees
	t := table{
		title: fmt.Sprintf("Bulk runs by size; bounds: the least calls, %s where nobody of the largest has changed, payloads of %s, runs of %s events and %s",
			megabytes(memoryBound), kilobytes(payloadBound), thousands(eventsBound), megabytes(bytesBound)),
		columns: []string{
			"employees", "changed", "time", "worker's peak memory", "OneLogin calls", "least", "Bob calls",
			"runs of the parent", "longest", "widest", "largest event",
		},
	}
	for _, m := range runs {
		t.add(judge(m.inBounds(m.employees == largest)), m.employees, m.changed, m.took, megabytes(m.peak), m.spent.oneLogin, m.leastCalls(), m.spent.bob,
			m.trace.runs, thousands(m.trace.longest)+" events", kilobytes(m.trace.widest), kilobytes(m.trace.largest))
	}
	return t
}

// growthTable holds what one employee costs, and what one who has changed costs
// on top, against a company a tenth of the size. Bare children tell how much of
// the growth is the server's.
func growthTable(runs []measured) table {
	t := table{
		title: "Growth: the time of one employee, by the size of the company",
		columns: []string{
			"employees", "read and compared", "against a tenth of them", "changed", "against a tenth of them",
			"a bare child", "against a tenth of them", "changed against bare", "bound",
		},
	}
	var read, changed, bare time.Duration // of the company before
	for _, idle := range runs {
		if idle.changed > 0 {
			continue
		}
		busy := idle
		for _, m := range runs {
			if m.employees == idle.employees && m.changed > busy.changed {
				busy = m
			}
		}
		r, c, b := idle.took/time.Duration(idle.employees), busy.changedEach(idle), busy.bareEach()
		against := fmt.Sprintf("%.2f", over(c, b))
		if read == 0 {
			t.add(told, idle.employees, r, "", c, "", b, "", against, "")
		} else {
			t.add(judge(over(r, read) <= bound && over(c, changed) <= bound), idle.employees, r, fmt.Sprintf("%.2f", over(r, read)),
				c, fmt.Sprintf("%.2f", over(c, changed)), b, fmt.Sprintf("%.2f", over(b, bare)), against, fmt.Sprintf("at most %.1f", bound))
		}
		read, changed, bare = r, c, b
	}
	return t
}

func over(a, b time.Duration) float64 { return float64(a) / float64(b) }
