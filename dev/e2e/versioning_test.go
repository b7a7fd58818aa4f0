package e2e

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/client"

	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

const deployment = "bob-onelogin"

// startBuild starts a worker of a build, and waits until the server knows it.
func (s *stack) startBuild(build string) *process {
	s.t.Helper()
	plain := s.env
	s.env = append(slices.Clone(plain), "WORKER_DEPLOYMENT_NAME="+deployment, "WORKER_BUILD_ID="+build)
	w := s.start("worker")
	s.workers = append(s.workers, w)
	s.env = plain
	s.polls(w)
	handle := s.temporal.WorkerDeploymentClient().GetHandle(deployment)
	s.eventually("the server knows build "+build, 30*time.Second, func() bool {
		version, err := handle.DescribeVersion(s.t.Context(), client.WorkerDeploymentDescribeVersionOptions{BuildID: build})
		if err != nil {
			return false
		}
		var kinds []client.TaskQueueType
		for _, q := range version.Info.TaskQueuesInfos {
			require.Equal(s.t, workflows.TaskQueue, q.Name, "the only queue that is versioned")
			kinds = append(kinds, q.Type)
		}
		return slices.Contains(kinds, client.TaskQueueTypeWorkflow) && slices.Contains(kinds, client.TaskQueueTypeActivity)
	})
	return w
}

// setCurrent sends new workflows, and those that follow, to a build.
func (s *stack) setCurrent(build string) {
	s.t.Helper()
	handle := s.temporal.WorkerDeploymentClient().GetHandle(deployment)
	_, err := handle.SetCurrentVersion(s.t.Context(), client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build})
	require.NoError(s.t, err)
}

// versioning is what the server says of a workflow's newest run.
func (s *stack) versioning(id string) *workflowpb.WorkflowExecutionVersioningInfo {
	s.t.Helper()
	d, err := s.temporal.DescribeWorkflowExecution(s.t.Context(), id, "")
	require.NoError(s.t, err)
	return d.GetWorkflowExecutionInfo().GetVersioningInfo()
}

func on(build string) *deploymentpb.WorkerDeploymentVersion {
	return &deploymentpb.WorkerDeploymentVersion{DeploymentName: deployment, BuildId: build}
}

func (s *stack) requireOn(build string, behavior enumspb.VersioningBehavior, id string) {
	s.t.Helper()
	info := s.versioning(id)
	require.Equal(s.t, behavior, info.GetBehavior(), id)
	require.Equal(s.t, on(build).String(), info.GetDeploymentVersion().String(), id)
}

// A new build takes over while a bulk run is under way: the run ends on the
// build that it began on, across its continuations; people's workflows, its
// children among them, go on on the new one; and nothing is done twice.
func TestBuildsSideBySide(t *testing.T) {
	if *record {
		t.Skip("the histories that are recorded are of workers without versioning")
	}
	const (
		n      = 330 // more than a run has in hand before it may be handed over
		auto   = enumspb.VERSIONING_BEHAVIOR_AUTO_UPGRADE
		pinned = enumspb.VERSIONING_BEHAVIOR_PINNED
	)
	// A bulk run is handed over to a fresh run after few people.
	address := server
	if os.Getenv("E2E_TEMPORAL_ADDRESS") == "" {
		dev, err := startServer(t.Context(), "", "", "--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=300")
		require.NoError(t, err)
		t.Cleanup(func() { _ = dev.Stop() })
		address = dev.FrontendHostPort()
	}
	t.Parallel()
	s := newBulkStack(t, 20, withServer(address), withoutWorker(), withEnv("ONELOGIN_MAX_RPS=25"))
	one := s.startBuild("v1.0.0")
	s.setCurrent("v1.0.0")

	// Somebody waits for a start date, on the first build.
	waiting := hireID(1_000)
	hire := newHire(waiting, "")
	hire["work"].(map[string]any)["startDate"] = "2035-03-05"
	s.put(waiting, hire, "employee.created")
	s.eventually("a hire waits", 20*time.Second, func() bool { return s.status(waiting).State == workflows.Waiting })
	s.requireOn("v1.0.0", auto, workflows.EmployeeWorkflowID(waiting))

	s.hires(n)
	run := s.begin(workflows.BulkSyncInput{Window: 10})
	first := run.GetRunID() // it follows the run's continuations later
	s.eventually("the bulk run creates users", time.Minute, func() bool { return s.created() >= 10 })
	s.requireOn("v1.0.0", pinned, workflows.BulkWorkflowID)
	s.startBuild("v2.0.0")
	s.setCurrent("v2.0.0")
	require.Less(t, s.created(), n, "the bulk run is still under way")

	s.put(juniper, person(), "employee.created")
	require.Equal(t, employee.Created, s.done(juniper).Outcome)
	s.requireOn("v2.0.0", auto, workflows.EmployeeWorkflowID(juniper))
	require.Less(t, s.created(), n+1, "the bulk run is still under way")
	s.put(waiting, map[string]any{"work": map[string]any{"startDate": "2020-03-05"}}, "employee.updated")
	s.eventually("the hire goes on on the new build", 20*time.Second, func() bool { return s.user(waiting) != nil })
	s.done(waiting)
	s.requireOn("v2.0.0", auto, workflows.EmployeeWorkflowID(waiting))

	p, err := s.end(run)
	require.NoError(t, err)
	require.Equal(t, n, p.Outcomes[employee.Created])
	require.Equal(t, n+2, s.created(), "nobody is created twice")
	s.requireOn("v1.0.0", pinned, workflows.BulkWorkflowID)
	last, err := s.temporal.DescribeWorkflowExecution(t.Context(), workflows.BulkWorkflowID, "")
	require.NoError(t, err)
	require.NotEqual(t, first, last.GetWorkflowExecutionInfo().GetExecution().GetRunId(), "the run is continued")
	followed := 0
	for i := range n {
		switch build := s.versioning(workflows.EmployeeWorkflowID(hireID(i))).GetDeploymentVersion().GetBuildId(); build {
		case "v1.0.0":
		case "v2.0.0":
			followed++
		default:
			t.Errorf("the workflow of %s ended on build %q", hireID(i), build)
		}
	}
	require.Positive(t, followed, "children that follow the current build")

	// The last build may go once nothing is left on it.
	one.stop(syscall.SIGTERM)
	s.put(juniper, title("Head Gardener"), "employee.updated")
	s.eventually("the new build works alone", 20*time.Second, func() bool { return s.user(juniper)["title"] == "Head Gardener" })
	p = s.bulk()
	s.requireOn("v2.0.0", pinned, workflows.BulkWorkflowID)
	require.Zero(t, p.Outcomes[employee.Created])
	require.NotContains(t, strings.ToLower(s.workerLogs()), "nondeterminis")
}
