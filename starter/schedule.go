package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"

	"bob-onelogin/internal/config"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
)

// leastEvery keeps a Schedule from reading everybody all the time.
const leastEvery = 15 * time.Minute

type scheduleCommand struct {
	Every      time.Duration `xor:"what" placeholder:"24h" help:"Create the Schedule, or change it: how often, counted from midnight UTC."`
	Jitter     time.Duration `default:"10m" help:"How much later each run may begin, by chance."`
	ReportOnly bool          `help:"A Schedule of its own of dry runs, which write nothing and report what has drifted."`
	Delete     bool          `xor:"what" help:"Delete the Schedule. A run under way goes on."`
}

func (c scheduleCommand) check() error {
	switch {
	case c.Every != 0 && c.Every < leastEvery:
		return fmt.Errorf("--every: a bulk run reads everybody, so at least %s", leastEvery)
	case c.Jitter < 0 || (c.Every != 0 && c.Jitter >= c.Every):
		return errors.New("--jitter: must be shorter than --every")
	default:
		return nil
	}
}

// Run shows, sets or deletes a Schedule.
func (c scheduleCommand) Run(ctx context.Context, cfg config.Starter) error {
	if err := c.check(); err != nil {
		return err
	}
	d, done, err := connected(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	s := &scheduler{Dispatcher: d, console: standardConsole()}
	switch {
	case c.Delete:
		return s.remove(ctx, c.ReportOnly)
	case c.Every != 0:
		return s.set(ctx, dispatch.BulkSchedule{ReportOnly: c.ReportOnly, Every: c.Every, Jitter: c.Jitter})
	case c.ReportOnly:
		return s.show(ctx, true)
	default:
		return s.show(ctx, false, true)
	}
}

// scheduler is one use of the command.
type scheduler struct {
	*dispatch.Dispatcher
	console
}

func (s *scheduler) set(ctx context.Context, wanted dispatch.BulkSchedule) error {
	created, err := s.ScheduleBulk(ctx, wanted)
	if err != nil {
		return err
	}
	what := "Changed"
	if created {
		what = "Created"
	}
	fmt.Fprintf(s.out, "%s schedule %s.\n", what, wanted.ID())
	return s.show(ctx, wanted.ReportOnly)
}

func (s *scheduler) remove(ctx context.Context, reportOnly bool) error {
	there, err := s.UnscheduleBulk(ctx, reportOnly)
	if err != nil {
		return err
	}
	id := dispatch.BulkSchedule{ReportOnly: reportOnly}.ID()
	if there {
		fmt.Fprintf(s.out, "Deleted schedule %s. A run under way goes on.\n", id)
	} else {
		fmt.Fprintf(s.out, "There is no schedule %s.\n", id)
	}
	return nil
}

// show prints the Schedules that there are.
func (s *scheduler) show(ctx context.Context, reportOnly ...bool) error {
	for _, kind := range reportOnly {
		present, there, err := s.Scheduled(ctx, kind)
		switch {
		case err != nil:
			return err
		case !there && kind:
			fmt.Fprintln(s.out, "No dry runs are scheduled; `starter schedule --report-only --every 24h` does so.")
			continue
		case !there:
			fmt.Fprintln(s.out, "No bulk runs are scheduled; `starter schedule --every 24h` does so.")
			continue
		}
		if err := s.print(ctx, present); err != nil {
			return err
		}
	}
	return nil
}

func (s *scheduler) print(ctx context.Context, p dispatch.BulkSchedule) error {
	what := "bulk runs"
	if p.ReportOnly {
		what = "dry runs, which write nothing"
	}
	often := "by a calendar of its own"
	if p.Every != 0 {
		often = "every " + mapping.SpellDuration(p.Every)
	}
	if p.Jitter != 0 {
		often += ", up to " + mapping.SpellDuration(p.Jitter) + " later"
	}
	fmt.Fprintf(s.out, "%s: %s, %s.\n", p.ID(), what, often)
	switch {
	case p.Paused && p.Note != "":
		fmt.Fprintf(s.out, "  It is paused: %s\n", p.Note)
	case p.Paused:
		fmt.Fprintln(s.out, "  It is paused.")
	default:
		for i, next := range p.Next[:min(len(p.Next), 3)] {
			fmt.Fprintf(s.out, "  %s %s\n", [...]string{"Next:", "then ", "then "}[i], when(next, ""))
		}
	}
	last, err := s.last(ctx, p)
	if err != nil || last == "" {
		return err
	}
	fmt.Fprintf(s.out, "  Last: %s\n", last)
	return nil
}

// last tells in a sentence what the newest run of a Schedule came to.
func (s *scheduler) last(ctx context.Context, p dispatch.BulkSchedule) (string, error) {
	if p.LastID == "" {
		return "", nil
	}
	view, err := s.Progress(ctx, p.LastID, p.LastRunID)
	var gone *serviceerror.NotFound
	switch {
	case errors.As(err, &gone):
		return p.LastID + ", whose result is gone from the namespace", nil
	case errors.Is(err, dispatch.ErrNoAnswer):
		return p.LastID + " is running, and no worker answers for it", nil
	case err != nil:
		return "", err
	case view.Running:
		return p.LastID + " is running: " + standing(*view.Progress, time.Now()), nil
	case view.Failure != "":
		return p.LastID + " failed: " + view.Failure, nil
	case view.Progress.DryRun:
		return p.LastID + " found " + drift(view.Progress.Outcomes) + fmt.Sprintf(" (`starter bulk --run %s` shows who)", p.LastID), nil
	default:
		return p.LastID + " is done: " + standing(*view.Progress, time.Now()), nil
	}
}

// drift tells what a dry run found out of line.
func drift(counts map[employee.Outcome]int) string {
	total := 0
	var parts []string
	for _, o := range sortedOutcomes(counts) {
		if writes(o) || o == employee.Failed {
			total += counts[o]
			parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
		}
	}
	if total == 0 {
		return "everybody in line"
	}
	return people(total) + " out of line, who would be: " + strings.Join(parts, ", ")
}
