package onelogin

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// account is the other side of a ledger: it counts calls down, and its answers
// take their time and overtake each other.
type account struct {
	left    atomic.Int64
	resetAt time.Time
}

func (a *account) call(l *ledger, t *ticket) {
	time.Sleep(rand.N(50 * time.Millisecond))
	left := int(a.left.Add(-1))
	time.Sleep(rand.N(50 * time.Millisecond))
	l.settle(t, &Budget{Limit: 100, Remaining: left, ResetAt: a.resetAt, SeenAt: time.Now()})
	l.settle(t, nil) // as a call's end does, once more
}

func TestReserveIsKeptToTheCall(t *testing.T) {
	for _, atOnce := range []int{1, 4, 16, 150} {
		t.Run(fmt.Sprint(atOnce), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, a := newLedger(), &account{resetAt: time.Now().Add(time.Hour)}
				a.left.Store(100)
				ctx := KeepReserve(t.Context(), 10)
				first, err := l.take(ctx, opUpdateUser, time.Now)
				require.NoError(t, err, "nothing is known yet")
				a.call(l, first)

				var refused atomic.Int64
				var calls sync.WaitGroup
				var todo atomic.Int64
				for range atOnce {
					calls.Go(func() {
						for todo.Add(1) <= 150 {
							call, err := l.take(ctx, opUpdateUser, time.Now)
							if err == nil {
								a.call(l, call)
								continue
							}
							var reserved *ReservedError
							if assert.ErrorAs(t, err, &reserved) {
								refused.Add(1)
							}
						}
					})
				}
				calls.Wait()
				require.EqualValues(t, 10, a.left.Load(), "what is kept is left, and nothing else")
				require.EqualValues(t, 150-89, refused.Load())

				live, err := l.take(t.Context(), opUpdateUser, time.Now)
				require.NoError(t, err, "a call that keeps nothing has it")
				a.call(l, live)
				_, err = l.take(ctx, opUpdateUser, time.Now)
				require.EqualError(t, err, "onelogin: update user: not sent: 9 calls are left of this hour and 10 of them are reserved, next call at "+
					a.resetAt.UTC().Format(time.RFC3339))

				time.Sleep(time.Until(a.resetAt))
				_, err = l.take(ctx, opUpdateUser, time.Now)
				require.NoError(t, err, "the hour is over")
			})
		})
	}
}

func TestReserveWaitsForTheAnswerThatTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, end := newLedger(), time.Now().Add(time.Hour)
		l.settle(nil, &Budget{Limit: 100, Remaining: 11, ResetAt: end, SeenAt: time.Now()})
		ctx := KeepReserve(t.Context(), 10)
		last, err := l.take(ctx, opUpdateUser, time.Now)
		require.NoError(t, err)

		var took error
		waited := make(chan struct{})
		go func() {
			defer close(waited)
			_, took = l.take(ctx, opUpdateUser, time.Now)
		}()
		synctest.Wait()
		select {
		case <-waited:
			t.Fatal("it depends on the call under way whether there is room")
		default:
		}
		l.settle(last, nil) // it never got there
		<-waited
		require.NoError(t, took)

		patient, cancel := context.WithCancel(ctx)
		cancel()
		_, err = l.take(patient, opUpdateUser, time.Now)
		var broken *TransportError
		require.ErrorAs(t, err, &broken)
		require.False(t, broken.Sent)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestBudgetOnlyShrinksWithinAnHour(t *testing.T) {
	now := time.Now()
	end := now.Add(10 * time.Minute)
	told := func(limit, left int, seenIn, endsIn time.Duration) Budget {
		return Budget{Limit: limit, Remaining: left, SeenAt: now.Add(seenIn), ResetAt: now.Add(endsIn)}
	}
	tests := map[string]struct {
		told, want Budget
	}{
		"the next answer":              {told(100, 49, time.Second, 10*time.Minute), told(100, 49, time.Second, 10*time.Minute)},
		"an answer overtaken":          {told(100, 51, time.Second, 10*time.Minute+time.Second), told(100, 50, time.Second, 10*time.Minute)},
		"an end that is nearer":        {told(100, 49, time.Second, 9*time.Minute), told(100, 49, time.Second, 9*time.Minute)},
		"the next hour":                {told(100, 99, 10*time.Minute, 70*time.Minute), told(100, 99, 10*time.Minute, 70*time.Minute)},
		"another allowance":            {told(200, 149, time.Second, 10*time.Minute), told(200, 149, time.Second, 10*time.Minute)},
		"an answer that names no hour": {Budget{Limit: 100, Remaining: 60, SeenAt: now}, Budget{Limit: 100, Remaining: 60, SeenAt: now}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			l.settle(nil, &Budget{Limit: 100, Remaining: 50, SeenAt: now, ResetAt: end})
			l.settle(nil, &test.told)
			got, known := l.get()
			require.True(t, known)
			require.Equal(t, test.want, got)
		})
	}
}
