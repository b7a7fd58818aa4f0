package healthcheck

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAsk(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /not", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Temporal cannot be reached", http.StatusServiceUnavailable)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	addr := server.Listener.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)

	for _, ours := range []string{addr, ":" + port, "0.0.0.0:" + port, "[::]:" + port, "localhost:" + port} {
		require.NoError(t, Ask(t.Context(), ours, "/readyz"), ours)
	}
	require.ErrorContains(t, Ask(t.Context(), addr, "/not"), "/not answers 503 Service Unavailable: Temporal cannot be reached")
	require.ErrorContains(t, Ask(t.Context(), addr, "/nowhere"), "404")
	require.ErrorContains(t, Ask(t.Context(), "nonsense", "/readyz"), "health check: ")
	server.Close()
	require.ErrorContains(t, Ask(t.Context(), addr, "/readyz"), "health check: ")
}
