package control

import (
	"context"
	"sync"
	"time"
)

// Clock is real time plus an offset. It always runs; tests move it instead of
// waiting. Safe for concurrent use.
type Clock struct {
	made   time.Time
	mu     sync.Mutex
	offset time.Duration
	// leapt is how far the clock was moved forwards in all.
	leapt time.Duration
	// moved is closed at the next move; nil where nobody waits for one.
	moved chan struct{}
}

// NewClock returns a clock that shows real time.
func NewClock() *Clock { return &Clock{made: time.Now()} }

// Now is the clock's time, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset).UTC()
}

// Advance moves the clock by d, backwards when d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.move(c.offset + d)
}

// Set makes the clock show t; it keeps running from there. Times more than 290
// years from now are out of its reach.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.move(time.Until(t))
}

func (c *Clock) move(offset time.Duration) {
	c.leapt += max(offset-c.offset, 0)
	c.offset = offset
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
}

// Elapsed is how much time has gone by since the clock was made: real time, and
// what it was moved forwards. Moving it backwards takes nothing away.
func (c *Clock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.made) + c.leapt
}

// Wait returns true when so much time has Elapsed, and false when ctx ends
// before.
func (c *Clock) Wait(ctx context.Context, elapsed time.Duration) bool {
	for {
		c.mu.Lock()
		left := elapsed - time.Since(c.made) - c.leapt
		if c.moved == nil {
			c.moved = make(chan struct{})
		}
		moved := c.moved
		c.mu.Unlock()
		if left <= 0 {
			return ctx.Err() == nil
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-moved:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
}
