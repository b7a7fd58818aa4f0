package main

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// samplePlan is a plan as a dry run leaves it.
func samplePlan() planFile {
	return newPlan("default", dispatch.BulkView{
		BulkRun: dispatch.BulkRun{WorkflowID: "bulk-dry-run", RunID: "0190-run", StartedAt: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)},
		Progress: &workflows.BulkProgress{
			Employees: 312, Users: 320, Settings: "default",
			Outcomes:   map[employee.Outcome]int{employee.Created: 1, employee.Updated: 58, employee.Failed: 1, employee.Unchanged: 240, employee.Skipped: 12},
			SkippedFor: map[string]int{"Out of scope: another site": 12},
		},
	}, sampleEntries)
}

func pageOf(t *testing.T, p planFile) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, writePlanHTML(&b, p))
	return b.String()
}

func TestPageIsWhole(t *testing.T) {
	html := pageOf(t, samplePlan())
	for _, want := range []string{
		"<h1>59 people would change, 1 needs somebody first</h1>", "Bob shows 312 people, OneLogin 320 users", "Tue 24 Nov 2026 09:00 UTC",
		`<option value="updated">updated (58)</option>`, "<option>department</option>", "<b>12</b> Out of scope: another site",
		`<td class="old"><i>none</i></td><td class="new">1 (active)</td>`,
		`<td class="old">&#43;44 20 7946 0000</td><td class="new"><i>none</i></td>`,
		"Two OneLogin users carry this person&#39;s id",
	} {
		require.Contains(t, html, want)
	}
	require.Equal(t, 60, strings.Count(html, "<article "))
	require.Less(t, strings.Index(html, sampleID(1)), strings.Index(html, sampleID(2)), "in the order of their ids")
}

// The page holds people's data: it loads and sends nothing, and values do not
// become part of it.
func TestPageIsClosed(t *testing.T) {
	html := pageOf(t, samplePlan())
	require.NotContains(t, html, "<script>alert")
	require.Contains(t, html, "Juniper &lt;script&gt;alert")
	require.NotRegexp(t, `(?i)\b(src|href|action|srcset)\s*=`, html)
	require.NotRegexp(t, `(?i)url\(|@import|fetch\(|XMLHttpRequest|sendBeacon|WebSocket|https?://`, html)
	require.NotRegexp(t, `(?i)\s(style|on[a-z]+)="`, html, "the policy does not let these act")

	policy := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(html)
	require.Len(t, policy, 2)
	require.True(t, strings.HasPrefix(unescaped(policy[1]), "default-src 'none'; "))
	for _, tag := range []string{"style", "script"} {
		source := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(html, -1)
		require.Len(t, source, 1)
		require.Contains(t, unescaped(policy[1]), tag+"-src "+sourceSum(source[0][1]), "what is in the page is what its policy names")
	}
}

func unescaped(s string) string {
	return strings.NewReplacer("&#39;", "'", "&#43;", "+", "&amp;", "&").Replace(s)
}

func TestPageOfNothing(t *testing.T) {
	p := samplePlan()
	p.People = nil
	html := pageOf(t, p)
	require.Contains(t, html, "<h1>Nobody would change</h1>")
	require.NotContains(t, html, "<form")
	require.NotContains(t, html, "<script")
}
