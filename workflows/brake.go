package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/mapping"
)

const (
	// brakeHistory bounds a run's history. A question leaves five events; the
	// server takes 2,000 updates a run.
	brakeHistory = 2000
	// tellAtOnce is how many people's workflows one activity tells, and
	// tellPatience for how long it tries.
	tellAtOnce   = 200
	tellPatience = time.Hour
	// countPatience is how long the linked users are counted at the most, and
	// countAgain how long the floor holds after that has failed.
	countPatience = 20 * time.Minute
	countAgain    = 10 * time.Minute
	// leastRefresh spaces the looks that only refresh what people are shown.
	leastRefresh = time.Minute
)

// suspensionBrake counts the suspensions of the whole installation: whoever is
// about to suspend somebody asks it first, and a person says what becomes of
// those whom it holds. It decides nothing itself (see package brake), and never
// keeps a question waiting: what takes time is begun, and the question is asked
// again.
type suspensionBrake struct {
	BrakeInput
	state brake.State
	log   log.Logger

	linked, dropped workflow.ReceiveChannel
	poke            workflow.Channel
	// telling and counting are the activities under way, told whom the first
	// one tells; refresh is when what is shown is written anew.
	telling, counting, refresh workflow.Future
	told                       []string
	// wantsCount: an answer hangs on the number of linked users.
	wantsCount bool
}

func suspensionBrakeWorkflow(ctx workflow.Context, in BrakeInput) error {
	state, err := brake.Unpack(in.Packed)
	if err != nil {
		// A brake that has forgotten what it counted would let others pass; one
		// whose task fails gives no answer, and so holds everybody.
		panic(err)
	}
	in.Packed = nil
	// Nobody cancels a brake, on purpose or not: what it knows would be gone, and
	// the next one would let everybody pass whom this one holds.
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	b := &suspensionBrake{
		BrakeInput: in, state: state, log: workflow.GetLogger(ctx),
		linked: workflow.GetSignalChannel(ctx, LinkedSignal), dropped: workflow.GetSignalChannel(ctx, DropSignal),
		poke: workflow.NewBufferedChannel(ctx, 1),
	}
	if err := b.handlers(ctx); err != nil {
		return err
	}
	return b.run(ctx)
}

func (b *suspensionBrake) handlers(ctx workflow.Context) error {
	decide := func(of func(time.Time, brake.Decision) brake.Decided) func(workflow.Context, brake.Decision) (brake.Decided, error) {
		return func(ctx workflow.Context, d brake.Decision) (brake.Decided, error) {
			out := of(workflow.Now(ctx), d)
			b.ToTell = append(b.ToTell, out.EmployeeIDs...)
			b.changed(ctx)
			return out, nil
		}
	}
	decision := func(what string) workflow.UpdateHandlerOptions {
		return workflow.UpdateHandlerOptions{
			Description: what + ` Takes {"employeeIds":["…"]} or {"all":true}.`,
			Validator:   func(_ workflow.Context, d brake.Decision) error { return d.Validate() },
		}
	}
	return errors.Join(
		workflow.SetUpdateHandlerWithOptions(ctx, ReserveUpdate, b.reserve, workflow.UpdateHandlerOptions{
			Description: "May these people be suspended? For workers.",
			Validator:   func(_ workflow.Context, in ReserveInput) error { return in.Validate() },
		}),
		workflow.SetUpdateHandlerWithOptions(ctx, ApproveUpdate, decide(b.state.Approve),
			decision("Let people be suspended who are held: each is read from Bob once more before that.")),
		workflow.SetUpdateHandlerWithOptions(ctx, RejectUpdate, decide(b.state.Reject),
			decision("Suspend nobody of these people. If Bob tells anew that they leave, they are held again.")),
		workflow.SetQueryHandlerWithOptions(ctx, BrakeQuery, func(r BrakeRequest) (brake.View, error) {
			if r.At.IsZero() {
				r.At = workflow.Now(ctx)
			}
			return b.state.View(r.At, min(cmp.Or(r.People, maxShown), maxShown)), nil
		}, workflow.QueryHandlerOptions{Description: "How many were suspended within the window, and who is held."}),
	)
}

