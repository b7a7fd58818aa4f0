package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"bob-onelogin/activities"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// halfway is a run in its middle.
var halfway = workflows.BulkProgress{
	Phase: workflows.BulkRunning, Employees: 312, Users: 320, Total: 40, Done: 10, Running: 5, PerMinute: 30,
	Outcomes: map[employee.Outcome]int{employee.Created: 2, employee.Updated: 8, employee.Unchanged: 260},
}

// finished is a run that is over.
func finished(change func(*workflows.BulkProgress)) workflows.BulkProgress {
	p := halfway
	p.Phase, p.Done, p.Running = workflows.BulkDone, p.Total, 0
	p.Outcomes = map[employee.Outcome]int{employee.Created: 2, employee.Updated: 38, employee.Unchanged: 260}
	if change != nil {
		change(&p)
	}
	return p
}

func TestBulkStarts(t *testing.T) {
	o := newOffice(t)
	o.work()
	require.NoError(t, o.bulk(bulkCommand{}).start(t.Context(), workflows.BulkSyncInput{Force: true}))
	require.Contains(t, o.err.String(), "Started bulk-sync, run ")
	require.Contains(t, o.err.String(), "starter bulk --run bulk-sync ")
	require.Contains(t, o.err.String(), "temporal workflow describe --workflow-id bulk-sync")
	require.Empty(t, o.out.String())
	view, err := o.Progress(t.Context(), "bulk-sync", "")
	require.NoError(t, err)
	require.True(t, view.Running)
}

func TestBulkSaysThatOneIsRunning(t *testing.T) {
	tests := []struct {
		name     string
		workflow string
		answer   string
		asks     bool
		watch    bool
		watches  bool
	}{
		{name: "elsewhere", workflow: "bulk-sync"},
		{name: "elsewhere, to be watched", workflow: "bulk-sync", watch: true},
		{name: "a scheduled one", workflow: "bulk-sync-2026-11-24T00:00:00Z"},
		{name: "on a terminal, yes", workflow: "bulk-sync", asks: true, answer: "\n", watches: true},
		{name: "on a terminal, yes to a scheduled one", workflow: "bulk-sync-2026-11-24T00:00:00Z", asks: true, answer: "Yes\n", watches: true},
		{name: "on a terminal, no", workflow: "bulk-sync", asks: true, answer: "n\n"},
		{name: "on a terminal, nobody there", workflow: "bulk-sync", asks: true, answer: ""},
		{name: "on a terminal, to be watched", workflow: "bulk-sync", asks: true, watch: true, answer: "n\n", watches: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := newOffice(t)
			o.work()
			o.launch(test.workflow, workflows.BulkSyncInput{})
			o.tell(test.workflow, halfway)
			b := o.bulk(bulkCommand{Watch: test.watch})
			b.asks, b.in = test.asks, strings.NewReader(test.answer)
			done := make(chan error, 1)
			go func() { done <- b.start(t.Context(), workflows.BulkSyncInput{}) }()
			if test.watches {
				o.eventually("the run is watched", func() bool {
					return regexp.MustCompile(`\d\d:\d\d:\d\d 10 of 40 people`).MatchString(o.err.String())
				})
				o.tell(test.workflow, finished(nil))
			}
			err := <-done
			require.Contains(t, o.err.String(), test.workflow+" is running since ")
			require.Contains(t, o.err.String(), ": 10 of 40 people, 30 a minute, 2 created")
			require.Equal(t, test.asks && !test.watch, strings.Contains(o.err.String(), "Watch it? [Y/n] "))
			if test.watches {
				require.NoError(t, err)
				require.Contains(t, o.out.String(), test.workflow+" is done: 40 of 40 people")
				return
			}
			require.ErrorContains(t, err, "nothing was started, because "+test.workflow+" is running; `starter bulk --run "+test.workflow+"` shows it")
			view, err := o.Progress(t.Context(), test.workflow, "")
			require.NoError(t, err)
			require.True(t, view.Running)
		})
	}
}

