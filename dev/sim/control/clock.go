package control

import (
	"sync/atomic"
	"time"
)

// Clock is real time plus an offset. It always runs; tests move it instead of
// waiting. Safe for concurrent use.
type Clock struct {
	offset atomic.Int64 // nanoseconds
}

// NewClock returns a clock that shows real time.
func NewClock() *Clock { return &Clock{} }

// Now is the clock's time, in UTC.
func (c *Clock) Now() time.Time {
	return time.Now().Add(time.Duration(c.offset.Load())).UTC()
}

// Advance moves the clock by d, backwards when d is negative.
func (c *Clock) Advance(d time.Duration) { c.offset.Add(int64(d)) }

// Set makes the clock show t; it keeps running from there. Times more than 290
// years from now are out of its reach.
func (c *Clock) Set(t time.Time) { c.offset.Store(int64(time.Until(t))) }
