package bob

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Failure is the part that every error of a call shares.
type Failure struct {
	// Op names what was being done: "read person", "search people", "list
	// fields", "read named list".
	Op string
	// StatusCode is the HTTP status of the answer, 0 where there was none.
	StatusCode int
}

func (f Failure) failure() Failure { return f }

// FailureOf returns the shared part of the first error of a call in err's
// chain, and whether there is one.
func FailureOf(err error) (Failure, bool) {
	var e interface {
		error
		failure() Failure
	}
	if !errors.As(err, &e) {
		return Failure{}, false
	}
	return e.failure(), true
}

const (
	// Bob's limits are counted by the minute, so that is the wait where the
	// answer names none.
	defaultRateWait = time.Minute
	// longestRateWait keeps a mistaken header, or a clock far off, from
	// putting somebody's work off for ever.
	longestRateWait = time.Hour
)

// RateLimitError is a 429. With StatusCode 0 nothing was sent: the burst guard
// would have let the call through only after the context's deadline.
type RateLimitError struct {
	Failure
	// Reset is when Bob says that the limit is lifted, zero where it did not
	// say. Bob documents X-RateLimit-Reset as an epoch in seconds.
	Reset time.Time
	// RetryAfter is how long, from the answer, Bob asked to wait; 0 where it
	// did not say.
	RetryAfter time.Duration
}

func (e *RateLimitError) Error() string {
	s := fmt.Sprintf("bob: %s: rate limited", e.Op)
	if !e.Reset.IsZero() {
		s += " until " + e.Reset.UTC().Format(time.RFC3339)
	}
	if e.RetryAfter > 0 {
		s += ", retry after " + e.RetryAfter.String()
	}
	return s
}

// Wait returns how long to wait from now: the longer of the two that Bob said,
// a minute where it said neither, an hour at most.
func (e *RateLimitError) Wait(now time.Time) time.Duration {
	if e.Reset.IsZero() && e.RetryAfter == 0 {
		return defaultRateWait
	}
	wait := e.RetryAfter
	if !e.Reset.IsZero() {
		wait = max(wait, e.Reset.Sub(now))
	}
	return min(max(wait, 0), longestRateWait)
}

// AuthError is a refusal of the service user (401) or of what it may do (403).
// With StatusCode 0 nothing was sent, because there are no usable credentials.
type AuthError struct {
	Failure
	// Key is Bob's error key, where it gave one.
	Key string
}

func (e *AuthError) Error() string {
	if e.StatusCode == 0 {
		return fmt.Sprintf("bob: %s: not sent: service user id or token is empty or malformed", e.Op)
	}
	return fmt.Sprintf("bob: %s: service user refused (%d)%s", e.Op, e.StatusCode, keyText(e.Key))
}

// BreakerOpenError says that nothing was sent, because the service user was
// refused shortly before.
type BreakerOpenError struct {
	Failure
	// Until is when it is worth calling again.
	Until time.Time
}

func (e *BreakerOpenError) Error() string {
	return fmt.Sprintf("bob: %s: not sent: the service user was refused, next call at %s",
		e.Op, e.Until.UTC().Format(time.RFC3339))
}

// NotFoundError is Bob's own 404: there is no such person, or no such list. A
// 404 page in HTML is a ContentError, since it tells of a wrong path and not
// of a person.
type NotFoundError struct{ Failure }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("bob: %s: not found", e.Op)
}

// RequestError is any other permanent refusal (400 and the other 4xx), and,
// with StatusCode 0, an argument that was refused before anything was sent.
type RequestError struct {
	Failure
	// Key is Bob's error key, where it gave one.
	Key string
	// Reason is our own description of a refused argument.
	Reason string
}

func (e *RequestError) Error() string {
	if e.StatusCode == 0 {
		return fmt.Sprintf("bob: %s: %s", e.Op, e.Reason)
	}
	return fmt.Sprintf("bob: %s: refused (%d)%s", e.Op, e.StatusCode, keyText(e.Key))
}

// ServerError is a 5xx, or a 408.
type ServerError struct {
	Failure
	// Key is Bob's error key, where it gave one.
	Key string
	// RetryAfter is how long the server asked to wait, 0 where it did not say.
	RetryAfter time.Duration
}

func (e *ServerError) Error() string {
	return fmt.Sprintf("bob: %s: server error (%d)%s", e.Op, e.StatusCode, keyText(e.Key))
}

// ContentError is an answer that cannot be what Bob meant to say: HTML, which
// Bob sends with status 200 for a wrong path, another shape than documented, a
// redirect, or a body that is cut off or too large.
type ContentError struct {
	Failure
	// Reason is our own description.
	Reason string
}

func (e *ContentError) Error() string {
	return fmt.Sprintf("bob: %s: unusable answer (%d): %s", e.Op, e.StatusCode, e.Reason)
}

// TransportError is a call without an answer: not connected, timed out or
// canceled, also while it waited for the burst guard.
type TransportError struct {
	Failure
	// Reason is our own description; the texts of package net/http quote URLs
	// and answers.
	Reason string

	cause error
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("bob: %s: %s", e.Op, e.Reason)
}

// Unwrap gives context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF
// or a system error number, or nil: nothing whose text quotes a URL.
func (e *TransportError) Unwrap() error { return e.cause }

func keyText(key string) string {
	if key == "" {
		return ""
	}
	return ": " + key
}

// Class returns a short fixed word for an error of a call, fit for a metric
// label: ok, rate_limited, auth, breaker_open, not_found, invalid, server,
// content, canceled, transport, or other.
func Class(err error) string {
	var (
		rateLimit *RateLimitError
		auth      *AuthError
		breaker   *BreakerOpenError
		notFound  *NotFoundError
		request   *RequestError
		server    *ServerError
		content   *ContentError
		transport *TransportError
	)
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &rateLimit):
		return "rate_limited"
	case errors.As(err, &auth):
		return "auth"
	case errors.As(err, &breaker):
		return "breaker_open"
	case errors.As(err, &notFound):
		return "not_found"
	case errors.As(err, &request):
		return "invalid"
	case errors.As(err, &server):
		return "server"
	case errors.As(err, &content):
		return "content"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.As(err, &transport):
		return "transport"
	default:
		return "other"
	}
}