// launch starts a run under any ID, as a Schedule does, and waits until it is
// listed.
func (o *office) launch(id string, in workflows.BulkSyncInput) {
	o.t.Helper()
	_, err := o.client.ExecuteWorkflow(o.t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, workflows.BulkSyncName, in)
	require.NoError(o.t, err)
	o.eventually("the run is listed", func() bool {
		running, err := o.RunningBulk(o.t.Context())
		require.NoError(o.t, err)
		for _, run := range running {
			if run.WorkflowID == id {
				return true
			}
		}
		return false
	})
}

// Dry runs and runs that write do not stand in each other's way.
func TestBulkBesideADryRun(t *testing.T) {
	o := newOffice(t)
	o.work()
	stays := workflows.BulkSyncInput{DryRun: true, EmployeeIDs: []string{sampleID(1)}}
	o.launch("bulk-dry-run", stays)
	o.launch("bulk-report-2026-11-24T00:00:00Z", stays)
	require.NoError(t, o.bulk(bulkCommand{}).start(t.Context(), workflows.BulkSyncInput{}))

	err := o.bulk(bulkCommand{DryRun: true}).start(t.Context(), workflows.BulkSyncInput{DryRun: true})
	require.ErrorContains(t, err, "nothing was started, because bulk-dry-run is running")
}

func TestBulkWatches(t *testing.T) {
	tests := []struct {
		name string
		end  workflows.BulkProgress
		out  string
		err  string
	}{
		{name: "all well", end: finished(nil), out: "bulk-sync is done: 40 of 40 people were dealt with."},
		{
			name: "some failed",
			end: finished(func(p *workflows.BulkProgress) {
				p.Outcomes[employee.Failed] = 2
				p.Failures = []workflows.BulkFailure{{EmployeeID: sampleID(7), Outcome: employee.Failed, WorkflowID: "employee/" + sampleID(7), Reason: "Two OneLogin users"}}
			}),
			out: sampleID(7) + "  failed: Two OneLogin users", err: "2 people of bulk-sync failed",
		},
		{
			name: "the run failed", end: finished(func(p *workflows.BulkProgress) { p.Phase, p.Done = "failed", 11 }),
			out: "bulk-sync failed: " + failsWith + ". 11 of 40 people were dealt with.", err: "bulk-sync failed",
		},
		{
			name: "nobody was out of line", end: finished(func(p *workflows.BulkProgress) { p.Total, p.Done = 0, 0 }),
			out: "bulk-sync is done: nobody was out of line.",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := newOffice(t)
			o.work()
			done := make(chan error, 1)
			go func() { done <- o.bulk(bulkCommand{Watch: true}).start(t.Context(), workflows.BulkSyncInput{}) }()
			o.eventually("the reading is shown", func() bool { return strings.Contains(o.err.String(), "reading Bob and OneLogin") })
			o.tell("bulk-sync", halfway)
			o.eventually("the progress is shown", func() bool { return strings.Contains(o.err.String(), "10 of 40 people, 30 a minute") })
			o.tell("bulk-sync", test.end)
			err := <-done
			require.Contains(t, o.out.String(), test.out)
			if test.err == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.err)
		})
	}
}

func TestCtrlCLeavesTheRunRunning(t *testing.T) {
	o := newOffice(t)
	o.work()
	for _, asked := range []struct {
		in workflows.BulkSyncInput
		id string
	}{
		{workflows.BulkSyncInput{}, "bulk-sync"},
		{workflows.BulkSyncInput{DryRun: true, EmployeeIDs: []string{sampleID(1)}}, "bulk-dry-run"},
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- o.bulk(bulkCommand{Watch: true}).start(ctx, asked.in) }()
		o.eventually("it is watched", func() bool { return strings.Count(o.err.String(), "reading Bob") > 0 })
		interrupt()
		err := <-done
		var exit *exitError
		require.ErrorAs(t, err, &exit)
		require.Equal(t, 130, exit.code)
		require.EqualError(t, err, asked.id+" goes on without this command; `starter bulk --run "+asked.id+"` shows it again, `starter bulk --cancel --run "+asked.id+"` ends it")
		view, err := o.Progress(t.Context(), asked.id, "")
		require.NoError(t, err)
		require.True(t, view.Running)
		o.err = &output{}
	}
}

