package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// totals add up what the seeds came to.
type totals struct {
	seeds, violations, failed int
	people, events, writes    int
	ofBob, ofOneLogin         int
	kills                     map[victim]int
	fired                     map[string]int
	rushes                    int
	decided                   map[string]int
	took                      time.Duration
}

func newTotals() *totals {
	return &totals{kills: map[victim]int{}, fired: map[string]int{}, decided: map[string]int{}}
}

// staleRead is the class of faults that have no call of their own.
const staleRead = "stale read"

// firedOf counts the faults that have acted, by class.
func firedOf(e evidence) map[string]int {
	fired := map[string]int{}
	for _, c := range e.Calls {
		if c.Fault != nil {
			fired[c.Fault.Class]++
		}
	}
	for _, st := range slices.Concat(append(slices.Clone(e.Schedule.Waves), e.Schedule.Calm)...) {
		switch st.How {
		case duplicated, reordered, late, dropped:
			fired["webhook "+string(st.How)]++
		}
	}
	if e.StaleReads > 0 {
		fired[staleRead] += e.StaleReads
	}
	return fired
}

// add prints one seed's line, and what was violated.
func (t *totals) add(out io.Writer, seed uint64, o outcome, err error, verbose bool) {
	t.seeds++
	if err != nil {
		t.failed++
		fmt.Fprintf(out, "seed %d: could not be played: %v\n", seed, err)
		return
	}
	e := o.Evidence
	if verbose {
		printSchedule(out, e.Schedule)
	}
	fired := firedOf(e)
	events, writes := 0, 0
	for _, c := range e.Calls {
		switch {
		case c.Kind == hook && c.Effect:
			events++
		case c.Effect && (c.Kind == oneCreate || c.Kind == oneUpdate || c.Kind == oneSuspend || c.Kind == oneSessions):
			writes++
		}
	}
	sum := 0
	var kinds []string
	for _, class := range slices.Sorted(maps.Keys(fired)) {
		sum += fired[class]
		kinds = append(kinds, fmt.Sprintf("%s %d", class, fired[class]))
		t.fired[class] += fired[class]
	}
	for v, n := range o.Kills {
		t.kills[v] += n
	}
	t.people += len(e.People)
	t.events += events
	t.writes += writes
	t.took += o.Took
	rush := ""
	if e.Schedule.Rush >= 0 {
		made := map[string]int{}
		for _, what := range []string{approves, rejects, leavesAlone} {
			made[what] = len(decisions(e.Calls, what))
			t.decided[what] += made[what]
		}
		t.rushes++
		rush = ", after a rush " + spellDecisions(made)
	}
	ofBob, ofOneLogin := refused(e.Calls)
	t.ofBob, t.ofOneLogin = max(t.ofBob, mostWithin(ofBob)), max(t.ofOneLogin, mostWithin(ofOneLogin))
	t.violations += len(o.Violations)
	fmt.Fprintf(out, "seed %d: %d people, %d webhooks, %d faults (%s), killed: worker %d, server %d, starter %d; %d writes, %d violations, %.0f s%s\n",
		seed, len(e.People), events, sum, strings.Join(kinds, ", "), o.Kills[theWorker], o.Kills[theServer], o.Kills[theStarter], writes, len(o.Violations), o.Took.Seconds(), rush)
	told := map[string]bool{}
	for _, v := range o.Violations {
		fmt.Fprintf(out, "  VIOLATED %s\n", v)
		if v.Person != "" && !told[v.Person] {
			told[v.Person] = true
			printTimeline(out, e, v.Person)
		}
	}
	if len(o.Violations) > 0 {
		fmt.Fprintf(out, "  again: make chaos SEEDS=1 SEED=%d\n", seed)
	}
}

func (t *totals) print(out io.Writer) {
	fmt.Fprintf(out, "\n%d seeds, %d people, %d webhooks accepted, %d writes\n", t.seeds, t.people, t.events, t.writes)
	fmt.Fprintf(out, "killed: worker %d, server %d, starter %d\n", t.kills[theWorker], t.kills[theServer], t.kills[theStarter])
	for _, class := range slices.Sorted(maps.Keys(t.fired)) {
		fmt.Fprintf(out, "  %-32s %5d\n", class, t.fired[class])
	}
	fmt.Fprintf(out, "at most %d refusals of Bob's within %s, and %d of OneLogin's\n", t.ofBob, blockWithin, t.ofOneLogin)
	fmt.Fprintf(out, "after %d rushes %s\n", t.rushes, spellDecisions(t.decided))
	fmt.Fprintf(out, "%d violations\n", t.violations)
}

func (t *totals) err() error {
	switch {
	case t.violations > 0:
		return fmt.Errorf("%d violations", t.violations)
	case t.failed > 0:
		return fmt.Errorf("%d seeds could not be played", t.failed)
	default:
		return nil
	}
}

// spellDecisions counts what became of those who were held.
func spellDecisions(made map[string]int) string {
	return fmt.Sprintf("%d approved, %d rejected, %d left alone", made[approves], made[rejects], made[leavesAlone])
}

// printSchedule tells a schedule for people.
func printSchedule(out io.Writer, s schedule) {
	fmt.Fprintf(out, "schedule of seed %d: stale reads %t, bulk run with wave %d, rush in wave %d\n", s.Seed, s.Stale, s.Bulk+1, s.Rush+1)
	for _, p := range s.People {
		fmt.Fprintf(out, "  %s %s\n", p.ID, p.Situation)
	}
	for i, wave := range append([][]step{s.Calm}, s.Waves...) {
		for _, st := range wave {
			fmt.Fprintf(out, "  wave %d: %s: %s (%s)\n", i, st.Person, st.What, st.How)
		}
	}
	for _, p := range s.Faults {
		fmt.Fprintf(out, "  fault: %s\n", p.Name)
	}
}

// printTimeline tells every call about a person, and every kill.
func printTimeline(out io.Writer, e evidence, id string) {
	for _, p := range e.People {
		if p.ID == id {
			fmt.Fprintf(out, "    %s is %s\n", id, p.Situation)
		}
	}
	for _, at := range e.Changes[id] {
		fmt.Fprintf(out, "    %s changed in Bob\n", clock(at))
	}
	for _, c := range e.Calls {
		killed := c.Fault != nil && c.Fault.Kill != nobody
		shown := slices.ContainsFunc(c.Shown, func(r map[string]any) bool { return r["id"] == id })
		if c.Person != id && !killed && !shown && !slices.Contains(c.Asked, id) {
			continue
		}
		line := fmt.Sprintf("    %s %s", clock(c.Began), c.Kind)
		if c.Event != "" {
			line += " " + c.Event
		}
		if c.User != 0 {
			line += fmt.Sprintf(" user %d", c.User)
		}
		if len(c.Body) > 0 {
			line += fmt.Sprintf(" %v", slices.Sorted(maps.Keys(flat(c.Body))))
		}
		if c.Status != 0 {
			line += fmt.Sprintf(" → %d", c.Status)
		} else {
			line += " → no answer"
		}
		if c.Fault != nil {
			line += " [" + c.Fault.Name + "]"
		}
		fmt.Fprintln(out, line)
	}
}
