package bob_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	userID = "SERVICE-test"
	token  = "test-token"

	managerID = "3332883804594373380"
	workerID  = "3332883854254932743"
	hireID    = "3332883854254932799"
)

// now is the time at which every test starts.
var now = time.Date(2026, 3, 2, 12, 0, 30, 0, time.UTC)

// sim is a stand-in on a real socket.
type sim struct {
	t     *testing.T
	bob   *bob.Server
	ctl   *control.Control
	url   string
	token string // sent as the password
}

func newSim(t *testing.T, settings bob.Settings) *sim {
	t.Helper()
	clock := control.NewClock()
	clock.Set(now)
	ctl := control.New(clock)
	b := bob.New(bob.Config{
		ServiceUserID: userID, Token: token, Settings: settings,
		Attempts: 4, RetryFirst: time.Millisecond, RetryMost: 2 * time.Millisecond,
	}, ctl)
	require.NoError(t, b.Seed(
		map[string]any{
			"id": managerID, "email": "amber.fern@example.com", "firstName": "Amber", "surname": "Fern", "displayName": "Amber Fern",
			"work":     map[string]any{"title": "209192101", "startDate": "2019-09-08", "site": "London", "siteId": int64(2471901), "employeeIdInCompany": int64(1)},
			"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
		},
		map[string]any{
			"id": workerID, "email": "teal.moss@example.com", "firstName": "Teal", "surname": "Moss", "displayName": "Teal Moss",
			"work": map[string]any{
				"title": "209192103", "department": "255298304", "workPhone": nil, "workMobile": "+44 7700 900001",
				"startDate": "2020-01-05", "site": "London", "siteId": int64(2471901), "reportsTo": managerID, "employeeIdInCompany": int64(2),
			},
			"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed", "terminationDate": nil},
		},
		map[string]any{
			"id": hireID, "email": "青.見本@example.com", "firstName": "青", "surname": "見本", "displayName": "青 見本",
			"work":     map[string]any{"startDate": "2026-03-04", "site": "Auckland", "siteId": int64(2471903), "reportsTo": workerID, "employeeIdInCompany": int64(3)},
			"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "hired"},
		},
	))
	server := httptest.NewServer(b)
	t.Cleanup(func() {
		server.Close()
		b.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return &sim{t: t, bob: b, ctl: ctl, url: server.URL, token: token}
}

// answer is a response read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t *testing.T) any {
	t.Helper()
	var v any
	dec := json.NewDecoder(bytes.NewReader([]byte(a.body)))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&v), "body %q", a.body)
	return v
}

func (s *sim) do(method, path, body string) answer {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, bytes.NewReader([]byte(body)))
	require.NoError(s.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.SetBasicAuth(userID, s.token)
	return s.send(req)
}

func (s *sim) send(req *http.Request) answer {
	s.t.Helper()
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return answer{status: res.StatusCode, header: res.Header, body: string(body)}
}

// employees searches and returns who was found.
func (s *sim) employees(body string) []any {
	s.t.Helper()
	a := s.do("POST", "/v1/people/search", body)
	require.Equal(s.t, 200, a.status, a.body)
	return a.json(s.t).(map[string]any)["employees"].([]any)
}

// title reads the worker's title by search.
func (s *sim) title() any {
	s.t.Helper()
	found := s.employees(`{"fields":["work.title"],"filters":[{"fieldPath":"root.id","operator":"equals","values":["` + workerID + `"]}]}`)
	require.Len(s.t, found, 1)
	return found[0].(map[string]any)["work"].(map[string]any)["title"]
}

func (s *sim) put(id, body string) answer {
	s.t.Helper()
	a := s.do("PUT", "/_sim/people/"+id, body)
	require.Less(s.t, a.status, 300, a.body)
	return a
}
