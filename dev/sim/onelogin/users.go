package onelogin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds what the stand-in reads of a call, in bytes.
const maxBody = 1 << 20

func (s *Server) handleList(w http.ResponseWriter, r *http.Request) {
	body, err := s.list(w.Header(), r)
	answer(w, http.StatusOK, body, err)
}

func (s *Server) list(header http.Header, r *http.Request) ([]byte, error) {
	st, _ := s.lock()
	defer s.mu.Unlock()
	l, err := parseListing(r.URL.Query(), st.definitions, s.settings.MaxLimit)
	if err != nil {
		return nil, err
	}
	users, total := l.pick(st)
	l.writeHeaders(header, r, len(users), total)

	b := []byte{'['}
	for i, u := range users {
		if i > 0 {
			b = append(b, ',')
		}
		b = st.appendUser(b, u, l.shown)
	}
	return append(b, ']'), nil
}

func (l *listing) writeHeaders(header http.Header, r *http.Request, items, total int) {
	pages := (total + l.limit - 1) / l.limit
	header.Set("Current-Page", strconv.Itoa(l.page))
	header.Set("Page-Items", strconv.Itoa(items))
	header.Set("Total-Count", strconv.Itoa(total))
	header.Set("Total-Pages", strconv.Itoa(pages))
	if l.page < pages {
		header.Set("After-Cursor", l.cursor(l.page+1))
	}
	var links []string
	link := func(page int, rel string) {
		q := r.URL.Query()
		q.Del("cursor")
		q.Set("limit", strconv.Itoa(l.limit))
		q.Set("page", strconv.Itoa(page))
		u := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawQuery: q.Encode()}
		if r.TLS != nil {
			u.Scheme = "https"
		}
		links = append(links, fmt.Sprintf("<%s>; rel=%q", u.String(), rel))
	}
	link(1, "first")
	if l.page > 1 {
		link(l.page-1, "prev")
	}
	if l.page < pages {
		link(l.page+1, "next")
	}
	link(max(1, pages), "last")
	header.Set("Link", strings.Join(links, ", "))
}

func (s *Server) handleGet(w http.ResponseWriter, r *http.Request) {
	body, err := s.get(r.PathValue("id"))
	answer(w, http.StatusOK, body, err)
}

func (s *Server) get(id string) ([]byte, error) {
	st, _ := s.lock()
	defer s.mu.Unlock()
	u := st.find(id)
	if u == nil {
		return nil, notFound()
	}
	return st.appendUser(nil, u, fullAttributes), nil
}

func (s *Server) handleCreate(w http.ResponseWriter, r *http.Request) {
	s.handleWrite(w, r, http.StatusCreated, s.create)
}

func (s *Server) handleUpdate(w http.ResponseWriter, r *http.Request) {
	s.handleWrite(w, r, http.StatusOK, func(body map[string]any, when mappings) ([]byte, error) {
		return s.update(r.PathValue("id"), body, when)
	})
}

func (s *Server) handleWrite(w http.ResponseWriter, r *http.Request, status int, write func(map[string]any, mappings) ([]byte, error)) {
	when, err := parseWriteQuery(r.URL.Query())
	var body map[string]any
	if err == nil {
		body, err = readObject(w, r)
	}
	var user []byte
	if err == nil {
		user, err = write(body, when)
	}
	answer(w, status, user, err)
}

func (s *Server) create(body map[string]any, when mappings) ([]byte, error) {
	st, now := s.lock()
	defer s.mu.Unlock()
	c, err := s.checked(nil, body)
	if err != nil {
		return nil, err
	}
	return s.mapped(st.create(c, now), when, now), nil
}

func (s *Server) update(id string, body map[string]any, when mappings) ([]byte, error) {
	st, now := s.lock()
	defer s.mu.Unlock()
	u := st.find(id)
	if u == nil {
		return nil, notFound()
	}
	c, err := s.checked(u, body)
	if err != nil {
		return nil, err
	}
	st.update(u, c, now)
	return s.mapped(u, when, now), nil
}

// checked is what a body written through the API would change; u is nil for a
// user yet to be made.
func (s *Server) checked(u *user, body map[string]any) (change, error) {
	var id int64
	c, unknown, problems := s.store.parse(body, false)
	if unknown != "" {
		return change{}, badRequest("unknown attribute: " + unknown)
	}
	if u != nil {
		if s.isOwner(u) {
			return change{}, invalid(msgOwner)
		}
		id = u.id()
	}
	if len(problems) == 0 {
		s.normalizeTexts(c)
		problems = s.store.check(id, c)
	}
	if len(problems) > 0 {
		return change{}, invalid(problems...)
	}
	return c, nil
}

func (s *Server) isOwner(u *user) bool {
	return s.settings.OwnerEmail != "" && u.key(attrEmail) == strings.ToLower(s.settings.OwnerEmail)
}

func (s *Server) normalizeTexts(c change) {
	stored := func(attribute, value string) string {
		if s.settings.StripPhoneSpaces && attribute == attributes[attrPhone].name {
			value = strings.ReplaceAll(value, " ", "")
		}
		if s.normalize != nil {
			value = s.normalize(attribute, value)
		}
		return value
	}
	for at, value := range c.values {
		if v, ok := value.(string); ok {
			c.values[at] = stored(attributes[at].name, v)
		}
	}
	for shortname, value := range c.custom {
		if v, ok := value.(string); ok {
			c.custom[shortname] = stored(customFilter+shortname, v)
		}
	}
}