// Nothing is waited for without end where no worker is there.
func TestBulkWithoutAWorker(t *testing.T) {
	o := newOffice(t)
	o.Patience = dispatch.Patience{Query: 500 * time.Millisecond, Update: 500 * time.Millisecond, Other: 500 * time.Millisecond}
	b := o.bulk(bulkCommand{Watch: true})
	b.pace.patience = time.Millisecond
	err := b.start(t.Context(), workflows.BulkSyncInput{})
	require.ErrorContains(t, err, "nothing was heard of bulk-sync for 1ms, which has no worker that answers: none polls the task queue bob-onelogin; it goes on as soon as that is mended")

	err = o.bulk(bulkCommand{}).start(t.Context(), workflows.BulkSyncInput{})
	require.ErrorContains(t, err, "nothing was started")
	require.Contains(t, o.err.String(), ", and no worker answers for it.")

	err = o.bulk(bulkCommand{Pause: true}).steer(t.Context())
	require.ErrorContains(t, err, "none polls the task queue bob-onelogin")
	require.NoError(t, o.bulk(bulkCommand{Cancel: true}).steer(t.Context()), "the server takes it all the same")
}

func TestBulkSteers(t *testing.T) {
	o := newOffice(t)
	o.work()
	for _, command := range []bulkCommand{{Pause: true}, {Resume: true}, {Cancel: true}} {
		require.EqualError(t, o.bulk(command).steer(t.Context()), "no bulk run is under way")
	}
	o.launch("bulk-dry-run", workflows.BulkSyncInput{DryRun: true, EmployeeIDs: []string{sampleID(1)}})
	o.launch("bulk-sync", workflows.BulkSyncInput{})
	paused := func(id string) bool {
		view, err := o.Progress(t.Context(), id, "")
		require.NoError(t, err)
		return view.Progress.Paused
	}
	require.NoError(t, o.bulk(bulkCommand{Pause: true}).steer(t.Context()), "the one that writes is meant")
	require.True(t, paused("bulk-sync"))
	require.False(t, paused("bulk-dry-run"))
	require.Contains(t, o.err.String(), "bulk-sync is paused")
	require.NoError(t, o.bulk(bulkCommand{Resume: true}).steer(t.Context()))
	require.False(t, paused("bulk-sync"))
	require.NoError(t, o.bulk(bulkCommand{Pause: true, Of: "bulk-dry-run"}).steer(t.Context()))
	require.True(t, paused("bulk-dry-run"))

	require.EqualError(t, o.bulk(bulkCommand{Cancel: true, Of: "bulk-other"}).steer(t.Context()), "no bulk run is under way under the ID bulk-other")
	o.launch("bulk-sync-2026-11-24T00:00:00Z", workflows.BulkSyncInput{})
	require.ErrorContains(t, o.bulk(bulkCommand{Cancel: true}).steer(t.Context()), "several bulk runs are under way (bulk-dry-run, bulk-sync, bulk-sync-2026-11-24T00:00:00Z): name one with --run")

	require.NoError(t, o.bulk(bulkCommand{Cancel: true, Of: "bulk-sync"}).steer(t.Context()))
	o.eventually("it has ended", func() bool {
		view, err := o.Progress(t.Context(), "bulk-sync", "")
		require.NoError(t, err)
		return !view.Running
	})
	require.EqualError(t, o.bulk(bulkCommand{Of: "bulk-sync"}).show(t.Context(), "bulk-sync"), "bulk-sync was cancelled before everybody was dealt with")
	require.Contains(t, o.out.String(), "bulk-sync was cancelled: 0 of 0 people were dealt with.")
}

func TestBulkShowsARun(t *testing.T) {
	o := newOffice(t)
	o.work()
	require.ErrorContains(t, o.bulk(bulkCommand{}).show(t.Context(), "bulk-sync"), "there is no run bulk-sync within the namespace's retention")

	o.launch("bulk-sync", workflows.BulkSyncInput{})
	done := make(chan error, 1)
	go func() { done <- o.bulk(bulkCommand{}).show(t.Context(), "bulk-sync") }()
	o.eventually("it is watched", func() bool { return strings.Contains(o.err.String(), "reading Bob") })
	o.tell("bulk-sync", finished(nil))
	require.NoError(t, <-done)
	watched := o.out.String()
	require.Contains(t, watched, "bulk-sync is done")

	o.out = &output{}
	require.NoError(t, o.bulk(bulkCommand{}).show(t.Context(), "bulk-sync"))
	require.Equal(t, watched, o.out.String(), "what is over is told again")
	require.ErrorContains(t, o.bulk(bulkCommand{Values: true}).show(t.Context(), "bulk-sync"), "bulk-sync has no plan to show")
}

