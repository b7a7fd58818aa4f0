package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"go.temporal.io/api/serviceerror"
	"golang.org/x/term"

	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/workflows"
)

// pace is how often a run is looked at.
type pace struct {
	look time.Duration
	// lines is how far apart plain lines are at least.
	lines time.Duration
	// patience is how long nobody may answer.
	patience time.Duration
}

var defaultPace = pace{look: time.Second, lines: 10 * time.Second, patience: time.Minute}

// exitInterrupted is the exit code of a command that Ctrl-C has ended.
const exitInterrupted = 130

// watch shows a run's progress until it ends. Where ctx ends first, the run
// goes on.
func (b *bulk) watch(ctx context.Context, run dispatch.BulkRun) (dispatch.BulkView, error) {
	s := b.screen()
	defer s.close()
	tick := time.NewTicker(b.pace.look)
	defer tick.Stop()
	answered := time.Now()
	for {
		view, err := b.Progress(ctx, run.WorkflowID, run.RunID)
		var gone *serviceerror.NotFound
		switch {
		case ctx.Err() != nil:
			s.close()
			return view, &exitError{exitInterrupted, fmt.Errorf("%s goes on without this command; `starter bulk --run %s` shows it again, `starter bulk --cancel --run %s` ends it",
				run.WorkflowID, run.WorkflowID, run.WorkflowID)}
		case err == nil && !view.Running:
			return view, nil
		case err == nil:
			answered = time.Now()
			run = view.BulkRun
			s.show(*view.Progress)
		case errors.As(err, &gone):
			return view, fmt.Errorf("the run %s is gone from the namespace", run.WorkflowID)
		case time.Since(answered) > b.pace.patience:
			return view, fmt.Errorf("nothing was heard of %s for %s, which %s; it goes on as soon as that is mended, and `starter bulk --run %s` shows it",
				run.WorkflowID, mapping.SpellDuration(b.pace.patience), trouble(err), run.WorkflowID)
		default:
			s.note(run.WorkflowID + " " + trouble(err) + "; asking again")
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// trouble says why nothing is heard of a run.
func trouble(err error) string {
	if errors.Is(err, dispatch.ErrNoAnswer) {
		return "has no worker that answers: none polls the task queue " + workflows.TaskQueue
	}
	return "could not be asked: " + err.Error()
}

// screen is where progress is shown.
type screen interface {
	show(p workflows.BulkProgress)
	note(text string)
	close()
}

func (b *bulk) screen() screen {
	if b.terminal {
		return &barScreen{out: b.err}
	}
	return &lineScreen{out: b.err, every: b.pace.lines, now: time.Now}
}

// lineScreen writes a line when something has changed, and not too often.
type lineScreen struct {
	out   io.Writer
	every time.Duration
	now   func() time.Time
	last  string
	at    time.Time
}

func (s *lineScreen) show(p workflows.BulkProgress) { s.note(standing(p, s.now())) }

func (s *lineScreen) note(text string) {
	now := s.now()
	if text == s.last || now.Sub(s.at) < s.every {
		return
	}
	s.last, s.at = text, now
	fmt.Fprintf(s.out, "%s %s\n", now.UTC().Format("15:04:05"), text)
}

func (s *lineScreen) close() {}

// barScreen draws a bar on a terminal.
type barScreen struct {
	out io.Writer
	bar *progressbar.ProgressBar
	// total is what the bar was made for; 0 is a bar without an end.
	total int
}

const (
	barWidth = 24
	// barRest is what the bar's line has besides bar and text.
	barRest = len(" 100% || ") + 2
)

func (s *barScreen) show(p workflows.BulkProgress) {
	total := p.Total
	if p.Phase == workflows.BulkReading {
		total = 0
	}
	if s.bar == nil || s.total != total {
		s.renew(total)
	}
	if total > 0 {
		// A bar that is full is drawn no more, and the run is not over yet.
		_ = s.bar.Set(min(p.Done*barScale, total*barScale-1))
	}
	s.describe(standing(p, time.Now()))
}

// barScale keeps a run that is not over below a hundred per cent.
const barScale = 1000

func (s *barScreen) renew(total int) {
	s.close()
	s.total = total
	options := []progressbar.Option{
		progressbar.OptionSetWriter(s.out), progressbar.OptionSetWidth(barWidth), progressbar.OptionUseANSICodes(true),
		progressbar.OptionShowDescriptionAtLineEnd(), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false),
		progressbar.OptionClearOnFinish(), progressbar.OptionSpinnerType(14),
		// Else a bar without an end draws itself for ever, whatever follows it.
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░", BarStart: "", BarEnd: ""}),
	}
	if total == 0 {
		s.bar = progressbar.NewOptions(-1, options...)
		return
	}
	s.bar = progressbar.NewOptions(total*barScale, options...)
}

func (s *barScreen) note(text string) {
	if s.bar == nil {
		s.renew(0)
	}
	s.describe(text)
}

// describe writes the text beside the bar, as far as the line goes.
func (s *barScreen) describe(text string) {
	s.bar.Describe(cut(text, columns(s.out)-barWidth-barRest))
}

// close leaves an empty line to write on.
func (s *barScreen) close() {
	if s.bar == nil {
		return
	}
	s.bar = nil
	fmt.Fprint(s.out, "\r\x1b[2K")
}

// columns is the width of the terminal.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}

// cut shortens a line to so many characters.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:max(width-1, 0)]) + "…"
}

// standing tells in one line how far a run is: what matters most comes first,
// because lines are cut.
func standing(p workflows.BulkProgress, now time.Time) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch {
	case p.Phase == workflows.BulkReading:
		add("reading Bob and OneLogin")
	case p.Total == 0 && p.Phase != workflows.BulkStopping:
		add("everybody is in line")
	default:
		add("%d of %d people", p.Done, p.Total)
	}
	switch p.Phase {
	case workflows.BulkLinking:
		add("linking managers")
	case workflows.BulkStopping:
		add("stopping, %d still running", p.Running)
	}
	switch {
	case p.Paused:
		add("paused")
	case p.Waiting != "":
		add("%s", p.Waiting)
	}
	if !p.EndsAt.IsZero() {
		add("about %s left", span(p.EndsAt.Sub(now)))
	}
	if p.PerMinute > 0 {
		add("%s a minute", rate(p.PerMinute))
	}
	for _, o := range sortedOutcomes(p.Outcomes) {
		add("%d %s", p.Outcomes[o], o)
	}
	return strings.Join(parts, ", ")
}

