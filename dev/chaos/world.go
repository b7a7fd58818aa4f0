package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/dev/sim/onelogin"
)

const (
	bobUser, bobToken      = "SERVICE-chaos", "chaos-bob-token"
	clientID, clientSecret = "chaos-client-id", "chaos-client-secret"
	webhookSecret          = "chaos-webhook-secret"
	// noLongerValid takes a secret's place while it is refused.
	noLongerValid = "chaos-rotated-away"
)

// settle is the worker's BOB_SETTLE_DELAY, and staleFor how long Bob's reads
// lag where they do: less, as with the real one.
const (
	settle   = 2 * time.Second
	staleFor = 1800 * time.Millisecond
)

// call is one call that a stand-in, or the starter, has received.
type call struct {
	Kind   string
	Method string
	// OneLogin: it was OneLogin that was called, and not Bob.
	OneLogin bool
	// Person is the Bob id that the call is about, where it names one; User is
	// the OneLogin user's.
	Person string
	User   int64
	// Body is what a write said.
	Body map[string]any
	// Effect: the stand-in has done what was asked, whatever became of the
	// answer. Status is that of the answer, 0 where there was none.
	Effect bool
	Status int
	// Asked are those of whom a search asks by id; empty where it asks for
	// everybody. Shown are the records that an answer of Bob's has told whole.
	Asked []string
	Shown []map[string]any
	// Fault is what acted on the call.
	Fault *planned
	// Event and TriggeredAt are a webhook's; Event is also what a person has
	// decided.
	Event       string
	TriggeredAt time.Time

	Began, Ended time.Time
}

// answered reports whether the caller has what the call was answered.
func (c call) answered() bool { return c.Status != 0 }

// reads reports whether the call was answered with what Bob says of a person, be
// it nothing: by a read of one, or by a search that names them.
func (c call) reads(id string) bool {
	switch {
	case c.Kind == bobPerson:
		return c.Person == id && (c.Status == http.StatusOK || c.Status == http.StatusNotFound)
	default:
		return c.Kind == bobSearch && c.Status == http.StatusOK && slices.Contains(c.Asked, id)
	}
}

// world is both stand-ins with the schedule's faults before them, and the relay
// of webhooks to the starter.
type world struct {
	bob      *bob.Server
	oneLogin *onelogin.Server
	// bobURL, oneLoginURL and hookURL are where the calls come in.
	bobURL, oneLoginURL, hookURL string
	servers                      []*http.Server
	starterURL                   string
	// kill ends a process, and has it started again after a while.
	kill func(victim, time.Duration)

	mu    sync.Mutex
	armed bool
	seen  map[string]int
	// pending are the faults that have not acted.
	pending []planned
	calls   []*call
	// peopleOf are the Bob ids of OneLogin's users, by link.
	peopleOf map[int64]string
	turns    sync.WaitGroup
}

func newWorld(s schedule) (*world, error) {
	clock := control.NewClock()
	w := &world{seen: map[string]int{}, pending: slices.Clone(s.Faults), peopleOf: map[int64]string{}}
	w.bob = bob.New(bob.Config{
		ServiceUserID: bobUser, Token: bobToken, RetryFirst: 200 * time.Millisecond, RetryMost: time.Second,
		Settings: bob.Settings{PerMinute: -1},
	}, control.New(clock))
	w.oneLogin = onelogin.New(onelogin.Config{
		ClientID: clientID, ClientSecret: clientSecret, HourlyBudget: -1, BurstPerSecond: -1,
	}, control.New(clock))
	w.oneLogin.DefineCustomAttribute("Work Cell", "work_cell")
	for _, p := range s.People {
		if _, err := w.bob.Put(p.ID, clone(p.Record)); err != nil {
			return nil, err
		}
	}
	ids := map[string]int64{}
	for _, p := range s.People {
		if p.User == nil {
			continue
		}
		u := clone(p.User)
		boss, _ := p.Record["work"].(map[string]any)["reportsTo"].(string)
		if id, ok := ids[boss]; ok && p.Situation != outOfScope {
			u["manager_user_id"] = id
		}
		ids[p.ID] = w.oneLogin.Seed(u)[0]
		w.peopleOf[ids[p.ID]] = p.ID
	}
	for _, at := range []struct {
		url   *string
		serve http.HandlerFunc
	}{
		{&w.bobURL, w.serveBob}, {&w.oneLoginURL, w.serveOneLogin}, {&w.hookURL, w.relay},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			w.close()
			return nil, err
		}
		server := &http.Server{Handler: at.serve, ReadHeaderTimeout: 5 * time.Second, ErrorLog: quietLog}
		*at.url = "http://" + l.Addr().String()
		w.servers = append(w.servers, server)
		go func() { _ = server.Serve(l) }()
	}
	settings := w.bob.Settings()
	settings.WebhookURL, settings.WebhookSecret = w.hookURL+"/webhooks/bob", webhookSecret
	if s.Stale {
		settings.StaleFor = control.Duration(staleFor)
	}
	return w, w.bob.Set(settings)
}