// run and moments differ from test to test.
func steady(text string) string {
	text = regexp.MustCompile(`run [0-9a-f-]{36}`).ReplaceAllString(text, "run RUN")
	text = regexp.MustCompile(`[A-Z][a-z]{2} \d+ [A-Z][a-z]{2} 20\d\d \d\d:\d\d(:\d\d)? UTC`).ReplaceAllString(text, "MOMENT")
	return regexp.MustCompile(`"(madeAt|runId|namespace)": "[^"]*"`).ReplaceAllString(text, `"$1": "…"`)
}

func TestDryRun(t *testing.T) {
	for name, values := range map[string]bool{"dry_run": false, "dry_run_values": true} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.work()
			require.NoError(t, o.bulk(bulkCommand{DryRun: true, Values: values}).start(t.Context(), workflows.BulkSyncInput{DryRun: true}))
			golden(t, name, []byte(steady(o.out.String())))
			require.NotContains(t, o.err.String(), "juniper", "values are for the result alone")
			require.NotContains(t, o.out.String(), "\x1b", "values do not act on the terminal")
			if !values {
				for _, private := range []string{"juniper", "Baker", "Cakes", "+44"} {
					require.NotContains(t, o.out.String(), private)
				}
			}
		})
	}
}

func TestDryRunWritesThePlan(t *testing.T) {
	o := newOffice(t)
	o.work()
	dir := t.TempDir()
	asJSON, asHTML := filepath.Join(dir, "plan.json"), filepath.Join(dir, "plan.html")
	require.NoError(t, os.WriteFile(asJSON, []byte("an older plan"), 0o644))
	require.NoError(t, o.bulk(bulkCommand{DryRun: true, Output: []string{asJSON, asHTML}}).start(t.Context(), workflows.BulkSyncInput{DryRun: true}))
	require.Contains(t, o.out.String(), "59 people would change, 1 needs somebody first. Nothing was written.")
	require.Contains(t, o.out.String(), "Wrote "+asJSON+": 60 people.")
	require.NotContains(t, o.out.String(), sampleID(4), "the table is in the files")
	for _, path := range []string{asJSON, asHTML} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it holds people's data")
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "nothing lies about")
	content, err := os.ReadFile(asJSON)
	require.NoError(t, err)
	golden(t, "plan.json", []byte(steady(string(content))))

	// The same again from the run that is over.
	require.NoError(t, o.bulk(bulkCommand{Output: []string{filepath.Join(dir, "again.json")}}).show(t.Context(), "bulk-dry-run"))
	again, err := os.ReadFile(filepath.Join(dir, "again.json"))
	require.NoError(t, err)
	require.Equal(t, string(content), string(again))

	err = o.bulk(bulkCommand{Output: []string{filepath.Join(dir, "nowhere", "plan.json")}}).show(t.Context(), "bulk-dry-run")
	require.ErrorContains(t, err, "write the plan")
}

func TestApply(t *testing.T) {
	o := newOffice(t)
	o.work()
	require.NoError(t, o.bulk(bulkCommand{DryRun: true}).start(t.Context(), workflows.BulkSyncInput{DryRun: true}))
	view, err := o.Progress(t.Context(), "bulk-dry-run", "")
	require.NoError(t, err)
	o.out = &output{}
	plan, err := o.bulk(bulkCommand{}).plan(t.Context(), view)
	require.NoError(t, err)
	require.NoError(t, o.bulk(bulkCommand{}).apply(t.Context(), plan))
	require.Equal(t, "The plan has 60 people.\n  59 applied\n  1 left out: the plan itself says that somebody has to mend something first\n\nOutcome  People\nupdated  59\n", o.out.String())
	applied := o.input("bulk-sync")
	require.Len(t, applied.Apply, 59)
	require.Equal(t, "d1", applied.Apply[sampleID(1)])
	require.NotContains(t, applied.Apply, sampleID(3), "what could not be planned cannot be applied")
	require.False(t, applied.DryRun)
	require.False(t, applied.Force)
}

