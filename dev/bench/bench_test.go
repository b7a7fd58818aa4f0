package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/employee"
)

func TestRatioIsTheMedianOfTheRounds(t *testing.T) {
	for name, tt := range map[string]struct {
		ours, theirs []time.Duration
		want         float64
	}{
		"one round":                {[]time.Duration{3}, []time.Duration{2}, 1.5},
		"an outlier does nothing":  {[]time.Duration{3, 900, 2}, []time.Duration{2, 2, 2}, 1.5},
		"a slow round counts once": {[]time.Duration{3, 90, 6}, []time.Duration{2, 60, 3}, 1.5},
		"an even number":           {[]time.Duration{4, 3}, []time.Duration{2, 3}, 1.5},
	} {
		t.Run(name, func(t *testing.T) {
			require.InDelta(t, tt.want, rounds{tt.ours, tt.theirs}.ratio(), 0.001)
		})
	}
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i))
	}
	for p, want := range map[int]time.Duration{0: 1, 50: 51, 99: 100, 100: 100} {
		require.Equal(t, want, percentile(hundred, p), "%d", p)
	}
	require.EqualValues(t, 7, percentile([]time.Duration{7}, 99))
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		require.Equal(t, want, thousands(n))
	}
	for d, want := range map[time.Duration]string{
		123456 * time.Nanosecond: "123µs", 12345 * time.Microsecond: "12.3ms", 1234 * time.Millisecond: "1.23s",
		83456 * time.Millisecond: "1m23.5s", 0: "0s",
	} {
		require.Equal(t, want, short(d))
	}
}

func TestBoundsAreJudged(t *testing.T) {
	f := figures("Title")
	f.ratio("just", 1.5, 1.5)
	f.ratio("too slow", 1.51, 1.5)
	f.exact("calls", 10, 10)
	f.exact("a call too many", 11, 10)
	f.tell("time", 2*time.Second)
	require.Len(t, f.failures("part"), 2)
	require.Contains(t, f.failures("part")[0], "part: Title: too slow, 1.51, at most 1.5")
	require.Contains(t, f.failures("part")[1], "a call too many")
	var out bytes.Buffer
	f.print(&out)
	require.Regexp(t, `(?m)^too slow +1\.51 +at most 1\.5 +FAILS$`, out.String())
}

func TestScaleIsJudged(t *testing.T) {
	good := func(employees, changed int) measured {
		return measured{
			employees: employees, users: employees, changed: changed, took: time.Duration(employees+10*changed) * time.Millisecond, peak: 300 << 20,
			bare:  time.Duration(8*changed) * time.Millisecond,
			spent: spent{bob: 1, oneLogin: pagesOf(employees) + changed}, trace: trace{runs: 1, longest: 6000, widest: 1 << 20, largest: 100 << 10},
		}
	}
	runs := func(mend func(all []measured)) []measured {
		all := []measured{good(1000, 0), good(1000, 100), good(10000, 0), good(10000, 1000), good(100000, 0), good(100000, 1000), good(100000, 10000)}
		if mend != nil {
			mend(all)
		}
		return all
	}
	for name, tt := range map[string]struct {
		mend func(all []measured)
		fail int
	}{
		"all is well":                        {nil, 0},
		"a call more than the least":         {func(all []measured) { all[1].spent.oneLogin++ }, 1},
		"Bob asked twice":                    {func(all []measured) { all[0].spent.bob++ }, 1},
		"too much memory":                    {func(all []measured) { all[4].peak = 513 << 20 }, 1},
		"much memory where many change":      {func(all []measured) { all[6].peak = 513 << 20 }, 0},
		"a payload that Temporal warns of":   {func(all []measured) { all[5].trace.largest = 257 << 10 }, 1},
		"a history that Temporal warns of":   {func(all []measured) { all[6].trace.longest = 10_241 }, 1},
		"reading grows faster than linear":   {func(all []measured) { all[4].took *= 2 }, 1},
		"changing grows faster than linear":  {func(all []measured) { all[6].took *= 2 }, 1},
		"bare children that grow":            {func(all []measured) { all[6].bare *= 2 }, 0},
		"a smaller company that costs more":  {func(all []measured) { all[0].took, all[1].took = 2*all[0].took, 2*all[1].took }, 0},
		"a system that tells no peak memory": {func(all []measured) { all[4].peak = 0 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			all := runs(tt.mend)
			sizes, growth := scaleTable(all), growthTable(all)
			require.Len(t, sizes.rows, 7)
			require.Len(t, growth.rows, 3)
			require.Len(t, append(sizes.failures("scale"), growth.failures("scale")...), tt.fail)
		})
	}
}

func TestTablesAreWrittenBetweenTheirMarkers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "document.md")
	text := "# Title\n<!-- bench calls -->\nold\n<!-- /bench calls -->\nbetween\n<!-- bench calls-cluster -->\nkept\n<!-- /bench calls-cluster -->\nend\n"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	f := figures("Some figures")
	f.ratio("time", 1.2, 1.5)
	for range 2 { // a second time changes nothing
		require.NoError(t, rewrite(path, "calls", "4 cores; `make bench ARGS=calls`", []table{*f}))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, strings.Replace(text, "old\n", "4 cores; `make bench ARGS=calls`\n\n**Some figures**\n\n"+
			"|  | measured | bound | verdict |\n|---|---|---|---|\n| time | 1.20 | at most 1.5 | holds |\n", 1), string(got))
	}
	require.ErrorContains(t, rewrite(path, "loop", "", nil), "no place for")
}

