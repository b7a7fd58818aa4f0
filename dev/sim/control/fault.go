package control

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// When a faulty call loses its connection.
const (
	DropBefore = "before" // the request never reaches the stand-in's handler
	DropAfter  = "after"  // the handler has run in full, its answer is lost
	DropMiddle = "middle" // the handler has run in full, half of its answer is lost
)

// What a faulty call's list comes to. The list is the answer itself, or a
// member of it.
const (
	ListEmpty = "empty" // nobody is in it
	ListHalf  = "half"  // every other item is missing
)

// maxFaults bounds what a runaway test can store.
const maxFaults = 10_000

// Duration is a time.Duration that is text such as "1.5s" in JSON.
type Duration time.Duration

// MarshalText gives the form time.ParseDuration reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads the form of time.ParseDuration.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("not a duration such as \"1s\": %q", text)
	}
	*d = Duration(parsed)
	return nil
}

// Fault is trouble planned for the next Count calls that match Method and Route.
//
//   - Status: the call is answered with it, Body and Headers, without effect.
//   - Drop "before": the connection is cut, without effect.
//   - Drop "after": the effect happens, the connection is cut.
//   - Drop "middle": the effect happens, the connection is cut in the middle of
//     the answer.
//   - List: the effect happens, and the answer's list is empty, or half of it
//     is missing; its headers say what they would.
//   - Delay: in real time, and only while the client waits. It precedes
//     whatever else the fault does, except under Drop "after", where it
//     stands between the effect and the cut. Alone, the call is then served.
//
// At most one fault acts on a call: the earliest added that is due.
type Fault struct {
	Method string `json:"method,omitempty"` // empty: any
	// Route is the path of the mux pattern ("/api/2/users/{id}"), or one whole
	// path ("/api/2/users/42"); empty: any.
	Route   string            `json:"route,omitempty"`
	Count   int               `json:"count"` // 0 when added means 1; what is left when listed
	Status  int               `json:"status,omitempty"`
	Body    string            `json:"body,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	Delay   Duration          `json:"delay,omitzero"`
	Drop    string            `json:"drop,omitempty"`
	List    string            `json:"list,omitempty"`
	// Skip lets this many matching calls go by first. A call counts as gone by
	// even when another fault acts on it, so that a schedule of faults can be
	// written down by the index of the call.
	Skip  int `json:"skip,omitempty"`
	Fired int `json:"fired"` // how many calls it has acted on; ignored when added
}

func (f Fault) validate() error {
	var errs []error
	if f.Count < 0 {
		errs = append(errs, errors.New("count: must not be negative"))
	}
	if f.Skip < 0 {
		errs = append(errs, errors.New("skip: must not be negative"))
	}
	if f.Delay < 0 {
		errs = append(errs, errors.New("delay: must not be negative"))
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		errs = append(errs, fmt.Errorf("status: %d is not between 200 and 599", f.Status))
	}
	switch f.Drop {
	case "":
	case DropBefore, DropAfter, DropMiddle:
		if f.Status != 0 {
			errs = append(errs, errors.New("drop: a cut connection has no status"))
		}
	default:
		errs = append(errs, fmt.Errorf("drop: %q is none of %q, %q and %q", f.Drop, DropBefore, DropMiddle, DropAfter))
	}
	switch f.List {
	case "":
	case ListEmpty, ListHalf:
		if f.Status != 0 || f.Drop != "" {
			errs = append(errs, errors.New("list: has neither status nor drop beside it"))
		}
	default:
		errs = append(errs, fmt.Errorf("list: %q is neither %q nor %q", f.List, ListEmpty, ListHalf))
	}
	if f.Status == 0 && (f.Body != "" || len(f.Headers) > 0) {
		errs = append(errs, errors.New("status: body and headers need one"))
	}
	if f.Status == 0 && f.Drop == "" && f.List == "" && f.Delay == 0 {
		errs = append(errs, errors.New("status: without it, drop, list or delay the fault does nothing"))
	}
	return errors.Join(errs...)
}

func (f Fault) matches(method, route, path string) bool {
	return (f.Method == "" || strings.EqualFold(f.Method, method)) &&
		(f.Route == "" || f.Route == route || f.Route == path)
}

// Act does to one call what the fault says, whichever calls the fault is
// planned for. next serves the call. Act does not return when the connection is
// cut: it panics with http.ErrAbortHandler, as net/http wants it.
func (f Fault) Act(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if f.Drop == DropAfter {
		next.ServeHTTP(newHeld(), r)
	}
	if !f.wait(r) {
		panic(http.ErrAbortHandler)
	}
	switch {
	case f.Drop == DropMiddle:
		h := newHeld()
		next.ServeHTTP(h, r)
		h.sendHalf(w)
		panic(http.ErrAbortHandler)
	case f.Drop != "":
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		f.answer(w)
	case f.List != "":
		h := newHeld()
		next.ServeHTTP(h, r)
		h.shorten(f.List)
		h.send(w)
	default:
		next.ServeHTTP(w, r)
	}
}

// wait reports false when the client went away before the delay was over.
func (f Fault) wait(r *http.Request) bool {
	if f.Delay == 0 {
		return true
	}
	timer := time.NewTimer(time.Duration(f.Delay))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (f Fault) answer(w http.ResponseWriter) {
	switch body := strings.TrimSpace(f.Body); {
	case body == "":
	case strings.HasPrefix(body, "<"):
		w.Header().Set("Content-Type", "text/html")
	case strings.HasPrefix(body, "{"), strings.HasPrefix(body, "["):
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	for name, value := range f.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(f.Status)
	if f.Status != http.StatusNoContent && f.Status != http.StatusNotModified {
		_, _ = w.Write([]byte(f.Body)) // a client that has gone cannot be told
	}
}
