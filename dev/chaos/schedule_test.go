package main

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const manySeeds = 200

func TestAScheduleIsItsSeeds(t *testing.T) {
	for seed := range uint64(20) {
		require.Equal(t, newSchedule(seed, began), newSchedule(seed, began))
	}
	require.NotEqual(t, newSchedule(1, began).Faults, newSchedule(25, began).Faults)
}

// TestSchedulesAreWhatTheyShouldBe looks at as many seeds as a whole run has.
func TestSchedulesAreWhatTheyShouldBe(t *testing.T) {
	classes, boundary := map[string]int{}, map[string]int{}
	situations, ways := map[situation]int{}, map[delivery]int{}
	stale, storms, rushes := 0, map[turn]int{}, map[int]int{}
	for seed := range uint64(manySeeds) {
		s := newSchedule(seed, began)
		require.GreaterOrEqual(t, len(s.People), 12)
		suspensions, due := 0, 0
		byID := map[string]person{}
		for _, p := range s.People {
			byID[p.ID] = p
			situations[p.Situation]++
			switch p.Situation {
			case leaver, spareLeaver, deleted, missed, revoked, restored:
				suspensions++
			case rushed:
				due++
			}
		}
		require.Len(t, byID, len(s.People), "ids are people's own")
		if s.Rush < 0 {
			require.LessOrEqual(t, len(s.People), 25)
			require.LessOrEqual(t, suspensions, maxSuspensions)
			require.Less(t, maxSuspensions, brakeLimit, "nobody is held without a rush")
		} else {
			rushes[s.Rush]++
			require.LessOrEqual(t, len(s.People), 40, "a share of them is no more than the brake's least limit")
			require.LessOrEqual(t, suspensions, maxSuspensions+1)
			require.GreaterOrEqual(t, due, brakeLimit+3, "one to approve, one to reject, one to leave alone")
			for _, st := range s.Waves[s.Rush] {
				if byID[st.Person].Situation == rushed {
					require.NotEqual(t, dropped, st.How, "they come together")
				}
			}
		}

		places := map[string]map[int]bool{}
		for _, p := range s.Faults {
			require.NotEmpty(t, p.Name)
			if places[p.Kind] == nil {
				places[p.Kind] = map[int]bool{}
			}
			require.False(t, places[p.Kind][p.Nth], "two faults for one call: %s", p.Name)
			places[p.Kind][p.Nth] = true
			classes[p.Class]++
			storms[p.Turn]++
			if p.Kill == theWorker && p.Kind != decision {
				boundary[p.When+" "+p.Kind]++
			}
			if p.Kind == bobSearch || p.Kind == oneList {
				require.Equal(t, 1, s.Bulk, "who else should make the call?")
			}
		}
		for kind, most := range few {
			require.LessOrEqual(t, len(places[kind]), most, kind)
		}
		require.Len(t, s.Waves, waves)
		for _, st := range slices.Concat(append(slices.Clone(s.Waves), s.Calm)...) {
			ways[st.How]++
			if p, known := byID[st.Person]; known && p.Situation == deleted {
				require.NotEqual(t, dropped, st.How, "a deletion is proven by its webhook")
			}
		}
		if s.Stale {
			stale++
			require.Len(t, s.Calm, 1)
		}
	}
	require.Len(t, boundary, len(boundaries()), "a worker is killed at every boundary: %v", boundary)
	for _, class := range []string{
		"refusal", "delay", "lost request", "answer lost", "answer cut off", "HTML error", "HTML error after the effect", "HTML for JSON",
		"empty list", "partial list", "unexplained 404", "rate limit", "refusal for good", "stale link", "401 storm", "budget exhausted",
		"worker killed before", "worker killed after", "worker killed answered", "server killed", "server killed and away", "starter killed",
		"worker killed at a decision", "server killed at a decision",
	} {
		require.Positive(t, classes[class], class)
		delete(classes, class)
	}
	require.Empty(t, slices.Collect(maps.Keys(classes)), "docs/reliability.md lists every class")
	require.Positive(t, storms[bobRefuses])
	require.Positive(t, storms[oneLoginDenies])
	for _, how := range []delivery{atOnce, duplicated, reordered, late, dropped} {
		require.Positive(t, ways[how], how)
	}
	for _, s := range []situation{
		atWork, manager, drifted, unlinked, absent, suspended, starter, leaver, spareLeaver, missed, deleted, erased, revoked, restored, outdated, protected, outOfScope, rushed,
	} {
		require.Positive(t, situations[s], s)
	}
	require.InDelta(t, manySeeds/2, stale, manySeeds/5)
	require.Len(t, rushes, waves-1, "a rush comes in every wave but the last: %v", rushes)
}

func TestTruth(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	at := func(site, status, lifecycle, start, end any) map[string]any {
		return map[string]any{
			"work":     map[string]any{"site": site, "startDate": start},
			"internal": map[string]any{"status": status, "lifecycleStatus": lifecycle, "terminationDate": end},
		}
	}
	tests := map[string]struct {
		record        map[string]any
		left, started bool
	}{
		"at work":                              {at("London", "Active", "employed", "2025-01-01", nil), false, true},
		"left by status":                       {at("London", "Inactive", "terminated", "2025-01-01", nil), true, true},
		"left by date":                         {at("London", "Active", "employed", "2025-01-01", "2026-03-01"), true, true},
		"leaves at the end of today":           {at("London", "Active", "employed", "2025-01-01", "2026-03-02"), false, true},
		"it is tomorrow there already":         {at("Kiritimati", "Active", "employed", "2025-01-01", "2026-03-02"), true, true},
		"it is yesterday there still":          {at("Honolulu", "Active", "employed", "2026-03-03", nil), false, false},
		"starts tomorrow, which it is there":   {at("Auckland", "Active", "employed", "2026-03-03", nil), false, true},
		"hired":                                {at("London", "Inactive", "hired", "2026-04-01", nil), false, false},
		"inactive, and Bob does not say why":   {at("London", "Inactive", nil, "2025-01-01", nil), false, true},
		"the end of an employment before this": {at("London", "Active", "employed", "2026-01-01", "2025-06-30"), false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.left, hasLeft(tt.record, now))
			require.Equal(t, tt.started, hasStarted(tt.record, now))
		})
	}
}
