package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"go.temporal.io/api/serviceerror"
	"go.uber.org/zap"

	"bob-onelogin/internal/config"
	"bob-onelogin/internal/connect"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/workflows"
)

type bulkCommand struct {
	Watch    bool     `help:"Stay, and show the progress to the end. Ctrl-C leaves the run running."`
	DryRun   bool     `xor:"what" help:"Write nothing anywhere; show what would change."`
	Output   []string `type:"path" sep:"none" placeholder:"FILE" help:"Write the whole plan of a dry run: plan.json to apply it, plan.html to read it. May be given twice."`
	Values   bool     `help:"Show old and new values in the table of a dry run. They are people's data."`
	Apply    string   `xor:"what" type:"existingfile" placeholder:"FILE" help:"Make exactly the changes of a plan.json; people whose state has moved since are refused."`
	Force    bool     `help:"A workflow for everybody, whether anything differs or not."`
	Employee []string `sep:"none" placeholder:"ID" help:"Only this person, by Bob id or e-mail address. May be given several times."`
	Window   int      `placeholder:"N" help:"How many people are dealt with at once (default 50)."`

	AllowSuspensions int `placeholder:"N" help:"Let so many people of this run be suspended beyond the limit of the suspension brake."`

	Of     string `name:"run" placeholder:"WORKFLOW-ID" help:"Start nothing: show this run's progress, or its result."`
	Pause  bool   `xor:"what" help:"Have the run under way start nothing more for now."`
	Resume bool   `xor:"what" help:"Let it go on."`
	Cancel bool   `xor:"what" help:"Have it end: what runs finishes, and nothing more starts."`
}

// check refuses options that do not go together.
func (c bulkCommand) check() error {
	steers := c.Pause || c.Resume || c.Cancel
	chooses := c.Force || len(c.Employee) > 0 || c.Window != 0 || c.AllowSuspensions != 0
	switch {
	case steers && (chooses || c.Watch):
		return errors.New("--pause, --resume and --cancel go with --run alone")
	case c.Of != "" && (c.DryRun || c.Apply != "" || chooses):
		return errors.New("--run shows a run that is there already: it goes with neither --dry-run nor --apply nor --force nor --employee nor --window nor --allow-suspensions")
	case c.Apply != "" && (c.Force || len(c.Employee) > 0):
		return errors.New("--apply goes with neither --force nor --employee: it is exactly one plan")
	case (len(c.Output) > 0 || c.Values) && !c.DryRun && (c.Of == "" || steers):
		return errors.New("--output and --values are for a plan: they go with --dry-run, or with --run and a dry run")
	}
	for _, path := range c.Output {
		if _, err := planWriter(path); err != nil {
			return err
		}
	}
	return nil
}

// Run starts a bulk run, or shows or steers one.
func (c bulkCommand) Run(ctx context.Context, cfg config.Starter) error {
	if err := c.check(); err != nil {
		return err
	}
	in := workflows.BulkSyncInput{DryRun: c.DryRun, Force: c.Force, Window: c.Window, AllowSuspensions: c.AllowSuspensions}
	for _, person := range c.Employee {
		id, err := resolve(ctx, cfg, person)
		if err != nil {
			return err
		}
		in.EmployeeIDs = append(in.EmployeeIDs, id)
	}
	checked := in
	if err := checked.Validate(); err != nil {
		return err
	}
	var plan planFile
	if c.Apply != "" {
		var err error
		if plan, err = readPlan(c.Apply); err != nil {
			return err
		}
	}

	temporal, namespace, err := connect.Temporal(ctx, cfg.Payloads.Keys.Ring(), zap.NewNop())
	if err != nil {
		return err
	}
	defer temporal.Close()
	b := &bulk{Dispatcher: dispatch.New(temporal, namespace), namespace: namespace, console: standardConsole(), pace: defaultPace, command: c}
	switch {
	case c.Pause, c.Resume, c.Cancel:
		return b.steer(ctx)
	case c.Of != "":
		return b.show(ctx, c.Of)
	case c.Apply != "":
		return b.apply(ctx, plan)
	default:
		return b.start(ctx, in)
	}
}

