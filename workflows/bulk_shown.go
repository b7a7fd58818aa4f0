package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"bob-onelogin/internal/employee"
)

// tick adds the time since the last look to the time in which people were
// dealt with, unless something was waited for.
func (b *bulkSync) tick(ctx workflow.Context) {
	now := workflow.Now(ctx)
	if b.Progress.Waiting == "" && b.Progress.Phase != BulkReading {
		b.Busy += now.Sub(b.ticked)
	}
	b.ticked = now
}

// progress answers the query, and is the result. The maps are copies: what is
// answered must not change while it is encoded.
func (b *bulkSync) progress(ctx workflow.Context) BulkProgress {
	p := b.Progress
	p.Running = len(b.children) + len(b.Adrift)
	p.Outcomes, p.SkippedFor = maps.Clone(p.Outcomes), maps.Clone(p.SkippedFor)
	p.Repaired, p.Failures = p.Repaired.clone(), slices.Clone(p.Failures)
	if minutes := b.Busy.Minutes(); minutes > 0 && p.Done > 0 {
		p.PerMinute = float64(p.Done) / minutes
	}
	if left := p.Total - p.Done; left > 0 && p.PerMinute > 0 && p.EndedAt.IsZero() && p.Waiting == "" {
		p.EndsAt = workflow.Now(ctx).Add(time.Duration(float64(left) / p.PerMinute * float64(time.Minute)))
	}
	return p
}

// outcomeOrder is the order in which outcomes are told.
var outcomeOrder = []employee.Outcome{
	employee.Created, employee.Updated, employee.Renamed, employee.Relinked, employee.Reactivated, employee.Suspended,
	employee.Scheduled, Signalled, employee.Unchanged, employee.Skipped, employee.Held, employee.Moved, employee.Failed,
}

// describe writes the current details that the web UI shows.
func (b *bulkSync) describe(ctx workflow.Context) {
	p := b.progress(ctx)
	var s strings.Builder
	write := func(format string, args ...any) { s.WriteString(fmt.Sprintf(format, args...)) }
	title := "Bulk run"
	if p.DryRun {
		title = "Dry run, which writes nothing"
	}
	write("**%s: %s**", title, p.Phase)
	if p.Waiting != "" {
		write(", %s", p.Waiting)
	}
	write("\n\n")
	if p.Phase == BulkReading {
		write("Everybody is read from Bob and OneLogin, and compared.\n")
	} else {
		write("Bob shows %d people, OneLogin %d users; %d were found out of line.\n", p.Employees, p.Users, p.Total)
		write("\n| | |\n|---|---|\n| Dealt with | %d of %d%s |\n", p.Done, p.Total, percent(p.Done, p.Total))
		if p.Running > 0 {
			write("| Running now | %d |\n", p.Running)
		}
		if p.PerMinute > 0 {
			write("| Rate | %.0f a minute |\n", p.PerMinute)
		}
		if !p.EndsAt.IsZero() {
			write("| Ends about | %s |\n", moment(p.EndsAt, "UTC"))
		}
		write("| *Everybody, those in line included* | |\n")
		for _, o := range outcomeOrder {
			if n := p.Outcomes[o]; n > 0 {
				write("| %s | %d |\n", o, n)
			}
		}
		if p.Budget != nil {
			write("| OneLogin's hour | %d calls left when last told, %d of them kept for live events |\n", *p.Budget, p.Reserve)
		}
		if p.Brake != nil && p.Brake.Planned > 0 {
			write("| Suspension brake | %s |\n", p.Brake)
		}
		write("| Settings | %s |\n", p.Settings)
	}
	if len(p.Failures) > 0 {
		write("\n| Bob id | Needs somebody |\n|---|---|\n")
		for _, f := range p.Failures {
			// A person whom nothing was started for has no workflow to name.
			write("| %s | %s: %s |\n", f.EmployeeID, f.Outcome, strings.ReplaceAll(f.Reason, "|", "\\|"))
		}
		if p.FailuresOmitted > 0 {
			write("| | and %d more |\n", p.FailuresOmitted)
		}
	}
	if u := p.Unseen; u != nil {
		write("\n| Bob id | Can log in, and Bob does not show them: %d |\n|---|---|\n", u.Users)
		for _, user := range u.First {
			write("| %s | OneLogin user %d |\n", user.EmployeeID, user.OneLoginID)
		}
		if more := u.Users - len(u.First); more > 0 {
			write("| | and %d more |\n", more)
		}
	}
	if r := p.Repaired; r != nil {
		write("\n| Bob id | Drift repaired: %d |\n|---|---|\n", r.People())
		for _, person := range r.First[:min(len(r.First), shownRepairs)] {
			write("| %s | %s |\n", person.EmployeeID, person)
		}
		if more := r.People() - shownRepairs; more > 0 {
			write("| | and %d more |\n", more)
		}
	}
	s.WriteString(DetailsEnd)
	workflow.SetCurrentDetails(ctx, s.String())
}

// shownRepairs bounds the people whom the current details list as repaired: the
// rest of what they say is not to be scrolled for.
const shownRepairs = 20

func percent(done, total int) string {
	if total == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d%%)", done*100/total)
}
