package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"bob-onelogin/internal/employee"
)

// fakeTemporal notes what it is handed, and how much of it at once.
type fakeTemporal struct {
	gauge
	// answer, where set, is waited for.
	answer chan struct{}

	mu     sync.Mutex
	handed map[string]int
}

func (f *fakeTemporal) signal(ctx context.Context, id string, _ employee.Event) error {
	f.enter()
	defer f.leave()
	select {
	case <-f.answer:
	case <-ctx.Done():
		return ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handed[id]++
	return nil
}

func (f *fakeTemporal) times(id string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.handed[id]
}

// bobs delivers as Bob does, with a connection for each delivery.
type bobs struct {
	t   *testing.T
	url string
	http.Client
}

func newBobs(t *testing.T, hook *webhook) *bobs {
	addr, _, _ := served(t, routes(hook, http.NotFound, http.NotFoundHandler()), defaultPatience)
	b := &bobs{t: t, url: "http://" + addr + "/webhooks/bob"}
	b.Transport = &http.Transport{DisableKeepAlives: true}
	return b
}

// deliver returns the status, and what Retry-After says.
func (b *bobs) deliver(body string) (int, string) {
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url, strings.NewReader(body))
	if err != nil {
		b.t.Error(err)
		return 0, ""
	}
	r.Header.Set("Bob-Signature", sign(body, secret))
	res, err := b.Do(r)
	if err != nil {
		b.t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header.Get("Retry-After")
}

func left(id string) string { return v2("employee.left", `"employeeId":"`+id+`"`) }

// Three seconds of a thousand deliveries each, every second's at once: no more
// than maxHanding are handed over at a time, the others wait their turn, and
// what is answered 200 is what Temporal was given.
func TestWebhookHoldsABurst(t *testing.T) {
	const seconds, each = 3, 1000
	temporal := &fakeTemporal{handed: map[string]int{}}
	hook := newWebhook(temporal.signal, func() []string { return []string{secret} }, zap.NewNop())
	// A slow machine is to make nobody's turn too late.
	hook.turn = time.Minute
	bob := newBobs(t, hook)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := heap()
	for second := range seconds {
		temporal.answer = make(chan struct{})
		var running sync.WaitGroup
		for n := range each {
			running.Go(func() {
				id := sampleID(second*each + n)
				status, _ := bob.deliver(left(id))
				if status != http.StatusOK {
					t.Errorf("status %d", status)
					return
				}
				if temporal.times(id) != 1 {
					t.Errorf("%s was accepted, and handed over %d times", id, temporal.times(id))
				}
			})
		}
		require.Eventually(t, func() bool { now, _, _ := temporal.read(); return now == maxHanding }, 10*time.Second, time.Millisecond)
		// The test's own thousand clients are in it.
		require.Less(t, heap(), before+96<<20)
		close(temporal.answer)
		running.Wait()
	}
	_, highest, ever := temporal.read()
	require.Equal(t, maxHanding, highest)
	require.Equal(t, seconds*each, ever, "each once, and none is lost")
	require.Len(t, temporal.handed, seconds*each)
	require.Empty(t, hook.handing, "every place is free again")
}

// While Temporal does not answer, a burst is sent away and not kept. None of
// what is sent away was handed over, and all of it is taken when it comes again.
func TestWebhookPutsOffWhatItCannotHold(t *testing.T) {
	const more = 100
	temporal := &fakeTemporal{handed: map[string]int{}, answer: make(chan struct{})}
	hook := newWebhook(temporal.signal, func() []string { return []string{secret} }, zap.NewNop())
	hook.turn = 20 * time.Millisecond
	bob := newBobs(t, hook)

	var running sync.WaitGroup
	for n := range maxHanding {
		running.Go(func() {
			if status, _ := bob.deliver(left(sampleID(n))); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
		})
	}
	require.Eventually(t, func() bool { now, _, _ := temporal.read(); return now == maxHanding }, 7*time.Second, time.Millisecond)
	var sentAway sync.WaitGroup
	for n := range more {
		sentAway.Go(func() {
			status, retry := bob.deliver(left(sampleID(maxHanding + n)))
			if status != http.StatusServiceUnavailable || retry == "" {
				t.Errorf("status %d, Retry-After %q", status, retry)
			}
		})
	}
	sentAway.Wait()
	status, _ := bob.deliver("Ping test")
	require.Equal(t, http.StatusOK, status, "what needs no place has its answer")
	_, _, ever := temporal.read()
	require.Equal(t, maxHanding, ever)

	close(temporal.answer)
	running.Wait()
	for n := range maxHanding {
		require.Equal(t, 1, temporal.times(sampleID(n)))
	}
	for n := range more {
		id := sampleID(maxHanding + n)
		require.Zero(t, temporal.times(id), "it was sent away")
		status, _ := bob.deliver(left(id))
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, 1, temporal.times(id))
	}
}

// Whoever fills the places for large bodies keeps out large bodies alone: Bob's
// are small, and have no need of one.
func TestWebhookLargeBodiesKeepOutNoSmallOnes(t *testing.T) {
	temporal := &fakeTemporal{handed: map[string]int{}, answer: make(chan struct{})}
	close(temporal.answer)
	hook := newWebhook(temporal.signal, func() []string { return []string{secret} }, zap.NewNop())
	hook.turn = 10 * time.Millisecond
	bob := newBobs(t, hook)

	var stuck []net.Conn
	for range maxLarge {
		conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(bob.url, "http://"), "/webhooks/bob"))
		require.NoError(t, err)
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST /webhooks/bob HTTP/1.1\r\nHost: starter\r\nContent-Length: %d\r\n\r\n%s", maxBody, strings.Repeat("x", smallBody+1))
		require.NoError(t, err)
		stuck = append(stuck, conn)
	}
	require.Eventually(t, func() bool { return len(hook.large) == maxLarge }, 5*time.Second, time.Millisecond)

	status, _ := bob.deliver(left(personID))
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 1, temporal.times(personID))

	large := v2("employee.left", `"employeeId":"`+sampleID(1)+`","pad":"`+strings.Repeat("x", smallBody)+`"`)
	status, retry := bob.deliver(large)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NotEmpty(t, retry)
	require.Zero(t, temporal.times(sampleID(1)))

	for _, conn := range stuck {
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool { return len(hook.large) == 0 }, 5*time.Second, time.Millisecond, "who is gone leaves the place")
	status, _ = bob.deliver(large)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 1, temporal.times(sampleID(1)))
}
