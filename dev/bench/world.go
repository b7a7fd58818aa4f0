package main

import (
	"fmt"
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
)

// world is both stand-ins, without any limit, and with sample staff who are in
// line and wait for no date.
type world struct {
	bob                       *bob.Server
	oneLogin                  *onelogin.Server
	bobCalls, oneLoginCalls   *control.Control
	bobServer, oneLoginServer *httptest.Server
	// working are the Bob ids of those who work.
	working []string
}

func newWorld(employees int) (*world, error) {
	clock := control.NewClock()
	w := &world{bobCalls: control.New(clock), oneLoginCalls: control.New(clock)}
	w.bob = bob.New(bob.Config{ServiceUserID: bobUser, Token: bobToken, Settings: bob.Settings{PerMinute: -1}}, w.bobCalls)
	w.oneLogin = onelogin.New(onelogin.Config{
		ClientID: clientID, ClientSecret: clientSecret, HourlyBudget: -1, BurstPerSecond: -1,
	}, w.oneLoginCalls)
	w.oneLogin.DefineCustomAttribute("Work Cell", "work_cell")
	ids := map[string]int64{} // OneLogin's by Bob's
	for _, p := range people.AtRest(employees, clock.Now()) {
		if p.Due() {
			user := p.Synced()
			// Managers come before the people they manage.
			if manager, ok := ids[p.ManagerID]; ok {
				user["manager_user_id"] = manager
			}
			ids[p.ID] = w.oneLogin.Seed(user)[0]
			if user["status"] == int64(1) {
				w.working = append(w.working, p.ID)
			}
		}
		if err := w.bob.Seed(p.Record); err != nil {
			w.bob.Close()
			return nil, err
		}
	}
	w.bobServer, w.oneLoginServer = httptest.NewServer(w.bob), httptest.NewServer(w.oneLogin)
	return w, nil
}

// change gives n people another surname in Bob, from the given one on.
func (w *world) change(from, n int) error {
	if from+n > len(w.working) {
		return fmt.Errorf("too few sample people: %d work", len(w.working))
	}
	for _, id := range w.working[from : from+n] {
		if _, err := w.bob.Put(id, map[string]any{"surname": "Else " + time.Now().Format(time.TimeOnly)}); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) forgetCalls() {
	w.bobCalls.ResetCalls()
	w.oneLoginCalls.ResetCalls()
}

func (w *world) close() {
	w.bobServer.Close()
	w.oneLoginServer.Close()
	w.bob.Close()
}