// outcomeOrder is the order in which outcomes are told.
var outcomeOrder = []employee.Outcome{
	employee.Failed, employee.Moved, employee.Held, employee.Created, employee.Updated, employee.Renamed, employee.Relinked,
	employee.Reactivated, employee.Suspended, employee.Scheduled, workflows.Signalled, employee.Unchanged, employee.Skipped,
}

// sortedOutcomes are the outcomes that somebody has, in their order; any that
// a newer worker may have stand at the end.
func sortedOutcomes(counts map[employee.Outcome]int) []employee.Outcome {
	var out []employee.Outcome
	for _, o := range outcomeOrder {
		if counts[o] > 0 {
			out = append(out, o)
		}
	}
	var others []employee.Outcome
	for o, n := range counts {
		if n > 0 && !slices.Contains(outcomeOrder, o) {
			others = append(others, o)
		}
	}
	slices.Sort(others)
	return append(out, others...)
}

// writes reports whether an outcome is a change in OneLogin.
func writes(o employee.Outcome) bool {
	switch o {
	case employee.Failed, employee.Moved, employee.Held, employee.Scheduled, employee.Unchanged, employee.Skipped, workflows.Signalled:
		return false
	default:
		return true
	}
}

// span writes a duration as coarsely as people want it.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

// rate keeps a slow rate from reading as none.
func rate(perMinute float64) string {
	if perMinute < 10 {
		return fmt.Sprintf("%.1f", perMinute)
	}
	return fmt.Sprintf("%.0f", perMinute)
}
