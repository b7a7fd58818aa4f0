package onelogin

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// window counts calls in a stretch of time that begins with its first call.
type window struct {
	length time.Duration

	mu    sync.Mutex
	start time.Time
	used  int
}

// take counts one call unless limit are counted already; limit < 0 is no limit.
func (l *window) take(now time.Time, limit int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rollLocked(now)
	if limit >= 0 && l.used >= limit {
		return false
	}
	l.used++
	return true
}

// look tells the calls counted and the seconds left, rounded up.
func (l *window) look(now time.Time) (used, secondsLeft int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rollLocked(now)
	left := l.start.Add(l.length).Sub(now)
	return l.used, int((left + time.Second - 1) / time.Second)
}

// rollLocked begins a new window when the old one is over, or when the clock was
// moved to before it.
func (l *window) rollLocked(now time.Time) {
	if since := now.Sub(l.start); since < 0 || since >= l.length {
		l.start, l.used = now, 0
	}
}

// rateLimit is what OneLogin tells about the hourly budget. Reset is seconds
// left, not an epoch.
type rateLimit struct {
	Limit     int `json:"X-RateLimit-Limit"`
	Remaining int `json:"X-RateLimit-Remaining"`
	Reset     int `json:"X-RateLimit-Reset"`
}

func (s *Server) rateLimit(now time.Time) rateLimit {
	limit := s.Settings().HourlyBudget
	used, left := s.hour.look(now)
	if limit < 0 {
		return rateLimit{Limit: math.MaxInt32, Remaining: math.MaxInt32, Reset: left}
	}
	return rateLimit{Limit: limit, Remaining: max(0, limit-used), Reset: left}
}

// edge is the load balancer, which refuses bursts before the API sees them.
func (s *Server) edge(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.second.take(s.now(), s.Settings().BurstPerSecond) {
			writeEdge(w, http.StatusTooManyRequests, pageTooManyRequests)
			return
		}
		next(w, r)
	}
}

// authorized refuses calls without a valid token, without rate limit headers.
func (s *Server) authorized(refuse refusal, next http.HandlerFunc) http.HandlerFunc {
	return s.edge(func(w http.ResponseWriter, r *http.Request) {
		if !s.tokens.valid(bearer(r), s.now()) {
			refuse(w, http.StatusUnauthorized, msgUnauthorized)
			return
		}
		next(w, r)
	})
}

// metered takes authorized calls from the hourly budget and tells what is left.
func (s *Server) metered(refuse refusal, next http.HandlerFunc) http.HandlerFunc {
	return s.authorized(refuse, func(w http.ResponseWriter, r *http.Request) {
		now, limit := s.now(), s.Settings().HourlyBudget
		granted := s.hour.take(now, limit)
		if limit >= 0 {
			left := s.rateLimit(now)
			w.Header().Set("X-RateLimit-Limit", strconv.Itoa(left.Limit))
			w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(left.Remaining))
			w.Header().Set("X-RateLimit-Reset", strconv.Itoa(left.Reset))
		}
		if !granted {
			refuse(w, http.StatusTooManyRequests, "Too Many Requests")
			return
		}
		next(w, r)
	})
}

// handleRateLimit does not take from the budget it tells about: a client that
// asks is told what it can still do.
func (s *Server) handleRateLimit(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Status v1Status  `json:"status"`
		Data   rateLimit `json:"data"`
	}{v1Success, s.rateLimit(s.now())})
}
