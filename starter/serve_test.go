package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"bob-onelogin/internal/config"
	"bob-onelogin/internal/employee"
)

// hurry is so little patience that a test sees its end.
var hurry = patience{
	header: 50 * time.Millisecond, request: 100 * time.Millisecond, answer: 5 * time.Second,
	idle: 50 * time.Millisecond, stop: 5 * time.Second,
}

// served runs serve with a handler and returns its address, what stops it, and
// what it ends with.
func served(t *testing.T, h http.Handler, p patience) (addr string, stop func(), ended <-chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	end := make(chan error, 1)
	go func() { end <- serve(ctx, listener, h, p, zap.NewNop()) }()
	return listener.Addr().String(), cancel, end
}

func TestServeCutsOffTheSlow(t *testing.T) {
	hook := newWebhook(func(context.Context, string, employee.Event) error {
		t.Error("nothing was delivered")
		return nil
	}, func() []string { return []string{secret} }, zap.NewNop())
	addr, _, _ := served(t, routes(hook, http.NotFound, http.NotFoundHandler()), hurry)

	tests := []struct {
		name string
		sent string
		// answer begins what comes back; empty where the connection is closed
		// without an answer.
		answer string
	}{
		{name: "nothing at all"},
		{name: "half a header", sent: "POST /webhooks/bob HTTP/1.1\r\nHost: starter\r\nBob-Sig"},
		{name: "half a body", sent: "POST /webhooks/bob HTTP/1.1\r\nHost: starter\r\nContent-Length: 100\r\n\r\n{", answer: "HTTP/1.1 400 "},
		{name: "too large a header", sent: "POST /webhooks/bob HTTP/1.1\r\nHost: starter\r\nX-Pad: " + strings.Repeat("x", 2*maxHeaderBytes) + "\r\n\r\n", answer: "HTTP/1.1 431 "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, test.sent)
			require.NoError(t, err)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
			// The deadline is far beyond the server's patience: that reading
			// ends before it is the server's doing.
			answer, err := io.ReadAll(conn)
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
			require.True(t, strings.HasPrefix(string(answer), test.answer), "%q", answer)
			if test.answer == "" {
				require.NotContains(t, string(answer), "200 OK")
			}
		})
	}
}

// Whoever sends a byte now and then is cut off as well: the time is that of the
// whole, and no byte prolongs it.
func TestServeCutsOffWhoeverDrips(t *testing.T) {
	hook := newWebhook(func(context.Context, string, employee.Event) error {
		t.Error("nothing was delivered")
		return nil
	}, func() []string { return []string{secret} }, zap.NewNop())
	addr, _, _ := served(t, routes(hook, http.NotFound, http.NotFoundHandler()), hurry)

	const request = "POST /webhooks/bob HTTP/1.1\r\nHost: starter\r\n"
	tests := []struct{ name, at, drop string }{
		{name: "a header", at: request + "X-Drip: ", drop: "x"},
		{name: "header after header", at: request, drop: "X: x\r\n"},
		{name: "a body", at: request + "Content-Length: 1000000\r\n\r\n", drop: "x"},
		{name: "a body in chunks", at: request + "Transfer-Encoding: chunked\r\n\r\n", drop: "1\r\nx\r\n"},
		{name: "a body that is not looked at", at: "POST /webhooks/other HTTP/1.1\r\nHost: starter\r\nContent-Length: 1000000\r\n\r\n", drop: "x"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, test.at)
			require.NoError(t, err)
			// A server without an end to its patience would take all of them.
			drops := 0
			for tick := time.NewTicker(5 * time.Millisecond); err == nil && drops < 1000; <-tick.C {
				_, err = io.WriteString(conn, test.drop)
				drops++
			}
			require.Error(t, err, "%d drops were taken", drops)
			require.Greater(t, drops, 1)
		})
	}
}

// gauge counts what is there at once.
type gauge struct {
	mu                 sync.Mutex
	now, highest, ever int
}

func (g *gauge) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now++
	g.ever++
	g.highest = max(g.highest, g.now)
}

func (g *gauge) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now--
}

func (g *gauge) read() (now, highest, ever int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now, g.highest, g.ever
}

// counting notes the connections that are let in.
type counting struct {
	net.Listener
	gauge
}

func (l *counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.enter()
	return &countedConn{Conn: c, left: sync.OnceFunc(l.leave)}, nil
}

type countedConn struct {
	net.Conn
	left func()
}

func (c *countedConn) Close() error {
	c.left()
	return c.Conn.Close()
}

func TestServeBoundsItsConnections(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener := &counting{Listener: inner}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	p := defaultPatience
	p.header = time.Minute
	go func() { ended <- serve(ctx, listener, hello, p, zap.NewNop()) }()

	const more = 50
	var silent []net.Conn
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", inner.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	for range maxConnections {
		silent = append(silent, dial())
	}
	require.Eventually(t, func() bool { now, _, _ := listener.read(); return now == maxConnections }, 10*time.Second, time.Millisecond)
	var waiting []net.Conn
	for range more {
		conn := dial()
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: starter\r\nConnection: close\r\n\r\n")
		require.NoError(t, err)
		waiting = append(waiting, conn)
	}
	for _, conn := range silent[:more] {
		require.NoError(t, conn.Close())
	}
	for _, conn := range waiting {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, "who waited is let in")
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode)
	}
	_, highest, ever := listener.read()
	require.Equal(t, maxConnections, highest)
	require.Equal(t, maxConnections+more, ever)
	for _, conn := range silent {
		conn.Close()
	}
	cancel()
	require.NoError(t, <-ended)
}