// input is what the newest run of an ID was started with.
func (o *office) input(id string) workflows.BulkSyncInput {
	o.t.Helper()
	first, err := o.client.GetWorkflowHistory(o.t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT).Next()
	require.NoError(o.t, err)
	var in workflows.BulkSyncInput
	require.NoError(o.t, in.UnmarshalJSON(first.GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()[0].GetData()))
	return in
}

// planOf is a plan of so many people, of whom some have other digests.
func (o *office) planOf(count int, digests map[int]string) planFile {
	p := planFile{Format: planFormat, Version: planVersion, Namespace: o.namespace, MadeAt: time.Now()}
	for n := range count {
		digest := "as planned"
		if other, ok := digests[n]; ok {
			digest = other
		}
		p.People = append(p.People, planPerson{EmployeeID: sampleID(n), Outcome: employee.Updated, Digest: digest})
	}
	return p
}

func TestApplyRefusesWhatHasMoved(t *testing.T) {
	o := newOffice(t)
	o.work()
	err := o.bulk(bulkCommand{}).apply(t.Context(), o.planOf(6, map[int]string{1: "moved", 2: "moved", 3: "in line", 4: "gone"}))
	require.EqualError(t, err, "the changes of 2 people were not applied")
	golden(t, "apply", []byte(o.out.String()))
}

func TestApplyInParts(t *testing.T) {
	o := newOffice(t)
	o.work()
	last := workflows.MaxApply + 2
	require.NoError(t, o.bulk(bulkCommand{}).apply(t.Context(), o.planOf(last+1, nil)))
	require.Contains(t, o.err.String(), fmt.Sprintf("Part 1 of 2: %d people.", workflows.MaxApply))
	require.Contains(t, o.err.String(), "Part 2 of 2: 3 people.")
	require.Contains(t, o.out.String(), fmt.Sprintf("%d applied", last+1))
	require.Len(t, o.input("bulk-sync").Apply, 3)
}

func TestApplyDoesNotBegin(t *testing.T) {
	o := newOffice(t)
	o.work()
	p := o.planOf(1, nil)
	p.Namespace = "another"
	require.EqualError(t, o.bulk(bulkCommand{}).apply(t.Context(), p), `the plan was made in namespace "another", and this is "`+o.namespace+`" (TEMPORAL_NAMESPACE)`)
	require.Empty(t, o.err.String())

	o.launch("bulk-sync", workflows.BulkSyncInput{})
	p = o.planOf(1, nil)
	p.MadeAt = time.Now().Add(-26 * time.Hour)
	err := o.bulk(bulkCommand{}).apply(t.Context(), p)
	require.ErrorContains(t, err, "the plan is not applied from person 1 on: bulk-sync is running since ")
	require.Contains(t, o.err.String(), "The plan is 26h00m old.")
}

func TestParsePlan(t *testing.T) {
	v := dispatch.BulkView{BulkRun: dispatch.BulkRun{WorkflowID: "bulk-dry-run", RunID: "run", StartedAt: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}, Progress: &workflows.BulkProgress{}}
	whole := newPlan("default", v, sampleEntries)
	var b bytes.Buffer
	require.NoError(t, writePlanJSON(&b, whole))
	good := b.String()
	back, err := parsePlan([]byte(good))
	require.NoError(t, err)
	require.Equal(t, whole, back)

	fewer := whole
	fewer.People = whole.People[3:5]
	b.Reset()
	require.NoError(t, writePlanJSON(&b, fewer))
	_, err = parsePlan(b.Bytes())
	require.NoError(t, err, "people may be taken out")

	twice := whole
	twice.People = append(whole.People[:2:2], whole.People[1])
	b.Reset()
	require.NoError(t, writePlanJSON(&b, twice))
	doubled := b.String()

	tests := []struct {
		name, content, err string
	}{
		{"not JSON", "plan", "this is no plan"},
		{"another file", `{"name":"package"}`, "this is no plan"},
		{"a newer version", strings.Replace(good, `"version": 1`, `"version": 2`, 1), "the plan has version 2, and this starter knows version 1 alone"},
		{"an unknown field", strings.Replace(good, `"settings"`, `"approvedBy": "me", "settings"`, 1), "the plan is damaged"},
		{"cut off", good[:len(good)/2], "this is no plan"},
		{"more behind it", good + "{}", "this is no plan"},
		{"no namespace", strings.Replace(good, `"namespace": "default"`, `"namespace": ""`, 1), "it does not say where or when"},
		{"another value", strings.Replace(good, "Head baker", "Director", 1), `person 1 of the plan (employee "` + sampleID(1) + `") was edited`},
		{"another digest", strings.Replace(good, `"digest": "d1"`, `"digest": "d2"`, 1), "person 1 of the plan"},
		{"somebody else", strings.Replace(good, sampleID(2), sampleID(99), 1), "person 2 of the plan"},
		{"somebody twice", doubled, "employee " + sampleID(2) + " is twice in the plan"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := parsePlan([]byte(test.content))
			require.ErrorContains(t, err, test.err)
			require.NotContains(t, err.Error(), "Director")
		})
	}
	_, err = readPlan(filepath.Join(t.TempDir(), "none.json"))
	require.ErrorContains(t, err, "--apply")
}

