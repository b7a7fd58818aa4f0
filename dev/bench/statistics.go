package main

import (
	"slices"
	"time"
)

func median[T time.Duration | float64](d []T) T {
	sorted := slices.Sorted(slices.Values(d))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// percentile is the value that p of 100 do not exceed.
func percentile(d []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

// rounds are measured in turns of ours and theirs, so that what slows the
// machine down for a round falls on both.
type rounds struct{ ours, theirs []time.Duration }

func (r *rounds) add(ours, theirs time.Duration) {
	r.ours, r.theirs = append(r.ours, ours), append(r.theirs, theirs)
}

// ratio is the median of the rounds' ratios.
func (r rounds) ratio() float64 {
	ratios := make([]float64, len(r.ours))
	for i := range r.ours {
		ratios[i] = float64(r.ours[i]) / float64(r.theirs[i])
	}
	return median(ratios)
}
