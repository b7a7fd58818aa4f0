package dispatch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"bob-onelogin/internal/notify"
	"bob-onelogin/workflows"
)

const (
	// noticeKept is how long one process does not hand on the same notice
	// again. The workflow that tells people keeps it for longer, and for all
	// processes: this only saves it the signals of every retry.
	noticeKept = time.Hour
	// brakedKept is the same for the brake, of which the newest number is to be
	// told: the message waits for longer than that.
	brakedKept = 3 * time.Second
	// maxNotices bounds what is remembered.
	maxNotices = 10_000
)

// Notifier hands what needs a person to the workflow that tells people.
type Notifier struct {
	d   *Dispatcher
	now func() time.Time

	mu     sync.Mutex
	handed map[string]time.Time
}

// NewNotifier returns a notifier that has handed on nothing yet.
func (d *Dispatcher) NewNotifier() *Notifier {
	return &Notifier{d: d, now: time.Now, handed: map[string]time.Time{}}
}

// Notify has people told of something, unless they were. When it returns nil,
// the server has it.
func (n *Notifier) Notify(ctx context.Context, notice notify.Notice) error {
	kept := noticeKept
	if notice.Kind == notify.Braked || notice.Kind == notify.BrakeSilent {
		kept = brakedKept
	}
	if !n.first(notice.Key(), kept) {
		return nil
	}
	_, err := n.d.client.SignalWithStartWorkflow(ctx, workflows.NotifyWorkflowID, workflows.NoticeSignal, notice, client.StartWorkflowOptions{
		ID: workflows.NotifyWorkflowID, TaskQueue: workflows.TaskQueue,
		StaticSummary: "Tell people what needs a person, once",
	}, workflows.NotifyName, workflows.NotifyInput{})
	if err != nil {
		n.mu.Lock()
		delete(n.handed, notice.Key())
		n.mu.Unlock()
		return fmt.Errorf("hand a notice of the kind %s to %s: %w", notice.Kind, workflows.NotifyWorkflowID, err)
	}
	return nil
}

// first reports whether a notice was not handed on of late, and remembers it.
func (n *Notifier) first(key string, kept time.Duration) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if at, ok := n.handed[key]; ok && now.Before(at.Add(kept)) {
		return false
	}
	if len(n.handed) >= maxNotices {
		for k, at := range n.handed {
			if !now.Before(at.Add(noticeKept)) {
				delete(n.handed, k)
			}
		}
		if len(n.handed) >= maxNotices {
			clear(n.handed)
		}
	}
	n.handed[key] = now
	return true
}
