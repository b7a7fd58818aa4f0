package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// comparison is what both fan-outs took, by rounds.
type comparison struct {
	children, window int
	bulk, empty      []time.Duration
}

// ratio is the median of the rounds' ratios: what slows the machine down for a
// round falls on both of its fan-outs.
func (c comparison) ratio() float64 {
	ratios := make([]float64, len(c.bulk))
	for round := range c.bulk {
		ratios[round] = float64(c.bulk[round]) / float64(c.empty[round])
	}
	return median(ratios)
}

func (c comparison) print(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	per := func(d time.Duration) time.Duration {
		return (d / time.Duration(c.children)).Round(10 * time.Microsecond)
	}
	fmt.Fprintf(t, "\nFan-out of %d with a window of %d\tmedian\tper child\n", c.children, c.window)
	fmt.Fprintf(t, "bulk run, everybody changed\t%s\t%s\n", median(c.bulk).Round(time.Millisecond), per(median(c.bulk)))
	fmt.Fprintf(t, "empty workflows\t%s\t%s\n", median(c.empty).Round(time.Millisecond), per(median(c.empty)))
	fmt.Fprintf(t, "ratio, median of %d rounds\t%.2f\tbound %.1f\n", len(c.bulk), c.ratio(), bound)
	_ = t.Flush()
}

func median[T time.Duration | float64](d []T) T {
	sorted := slices.Sorted(slices.Values(d))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// many is what a bulk run over many employees took.
type many struct {
	employees, users, changed int
	took                      time.Duration
	// peak is the worker's resident memory at its most, in bytes; 0 where the
	// system does not tell.
	peak                    int64
	bobCalls, oneLoginCalls map[string]int
}

func (m many) print(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\n%d employees, %d users, %d changed\n", m.employees, m.users, m.changed)
	fmt.Fprintf(t, "time\t%s\n", m.took.Round(time.Millisecond))
	peak := "unknown on this system"
	if m.peak > 0 {
		peak = fmt.Sprintf("%d MB", m.peak>>20)
	}
	fmt.Fprintf(t, "worker's peak memory\t%s\n", peak)
	for _, side := range []struct {
		name  string
		calls map[string]int
	}{{"Bob", m.bobCalls}, {"OneLogin", m.oneLoginCalls}} {
		for _, route := range slices.Sorted(maps.Keys(side.calls)) {
			fmt.Fprintf(t, "calls to %s\t%d\t%s\n", side.name, side.calls[route], route)
		}
	}
	_ = t.Flush()
}

// peakMemory is what Linux tells of a process, in bytes; 0 where it does not.
func peakMemory(pid int) int64 {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	defer f.Close()
	return parsePeak(f)
}

func parsePeak(status io.Reader) int64 {
	lines := bufio.NewScanner(status)
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), "VmHWM:")
		if !ok {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
		if err != nil {
			return 0
		}
		return kb << 10
	}
	return 0
}
