package bob_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"bob-onelogin/internal/bob"
)

const (
	serviceUser = "SERVICE-4711"
	token       = "token-that-nobody-may-see"
	address     = "ada.ashgrove@example.com"
	personID    = "3980342332732998349"
)

// serve answers on 127.0.0.1 with handler and returns a client of it. The burst
// guard is out of the way unless a test sets it.
func serve(t testing.TB, handler http.Handler, change ...func(*bob.Config)) *bob.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return newClient(t, server.URL+"/v1", append([]func(*bob.Config){func(c *bob.Config) {
		c.HTTPClient = server.Client()
	}}, change...)...)
}

func newClient(t testing.TB, baseURL string, change ...func(*bob.Config)) *bob.Client {
	t.Helper()
	cfg := bob.Config{
		BaseURL:       baseURL,
		ServiceUserID: serviceUser,
		Token:         token,
		MaxPerMinute:  1_000_000,
	}
	for _, c := range change {
		c(&cfg)
	}
	client, err := bob.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// answer is a handler that says the same to everybody.
func answer(status int, contentType, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// exchange is one call that a fake expects, and the answer to it.
type exchange struct {
	method, path string
	body         any
	answer       http.HandlerFunc
}

// expect returns a handler that takes exactly the given calls, in order, and
// fails the test for every other and for those that do not come.
func expect(t testing.TB, exchanges ...exchange) http.Handler {
	t.Helper()
	var mu sync.Mutex
	next := 0
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		if next != len(exchanges) {
			t.Errorf("%d calls came in, want %d", next, len(exchanges))
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(exchanges) {
			t.Errorf("unexpected call: %s %s", r.Method, r.URL.EscapedPath())
			return
		}
		want := exchanges[next]
		next++
		if r.Method != want.method || r.RequestURI != want.path {
			t.Errorf("call %d: %s %s, want %s %s", next, r.Method, r.RequestURI, want.method, want.path)
		}
		if user, password, ok := r.BasicAuth(); !ok || user != serviceUser || password != token {
			t.Errorf("call %d: not signed in as the service user", next)
		}
		if got := r.Header.Get("Accept"); got != "application/json" {
			t.Errorf("call %d: Accept = %q", next, got)
		}
		checkBody(t, r, want.body)
		want.answer(w, r)
	})
}

func checkBody(t testing.TB, r *http.Request, want any) {
	t.Helper()
	got, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("read request: %v", err)
	}
	if want == nil {
		if _, sent := r.Header["Content-Type"]; sent || len(got) > 0 {
			t.Errorf("%s with a Content-Type or a body, which Bob refuses", r.Method)
		}
		return
	}
	if ct := r.Header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type = %q", ct)
	}
	wanted, err := json.Marshal(want)
	if err != nil {
		t.Errorf("encode expectation: %v", err)
	}
	var g, w any
	if json.Unmarshal(got, &g) != nil || json.Unmarshal(wanted, &w) != nil {
		t.Errorf("request is not JSON: %s", got)
	}
	a, _ := json.Marshal(g)
	b, _ := json.Marshal(w)
	if string(a) != string(b) {
		t.Errorf("request body\n got %s\nwant %s", a, b)
	}
}

// pipeListener connects clients to a server without the network, so that
// everything stands still, and time may pass, inside a synctest bubble.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, errors.New("the server is closed")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serveBubble is serve for a synctest bubble.
func serveBubble(t testing.TB, handler http.Handler, change ...func(*bob.Config)) *bob.Client {
	t.Helper()
	listener := newPipeListener()
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	server.Start()
	transport := &http.Transport{DialContext: listener.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return newClient(t, "http://127.0.0.1/v1", append([]func(*bob.Config){func(c *bob.Config) {
		c.HTTPClient = &http.Client{Transport: transport}
	}}, change...)...)
}
