package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"bob-onelogin/activities"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// report prints what a run came to, and returns an error unless all is well.
func (b *bulk) report(ctx context.Context, v dispatch.BulkView) error {
	if v.Progress != nil && v.Progress.DryRun && v.Failure == "" {
		return b.reportPlan(ctx, v)
	}
	if len(b.command.Output) > 0 || b.command.Values {
		return fmt.Errorf("%s has no plan to show: it is no dry run that came to its end", v.WorkflowID)
	}
	printEnd(b.out, v)
	return verdict(v)
}

// verdict is the error that a run's end amounts to.
func verdict(v dispatch.BulkView) error {
	failed := 0
	if v.Progress != nil {
		failed = v.Progress.Outcomes[employee.Failed] + v.Progress.Outcomes[employee.Moved]
	}
	switch {
	case v.Progress != nil && v.Progress.Cancelled:
		return fmt.Errorf("%s was cancelled before everybody was dealt with", v.WorkflowID)
	case v.Failure != "":
		return fmt.Errorf("%s failed", v.WorkflowID)
	case failed > 0:
		return fmt.Errorf("%s of %s failed", people(failed), v.WorkflowID)
	default:
		return nil
	}
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}

// printEnd prints how a run ended.
func printEnd(w io.Writer, v dispatch.BulkView) {
	p := v.Progress
	switch {
	case p == nil:
		fmt.Fprintf(w, "%s failed: %s.\n", v.WorkflowID, strings.TrimSuffix(v.Failure, "."))
		return
	case p.Cancelled:
		fmt.Fprintf(w, "%s was cancelled: %d of %d people were dealt with", v.WorkflowID, p.Done, p.Total)
		if p.Running > 0 {
			fmt.Fprintf(w, ", %d still run", p.Running)
		}
		fmt.Fprintln(w, ".")
	case v.Failure != "":
		fmt.Fprintf(w, "%s failed: %s. %d of %d people were dealt with.\n", v.WorkflowID, strings.TrimSuffix(v.Failure, "."), p.Done, p.Total)
	case p.Total == 0:
		fmt.Fprintf(w, "%s is done: nobody was out of line.\n", v.WorkflowID)
	default:
		fmt.Fprintf(w, "%s is done: %d of %d people were dealt with.\n", v.WorkflowID, p.Done, p.Total)
	}
	printTotals(w, *p)
	printOutcomes(w, *p)
	printRepaired(w, p.Repaired)
	printFailures(w, *p)
	printUnseen(w, p.Unseen)
}

// printTotals prints what was read, and how long it all took.
func printTotals(w io.Writer, p workflows.BulkProgress) {
	var parts []string
	if p.Employees > 0 || p.Users > 0 {
		parts = append(parts, fmt.Sprintf("Bob shows %d people, OneLogin %d users", p.Employees, p.Users))
	}
	if !p.EndedAt.IsZero() {
		parts = append(parts, "it took "+span(p.EndedAt.Sub(p.StartedAt)))
	}
	if p.PerMinute > 0 && !p.DryRun {
		parts = append(parts, rate(p.PerMinute)+" people a minute")
	}
	if p.Settings != "" {
		parts = append(parts, "settings "+p.Settings)
	}
	if len(parts) > 0 {
		fmt.Fprintln(w, strings.ToUpper(parts[0][:1])+strings.Join(parts, "; ")[1:]+".")
	}
}

// printOutcomes prints a table of the counts.
func printOutcomes(w io.Writer, p workflows.BulkProgress) {
	outcomes := sortedOutcomes(p.Outcomes)
	if len(outcomes) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nOutcome\tPeople")
	for _, o := range outcomes {
		fmt.Fprintf(t, "%s\t%d\n", o, p.Outcomes[o])
		if o == employee.Skipped {
			for _, rule := range slices.Sorted(maps.Keys(p.SkippedFor)) {
				fmt.Fprintf(t, "\t\t%d: %s\n", p.SkippedFor[rule], rule)
			}
		}
	}
	_ = t.Flush() // the writer below is a terminal, a pipe or a buffer
}

// printRepaired prints who was out of line, and what was done about each.
func printRepaired(w io.Writer, r *workflows.BulkRepaired) {
	if r.People() == 0 {
		return
	}
	fmt.Fprintf(w, "\nDrift repaired, %s:\n", people(r.People()))
	for _, person := range r.First {
		fmt.Fprintf(w, "  %s  %s\n", person.EmployeeID, person)
	}
	if r.Omitted > 0 {
		fmt.Fprintf(w, "  and %d more; the workflow of each, employee/<Bob id>, has the result\n", r.Omitted)
	}
}

