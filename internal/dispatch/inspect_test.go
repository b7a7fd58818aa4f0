package dispatch_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/timestamppb"

	"bob-onelogin/internal/dispatch"
	"bob-onelogin/workflows"
)

func TestServerAndNamespace(t *testing.T) {
	p := newPlace(t, "inspected")
	version, err := p.ServerVersion(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^\d+\.\d+\.\d+`, version)
	retention, err := p.Retention(t.Context())
	require.NoError(t, err)
	require.Equal(t, 24*time.Hour, retention)

	_, err = dispatch.New(server.Client(), "nowhere").Retention(t.Context())
	var none *serviceerror.NamespaceNotFound
	require.ErrorAs(t, err, &none)
	require.Equal(t, "nowhere", none.Namespace)
}

func TestMissingSearchAttributes(t *testing.T) {
	p := newPlace(t, "attributes-missing")
	missing, err := p.MissingSearchAttributes(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"SyncDueAt", "SyncState"}, missing)

	p.register()
	missing, err = p.MissingSearchAttributes(t.Context())
	require.NoError(t, err)
	require.Empty(t, missing)

	p = newPlace(t, "attributes-mistyped")
	_, err = p.client.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{
		Namespace:        p.namespace,
		SearchAttributes: map[string]enumspb.IndexedValueType{"SyncState": enumspb.INDEXED_VALUE_TYPE_TEXT},
	})
	require.NoError(t, err)
	var mistyped *dispatch.AttributeTypeError
	p.eventually("the type shows", func() bool {
		_, err = p.MissingSearchAttributes(t.Context())
		return err != nil
	})
	require.ErrorAs(t, err, &mistyped)
	require.Equal(t, "SyncState", mistyped.Name)

	_, err = dispatch.New(server.Client(), "nowhere").MissingSearchAttributes(t.Context())
	require.Error(t, err)
}

func TestQueues(t *testing.T) {
	p := newPlace(t, "queues")
	queues, err := p.Queues(t.Context())
	require.NoError(t, err)
	require.Equal(t, []dispatch.Queue{{Name: "bob-onelogin"}, {Name: "bob-onelogin-api"}}, queues)
	require.False(t, queues[0].Polled())
	require.False(t, queues[1].Polled())

	start := func(queue string, o worker.Options) {
		w := worker.New(p.client, queue, o)
		w.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "Nothing"})
		if !o.DisableWorkflowWorker {
			w.RegisterWorkflowWithOptions(stand, workflow.RegisterOptions{Name: workflows.EmployeeSyncName})
		}
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	start(workflows.TaskQueue, worker.Options{Identity: "one"})
	start(workflows.TaskQueue, worker.Options{Identity: "two"})
	start(workflows.OneLoginTaskQueue, worker.Options{Identity: "one", DisableWorkflowWorker: true})
	p.eventually("both are seen", func() bool {
		queues, err = p.Queues(t.Context())
		require.NoError(t, err)
		return queues[0].Workflows == 2 && queues[0].Activities == 2 && queues[1].Activities == 1
	})
	require.True(t, queues[0].Polled())
	require.True(t, queues[1].Polled(), "no workflows run there")
}

func TestPolled(t *testing.T) {
	require.False(t, dispatch.Queue{Name: workflows.TaskQueue, Workflows: 1}.Polled())
	require.False(t, dispatch.Queue{Name: workflows.TaskQueue, Activities: 1}.Polled())
	require.True(t, dispatch.Queue{Name: workflows.TaskQueue, Workflows: 1, Activities: 1}.Polled())
	require.False(t, dispatch.Queue{Name: workflows.OneLoginTaskQueue}.Polled())
}

func TestPollersThatHaveGone(t *testing.T) {
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	poller := func(identity string, ago time.Duration) *taskqueuepb.PollerInfo {
		return &taskqueuepb.PollerInfo{Identity: identity, LastAccessTime: timestamppb.New(now.Add(-ago))}
	}
	require.Equal(t, 2, dispatch.Polling([]*taskqueuepb.PollerInfo{
		poller("one", time.Second), poller("one", time.Minute), poller("two", 119*time.Second), poller("gone", 2*time.Minute),
	}, now))
}
