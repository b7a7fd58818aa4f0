package onelogin

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"bob-onelogin/dev/sim/control"
)

// Config describes an account. The zero value of a field is the default named
// beside it.
type Config struct {
	ClientID, ClientSecret string        // the API credential pair; without one every call is refused
	Account                string        // named in uniqueness messages; "acme"
	TokenLife              time.Duration // 10 hours

	HourlyBudget   int           // calls an hour; 5000; negative: no limit, and no headers
	BudgetWindow   time.Duration // how long that "hour" lasts; an hour
	BurstPerSecond int           // calls a second, at the edge; 100; negative: no limit
	MaxLimit       int           // the longest page of a listing; 100, which is all that is proven

	Licences             int           // 0: no bound
	UnlicensedAfter      time.Duration // from a create beyond the licences to state 3; a minute; negative: never
	PasswordPendingAfter time.Duration // from status 0 to status 7; a minute; negative: never
	OwnerEmail           string        // the user with it cannot be modified; empty: nobody
}

// Settings are what can be changed while the stand-in runs, with GET and PUT
// /_sim/settings. Fields mean what they mean in Config, except that 0 is 0. A
// key left out of a PUT leaves its setting alone.
type Settings struct {
	HourlyBudget         int              `json:"hourly_budget"`
	BudgetWindow         control.Duration `json:"budget_window"`
	BurstPerSecond       int              `json:"burst_per_second"`
	MaxLimit             int              `json:"max_limit"`
	Licences             int              `json:"licences"`
	UnlicensedAfter      control.Duration `json:"unlicensed_after"`
	PasswordPendingAfter control.Duration `json:"password_pending_after"`
	OwnerEmail           string           `json:"owner_email"`

	// Force is a mapping of OneLogin's own: attributes that every user is given
	// after each write through the API, whatever was written. {} ends it.
	Force map[string]any `json:"force"`
	// StripPhoneSpaces models values that OneLogin normalises on write.
	StripPhoneSpaces bool `json:"strip_phone_spaces"`
}

// Server is an account of OneLogin. Safe for concurrent use.
type Server struct {
	handler      http.Handler
	clock        *control.Clock
	tokens       tokens
	hour, second window // of BudgetWindow, and of a second
	pace         pace

	mu        sync.Mutex
	store     *store
	settings  Settings
	mapping   func(user map[string]any)
	normalize func(attribute, value string) string
}

// New returns an empty account whose calls, faults and clock are ctl's.
func New(cfg Config, ctl *control.Control) *Server {
	s := &Server{
		clock: ctl.Clock(),
		tokens: tokens{
			clientID: cfg.ClientID, clientSecret: cfg.ClientSecret,
			life: orElse(cfg.TokenLife, 10*time.Hour),
		},
		store: newStore(orElse(cfg.Account, "acme")),
		settings: Settings{
			HourlyBudget:         orElse(cfg.HourlyBudget, 5000),
			BudgetWindow:         control.Duration(orElse(cfg.BudgetWindow, time.Hour)),
			BurstPerSecond:       orElse(cfg.BurstPerSecond, 100),
			MaxLimit:             orElse(cfg.MaxLimit, 100),
			Licences:             cfg.Licences,
			UnlicensedAfter:      control.Duration(orElse(cfg.UnlicensedAfter, time.Minute)),
			PasswordPendingAfter: control.Duration(orElse(cfg.PasswordPendingAfter, time.Minute)),
			OwnerEmail:           cfg.OwnerEmail,
			Force:                map[string]any{},
		},
	}
	s.store.licences = cfg.Licences
	s.handler = ctl.Handler(s.routes(), pageOfEverybody)
	return s
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// ServeHTTP answers OneLogin's routes and those under /_sim/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	users := func(pattern string, h http.HandlerFunc) { mux.HandleFunc(pattern, s.metered(refuseUsers, h)) }

	mux.HandleFunc("POST /auth/oauth2/v2/token", s.edge(s.handleToken))
	mux.HandleFunc("POST /auth/oauth2/revoke", s.edge(s.handleRevoke))
	mux.HandleFunc("GET /auth/rate_limit", s.authorized(refuseV1, s.handleRateLimit))

	users("GET /api/2/users", s.handleList)
	users("POST /api/2/users", s.handleCreate)
	users("GET /api/2/users/{id}", s.handleGet)
	users("PUT /api/2/users/{id}", s.handleUpdate)
	users("DELETE /api/2/users/{id}", s.handleDelete)

	users("GET /api/2/users/custom_attributes", s.handleListDefinitions)
	users("POST /api/2/users/custom_attributes", s.handleCreateDefinition)
	users("GET /api/2/users/custom_attributes/{id}", s.handleGetDefinition)
	users("PUT /api/2/users/custom_attributes/{id}", s.handleUpdateDefinition)
	users("DELETE /api/2/users/custom_attributes/{id}", s.handleDeleteDefinition)

	mux.HandleFunc("PUT /api/1/users/{id}/logout", s.metered(refuseV1, s.handleLogout))

	mux.HandleFunc("/", s.edge(func(w http.ResponseWriter, _ *http.Request) {
		refuseResource(w, http.StatusNotFound, "Resource not found")
	}))

	mux.HandleFunc("GET /_sim/users", s.simListUsers)
	mux.HandleFunc("POST /_sim/users", s.simSeed)
	mux.HandleFunc("PUT /_sim/users/{id}", s.simMerge)
	mux.HandleFunc("DELETE /_sim/users/{id}", s.simDelete)
	mux.HandleFunc("GET /_sim/sessions", s.simSessions)
	mux.HandleFunc("GET /_sim/limits", s.simLimits)
	mux.HandleFunc("GET /_sim/settings", s.simGetSettings)
	mux.HandleFunc("PUT /_sim/settings", s.simPutSettings)
	mux.HandleFunc("PUT /_sim/credentials", s.simRotate)
	return mux
}