// reserve answers whether people may be suspended.
func (b *suspensionBrake) reserve(ctx workflow.Context, in ReserveInput) (ReserveResult, error) {
	b.Tracked = b.Tracked || in.Tracked
	now := workflow.Now(ctx)
	var out ReserveResult
	for _, r := range in.Requests {
		if !now.Before(b.NoCountBefore) && b.state.WantsCount(now, in.Settings, r) {
			b.wantsCount = true
			out.Answers = append(out.Answers, brake.Answer{Verdict: brake.Counting})
			continue
		}
		out.Answers = append(out.Answers, b.state.Ask(now, in.Settings, r))
	}
	b.changed(ctx)
	return out, nil
}

// changed shows what has changed, and wakes the run.
func (b *suspensionBrake) changed(ctx workflow.Context) {
	b.show(ctx)
	b.poke.SendAsync(nil)
}

// run never ends by itself: what was counted, and who was rejected, would be
// forgotten with it.
func (b *suspensionBrake) run(ctx workflow.Context) error {
	for {
		b.receive(ctx)
		b.begin(ctx)
		b.show(ctx)
		if b.handsOver(ctx) {
			// The handlers do not block, and nothing has since the channels were
			// looked into: nothing is lost.
			packed, err := b.state.Pack()
			if err != nil {
				panic(err) // as above
			}
			next := b.BrakeInput
			next.Packed = packed
			return workflow.NewContinueAsNewError(ctx, SuspensionBrakeName, next)
		}
		b.wait(ctx)
	}
}

func (b *suspensionBrake) receive(ctx workflow.Context) {
	var linked LinkedUsers
	for b.linked.ReceiveAsync(&linked) {
		b.learn(ctx, linked.Linked)
		linked = LinkedUsers{}
	}
	var gone NotHeld
	for b.dropped.ReceiveAsync(&gone) {
		b.drop(gone)
		gone = NotHeld{}
	}
}

func (b *suspensionBrake) drop(gone NotHeld) {
	if gone.Refused.IsZero() {
		b.state.Drop(gone.EmployeeID)
	} else {
		b.state.Refund(gone.EmployeeID, gone.Refused)
	}
}

func (b *suspensionBrake) learn(ctx workflow.Context, linked int) {
	b.state.Learn(brake.Count{Linked: linked, At: workflow.Now(ctx)})
	b.wantsCount, b.NoCountBefore = false, time.Time{}
}

// begin starts what is to be done and is not under way.
func (b *suspensionBrake) begin(ctx workflow.Context) {
	if b.telling == nil && len(b.ToTell) > 0 {
		n := min(len(b.ToTell), tellAtOnce)
		// Whoever is left after a failure looks once a day anyway.
		b.told = b.ToTell[:n:n]
		options := callOptions("", fmt.Sprintf("Tell %d workflow(s) what a person has decided", n), priorityLeaver)
		options.ScheduleToCloseTimeout = tellPatience
		b.telling = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.TellDecidedName,
			activities.TellDecidedInput{EmployeeIDs: b.told})
	}
	if b.counting == nil && b.wantsCount {
		b.wantsCount = false
		// Not among the leavers who wait for it.
		options := callOptions("", "Count the linked users: the limit is a share of them", priorityLeaver)
		options.StartToCloseTimeout, options.ScheduleToCloseTimeout = countPatience, countPatience
		b.counting = workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.CountLinkedName)
	}
}

// handsOver decides whether the rest is left to a fresh run, if need be together
// with what is under way, which does no harm if it is done twice.
func (b *suspensionBrake) handsOver(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	length, idle := info.GetCurrentHistoryLength(), b.telling == nil && b.counting == nil
	return length > 2*brakeHistory || idle && (info.GetContinueAsNewSuggested() || length > brakeHistory)
}