func (w *world) close() {
	w.turns.Wait()
	w.bob.Close()
	for _, s := range w.servers {
		_ = s.Close()
	}
}

// arm lets the faults count calls from now on.
func (w *world) arm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = true
}

// over ends all faults: what has not fired will not.
func (w *world) over() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
}

// waiting lists the faults that have not acted yet.
func (w *world) waiting() []planned {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.pending)
}

// log is a copy of every call so far.
func (w *world) log() []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]call, 0, len(w.calls))
	for _, c := range w.calls {
		all = append(all, *c)
	}
	return all
}

// enter writes a call down and returns the fault that is due on it.
func (w *world) enter(c *call) *planned {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Began = time.Now()
	if c.Person == "" {
		c.Person = w.peopleOf[c.User]
	}
	w.calls = append(w.calls, c)
	if !w.armed {
		return nil
	}
	w.seen[c.Kind]++
	at := slices.IndexFunc(w.pending, func(p planned) bool { return p.Kind == c.Kind && p.Nth == w.seen[c.Kind] })
	if at < 0 {
		return nil
	}
	due := w.pending[at]
	w.pending = slices.Delete(w.pending, at, at+1)
	c.Fault = &due
	return &due
}

// leave writes down how a call ended. A status of 0 says that nothing whole
// has been answered.
func (w *world) leave(c *call, status int, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Ended, c.Status = time.Now(), status
	if status == http.StatusOK && (c.Kind == bobPerson || c.Kind == bobSearch) {
		c.Shown = employeesIn(body)
	}
}

// effect writes down what the stand-in itself has answered.
func (w *world) effect(c *call, status int, body []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Effect = status/100 == 2
	var user struct {
		ID         int64  `json:"id"`
		ExternalID string `json:"external_id"`
	}
	if c.Effect && c.Method != http.MethodGet && json.Unmarshal(body, &user) == nil && user.ID != 0 {
		c.User = user.ID
		if user.ExternalID != "" {
			w.peopleOf[user.ID] = user.ExternalID
		}
		if c.Person == "" {
			c.Person = w.peopleOf[user.ID]
		}
	}
}

// serve answers a call, as the fault that is due on it has it.
func (w *world) serve(out http.ResponseWriter, r *http.Request, c *call, inner http.Handler) {
	due := w.enter(c)
	sent := &sending{ResponseWriter: out}
	whole := false
	defer func() {
		status := 0
		if whole {
			status = sent.status
		}
		w.leave(c, status, sent.body.Bytes())
	}()
	next := http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		held := httptest.NewRecorder()
		inner.ServeHTTP(held, r)
		w.effect(c, held.Code, held.Body.Bytes())
		maps.Copy(out.Header(), held.Header())
		out.WriteHeader(held.Code)
		_, _ = out.Write(held.Body.Bytes())
	})
	if due == nil {
		next.ServeHTTP(sent, r)
		whole = true
		return
	}
	w.act(*due, sent, r, next)
	whole = true
}

// act does what is planned. It panics where the connection is cut.
func (w *world) act(p planned, out *sending, r *http.Request, next http.Handler) {
	switch {
	case p.Turn != "":
		w.begin(p.Turn)
		next.ServeHTTP(out, r)
	case p.Kill != nobody && p.When == beforeTheCall:
		w.kill(p.Kill, p.Down)
		panic(http.ErrAbortHandler)
	case p.Kill != nobody && p.When == afterTheCall:
		next.ServeHTTP(httptest.NewRecorder(), r)
		w.kill(p.Kill, p.Down)
		panic(http.ErrAbortHandler)
	case p.Kill != nobody:
		next.ServeHTTP(out, r)
		_ = http.NewResponseController(out).Flush()
		w.kill(p.Kill, p.Down)
	default:
		if p.After {
			next.ServeHTTP(httptest.NewRecorder(), r)
		}
		p.Do.Act(out, r, next)
	}
}

// begin starts trouble that ends by itself.
func (w *world) begin(t turn) {
	end := func(after time.Duration, how func()) {
		w.turns.Go(func() {
			time.Sleep(after) // it is the duration that is planned
			how()
		})
	}
	switch t {
	case bobRefuses:
		w.bob.Rotate(noLongerValid)
		end(stormFor, func() { w.bob.Rotate(bobToken) })
	case oneLoginDenies:
		w.oneLogin.Rotate(noLongerValid)
		end(stormFor, func() { w.oneLogin.Rotate(clientSecret) })
	case budgetSpent:
		w.budget(0, spentFor)
		end(spentFor, func() { w.budget(-1, time.Hour) })
	}
}

