package bob

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"bob-onelogin/dev/sim/control"
)

const (
	blockAfter  = 50 // refusals
	blockWithin = 10 * time.Second
	blockFor    = 5 * time.Minute
)

// guard is what stands before every endpoint: the firewall, credentials, the
// limit per minute.
func (s *Server) guard(endpoint string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := s.clock.Now()
		if s.firewall.blocked(now) {
			writeProblem(w, http.StatusForbidden, "Forbidden", "Access denied", now)
			return
		}
		user, token, ok := r.BasicAuth()
		switch {
		case !ok:
			writeProblem(w, http.StatusUnauthorized, "Unauthorized", "Missing credentials", now)
			return
		case !s.accepts(user, token):
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if !s.rates.admit(w.Header(), endpoint, s.Settings().perMinute(), now) {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		if r.Method == http.MethodGet && r.Header.Get("Content-Type") != "" {
			writeProblem(w, http.StatusBadRequest, "Bad Request", "Unexpected Content-Type", now)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// rates counts the calls of each endpoint in the current minute of the clock.
type rates struct {
	mu     sync.Mutex
	window time.Time
	used   map[string]int
	denied int
}

// admit takes one call off the endpoint's minute and writes the headers. The
// reset is an epoch in seconds; Retry-After is there on every other refusal,
// because clients can not count on it.
func (r *rates) admit(h http.Header, endpoint string, limit int, now time.Time) bool {
	if limit < 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	window := now.Truncate(time.Minute)
	if !window.Equal(r.window) {
		r.window, r.used = window, map[string]int{}
	}
	r.used[endpoint]++
	reset := window.Add(time.Minute)
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, limit-r.used[endpoint])))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	if r.used[endpoint] <= limit {
		return true
	}
	r.denied++
	if r.denied%2 == 1 {
		// Rounded up: a client that waits exactly this long is in the next minute.
		h.Set("Retry-After", strconv.FormatInt(int64(reset.Sub(now)/time.Second)+1, 10))
	}
	return false
}

// firewall refuses everybody for a while after too many refusals. The real one
// blocks the credential; here one service user is all there is.
type firewall struct {
	mu       sync.Mutex
	refusals []time.Time
	until    time.Time
	blocks   int
}

// Firewall says whether calls are blocked, and how often they came to be.
type Firewall struct {
	Blocks       int        `json:"blocks"`
	BlockedUntil *time.Time `json:"blocked_until"` // nil when they are not
}

func (f *firewall) blocked(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return now.Before(f.until)
}

func (f *firewall) refused(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Before(f.until) {
		return
	}
	recent := f.refusals[:0]
	for _, at := range f.refusals {
		if now.Sub(at) < blockWithin {
			recent = append(recent, at)
		}
	}
	f.refusals = append(recent, now)
	if len(f.refusals) >= blockAfter {
		f.until, f.refusals = now.Add(blockFor), nil
		f.blocks++
	}
}

// Firewall tells the state of the block by the clock.
func (s *Server) Firewall() Firewall {
	now := s.clock.Now()
	s.firewall.mu.Lock()
	defer s.firewall.mu.Unlock()
	state := Firewall{Blocks: s.firewall.blocks}
	if until := s.firewall.until; now.Before(until) {
		state.BlockedUntil = &until
	}
	return state
}

// writeProblem answers with one of Bob's two shapes of error.
func writeProblem(w http.ResponseWriter, status int, name, message string, now time.Time) {
	control.WriteJSON(w, status, map[string]any{
		"error": name, "message": message, "statusCode": status, "timestamp": now.Format(time.RFC3339),
	})
}

// writeKeyed answers 400 with the other shape.
func writeKeyed(w http.ResponseWriter, key, message string) {
	control.WriteJSON(w, http.StatusBadRequest, map[string]any{"key": key, "error": message, "args": map[string]any{}})
}
