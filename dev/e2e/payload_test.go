package e2e

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/payload"
	"bob-onelogin/workflows"
)

// personal is what the sample people are made of: nothing of it may be on the
// server in a form that somebody without the keys can read.
var personal = []string{"Juniper", "juniper", "Rowan", "rowan", "Sample", "sample", "@example.com", "+44 7700", "7700 900", "Gardener"}

// checkPrivacy looks through everything that the server stores of a workflow,
// as the server has it.
func (s *stack) checkPrivacy(ctx context.Context, info *workflowpb.WorkflowExecutionInfo, h *historypb.History) {
	s.t.Helper()
	if *record {
		return
	}
	id := info.GetExecution().GetWorkflowId()
	described, err := s.temporal.WorkflowService().DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: s.namespace, Execution: info.GetExecution(),
	})
	require.NoError(s.t, err)
	for what, stored := range map[string]proto.Message{
		// Workflow ID, search attributes and memo among them.
		"list": info, "description": described, "history": h,
	} {
		for _, found := range readable(s.t, stored) {
			s.t.Errorf("the %s of %s can be read by everybody: %s", what, id, found)
		}
		for _, found := range unencrypted(s.t, stored) {
			if !s.plainInput {
				s.t.Errorf("the %s of %s has a payload that is not encrypted: %s", what, id, found)
			}
		}
	}
	for name := range info.GetSearchAttributes().GetIndexedFields() {
		switch {
		case name == workflows.SyncStateKey.GetName(), name == workflows.SyncDueAtKey.GetName():
		case name == "BuildIds", strings.HasPrefix(name, "Temporal"): // the server's own
		default:
			s.t.Errorf("%s has the search attribute %s", id, name)
		}
	}
}

// readable lists what is personal in a message. Its bytes have every text and
// every payload's data as they are. Its JSON would have the data in base64, in
// which a short name turns up by chance.
func readable(t *testing.T, stored proto.Message) []string {
	t.Helper()
	raw, err := proto.Marshal(stored)
	require.NoError(t, err)
	var found []string
	for _, word := range personal {
		if bytes.Contains(raw, []byte(word)) {
			found = append(found, word)
		}
	}
	return found
}

// cancelledInTime is the one payload that the server itself writes: of an
// activity that was cancelled before it began.
const cancelledInTime = `"ACTIVITY_ID_NOT_STARTED"`

// unencrypted lists the payloads of a message that everybody can read, but for
// search attributes, which the server has to understand.
func unencrypted(t *testing.T, stored proto.Message) []string {
	t.Helper()
	var found []string
	err := proxy.VisitPayloads(t.Context(), proto.Clone(stored), proxy.VisitPayloadsOptions{
		SkipSearchAttributes: true,
		Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, p := range payloads {
				if string(p.GetMetadata()["encoding"]) != payload.Encoding && string(p.GetData()) != cancelledInTime {
					found = append(found, tail(p.String()))
				}
			}
			return payloads, nil
		},
	})
	require.NoError(t, err)
	return found
}

// The check above finds what it has to.
func TestPrivacyCheckCanFail(t *testing.T) {
	started := func(keys payload.Keys) *historypb.History {
		input, err := keys.DataConverter().ToPayloads(person())
		require.NoError(t, err)
		return &historypb.History{Events: []*historypb.HistoryEvent{{
			Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
				WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{Input: input},
			},
		}}}
	}
	require.Subset(t, readable(t, started(payload.Keys{})), []string{"Juniper", "@example.com", "+44 7700", "Gardener"})
	require.Len(t, unencrypted(t, started(payload.Keys{})), 1)

	encrypted, err := payload.ParseKeys(payload.NewKey("k1"))
	require.NoError(t, err)
	require.Empty(t, readable(t, started(encrypted)))
	require.Empty(t, unencrypted(t, started(encrypted)))

	failed := &historypb.History{Events: []*historypb.HistoryEvent{{
		Attributes: &historypb.HistoryEvent_WorkflowExecutionFailedEventAttributes{
			WorkflowExecutionFailedEventAttributes: &historypb.WorkflowExecutionFailedEventAttributes{
				Failure: payload.Keys{}.FailureConverter().ErrorToFailure(fmt.Errorf("of Juniper")),
			},
		},
	}}}
	require.Equal(t, []string{"Juniper"}, readable(t, failed))
}

