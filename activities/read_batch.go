package activities

import (
	"context"
	"sync"
	"time"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
)

const (
	// gatherFor is how long a read may wait for others to be made with it.
	gatherFor = 500 * time.Millisecond
	// gatherMax is how many people one search of Bob takes; Bob advises 50 to
	// 200 ids.
	gatherMax = 100
)

// readBatch makes the reads of many people in few calls, because Bob answers
// fifty calls a minute: ten thousand people cost a hundred.
type readBatch struct {
	mu   sync.Mutex
	open *gathering
	// turn is held by the one call under way: whoever asks meanwhile joins the
	// next, and no calls queue up that few have joined.
	turn sync.Mutex
}

// gathering is one call to be made for everybody who joined it.
type gathering struct {
	ids    []string
	closed bool
	done   chan struct{}

	people map[string]employee.Record
	err    error
}

// person reads one person together with others who are asked for at about the
// same time. A person whom Bob does not show is a *bob.NotFoundError, as for a
// read of one.
func (b *readBatch) person(ctx context.Context, api *bob.Client, id string, fields []string) (employee.Record, error) {
	g := b.join(ctx, api, id, fields)
	select {
	case <-ctx.Done():
		return employee.Record{}, ctx.Err()
	case <-g.done:
	}
	if g.err != nil {
		return employee.Record{}, g.err
	}
	r, ok := g.people[id]
	if !ok {
		return employee.Record{}, &bob.NotFoundError{}
	}
	return r, nil
}

// join adds a person to the next call, and sees to it that it is made.
func (b *readBatch) join(ctx context.Context, api *bob.Client, id string, fields []string) *gathering {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.open
	if g == nil {
		g = &gathering{done: make(chan struct{})}
		b.open = g
		// The call outlives whoever was first: the others wait for it too.
		ctx := context.WithoutCancel(ctx)
		time.AfterFunc(gatherFor, func() { b.search(ctx, api, g, fields) })
	}
	g.ids = append(g.ids, id)
	if len(g.ids) >= gatherMax {
		b.open = nil
		go b.search(context.WithoutCancel(ctx), api, g, fields)
	}
	return g
}

// search makes the call of a gathering, once.
func (b *readBatch) search(ctx context.Context, api *bob.Client, g *gathering, fields []string) {
	b.turn.Lock()
	defer b.turn.Unlock()
	b.mu.Lock()
	if b.open == g {
		b.open = nil
	}
	first := !g.closed
	g.closed = true
	b.mu.Unlock()
	if !first {
		return
	}
	defer close(g.done)
	people, err := api.SearchByIDs(ctx, g.ids, fields)
	if g.err = err; err != nil {
		return
	}
	g.people = make(map[string]employee.Record, len(people))
	for _, r := range people {
		g.people[r.ID] = r
	}
}
