package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/dev/sim/onelogin"
	"bob-onelogin/dev/sim/people"
)

const (
	bobUser, bobToken      = "SERVICE-bench", "bench-bob-token"
	clientID, clientSecret = "bench-client-id", "bench-client-secret"
	webhookSecret          = "bench-webhook-secret"
)

// world is both stand-ins, with sample staff who are in line and wait for no
// date.
type world struct {
	bob                       *bob.Server
	oneLogin                  *onelogin.Server
	bobCalls, oneLoginCalls   *control.Control
	bobServer, oneLoginServer *httptest.Server
	// working are the Bob ids of those who work.
	working []string
	// hires are people who work, and whom Bob does not know yet.
	hires []people.Person
	// users are OneLogin's ids by Bob's.
	users map[string]int64
}

// nature is what a world is like; the zero value has no limits.
type nature struct {
	// budget is how many calls an hour allows, and hour how long that lasts.
	budget int
	hour   time.Duration
	// latency is how long OneLogin takes for every answer.
	latency time.Duration
	// hires are so many people besides, to be hired.
	hires int
}

func newWorld(employees int, n nature) (*world, error) {
	clock := control.NewClock()
	w := &world{bobCalls: control.New(clock), oneLoginCalls: control.New(clock), users: map[string]int64{}}
	w.bob = bob.New(bob.Config{ServiceUserID: bobUser, Token: bobToken, Settings: bob.Settings{PerMinute: -1}}, w.bobCalls)
	if n.budget == 0 {
		n.budget = -1
	}
	w.oneLogin = onelogin.New(onelogin.Config{
		ClientID: clientID, ClientSecret: clientSecret, HourlyBudget: n.budget, BudgetWindow: n.hour, BurstPerSecond: -1,
	}, w.oneLoginCalls)
	w.oneLogin.DefineCustomAttribute("Work Cell", "work_cell")
	// At least every fourth works.
	for i, p := range people.AtRest(employees+4*n.hires, clock.Now()) {
		if i >= employees {
			if p.Due() && p.Synced()["status"] == int64(1) && len(w.hires) < n.hires {
				w.hires = append(w.hires, p)
			}
			continue
		}
		if p.Due() {
			user := p.Synced()
			// Managers come before the people they manage.
			if manager, ok := w.users[p.ManagerID]; ok {
				user["manager_user_id"] = manager
			}
			w.users[p.ID] = w.oneLogin.Seed(user)[0]
			if user["status"] == int64(1) {
				w.working = append(w.working, p.ID)
			}
		}
		if err := w.bob.Seed(p.Record); err != nil {
			w.bob.Close()
			return nil, err
		}
	}
	w.bobServer, w.oneLoginServer = httptest.NewServer(w.bob), httptest.NewServer(slow(w.oneLogin, n.latency))
	return w, nil
}

// slow answers after a while, as a service far away does.
func slow(next http.Handler, latency time.Duration) http.Handler {
	if latency == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(latency):
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// put changes somebody in Bob.
func (w *world) put(id string, patch map[string]any) error {
	_, err := w.bob.Put(id, patch)
	return err
}

// pick returns n of those who work, from the given one on.
func (w *world) pick(from, n int) ([]string, error) {
	if from+n > len(w.working) {
		return nil, fmt.Errorf("too few sample people: %d work", len(w.working))
	}
	return w.working[from : from+n], nil
}

// change gives n people another surname in Bob, from the given one on.
func (w *world) change(from, n int) error {
	ids, err := w.pick(from, n)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := w.rename(id); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) rename(id string) error {
	return w.put(id, map[string]any{"surname": "Else " + time.Now().Format(time.TimeOnly)})
}

// leave makes somebody's last day a day of the past.
func (w *world) leave(id string) error {
	gone := time.Now().AddDate(0, 0, -3).Format(time.DateOnly)
	return w.put(id, map[string]any{
		"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "terminated", "terminationDate": gone},
		"employee": map[string]any{"lastDayOfWork": gone},
	})
}

// hire brings the next of the hires into Bob, and returns the id.
func (w *world) hire() (string, error) {
	if len(w.hires) == 0 {
		return "", fmt.Errorf("too few sample people: nobody is left to be hired")
	}
	p := w.hires[0]
	w.hires = w.hires[1:]
	return p.ID, w.bob.Seed(p.Record)
}

func (w *world) forgetCalls() {
	w.bobCalls.ResetCalls()
	w.oneLoginCalls.ResetCalls()
}

// spent is what calls there were: all but those for a token and for the
// definitions of custom attributes, which are asked for once in hours, and one
// name of two for the calls of a listing.
type spent struct{ bob, oneLogin, lists int }

func (w *world) spent() spent {
	var s spent
	for route, n := range w.bobCalls.Calls() {
		if route == "POST /v1/people/search" || route == "POST /v1/people/{identifier}" {
			s.bob += n
		} else {
			s.lists += n
		}
	}
	for route, n := range w.oneLoginCalls.Calls() {
		switch route {
		case "POST /auth/oauth2/v2/token", "GET /api/2/users/custom_attributes", listed:
		default:
			s.oneLogin += n
		}
	}
	return s
}

// listed is what the stand-in counts pages of everybody under, beside their
// route.
const listed = "GET /api/2/users?page"

// limits is what the stand-in for OneLogin tells of its limits.
type limits struct {
	RefusedByBudget int `json:"refused_by_budget"`
	Budgets         []struct {
		Began time.Time `json:"began"`
		Calls int       `json:"calls"`
	} `json:"budgets"`
}

func (w *world) limits() (limits, error) {
	var l limits
	answer, err := http.Get(w.oneLoginServer.URL + "/_sim/limits")
	if err != nil {
		return l, err
	}
	defer answer.Body.Close()
	return l, json.NewDecoder(answer.Body).Decode(&l)
}

func (w *world) close() {
	w.bobServer.Close()
	w.oneLoginServer.Close()
	w.bob.Close()
}
