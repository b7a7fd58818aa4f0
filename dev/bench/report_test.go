package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRatioIsTheMedianOfTheRounds(t *testing.T) {
	for name, tt := range map[string]struct {
		bulk, empty []time.Duration
		want        float64
	}{
		"one round":                {[]time.Duration{3}, []time.Duration{2}, 1.5},
		"an outlier does nothing":  {[]time.Duration{3, 900, 2}, []time.Duration{2, 2, 2}, 1.5},
		"a slow round counts once": {[]time.Duration{3, 90, 6}, []time.Duration{2, 60, 3}, 1.5},
		"an even number":           {[]time.Duration{4, 3}, []time.Duration{2, 3}, 1.5},
	} {
		t.Run(name, func(t *testing.T) {
			require.InDelta(t, tt.want, comparison{bulk: tt.bulk, empty: tt.empty}.ratio(), 0.001)
		})
	}
}

func TestWhatIsPrinted(t *testing.T) {
	var out bytes.Buffer
	comparison{children: 500, window: 50, bulk: []time.Duration{6 * time.Second}, empty: []time.Duration{5 * time.Second}}.print(&out)
	many{
		employees: 20000, users: 19000, changed: 200, took: 9 * time.Second, peak: 200 << 20,
		bobCalls: map[string]int{"POST /v1/people/search": 1}, oneLoginCalls: map[string]int{"GET /api/2/users?page": 190},
	}.print(&out)
	for _, want := range []string{"1.20", "bound 1.5", "12ms", "200 MB", "190", "20000 employees"} {
		require.Contains(t, out.String(), want)
	}
	out.Reset()
	many{}.print(&out)
	require.Contains(t, out.String(), "unknown on this system")
}

func TestPeakMemory(t *testing.T) {
	require.EqualValues(t, 1536<<10, parsePeak(strings.NewReader("Name:\tworker\nVmPeak:\t 99999 kB\nVmHWM:\t    1536 kB\nVmRSS:\t 12 kB\n")))
	require.Zero(t, parsePeak(strings.NewReader("Name:\tworker\n")))
	require.Zero(t, peakMemory(-1))
	if _, err := os.Stat("/proc/self/status"); err == nil {
		require.Positive(t, peakMemory(os.Getpid()))
	}
}

func TestSizesThatCannotBe(t *testing.T) {
	good := sizes{Children: 1, Rounds: 1, Window: 1, Employees: 2, Changed: 1}
	require.NoError(t, good.validate())
	none, tooMany := good, good
	none.Rounds = 0
	tooMany.Changed = 2
	require.ErrorContains(t, none.validate(), "positive")
	require.ErrorContains(t, tooMany.validate(), "BENCH_CHANGED")
}

func TestWorldIsInLineButForWhoIsChanged(t *testing.T) {
	w, err := newWorld(100)
	require.NoError(t, err)
	t.Cleanup(w.close)
	require.Len(t, w.oneLogin.Users(), 95)
	require.NoError(t, w.change(0, 60))
	require.ErrorContains(t, w.change(60, 60), "too few")
}
