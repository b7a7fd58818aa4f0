package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/metrics"
	"bob-onelogin/internal/notify"
)

// watched is a watcher, what it looks at, and what it has told.
type watched struct {
	*watcher
	survey   dispatch.Survey
	fails    error
	states   map[string]string
	shown    []dispatch.Survey
	told     chan notify.Notice
	messages *observer.ObservedLogs
}

func newWatched() *watched {
	core, logs := observer.New(zapcore.WarnLevel)
	w := &watched{states: map[string]string{"Bob": "closed"}, told: make(chan notify.Notice, 100), messages: logs}
	w.watcher = &watcher{
		look:     func(context.Context) (dispatch.Survey, error) { return w.survey, w.fails },
		show:     func(s dispatch.Survey) { w.shown = append(w.shown, s) },
		ready:    func(context.Context) error { return nil },
		breakers: func() map[string]string { return w.states },
		tell: func(_ context.Context, n notify.Notice) error {
			w.told <- n
			return nil
		},
		log: zap.New(core), refused: make(chan struct{}, 1),
	}
	return w
}

func TestWatcherTellsOfBulkRunsThatStopped(t *testing.T) {
	w := newWatched()
	now := time.Now()
	end := func(run, status string, ago time.Duration) dispatch.BulkRunEnd {
		return dispatch.BulkRunEnd{WorkflowID: "bulk-sync", RunID: run, Status: status, At: now.Add(-ago)}
	}
	w.survey = dispatch.Survey{At: now, BulkEnds: []dispatch.BulkRunEnd{
		end("1", dispatch.BulkCompleted, time.Hour), end("2", dispatch.BulkCanceled, time.Hour), end("3", dispatch.BulkFailed, time.Hour),
		end("4", dispatch.BulkTimedOut, time.Hour), end("5", dispatch.BulkTerminated, time.Hour), end("6", dispatch.BulkFailed, 30*time.Hour),
	}}
	w.watcher.survey(t.Context())
	close(w.told)
	var runs []string
	for n := range w.told {
		require.Equal(t, notify.BulkStopped, n.Kind)
		runs = append(runs, n.RunID+" "+n.Status)
	}
	require.Equal(t, []string{"3 failed", "4 timed_out", "5 terminated"}, runs, "neither asked for nor old news")
	require.Len(t, w.shown, 1)
}

// As long as the brake holds people, it is said every hour.
func TestWatcherTellsOfPeopleWhomTheBrakeHolds(t *testing.T) {
	w := newWatched()
	now := time.Now()
	look := func(after time.Duration, held int) {
		w.survey = dispatch.Survey{At: now.Add(after), Brake: &brake.View{Held: held}}
		w.watcher.survey(t.Context())
	}
	look(0, 0)
	look(time.Minute, 3)
	look(2*time.Minute, 195)
	look(time.Hour+time.Minute, 195)
	look(3*time.Hour, 0)
	w.survey = dispatch.Survey{At: now.Add(4 * time.Hour)} // no worker answers for it
	w.watcher.survey(t.Context())
	close(w.told)
	var people []int
	for n := range w.told {
		require.Equal(t, notify.Notice{Kind: notify.Braked, WorkflowID: "suspension-brake", People: n.People}, n)
		people = append(people, n.People)
	}
	require.Equal(t, []int{3, 195}, people)
}

func TestWatcherSaysOnceThatItCannotLook(t *testing.T) {
	w := newWatched()
	w.fails = errors.New("the server is not there")
	for range 3 {
		w.watcher.survey(t.Context())
	}
	require.Empty(t, w.shown, "what was seen before stays until it is too old")
	require.Equal(t, 1, w.messages.Len())
	w.fails = nil
	w.watcher.survey(t.Context())
	w.fails = errors.New("the server is not there")
	w.watcher.survey(t.Context())
	require.Equal(t, 2, w.messages.Len())
}

// A refusal is told of when it happens, not with the next look.
func TestWatcherIsWokenByARefusal(t *testing.T) {
	w := newWatched()
	registry, err := metrics.New()
	require.NoError(t, err)
	ofBob, _ := w.observers(registry.NewAPI())
	ofBob(bob.Call{Op: "read person", Class: "ok"})
	require.Empty(t, w.refused)
	w.states = map[string]string{"Bob": "open", "OneLogin": "half-open", "OneLogin, ending sessions": "closed"}
	for range 3 {
		ofBob(bob.Call{Op: "read person", Class: authClass, StatusCode: 401})
	}

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run(ctx)
	}()
	require.Equal(t, notify.Notice{Kind: notify.CredentialsRefused, API: "Bob"}, <-w.told)
	stop()
	<-ended
}

func TestWatcherWithNobodyToTell(t *testing.T) {
	w := newWatched()
	w.tell = nil
	w.states = map[string]string{"Bob": "open"}
	w.tellOfRefusals(t.Context())
	require.Zero(t, w.messages.Len())
}
