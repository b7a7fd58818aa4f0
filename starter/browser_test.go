package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browse opens a page in a real browser, and returns what a script makes of it
// and what the browser complained of.
func browse[T any](t *testing.T, html, script string) (result T, complaints []string) {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium is here to show the page")
	}
	file := filepath.Join(t.TempDir(), "plan.html")
	require.NoError(t, os.WriteFile(file, []byte(html), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	console := chromedp.Console(ctx)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("file://"+file)))
	const end = "that was all"
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T]("(async () => {"+script+"})().finally(() => console.log('"+end+"'))", chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	for message, err := range console {
		require.NoError(t, err)
		if message.Text == end {
			break
		}
		complaints = append(complaints, message.Text)
	}
	return result, complaints
}

// seen is what the page shows at one moment.
type seen struct {
	Says   string `json:"says"`
	People int    `json:"people"`
	None   bool   `json:"none"`
}

func TestPageInABrowser(t *testing.T) {
	moments, complaints := browse[[]seen](t, pageOf(t, samplePlan()), `
		const moments = [];
		const set = (id, value) => {
			const field = document.getElementById(id);
			field.value = value;
			field.dispatchEvent(new Event("input", {bubbles: true}));
		};
		const see = async (says) => {
			const shown = document.getElementById("shown");
			while (shown.value !== says) await new Promise(requestAnimationFrame);
			moments.push({
				says: shown.value,
				people: Array.from(document.querySelectorAll("article")).filter((a) => a.getClientRects().length > 0).length,
				none: !document.getElementById("none").hidden,
			});
		};
		await see("60 people");
		set("outcome", "created"); await see("1 of 60 people");
		set("outcome", ""); set("attribute", "department"); await see("57 of 60 people");
		set("text", "CAKES 00007"); await see("1 of 60 people");
		set("text", "nothing like it"); await see("0 of 60 people");
		document.querySelector("button[type=reset]").click(); await see("60 people");
		return moments;`)
	require.Empty(t, complaints, "its policy lets all of it act")
	require.Equal(t, []seen{
		{"60 people", 60, false},
		{"1 of 60 people", 1, false},
		{"57 of 60 people", 57, false},
		{"1 of 60 people", 1, false},
		{"0 of 60 people", 0, true},
		{"60 people", 60, false},
	}, moments)
}

// The policy stops what a value might bring along, should it ever get through.
func TestPageStopsWhatDoesNotBelong(t *testing.T) {
	html := strings.Replace(pageOf(t, samplePlan()), "</main>", `<script>document.title = "taken"</script><img src="https://example.com/x.png"></main>`, 1)
	title, complaints := browse[string](t, html, `return document.title;`)
	require.NotEqual(t, "taken", title)
	require.Len(t, complaints, 2, "the script and the image")
	for _, complaint := range complaints {
		require.Contains(t, complaint, "Content Security Policy")
	}
}
