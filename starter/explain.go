package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.uber.org/zap"

	"bob-onelogin/activities"
	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/clients"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/internal/provisioning"
	"bob-onelogin/workflows"
)

type explainCommand struct {
	Person  string        `arg:"" optional:"" name:"id|email" help:"Bob employee id, or e-mail address."`
	Sample  bool          `help:"Explain a made-up person instead, without credentials: to try a mapping."`
	Set     []string      `placeholder:"FIELD=VALUE" sep:"none" help:"With --sample: what Bob says of a field; nothing after = is an empty field. Repeatable."`
	Absent  []string      `placeholder:"FIELD" help:"With --sample: a field that Bob does not show. Repeatable."`
	JSON    bool          `name:"json" help:"Print JSON."`
	Timeout time.Duration `default:"30s" help:"How long to wait for Bob and OneLogin."`
}

// Run explains one person, and writes nothing anywhere.
func (c explainCommand) Run(ctx context.Context, cfg config.Starter) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	var e activities.Explanation
	var err error
	switch {
	case c.Sample && c.Person != "":
		return errors.New("give a person or --sample, not both")
	case c.Sample:
		e, err = c.explainSample(ctx, cfg)
	case c.Person == "":
		return errors.New("give a Bob employee id, an e-mail address, or --sample")
	case len(c.Set)+len(c.Absent) > 0:
		return errors.New("--set and --absent are for --sample: a person's fields are Bob's to tell")
	default:
		e, err = explainPerson(ctx, cfg, c.Person)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(e)
	}
	return printExplanation(os.Stdout, e)
}

// explainPerson asks both sides about a person, and Temporal, where it can be
// reached, about what earlier synchronisations left. It needs no worker.
func explainPerson(ctx context.Context, cfg config.Starter, person string) (activities.Explanation, error) {
	if !bob.IsEmployeeID(person) && !strings.Contains(person, "@") {
		return activities.Explanation{}, errNoPerson
	}
	if err := errors.Join(cfg.ValidateBob(), cfg.ValidateOneLogin(), cfg.ValidateProvisioningFile()); err != nil {
		return activities.Explanation{}, err
	}
	bobClient, bobErr := clients.Bob(cfg.Bob, nil)
	oneLogin, oneErr := clients.OneLogin(cfg.OneLogin, nil)
	if err := errors.Join(bobErr, oneErr); err != nil {
		return activities.Explanation{}, err
	}
	file, err := provisioning.Open(ctx, cfg.ProvisioningFile, provisioning.Options{Log: zap.NewNop(), Fields: clients.Fields(bobClient)})
	if err != nil {
		return activities.Explanation{}, err
	}
	a := &activities.Activities{
		Bob: bobClient, OneLogin: oneLogin, Settings: file.Settings,
		SearchAttributes: func() bool { return false },
		Recall: func(context.Context, string) (activities.LastSync, error) {
			return activities.LastSync{}, errors.New("the Temporal server was not reached")
		},
	}
	d, done, err := connectedSoon(ctx, cfg)
	if err == nil {
		defer done()
		a.Recall = d.Recall
	}
	e, err := a.Explain(ctx, person)
	var unknown *bob.NotFoundError
	if errors.As(err, &unknown) {
		return e, errNobody
	}
	if err == nil && d != nil {
		e.Notes = append(e.Notes, running(ctx, d, e.EmployeeID)...)
		e.Notes = append(e.Notes, braked(ctx, d, file.Settings().Brake, e)...)
	}
	return e, err
}

// temporalPatience is how long a command waits for Temporal that can do
// without it.
const temporalPatience = 3 * time.Second

func connectedSoon(ctx context.Context, cfg config.Starter) (*dispatch.Dispatcher, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, temporalPatience)
	defer cancel()
	return connected(ctx, cfg)
}

// running tells what the person's own workflow knows and the two sides do not.
func running(ctx context.Context, d *dispatch.Dispatcher, id string) []string {
	ctx, cancel := context.WithTimeout(ctx, temporalPatience)
	defer cancel()
	view, err := d.Status(ctx, id)
	var none *serviceerror.NotFound
	switch {
	case errors.As(err, &none):
		return nil
	case err != nil:
		return []string{"What the person's workflow waits for could not be asked: that needs a worker that polls the task queue " + workflows.TaskQueue}
	case view.Revoked:
		return []string{"An immediate revocation is in force: nothing lifts this person's suspension until Bob says inactive or activates them"}
	case !view.DueAt.IsZero():
		return []string{fmt.Sprintf("The workflow %s waits: %s, %s", workflows.EmployeeWorkflowID(id), view.DueFor, when(view.DueAt, view.Zone))}
	default:
		return nil
	}
}

// braked tells what the suspension brake would say to a suspension, where it can
// be asked.
func braked(ctx context.Context, d *dispatch.Dispatcher, by brake.Settings, e activities.Explanation) []string {
	if !by.Enabled || e.Outcome != employee.Suspended {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, temporalPatience)
	defer cancel()
	view, err := d.Brake(ctx, 1)
	if err != nil {
		return []string{"Whether the suspension brake would let this pass could not be asked: that needs a worker that polls the task queue " + workflows.TaskQueue}
	}
	return brakeNote(view.Under(by, 0))
}