func TestBulkCommandLine(t *testing.T) {
	tests := []struct {
		args string
		want bulkCommand
		err  string
	}{
		{args: "bulk"},
		{args: "bulk --watch --force --window 7", want: bulkCommand{Watch: true, Force: true, Window: 7}},
		{args: "bulk --allow-suspensions 40", want: bulkCommand{AllowSuspensions: 40}},
		{args: "bulk --run bulk-sync --allow-suspensions 40", err: "--run shows a run that is there already"},
		{args: "bulk --employee 1,2 --employee 3", want: bulkCommand{Employee: []string{"1,2", "3"}}},
		{args: "bulk --run bulk-sync", want: bulkCommand{Of: "bulk-sync"}},
		{args: "bulk --pause --run bulk-sync", want: bulkCommand{Pause: true, Of: "bulk-sync"}},
		{args: "bulk --pause --resume", err: "can't be used together"},
		{args: "bulk --dry-run --apply " + os.Args[0], err: "can't be used together"},
		{args: "bulk --pause --watch", err: "go with --run alone"},
		{args: "bulk --cancel --force", err: "go with --run alone"},
		{args: "bulk --run bulk-sync --force", err: "--run shows a run that is there already"},
		{args: "bulk --run bulk-sync --dry-run", err: "--run shows a run that is there already"},
		{args: "bulk --apply " + os.Args[0] + " --employee 1", err: "--apply goes with neither"},
		{args: "bulk --output plan.json", err: "--output and --values are for a plan"},
		{args: "bulk --values", err: "--output and --values are for a plan"},
		{args: "bulk --dry-run --output plan.csv", err: "must end in .json"},
		{args: "bulk --apply no-such-plan.json", err: "no-such-plan.json"},
		{args: "schedule --every 24h --delete", err: "can't be used together"},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			var got cli
			parser, err := kong.New(&got, kong.Name("starter"))
			require.NoError(t, err)
			_, err = parser.Parse(strings.Fields(test.args))
			if err == nil {
				err = got.Bulk.check()
			}
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.want, got.Bulk)
		})
	}
}

// What is wrong with a command is said before anything is connected to.
func TestBulkCommandChecksFirst(t *testing.T) {
	err := bulkCommand{Window: 10_000}.Run(t.Context(), config.Starter{})
	require.ErrorContains(t, err, "window must lie between 1 and ")
	err = bulkCommand{DryRun: true, AllowSuspensions: 1}.Run(t.Context(), config.Starter{})
	require.ErrorContains(t, err, "allowSuspensions is for a run that writes")
	err = bulkCommand{Employee: []string{"juniper"}}.Run(t.Context(), config.Starter{})
	require.ErrorContains(t, err, "give a Bob employee id")
	err = bulkCommand{Apply: "testdata/dry_run.golden"}.Run(t.Context(), config.Starter{})
	require.ErrorContains(t, err, "--apply dry_run.golden: this is no plan")
}

