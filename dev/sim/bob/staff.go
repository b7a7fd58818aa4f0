package bob

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"bob-onelogin/dev/sim/people"
)

// ErrNobody means that no record has the id.
var ErrNobody = errors.New("no such person")

// record is a person as stored: see people.Person. Records are never changed
// once stored, so that a reader needs no copy.
type record = map[string]any

// version is a record since a time; nil after removal.
type version struct {
	since  time.Time
	record record
}

// staff holds everybody's versions, as far back as a stale read can reach.
type staff struct {
	order    []string
	versions map[string][]version
	defined  map[string]bool // fields without a standard description that have been written
}

func newStaff() staff {
	return staff{versions: map[string][]version{}, defined: map[string]bool{}}
}

// put makes r the person's record from now on.
func (s *staff) put(id string, r record, now time.Time) {
	history, known := s.versions[id]
	if !known {
		s.order = append(s.order, id)
	}
	// Everything before the version that the stalest read can see is of no use.
	first := 0
	for i, v := range history {
		if now.Sub(v.since) >= MaxStale {
			first = i
		}
	}
	s.versions[id] = append(slices.Clone(history[first:]), version{since: now, record: r})
}

// current is the newest record, nil for nobody.
func (s *staff) current(id string) record {
	history := s.versions[id]
	if len(history) == 0 {
		return nil
	}
	return history[len(history)-1].record
}

// visible is the record that a read shows, nil for nobody.
func (s *staff) visible(id string, now time.Time, stale time.Duration) record {
	r, _ := s.lagging(id, now, stale)
	return r
}

// lagging is visible, and whether that is not the newest. A version from the
// future stems from a clock that was moved back: it is not hidden.
func (s *staff) lagging(id string, now time.Time, stale time.Duration) (record, bool) {
	history := s.versions[id]
	for i := len(history) - 1; i >= 0; i-- {
		if age := now.Sub(history[i].since); age >= stale || age < 0 {
			return history[i].record, i < len(history)-1
		}
	}
	return nil, len(history) > 0
}

// Change is what a Put did.
type Change struct {
	Created bool
	Fields  []string // ids of the fields whose values differ now, sorted
}

// Seed adds people who have always been there: reads show them at once. The
// records are the stand-in's from then on. It refuses records without an id.
func (s *Server) Seed(records ...map[string]any) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range records {
		id, ok := r["id"].(string)
		if !ok || id == "" {
			return fmt.Errorf("seed person %d: no id", i)
		}
		s.staff.put(id, r, time.Time{})
	}
	return nil
}