func TestServeAnswersWhatIsUnderWay(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	hook := newWebhook(func(context.Context, string, employee.Event) error {
		close(arrived)
		<-release
		return nil
	}, func() []string { return []string{secret} }, zap.NewNop())
	addr, stop, ended := served(t, routes(hook, http.NotFound, http.NotFoundHandler()), defaultPatience)

	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	body := v2("employee.left", `"employeeId":"`+personID+`"`)
	_, err = fmt.Fprintf(conn, "POST /webhooks/bob HTTP/1.1\r\nHost: starter\r\nBob-Signature: %s\r\nContent-Length: %d\r\n\r\n%s", sign(body, secret), len(body), body)
	require.NoError(t, err)
	<-arrived

	stop()
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err != nil
	}, 10*time.Second, 5*time.Millisecond, "nobody new is let in")
	select {
	case err := <-ended:
		t.Fatalf("it ended with a request under way: %v", err)
	default:
	}

	close(release)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NoError(t, <-ended)
}

func TestServeWaitsNotForEver(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	p := defaultPatience
	p.stop = 20 * time.Millisecond
	addr, stop, ended := served(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	}), p)
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: starter\r\n\r\n")
	require.NoError(t, err)
	<-arrived
	stop()
	require.NoError(t, <-ended)
	_, err = http.ReadResponse(bufio.NewReader(conn), nil)
	require.Error(t, err, "the request is cut off, not answered with success")
}

func TestServeEndsWithItsListener(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	require.Error(t, serve(t.Context(), listener, http.NotFoundHandler(), hurry, zap.NewNop()))
}

func TestDefaultPatienceFitsBobs(t *testing.T) {
	const bobs = 10 * time.Second
	require.Less(t, acceptTimeout, bobs)
	require.Less(t, acceptTimeout, defaultPatience.answer)
	require.Less(t, acceptTimeout, defaultPatience.stop, "what is under way can be answered before the end")
	require.LessOrEqual(t, defaultPatience.request, bobs)
	require.Positive(t, defaultPatience.header)
	require.Positive(t, defaultPatience.idle)
}

func TestReady(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	temporal := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(temporal, workflowservice.UnimplementedWorkflowServiceServer{})
	state := health.NewServer()
	healthpb.RegisterHealthServer(temporal, state)
	go func() { _ = temporal.Serve(listener) }()
	t.Cleanup(temporal.Stop)

	c, err := client.NewLazyClient(client.Options{HostPort: listener.Addr().String(), Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	ask := func() int {
		rec := httptest.NewRecorder()
		ready(c)(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		return rec.Code
	}
	const service = "temporal.api.workflowservice.v1.WorkflowService"
	require.Equal(t, http.StatusServiceUnavailable, ask(), "a server that does not know the service")
	state.SetServingStatus(service, healthpb.HealthCheckResponse_SERVING)
	require.Equal(t, http.StatusOK, ask())
	state.SetServingStatus(service, healthpb.HealthCheckResponse_NOT_SERVING)
	require.Equal(t, http.StatusServiceUnavailable, ask(), "a server that is not up yet")
	temporal.Stop()
	require.Equal(t, http.StatusServiceUnavailable, ask())
}

// quiet drops the SDK's log lines.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

func TestServeCommandWantsItsSecrets(t *testing.T) {
	err := serveCommand{}.Run(t.Context(), config.Starter{Addr: "127.0.0.1:0", LogLevel: "info"})
	require.ErrorContains(t, err, "BOB_WEBHOOK_SECRETS: missing")
}

// The endpoint starts while Temporal is down: webhooks are answered 503, and
// the process says that it lives and is not ready.
func TestServeCommandWithoutTemporal(t *testing.T) {
	down, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, down.Close())
	t.Setenv("TEMPORAL_ADDRESS", down.Addr().String())
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	url := "http://" + free.Addr().String()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- serveCommand{}.Run(ctx, config.Starter{Addr: free.Addr().String(), WebhookSecrets: secret, LogLevel: "fatal"})
	}()
	status := func(method, path, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Bob-Signature", sign(body, secret))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	require.Eventually(t, func() bool { return status(http.MethodGet, "/healthz", "") == http.StatusOK }, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, http.StatusServiceUnavailable, status(http.MethodGet, "/readyz", ""))
	require.Equal(t, http.StatusOK, status(http.MethodPost, "/webhooks/bob", "Ping test"))
	body := v2("employee.left", `"employeeId":"`+personID+`"`)
	require.Equal(t, http.StatusServiceUnavailable, status(http.MethodPost, "/webhooks/bob", body))

	cancel()
	require.NoError(t, <-ended)
}