// console is where a command speaks: results to out, everything else to err,
// so that a result can go to a file while the progress is seen.
type console struct {
	in       io.Reader
	out, err io.Writer
	// terminal: err is one. asks: there is somebody to answer as well.
	terminal, asks bool
}

func standardConsole() console {
	terminal := isTerminal(os.Stderr) && os.Getenv("TERM") != "dumb"
	return console{in: os.Stdin, out: os.Stdout, err: os.Stderr, terminal: terminal, asks: terminal && isTerminal(os.Stdin)}
}

func isTerminal(f *os.File) bool { return isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()) }

// say writes a line that is not the result.
func (c console) say(format string, args ...any) { fmt.Fprintf(c.err, format+"\n", args...) }

// agree asks a question whose answer is yes unless told otherwise.
func (c console) agree(ctx context.Context, question string) bool {
	answer := c.ask(ctx, question+" [Y/n] ")
	return answer == "" || answer == "y" || answer == "yes"
}

// confirm asks a question whose answer is no unless told otherwise.
func (c console) confirm(ctx context.Context, question string) bool {
	answer := c.ask(ctx, question+" [y/N] ")
	return answer == "y" || answer == "yes"
}

// ask returns what somebody answers, in lower case; no where nobody does.
func (c console) ask(ctx context.Context, question string) string {
	fmt.Fprint(c.err, question)
	answered := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(c.in).ReadString('\n')
		if err != nil && line == "" {
			line = "n" // nobody is there after all
		}
		answered <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(c.err)
		return "n"
	case answer := <-answered:
		return answer
	}
}

// bulk is one use of the command.
type bulk struct {
	*dispatch.Dispatcher
	console
	namespace string
	pace      pace
	command   bulkCommand
}

// start starts a run, and shows it as far as that was asked for.
func (b *bulk) start(ctx context.Context, in workflows.BulkSyncInput) error {
	run, err := b.begin(ctx, in)
	var other *alreadyRunning
	if errors.As(err, &other) {
		return b.instead(ctx, other)
	}
	if err != nil {
		return err
	}
	b.say("Started %s, run %s.", run.WorkflowID, run.RunID)
	if in.DryRun || b.command.Watch {
		return b.follow(ctx, run)
	}
	b.say("It goes on by itself:\n  starter bulk --run %s      shows its progress, and its result\n  starter bulk --pause             holds it; --resume lets it go on, --cancel ends it\n  temporal workflow describe --workflow-id %s",
		run.WorkflowID, run.WorkflowID)
	return nil
}

// alreadyRunning: another run is under way.
type alreadyRunning struct{ dispatch.BulkView }

func (e *alreadyRunning) Error() string {
	return fmt.Sprintf("%s is running since %s%s", e.WorkflowID, when(e.StartedAt, ""), e.standing())
}

// standing tells how far the run is, where it says so.
func (e *alreadyRunning) standing() string {
	if e.Progress == nil {
		return ", and no worker answers for it"
	}
	return ": " + standing(*e.Progress, time.Now())
}

// begin starts a run unless another is in its way.
func (b *bulk) begin(ctx context.Context, in workflows.BulkSyncInput) (dispatch.BulkRun, error) {
	if !in.DryRun {
		writing, err := b.writing(ctx)
		if err != nil {
			return dispatch.BulkRun{}, err
		}
		if len(writing) > 0 {
			return dispatch.BulkRun{}, &alreadyRunning{writing[0]}
		}
	}
	run, started, err := b.StartBulk(ctx, in)
	if err != nil || started {
		return run, err
	}
	view, err := b.Progress(ctx, run.WorkflowID, run.RunID)
	if err != nil && !errors.Is(err, dispatch.ErrNoAnswer) {
		return run, err
	}
	return run, &alreadyRunning{view}
}