// Put merges a nested record into a person's, nil values included, and creates
// the person when new: hired and inactive when the start date lies ahead,
// otherwise employed and active, unless the patch says more.
func (s *Server) Put(id string, patch map[string]any) (Change, error) {
	clean, err := tidy(id, patch)
	if err != nil {
		return Change{}, fmt.Errorf("put person: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	old := s.staff.current(id)
	if old == nil {
		clean["id"] = id
		addLifecycle(clean, now)
	}
	s.resolve(clean)

	m := merger{}
	merged, err := m.merge(old, clean, "")
	if err != nil {
		return Change{}, fmt.Errorf("put person: %w", err)
	}
	if m.touches("root.firstName") || m.touches("root.surname") {
		if _, given := clean["displayName"]; !given {
			merged["displayName"] = displayName(merged)
			m.changed = append(m.changed, "root.displayName")
		}
	}
	for _, field := range m.written {
		if _, ok := standard(field); !ok {
			s.staff.defined[field] = true
		}
	}
	slices.Sort(m.changed)
	s.staff.put(id, merged, now)
	return Change{Created: old == nil, Fields: m.changed}, nil
}

// Remove deletes a person; ErrNobody when there is none.
func (s *Server) Remove(id string) error {
	_, err := s.remove(id)
	return err
}

// remove also returns what was there.
func (s *Server) remove(id string) (record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.staff.current(id)
	if old == nil {
		return nil, fmt.Errorf("remove person: %w", ErrNobody)
	}
	s.staff.put(id, nil, s.clock.Now())
	return old, nil
}

// People returns everybody's full record as it is now, stale reads and scope
// aside: work.reportsTo as an object, work.manager as an id.
func (s *Server) People() []map[string]any {
	now := s.clock.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := []map[string]any{}
	for _, id := range s.staff.order {
		if r := s.staff.current(id); r != nil {
			all = append(all, s.full(r, now))
		}
	}
	return all
}

// Person is one of People; ErrNobody when there is none.
func (s *Server) Person(id string) (map[string]any, error) {
	now := s.clock.Now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.staff.current(id)
	if r == nil {
		return nil, fmt.Errorf("read person: %w", ErrNobody)
	}
	return s.full(r, now), nil
}

// full copies a record as deep as it is shown in another form.
func (s *Server) full(r record, now time.Time) record {
	r = maps.Clone(s.effective(r, now))
	work := maps.Clone(section(r, "work"))
	if work == nil {
		work = record{}
	}
	manager, _ := work["reportsTo"].(string)
	work["reportsTo"], work["manager"] = nil, nil
	if m := s.staff.current(manager); m != nil {
		work["reportsTo"], work["manager"] = reference(m), manager
	}
	r["work"] = work
	return r
}

// effective is the record with the lifecycle that the clock has brought about.
func (s *Server) effective(r record, now time.Time) record {
	if !s.settings.AutoLifecycle {
		return r
	}
	internal, work := section(r, "internal"), section(r, "work")
	site, _ := work["site"].(string)
	today := now.In(people.Zone(site)).Format(time.DateOnly)
	status, lifecycle := "", ""
	starts, _ := work["startDate"].(string)
	ends, _ := internal["terminationDate"].(string)
	switch {
	case ends != "" && ends < today:
		status, lifecycle = "Inactive", "terminated"
	case internal["lifecycleStatus"] == "hired" && starts != "" && starts <= today:
		status, lifecycle = "Active", "employed"
	default:
		return r
	}
	r, internal = maps.Clone(r), maps.Clone(internal)
	if internal == nil {
		internal = record{}
	}
	internal["status"], internal["lifecycleStatus"] = status, lifecycle
	r["internal"] = internal
	return r
}

// reference is how Bob shows a person within another's record.
func reference(r record) record {
	return record{
		"id": r["id"], "firstName": r["firstName"], "surname": r["surname"],
		"email": r["email"], "displayName": r["displayName"],
	}
}

func displayName(r record) any {
	first, _ := r["firstName"].(string)
	last, _ := r["surname"].(string)
	if name := strings.TrimSpace(first + " " + last); name != "" {
		return name
	}
	return nil
}

func section(r record, name string) record {
	values, _ := r[name].(record)
	return values
}

// tidy copies a patch into the stand-in's own types and refuses what would
// store nonsense, naming the field but never its value.
func tidy(id string, patch map[string]any) (record, error) {
	if id == "" {
		return nil, errors.New("id: missing")
	}
	clean, _ := plain(patch).(record)
	if clean == nil {
		clean = record{}
	}
	if given, ok := clean["id"]; ok && given != id {
		return nil, errors.New("id: not the one in the address")
	}
	work, isMap := clean["work"].(record)
	if !isMap {
		return clean, nil
	}
	// Whoever puts back what was read has both; reportsTo is the one stored.
	manager, given := work["manager"]
	delete(work, "manager")
	if _, both := work["reportsTo"]; given && !both {
		work["reportsTo"] = manager
	}
	switch boss := work["reportsTo"].(type) {
	case nil, string:
	case record:
		ref, ok := boss["id"].(string)
		if !ok {
			return nil, errors.New("work.reportsTo: want an id, or an object with one as text")
		}
		work["reportsTo"] = ref
	default:
		return nil, errors.New("work.reportsTo: want an id, or an object with one as text")
	}
	return clean, nil
}

// plain copies v with whole numbers as int64, so that equal values compare equal
// whether they came over HTTP or from Go.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(record, len(v))
		for key, value := range v {
			c[key] = plain(value)
		}
		return c
	case []any:
		c := make([]any, 0, len(v))
		for _, value := range v {
			c = append(c, plain(value))
		}
		return c
	case int:
		return int64(v)
	case json.Number:
		if whole, err := v.Int64(); err == nil {
			return whole
		}
		return v
	default:
		return v
	}
}

