package control

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// NoRoute stands for the route of calls that no pattern matches: their paths
// may hold anything, so they are not recorded.
const NoRoute = "(no route)"

// Control is the state of one stand-in's controls. Safe for concurrent use.
type Control struct {
	clock *Clock

	mu     sync.Mutex
	calls  map[string]int
	faults []Fault
	fired  int
}

// New returns controls with nothing counted and no faults. Stand-ins that play
// together share the clock.
func New(clock *Clock) *Control {
	return &Control{clock: clock, calls: map[string]int{}}
}

// Clock is the clock that POST /_sim/clock moves.
func (c *Control) Clock() *Clock { return c.clock }

// Calls counts the calls received by "METHOD /route/{wild}" since the start or
// the last ResetCalls, and beside that by the kinds that Handler was given.
// Calls that a fault acted on are among them.
func (c *Control) Calls() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.calls)
}

// ResetCalls sets every count to nothing.
func (c *Control) ResetCalls() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.calls)
}

// AddFault plans a fault behind those that are there. It refuses a fault that
// says nothing or contradicts itself, naming the keys by their JSON names.
func (c *Control) AddFault(f Fault) error {
	if err := f.validate(); err != nil {
		return fmt.Errorf("add fault: %w", err)
	}
	if f.Count == 0 {
		f.Count = 1
	}
	f.Fired = 0
	f.Headers = maps.Clone(f.Headers)

	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) >= maxFaults {
		return fmt.Errorf("add fault: %d are stored already", maxFaults)
	}
	c.faults = append(c.faults, f)
	return nil
}

// ClearFaults forgets the faults that have not fired and how many have.
func (c *Control) ClearFaults() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults, c.fired = nil, 0
}

// PendingFaults lists the faults with calls left to act on, in the order they
// were added, each with what is left of its Count and Skip.
func (c *Control) PendingFaults() []Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.faults)
}

// FiredFaults is how many calls faults have acted on since the start or the
// last ClearFaults, used-up faults included.
func (c *Control) FiredFaults() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fired
}

// Handler serves mux with every call counted and faults applied, ahead of
// anything the mux does. The mux's patterns are "METHOD /path/{wild}"; a
// pattern "/" is taken to be its answer for calls without a route.
//
// Where a route serves several sorts of calls, kinds tell them apart: what a
// kind returns for a call is counted beside the call's route; "" is nothing.
//
// Paths under /_sim/ are neither counted nor faulty: calls, faults and clock
// are answered here, the rest by the mux.
func (c *Control) Handler(mux *http.ServeMux, kinds ...func(route string, r *http.Request) string) http.Handler {
	own := c.endpoints()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_sim/") {
			if _, pattern := own.Handler(r); pattern != "" {
				own.ServeHTTP(w, r)
				return
			}
			mux.ServeHTTP(w, r)
			return
		}
		_, pattern := mux.Handler(r)
		method, route, ok := strings.Cut(pattern, " ")
		if !ok {
			method, route = r.Method, NoRoute
		}
		for _, kind := range kinds {
			if name := kind(method+" "+route, r); name != "" {
				c.count(name)
			}
		}
		if fault, due := c.take(method, route, r.URL.Path); due {
			fault.Act(w, r, mux)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (c *Control) count(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[name]++
}

// take counts one call and uses up the fault that is due on it.
func (c *Control) take(method, route, path string) (due Fault, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[method+" "+route]++
	for i := range c.faults {
		f := &c.faults[i]
		switch {
		case !f.matches(method, route, path):
		case f.Skip > 0:
			f.Skip--
		case !found:
			f.Count--
			f.Fired++
			c.fired++
			due, found = *f, true
		}
	}
	if found && due.Count == 0 {
		c.faults = slices.DeleteFunc(c.faults, func(f Fault) bool { return f.Count == 0 })
	}
	return due, found
}

// endpoints are the control's own routes. Methods are told apart inside, so that
// a wrong one is refused here and does not fall through to the stand-in.
func (c *Control) endpoints() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/_sim/calls", methods{
		http.MethodGet: func(*http.Request) (any, error) { return c.Calls(), nil },
		http.MethodDelete: func(*http.Request) (any, error) {
			c.ResetCalls()
			return c.Calls(), nil
		},
	}.serve)
	mux.HandleFunc("/_sim/faults", methods{
		http.MethodGet:  func(*http.Request) (any, error) { return c.faultsView(), nil },
		http.MethodPost: c.postFault,
		http.MethodDelete: func(*http.Request) (any, error) {
			c.ClearFaults()
			return c.faultsView(), nil
		},
	}.serve)
	mux.HandleFunc("/_sim/clock", methods{
		http.MethodGet:  func(*http.Request) (any, error) { return c.clockView(), nil },
		http.MethodPost: c.postClock,
	}.serve)
	return mux
}

func (c *Control) postFault(r *http.Request) (any, error) {
	// Delay is read as text here, so that a bad one is refused by its name.
	var body struct {
		Method  string            `json:"method"`
		Route   string            `json:"route"`
		Count   int               `json:"count"`
		Status  int               `json:"status"`
		Body    string            `json:"body"`
		Headers map[string]string `json:"headers"`
		Delay   string            `json:"delay"`
		Drop    string            `json:"drop"`
		List    string            `json:"list"`
		Skip    int               `json:"skip"`
	}
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	f := Fault{
		Method: body.Method, Route: body.Route, Count: body.Count, Status: body.Status,
		Body: body.Body, Headers: body.Headers, Drop: body.Drop, List: body.List, Skip: body.Skip,
	}
	if body.Delay != "" {
		d, err := parseDuration("delay", body.Delay)
		if err != nil {
			return nil, err
		}
		f.Delay = Duration(d)
	}
	if err := c.AddFault(f); err != nil {
		return nil, err
	}
	return c.faultsView(), nil
}

func (c *Control) postClock(r *http.Request) (any, error) {
	var body struct {
		Advance string `json:"advance"`
		Set     string `json:"set"`
	}
	if err := ReadJSON(r, &body); err != nil {
		return nil, err
	}
	switch {
	case (body.Advance == "") == (body.Set == ""):
		return nil, errors.New("give either advance or set")
	case body.Advance != "":
		d, err := parseDuration("advance", body.Advance)
		if err != nil {
			return nil, err
		}
		c.clock.Advance(d)
	default:
		t, err := parseTime("set", body.Set)
		if err != nil {
			return nil, err
		}
		c.clock.Set(t)
	}
	return c.clockView(), nil
}

type faultsView struct {
	Pending []Fault `json:"pending"`
	Fired   int     `json:"fired"`
}

func (c *Control) faultsView() faultsView {
	c.mu.Lock()
	defer c.mu.Unlock()
	return faultsView{Pending: append([]Fault{}, c.faults...), Fired: c.fired}
}

func (c *Control) clockView() any {
	return map[string]any{"now": c.clock.Now()}
}
