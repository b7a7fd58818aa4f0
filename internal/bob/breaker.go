package bob

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// openFor is how long nothing is sent after a refusal of the service user,
	// so that at most one call a minute tries whether it has been mended.
	openFor = time.Minute
	// probeWait is what the others wait while one call tries.
	probeWait = time.Second
)

// breaker stops calls after a refusal of the service user, and after that
// alone.
type breaker struct {
	cb    *gobreaker.CircuitBreaker[struct{}]
	now   func() time.Time
	until atomic.Pointer[time.Time]
}

func newBreaker(now func() time.Time) *breaker {
	b := &breaker{now: now}
	b.cb = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:     openFor,
		ReadyToTrip: func(gobreaker.Counts) bool { return true },
		IsSuccessful: func(err error) bool {
			var unsettled *unsettledError
			return !isRefusal(err) && !errors.As(err, &unsettled)
		},
		OnStateChange: func(_ string, _, to gobreaker.State) {
			if to == gobreaker.StateOpen {
				// gobreaker lets a call through strictly after its time-out.
				until := now().Add(openFor + 1)
				b.until.Store(&until)
			}
		},
	})
	return b
}

// unsettledError marks the outcome of a trying call that has not shown that
// the service user is accepted again. It opens the breaker for another minute:
// the firewall counts refusals, and a lost answer may have been one.
type unsettledError struct{ err error }

func (e *unsettledError) Error() string { return e.err.Error() }

// isRefusal leaves out the AuthError for credentials that were never sent,
// which provokes nobody.
func isRefusal(err error) bool {
	var auth *AuthError
	return errors.As(err, &auth) && auth.StatusCode != 0
}

// provesAccess tells the outcomes that only an accepted service user gets.
func provesAccess(err error) bool {
	switch Class(err) {
	case "ok", "not_found", "invalid":
		return true
	default:
		return false
	}
}

// do runs fn unless the breaker is open, or half open with another call trying.
func (b *breaker) do(op string, fn func() error) error {
	_, err := b.cb.Execute(func() (struct{}, error) {
		trying := b.cb.State() == gobreaker.StateHalfOpen
		err := fn()
		if trying && !provesAccess(err) {
			err = &unsettledError{err}
		}
		return struct{}{}, err
	})
	var unsettled *unsettledError
	switch {
	case errors.Is(err, gobreaker.ErrOpenState):
		return b.refusal(op)
	case errors.Is(err, gobreaker.ErrTooManyRequests):
		return &BreakerOpenError{Failure: Failure{Op: op}, Until: b.now().Add(probeWait)}
	case errors.As(err, &unsettled):
		return unsettled.err
	default:
		return err
	}
}

// check returns a BreakerOpenError where the breaker is open.
func (b *breaker) check(op string) error {
	if b.cb.State() != gobreaker.StateOpen {
		return nil
	}
	return b.refusal(op)
}

func (b *breaker) refusal(op string) error {
	return &BreakerOpenError{Failure: Failure{Op: op}, Until: *b.until.Load()}
}
