package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/mapping"
)

// searches is a Bob that answers searches alone: everybody but the hidden, or
// an error.
type searches struct {
	mu     sync.Mutex
	asked  [][]string
	hidden string
	status int
	// hold, where set, is waited for before an answer.
	hold chan struct{}
}

func (s *searches) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var query struct {
		Filters []struct{ Values []string }
	}
	if err := json.NewDecoder(r.Body).Decode(&query); err != nil || r.URL.Path != "/v1/people/search" {
		http.Error(w, "unexpected", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	ids := query.Filters[0].Values
	s.asked = append(s.asked, ids)
	hold, status := s.hold, s.status
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	w.Header().Set("Content-Type", "application/json")
	if status != 0 {
		w.WriteHeader(status)
		return
	}
	people := []map[string]any{}
	for _, id := range ids {
		if id != s.hidden {
			people = append(people, map[string]any{"id": id})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"employees": people})
}

func (s *searches) client(t *testing.T) *bob.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client, err := bob.New(bob.Config{BaseURL: server.URL + "/v1", ServiceUserID: "SERVICE-sample", Token: "token", MaxPerMinute: 100_000})
	require.NoError(t, err)
	return client
}

func batchID(n int) string { return fmt.Sprintf("33328838000002%05d", n) }

// together reads n people at once, and returns what came of each.
func together(client *bob.Client, n int) []error {
	var batch readBatch
	var group sync.WaitGroup
	failed := make([]error, n)
	for i := range n {
		group.Go(func() {
			r, err := batch.person(context.Background(), client, batchID(i), []string{"root.id"})
			if err == nil && r.ID != batchID(i) {
				err = fmt.Errorf("somebody else: %s", r.ID)
			}
			failed[i] = err
		})
	}
	group.Wait()
	return failed
}

func TestReadBatch(t *testing.T) {
	tests := []struct {
		name   string
		people int
		sizes  []int
	}{
		{name: "one person", people: 1, sizes: []int{1}},
		{name: "several at once", people: 30, sizes: []int{30}},
		{name: "as many as one search takes", people: 100, sizes: []int{100}},
		{name: "more than one search takes", people: 230, sizes: []int{100, 100, 30}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var s searches
			for _, err := range together(s.client(t), test.people) {
				require.NoError(t, err)
			}
			var sizes []int
			seen := map[string]bool{}
			for _, ids := range s.asked {
				sizes = append(sizes, len(ids))
				for _, id := range ids {
					require.False(t, seen[id], "nobody is asked for twice")
					seen[id] = true
				}
			}
			require.ElementsMatch(t, test.sizes, sizes)
			require.Len(t, seen, test.people)
		})
	}
	t.Run("Bob does not show one of them", func(t *testing.T) {
		s := searches{hidden: batchID(1)}
		failed := together(s.client(t), 3)
		require.NoError(t, failed[0])
		require.NoError(t, failed[2])
		var notFound *bob.NotFoundError
		require.ErrorAs(t, failed[1], &notFound)
	})
	t.Run("Bob fails", func(t *testing.T) {
		s := searches{status: http.StatusBadGateway}
		for _, err := range together(s.client(t), 3) {
			var server *bob.ServerError
			require.ErrorAs(t, err, &server)
		}
		require.Len(t, s.asked, 1)
	})
}

func TestReadBatchGoesOnWithoutWhoeverBeganIt(t *testing.T) {
	s := searches{hold: make(chan struct{})}
	client := s.client(t)
	var batch readBatch
	first, cancel := context.WithCancel(context.Background())
	gave := make(chan error, 1)
	go func() {
		_, err := batch.person(first, client, batchID(0), []string{"root.id"})
		gave <- err
	}()
	require.Eventually(t, func() bool {
		batch.mu.Lock()
		defer batch.mu.Unlock()
		return batch.open != nil
	}, 5*time.Second, time.Millisecond)
	got := make(chan error, 1)
	go func() {
		_, err := batch.person(context.Background(), client, batchID(1), []string{"root.id"})
		got <- err
	}()
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.asked) == 1
	}, 5*time.Second, time.Millisecond)
	cancel()
	require.True(t, errors.Is(<-gave, context.Canceled), "whoever gives up does not wait for the answer")
	close(s.hold)
	require.NoError(t, <-got)

	// The next one begins another call.
	var asked atomic.Bool
	go func() {
		_, _ = batch.person(context.Background(), client, batchID(2), []string{"root.id"})
		asked.Store(true)
	}()
	require.Eventually(t, asked.Load, 5*time.Second, time.Millisecond)
	require.Equal(t, []string{batchID(2)}, s.asked[len(s.asked)-1])
}

func TestReadBatchOfTheSamePersonTwice(t *testing.T) {
	var s searches
	client := s.client(t)
	var batch readBatch
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			r, err := batch.person(context.Background(), client, batchID(0), []string{"root.id"})
			if err != nil || r.ID != batchID(0) {
				t.Errorf("%v, %v", r.ID, err)
			}
		})
	}
	group.Wait()
	require.Equal(t, [][]string{{batchID(0)}}, s.asked)
}

// TestBurstOfEventsIsReadTogether: Bob answers fifty reads of one a minute; a
// burst of more waits for no minute.
func TestBurstOfEventsIsReadTogether(t *testing.T) {
	const people, atOnce = 250, 15
	var mu sync.Mutex
	alone := 0
	s := searches{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/people/search" {
			s.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		alone++
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"id": strings.TrimPrefix(r.URL.Path, "/v1/people/")})
	}))
	t.Cleanup(server.Close)
	client, err := bob.New(bob.Config{BaseURL: server.URL + "/v1", ServiceUserID: "SERVICE-sample", Token: "token", MaxPerMinute: 3 * atOnce})
	require.NoError(t, err)
	a := &Activities{Bob: client}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var group sync.WaitGroup
	failed := make([]error, people)
	for i := range people {
		group.Go(func() {
			r, err := a.person(ctx, ReadEmployeeInput{EmployeeID: batchID(i)}, mapping.Default())
			if err == nil && r.ID != batchID(i) {
				err = errors.New("somebody else")
			}
			failed[i] = err
		})
	}
	group.Wait()
	require.NoError(t, errors.Join(failed...))
	require.Positive(t, alone, "as long as Bob is not busy, people are read one by one")
	require.LessOrEqual(t, alone, atOnce+10, "what flows in meanwhile aside")
	require.LessOrEqual(t, len(s.asked), 5)
	for _, ids := range s.asked {
		require.LessOrEqual(t, len(ids), gatherMax)
	}
}