// writing returns the runs under way but those that say to be dry.
func (b *bulk) writing(ctx context.Context) ([]dispatch.BulkView, error) {
	running, err := b.RunningBulk(ctx)
	if err != nil {
		return nil, err
	}
	var writing []dispatch.BulkView
	for _, run := range running {
		if run.WorkflowID == dispatch.BulkDryRunID {
			continue
		}
		view, err := b.Progress(ctx, run.WorkflowID, run.RunID)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil && (!view.Running || view.Progress.DryRun):
		case view.WorkflowID == "": // it has gone since
		default:
			writing = append(writing, view)
		}
	}
	return writing, nil
}

// instead offers to watch the run that is in the way.
func (b *bulk) instead(ctx context.Context, other *alreadyRunning) error {
	notStarted := fmt.Errorf("nothing was started, because %s is running; `starter bulk --run %s` shows it", other.WorkflowID, other.WorkflowID)
	b.say("%s.", other.Error())
	switch {
	case !b.asks:
		return notStarted
	case b.command.Watch, b.agree(ctx, "Watch it?"):
		return b.follow(ctx, other.BulkRun)
	default:
		return notStarted
	}
}

// show shows a run that is there already.
func (b *bulk) show(ctx context.Context, workflowID string) error {
	view, err := b.Progress(ctx, workflowID, "")
	var none *serviceerror.NotFound
	switch {
	case errors.As(err, &none):
		return fmt.Errorf("there is no run %s within the namespace's retention", workflowID)
	case view.Running:
		return b.follow(ctx, view.BulkRun)
	case err != nil:
		return err
	default:
		return b.report(ctx, view)
	}
}

// follow watches a run to its end, and reports.
func (b *bulk) follow(ctx context.Context, run dispatch.BulkRun) error {
	view, err := b.watch(ctx, run)
	if err != nil {
		return err
	}
	return b.report(ctx, view)
}

// steer pauses, resumes or cancels the run under way.
func (b *bulk) steer(ctx context.Context) error {
	run, err := b.target(ctx)
	if err != nil {
		return err
	}
	switch {
	case b.command.Pause:
		_, err = b.PauseBulk(ctx, run)
		if err == nil {
			b.say("%s is paused: what runs finishes, and nothing more starts. `starter bulk --resume` lets it go on.", run.WorkflowID)
		}
	case b.command.Resume:
		_, err = b.ResumeBulk(ctx, run)
		if err == nil {
			b.say("%s goes on. `starter bulk --run %s` shows it.", run.WorkflowID, run.WorkflowID)
		}
	default:
		// The server has it when the call returns, whether or not a worker is there.
		err = b.CancelBulk(ctx, run)
		if err == nil {
			b.say("%s ends: what runs finishes, and nothing more starts. `starter bulk --run %s` shows what it came to.", run.WorkflowID, run.WorkflowID)
		}
	}
	if errors.Is(err, dispatch.ErrNoAnswer) {
		return noWorker()
	}
	return err
}

// noWorker says what a missing answer means.
func noWorker() error {
	return fmt.Errorf("no worker answers: none polls the task queue %s, or none gets round to it; start one, and ask again", workflows.TaskQueue)
}

// target is the run to steer: the one named, or the only one under way. Dry
// runs count only where there is nothing else.
func (b *bulk) target(ctx context.Context) (dispatch.BulkRun, error) {
	running, err := b.RunningBulk(ctx)
	if err != nil {
		return dispatch.BulkRun{}, err
	}
	var ids []string
	for _, run := range running {
		if run.WorkflowID == b.command.Of {
			return run, nil
		}
		ids = append(ids, run.WorkflowID)
	}
	if len(running) > 1 {
		writing, err := b.writing(ctx)
		if err != nil {
			return dispatch.BulkRun{}, err
		}
		if len(writing) == 1 && b.command.Of == "" {
			return writing[0].BulkRun, nil
		}
	}
	switch {
	case len(running) == 0, b.command.Of != "":
		return dispatch.BulkRun{}, fmt.Errorf("no bulk run is under way%s", named(b.command.Of))
	case len(running) > 1:
		return dispatch.BulkRun{}, fmt.Errorf("several bulk runs are under way (%s): name one with --run", strings.Join(ids, ", "))
	default:
		return running[0], nil
	}
}

func named(workflowID string) string {
	if workflowID == "" {
		return ""
	}
	return " under the ID " + workflowID
}