// printUnseen prints who can log in though Bob does not show them, and what is
// to be done where one was deleted.
func printUnseen(w io.Writer, u *activities.Unseen) {
	if u == nil {
		return
	}
	fmt.Fprintf(w, "\nBob does not show %s who can log in, so that nothing is done about them. Look whether the service user may see them. Who was deleted from Bob is suspended by `starter sync <Bob id> --event employee.deleted`:\n", people(u.Users))
	for _, user := range u.First {
		fmt.Fprintf(w, "  %s  OneLogin user %d\n", user.EmployeeID, user.OneLoginID)
	}
	if more := u.Users - len(u.First); more > 0 {
		fmt.Fprintf(w, "  and %d more\n", more)
	}
}

// printFailures prints whom somebody has to look at.
func printFailures(w io.Writer, p workflows.BulkProgress) {
	if len(p.Failures) == 0 {
		return
	}
	fmt.Fprintln(w, "\nThese need somebody:")
	for _, f := range p.Failures {
		fmt.Fprintf(w, "  %s  %s: %s\n", f.EmployeeID, f.Outcome, f.Reason)
		if f.WorkflowID != "" {
			fmt.Fprintf(w, "  %s  workflow %s\n", strings.Repeat(" ", len(f.EmployeeID)), f.WorkflowID)
		}
	}
	if p.FailuresOmitted > 0 {
		fmt.Fprintf(w, "  and %d more; in the web UI, filter by SyncState = \"Failed\" or \"Held\"\n", p.FailuresOmitted)
	}
}

// tablePeople is how many people the table of a dry run shows.
const tablePeople = 50

// reportPlan prints what a dry run found, and writes the files asked for.
func (b *bulk) reportPlan(ctx context.Context, v dispatch.BulkView) error {
	p := *v.Progress
	plan, err := b.plan(ctx, v)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%s. Nothing was written.\n", plan.Summary())
	printTotals(b.out, p)
	if p.Brake != nil && p.Brake.Planned > 0 {
		fmt.Fprintf(b.out, "The suspension brake: %s.\n", p.Brake)
	}
	printOutcomes(b.out, p)
	printFailures(b.out, p)
	printUnseen(b.out, p.Unseen)
	if len(b.command.Output) == 0 {
		printPlan(b.out, plan.People, b.command.Values, v.WorkflowID)
		return nil
	}
	for _, path := range b.command.Output {
		if err := savePlan(path, plan); err != nil {
			return err
		}
		fmt.Fprintf(b.out, "\nWrote %s: %s. It holds their data, and only you may read it.\n", path, people(len(plan.People)))
	}
	return nil
}

// plan fetches the whole plan of a dry run that has ended.
func (b *bulk) plan(ctx context.Context, v dispatch.BulkView) (planFile, error) {
	var entries []workflows.PlanEntry
	for page := range v.Progress.PlanPages {
		got, err := b.Plan(ctx, v.WorkflowID, v.RunID, page)
		switch {
		case errors.Is(err, dispatch.ErrNoAnswer):
			return planFile{}, noWorker()
		case err != nil:
			return planFile{}, err
		case got.Pages != v.Progress.PlanPages:
			return planFile{}, fmt.Errorf("the plan of %s cannot be had whole: another dry run has begun under the same ID; make a new plan", v.WorkflowID)
		}
		entries = append(entries, got.Entries...)
	}
	return newPlan(b.namespace, v, entries), nil
}

// printPlan prints a line a person: attributes by name, or with their values.
func printPlan(w io.Writer, plan []planPerson, values bool, workflowID string) {
	if len(plan) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "Employee\tOneLogin user\tWould be\tAttributes")
	for _, person := range plan[:min(len(plan), tablePeople)] {
		user := "none"
		if person.OneLoginID != 0 {
			user = fmt.Sprint(person.OneLoginID)
		}
		var changes []string
		for _, c := range person.Changes {
			if values {
				changes = append(changes, fmt.Sprintf("%s: %s → %s", c.Attribute, quoted(c.Attribute, c.Old), quoted(c.Attribute, c.New)))
			} else {
				changes = append(changes, c.Attribute)
			}
		}
		what := strings.Join(changes, ", ")
		if what == "" {
			what = "(" + person.Reason + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", person.EmployeeID, user, person.Outcome, what)
	}
	_ = t.Flush() // the writer below is a terminal, a pipe or a buffer
	if more := len(plan) - tablePeople; more > 0 {
		fmt.Fprintf(w, "… and %d more.\n", more)
	}
	fmt.Fprintf(w, "\n`starter bulk --run %s --output plan.html` writes all of it to read, `--output plan.json` to apply.\n", workflowID)
}

// quoted shows a value so that nothing in it acts on the terminal.
func quoted(attribute string, value *string) string {
	if value == nil {
		return "(none)"
	}
	if meaning := meaningOf(attribute, *value); meaning != "" {
		return *value + " (" + meaning + ")"
	}
	return fmt.Sprintf("%q", *value)
}
