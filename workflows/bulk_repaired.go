package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
)

// repaired lists a person who was out of line and has been dealt with.
//
// Whoever is linked to a manager in a later pass is listed already, and counts
// once.
func (b *bulkSync) repaired(end activities.BulkEnd) {
	if b.in.DryRun || !b.drifted(end.Outcome) {
		return
	}
	r := b.Progress.Repaired
	if r == nil {
		r = &BulkRepaired{Outcomes: map[employee.Outcome]int{}}
		b.Progress.Repaired = r
	}
	if b.Progress.Pass > 1 {
		same := func(p BulkRepair) bool { return p.EmployeeID == end.EmployeeID }
		if i := slices.IndexFunc(r.First, same); i >= 0 {
			r.First[i].wrote(end.Changed)
			return
		}
		if len(r.First) >= maxRepairs {
			return // among those who are only counted
		}
	}
	r.Outcomes[end.Outcome]++
	if len(r.First) >= maxRepairs {
		r.Omitted++
		return
	}
	person := BulkRepair{EmployeeID: end.EmployeeID, Outcome: end.Outcome}
	person.wrote(end.Changed)
	r.First = append(r.First, person)
}

// drifted: a person with this outcome was out of line. A forced run has a look
// at everybody, and finds most of them waiting for the date that it sees.
func (b *bulkSync) drifted(o employee.Outcome) bool {
	if o == employee.Scheduled || o == Signalled {
		return !b.in.Force
	}
	return changes(o)
}

// wrote adds attributes that were written.
func (p *BulkRepair) wrote(names []string) {
	for _, name := range names {
		switch {
		case slices.Contains(p.Changed, name):
		case len(p.Changed) >= maxRepairNames:
			p.ChangedOmitted++
		default:
			p.Changed = append(p.Changed, name)
		}
	}
}

// String says in a line what was done about the person.
func (p BulkRepair) String() string {
	names := strings.Join(p.Changed, ", ")
	if p.ChangedOmitted > 0 {
		names += fmt.Sprintf(" and %d more", p.ChangedOmitted)
	}
	switch {
	case p.Outcome == employee.Scheduled:
		return string(p.Outcome) + ": now waits for its date"
	case p.Outcome == Signalled:
		return string(p.Outcome) + ": its workflow was running, and looks again"
	case names == "":
		return string(p.Outcome)
	default:
		return string(p.Outcome) + ": " + names
	}
}

// People counts everybody who was repaired.
func (r *BulkRepaired) People() int {
	if r == nil {
		return 0
	}
	return len(r.First) + r.Omitted
}

// clone keeps what is answered from changing while it is encoded.
func (r *BulkRepaired) clone() *BulkRepaired {
	if r == nil {
		return nil
	}
	c := *r
	c.Outcomes, c.First = maps.Clone(r.Outcomes), slices.Clone(r.First)
	for i := range c.First {
		c.First[i].Changed = slices.Clone(c.First[i].Changed)
	}
	return &c
}