func addLifecycle(r record, now time.Time) {
	if _, refused := r["internal"].(record); r["internal"] != nil && !refused {
		return // merge says what is wrong with it
	}
	starts, _ := section(r, "work")["startDate"].(string)
	site, _ := section(r, "work")["site"].(string)
	internal := record{"status": "Active", "lifecycleStatus": "employed"}
	if starts > now.In(people.Zone(site)).Format(time.DateOnly) {
		internal = record{"status": "Inactive", "lifecycleStatus": "hired"}
	}
	maps.Copy(internal, section(r, "internal"))
	r["internal"] = internal
}

// resolve turns labels in list fields into ids, and keeps a site's name and id
// together.
func (s *Server) resolve(clean record) {
	work, internal := section(clean, "work"), section(clean, "internal")
	for _, f := range []struct {
		values    record
		key, list string
	}{
		{work, "title", "title"},
		{work, "department", "department"},
		{internal, "status", "status"},
		{internal, "lifecycleStatus", "lifecycleStatus"},
	} {
		switch value := f.values[f.key].(type) {
		case string:
			f.values[f.key] = s.lists.id(f.list, value)
		case int64:
			f.values[f.key] = fmt.Sprint(value)
		}
	}
	site, named := work["site"]
	siteID, numbered := work["siteId"]
	if named == numbered {
		return
	}
	if named {
		work["siteId"] = nil
	} else {
		work["site"] = nil
	}
	for _, known := range s.lists["site"] {
		switch {
		case named && known.label == site:
			work["siteId"] = known.id
		case numbered && known.id == siteID:
			work["site"] = known.label
		}
	}
}

// merger applies a patch to a copy of a record, and collects fields by id.
type merger struct {
	written []string
	changed []string
}

func (m *merger) touches(field string) bool { return slices.Contains(m.changed, field) }

func (m *merger) merge(old, patch record, prefix string) (record, error) {
	merged := maps.Clone(old)
	if merged == nil {
		merged = record{}
	}
	for key, value := range patch {
		path := prefix + key
		if key == "" || strings.ContainsAny(key, "./") {
			return nil, fmt.Errorf("%q: fields are nested by category, not named by path", path)
		}
		id := fieldID(path)
		known, described := standard(id)
		nested, isMap := value.(record)
		_, wasMap := old[key].(record)
		switch {
		case isMap && !described:
			inner, err := m.merge(section(old, key), nested, path+".")
			if err != nil {
				return nil, err
			}
			merged[key] = inner
			continue
		case !isMap && !described && (wasMap || isCategory(path)):
			return nil, fmt.Errorf("%s: want an object of fields", path)
		}
		if err := known.accepts(value); err != nil {
			return nil, err
		}
		m.written = append(m.written, id)
		if before, had := old[key]; !reflect.DeepEqual(before, value) || !had && value != nil {
			m.changed = append(m.changed, id)
		}
		merged[key] = value
	}
	return merged, nil
}

// accepts checks a value against the kinds that clients depend on.
func (f field) accepts(value any) error {
	ok := true
	switch f.kind {
	case "text", "date", "list":
		_, ok = value.(string)
	case "number":
		switch value.(type) {
		case int64, float64, json.Number:
		default:
			ok = false
		}
	}
	if !ok && value != nil {
		return fmt.Errorf("%s: want %s or null", f.id, f.kind)
	}
	return nil
}
