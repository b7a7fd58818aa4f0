package main

import (
	"context"
	"time"

	"go.uber.org/zap"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/metrics"
	"bob-onelogin/internal/notify"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/workflows"
)

const (
	// surveyEvery is how often the namespace is looked at.
	surveyEvery = 30 * time.Second
	// surveyPatience bounds one look.
	surveyPatience = 20 * time.Second
	// bulkNews is how far back a bulk run may have ended and still be told of:
	// all workers may have been down meanwhile.
	bulkNews = 20 * time.Hour
	// authClass is the class of calls whose access was refused.
	authClass = "auth"
	// brakedAgain is how often one process says that the brake holds people.
	brakedAgain = time.Hour
)

// watcher looks at what no single activity sees: what waits in the namespace,
// how bulk runs have ended, and whether both APIs grant access.
type watcher struct {
	look     func(context.Context) (dispatch.Survey, error)
	show     func(dispatch.Survey)
	ready    func(context.Context) error
	breakers func() map[string]string
	// tell is nil where nobody is to be told.
	tell func(context.Context, notify.Notice) error
	log  *zap.Logger
	// refused wakes the watcher when access was refused.
	refused chan struct{}

	failing bool
	// brakedAt is when it was said last that the brake holds people.
	brakedAt time.Time
}

// observers returns what the clients tell of their calls: they are counted, and
// a refusal is looked at without delay.
func (w *watcher) observers(api *metrics.API) (func(bob.Call), func(onelogin.Call)) {
	return func(c bob.Call) {
			api.ObserveBob(c)
			w.wake(c.Class)
		}, func(c onelogin.Call) {
			api.ObserveOneLogin(c)
			w.wake(c.Class)
		}
}

func (w *watcher) wake(class string) {
	if class != authClass {
		return
	}
	select {
	case w.refused <- struct{}{}:
	default: // it is awake
	}
}

// run looks until ctx ends.
func (w *watcher) run(ctx context.Context) {
	tick := time.NewTicker(surveyEvery)
	defer tick.Stop()
	w.survey(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.refused:
		case <-tick.C:
			w.survey(ctx)
		}
		w.tellOfRefusals(ctx)
	}
}

// survey looks once. A look that fails leaves what the last one has shown, until
// that is too old to say anything.
func (w *watcher) survey(ctx context.Context) {
	_ = w.ready(ctx) // for the metric
	looking, cancel := context.WithTimeout(ctx, surveyPatience)
	defer cancel()
	s, err := w.look(looking)
	if err != nil {
		if !w.failing && ctx.Err() == nil {
			w.log.Warn("What waits in the namespace cannot be counted; it is tried again every half minute", zap.Error(err))
		}
		w.failing = true
		return
	}
	w.failing = false
	w.show(s)
	w.tellOfBraked(ctx, s)
	for _, end := range s.BulkEnds {
		if stopped(end.Status) && s.At.Sub(end.At) < bulkNews {
			w.notify(ctx, notify.Notice{Kind: notify.BulkStopped, WorkflowID: end.WorkflowID, RunID: end.RunID, Status: end.Status})
		}
	}
}

// tellOfBraked tells of people whom the brake holds, hour by hour: nobody else
// does, once their events are answered.
func (w *watcher) tellOfBraked(ctx context.Context, s dispatch.Survey) {
	if s.Brake == nil || s.Brake.Held == 0 || s.At.Sub(w.brakedAt) < brakedAgain {
		return
	}
	w.brakedAt = s.At
	w.notify(ctx, notify.Notice{Kind: notify.Braked, WorkflowID: workflows.BrakeWorkflowID, People: s.Brake.Held})
}

// stopped tells the ends of a bulk run that nobody has asked for.
func stopped(status string) bool {
	return status == dispatch.BulkFailed || status == dispatch.BulkTimedOut || status == dispatch.BulkTerminated
}

// tellOfRefusals tells of every breaker that is not closed.
func (w *watcher) tellOfRefusals(ctx context.Context) {
	for what, state := range w.breakers() {
		if state == "open" {
			w.notify(ctx, notify.Notice{Kind: notify.CredentialsRefused, API: what})
		}
	}
}

func (w *watcher) notify(ctx context.Context, n notify.Notice) {
	if w.tell == nil {
		return
	}
	telling, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := w.tell(telling, n); err != nil && ctx.Err() == nil {
		w.log.Warn("A notice could not be handed on; it is tried again", zap.String("kind", string(n.Kind)), zap.Error(err))
	}
}

// breakersOf names what each breaker guards, as people are told.
func breakersOf(b *bob.Client, o *onelogin.Client) func() map[string]string {
	return func() map[string]string {
		users, sessions := o.BreakerStates()
		return map[string]string{"Bob": b.BreakerState(), "OneLogin": users, "OneLogin, ending sessions": sessions}
	}
}

// observeLooks counts what looks at people come to.
func observeLooks(s *metrics.Syncs) func(workflows.Look) {
	return func(l workflows.Look) { s.Observe(l.Phase, l.Outcome, l.Late) }
}
