package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
	"bob-onelogin/internal/notify"
)

const (
	NotifyName = "Notify"
	// NotifyWorkflowID is the ID of the one workflow that tells people.
	NotifyWorkflowID = "notify"
	// NoticeSignal carries a notify.Notice to it.
	NoticeSignal = "notice"
)

const (
	// NotifyDelay lets notices of the same moment go into one message.
	NotifyDelay = 10 * time.Second
	// notifyAgain is how long nothing is told twice. What is still so after
	// that is told again: a decision that nobody takes, weekly, but hourly where
	// it keeps people logged in who have left.
	notifyAgain       = 24 * time.Hour
	notifyHeldAgain   = 7 * 24 * time.Hour
	notifyBrakedAgain = time.Hour
	// maxTold bounds what is remembered. What is forgotten may be told again.
	maxTold = 5000
	// sendPatience is how long a message is tried: after that it is old news.
	sendPatience = 24 * time.Hour
)

// NotifyInput is empty but when a run continues another.
type NotifyInput struct {
	// Pending are to be told next, Told were told already.
	Pending []notify.Notice `json:"pending,omitempty"`
	Told    []Told          `json:"told,omitempty"`
}

// Told is what was told of late.
type Told struct {
	Key string `json:"key"`
	// Until is when it may be told again.
	Until time.Time `json:"until"`
}

// notifier collects what needs a person, from all workers, and tells it once.
type notifier struct {
	NotifyInput
	signals workflow.ReceiveChannel
	// alarm is when to forget; nil where none is set.
	alarm workflow.Future
}

// notifyWorkflow lives as long as it has something to remember: that is what
// keeps the same thing from being told by every worker, every retry and every
// event.
func notifyWorkflow(ctx workflow.Context, in NotifyInput) error {
	n := &notifier{NotifyInput: in, signals: workflow.GetSignalChannel(ctx, NoticeSignal)}
	for {
		n.receive(ctx)
		n.forget(workflow.Now(ctx))
		info := workflow.GetInfo(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case info.GetContinueAsNewSuggested() || info.GetCurrentHistoryLength() > longHistory:
			return workflow.NewContinueAsNewError(ctx, NotifyName, n.NotifyInput)
		case len(n.Pending) > 0:
			n.send(ctx)
		case len(n.Told) == 0:
			return nil // nothing has blocked since the last look into the channel
		default:
			n.wait(ctx)
		}
	}
}

// receive takes in what came, once each.
func (n *notifier) receive(ctx workflow.Context) {
	var notice notify.Notice
	for n.signals.ReceiveAsync(&notice) {
		n.take(workflow.Now(ctx), notice)
		notice = notify.Notice{}
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("%d notice(s) to tell; %d were told of late and are not told again.", len(n.Pending), len(n.Told)))
}

func (n *notifier) take(now time.Time, notice notify.Notice) {
	key := notice.Key()
	told := slices.ContainsFunc(n.Told, func(t Told) bool { return t.Key == key && now.Before(t.Until) })
	pending := slices.IndexFunc(n.Pending, func(p notify.Notice) bool { return p.Key() == key })
	if pending >= 0 {
		n.Pending[pending].People = max(n.Pending[pending].People, notice.People)
	}
	if notice.Kind != "" && !told && pending < 0 && len(n.Pending) < maxTold {
		n.Pending = append(n.Pending, notice)
	}
}

// forget drops what was told long ago.
func (n *notifier) forget(now time.Time) {
	n.Told = slices.DeleteFunc(n.Told, func(t Told) bool { return !now.Before(t.Until) })
	if surplus := len(n.Told) - maxTold; surplus > 0 {
		n.Told = slices.Delete(n.Told, 0, surplus)
	}
}

// send tells what is pending. What could not be told in a day is dropped, and
// told when it comes up again.
func (n *notifier) send(ctx workflow.Context) {
	timer := workflow.NewTimerWithOptions(ctx, NotifyDelay, workflow.TimerOptions{Summary: "Notices of the same moment go into one message"})
	if timer.Get(ctx, nil) != nil {
		return // cancelled, which the caller sees
	}
	n.receive(ctx)
	batch := n.Pending
	options := callOptions("", fmt.Sprintf("Tell people of %d notice(s)", len(batch)), priorityLive)
	options.ScheduleToCloseTimeout = sendPatience
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.SendNoticesName,
		activities.SendNoticesInput{Notices: batch}).Get(ctx, nil)
	if ctx.Err() != nil {
		return
	}
	n.Pending = nil
	if err != nil {
		workflow.GetLogger(ctx).Error("Nobody could be told", "notices", len(batch), "error", sentence(err))
		return
	}
	for _, notice := range batch {
		again := notifyAgain
		switch notice.Kind {
		case notify.Held:
			again = notifyHeldAgain
		case notify.Braked, notify.BrakeSilent:
			again = notifyBrakedAgain
		}
		n.Told = append(n.Told, Told{Key: notice.Key(), Until: workflow.Now(ctx).Add(again)})
	}
}

// wait blocks until a notice comes, or until there is something to forget.
func (n *notifier) wait(ctx workflow.Context) {
	if n.alarm == nil {
		first := slices.MinFunc(n.Told, func(a, b Told) int { return a.Until.Compare(b.Until) })
		n.alarm = workflow.NewTimerWithOptions(ctx, positive(first.Until.Sub(workflow.Now(ctx))), workflow.TimerOptions{Summary: "What was told may be told again"})
	}
	selector := workflow.NewSelector(ctx)
	selector.AddReceive(n.signals, func(c workflow.ReceiveChannel, _ bool) {
		var notice notify.Notice
		if c.ReceiveAsync(&notice) {
			n.take(workflow.Now(ctx), notice)
		}
	})
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	selector.AddFuture(n.alarm, func(workflow.Future) { n.alarm = nil })
	selector.Select(ctx)
}
