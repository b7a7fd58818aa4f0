package onelogin

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// longestWait bounds what a rate limit header is believed: OneLogin's window
// is an hour, so that more than a day can only be a misread number.
const longestWait = 24 * time.Hour

// refusal is what the body of an error says, whichever shape it has.
type refusal struct {
	// json is set where the body was a JSON object, empty where there was none.
	json, empty bool
	message     string
	field       string
}

// parseRefusal reads the four JSON shapes of OneLogin's errors:
//
//	{"message","name","statusCode"[,"field"]}              users
//	{"status":404,"error","description"}                   roles, paging
//	{"code","message","errors":[{"field","message":[…]}]}  mappings
//	{"status":{"error","code","type","message"}}           v1 and token, the
//	    message being text or {"description","attribute"}
//
// Anything else, HTML above all, is neither json nor empty.
func parseRefusal(body []byte) refusal {
	if len(strings.TrimSpace(string(body))) == 0 {
		return refusal{empty: true}
	}
	var top map[string]any
	if json.Unmarshal(body, &top) != nil || top == nil {
		return refusal{}
	}
	r := refusal{json: true}
	if status, ok := top["status"].(map[string]any); ok {
		r.message = textOf(status["message"])
		if detail, ok := status["message"].(map[string]any); ok {
			r.message, r.field = textOf(detail["description"]), textOf(detail["attribute"])
		}
		return r
	}
	r.message, r.field = textOf(top["message"]), textOf(top["field"])
	if r.message == "" {
		r.message = textOf(top["description"])
	}
	details, _ := top["errors"].([]any)
	for _, d := range details {
		detail, _ := d.(map[string]any)
		if r.field == "" {
			r.field = textOf(detail["field"])
		}
		messages, _ := detail["message"].([]any)
		for _, m := range messages {
			if s := textOf(m); s != "" {
				r.message += ": " + s
			}
		}
	}
	return r
}

func textOf(v any) string {
	s, _ := v.(string)
	return s
}

var (
	emailNotUnique    = regexp.MustCompile(`(?i)\bemail must be unique\b`)
	usernameNotUnique = regexp.MustCompile(`(?i)\busername must be unique\b`)
	attributeName     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]{0,63}$`)
)

// refused turns an answer outside 2xx into its typed error. private are the
// values that were sent and must not come back in a message.
func refused(op string, status int, header http.Header, body []byte, private []string, now time.Time) error {
	f := Failure{Op: op, StatusCode: status}
	r := parseRefusal(body)
	switch {
	case status == http.StatusTooManyRequests:
		return &RateLimitError{Failure: f, RetryAfter: retryAfter(header, now)}
	case status == http.StatusForbidden:
		return &AuthError{Failure: f, Permission: true}
	case status == http.StatusUnauthorized:
		return &AuthError{Failure: f, Permission: strings.Contains(strings.ToLower(r.message), "insufficient permission")}
	case op == opToken && status == http.StatusBadRequest && r.json:
		return &AuthError{Failure: f}
	case op == opToken:
		// No other answer about a token may be taken for one about a user.
		return &ServerError{Failure: f}
	case status < 400 || status >= 500 || status == http.StatusRequestTimeout:
		return &ServerError{Failure: f}
	case !r.json && !r.empty:
		return &ServerError{Failure: f, Reason: reasonNotJSON}
	case status == http.StatusNotFound:
		return &NotFoundError{Failure: f}
	}
	if status == http.StatusUnprocessableEntity {
		if strings.Contains(strings.ToLower(r.message), "cannot modify account owner") {
			return &AccountOwnerError{Failure: f}
		}
		email, username := emailNotUnique.MatchString(r.message), usernameNotUnique.MatchString(r.message)
		if email || username {
			return &DuplicateError{Failure: f, Email: email, Username: username}
		}
	}
	e := &ValidationError{Failure: f, Message: redact(r.message, private)}
	if attributeName.MatchString(r.field) && redact(r.field, private) == r.field {
		e.Field = r.field
	}
	return e
}

// retryAfter reads how long a 429 asks to wait. Retry-After, in seconds or as
// a date, is about this refusal; X-RateLimit-Reset, which OneLogin documents
// as the seconds left in the hour, is the next best.
func retryAfter(header http.Header, now time.Time) time.Duration {
	if wait, ok := secondsOf(header.Get("Retry-After")); ok {
		return wait
	}
	if at, err := http.ParseTime(header.Get("Retry-After")); err == nil {
		if wait := at.Sub(now); wait <= longestWait {
			return max(wait, 0)
		}
	}
	wait, _ := secondsOf(header.Get("X-RateLimit-Reset"))
	return wait
}

func secondsOf(s string) (time.Duration, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > int64(longestWait/time.Second) {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

func isJSON(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && (mediaType == "application/json" ||
		strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json"))
}

// broken turns an error of package net/http into a TransportError in words of
// our own: theirs quote the URL, with its e-mail address, and bytes of the
// answer.
func broken(ctx context.Context, f Failure, sent bool, err error) error {
	e := &TransportError{Failure: f, Sent: sent, Reason: "network failure"}
	var (
		timeout     interface{ Timeout() bool }
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		errno       syscall.Errno
	)
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		e.Reason, e.cause = "canceled", context.Canceled
	case ctx.Err() != nil:
		e.Reason, e.cause = "deadline exceeded", context.DeadlineExceeded
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Reason, e.cause = "timed out", os.ErrDeadlineExceeded
	case errors.As(err, &dns):
		e.Reason = "host name not resolved"
	case errors.As(err, &certificate):
		e.Reason = "certificate not trusted"
	case errors.As(err, &errno):
		e.Reason, e.cause = errno.Error(), errno
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		e.Reason, e.cause = "connection closed before the answer ended", io.ErrUnexpectedEOF
	}
	return e
}
