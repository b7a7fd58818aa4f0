package dispatch

import (
	"context"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"bob-onelogin/workflows"
)

// AttributeTypeError says that the namespace has a search attribute of the
// program's name and another type, which cannot be mended from here.
type AttributeTypeError struct {
	Namespace, Name string
	Type, Wanted    enumspb.IndexedValueType
}

func (e *AttributeTypeError) Error() string {
	return fmt.Sprintf("search attribute %s has the type %s in namespace %s and must have %s", e.Name, e.Type, e.Namespace, e.Wanted)
}

// MissingSearchAttributes lists those of the program's search attributes that
// the namespace lacks, by name. One of another type is an *AttributeTypeError.
func (d *Dispatcher) MissingSearchAttributes(ctx context.Context) ([]string, error) {
	missing, err := d.missingSearchAttributes(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range missing {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// ServerVersion asks the server for its version, such as "1.29.1".
func (d *Dispatcher) ServerVersion(ctx context.Context) (string, error) {
	info, err := d.client.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	return info.GetServerVersion(), err
}

// Retention asks how long the namespace keeps workflows that have ended. A
// *serviceerror.NamespaceNotFound says that there is no such namespace.
func (d *Dispatcher) Retention(ctx context.Context) (time.Duration, error) {
	described, err := d.client.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: d.namespace})
	return described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(), err
}

// pollerSilence is how long ago a worker may have asked for work and still
// counts as polling: it asks at least once a minute, while the server remembers
// it for five.
const pollerSilence = 2 * time.Minute

// Queue is a task queue that workers have to poll, and how many processes do.
type Queue struct {
	Name string
	// Workflows and Activities count those that take either. No workflows run
	// on OneLogin's queue.
	Workflows, Activities int
}

// Polled says whether whatever runs on the queue is taken by somebody.
func (q Queue) Polled() bool {
	return q.Activities > 0 && (q.Workflows > 0 || q.Name == workflows.OneLoginTaskQueue)
}

// Queues counts the workers that poll the program's task queues.
func (d *Dispatcher) Queues(ctx context.Context) ([]Queue, error) {
	var queues []Queue
	for _, name := range []string{workflows.TaskQueue, workflows.OneLoginTaskQueue} {
		q := Queue{Name: name}
		for kind, count := range map[enumspb.TaskQueueType]*int{
			enumspb.TASK_QUEUE_TYPE_WORKFLOW: &q.Workflows,
			enumspb.TASK_QUEUE_TYPE_ACTIVITY: &q.Activities,
		} {
			described, err := d.client.DescribeTaskQueue(ctx, name, kind)
			if err != nil {
				return nil, err
			}
			*count = polling(described.GetPollers(), time.Now())
		}
		queues = append(queues, q)
	}
	return queues, nil
}

// polling counts the processes that have asked for work of late. One process
// polls several times over, under one identity.
func polling(pollers []*taskqueue.PollerInfo, now time.Time) int {
	identities := map[string]bool{}
	for _, p := range pollers {
		if now.Sub(p.GetLastAccessTime().AsTime()) < pollerSilence {
			identities[p.GetIdentity()] = true
		}
	}
	return len(identities)
}

// NotPolledBy lists what of the task queues the server has not been asked for by
// a process of late: the program's own, and the further ones of activities. The
// server knows processes by their identity.
func (d *Dispatcher) NotPolledBy(ctx context.Context, identity string, further ...string) ([]string, error) {
	type queue struct {
		name string
		kind enumspb.TaskQueueType
	}
	wanted := []queue{
		{workflows.TaskQueue, enumspb.TASK_QUEUE_TYPE_WORKFLOW},
		{workflows.TaskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY},
		{workflows.OneLoginTaskQueue, enumspb.TASK_QUEUE_TYPE_ACTIVITY},
	}
	for _, name := range further {
		wanted = append(wanted, queue{name, enumspb.TASK_QUEUE_TYPE_ACTIVITY})
	}
	var missing []string
	for _, q := range wanted {
		described, err := d.client.DescribeTaskQueue(ctx, q.name, q.kind)
		if err != nil {
			return nil, fmt.Errorf("ask who polls %s: %w", q.name, err)
		}
		own := slices.DeleteFunc(described.GetPollers(), func(p *taskqueue.PollerInfo) bool { return p.GetIdentity() != identity })
		if polling(own, time.Now()) == 0 {
			missing = append(missing, fmt.Sprintf("%s (%s)", q.name, kindName[q.kind]))
		}
	}
	return missing, nil
}

var kindName = map[enumspb.TaskQueueType]string{
	enumspb.TASK_QUEUE_TYPE_WORKFLOW: "workflows", enumspb.TASK_QUEUE_TYPE_ACTIVITY: "activities",
}
