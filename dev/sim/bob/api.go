package bob

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"bob-onelogin/dev/sim/control"
)

const (
	maxFields = 400
	maxBody   = 8 << 20 // bytes
	flushAt   = 64 << 10
)

// query is the body of a read.
type query struct {
	Fields        []string  `json:"fields"`
	Filters       *[]filter `json:"filters"`
	ShowInactive  bool      `json:"showInactive"`
	HumanReadable *mode     `json:"humanReadable"`
}

type filter struct {
	FieldPath string   `json:"fieldPath"`
	Operator  string   `json:"operator"`
	Values    []string `json:"values"`
}

// readQuery reads and checks the body; false when it has answered 400 itself.
func (s *Server) readQuery(w http.ResponseWriter, r *http.Request) (query, bool) {
	var q query
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&q)
	wrong, badType := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case errors.Is(err, io.EOF):
	case badType:
		writeKeyed(w, "error.invalid.type", "Invalid value for "+wrong.Field)
		return query{}, false
	case err != nil:
		writeProblem(w, http.StatusBadRequest, "Bad Request", "Malformed JSON", s.clock.Now())
		return query{}, false
	}
	if err := q.check(); err != nil {
		writeKeyed(w, "error.bad.request", err.Error())
		return query{}, false
	}
	return q, true
}

func (q query) check() error {
	if len(q.Fields) > maxFields {
		return fmt.Errorf("at most %d fields", maxFields)
	}
	if q.HumanReadable != nil && !slices.Contains([]mode{machine, both, human}, *q.HumanReadable) {
		return errors.New("humanReadable is APPEND, REPLACE or empty")
	}
	if q.Filters == nil {
		return nil
	}
	if len(*q.Filters) != 1 {
		return errors.New("exactly one filter")
	}
	switch f := (*q.Filters)[0]; {
	case f.FieldPath != "root.id" && f.FieldPath != "root.email":
		return errors.New("filters on root.id or root.email only")
	case f.Operator != "equals":
		return errors.New("the only operator is equals")
	case len(f.Values) == 0:
		return errors.New("a filter needs values")
	}
	return nil
}

func (q query) mode() mode {
	if q.HumanReadable == nil {
		return machine
	}
	return *q.HumanReadable
}

func (s *Server) searchPeople(w http.ResponseWriter, r *http.Request) {
	q, ok := s.readQuery(w, r)
	if !ok {
		return
	}
	found := s.search(q)
	p := s.plan(q.Fields, q.mode())

	// Everybody is one answer without pages: it leaves in pieces, never whole.
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	buf := append(make([]byte, 0, 2*flushAt), `{"employees":[`...)
	for i, person := range found {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = p.render(buf, person)
		if len(buf) >= flushAt {
			if _, err := w.Write(buf); err != nil {
				return
			}
			buf = buf[:0]
		}
	}
	_, _ = w.Write(append(buf, `]}`...))
}

func (s *Server) readPerson(w http.ResponseWriter, r *http.Request) {
	q, ok := s.readQuery(w, r)
	if !ok {
		return
	}
	person := s.identify(r.PathValue("identifier"))
	if person == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(s.plan(q.Fields, q.mode()).render(nil, person))
}

// search finds the people a query may see.
func (s *Server) search(q query) []record {
	now := s.clock.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids, emails := s.staff.order, []string(nil)
	if q.Filters != nil {
		if f := (*q.Filters)[0]; f.FieldPath == "root.id" {
			ids = unique(f.Values)
		} else {
			emails = f.Values
		}
	}
	var found []record
	for _, id := range ids {
		person := s.seen(id, now)
		if person == nil || !q.ShowInactive && inactive(person) {
			continue
		}
		if emails == nil || slices.ContainsFunc(emails, func(email string) bool { return hasEmail(person, email) }) {
			found = append(found, person)
		}
	}
	return found
}

// identify finds a person by id or e-mail, inactive ones too. Where several share
// an address, an active one is meant.
func (s *Server) identify(identifier string) record {
	now := s.clock.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !strings.Contains(identifier, "@") {
		return s.seen(identifier, now)
	}
	var found record
	for _, id := range s.staff.order {
		person := s.seen(id, now)
		if person != nil && hasEmail(person, identifier) && (found == nil || inactive(found)) {
			found = person
		}
	}
	return found
}

// seen is the record that the service user sees now, nil when it sees nobody.
func (s *Server) seen(id string, now time.Time) record {
	r, stale := s.staff.lagging(id, now, time.Duration(s.settings.StaleFor))
	if stale {
		s.stale.Add(1)
	}
	if r == nil || slices.Contains(s.settings.HiddenPeople, id) {
		return nil
	}
	r = s.effective(r, now)
	if s.settings.EmployedOnly && section(r, "internal")["lifecycleStatus"] != "employed" {
		return nil
	}
	return r
}

// find looks a person up for others' records, where scope does not matter.
func (s *Server) find(id string) record {
	now := s.clock.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.staff.visible(id, now, time.Duration(s.settings.StaleFor))
}

func inactive(r record) bool {
	internal := section(r, "internal")
	return internal["status"] == "Inactive" || internal["lifecycleStatus"] == "hired"
}

// hasEmail compares without case: whether Bob does is not documented, and a
// stand-in that is stricter would hide nothing but matches.
func hasEmail(r record, email string) bool {
	have, _ := r["email"].(string)
	return have != "" && strings.EqualFold(have, email)
}

func unique(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	kept := make([]string, 0, len(ids))
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			kept = append(kept, id)
		}
	}
	return kept
}

func (s *Server) readFields(w http.ResponseWriter, _ *http.Request) {
	s.mu.RLock()
	fields := slices.Clone(standardFields)
	for id := range s.staff.defined {
		fields = append(fields, undescribed(id))
	}
	s.mu.RUnlock()
	slices.SortFunc(fields[len(standardFields):], func(a, b field) int { return strings.Compare(a.id, b.id) })

	described := make([]map[string]any, 0, len(fields))
	for _, f := range fields {
		typeData := map[string]any{}
		if f.list != "" {
			typeData["listId"] = f.list
		}
		name, ok := categoryNames[f.category]
		if !ok {
			name = f.category
		}
		described = append(described, map[string]any{
			"id": f.id, "name": f.name, "category": f.category, "categoryId": f.category,
			"categoryDisplayName": name, "description": nil, "jsonPath": f.jsonPath(),
			"type": f.kind, "historical": f.historical, "typeData": typeData,
		})
	}
	control.WriteJSON(w, http.StatusOK, described)
}

func (s *Server) readLists(w http.ResponseWriter, _ *http.Request) {
	s.mu.RLock()
	key := s.listKey()
	all := make(map[string]any, len(s.lists))
	for name, items := range s.lists {
		all[name] = render(name, items, key)
	}
	s.mu.RUnlock()
	control.WriteJSON(w, http.StatusOK, all)
}

func (s *Server) readList(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("list")
	s.mu.RLock()
	items, ok := s.lists[name]
	list := render(name, items, s.listKey())
	s.mu.RUnlock()
	if !ok {
		writeProblem(w, http.StatusNotFound, "Not Found", "No such list", s.clock.Now())
		return
	}
	control.WriteJSON(w, http.StatusOK, list)
}

func (s *Server) listKey() string {
	if s.settings.ListKey == "" {
		return "values"
	}
	return s.settings.ListKey
}