func TestPrintEnd(t *testing.T) {
	began := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	full := finished(func(p *workflows.BulkProgress) {
		p.StartedAt, p.EndedAt, p.Settings = began, began.Add(92*time.Minute), "default"
		p.Outcomes = map[employee.Outcome]int{
			employee.Created: 2, employee.Updated: 30, employee.Suspended: 1, employee.Failed: 3, employee.Held: 1,
			employee.Unchanged: 260, employee.Skipped: 12, workflows.Signalled: 3, "promoted": 4,
		}
		p.SkippedFor = map[string]int{"Out of scope: another site": 10, "Excluded by the settings": 2}
		p.Failures = []workflows.BulkFailure{
			{EmployeeID: sampleID(7), Outcome: employee.Failed, WorkflowID: "employee/" + sampleID(7), Reason: "Two OneLogin users carry this person's id"},
			{EmployeeID: sampleID(8), Outcome: employee.Held, Reason: "There is no licence"},
		}
		p.FailuresOmitted = 2
		p.Repaired = &workflows.BulkRepaired{
			Outcomes: map[employee.Outcome]int{employee.Created: 2, employee.Updated: 30, employee.Suspended: 1, workflows.Signalled: 3},
			First: []workflows.BulkRepair{
				{EmployeeID: sampleID(1), Outcome: employee.Updated, Changed: []string{"department", "title"}},
				{EmployeeID: sampleID(2), Outcome: employee.Suspended, Changed: []string{"status"}},
				{EmployeeID: sampleID(3), Outcome: workflows.Signalled},
				{EmployeeID: sampleID(4), Outcome: employee.Updated, Changed: []string{"email"}, ChangedOmitted: 3},
			},
			Omitted: 32,
		}
		p.Unseen = &activities.Unseen{Users: 3, First: []activities.UnseenUser{{EmployeeID: sampleID(9), OneLoginID: 60000009}, {EmployeeID: sampleID(10), OneLoginID: 60000010}}}
	})
	for name, view := range map[string]dispatch.BulkView{
		"bulk_full":      {Progress: &full},
		"bulk_cancelled": {Progress: new(finished(func(p *workflows.BulkProgress) { p.Cancelled, p.Done, p.Running = true, 12, 5 })), Failure: "The workflow was cancelled"},
		"bulk_failed":    {Failure: "Bob shows nobody at all."},
	} {
		t.Run(name, func(t *testing.T) {
			view.WorkflowID = "bulk-sync"
			var b bytes.Buffer
			printEnd(&b, view)
			golden(t, name, b.Bytes())
			require.Error(t, verdict(view))
		})
	}
}

func TestStanding(t *testing.T) {
	now := time.Date(2026, 11, 24, 13, 30, 0, 0, time.UTC)
	tests := []struct {
		name string
		p    workflows.BulkProgress
		want string
	}{
		{"reading", workflows.BulkProgress{Phase: workflows.BulkReading}, "reading Bob and OneLogin"},
		{"reading must wait", workflows.BulkProgress{Phase: workflows.BulkReading, Waiting: "waiting for OneLogin's budget until 14:00 UTC"}, "reading Bob and OneLogin, waiting for OneLogin's budget until 14:00 UTC"},
		{"running", workflows.BulkProgress{Phase: workflows.BulkRunning, Total: 300, Done: 120, PerMinute: 24.4, EndsAt: now.Add(450 * time.Second), Outcomes: map[employee.Outcome]int{employee.Updated: 119, employee.Failed: 1}}, "120 of 300 people, about 7m left, 24 a minute, 1 failed, 119 updated"},
		{"slow", workflows.BulkProgress{Phase: workflows.BulkRunning, Total: 300, Done: 1, PerMinute: 0.4, EndsAt: now.Add(748 * time.Minute)}, "1 of 300 people, about 12h28m left, 0.4 a minute"},
		{"waiting", workflows.BulkProgress{Phase: workflows.BulkRunning, Total: 300, Done: 120, Waiting: "waiting for OneLogin's budget until 14:00 UTC"}, "120 of 300 people, waiting for OneLogin's budget until 14:00 UTC"},
		{"paused", workflows.BulkProgress{Phase: workflows.BulkRunning, Paused: true, Waiting: "paused; send the update resume to go on", Total: 3}, "0 of 3 people, paused"},
		{"linking", workflows.BulkProgress{Phase: workflows.BulkLinking, Total: 4, Done: 3}, "3 of 4 people, linking managers"},
		{"stopping", workflows.BulkProgress{Phase: workflows.BulkStopping, Total: 4, Done: 3, Running: 1}, "3 of 4 people, stopping, 1 still running"},
		{"nobody", workflows.BulkProgress{Phase: workflows.BulkRunning, Outcomes: map[employee.Outcome]int{employee.Unchanged: 260}}, "everybody is in line, 260 unchanged"},
		{"an end that is past", workflows.BulkProgress{Phase: workflows.BulkRunning, Total: 4, Done: 3, EndsAt: now.Add(-time.Minute)}, "3 of 4 people, about 0s left"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { require.Equal(t, test.want, standing(test.p, now)) })
	}
}

