package e2e

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"bob-onelogin/activities"
	"bob-onelogin/workflows"
)

// A run that is cancelled while it asks for the next people must not ask for
// ever: whatever is asked with a cancelled context is answered at once, and on
// a real server before anything else of the workflow gets its turn.
func TestBulkCancelledWhileItAsks(t *testing.T) {
	if *record {
		t.Skip("no history of this one is kept")
	}
	t.Parallel()
	s := newStack(t, withoutWorker())
	asked := make(chan struct{}, 1)
	var times atomic.Int32
	w := worker.New(s.temporal, workflows.TaskQueue, worker.Options{})
	workflows.Register(w, workflows.Options{SettleDelay: time.Second})
	w.RegisterActivityWithOptions(func(context.Context, activities.BulkSnapshotInput) (activities.BulkSnapshotResult, error) {
		return activities.BulkSnapshotResult{ID: "one", Queue: workflows.TaskQueue, Items: 1}, nil
	}, activity.RegisterOptions{Name: activities.BulkSnapshotName})
	w.RegisterActivityWithOptions(func(ctx context.Context, _ activities.BulkPageInput) (activities.BulkPageResult, error) {
		times.Add(1)
		asked <- struct{}{}
		<-activity.GetWorkerStopChannel(ctx)
		return activities.BulkPageResult{}, context.Canceled
	}, activity.RegisterOptions{Name: activities.BulkPageName})
	require.NoError(t, w.Start())
	defer w.Stop()

	b := &bulkStack{stack: s}
	run := b.begin()
	<-asked
	require.NoError(t, s.temporal.CancelWorkflow(t.Context(), run.GetID(), ""))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, run.Get(ctx, nil), &cancelled)
	var p workflows.BulkProgress
	require.NoError(t, cancelled.Details(&p))
	require.True(t, p.Cancelled)
	require.EqualValues(t, 1, times.Load())
}
