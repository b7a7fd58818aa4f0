package onelogin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sampleID     = "sample-client"
	sampleSecret = "sample-secret"
	tokenRoute   = "POST /auth/oauth2/v2/token"
	usersRoute   = "GET /api/2/users"
	createRoute  = "POST /api/2/users"
	readRoute    = "GET /api/2/users/42"
	updateRoute  = "PUT /api/2/users/42"
	logoutRoute  = "PUT /api/1/users/42/logout"
	userJSON     = `{"id":42,"status":1,"state":1,"email":"sample@example.com","username":"sample@example.com","external_id":"1001"}`
)

type routes map[string]http.HandlerFunc

// fake is a OneLogin that knows the given routes, counts their calls, and
// fails the test at any other.
type fake struct {
	t      testing.TB
	routes routes

	mu    sync.Mutex
	calls map[string]int
}

// newFake answers for the token as well, token-1, token-2 and so on with a
// life of ten hours, unless the routes say otherwise.
func newFake(t testing.TB, r routes) *fake {
	f := &fake{t: t, routes: routes{}, calls: map[string]int{}}
	maps.Copy(f.routes, r)
	if f.routes[tokenRoute] == nil {
		f.routes[tokenRoute] = f.grant
	}
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route := r.Method + " " + r.URL.Path
	f.mu.Lock()
	f.calls[route]++
	f.mu.Unlock()
	handler, ok := f.routes[route]
	if !ok {
		f.t.Errorf("unexpected call: %s", route)
		http.NotFound(w, r)
		return
	}
	handler(w, r)
}

func (f *fake) count(route string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[route]
}

func (f *fake) grant(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	body, err := io.ReadAll(r.Body)
	if !ok || id != sampleID || secret != sampleSecret || err != nil || string(body) != `{"grant_type":"client_credentials"}` {
		f.t.Errorf("bad token request")
	}
	writeGrant(w, fmt.Sprintf("token-%d", f.count(tokenRoute)), time.Now(), 36000)
}

func writeGrant(w http.ResponseWriter, value string, created time.Time, seconds int) {
	reply(http.StatusOK, fmt.Sprintf(`{"access_token":%q,"created_at":%q,"expires_in":%d,"token_type":"bearer","account_id":555555}`,
		value, created.UTC().Format("2006-01-02T15:04:05.000Z"), seconds))(w, nil)
}

// reply answers JSON; headers come as pairs of name and value.
func reply(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// cut drops the connection, after the given status line and part of a body
// where there is one.
func cut(status int, part string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if status != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, part)
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	}
}

// silent never answers. It reads the body, because only then does the server
// notice that the client has gone.
func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// withToken lets only calls with this token through to the handler.
func withToken(value string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+value {
			unauthorized(w, r)
			return
		}
		next(w, r)
	}
}

func unauthorized(w http.ResponseWriter, r *http.Request) {
	reply(http.StatusUnauthorized, `{"message":"Unauthorized","name":"UnauthorizedError","statusCode":401}`)(w, r)
}

// start serves the fake on a loopback port and returns a client of it without
// a burst guard to speak of.
func start(t testing.TB, f *fake, change ...func(*Config)) *Client {
	t.Helper()
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return newClient(t, srv.URL, transport, change...)
}

// startInBubble is start for tests in a synctest bubble, where time passes at
// once when everything waits: connections are pipes, because waiting for a
// socket is not waiting in the bubble's sense.
func startInBubble(t testing.TB, f *fake, change ...func(*Config)) *Client {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	transport := &http.Transport{DialContext: l.dial, MaxIdleConnsPerHost: 64}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = srv.Close()
		<-served
	})
	return newClient(t, "http://localhost", transport, change...)
}

func newClient(t testing.TB, base string, transport *http.Transport, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		BaseURL:      base,
		ClientID:     sampleID,
		ClientSecret: sampleSecret,
		MaxRPS:       1e6,
		HTTPClient:   &http.Client{Transport: transport, Timeout: 20 * time.Second},
	}
	for _, c := range change {
		c(&cfg)
	}
	client, err := New(cfg)
	require.NoError(t, err)
	return client
}

// pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "pipe"} }

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
}

// together runs fn n times at once and returns the errors.
func together(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-gate
			errs[i] = fn(i)
		})
	}
	close(gate)
	wg.Wait()
	return errs
}