func brakeNote(v brake.View) []string {
	if v.Free() > 0 {
		return nil
	}
	return []string{fmt.Sprintf("The suspension brake would hold this, unless it is approved already: %d of %d within %s are used; `starter brake show`",
		v.Used, v.Limit, mapping.SpellDuration(v.Settings.Window))}
}

func (c explainCommand) explainSample(ctx context.Context, cfg config.Starter) (activities.Explanation, error) {
	if err := cfg.ValidateProvisioningFile(); err != nil {
		return activities.Explanation{}, err
	}
	file, err := provisioning.Open(ctx, cfg.ProvisioningFile, provisioning.Options{Log: zap.NewNop()})
	if err != nil {
		return activities.Explanation{}, err
	}
	settings := file.Settings()
	r, err := sampleRecord(settings, c.Set, c.Absent)
	if err != nil {
		return activities.Explanation{}, err
	}
	return activities.ExplainSample(settings, r), nil
}

// printExplanation writes an explanation as one screen.
func printExplanation(w io.Writer, e activities.Explanation) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "Employee\t%s\n", e.EmployeeID)
	if !e.Found {
		fmt.Fprintf(t, "In Bob\tnot shown\n")
	} else {
		fmt.Fprintf(t, "In scope\t%s\n", scopeWords(e))
		fmt.Fprintf(t, "Bob\t%s\n", e.Decision.Reason)
		if e.Decision.Zone != "" {
			fmt.Fprintf(t, "Zone\t%s\n", e.Decision.Zone)
		}
		if at := e.Decision.StartAt; !at.IsZero() {
			fmt.Fprintf(t, "Due\t%s\n", when(at, e.Decision.Zone))
		}
		if at := e.Decision.LeaveAt; !at.IsZero() {
			fmt.Fprintf(t, "Access ends\t%s\n", when(at, e.Decision.Zone))
		}
		fmt.Fprintf(t, "OneLogin\t%s\n", userWords(e))
		if e.Status.Rule != "" {
			fmt.Fprintf(t, "Status\t%s\n", statusWords(e.Status))
		}
	}
	outcome := string(e.Outcome)
	if e.Reason != e.Decision.Reason || !e.Found {
		outcome += ": " + e.Reason
	}
	fmt.Fprintf(t, "Outcome\t%s\n", outcome)
	fmt.Fprintf(t, "Settings\t%s\n", e.Settings)
	for _, note := range e.Notes {
		fmt.Fprintf(t, "Note\t%s\n", note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	printAttributes(w, e)
	return printFields(w, e)
}

func scopeWords(e activities.Explanation) string {
	switch {
	case e.InScope:
		return "yes"
	case e.Decision.OutOfScope:
		return "no: " + e.ScopeRule + "; the user that is linked to the person is suspended"
	default:
		return "no: " + e.ScopeRule
	}
}

func userWords(e activities.Explanation) string {
	if e.User == nil {
		switch e.Decision.Phase {
		case lifecycle.PhaseWait:
			return "not looked at before the person is due"
		case lifecycle.PhaseNone:
			return "not looked at"
		default:
			return "no user is this person's"
		}
	}
	by := map[string]string{
		"external_id": "linked by external_id", "address": "found by e-mail or username, linked to nobody",
		"relink": "found by e-mail or username, linked to a Bob id that is gone or inactive",
	}[e.MatchedBy]
	return fmt.Sprintf("user %d, %s; %s", e.User.ID, by, onelogin.Status(e.User.Status))
}

func statusWords(d lifecycle.StatusDecision) string {
	words := map[lifecycle.StatusAction]string{
		lifecycle.KeepStatus: "kept", lifecycle.Suspend: "suspended", lifecycle.Activate: "activated", lifecycle.HoldStatus: "held",
	}[d.Action]
	if words == "" {
		return d.Rule
	}
	return words + ": " + d.Rule
}

// printAttributes writes what OneLogin says beside what it would say.
func printAttributes(w io.Writer, e activities.Explanation) {
	if len(e.Attributes) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\tAttribute\tOneLogin says\tWould say\tFrom\n")
	written := 0
	for _, a := range e.Attributes {
		mark, would := " ", orDash(a.Attribute, a.New)
		switch {
		case a.Write:
			mark = "*"
			written++
		case e.User != nil:
			would = "same"
		}
		from := a.Source
		if a.Note != "" {
			from += " (" + a.Note + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", mark, a.Attribute, orDash(a.Attribute, a.Old), would, from)
	}
	_ = t.Flush()
	if written > 0 {
		fmt.Fprintln(w, "* would be written")
	}
}

func orDash(attribute string, v *string) string {
	if v == nil {
		return "-"
	}
	return shown(attribute, v)
}

// printFields writes what Bob said of the fields that were asked for. Those
// that it left out come first: they are what somebody has to mend.
func printFields(w io.Writer, e activities.Explanation) error {
	if !e.Found {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "Bob field\tSays\tNeeded by\n")
	for _, missing := range []bool{true, false} {
		for _, f := range e.Fields {
			if (f.Answer == "absent") != missing {
				continue
			}
			says := f.Value
			switch f.Answer {
			case "absent":
				says = "(not shown by Bob: no permission, or no such field)"
			case "null":
				says = "-"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\n", f.Field, says, strings.Join(f.NeededBy, ", "))
		}
	}
	return t.Flush()
}
