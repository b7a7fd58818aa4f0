package main

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAFewSeeds is the short run of `make chaos`: without refused credentials,
// which cost a minute. The last has a rush.
func TestAFewSeeds(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	p, err := prepare(t.Context(), "../..", t.TempDir(), buildFlags...)
	require.NoError(t, err)
	for _, seed := range []uint64{14, 17, 20} {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			o, err := run(t.Context(), p, seed)
			require.NoError(t, err)
			var said strings.Builder
			newTotals().add(&said, seed, o, nil, len(o.Violations) > 0)
			t.Log(said.String())
			require.Empty(t, o.Violations)
			require.Positive(t, o.Kills[theWorker])
		})
	}
}

// TestReport: a seed that fails is told with what to type and what happened.
func TestReport(t *testing.T) {
	e := good()
	e.Calls[3].Fault = &planned{Name: "delay at bob person 1", Class: "delay"}
	o := outcome{Evidence: e, Kills: map[victim]int{theWorker: 2}, Violations: []violation{{Invariant: "no event is lost", Person: workingID, Text: "it was"}}}
	totals := newTotals()
	var said strings.Builder
	totals.add(&said, 7, o, nil, false)
	totals.add(&said, 8, outcome{}, io.ErrUnexpectedEOF, false)
	totals.print(&said)
	for _, want := range []string{
		"seed 7: 7 people, 3 webhooks, 1 faults (delay 1), killed: worker 2, server 0, starter 0; 4 writes, 1 violations",
		"VIOLATED no event is lost: employee " + workingID + ": it was",
		workingID + " is at work",
		"12:00:04.000 bob person → 200 [delay at bob person 1]",
		"12:00:07.000 onelogin update user 1 [title] → 200",
		"again: make chaos SEEDS=1 SEED=7",
		"seed 8: could not be played: unexpected EOF",
		"2 seeds, 7 people, 3 webhooks accepted, 4 writes",
	} {
		require.Contains(t, said.String(), want)
	}
	require.EqualError(t, totals.err(), "1 violations")
}
