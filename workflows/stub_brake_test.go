package workflows_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"bob-onelogin/internal/brake"
	"bob-onelogin/workflows"
)

// stubBrake decides as the workflow does, without one. now is its clock.
type stubBrake struct {
	mu    sync.Mutex
	state brake.State
	now   func() time.Time
	asked []brake.Request
	// err is what it answers instead, counting says that it counts.
	err      error
	counting bool
	// dropped are those of whom it was told that there is nothing to hold.
	dropped []string
}

func (s *stubBrake) drop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = append(s.dropped, id)
	s.state.Drop(id)
}

func (s *stubBrake) refund(n workflows.NotHeld) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Refund(n.EmployeeID, n.Refused)
}

func (s *stubBrake) Reserve(_ context.Context, by brake.Settings, r brake.Request) (brake.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r)
	switch {
	case s.err != nil:
		return brake.Answer{}, s.err
	case s.counting:
		return brake.Answer{Verdict: brake.Counting}, nil
	default:
		return s.state.Ask(s.clock(), by, r), nil
	}
}

func (s *stubBrake) clock() time.Time {
	if s.now == nil {
		return epoch
	}
	return s.now()
}

func (s *stubBrake) Learn(context.Context, int) error { return nil }

func (s *stubBrake) Standing(context.Context) (brake.View, error) { return brake.View{}, nil }

// exhaust uses up the floor.
func (s *stubBrake) exhaust() {
	for n := range brake.DefaultSettings().AtLeast {
		s.state.Ask(s.clock(), brake.DefaultSettings(), brake.Request{EmployeeID: fmt.Sprint(n + 1), Case: s.clock()})
	}
}