func TestPlainInputIsUnderstoodAndTheCodecServerDecrypts(t *testing.T) {
	if *record {
		t.Skip("recording is done without encryption")
	}
	t.Parallel()
	s := newStack(t)
	s.plainInput = true
	cli, err := temporalCLI()
	require.NoError(t, err)
	s.put(juniper, person())

	// As the web UI's form and tctl do: the JSON as it was typed.
	id := workflows.EmployeeWorkflowID(juniper)
	out, err := s.command(cli, "workflow", "start", "--type", workflows.EmployeeSyncName, "--task-queue", workflows.TaskQueue,
		"--workflow-id", id, "--input", "{}")
	require.NoError(t, err, out)
	s.eventually("the user is created", 20*time.Second, func() bool { return s.user(juniper) != nil })
	s.done(juniper)

	s.put(juniper, title("Head Gardener"))
	plain, err := client.Dial(client.Options{HostPort: s.address, Namespace: s.namespace, Logger: quiet{}})
	require.NoError(t, err)
	defer plain.Close()
	run, err := plain.SignalWithStartWorkflow(t.Context(), id, workflows.EventSignal, map[string]string{"type": string(employee.EventUpdated)},
		client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, workflows.EmployeeSyncName)
	require.NoError(t, err)
	out, err = s.command(cli, "workflow", "signal", "--workflow-id", id, "--name", workflows.EventSignal, "--input", `{"type":"employee.updated"}`)
	require.NoError(t, err, out)
	s.eventually("the title is written", 20*time.Second, func() bool { return s.user(juniper)["title"] == "Head Gardener" })
	require.Equal(t, employee.Updated, s.done(juniper).Outcome)

	// Who has no key learns nothing, and is told why.
	err = plain.GetWorkflow(t.Context(), id, run.GetRunID()).Get(t.Context(), &workflows.Result{})
	require.ErrorContains(t, err, payload.Encoding)
	withoutKeys := *s
	withoutKeys.env = slices.DeleteFunc(slices.Clone(s.env), func(e string) bool { return strings.HasPrefix(e, "PAYLOAD_KEYS=") })
	out, err = withoutKeys.starterCommand("status", juniper)
	require.Error(t, err)
	require.Contains(t, out, "it needs the key e2e, and this process has no keys; set PAYLOAD_KEYS as it is set elsewhere")

	const token = "e2e-codec-token-31337"
	addr := freeAddr(t)
	s.env = append(s.env, "CODEC_ADDR="+addr, "CODEC_TOKENS="+token)
	s.start("starter", "codec")
	s.answers("http://" + addr + "/healthz")
	show := func(args ...string) *historypb.History {
		out, err := s.command(cli, append([]string{"workflow", "show", "--workflow-id", id, "--output", "json"}, args...)...)
		require.NoError(t, err, tail(out))
		var h historypb.History
		require.NoError(t, protojson.Unmarshal([]byte(out), &h))
		return &h
	}
	require.Empty(t, readable(t, show()))
	require.Subset(t, readable(t, show("--codec-endpoint", "http://"+addr+"/{namespace}", "--codec-auth", "Bearer "+token)),
		[]string{"Juniper", "@example.com", "+44 7700", "Gardener"})

	// Told of the codec server, the CLI encrypts what it sends.
	out, err = s.command(cli, "workflow", "start", "--type", workflows.EmployeeSyncName, "--task-queue", workflows.TaskQueue, "--workflow-id", id,
		"--input", "{}", "--codec-endpoint", "http://"+addr, "--codec-auth", "Bearer "+token)
	require.NoError(t, err, out)
	require.Equal(t, employee.Unchanged, s.done(juniper).Outcome)
	input := s.runHistory(juniper).GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetInput()
	require.Equal(t, payload.Encoding, string(input.GetPayloads()[0].GetMetadata()["encoding"]))
}

// A worker that lacks the key does nothing wrong: its workflows wait for one
// that has it, and no event is lost.
func TestWorkerWithoutTheKeyLosesNothing(t *testing.T) {
	if *record {
		t.Skip("recording is done without encryption")
	}
	t.Parallel()
	for name, set := range map[string]string{"no keys": "PAYLOAD_KEYS=", "another key": "PAYLOAD_KEYS=" + payload.NewKey("another")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, withoutWorker())
			right := s.env
			s.env = append(slices.Clone(right), set)
			s.startWorker()
			s.put(juniper, person(), "employee.created")
			s.appears(juniper)
			s.eventually("the worker finds that it has no key", 20*time.Second, func() bool {
				return slices.ContainsFunc(s.runHistory(juniper).GetEvents(), func(e *historypb.HistoryEvent) bool {
					return e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED
				})
			})
			require.Contains(t, s.workerLogs(), "it needs the key e2e")
			if set == "PAYLOAD_KEYS=" {
				require.Contains(t, s.workerLogs(), "Payloads are not encrypted")
				s.plainInput = true // that worker's account of the failed task
			}
			s.kill()

			s.env = right
			s.startWorker()
			result := s.done(juniper)
			require.Equal(t, employee.Created, result.Outcome, result.Reason)
			require.Len(t, s.users(), 1)
		})
	}
}
