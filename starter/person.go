package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/clients"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/connect"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

type syncCommand struct {
	Person  string        `arg:"" name:"id|email" help:"Bob employee id, or e-mail address."`
	Brief   bool          `help:"Print what was done alone, without what was found and decided."`
	Event   string        `placeholder:"TYPE" help:"Deliver an event of Bob's first that was lost, such as employee.deleted or employee.access.revoked.immediately."`
	Timeout time.Duration `default:"30s" help:"How long to wait for the answer. The synchronisation goes on without it."`
}

// Run synchronises one person through the person's workflow. Where this process
// has the credentials, it explains the person first.
func (c syncCommand) Run(ctx context.Context, cfg config.Starter) error {
	event := employee.EventType(c.Event)
	if c.Event != "" && !slices.Contains(employee.BobEvents(), event) {
		return fmt.Errorf("--event: Bob has no event %q; use one of %v", c.Event, employee.BobEvents())
	}
	id, err := resolve(ctx, cfg, c.Person)
	if err != nil {
		return err
	}
	d, done, err := connected(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	if c.Event == "" {
		c.explain(ctx, cfg, id) // which knows of no event
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	if c.Event != "" {
		if err := d.Signal(ctx, id, employee.Event{Type: event, ReceivedAt: time.Now()}); err != nil {
			return err
		}
	}
	result, err := d.SyncNow(ctx, id)
	var failed *temporal.ApplicationError
	switch {
	case errors.Is(err, dispatch.ErrNoAnswer):
		return fmt.Errorf("no answer within %s: either no worker polls the task queue %s (start one), or Bob or OneLogin keep the workflow %s waiting (see `starter status %s`); ask again after that",
			c.Timeout, workflows.TaskQueue, workflows.EmployeeWorkflowID(id), id)
	case errors.As(err, &failed):
		return errors.New(failed.Message())
	case err != nil:
		return err
	}
	fmt.Fprintln(os.Stdout, "Done")
	return printResult(os.Stdout, result)
}

// explain prints what is found and decided, before it is done. It needs
// credentials that the synchronisation itself can do without.
func (c syncCommand) explain(ctx context.Context, cfg config.Starter, id string) {
	if c.Brief || errors.Join(cfg.ValidateBob(), cfg.ValidateOneLogin()) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	e, err := explainPerson(ctx, cfg, id)
	if err == nil {
		err = printExplanation(os.Stdout, e)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "starter: the person could not be explained: %v\n", err)
	}
	fmt.Fprintln(os.Stdout)
}

type statusCommand struct {
	ID string `arg:"" name:"id" help:"Bob employee id."`
}

// Run asks one employee's workflow where it stands.
func (c statusCommand) Run(ctx context.Context, cfg config.Starter) error {
	if !bob.IsEmployeeID(c.ID) {
		return fmt.Errorf("%q is not a Bob employee id, which is a number of about 19 digits", c.ID)
	}
	d, done, err := connected(ctx, cfg)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	view, err := d.Status(ctx, c.ID)
	var none *serviceerror.NotFound
	switch {
	case errors.As(err, &none):
		return fmt.Errorf("there is no workflow %s: no event of this employee has come within the namespace's retention; `starter sync %s` starts one",
			workflows.EmployeeWorkflowID(c.ID), c.ID)
	case ctx.Err() != nil:
		return fmt.Errorf("no answer in time: a query needs a worker that polls the task queue %s", workflows.TaskQueue)
	case err != nil:
		return err
	}
	return printStatus(os.Stdout, view)
}

// connected returns a dispatcher, and what closes its connection.
func connected(ctx context.Context, cfg config.Starter) (*dispatch.Dispatcher, func(), error) {
	c, namespace, err := connect.Temporal(ctx, cfg.Payloads.Keys.Ring(), zap.NewNop())
	if err != nil {
		return nil, nil, err
	}
	return dispatch.New(c, namespace), c.Close, nil
}

var (
	errNoPerson = errors.New("give a Bob employee id (a number of about 19 digits) or an e-mail address")
	errNobody   = errors.New("nobody with that e-mail address is shown by Bob; check it, and that the service user may see the person")
)

// resolve returns the Bob id of a person given by id or address. Only an
// address needs Bob to be asked.
func resolve(ctx context.Context, cfg config.Starter, person string) (string, error) {
	if bob.IsEmployeeID(person) {
		return person, nil
	}
	if !strings.Contains(person, "@") {
		return "", errNoPerson
	}
	if err := cfg.ValidateBob(); err != nil {
		return "", fmt.Errorf("an address is looked up in Bob, which needs credentials; or give the employee id: %w", err)
	}
	c, err := clients.Bob(cfg.Bob, nil)
	if err != nil {
		return "", err
	}
	r, err := c.Person(ctx, person, nil)
	var unknown *bob.NotFoundError
	if errors.As(err, &unknown) {
		return "", errNobody
	}
	return r.ID, err
}

func printResult(w io.Writer, r workflows.Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	row("Employee", r.EmployeeID)
	row("Outcome", string(r.Outcome))
	row("Reason", r.Reason)
	if r.OneLoginID != 0 {
		row("OneLogin user", fmt.Sprint(r.OneLoginID))
	}
	row("Attributes written", strings.Join(r.Changed, ", "))
	if !r.DueAt.IsZero() {
		row("Next look", when(r.DueAt, r.Zone))
	}
	row("Settings", r.Settings)
	for _, note := range r.Notes {
		row("Note", note)
	}
	return t.Flush()
}

func printStatus(w io.Writer, v workflows.StatusView) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "Employee\t%s\n", v.EmployeeID)
	if v.Name != "" {
		fmt.Fprintf(t, "Name\t%s\n", v.Name)
	}
	fmt.Fprintf(t, "State\t%s since %s\n", v.State, when(v.Since, ""))
	fmt.Fprintf(t, "Reason\t%s\n", v.Reason)
	if !v.DueAt.IsZero() {
		fmt.Fprintf(t, "Due\t%s (%s)\n", when(v.DueAt, v.Zone), v.DueFor)
	}
	if !v.LastRead.IsZero() {
		fmt.Fprintf(t, "Bob read\t%s\n", when(v.LastRead, ""))
	}
	if v.PendingEvents > 0 {
		fmt.Fprintf(t, "Events not yet read\t%d\n", v.PendingEvents)
	}
	if v.Revoked {
		fmt.Fprintf(t, "Revocation\tin force until Bob says inactive or activates the person\n")
	}
	if v.AwaitedBy > 0 {
		fmt.Fprintf(t, "Waiting reports\t%d\n", v.AwaitedBy)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if v.LastOutcome == nil {
		return nil
	}
	fmt.Fprintln(w, "\nLast outcome")
	return printResult(w, *v.LastOutcome)
}

// when writes a moment in a zone, or in UTC.
func when(t time.Time, zone string) string {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	return t.In(loc).Format("Mon 2 Jan 2006 15:04:05 MST")
}
