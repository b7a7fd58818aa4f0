package uitest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// TestBulkStartsFromTheForm fills in the web UI's form as an operator would,
// without an input, with one, and with a key in it that there is not.
func TestBulkStartsFromTheForm(t *testing.T) {
	if *chromium == "" {
		t.Skip("needs a browser: run `make ui-test`")
	}
	s := newStack(t)
	s.put(boss, person("Boss", "One", "Head Gardener"))
	s.put(done, person("Hire", "Today", "Kite Engineer"))
	b := newBrowser(t, *chromium, s.web, t.TempDir())

	b.startWorkflow("bulk-sync-from-form", `{"employeeIds": ["`+boss+`"], "window": 5}`)
	p := s.ended("bulk-sync-from-form")
	require.Equal(t, map[employee.Outcome]int{employee.Created: 1}, p.Outcomes, "one of the two was asked for")
	b.open(s.page("bulk-sync-from-form", "history"))
	b.reads("Completed", `"employeeIds": \[ ?"`+boss+`"`)

	b.startWorkflow("bulk-sync-without-input", "")
	p = s.ended("bulk-sync-without-input")
	require.Equal(t, 1, p.Outcomes[employee.Created], "the other one")

	b.startWorkflow("bulk-sync-mistyped", `{"dryrun": true}`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.Error(t, s.temporal.GetWorkflow(ctx, "bulk-sync-mistyped", "").Get(ctx, nil))
	b.open(s.page("bulk-sync-mistyped", "history"))
	b.reads("Failed", `the input has unknown keys: \\?"dryrun\\?"; use dryRun, force, employeeIds, window`)
}

const startButton = "[data-testid=start-workflow-button]"

// startWorkflow fills in the form and sends it.
func (b *browser) startWorkflow(id, input string) {
	b.t.Helper()
	b.open("/namespaces/" + namespace + "/workflows/start-workflow")
	b.reads("Start a Workflow")
	fields := []chromedp.Action[chromedp.Void]{
		chromedp.SendKeys("#workflowId", id),
		chromedp.SendKeys("#taskQueue", workflows.TaskQueue),
		chromedp.SendKeys("#workflowType", workflows.BulkSyncName),
	}
	if input != "" {
		// The editor is no field, but takes what is typed while it has the
		// focus. Without it, it lays the text out, and the button moves.
		fields = append(fields, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(
			`document.querySelector(".cm-content").focus(); void document.execCommand("insertText", false, %q); document.activeElement.blur()`, input)))
	}
	b.run(append(fields, chromedp.WaitEnabled(startButton), chromedp.Evaluate[chromedp.Void](`document.querySelector("`+startButton+`").click()`))...)
	b.reads("Workflow started successfully")
}

// ended waits for the end of a bulk run, and is its result.
func (s *stack) ended(id string) workflows.BulkProgress {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	s.eventually(id+" has begun", func() bool {
		_, err := s.temporal.DescribeWorkflowExecution(ctx, id, "")
		return err == nil
	})
	var p workflows.BulkProgress
	require.NoError(s.t, s.temporal.GetWorkflow(ctx, id, "").Get(ctx, &p))
	return p
}
