package onelogin

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"bob-onelogin/dev/sim/control"
)

// sessionsEndedAt is shown with users under /_sim/ alone; the underscore keeps
// it apart from OneLogin's attributes.
const sessionsEndedAt = "_sessions_ended_at"

var errNoSuchUser = errors.New("no such user")

func (s *Server) simListUsers(w http.ResponseWriter, _ *http.Request) {
	st, _ := s.lock()
	b := []byte{'['}
	for i, id := range st.ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = st.appendSimUser(b, st.users[id])
	}
	s.mu.Unlock()
	writeBody(w, http.StatusOK, "application/json; charset=utf-8", append(b, ']'))
}

func (s *store) appendSimUser(b []byte, u *user) []byte {
	b = s.appendUser(b, u, fullAttributes)
	b = append(b[:len(b)-1], `,"`+sessionsEndedAt+`":`...)
	if u.sessionsEndedAt.IsZero() {
		b = append(b, "null"...)
	} else {
		b = appendText(b, formatTime(u.sessionsEndedAt))
	}
	return append(b, '}')
}

func (s *Server) simSeed(w http.ResponseWriter, r *http.Request) {
	s.simWrite(w, r, http.StatusCreated, func(st *store, body map[string]any, now time.Time) (*user, error) {
		return st.seed(body, now)
	})
}

func (s *Server) simMerge(w http.ResponseWriter, r *http.Request) {
	s.simWrite(w, r, http.StatusOK, func(st *store, body map[string]any, now time.Time) (*user, error) {
		u := st.find(r.PathValue("id"))
		if u == nil {
			return nil, errNoSuchUser
		}
		c, err := st.checkedSeed(u.id(), body)
		if err != nil {
			return nil, err
		}
		st.update(u, c, now)
		return u, nil
	})
}

func (s *Server) simWrite(w http.ResponseWriter, r *http.Request, status int, write func(*store, map[string]any, time.Time) (*user, error)) {
	var attributes map[string]any
	if err := control.ReadJSON(r, &attributes); err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	st, now := s.lock()
	u, err := write(st, plainJSON(attributes), now)
	var body []byte
	if err == nil {
		body = st.appendSimUser(nil, u)
	}
	s.mu.Unlock()
	switch {
	case errors.Is(err, errNoSuchUser):
		control.WriteError(w, http.StatusNotFound, err)
	case err != nil:
		control.WriteError(w, http.StatusBadRequest, err)
	default:
		writeBody(w, status, "application/json; charset=utf-8", body)
	}
}

// seed adds a user whose read-only attributes are given too.
func (s *store) seed(body map[string]any, now time.Time) (*user, error) {
	c, err := s.checkedSeed(0, body)
	if err != nil {
		return nil, err
	}
	if id, given := c.values[attrID].(int64); given && s.users[id] != nil {
		return nil, fmt.Errorf("id: %d is taken", id)
	}
	return s.create(c, now), nil
}

// checkedSeed leaves out what /_sim/ itself adds to a user, so that what was read
// there can be sent back.
func (s *store) checkedSeed(id int64, body map[string]any) (change, error) {
	maps.DeleteFunc(body, func(name string, _ any) bool { return strings.HasPrefix(name, "_") })
	c, unknown, problems := s.parse(body, true)
	if unknown != "" {
		return change{}, fmt.Errorf("unknown attribute: %s", unknown)
	}
	if len(problems) == 0 {
		problems = s.check(id, c)
	}
	if len(problems) > 0 {
		return change{}, errors.New(strings.Join(problems, ", "))
	}
	return c, nil
}

func (s *Server) simDelete(w http.ResponseWriter, r *http.Request) {
	st, now := s.lock()
	u := st.find(r.PathValue("id"))
	if u != nil {
		st.delete(u, now)
	}
	s.mu.Unlock()
	if u == nil {
		control.WriteError(w, http.StatusNotFound, errNoSuchUser)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) simSessions(w http.ResponseWriter, _ *http.Request) {
	st, _ := s.lock()
	list := append([]sessionEnd{}, st.sessions...)
	s.mu.Unlock()
	control.WriteJSON(w, http.StatusOK, list)
}

func (s *Server) simLimits(w http.ResponseWriter, _ *http.Request) {
	var view struct {
		RefusedByBudget int     `json:"refused_by_budget"`
		RefusedByBurst  int     `json:"refused_by_burst"`
		BusiestSecond   int     `json:"busiest_second"`
		Budgets         []spent `json:"budgets"`
	}
	view.RefusedByBudget, view.Budgets = s.hour.history()
	view.RefusedByBurst, _ = s.second.history()
	view.BusiestSecond = s.pace.most()
	control.WriteJSON(w, http.StatusOK, view)
}

func (s *Server) simGetSettings(w http.ResponseWriter, _ *http.Request) {
	control.WriteJSON(w, http.StatusOK, s.Settings())
}

func (s *Server) simPutSettings(w http.ResponseWriter, r *http.Request) {
	next := s.Settings()
	force := next.Force
	// Decoding into the map in use would change it under its readers.
	next.Force = nil
	if err := control.ReadJSON(r, &next); err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	if next.Force == nil {
		next.Force = force
	}
	if err := s.setSettings(next); err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	control.WriteJSON(w, http.StatusOK, next)
}

func (s *Server) setSettings(next Settings) error {
	st, now := s.lock()
	defer s.mu.Unlock()
	if next.MaxLimit < 1 {
		return errors.New("max_limit: must be positive")
	}
	if next.BudgetWindow < control.Duration(time.Second) {
		return errors.New("budget_window: must be a second or more, in which the reset is told")
	}
	if next.Licences < 0 {
		return errors.New("licences: must not be negative")
	}
	_, unknown, problems := st.parse(plainJSON(next.Force), true)
	if unknown != "" {
		return fmt.Errorf("force: unknown attribute: %s", unknown)
	}
	if len(problems) > 0 {
		return fmt.Errorf("force: %s", strings.Join(problems, ", "))
	}
	s.settings = next
	st.licences = next.Licences
	st.watchFree(now)
	return nil
}
