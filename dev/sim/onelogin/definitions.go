package onelogin

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

func (s *Server) handleListDefinitions(w http.ResponseWriter, _ *http.Request) {
	st, _ := s.lock()
	list := append([]definition{}, st.definitions...)
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, list)
}

func (s *Server) handleGetDefinition(w http.ResponseWriter, r *http.Request) {
	d, err := s.getDefinition(r.PathValue("id"))
	if err != nil {
		answer(w, 0, nil, err)
		return
	}
	writeJSON(w, http.StatusOK, d)
}

func (s *Server) getDefinition(id string) (definition, error) {
	st, _ := s.lock()
	defer s.mu.Unlock()
	d := st.findDefinition(id)
	if d == nil {
		return definition{}, notFound()
	}
	return *d, nil
}

// handleCreateDefinition answers 201 as for users; the status is not documented.
func (s *Server) handleCreateDefinition(w http.ResponseWriter, r *http.Request) {
	s.handleDefinition(w, r, http.StatusCreated, func(st *store, name, shortname string) (definition, error) {
		if err := st.checkDefinition(0, name, shortname); err != nil {
			return definition{}, err
		}
		return st.define(name, shortname), nil
	})
}

// handleUpdateDefinition leaves alone what the body does not name.
func (s *Server) handleUpdateDefinition(w http.ResponseWriter, r *http.Request) {
	s.handleDefinition(w, r, http.StatusOK, func(st *store, name, shortname string) (definition, error) {
		d := st.findDefinition(r.PathValue("id"))
		if d == nil {
			return definition{}, notFound()
		}
		name, shortname = orElse(name, d.Name), orElse(shortname, d.Shortname)
		if err := st.checkDefinition(d.ID, name, shortname); err != nil {
			return definition{}, err
		}
		st.rename(d, name, shortname)
		return *d, nil
	})
}

func (s *Server) handleDeleteDefinition(w http.ResponseWriter, r *http.Request) {
	if err := s.deleteDefinition(r.PathValue("id")); err != nil {
		answer(w, 0, nil, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) deleteDefinition(id string) error {
	st, _ := s.lock()
	defer s.mu.Unlock()
	d := st.findDefinition(id)
	if d == nil {
		return notFound()
	}
	gone := *d
	st.definitions = slices.DeleteFunc(st.definitions, func(d definition) bool { return d.ID == gone.ID })
	for _, u := range st.users {
		delete(u.custom, gone.Shortname)
	}
	return nil
}

func (s *Server) handleDefinition(w http.ResponseWriter, r *http.Request, status int, write func(st *store, name, shortname string) (definition, error)) {
	body, err := readObject(w, r)
	var name, shortname string
	if err == nil {
		name, shortname, err = parseDefinition(body)
	}
	if err != nil {
		answer(w, status, nil, err)
		return
	}
	st, _ := s.lock()
	d, err := write(st, name, shortname)
	s.mu.Unlock()
	if err != nil {
		answer(w, status, nil, err)
		return
	}
	writeJSON(w, status, d)
}

// parseDefinition takes {"user_field":{…}}, which clients of the live API send,
// and the bare object of the documentation.
func parseDefinition(body map[string]any) (name, shortname string, err error) {
	if wrapped, ok := body["user_field"].(map[string]any); ok {
		body = wrapped
	}
	for _, key := range slices.Sorted(maps.Keys(body)) {
		value := body[key]
		var into *string
		switch key {
		case "name":
			into = &name
		case "shortname":
			into = &shortname
		case "position":
			if _, ok := value.(json.Number); !ok && value != nil {
				return "", "", invalid("Position must be an integer")
			}
			continue
		default:
			return "", "", badRequest("unknown attribute: " + key)
		}
		written, ok := value.(string)
		if !ok {
			return "", "", invalid(strings.ToUpper(key[:1]) + key[1:] + " must be a string")
		}
		*into = written
	}
	return name, shortname, nil
}

func (s *store) checkDefinition(id int64, name, shortname string) error {
	var problems []string
	if name == "" {
		problems = append(problems, "Name can't be blank")
	}
	if shortname == "" {
		problems = append(problems, "Shortname can't be blank")
	}
	if other := s.definition(shortname); other != nil && other.ID != id {
		problems = append(problems, "Shortname must be unique within "+s.account)
	}
	if len(problems) > 0 {
		return invalid(problems...)
	}
	return nil
}

func (s *store) define(name, shortname string) definition {
	s.lastDefinitionID++
	d := definition{ID: s.lastDefinitionID, Name: name, Shortname: shortname}
	s.definitions = append(s.definitions, d)
	return d
}

// rename keeps the values that users have under the old shortname.
func (s *store) rename(d *definition, name, shortname string) {
	if old := d.Shortname; old != shortname {
		for _, u := range s.users {
			if value, ok := u.custom[old]; ok {
				u.custom[shortname] = value
				delete(u.custom, old)
			}
		}
	}
	d.Name, d.Shortname = name, shortname
}

func (s *store) findDefinition(id string) *definition {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	for i := range s.definitions {
		if s.definitions[i].ID == n {
			return &s.definitions[i]
		}
	}
	return nil
}