// mapped runs OneLogin's mappings on a user just written and returns the answer,
// which shows their work only when they ran before it.
func (s *Server) mapped(u *user, when mappings, now time.Time) []byte {
	if when == mappingsSync {
		s.runMappings(u, now)
	}
	body := s.store.appendUser(nil, u, fullAttributes)
	if when == mappingsAsync {
		s.runMappings(u, now)
	}
	return body
}

func (s *Server) runMappings(u *user, now time.Time) {
	if s.mapping == nil && len(s.settings.Force) == 0 {
		return
	}
	before, after := plainJSON(s.store.snapshot(u)), s.store.snapshot(u)
	if s.mapping != nil {
		s.mapping(after)
	}
	changed := plainJSON(after)
	for name, value := range plainJSON(s.settings.Force) {
		changed[name] = value
	}
	for name := range changed {
		if reflect.DeepEqual(before[name], changed[name]) {
			delete(changed, name)
		}
	}
	c, unknown, problems := s.store.parse(changed, true)
	if unknown != "" || len(problems) > 0 {
		panic(fmt.Sprintf("onelogin stand-in: mapping: unknown attribute %q, %q", unknown, problems))
	}
	// A mapping that would break a rule of the account has nobody to tell.
	if len(c.values)+len(c.custom) > 0 && len(s.store.check(u.id(), c)) == 0 {
		s.store.update(u, c, now)
	}
}

func (s *Server) handleDelete(w http.ResponseWriter, r *http.Request) {
	if err := s.delete(r.PathValue("id")); err != nil {
		answer(w, 0, nil, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) delete(id string) error {
	st, now := s.lock()
	defer s.mu.Unlock()
	u := st.find(id)
	if u == nil {
		return notFound()
	}
	if s.isOwner(u) {
		return invalid(msgOwner)
	}
	st.delete(u, now)
	return nil
}

// handleLogout ends the sessions of a user, whether there are any or not.
func (s *Server) handleLogout(w http.ResponseWriter, r *http.Request) {
	if !s.endSessions(r.PathValue("id")) {
		refuseV1(w, http.StatusNotFound, msgNotFound)
		return
	}
	writeJSON(w, http.StatusOK, map[string]v1Status{"status": v1Success})
}

func (s *Server) endSessions(id string) bool {
	st, now := s.lock()
	defer s.mu.Unlock()
	u := st.find(id)
	if u == nil {
		return false
	}
	u.sessionsEndedAt = now
	st.sessions = append(st.sessions, sessionEnd{u.id(), formatTime(now)})
	return true
}

// find returns nil for an id that nobody has, or that is no number.
func (s *store) find(id string) *user {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	return s.users[n]
}

// mappings is when OneLogin's mappings run on a write.
type mappings string

const (
	mappingsAsync    mappings = "async"
	mappingsSync     mappings = "sync"
	mappingsDisabled mappings = "disabled"
)

func parseWriteQuery(q url.Values) (mappings, error) {
	when := mappingsAsync
	var unknown []string
	for name := range q {
		switch value := q.Get(name); name {
		case "mappings":
			when = mappings(value)
		case "validate_policy":
			if value != "true" && value != "false" {
				return "", badRequest("validate_policy must be true or false")
			}
		default:
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return "", badRequest("query parameter(s) not allowed: " + strings.Join(unknown, ", "))
	}
	if !slices.Contains([]mappings{mappingsAsync, mappingsSync, mappingsDisabled}, when) {
		return "", badRequest("mappings must be async, sync or disabled")
	}
	return when, nil
}

// readObject reads a body as JSON, whatever its content type says. No body is an
// empty object.
func readObject(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return nil, atEdge(http.StatusRequestEntityTooLarge, pageTooLarge)
		}
		return nil, atEdge(http.StatusBadRequest, pageBadRequest)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return map[string]any{}, nil
	}
	if !json.Valid(raw) {
		return nil, atEdge(http.StatusBadRequest, pageBadRequest)
	}
	var object map[string]any
	if err := decodeNumbers(raw, &object); err != nil {
		return nil, badRequest("request body must be an object")
	}
	return object, nil
}

// decodeNumbers keeps numbers as they are written, so that an id or a status is
// not taken for a fraction.
func decodeNumbers(raw []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return dec.Decode(v)
}

// plainJSON turns Go values into what a body with them decodes to.
func plainJSON(attributes map[string]any) map[string]any {
	raw, err := json.Marshal(attributes)
	if err != nil {
		panic(fmt.Sprintf("onelogin stand-in: attributes: %v", err))
	}
	plain := map[string]any{}
	if err := decodeNumbers(raw, &plain); err != nil {
		panic(fmt.Sprintf("onelogin stand-in: attributes: %v", err))
	}
	return plain
}

// answer writes a body, or what err says instead.
func answer(w http.ResponseWriter, status int, body []byte, err error) {
	if no, ok := errors.AsType[*refused](err); ok {
		no.write(w)
		return
	}
	writeBody(w, status, "application/json; charset=utf-8", body)
}