func (s *Server) now() time.Time { return s.clock.Now() }

// lock opens the account at the present moment. The caller unlocks s.mu.
func (s *Server) lock() (*store, time.Time) {
	s.mu.Lock()
	now := s.now()
	s.store.settle(now, s.settings)
	return s.store, now
}

// Settings returns the settings of the moment.
func (s *Server) Settings() Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings
}

// SetMapping models OneLogin's own mappings, which overwrite what the API wrote:
// after each write through the API, mapping is given the user as Users returns
// it and changes what it likes. As in OneLogin it is over before the answer only
// with mappings=sync, comes after the answer by default, and is left out with
// mappings=disabled. nil ends it. It must not call the Server, and panics in
// the call if it sets what no user can have.
func (s *Server) SetMapping(mapping func(user map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mapping = mapping
}

// SetNormalizer models values that OneLogin changes on write: it is given each
// text written through the API, with its attribute ("phone",
// "custom_attributes.work_cell"), and returns what is stored. nil ends it.
func (s *Server) SetNormalizer(normalize func(attribute, value string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.normalize = normalize
}

// DefineCustomAttribute adds a definition, unless the shortname has one.
func (s *Server) DefineCustomAttribute(name, shortname string) {
	st, _ := s.lock()
	defer s.mu.Unlock()
	if st.definition(shortname) == nil {
		st.define(name, shortname)
	}
}

// Seed adds users with any attributes, read-only ones and the id included, by
// OneLogin's names and without credentials, limits or mappings. It returns their
// ids and panics on a user that the account could not have.
func (s *Server) Seed(users ...map[string]any) []int64 {
	st, now := s.lock()
	defer s.mu.Unlock()
	ids := make([]int64, 0, len(users))
	for i, attributes := range users {
		u, err := st.seed(plainJSON(attributes), now)
		if err != nil {
			panic(fmt.Sprintf("onelogin stand-in: seed user %d: %v", i, err))
		}
		ids = append(ids, u.id())
	}
	return ids
}

// Users returns every user by id, with every attribute under OneLogin's name
// (nil, string, int64, []int64; custom_attributes a map[string]any) and
// "_sessions_ended_at", nil or a time in OneLogin's form. The maps are copies.
func (s *Server) Users() []map[string]any {
	st, _ := s.lock()
	defer s.mu.Unlock()
	all := make([]map[string]any, 0, len(st.ids))
	for _, id := range st.ids {
		u := st.users[id]
		m := st.snapshot(u)
		m[sessionsEndedAt] = nil
		if !u.sessionsEndedAt.IsZero() {
			m[sessionsEndedAt] = formatTime(u.sessionsEndedAt)
		}
		all = append(all, m)
	}
	return all
}
