package activities_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/activities"
	simonelogin "bob-onelogin/dev/sim/onelogin"
)

// budget has OneLogin tell, with every answer, that so much is left of an hour
// of a hundred calls which ends in so long.
func (w *world) budget(left int, ends time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instead = func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.Header().Set("X-RateLimit-Limit", "100")
		rw.Header().Set("X-RateLimit-Remaining", strconv.Itoa(left))
		rw.Header().Set("X-RateLimit-Reset", strconv.Itoa(int(ends.Seconds())))
		return false
	}
}

// told makes one call, so that the client has been told.
func (w *world) told() {
	w.t.Helper()
	require.NoError(w.t, w.acts.Prepare(w.t.Context()))
}

func TestBulkKeepsAReserveOfTheBudget(t *testing.T) {
	tests := []struct {
		name    string
		left    int
		ends    time.Duration
		reserve int
		refused bool
	}{
		{name: "plenty is left", left: 80, ends: 20 * time.Minute, reserve: 10},
		{name: "one more than the reserve is left", left: 11, ends: 20 * time.Minute, reserve: 10},
		{name: "the reserve is left", left: 10, ends: 20 * time.Minute, reserve: 10, refused: true},
		{name: "nothing is left", left: 0, ends: 20 * time.Minute, reserve: 10, refused: true},
		{name: "a larger reserve", left: 40, ends: 20 * time.Minute, reserve: 50, refused: true},
		{name: "no reserve", left: 1, ends: 20 * time.Minute, reserve: 0},
		{name: "the hour is over", left: 0, ends: 0, reserve: 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.settings.Limits.BudgetReservePercent = test.reserve
			w.user(attrs{"title": "Surfer"})
			in := w.upsertInput(func(in *activities.UpsertUserInput) { in.Bulk = true })
			w.budget(test.left, test.ends)
			w.told()
			w.forgetCalls()
			err := w.once(activities.UpsertUserName, in, nil)
			if !test.refused {
				require.NoError(t, err)
				return
			}
			app := failure(t, err)
			require.Equal(t, activities.ErrBudgetReserved, app.Type())
			require.False(t, app.NonRetryable())
			require.Empty(t, w.calls())
			require.Contains(t, app.Message(), "waiting for OneLogin's budget until "+time.Now().Add(test.ends).UTC().Format("15:"))
			require.InDelta(t, test.ends, app.NextRetryDelay(), float64(test.ends/4))

			in.Bulk = false
			require.NoError(t, w.once(activities.UpsertUserName, in, nil), "a live event has what is kept for it")
		})
	}
	t.Run("OneLogin tells no budget", func(t *testing.T) {
		w := newWorld(t)
		w.user(attrs{"title": "Surfer"})
		in := w.upsertInput(func(in *activities.UpsertUserInput) { in.Bulk = true })
		require.NoError(t, w.once(activities.UpsertUserName, in, nil))
	})
}

func TestBulkLeaverNeedsNoBudgetToSpare(t *testing.T) {
	w := newWorld(t)
	w.put(personID, inactive)
	id := w.user()
	in := w.leaver()
	w.budget(2, 20*time.Minute)
	w.told()
	require.NoError(t, w.once(activities.EnforceStatusName, in, nil))
	require.True(t, w.sessionsEnded(id))
}

// TestBulkSnapshotWaitsForTheNextHour begins no listing that the rest of the
// hour cannot end.
func TestBulkSnapshotWaitsForTheNextHour(t *testing.T) {
	tests := []struct {
		name    string
		left    int
		calls   int
		refused bool
	}{
		{name: "it fits", left: 12, calls: 3},
		{name: "it does not fit", left: 11, calls: 1, refused: true},
		{name: "nothing is left", left: 10, calls: 0, refused: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := staffed(t, 250)
			w.budget(test.left, 20*time.Minute)
			w.told()
			w.forgetCalls()
			p, err := w.bulk(activities.BulkSnapshotInput{})
			require.Equal(t, test.calls, w.calls()[find])
			if test.refused {
				require.Equal(t, activities.ErrBudgetReserved, failure(t, err).Type())
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.left, p.Budget.Remaining)
			require.Equal(t, 10, p.Budget.Reserve)
			require.Equal(t, test.left-10, p.Budget.Free())
			require.Equal(t, p.Budget, p.pages[0].Budget)
		})
	}
}

func TestBulkSnapshotThatFitsIntoNoHour(t *testing.T) {
	w := staffed(t, 250)
	w.acts.PageLimit = 2
	w.budget(99, 20*time.Minute)
	_, err := w.bulk(activities.BulkSnapshotInput{})
	require.NoError(t, err, "it begins with a whole hour")
}

func TestBulkBudget(t *testing.T) {
	w := newWorld(t)
	w.oneSettings(func(s *simonelogin.Settings) { s.HourlyBudget = 5001 })
	var out *activities.BulkBudget
	require.NoError(t, w.once(activities.BulkBudgetName, nil, &out))
	require.Equal(t, 5001, out.Limit)
	require.Equal(t, 501, out.Reserve, "rounded up")
	require.WithinRange(t, out.ResetAt, time.Now(), time.Now().Add(time.Hour+time.Second))
}
