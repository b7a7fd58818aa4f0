package onelogin

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	// openFor is how long nothing is sent after a refusal of access, so that
	// at most one call a minute tries whether it has been mended.
	openFor = time.Minute
	// probeWait is what the others wait while one call tries.
	probeWait = time.Second
)

// errNoProof ends a guarded action that has neither shown nor refuted that
// access is granted.
var errNoProof = errors.New("onelogin: no proof of access")

// breaker stops calls after a refusal of access, and after that alone.
type breaker struct {
	cb    *gobreaker.CircuitBreaker[struct{}]
	now   func() time.Time
	until atomic.Pointer[time.Time]
}

// newBreaker returns a closed breaker for which counts tells the refusals of
// access that are its own.
func newBreaker(now func() time.Time, counts func(*AuthError) bool) *breaker {
	b := &breaker{now: now}
	b.cb = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:      openFor,
		ReadyToTrip:  func(gobreaker.Counts) bool { return true },
		IsSuccessful: func(err error) bool { return !isRefusal(err, counts) },
		IsExcluded:   func(err error) bool { return !isRefusal(err, counts) && !provesAccess(err) },
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

func isRefusal(err error, counts func(*AuthError) bool) bool {
	var auth *AuthError
	return errors.As(err, &auth) && counts(auth)
}

// provesAccess tells the outcomes that only a caller with access gets. A rate
// limit, a broken server, a lost answer or a canceled call prove nothing, and
// must neither open nor close a breaker.
func provesAccess(err error) bool {
	switch Class(err) {
	case "ok", "not_found", "duplicate", "account_owner", "invalid":
		return true
	default:
		return false
	}
}

// do runs fn unless the breaker is open, or half open with another call trying.
func (b *breaker) do(op string, fn func() error) error {
	_, err := b.cb.Execute(func() (struct{}, error) { return struct{}{}, fn() })
	switch {
	case errors.Is(err, gobreaker.ErrOpenState):
		return b.refusal(op)
	case errors.Is(err, gobreaker.ErrTooManyRequests):
		return &BreakerOpenError{Failure: Failure{Op: op}, Until: b.now().Add(probeWait)}
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

// probing tells whether the action that do is running now is the one that
// tries whether access is granted again.
func (b *breaker) probing() bool { return b.cb.State() == gobreaker.StateHalfOpen }

func (b *breaker) refusal(op string) error {
	return &BreakerOpenError{Failure: Failure{Op: op}, Until: *b.until.Load()}
}
