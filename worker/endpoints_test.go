package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func get(t *testing.T, h http.Handler, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestReadyzMeansThatTheJobCanBeDone(t *testing.T) {
	r := newReadiness()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	r.now = func() time.Time { return now }
	var down, silent error
	var missing []string
	asked := 0
	r.temporal = func(ctx context.Context) error {
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		asked++
		return down
	}
	r.notPolled = func(context.Context) ([]string, error) { return missing, silent }
	h := routes(http.NotFoundHandler(), r)
	says := func(status int, body string) {
		t.Helper()
		now = now.Add(readyKept)
		gotStatus, gotBody := get(t, h, "/readyz")
		require.Equal(t, status, gotStatus, gotBody)
		require.Equal(t, body, gotBody)
		require.Equal(t, status == http.StatusOK, r.ready())
	}

	says(http.StatusServiceUnavailable, "the workers have not started, or are about to stop")
	require.Zero(t, asked, "the server need not be asked for that")
	r.started.Store(true)
	says(http.StatusOK, "ready")
	down = errors.New("connection refused by 10.1.2.3")
	says(http.StatusServiceUnavailable, "the Temporal server cannot be reached")
	down, missing = nil, []string{"bob-onelogin (workflows)", "bob-onelogin-api (activities)"}
	says(http.StatusServiceUnavailable, "this process does not poll bob-onelogin (workflows), bob-onelogin-api (activities)")
	missing, silent = nil, errors.New("permission denied")
	says(http.StatusServiceUnavailable, "the Temporal server does not say who polls the task queues")
	silent = nil
	says(http.StatusOK, "ready")

	before := asked
	for range 20 {
		status, _ := get(t, h, "/readyz")
		require.Equal(t, http.StatusOK, status)
	}
	require.Equal(t, before, asked, "probes and scrapes do not add up")

	// Told to stop, it is not ready, whatever it said a moment ago.
	r.started.Store(false)
	require.False(t, r.ready())
	status, _ := get(t, h, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	status, _ = get(t, h, "/healthz")
	require.Equal(t, http.StatusOK, status)
}

func TestEndpointIsOpenedAndClosed(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") })
	addr := closedPort(t)
	stop, err := listen(addr, routes(metrics, newReadiness()), zap.NewNop())
	require.NoError(t, err)
	r, err := http.Get("http://" + addr + "/metrics")
	require.NoError(t, err)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	require.Equal(t, "metrics", string(body))

	_, err = listen(addr, http.NotFoundHandler(), zap.NewNop())
	require.ErrorContains(t, err, "listen on METRICS_ADDR (each process on one machine needs its own, or off)")
	stop()
	_, err = http.Get("http://" + addr + "/metrics")
	require.Error(t, err)
}
