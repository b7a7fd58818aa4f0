package onelogin

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// window counts calls in a stretch of time that begins with its first call.
type window struct {
	mu      sync.Mutex
	start   time.Time
	used    int
	refused int
	past    []spent
}

// spent is how many calls a stretch of time has granted.
type spent struct {
	Began time.Time `json:"began"`
	Calls int       `json:"calls"`
}

// maxPast bounds how many stretches of time are remembered.
const maxPast = 1000

// take counts one call unless limit are counted already; limit < 0 is no limit.
func (l *window) take(now time.Time, length time.Duration, limit int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rollLocked(now, length)
	if limit >= 0 && l.used >= limit {
		l.refused++
		return false
	}
	l.used++
	return true
}

// look tells the calls counted and the seconds left, rounded up.
func (l *window) look(now time.Time, length time.Duration) (used, secondsLeft int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rollLocked(now, length)
	left := l.start.Add(length).Sub(now)
	return l.used, int((left + time.Second - 1) / time.Second)
}

// history tells the calls refused since the start, and those granted by
// stretches of time, the present one last.
func (l *window) history() (refused int, granted []spent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused, append(slices.Clone(l.past), spent{l.start, l.used})
}

// rollLocked begins a new window when the old one is over, or when the clock was
// moved to before it.
func (l *window) rollLocked(now time.Time, length time.Duration) {
	since := now.Sub(l.start)
	if since >= 0 && since < length {
		return
	}
	if l.used > 0 {
		l.past = append(l.past, spent{l.start, l.used})
		l.past = l.past[max(0, len(l.past)-maxPast):]
	}
	l.start, l.used = now, 0
}

// pace remembers the busiest second there was, wherever it began.
type pace struct {
	mu      sync.Mutex
	recent  []time.Time
	busiest int
}

// note counts a call.
func (p *pace) note(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recent = append(slices.DeleteFunc(p.recent, func(t time.Time) bool { return now.Sub(t) >= time.Second }), now)
	p.busiest = max(p.busiest, len(p.recent))
}

func (p *pace) most() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.busiest
}

// rateLimit is what OneLogin tells about the hourly budget. Reset is seconds
// left, not an epoch.
type rateLimit struct {
	Limit     int `json:"X-RateLimit-Limit"`
	Remaining int `json:"X-RateLimit-Remaining"`
	Reset     int `json:"X-RateLimit-Reset"`
}

func (s *Server) rateLimit(now time.Time) rateLimit {
	settings := s.Settings()
	limit := settings.HourlyBudget
	used, left := s.hour.look(now, time.Duration(settings.BudgetWindow))
	if limit < 0 {
		return rateLimit{Limit: math.MaxInt32, Remaining: math.MaxInt32, Reset: left}
	}
	return rateLimit{Limit: limit, Remaining: max(0, limit-used), Reset: left}
}

// edge is the load balancer, which refuses bursts before the API sees them.
func (s *Server) edge(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.pace.note(s.now())
		if !s.second.take(s.now(), time.Second, s.Settings().BurstPerSecond) {
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
		now, settings := s.now(), s.Settings()
		granted := s.hour.take(now, time.Duration(settings.BudgetWindow), settings.HourlyBudget)
		if settings.HourlyBudget >= 0 {
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