// wait blocks until something has happened. What came is looked at by whoever
// is called next.
func (b *suspensionBrake) wait(ctx workflow.Context) {
	b.arm(ctx)
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(b.linked, func(c workflow.ReceiveChannel, _ bool) {
		var linked LinkedUsers
		if c.ReceiveAsync(&linked) {
			b.learn(ctx, linked.Linked)
		}
	})
	selector.AddReceive(b.dropped, func(c workflow.ReceiveChannel, _ bool) {
		var gone NotHeld
		if c.ReceiveAsync(&gone) {
			b.drop(gone)
		}
	})
	selector.AddReceive(b.poke, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
	if b.telling != nil {
		selector.AddFuture(b.telling, func(f workflow.Future) {
			b.telling, b.ToTell = nil, b.ToTell[len(b.told):]
			var out activities.TellDecidedResult
			switch err := f.Get(ctx, &out); {
			case err != nil:
				b.log.Error("People's workflows could not be told of a decision", "people", len(b.told), "error", sentence(err))
			case len(out.Untold) > 0:
				b.log.Error("People's workflows could not be told of a decision", "employees", out.Untold)
			}
		})
	}
	if b.counting != nil {
		selector.AddFuture(b.counting, func(f workflow.Future) {
			b.counting = nil
			var out activities.CountLinkedResult
			if err := f.Get(ctx, &out); err != nil {
				b.log.Warn("The linked users could not be counted; the floor holds", "error", sentence(err))
				b.NoCountBefore = workflow.Now(ctx).Add(countAgain)
				return
			}
			b.learn(ctx, out.Linked)
		})
	}
	if b.refresh != nil {
		selector.AddFuture(b.refresh, func(workflow.Future) { b.refresh = nil })
	}
	selector.Select(ctx)
}

// arm sees to it that what is shown is written anew when a place becomes free.
func (b *suspensionBrake) arm(ctx workflow.Context) {
	now := workflow.Now(ctx)
	free := b.state.View(now, 0).FreeAt
	if b.refresh != nil || free.IsZero() {
		return
	}
	b.refresh = workflow.NewTimerWithOptions(ctx, max(free.Sub(now), leastRefresh), workflow.TimerOptions{Summary: "A place becomes free in the window"})
}

// show writes the current details, and says in the list whether somebody is
// held.
func (b *suspensionBrake) show(ctx workflow.Context) {
	v := b.state.View(workflow.Now(ctx), shownInDetails)
	workflow.SetCurrentDetails(ctx, describeBrake(v))
	state := Done
	if v.Held > 0 {
		state = Held
	}
	if !b.Tracked || b.Shown == state || (b.Shown == "" && state == Done) {
		return
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, SyncStateKey.ValueSet(string(state))); err != nil {
		b.log.Warn("Search attributes were not set", "error", err)
		return
	}
	b.Shown = state
}

func describeBrake(v brake.View) string {
	var s strings.Builder
	write := func(format string, args ...any) { s.WriteString(fmt.Sprintf(format, args...)) }
	switch {
	case v.Held > 0:
		write("**%d held**: they have left, and can still log in.\n\nLook whether they have really left, with `starter explain <id>`, then `starter brake approve --all`, or the update `approve` with `{\"all\":true}`; `reject` if they have not.\n", v.Held)
	default:
		write("**Nobody is held**\n")
	}
	write("\n| | |\n|---|---|\n| Suspensions within %s | %d of %d |\n", mapping.SpellDuration(v.Settings.Window), v.Used, v.Limit)
	if !v.FreeAt.IsZero() {
		write("| The next place is free | %s |\n", moment(v.FreeAt, "UTC"))
	}
	if v.CountedAt.IsZero() {
		write("| Linked active users | not counted of late; the floor of %d holds |\n", v.Settings.AtLeast)
	} else {
		write("| Linked active users | %d, counted %s |\n", v.Linked, moment(v.CountedAt, "UTC"))
	}
	if v.Approved > 0 {
		write("| Approved, and not suspended yet | %d |\n", v.Approved)
	}
	if v.Rejected > 0 {
		write("| Rejected | %d |\n", v.Rejected)
	}
	list := func(title string, listed []brake.Person, all int) {
		if all == 0 {
			return
		}
		write("\n| %s | OneLogin user | since |\n|---|---|---|\n", title)
		for _, p := range listed {
			write("| %s | %d | %s |\n", EmployeeWorkflowID(p.EmployeeID), p.UserID, moment(p.Since, "UTC"))
		}
		if more := all - len(listed); more > 0 {
			write("| and %d more | | |\n", more)
		}
	}
	list("Held", v.People, v.Held)
	list("Approved", v.ApprovedPeople, v.Approved)
	list("Rejected", v.RejectedPeople, v.Rejected)
	if !v.FullAt.IsZero() {
		write("\n> At %s more people were held than can be listed; they ask again by themselves.\n", moment(v.FullAt, "UTC"))
	}
	s.WriteString(DetailsEnd)
	return s.String()
}