// TestDocumentHasAPlaceForEveryPart: `make bench` can write all of them.
func TestDocumentHasAPlaceForEveryPart(t *testing.T) {
	document, err := os.ReadFile("../../docs/performance.md")
	require.NoError(t, err)
	places := []string{"bulk-cluster", "parents-cluster", "scale-cluster"}
	for _, p := range parts {
		if p.name != onAsking {
			places = append(places, p.name)
		}
	}
	for _, place := range places {
		begin, end := markers(place)
		require.Equal(t, 1, strings.Count(string(document), begin), place)
		require.Equal(t, 1, strings.Count(string(document), end), place)
	}
}

func TestWhichPartsAreMeasured(t *testing.T) {
	names := func(of []part) (out []string) {
		for _, p := range of {
			out = append(out, p.name)
		}
		return out
	}
	all, err := chosen(nil)
	require.NoError(t, err)
	require.Equal(t, []string{"calls", "events", "bulk", "webhook", "scale", "budget", "timers", "loop"}, names(all))
	some, err := chosen([]string{"parents", "calls"})
	require.NoError(t, err)
	require.Equal(t, []string{"calls", "parents"}, names(some))
	_, err = chosen([]string{"nothing"})
	require.ErrorContains(t, err, `no part "nothing"`)
}

func TestCommandNamesUnusualSizes(t *testing.T) {
	t.Setenv("BENCH_ROUNDS", "5")
	t.Setenv("BENCH_EVENTS", "40")
	s, err := readSizes()
	require.NoError(t, err)
	require.Equal(t, "BENCH_EVENTS=40 make bench ARGS=events", command("events", false, s))
	require.Equal(t, "BENCH_EVENTS=40 make cluster-bench ARGS=bulk", command("bulk", true, s))
}

func TestSizesThatCannotBe(t *testing.T) {
	for variable, value := range map[string]string{
		"BENCH_ROUNDS": "0", "BENCH_EMPLOYEES": "10", "BENCH_HOUR": "1s", "BENCH_HOURS": "1", "BENCH_LOOP": "many",
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			_, err := readSizes()
			require.Error(t, err)
		})
	}
	_, err := readSizes()
	require.NoError(t, err)
}

func TestPeakMemory(t *testing.T) {
	require.Equal(t, "1536 kB", lineOf(strings.NewReader("Name:\tworker\nVmPeak:\t 99999 kB\nVmHWM:\t    1536 kB\nVmRSS:\t 12 kB\n"), "VmHWM"))
	require.Empty(t, lineOf(strings.NewReader("Name:\tworker\n"), "VmHWM"))
	kb, ok := kilobytesIn("1536 kB")
	require.True(t, ok)
	require.EqualValues(t, 1536, kb)
	require.Zero(t, peakMemory(-1))
	if _, err := os.Stat("/proc/self/status"); err == nil {
		require.Positive(t, peakMemory(os.Getpid()))
	}
}

func TestWorldIsInLineButForWhoIsChanged(t *testing.T) {
	w, err := newWorld(100, nature{hires: 3})
	require.NoError(t, err)
	t.Cleanup(w.close)
	require.Len(t, w.oneLogin.Users(), 95)
	require.NoError(t, w.change(0, 60))
	require.ErrorContains(t, w.change(60, 60), "too few")
	for range 3 {
		_, err := w.hire()
		require.NoError(t, err)
	}
	require.Len(t, w.bob.People(), 103)
	_, err = w.hire()
	require.ErrorContains(t, err, "too few")
}

func TestZonesAreMadeInWhichADayBegins(t *testing.T) {
	for name, at := range map[string]time.Time{
		"in the morning": time.Date(2026, 3, 10, 4, 5, 0, 0, time.UTC),
		"in the evening": time.Date(2026, 3, 10, 20, 5, 6, 7, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			m, env, err := makeMidnight(t.TempDir(), at)
			require.NoError(t, err)
			require.Len(t, env, 2)
			loc, err := time.LoadLocationFromTZData("Soon", zoneFile(int32(m.day.Sub(m.at)/time.Second)))
			require.NoError(t, err)
			y, mo, d := m.day.Date()
			require.True(t, time.Date(y, mo, d, 0, 0, 0, 0, loc).Equal(m.at))
			require.False(t, m.at.Before(at))
			require.Less(t, m.at.Sub(at), time.Minute)
			require.Zero(t, m.at.Second())
		})
	}
}

// TestPlainLoop: the loop that runs are compared with does its work.
func TestPlainLoop(t *testing.T) {
	w, err := newWorld(20, nature{})
	require.NoError(t, err)
	t.Cleanup(w.close)
	require.NoError(t, w.change(0, 1))
	require.NoError(t, (&plainLoop{w: w}).run(t.Context()))
	// Bob's search leaves out who is inactive, unless it is asked not to.
	require.Equal(t, spent{bob: 1, oneLogin: 2 * len(w.working)}, w.spent())
	for _, u := range w.oneLogin.Users() {
		if u["external_id"] == w.working[0] {
			require.Contains(t, u["lastname"], "Else")
		}
	}
}

func TestOutcomesNameWhatTheyCost(t *testing.T) {
	seen := map[employee.Outcome]bool{}
	for _, o := range outcomes {
		require.False(t, seen[o.what])
		seen[o.what] = true
		require.Equal(t, o.writes+1, o.oneLogin, "one look, and what is to be done")
	}
}
