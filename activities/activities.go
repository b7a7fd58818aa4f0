// Package activities holds what an employee's workflow does to the outside:
// read a person from Bob, map the fields, upsert the OneLogin user, enforce
// its status, and tell other employees' workflows.
//
// Activities act; what they act on is decided by lifecycle and mapping. Every
// failure leaves through one table (errors.go) that tells Temporal whether
// and when to try again. Nothing here holds state that a restart would lose:
// the caches only save calls.
package activities

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/notify"
	"bob-onelogin/internal/onelogin"
)

// Names under which activities are registered. They are stored in histories
// and must not change.
const (
	ReadEmployeeName  = "ReadEmployee"
	MapFieldsName     = "MapFields"
	UpsertUserName    = "UpsertUser"
	EnforceStatusName = "EnforceStatus"
	ReadBackName      = "ReadBack"
	BulkSnapshotName  = "BulkSnapshot"
	BulkPageName      = "BulkPage"
	BulkBudgetName    = "BulkBudget"
	BulkEndsName      = "BulkEnds"
	SendNoticesName   = "SendNotices"
	TellDecidedName   = "TellDecided"
	CountLinkedName   = "CountLinked"
)

// Activities are the activities of employee workflows. All fields but the
// caches must be set before Register.
type Activities struct {
	Bob      *bob.Client
	OneLogin *onelogin.Client
	// Settings returns the provisioning settings in force.
	Settings func() mapping.Settings
	// Signal delivers an event to an employee's workflow, starting it if it
	// does not run.
	Signal func(ctx context.Context, employeeID string, e employee.Event) error
	// Announce has a user that was just created read back later.
	Announce func(ctx context.Context, c CreatedUser) error
	// Recall returns what earlier runs of an employee's workflow left for the
	// next: as far back as the namespace keeps them.
	Recall func(ctx context.Context, employeeID string) (LastSync, error)
	// EndedSince returns those of some employees whose workflow has had a run
	// that ended after a moment, as true, and as false those of whom it is only
	// known that one runs now.
	EndedSince func(ctx context.Context, employeeIDs []string, t time.Time) (map[string]bool, error)
	// LongestWait is how long a suspension may wait, for its turn or for OneLogin,
	// until Bob is read once more; 0 means ten minutes.
	LongestWait time.Duration
	// SettleDelay is how long after an event its workflow reads Bob; 0 has
	// every check made afresh.
	SettleDelay time.Duration
	// SearchAttributes reports whether the namespace has this program's
	// search attributes, so that workflows may set them.
	SearchAttributes func() bool

	// RecallMany is Recall for many employees; it leaves out those of whom
	// nothing is known.
	RecallMany func(ctx context.Context, employeeIDs []string) (map[string]LastSync, error)
	// Waiting returns, by Bob id, the moments that employees' workflows wait
	// for; none where the namespace lacks this program's search attributes.
	Waiting func(ctx context.Context) (map[string]time.Time, error)
	// OtherBulk returns the ID of another bulk run that is under way and writes;
	// empty where there is none.
	OtherBulk func(ctx context.Context, workflowID, runID string) (string, error)
	// Ended returns how an employee's workflow ended; false as long as it runs.
	Ended func(ctx context.Context, employeeID string) (BulkEnd, bool, error)
	// Brake is asked before anybody is suspended, if the settings want it.
	Brake Brake
	// Notify tells people of what needs a person; nil where nobody is to be told.
	Notify func(ctx context.Context, notices []notify.Notice) error
	// Queue is the task queue of this process alone: whoever took a snapshot
	// hands out its pages.
	Queue string
	// PageLimit is how many users a page of OneLogin's listing has; 0 is what
	// is proven on live tenants.
	PageLimit int

	snapshots  snapshots
	batch      readBatch
	links      linkCache
	attributes definitionCache
	labels     labelCache
}

// RegisterGeneral registers what runs on the general task queue: reads of
// Bob, and local activities.
func (a *Activities) RegisterGeneral(r worker.ActivityRegistry) {
	r.RegisterActivityWithOptions(a.ReadEmployee, activity.RegisterOptions{Name: ReadEmployeeName})
	r.RegisterActivityWithOptions(a.MapFields, activity.RegisterOptions{Name: MapFieldsName})
	r.RegisterActivityWithOptions(a.BulkSnapshot, activity.RegisterOptions{Name: BulkSnapshotName})
	r.RegisterActivityWithOptions(a.BulkEnds, activity.RegisterOptions{Name: BulkEndsName})
	r.RegisterActivityWithOptions(a.SendNotices, activity.RegisterOptions{Name: SendNoticesName})
	r.RegisterActivityWithOptions(a.TellDecided, activity.RegisterOptions{Name: TellDecidedName})
	r.RegisterActivityWithOptions(a.CountLinked, activity.RegisterOptions{Name: CountLinkedName})
}

