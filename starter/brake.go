package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/workflows"
)

// brakeCommand looks at the suspension brake, and decides.
type brakeCommand struct {
	Show    brakeShow    `cmd:"" default:"withargs" help:"Show how many were suspended within the window, and who is held."`
	Approve brakeApprove `cmd:"" help:"Let people be suspended who are held. Each is read from Bob once more before that."`
	Reject  brakeReject  `cmd:"" help:"Suspend nobody of these people. If Bob tells anew that they leave, they are held again."`
}

type brakeShow struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// brakePeople says of whom is decided.
type brakePeople struct {
	IDs []string `arg:"" optional:"" name:"id" help:"Bob employee ids, as show lists them."`
	All bool     `help:"Everybody who is held at this moment."`
	Yes bool     `help:"With --all: do not ask."`
}

type (
	brakeApprove struct{ brakePeople }
	brakeReject  struct{ brakePeople }
)

// braker is one use of the command.
type braker struct {
	*dispatch.Dispatcher
	console
}

func newBraker(ctx context.Context, cfg config.Starter) (*braker, func(), error) {
	d, done, err := connected(ctx, cfg)
	return &braker{Dispatcher: d, console: standardConsole()}, done, err
}

// Run shows where the brake stands.
func (c brakeShow) Run(ctx context.Context, cfg config.Starter) error {
	b, done, err := newBraker(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	return b.show(ctx, c.JSON)
}

// Run approves.
func (c brakeApprove) Run(ctx context.Context, cfg config.Starter) error {
	return c.decide(ctx, cfg, approval)
}

// Run rejects.
func (c brakeReject) Run(ctx context.Context, cfg config.Starter) error {
	return c.decide(ctx, cfg, rejection)
}

func (c brakePeople) check() error {
	if c.All == (len(c.IDs) > 0) {
		return errors.New("give the ids of people, as `starter brake show` lists them, or --all")
	}
	for _, id := range c.IDs {
		if !bob.IsEmployeeID(id) {
			return fmt.Errorf("%q is not a Bob employee id, which is a number of about 19 digits", id)
		}
	}
	return nil
}

func (c brakePeople) decide(ctx context.Context, cfg config.Starter, v brakeVerb) error {
	if err := c.check(); err != nil {
		return err
	}
	b, done, err := newBraker(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	return b.decide(ctx, c, v)
}

// brakeVerb is one of the two decisions.
type brakeVerb struct {
	do func(*dispatch.Dispatcher, context.Context, brake.Decision) (brake.Decided, error)
	// question is asked about a number of people, and done said of them.
	question, done string
}

var (
	approval = brakeVerb{
		(*dispatch.Dispatcher).ApproveSuspensions, "Suspend %s?",
		"Approved: %s. Each is read from Bob once more, and suspended if that says so.",
	}
	rejection = brakeVerb{
		(*dispatch.Dispatcher).RejectSuspensions, "Suspend none of %s?",
		"Rejected: %s. They can log in. If Bob tells anew that they leave, they are held again; `starter brake approve` takes it back.",
	}
)

// decide decides about the people whom whoever decides has seen: who is held
// while the question is on the screen is not among them.
func (b *braker) decide(ctx context.Context, c brakePeople, v brakeVerb) error {
	d := brake.Decision{EmployeeIDs: c.IDs, All: c.All}
	if c.All {
		view, err := b.view(ctx, 1)
		switch {
		case err != nil:
			return err
		case view.Held == 0:
			b.say("Nobody is held.")
			return nil
		case b.asks && !c.Yes && !b.confirm(ctx, fmt.Sprintf(v.question, people(view.Held))):
			return errors.New("nothing was decided")
		}
		d.Until = cmp.Or(view.Newest, view.At)
	}
	out, err := v.do(b.Dispatcher, ctx, d)
	switch {
	case errors.Is(err, dispatch.ErrNoAnswer):
		return noWorker()
	case err != nil:
		return err
	}
	if out.People > 0 {
		fmt.Fprintf(b.out, v.done+"\n", people(out.People))
	}
	if out.Held > 0 {
		fmt.Fprintf(b.out, "Still held: %s. `starter brake show` lists them.\n", people(out.Held))
	}
	if len(out.NotHeld) > 0 {
		return fmt.Errorf("neither held nor decided about: %s; they may have come back, be suspended already, or the list may be full", strings.Join(out.NotHeld, ", "))
	}
	return nil
}

func (b *braker) view(ctx context.Context, most int) (brake.View, error) {
	view, err := b.Brake(ctx, most)
	if errors.Is(err, dispatch.ErrNoAnswer) {
		return view, noWorker()
	}
	return view, err
}

func (b *braker) show(ctx context.Context, asJSON bool) error {
	view, err := b.view(ctx, 0)
	if err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(b.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(view)
	}
	return printBrake(b.out, view)
}

// printBrake writes where the brake stands, and who is held.
func printBrake(w io.Writer, v brake.View) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if v.Settings.Window == 0 {
		fmt.Fprintln(t, "The suspension brake has not been asked yet: nobody was suspended, and nobody is held.")
		return t.Flush()
	}
	fmt.Fprintf(t, "Suspensions within %s\t%d of %d\n", mapping.SpellDuration(v.Settings.Window), v.Used, v.Limit)
	if v.CountedAt.IsZero() {
		fmt.Fprintf(t, "Linked active users\tnot counted of late: at_least holds\n")
	} else {
		fmt.Fprintf(t, "Linked active users\t%d, counted %s\n", v.Linked, when(v.CountedAt, ""))
	}
	if !v.FreeAt.IsZero() {
		fmt.Fprintf(t, "Next place free\t%s\n", when(v.FreeAt, ""))
	}
	if v.Approved > 0 {
		fmt.Fprintf(t, "Approved, not suspended yet\t%d\n", v.Approved)
	}
	if v.Rejected > 0 {
		fmt.Fprintf(t, "Rejected\t%d\n", v.Rejected)
	}
	fmt.Fprintf(t, "Held\t%d\n", v.Held)
	printPeople(t, "Approved", v.ApprovedPeople, v.Approved)
	printPeople(t, "Rejected", v.RejectedPeople, v.Rejected)
	printPeople(t, "Held", v.People, v.Held)
	if v.Held == 0 {
		return t.Flush()
	}
	if !v.FullAt.IsZero() {
		fmt.Fprintf(t, "\nAt %s more people were held than can be listed; they ask again by themselves.\n", when(v.FullAt, ""))
	}
	fmt.Fprintf(t, "\nThose held have left, and can still log in. Look whether they have really left, with\n`starter explain ID`; then `starter brake approve ID …` or `--all`, or `starter brake reject`.\n")
	return t.Flush()
}

// printPeople lists the first of so many people.
func printPeople(w io.Writer, title string, listed []brake.Person, all int) {
	if all == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\tOneLogin user\tSince\tWorkflow\n", title)
	for _, p := range listed {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", p.EmployeeID, p.UserID, when(p.Since, ""), workflows.EmployeeWorkflowID(p.EmployeeID))
	}
	if more := all - len(listed); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
}
