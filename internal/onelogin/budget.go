package onelogin

import (
	"context"
	"encoding/json"
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

// ledger keeps the last budget that an answer told.
type ledger struct {
	mu   sync.Mutex
	last Budget
	seen bool
}

func (l *ledger) record(b Budget) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last, l.seen = b, true
}

func (l *ledger) recordHeader(h http.Header, now time.Time) {
	b, ok := budgetOf(h.Get("X-RateLimit-Limit"), h.Get("X-RateLimit-Remaining"), h.Get("X-RateLimit-Reset"), now)
	if ok {
		l.record(b)
	}
}

func (l *ledger) get() (Budget, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, l.seen
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
	c.budget.record(b)
	return b, nil
}
