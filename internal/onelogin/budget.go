package onelogin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Budget is the account's hourly allowance of calls, which is shared with
// every other program that calls OneLogin for the same account.
type Budget struct {
	// Limit is the allowance of the hour, Remaining what is left of it.
	Limit     int `json:"limit"`
	Remaining int `json:"remaining"`
	// ResetAt is when the next hour begins; zero where the answer did not say.
	// OneLogin documents the reset as seconds left.
	ResetAt time.Time `json:"resetAt"`
	// SeenAt is when OneLogin said so.
	SeenAt time.Time `json:"seenAt"`
}

// Reserve is that many percent of the hour's calls, rounded up.
func (b Budget) Reserve(percent int) int { return (b.Limit*percent + 99) / 100 }

// ReservedError says that a call was not sent, because it would have taken of
// what its context keeps of the hour's budget (see KeepReserve).
type ReservedError struct {
	Failure
	// Left is what is left of the hour, Reserve what is kept of that.
	Left, Reserve int
	// Until is when the next hour begins.
	Until time.Time
}

func (e *ReservedError) Error() string {
	return fmt.Sprintf("onelogin: %s: not sent: %d calls are left of this hour and %d of them are reserved, next call at %s",
		e.Op, e.Left, e.Reserve, e.Until.UTC().Format(time.RFC3339))
}

type reserveKey struct{}

// KeepReserve returns a context whose calls leave that many percent of the
// hourly budget to others: one that would take of them is not sent and fails
// with a ReservedError. Calls under way count as made, and a call waits for
// their answers where it depends on them whether there is room for it.
func KeepReserve(ctx context.Context, percent int) context.Context {
	return context.WithValue(ctx, reserveKey{}, percent)
}

// ledger keeps the last budget that an answer told, and counts the calls whose
// answers are still to come.
type ledger struct {
	mu   sync.Mutex
	last Budget
	seen bool
	// underWay may be part of what last counts as used, or not.
	underWay int
	// settled is closed and replaced whenever the rest of the ledger changes.
	settled chan struct{}
}

func newLedger() *ledger { return &ledger{settled: make(chan struct{})} }

// ticket is one call of the ledger's count.
type ticket struct{ settled bool }

// take counts a call as under way until its ticket is settled. It waits where
// only the answers to others can tell whether the call fits in.
func (l *ledger) take(ctx context.Context, op string, now func() time.Time) (*ticket, error) {
	percent, keeps := ctx.Value(reserveKey{}).(int)
	for {
		l.mu.Lock()
		last, settled := l.last, l.settled
		reserve := last.Reserve(percent)
		limited := keeps && l.seen && now().Before(last.ResetAt)
		fits := !limited || last.Remaining-l.underWay > reserve
		if fits {
			l.underWay++
		}
		l.mu.Unlock()
		switch {
		case fits:
			return &ticket{}, nil
		case last.Remaining <= reserve:
			return nil, &ReservedError{Failure: Failure{Op: op}, Left: last.Remaining, Reserve: reserve, Until: last.ResetAt}
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return nil, broken(ctx, Failure{Op: op}, false, ctx.Err())
		}
	}
}

// settle ends the count of a call, together with what its answer told: nil
// where there is none. A ticket settled before, or none, only lets it tell.
func (l *ledger) settle(t *ticket, told *Budget) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if told != nil {
		l.last, l.seen = l.next(*told), true
	}
	if t != nil && !t.settled {
		t.settled = true
		l.underWay--
	}
	close(l.settled)
	l.settled = make(chan struct{})
}

// next is what holds after told. Answers overtake each other, and within an
// hour the budget only shrinks: the lowest that was told holds until the hour
// is over.
func (l *ledger) next(told Budget) Budget {
	sameHour := l.seen && told.Limit == l.last.Limit && !told.ResetAt.IsZero() && told.SeenAt.Before(l.last.ResetAt)
	if sameHour && l.last.Remaining < told.Remaining {
		told.Remaining = l.last.Remaining
	}
	if sameHour && l.last.ResetAt.Before(told.ResetAt) {
		// Seconds are told whole, and answers take their time.
		told.ResetAt = l.last.ResetAt
	}
	return told
}

func (l *ledger) get() (Budget, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, l.seen
}

// budgetIn is what an answer's headers tell; nil where they do not.
func budgetIn(h http.Header, now time.Time) *Budget {
	b, ok := budgetOf(h.Get("X-RateLimit-Limit"), h.Get("X-RateLimit-Remaining"), h.Get("X-RateLimit-Reset"), now)
	if !ok {
		return nil
	}
	return &b
}

func budgetOf(limit, remaining, reset string, now time.Time) (Budget, bool) {
	l, err := strconv.Atoi(limit)
	if err != nil || l < 0 {
		return Budget{}, false
	}
	r, err := strconv.Atoi(remaining)
	if err != nil || r < 0 {
		return Budget{}, false
	}
	b := Budget{Limit: l, Remaining: r, SeenAt: now}
	if left, ok := secondsOf(reset); ok {
		b.ResetAt = now.Add(left)
	}
	return b, true
}

// Budget returns the budget as the last answer told it, whichever call that
// answered, and whether any answer has. It makes no call.
func (c *Client) Budget() (Budget, bool) { return c.budget.get() }

// RateLimit asks OneLogin for the budget: GET /auth/rate_limit.
func (c *Client) RateLimit(ctx context.Context) (Budget, error) {
	a, err := c.call(ctx, request{op: opRateLimit, method: http.MethodGet, path: "/auth/rate_limit"})
	if err != nil {
		return Budget{}, err
	}
	var body struct {
		Data struct {
			Limit     json.Number `json:"X-RateLimit-Limit"`
			Remaining json.Number `json:"X-RateLimit-Remaining"`
			Reset     json.Number `json:"X-RateLimit-Reset"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &body) != nil {
		return Budget{}, a.unexpected("a rate limit was expected")
	}
	d := body.Data
	b, ok := budgetOf(d.Limit.String(), d.Remaining.String(), d.Reset.String(), c.now())
	if !ok {
		return Budget{}, a.unexpected("a rate limit was expected")
	}
	c.budget.settle(nil, &b)
	return b, nil
}