// budget sets OneLogin's hourly budget, and how long its hour lasts.
func (w *world) budget(calls int, window time.Duration) {
	body := fmt.Sprintf(`{"hourly_budget":%d,"budget_window":%q}`, calls, window)
	answer := httptest.NewRecorder()
	w.oneLogin.ServeHTTP(answer, httptest.NewRequest(http.MethodPut, "/_sim/settings", strings.NewReader(body)))
	if answer.Code != http.StatusOK {
		panic("the stand-in refuses the budget: " + answer.Body.String())
	}
}

func (w *world) serveBob(out http.ResponseWriter, r *http.Request) {
	c := &call{Kind: otherCall, Method: r.Method}
	path := strings.TrimPrefix(r.URL.Path, "/v1")
	switch rest, ok := strings.CutPrefix(path, "/people/"); {
	case rest == "search":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the worker was killed while it wrote
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.Kind, c.Asked = bobSearch, idsIn(body)
	case ok && r.Method == http.MethodPost:
		c.Kind = bobPerson
		c.Person = rest
	}
	w.serve(out, r, c, w.bob)
}

func (w *world) serveOneLogin(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the worker was killed while it wrote
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	c := &call{Kind: otherCall, Method: r.Method, OneLogin: true}
	rest, ofUser := strings.CutPrefix(r.URL.Path, "/api/2/users/")
	switch query := r.URL.Query(); {
	case r.URL.Path == "/auth/oauth2/v2/token":
		c.Kind = oneToken
	case r.URL.Path == "/api/2/users" && r.Method == http.MethodPost:
		c.Kind = oneCreate
		c.Body = objectIn(body)
		c.Person, _ = c.Body["external_id"].(string)
	case r.URL.Path == "/api/2/users":
		c.Kind = oneList
		if looksUp(query) {
			c.Kind, c.Person = oneFind, query.Get("external_id")
		}
	case ofUser && r.Method == http.MethodPut:
		c.User, _ = strconv.ParseInt(rest, 10, 64)
		c.Kind, c.Body = oneUpdate, objectIn(body)
		if suspends(c.Body) {
			c.Kind = oneSuspend
		}
	case strings.HasSuffix(r.URL.Path, "/logout"):
		c.Kind = oneSessions
		c.User, _ = strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/api/1/users/"), "/logout"), 10, 64)
	}
	w.serve(out, r, c, w.oneLogin)
}

func looksUp(q url.Values) bool {
	return q.Has("external_id") || q.Has("email") || q.Has("username") || q.Has("user_ids")
}

func suspends(body map[string]any) bool {
	status, _ := body["status"].(float64)
	return status == 2
}

// idsIn are the people whom a search asks for by id.
func idsIn(body []byte) []string {
	var search struct {
		Filters []struct {
			FieldPath string   `json:"fieldPath"`
			Values    []string `json:"values"`
		} `json:"filters"`
	}
	_ = json.Unmarshal(body, &search) // the stand-in refuses what is none
	for _, f := range search.Filters {
		if f.FieldPath == "root.id" {
			return f.Values
		}
	}
	return nil
}

func objectIn(body []byte) map[string]any {
	var object map[string]any
	if json.Unmarshal(body, &object) != nil {
		return nil
	}
	return object
}

// relay is what Bob's webhooks reach: the starter, and what may happen to them
// on the way there and back.
func (w *world) relay(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var event struct {
		Type        string `json:"type"`
		TriggeredAt string `json:"triggeredAt"`
		Data        struct {
			EmployeeID string `json:"employeeId"`
		} `json:"data"`
	}
	_ = json.Unmarshal(body, &event) // the stand-in's own form
	at, _ := time.Parse("2006-01-02T15:04:05.000000", event.TriggeredAt)
	c := &call{Kind: hook, Method: r.Method, Person: event.Data.EmployeeID, Event: event.Type, TriggeredAt: at}
	w.serve(out, r, c, http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		// A killed starter, or one that has lost its server, is what Bob sees.
		req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), http.MethodPost, w.starterURL+"/webhooks/bob", bytes.NewReader(body))
		if err != nil {
			panic(err) // the address is our own
		}
		req.Header = r.Header.Clone()
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			out.WriteHeader(http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		out.WriteHeader(res.StatusCode)
	}))
}

// sending is an answer on its way out, kept.
type sending struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (s *sending) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *sending) Write(p []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	s.body.Write(p)
	return s.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (s *sending) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// employeesIn are the records of an answer of Bob's, one or many.
func employeesIn(body []byte) []map[string]any {
	one := objectIn(body)
	list, many := one["employees"].([]any)
	if !many {
		if one == nil {
			return nil
		}
		return []map[string]any{one}
	}
	var all []map[string]any
	for _, e := range list {
		if r, ok := e.(map[string]any); ok {
			all = append(all, r)
		}
	}
	return all
}
