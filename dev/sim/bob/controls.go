package bob

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"bob-onelogin/dev/sim/control"
)

// controls adds what is under /_sim/ beyond calls, faults and clock.
func (s *Server) controls(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sim/people", s.getPeople)
	mux.HandleFunc("GET /_sim/people/{id}", s.getPerson)
	mux.HandleFunc("PUT /_sim/people/{id}", s.putPerson)
	mux.HandleFunc("DELETE /_sim/people/{id}", s.deletePerson)
	mux.HandleFunc("GET /_sim/events", func(w http.ResponseWriter, _ *http.Request) {
		control.WriteJSON(w, http.StatusOK, s.Deliveries())
	})
	mux.HandleFunc("POST /_sim/events", s.postEvent)
	mux.HandleFunc("DELETE /_sim/events", func(w http.ResponseWriter, _ *http.Request) {
		s.ForgetDeliveries()
		control.WriteJSON(w, http.StatusOK, s.Deliveries())
	})
	mux.HandleFunc("POST /_sim/ping", s.postPing)
	mux.HandleFunc("GET /_sim/settings", func(w http.ResponseWriter, _ *http.Request) {
		control.WriteJSON(w, http.StatusOK, s.Settings())
	})
	mux.HandleFunc("PUT /_sim/settings", s.putSettings)
	mux.HandleFunc("PUT /_sim/credentials", s.putCredentials)
	mux.HandleFunc("GET /_sim/firewall", func(w http.ResponseWriter, _ *http.Request) {
		control.WriteJSON(w, http.StatusOK, s.Firewall())
	})
	mux.HandleFunc("/_sim/", func(w http.ResponseWriter, r *http.Request) {
		control.WriteError(w, http.StatusNotFound, fmt.Errorf("no control %s at this path", r.Method))
	})
}

func (s *Server) putCredentials(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Token string `json:"token"`
	}
	err := control.ReadJSON(r, &body)
	if err == nil && body.Token == "" {
		err = errors.New("token: empty")
	}
	if err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	s.Rotate(body.Token)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) getPeople(w http.ResponseWriter, _ *http.Request) {
	control.WriteJSON(w, http.StatusOK, s.People())
}

func (s *Server) getPerson(w http.ResponseWriter, r *http.Request) {
	person, err := s.Person(r.PathValue("id"))
	if err != nil {
		control.WriteError(w, http.StatusNotFound, err)
		return
	}
	control.WriteJSON(w, http.StatusOK, person)
}

func (s *Server) putPerson(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	patch, err := readObject(r)
	if err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	types, wait, err := s.asked(r)
	if err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	change, err := s.Put(id, patch)
	if err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	status := http.StatusOK
	if change.Created {
		status = http.StatusCreated
	}
	s.announce(w, r, status, Event{EmployeeID: id, FieldUpdates: change.Fields}, types, wait, nil)
}

func (s *Server) deletePerson(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	types, wait, err := s.asked(r)
	if err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	removed, err := s.remove(id)
	if err != nil {
		control.WriteError(w, http.StatusNotFound, err)
		return
	}
	s.announce(w, r, http.StatusOK, Event{EmployeeID: id}, types, wait, removed)
}

// asked reads ?event= and ?wait=. It refuses what could not be sent before
// anything is changed.
func (s *Server) asked(r *http.Request) (types []string, wait bool, err error) {
	query := r.URL.Query()
	for name := range query {
		if name != "event" && name != "wait" {
			return nil, false, fmt.Errorf("unknown query parameter %q", name)
		}
	}
	types = query["event"]
	for _, t := range types {
		if t == "" {
			return nil, false, errors.New("event: empty")
		}
	}
	if len(types) > 0 && s.Settings().WebhookURL == "" {
		return nil, false, ErrNoWebhook
	}
	if query.Has("wait") {
		if wait, err = strconv.ParseBool(query.Get("wait")); err != nil {
			return nil, false, errors.New("wait: want true or false")
		}
	}
	return types, wait, nil
}

// announced is what is said of webhooks: one line for all of them.
type announced struct {
	ID        string `json:"id,omitempty"`
	Queued    int    `json:"queued,omitempty"`    // when nobody waits for them
	Delivered *bool  `json:"delivered,omitempty"` // every one of them
	Status    int    `json:"status,omitempty"`    // of the last
	Attempts  int    `json:"attempts,omitempty"`  // in all
}

// announce sends the events asked for about one person and answers.
func (s *Server) announce(w http.ResponseWriter, r *http.Request, status int, about Event, types []string, wait bool, removed record) {
	var parcels []*parcel
	for _, t := range types {
		about.Type = t
		queued, err := s.queue(about, removed)
		if err != nil {
			control.WriteError(w, http.StatusInternalServerError, err)
			return
		}
		parcels = append(parcels, queued...)
	}
	s.tell(w, r, status, about.EmployeeID, parcels, wait)
}

func (s *Server) tell(w http.ResponseWriter, r *http.Request, status int, id string, parcels []*parcel, wait bool) {
	answer := announced{ID: id}
	if len(parcels) > 0 && !wait {
		answer.Queued = len(parcels)
	}
	if len(parcels) > 0 && wait {
		// Cut short, it still tells how far the deliveries have come.
		deliveries, _ := s.await(r.Context(), parcels)
		all := true
		for _, d := range deliveries {
			all = all && d.Delivered
			answer.Status = d.Status
			answer.Attempts += d.Attempts
		}
		answer.Delivered = &all
	}
	control.WriteJSON(w, status, answer)
}

func (s *Server) postEvent(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Event
		Wait bool `json:"wait"`
	}
	if err := control.ReadJSON(r, &body); err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	parcels, err := s.queue(body.Event, nil)
	if err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	status := http.StatusAccepted
	if body.Wait {
		status = http.StatusOK
	}
	s.tell(w, r, status, "", parcels, body.Wait)
}

func (s *Server) postPing(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Signed bool `json:"signed"`
	}
	if r.ContentLength != 0 {
		if err := control.ReadJSON(r, &body); err != nil {
			control.WriteError(w, http.StatusBadRequest, err)
			return
		}
	}
	statuses, err := s.Ping(r.Context(), body.Signed)
	switch {
	case errors.Is(err, ErrNoWebhook):
		control.WriteError(w, http.StatusBadRequest, err)
	case err != nil:
		control.WriteError(w, http.StatusBadGateway, err)
	default:
		delivered := statuses[0]/100 == 2 && statuses[1]/100 == 2
		control.WriteJSON(w, http.StatusOK, map[string]any{"delivered": delivered, "statuses": statuses})
	}
}

func (s *Server) putSettings(w http.ResponseWriter, r *http.Request) {
	settings := s.Settings()
	if err := control.ReadJSON(r, &settings); err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	if err := s.Set(settings); err != nil {
		control.WriteError(w, http.StatusBadRequest, err)
		return
	}
	control.WriteJSON(w, http.StatusOK, s.Settings())
}

// readObject reads a record's patch, numbers as they were written.
func readObject(r *http.Request) (map[string]any, error) {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil {
		return nil, errors.New("read body: want one JSON object")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) || object == nil {
		return nil, errors.New("read body: want one JSON object")
	}
	return object, nil
}
