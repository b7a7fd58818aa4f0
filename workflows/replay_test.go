package workflows_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"bob-onelogin/workflows"
)

// TestReplay replays recorded histories of every workflow, and of every state
// that an employee's can be in, so that a deploy breaks no workflow that has been waiting for months.
// `make histories` records them anew; an old one is only ever dropped when no
// workflow of its kind can be alive any more.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 25, "recorded histories")
	kinds := map[string]bool{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			// Another settle delay than the recorded one must not matter.
			workflows.Register(replayer, workflows.Options{SettleDelay: 7 * time.Minute})
			f, err := os.Open(file)
			require.NoError(t, err)
			defer f.Close()
			h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
			require.NoError(t, err)
			started := h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
			kinds[started.GetWorkflowType().GetName()] = true
			require.NoError(t, replayer.ReplayWorkflowHistoryWithOptions(quiet{}, h, worker.ReplayWorkflowHistoryOptions{
				OriginalExecution: workflow.Execution{ID: started.GetWorkflowId()},
			}))
		})
	}
	for _, kind := range []string{
		workflows.EmployeeSyncName, workflows.BulkSyncName, workflows.SuspensionBrakeName, workflows.ReadBackName, workflows.NotifyName,
	} {
		require.True(t, kinds[kind], "no history of a workflow of type %s is kept", kind)
	}
}
