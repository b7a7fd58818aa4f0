package uitest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// columns are those that docs/web-ui.md advises. The web UI keeps them in the
// browser.
var columns = []string{"Status", "Workflow ID", "SyncState", "SyncDueAt", "Start"}

const (
	pictureWidth = 1400
	// mostHeight bounds pictures of long pages, and mostBytes what the
	// repository has to carry.
	mostHeight = 1100
	mostBytes  = 300 << 10
)

// browser is one tab of a headless Chromium with a profile of its own.
type browser struct {
	t   *testing.T
	ctx context.Context
	web string
	// pictures is the folder that they are put into.
	pictures string
}

func newBrowser(t *testing.T, path, web, pictures string) *browser {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Env("TZ=UTC"), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WindowSize(pictureWidth, 900))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx, web: web, pictures: pictures}
	// The UI reads its settings when it loads, from storage that belongs to
	// its address.
	b.open("/namespaces")
	b.run(remember(b.t, "namespace-workflow-table-columns", map[string]any{namespace: labels(columns)}))
	return b
}

func labels(names []string) []map[string]string {
	all := make([]map[string]string, len(names))
	for i, name := range names {
		all[i] = map[string]string{"label": name}
	}
	return all
}

func remember(t *testing.T, key string, value any) chromedp.Action[chromedp.Void] {
	t.Helper()
	content, err := json.Marshal(value)
	require.NoError(t, err)
	return chromedp.Evaluate[chromedp.Void](fmt.Sprintf("void localStorage.setItem(%q, %q)", key, content))
}

func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, actions...))
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.run(chromedp.EmulateViewport(pictureWidth, mostHeight), chromedp.Navigate(b.web+path))
}

// page is the path of a tab of a workflow's newest run.
func (s *stack) page(workflowID, tab string) string {
	s.t.Helper()
	described, err := s.temporal.DescribeWorkflowExecution(s.t.Context(), workflowID, "")
	require.NoError(s.t, err)
	run := described.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	return "/namespaces/" + namespace + "/workflows/" + url.PathEscape(workflowID) + "/" + run + "/" + tab
}

// list is the path of the list with a filter; the UI keeps it as a saved view
// under the name that comes with it.
func list(name, query string) string {
	return "/namespaces/" + namespace + "/workflows?" + url.Values{"query": {query}, "savedQuery": {name}}.Encode()
}

// words are all that a person can read on the page; the texts that workflows
// give stand in frames of their own.
const words = `[document, ...Array.from(document.querySelectorAll("iframe"), (f) => f.contentDocument)]
	.map((d) => d?.body?.innerText ?? "").join("\n")`

func (b *browser) text() string {
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](words))
	if err != nil {
		return "" // the page is being left
	}
	return strings.Join(strings.Fields(text), " ")
}

// reads waits until the page says all of this, in patterns.
func (b *browser) reads(patterns ...string) {
	b.t.Helper()
	var text string
	var missing []string
	says := func() bool {
		text = b.text()
		missing = slices.DeleteFunc(slices.Clone(patterns), func(p string) bool { return regexp.MustCompile(p).MatchString(text) })
		return len(missing) == 0
	}
	for deadline := time.Now().Add(30 * time.Second); !says(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("the page does not say %q; it says:\n%s", missing, text)
		}
	}
}

// bottom is where the last words of the page end, frames included.
const bottom = `Math.ceil(Math.max(...Array.from(document.querySelectorAll("main *"))
	.filter((e) => e.checkVisibility({visibilityProperty: true, opacityProperty: true}) && !e.closest("nav"))
	.filter((e) => e.tagName === "IFRAME" || Array.from(e.childNodes).some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim() !== ""))
	.map((e) => e.getBoundingClientRect().bottom)))`

// shoot takes a picture of the page, as high as there is something to read.
func (b *browser) shoot(name string) {
	b.t.Helper()
	high, err := chromedp.Run(b.ctx, chromedp.Evaluate[int64](bottom))
	require.NoError(b.t, err)
	b.run(chromedp.EmulateViewport(pictureWidth, min(max(high+24, 500), mostHeight)))
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	file := filepath.Join(b.pictures, name+".png")
	require.NoError(b.t, os.WriteFile(file, picture, 0o644))
	require.Less(b.t, len(picture), mostBytes, "%s is too big for the repository", file)
}