func TestPlainLines(t *testing.T) {
	var b bytes.Buffer
	now := time.Date(2026, 11, 24, 13, 30, 0, 0, time.UTC)
	s := &lineScreen{out: &b, every: 10 * time.Second, now: func() time.Time { return now }}
	say := func(after time.Duration, text string) {
		now = now.Add(after)
		s.note(text)
	}
	say(0, "one")
	say(time.Minute, "one")
	say(time.Second, "two")
	say(9*time.Second, "three")
	say(time.Second, "four")
	s.close()
	require.Equal(t, "13:30:00 one\n13:31:01 two\n13:31:11 four\n", b.String())
}

func TestBar(t *testing.T) {
	var b bytes.Buffer
	s := &barScreen{out: &b}
	// drawn is the line as a terminal shows it.
	drawn := func() string {
		lines := strings.Split(strings.ReplaceAll(b.String(), "\x1b[0K", ""), "\r")
		return strings.TrimSpace(lines[len(lines)-1])
	}
	s.show(workflows.BulkProgress{Phase: workflows.BulkReading})
	require.Contains(t, drawn(), "reading Bob and OneLogin")
	s.show(halfway)
	require.Regexp(t, `^25% █{6}░{18}  10 of 40 people, 30 a minute`, drawn())
	s.note("bulk-sync could not be asked; asking again")
	require.Regexp(t, `^25% █{6}░{18}  bulk-sync could not be asked`, drawn())
	all := halfway
	all.Phase, all.Done = workflows.BulkLinking, all.Total
	s.show(all)
	require.Regexp(t, `^99% █{23}░  40 of 40 people, linking managers`, drawn(), "it is not over")
	all.Total = 80
	s.show(all)
	require.Regexp(t, `^50% █{12}░{12}  40 of 80 people`, drawn())
	all.Waiting = strings.Repeat("long ", 40)
	s.show(all)
	require.LessOrEqual(t, len([]rune(drawn())), 80, "a line that is too long would not be drawn over")
	require.True(t, strings.HasSuffix(drawn(), "…"))
	require.NotContains(t, b.String(), "\n")
	s.close()
	require.True(t, strings.HasSuffix(b.String(), "\r\x1b[2K"), "what follows begins on an empty line")
}

// A bar that is not in use draws nothing: not even by itself.
func TestBarIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b output
		s := &barScreen{out: &b}
		s.show(workflows.BulkProgress{Phase: workflows.BulkReading})
		s.show(halfway)
		before := b.String()
		time.Sleep(time.Minute)
		require.Equal(t, before, b.String())
		s.close()
	})
}

func TestSummary(t *testing.T) {
	outcomes := func(outcomes ...employee.Outcome) (p planFile) {
		for _, o := range outcomes {
			p.People = append(p.People, planPerson{Outcome: o})
		}
		return p
	}
	for want, p := range map[string]planFile{
		"Nobody would change":                                                outcomes(),
		"1 person would change":                                              outcomes(employee.Updated),
		"Nobody would change, 1 needs somebody first":                        outcomes(employee.Failed),
		"Nobody would change, 2 would wait for a date":                       outcomes(employee.Scheduled, employee.Scheduled),
		"2 people would change, 1 would be looked at, 2 need somebody first": outcomes(employee.Created, employee.Unchanged, employee.Held, employee.Suspended, employee.Failed),
	} {
		require.Equal(t, want, p.Summary())
	}
}

func TestExitErrorSaysWhatItWraps(t *testing.T) {
	inner := errors.New("left")
	require.ErrorIs(t, &exitError{130, inner}, inner)
}
