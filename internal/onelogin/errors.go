package onelogin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Failure is the part that every error of this package shares.
type Failure struct {
	// Op names what was being done, such as "create user", or "fetch token"
	// where the call itself was never made for want of a token.
	Op string
	// StatusCode is the HTTP status of the answer, 0 where there was none.
	StatusCode int
}

func (f Failure) failure() Failure { return f }

// FailureOf returns the shared part of the first error of this package in
// err's chain, and whether there is one.
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

// RateLimitError is a 429: over the hourly budget, or over the burst limit of
// OneLogin's edge.
type RateLimitError struct {
	Failure
	// RetryAfter is how long the server asked to wait, 0 where it did not say,
	// as the edge does not.
	RetryAfter time.Duration
}

func (e *RateLimitError) Error() string {
	if e.RetryAfter == 0 {
		return fmt.Sprintf("onelogin: %s: rate limited", e.Op)
	}
	return fmt.Sprintf("onelogin: %s: rate limited for %s", e.Op, e.RetryAfter)
}

// AuthError is a refusal of the credentials (401, 403; for the token also
// 400). A call's 401 has been tried again with a renewed token already, unless
// Permission says that the token is not the trouble.
type AuthError struct {
	Failure
	// Permission is set where the credentials are good but may not do this:
	// a 403, or OneLogin's 401 "Insufficient Permission".
	Permission bool
}

func (e *AuthError) Error() string {
	if e.Permission {
		return fmt.Sprintf("onelogin: %s: permission refused (%d)", e.Op, e.StatusCode)
	}
	return fmt.Sprintf("onelogin: %s: credentials refused (%d)", e.Op, e.StatusCode)
}

// BreakerOpenError says that nothing was sent, because credentials or a
// permission were refused shortly before.
type BreakerOpenError struct {
	Failure
	// Until is when the next call is let through.
	Until time.Time
}

func (e *BreakerOpenError) Error() string {
	return fmt.Sprintf("onelogin: %s: not sent: access was refused, next call at %s",
		e.Op, e.Until.UTC().Format(time.RFC3339))
}

// NotFoundError is OneLogin's own 404: there is no such user. A 404 page in
// HTML is a ServerError, since it tells of a wrong host and not of a user.
type NotFoundError struct{ Failure }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("onelogin: %s: not found", e.Op)
}

// DuplicateError is the 422 for an e-mail address or a username, or both, that
// another user of the account has.
type DuplicateError struct {
	Failure
	Email    bool
	Username bool
}

func (e *DuplicateError) Error() string {
	what := "email"
	switch {
	case e.Email && e.Username:
		what = "email and username"
	case e.Username:
		what = "username"
	}
	return fmt.Sprintf("onelogin: %s: %s already in use", e.Op, what)
}

// AccountOwnerError is the 422 for a write to the owner of the account, whom
// the API may not modify.
type AccountOwnerError struct{ Failure }

func (e *AccountOwnerError) Error() string {
	return fmt.Sprintf("onelogin: %s: the account owner cannot be modified", e.Op)
}

// ValidationError is any other permanent refusal of what was sent (400, 422
// and the rare 4xx), and, with StatusCode 0, an argument that was refused
// before anything was sent.
type ValidationError struct {
	Failure
	// Field is the attribute or parameter that OneLogin named, where it did.
	Field string
	// Message is OneLogin's, with addresses, quoted texts, numbers and every
	// value of the request taken out; it may be empty.
	Message string
}

func (e *ValidationError) Error() string {
	s := fmt.Sprintf("onelogin: %s: refused", e.Op)
	if e.StatusCode != 0 {
		s += fmt.Sprintf(" (%d)", e.StatusCode)
	}
	if e.Field != "" {
		s += ": field " + e.Field
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// ServerError is an answer that says nothing reliable: a 5xx, a redirect, HTML
// or another answer that is not the JSON expected, or one that is too large.
// With a 2xx status the call may well have succeeded.
type ServerError struct {
	Failure
	// Reason is our own description, empty where the status says it all.
	Reason string
}

func (e *ServerError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("onelogin: %s: server error (%d)", e.Op, e.StatusCode)
	}
	return fmt.Sprintf("onelogin: %s: server error (%d): %s", e.Op, e.StatusCode, e.Reason)
}

// TransportError is a call without a whole answer: not connected, timed out,
// canceled, or cut off. StatusCode is set where the answer had begun.
type TransportError struct {
	Failure
	// Sent is false only where the request certainly did not leave: a write
	// with Sent may have happened.
	Sent bool
	// Reason is our own description; the texts of package net/http quote URLs
	// and answers.
	Reason string

	cause error
}

func (e *TransportError) Error() string {
	return fmt.Sprintf("onelogin: %s: %s", e.Op, e.Reason)
}

// Unwrap gives context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF
// or a system error number, or nil: nothing whose text quotes a URL.
func (e *TransportError) Unwrap() error { return e.cause }

// Uncertain tells whether the write that returned err may have happened all
// the same, so that it must be looked for before it is repeated.
func Uncertain(err error) bool {
	var transport *TransportError
	if errors.As(err, &transport) {
		return transport.Sent
	}
	var server *ServerError
	if !errors.As(err, &server) || server.Op == opToken {
		return false
	}
	return server.StatusCode < http.StatusMultipleChoices || server.StatusCode >= http.StatusInternalServerError
}

// Class returns a short fixed word for an error of this package, fit for a
// metric label: ok, rate_limited, auth, breaker_open, not_found, duplicate,
// account_owner, invalid, server, transport, canceled, or other.
func Class(err error) string {
	var (
		rateLimit *RateLimitError
		auth      *AuthError
		breaker   *BreakerOpenError
		notFound  *NotFoundError
		duplicate *DuplicateError
		owner     *AccountOwnerError
		invalid   *ValidationError
		server    *ServerError
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
	case errors.As(err, &duplicate):
		return "duplicate"
	case errors.As(err, &owner):
		return "account_owner"
	case errors.As(err, &invalid):
		return "invalid"
	case errors.As(err, &server):
		return "server"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.As(err, &transport):
		return "transport"
	default:
		return "other"
	}
}
