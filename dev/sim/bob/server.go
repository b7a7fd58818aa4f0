package bob

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bob-onelogin/dev/sim/control"
)

const (
	// MaxStale is how long a read may lag behind a write at most. HiBob speaks
	// of about 20 seconds.
	MaxStale = 20 * time.Second
	// DefaultPerMinute is what HiBob documents for each endpoint.
	DefaultPerMinute = 50
	// DefaultAttempts at DefaultRetryFirst doubling to DefaultRetryMost last
	// about ten minutes. Bob itself goes on for hours.
	DefaultAttempts   = 125
	DefaultRetryFirst = 200 * time.Millisecond
	DefaultRetryMost  = 5 * time.Second
)

// Config is a stand-in's credentials and its first settings.
type Config struct {
	ServiceUserID string
	Token         string

	// Attempts, RetryFirst and RetryMost shape the retry of webhooks: moving the
	// clock forwards brings the next attempt nearer. Zero means the defaults
	// above.
	Attempts   int
	RetryFirst time.Duration
	RetryMost  time.Duration

	Settings // to be valid: see Validate
}

// Settings can be changed while the stand-in runs.
type Settings struct {
	// WebhookURL is where webhooks go; none are sent while it is empty.
	WebhookURL    string `json:"webhook_url"`
	WebhookSecret string `json:"webhook_secret"`
	// StaleFor is how long reads show what was before a write, by the movable
	// clock; 0 to MaxStale.
	StaleFor control.Duration `json:"stale_for"`
	// PerMinute is the limit of calls per endpoint: 0 means DefaultPerMinute, a
	// negative number none.
	PerMinute int `json:"per_minute"`
	// HiddenFields may not be seen by the service user: field ids, or whole
	// permission categories such as "workContact".
	HiddenFields []string `json:"hidden_fields"`
	// HiddenPeople are out of the service user's scope, by id.
	HiddenPeople []string `json:"hidden_people"`
	// EmployedOnly is the condition a new permission group has: only people
	// with lifecycle status employed are in scope.
	EmployedOnly bool `json:"employed_only"`
	// HideLabels leaves the labels of list fields out of the human-readable form.
	HideLabels bool `json:"hide_labels"`
	// ListKey is what named lists keep their items under: "values" (also when
	// empty) or "items".
	ListKey string `json:"list_key"`
	// AutoLifecycle lets the clock turn hires into employees as their start
	// date begins in their site's zone, and employees into leavers as their
	// termination date ends there. It sends no webhooks.
	AutoLifecycle bool `json:"auto_lifecycle"`
}

// Validate names the settings that cannot be.
func (s Settings) Validate() error {
	var errs []error
	if stale := time.Duration(s.StaleFor); stale < 0 || stale > MaxStale {
		errs = append(errs, fmt.Errorf("stale_for: %s is not between 0s and %s", stale, MaxStale))
	}
	if s.ListKey != "" && s.ListKey != "values" && s.ListKey != "items" {
		errs = append(errs, fmt.Errorf("list_key: %q is neither \"values\" nor \"items\"", s.ListKey))
	}
	if s.WebhookURL != "" {
		if u, err := url.Parse(s.WebhookURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			errs = append(errs, errors.New("webhook_url: not an http or https URL"))
		}
	}
	return errors.Join(errs...)
}

func (s Settings) clone() Settings {
	s.HiddenFields = slices.Clone(s.HiddenFields)
	s.HiddenPeople = slices.Clone(s.HiddenPeople)
	return s
}

func (s Settings) perMinute() int {
	if s.PerMinute == 0 {
		return DefaultPerMinute
	}
	return s.PerMinute
}

// Server is the stand-in. Safe for concurrent use.
type Server struct {
	userID   string
	clock    *control.Clock
	handler  http.Handler
	rates    rates
	firewall firewall
	mail     *mail
	stale    atomic.Int64 // see StaleReads

	mu       sync.RWMutex
	token    string
	settings Settings
	staff    staff
	lists    lists
}

// New returns a stand-in without people. Its webhooks need Close in the end.
func New(cfg Config, ctl *control.Control) *Server {
	s := &Server{
		userID:   cfg.ServiceUserID,
		token:    cfg.Token,
		clock:    ctl.Clock(),
		settings: cfg.Settings.clone(),
		staff:    newStaff(),
		lists:    newLists(),
	}
	s.mail = newMail(cfg, s.clock, s.Settings)

	mux := http.NewServeMux()
	for pattern, serve := range map[string]http.HandlerFunc{
		"POST /v1/people/search":             s.searchPeople,
		"POST /v1/people/{identifier}":       s.readPerson,
		"GET /v1/company/people/fields":      s.readFields,
		"GET /v1/company/named-lists":        s.readLists,
		"GET /v1/company/named-lists/{list}": s.readList,
	} {
		mux.Handle(pattern, s.guard(pattern, serve))
	}
	mux.HandleFunc("/", noSuchPage)
	s.controls(mux)
	s.handler = ctl.Handler(mux)
	return s
}

// Close stops sending webhooks, queued ones included, and waits until nothing
// is under way.
func (s *Server) Close() { s.mail.close() }

// Settings returns what holds now.
func (s *Server) Settings() Settings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.settings.clone()
}

// Set replaces the settings, or says what is wrong with them.
func (s *Server) Set(settings Settings) error {
	if err := settings.Validate(); err != nil {
		return fmt.Errorf("set: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings = settings.clone()
	return nil
}

// StaleReads is how many times a read has shown somebody otherwise than they
// are by then, the service user's scope aside.
func (s *Server) StaleReads() int { return int(s.stale.Load()) }

// Rotate replaces the service user's token; the one before it is refused.
func (s *Server) Rotate(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

func (s *Server) accepts(user, token string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return user == s.userID && token == s.token
}

// ServeHTTP serves the API and the controls.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		s.handler.ServeHTTP(w, r)
		return
	}
	// Bob's firewall stands in front of everything, so it sees the refusals of
	// planned faults too.
	seen := &observed{ResponseWriter: w}
	s.handler.ServeHTTP(seen, versioned(r))
	if seen.status == http.StatusUnauthorized || seen.status == http.StatusForbidden {
		s.firewall.refused(s.clock.Now())
	}
}

// versioned gives a path without /v1 its prefix, on a copy.
func versioned(r *http.Request) *http.Request {
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		return r
	}
	clone := *r
	u := *r.URL
	u.Path = "/v1" + u.Path
	if u.RawPath != "" {
		u.RawPath = "/v1" + u.RawPath
	}
	clone.URL = &u
	return &clone
}

// observed remembers the status that went out.
type observed struct {
	http.ResponseWriter
	status int
}

func (o *observed) WriteHeader(status int) {
	if o.status == 0 {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// noSuchPage is what Bob answers on paths that it does not have: a page.
func noSuchPage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte("<!doctype html><html><head><title>Bob</title></head><body><div id=\"app\"></div></body></html>\n"))
}