// RegisterOwn registers what only the process can do that took a snapshot, and
// so runs on the task queue of this process alone.
func (a *Activities) RegisterOwn(r worker.ActivityRegistry) {
	r.RegisterActivityWithOptions(a.BulkPage, activity.RegisterOptions{Name: BulkPageName})
}

// RegisterOneLogin registers what calls OneLogin and so runs on the task
// queue whose rate the server keeps for the whole fleet.
func (a *Activities) RegisterOneLogin(r worker.ActivityRegistry) {
	r.RegisterActivityWithOptions(a.UpsertUser, activity.RegisterOptions{Name: UpsertUserName})
	r.RegisterActivityWithOptions(a.EnforceStatus, activity.RegisterOptions{Name: EnforceStatusName})
	r.RegisterActivityWithOptions(a.ReadBack, activity.RegisterOptions{Name: ReadBackName})
	r.RegisterActivityWithOptions(a.BulkBudget, activity.RegisterOptions{Name: BulkBudgetName})
}

// HeartbeatInterval is how often a running activity tells the server that its
// worker lives. Workflows set a heartbeat time-out of several times that, so
// that a killed worker is noticed in seconds.
const HeartbeatInterval = 2 * time.Second

// try is one attempt of an activity.
type try struct {
	ctx context.Context
	// again: an earlier attempt may have had its effect.
	again bool
	// before is what an earlier attempt was about to write; nil where none
	// got that far.
	before *intent

	mu sync.Mutex
	// state travels to the next attempt.
	state attemptState
	// reached is how far a long reading has come.
	reached any
}

// intent is what an attempt is about to write. It travels to the server before
// the write, so that an attempt which finds the work done knows by whom.
type intent struct {
	Outcome employee.Outcome `json:"outcome"`
	Changed []string         `json:"changed,omitempty"`
}

// attemptState is what an attempt leaves to the next one.
type attemptState struct {
	intent
	// Refusals counts how often it was refused to end sessions.
	Refusals int `json:"refusals,omitempty"`
}

// intend records what is about to be written.
func (t *try) intend(i intent) {
	t.mu.Lock()
	t.state.intent = i
	t.mu.Unlock()
	t.beat()
}

// refuse counts a refusal to end sessions, and returns how many there were
// before, those of earlier attempts included.
func (t *try) refuse() (before int) {
	t.mu.Lock()
	before = t.state.Refusals
	t.state.Refusals++
	t.mu.Unlock()
	t.beat()
	return before
}

// reach records how far a long reading has come, for people to see.
func (t *try) reach(details any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reached = details
}

func (t *try) beat() {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.state.Outcome != "" || t.state.Refusals > 0:
		activity.RecordHeartbeat(t.ctx, t.state)
	case t.reached != nil:
		activity.RecordHeartbeat(t.ctx, t.reached)
	default:
		activity.RecordHeartbeat(t.ctx)
	}
}

// attempt runs one try of an activity: it heartbeats as long as fn works,
// shields fn from cancellation, and translates fn's error.
//
// The shield keeps one writer per employee: a cancelled activity ends when
// its call has ended, never with a write still on its way.
func attempt(ctx context.Context, what string, fn func(context.Context, *try) error) error {
	number := activity.GetInfo(ctx).Attempt
	t := &try{ctx: ctx, again: number > 1}
	if activity.HasHeartbeatDetails(ctx) {
		var before attemptState
		if err := activity.GetHeartbeatDetails(ctx, &before); err == nil {
			t.state = before
			if before.Outcome != "" {
				t.before = &before.intent
			}
		}
	}

	done := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(HeartbeatInterval)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				t.beat()
			}
		}
	}()
	defer func() {
		close(done)
		<-stopped
	}()

	shielded := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		shielded, cancel = context.WithDeadline(shielded, deadline)
		defer cancel()
	}
	if err := fn(shielded, t); err != nil {
		return translate(what, err, number)
	}
	return nil
}

// Prepare reads OneLogin's custom attribute definitions ahead, so that the
// first employee does not pay for it. Its failure is no reason not to start.
func (a *Activities) Prepare(ctx context.Context) error {
	return a.attributes.refresh(ctx, a.OneLogin)
}
