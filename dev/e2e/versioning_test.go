package e2e

import (
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
		return err == nil && slices.ContainsFunc(version.Info.TaskQueuesInfos, func(q client.WorkerDeploymentTaskQueueInfo) bool {
			return q.Name == workflows.TaskQueue && q.Type == client.TaskQueueTypeWorkflow
		})
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
	t.Parallel()
	const (
		n      = 120
		auto   = enumspb.VERSIONING_BEHAVIOR_AUTO_UPGRADE
		pinned = enumspb.VERSIONING_BEHAVIOR_PINNED
	)
	s := newBulkStack(t, 20, withoutWorker(), withEnv("ONELOGIN_MAX_RPS=20"))
	one := s.startBuild("v1.0.0")
	s.setCurrent("v1.0.0")

	// Somebody waits for a start date, on the first build.
	s.put(rowan, hiredOn("2035-03-05"), "employee.created")
	s.eventually("a hire waits", 20*time.Second, func() bool { return s.status(rowan).State == workflows.Waiting })
	s.requireOn("v1.0.0", auto, workflows.EmployeeWorkflowID(rowan))

	s.hires(n)
	run := s.begin(workflows.BulkSyncInput{Window: 5})
	s.eventually("the bulk run creates users", time.Minute, func() bool { return s.created() >= 10 })
	s.requireOn("v1.0.0", pinned, workflows.BulkWorkflowID)
	s.startBuild("v2.0.0")
	s.setCurrent("v2.0.0")
	require.Less(t, s.created(), n, "the bulk run is still under way")

	s.put(juniper, person(), "employee.created")
	require.Equal(t, employee.Created, s.done(juniper).Outcome)
	s.requireOn("v2.0.0", auto, workflows.EmployeeWorkflowID(juniper))
	require.Less(t, s.created(), n+1, "the bulk run is still under way")
	s.put(rowan, hiredOn("2020-03-05"), "employee.updated")
	s.eventually("the hire goes on on the new build", 20*time.Second, func() bool { return s.user(rowan) != nil })
	s.done(rowan)
	s.requireOn("v2.0.0", auto, workflows.EmployeeWorkflowID(rowan))

	p, err := s.end(run)
	require.NoError(t, err)
	require.Equal(t, n, p.Outcomes[employee.Created])
	require.Equal(t, n+2, s.created(), "nobody is created twice")
	s.requireOn("v1.0.0", pinned, workflows.BulkWorkflowID)
	last := 0
	for i := range n {
		switch build := s.versioning(workflows.EmployeeWorkflowID(hireID(i))).GetDeploymentVersion().GetBuildId(); build {
		case "v1.0.0":
		case "v2.0.0":
			last++
		default:
			t.Errorf("the workflow of %s ended on build %q", hireID(i), build)
		}
	}
	require.Positive(t, last, "children that follow the current build")

	// The last build may go once nothing is left on it.
	one.stop(syscall.SIGTERM)
	s.put(juniper, title("Head Gardener"), "employee.updated")
	s.eventually("the new build works alone", 20*time.Second, func() bool { return s.user(juniper)["title"] == "Head Gardener" })
	p = s.bulk()
	s.requireOn("v2.0.0", pinned, workflows.BulkWorkflowID)
	require.Zero(t, p.Outcomes[employee.Created])
	require.NotContains(t, strings.ToLower(s.workerLogs()), "nondeterminis")
}
