package activities

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDepths(t *testing.T) {
	tests := []struct {
		name     string
		managers map[string]string
		want     map[string]int
	}{
		{name: "nobody reports to anybody", managers: map[string]string{}, want: map[string]int{"1": 0, "2": 0, "3": 0}},
		{name: "a line", managers: map[string]string{"1": "2", "2": "3"}, want: map[string]int{"3": 0, "2": 1, "1": 2}},
		{name: "a tree", managers: map[string]string{"1": "3", "2": "3"}, want: map[string]int{"3": 0, "2": 1, "1": 1}},
		{name: "a manager whom Bob does not show", managers: map[string]string{"1": "9", "2": "1"}, want: map[string]int{"9": 0, "1": 1, "2": 2, "3": 0}},
		{name: "two who manage each other", managers: map[string]string{"1": "2", "2": "1"}, want: map[string]int{"2": 0, "1": 1, "3": 0}},
		{name: "somebody below a circle", managers: map[string]string{"2": "3", "3": "2", "1": "2"}, want: map[string]int{"3": 0, "2": 1, "1": 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			depth := depths([]string{"1", "2", "3"}, test.managers)
			for id, want := range test.want {
				require.Equal(t, want, depth[id], "depth of %s", id)
			}
		})
	}
}

// TestDepthsOrderManagersFirst draws reporting lines. The order of people hangs
// on those lines alone; everybody has a place; and where nobody is their own
// manager's manager, a manager comes before every report.
func TestDepthsOrderManagersFirst(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(rt, "people")
		var ids []string
		for i := range n {
			ids = append(ids, strconv.Itoa(i+1))
		}
		managers := map[string]string{}
		for _, id := range ids {
			// One more than there are people: somebody whom Bob does not show.
			if m := strconv.Itoa(rapid.IntRange(0, n+1).Draw(rt, "manager")); m != "0" && m != id {
				managers[id] = m
			}
		}
		drawn := rapid.Permutation(slices.Clone(ids)).Draw(rt, "order")
		depth := depths(sortedIDs(drawn), managers)
		require.Equal(rt, depths(sortedIDs(ids), managers), depth, "the order of Bob's answer does not matter")

		keys := make([]BulkKey, n)
		for i, id := range drawn {
			d, known := depth[id]
			require.True(rt, known)
			require.GreaterOrEqual(rt, d, 0)
			keys[i] = BulkKey{Depth: d, EmployeeID: id}
			require.Positive(rt, keys[i].Compare(BulkKey{}), "the zero key comes first")
		}
		slices.SortFunc(keys, BulkKey.Compare)
		place := map[string]int{}
		for i, k := range keys {
			place[k.EmployeeID] = i
		}
		require.Len(rt, place, n)

		circular := func(id string) bool {
			seen := map[string]bool{}
			for at, ok := id, true; ok; at, ok = managers[at] {
				if seen[at] {
					return true
				}
				seen[at] = true
			}
			return false
		}
		early := 0
		for report, manager := range managers {
			_, shown := place[manager]
			switch {
			case !shown:
			case !circular(report):
				require.Less(rt, place[manager], place[report], "%s manages %s", manager, report)
			case place[manager] > place[report]:
				early++
			}
		}
		require.LessOrEqual(rt, early, circles(ids, managers), "a circle is entered at one place")
	})
}

// circles counts the circles in reporting lines.
func circles(ids []string, managers map[string]string) int {
	first := map[string]bool{}
	for _, id := range ids {
		at := id
		for range len(ids) + 1 {
			at = managers[at] // whoever is left after so many steps is in a circle
		}
		if at == "" {
			continue
		}
		least := at
		for next := managers[at]; next != at; next = managers[next] {
			least = min(least, next)
		}
		first[least] = true
	}
	return len(first)
}

func TestBulkKeysAreTotallyOrdered(t *testing.T) {
	key := rapid.Custom(func(rt *rapid.T) BulkKey {
		return BulkKey{
			Depth:      rapid.IntRange(0, 3).Draw(rt, "depth"),
			EmployeeID: strconv.FormatUint(rapid.Uint64().Draw(rt, "id"), 10),
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		a, b, c := key.Draw(rt, "a"), key.Draw(rt, "b"), key.Draw(rt, "c")
		require.Equal(rt, a.Compare(b), -b.Compare(a))
		require.Equal(rt, a == b, a.Compare(b) == 0)
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 {
			require.LessOrEqual(rt, a.Compare(c), 0)
		}
		if a.Depth == b.Depth {
			x, _ := strconv.ParseUint(a.EmployeeID, 10, 64)
			y, _ := strconv.ParseUint(b.EmployeeID, 10, 64)
			require.Equal(rt, cmp.Compare(x, y), a.Compare(b), "by number, not by text")
		}
	})
}

func TestSortedIDs(t *testing.T) {
	ids := map[string]bool{"100": true, "20": true, "3": true}
	require.Equal(t, []string{"3", "20", "100"}, sortedIDs(slices.Collect(maps.Keys(ids))))
}
