package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestForward(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	defer target.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "", []string{addr + "=" + target.Listener.Addr().String()}) }()
	require.Eventually(t, func() bool { return run(t.Context(), addr+"/any", nil) == nil }, 10*time.Second, 10*time.Millisecond)

	large := strings.Repeat("0123456789", 1<<17)
	answer, err := http.Post("http://"+addr, "text/plain", strings.NewReader(large))
	require.NoError(t, err)
	defer answer.Body.Close()
	echoed, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.True(t, string(echoed) == large, "what came back differs")

	// A connection that says nothing does not keep it from ending.
	idle, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer idle.Close()
	stop()
	require.NoError(t, <-ended)
	require.Error(t, run(t.Context(), addr+"/any", nil))
}

func TestForwardWithoutTarget(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := route{listener: l, to: closed(t)}
	served := make(chan struct{})
	go func() {
		r.serve(t.Context())
		close(served)
	}()
	_, err = http.Get("http://" + l.Addr().String())
	require.Error(t, err)
	require.NoError(t, l.Close())
	<-served
}

func TestRefusals(t *testing.T) {
	for _, routes := range [][]string{nil, {"127.0.0.1:0"}, {"nowhere=sim:8091"}, {fmt.Sprint("127.0.0.1:0=", "x"), "y"}} {
		require.Error(t, run(t.Context(), "", routes), "%v", routes)
	}
}

func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
