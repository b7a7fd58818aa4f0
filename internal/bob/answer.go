package bob

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// shapeError is a reason why JSON that could be read is not what Bob
// documents. It becomes a ContentError.
type shapeError string

func (e shapeError) Error() string { return string(e) }

const (
	reasonTruncated = "cut off before its end"
	reasonTooLarge  = "larger than the bound on answers"
	reasonSyntax    = "not valid JSON, or not of the documented shape"
)

var errTooLarge = errors.New(reasonTooLarge)

// bodyReader bounds a body and remembers how reading it failed, which the JSON
// decoder's errors do not tell reliably.
type bodyReader struct {
	r    io.Reader
	left int64
	err  error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	// One byte more than is left tells an answer that fits exactly from one
	// that is larger.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), errTooLarge
	}
	b.left -= int64(n)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// undecodable turns what a decode function returned into an error of this
// package.
func undecodable(ctx context.Context, f Failure, body *bodyReader, err error) error {
	var shape shapeError
	switch {
	case errors.Is(body.err, errTooLarge):
		return &ContentError{Failure: f, Reason: reasonTooLarge}
	case errors.Is(body.err, io.ErrUnexpectedEOF):
		return &ContentError{Failure: f, Reason: reasonTruncated}
	case body.err != nil:
		return broken(ctx, f, body.err)
	case errors.As(err, &shape):
		return &ContentError{Failure: f, Reason: string(shape)}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &ContentError{Failure: f, Reason: reasonTruncated}
	default:
		return &ContentError{Failure: f, Reason: reasonSyntax}
	}
}

// broken describes a failed exchange without the texts of package net/http,
// which quote URLs and pieces of answers. ctx is the caller's.
func broken(ctx context.Context, f Failure, err error) error {
	var (
		errno   syscall.Errno
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		timeout net.Error
	)
	e := &TransportError{Failure: f}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Reason, e.cause = "canceled", context.Canceled
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		e.Reason, e.cause = "timed out", context.DeadlineExceeded
	case errors.As(err, &dns):
		e.Reason = "the host name was not resolved"
	case errors.As(err, &cert):
		e.Reason = "the certificate was not accepted"
	case errors.As(err, &errno):
		e.Reason, e.cause = errno.Error(), errno
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Reason, e.cause = "the connection was closed before the answer", io.ErrUnexpectedEOF
	default:
		e.Reason = "the connection failed"
	}
	return e
}

// refused turns an answer other than 200 into an error.
func refused(ctx context.Context, f Failure, resp *http.Response, mayMiss bool, now time.Time) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes))
	switch status := f.StatusCode; {
	case status == http.StatusTooManyRequests:
		return &RateLimitError{
			Failure:    f,
			Reset:      resetTime(resp.Header),
			RetryAfter: retryAfter(resp.Header, now),
		}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return &AuthError{Failure: f, Key: errorKey(body)}
	case status >= 500, status == http.StatusRequestTimeout:
		return &ServerError{Failure: f, Key: errorKey(body), RetryAfter: retryAfter(resp.Header, now)}
	case status < 300:
		return &ContentError{Failure: f, Reason: "a status that Bob does not document"}
	case status < 400:
		return &ContentError{Failure: f, Reason: "a redirect; is the base URL right?"}
	case status == http.StatusNotFound && mayMiss:
		// Somebody may be locked out on the strength of a 404, so a page by a
		// proxy, or an answer that was cut off, must not pass for Bob's.
		if err != nil {
			return broken(ctx, f, err)
		}
		if len(bytes.TrimSpace(body)) > 0 && !isErrorBody(body) {
			return &ContentError{Failure: f, Reason: "a 404 that is not Bob's; is the base URL right?"}
		}
		return &NotFoundError{f}
	default:
		return &RequestError{Failure: f, Key: errorKey(body)}
	}
}

// isJSON looks at the content type because Bob answers a wrong path with 200
// and a page of HTML.
func isJSON(h http.Header) bool {
	mediaType, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (mediaType == "application/json" || strings.HasSuffix(mediaType, "+json"))
}

// plainKey is what a key may look like to be repeated in an error: words of
// letters and digits that begin with a letter, no sentence, address or number.
var plainKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*([._-][A-Za-z0-9]+)*$`)

const longestKey = 80

// errorBody is either of Bob's two forms, {"key","error","args"} and
// {"error","message","statusCode","timestamp"}. Of the first, error and args
// quote the request, and so does the message of the second.
type errorBody struct {
	Key        *string         `json:"key"`
	Error      *string         `json:"error"`
	StatusCode json.RawMessage `json:"statusCode"`
}

// errorKey returns the part of a refusal's body that says what was wrong
// without saying about whom, or "".
func errorKey(body []byte) string {
	var e errorBody
	if err := json.Unmarshal(body, &e); err != nil {
		return ""
	}
	var key string
	switch {
	case e.Key != nil:
		key = *e.Key
	case e.StatusCode != nil && e.Error != nil:
		key = *e.Error
	}
	if len(key) > longestKey || !plainKey.MatchString(key) {
		return ""
	}
	return key
}

func isErrorBody(body []byte) bool {
	var e errorBody
	return json.Unmarshal(body, &e) == nil && (e.Key != nil || e.Error != nil)
}

// earliestEpoch is in 2001. A smaller reset is no epoch but the seconds left,
// as other vendors write it, and is not believed.
const earliestEpoch = 1_000_000_000

func resetTime(h http.Header) time.Time {
	epoch, err := strconv.ParseInt(strings.TrimSpace(h.Get("X-RateLimit-Reset")), 10, 64)
	if err != nil || epoch < earliestEpoch {
		return time.Time{}
	}
	return time.Unix(epoch, 0).UTC()
}

// retryAfter reads both forms of the header, seconds and a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return max(at.Sub(now), 0)
}

// newDecoder keeps numbers as written: ids and employee numbers do not fit in
// a float64.
func newDecoder(r io.Reader) *json.Decoder {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	return dec
}

// decodeWhole decodes the one value that r holds.
func decodeWhole(r io.Reader, v any) error {
	dec := newDecoder(r)
	if err := dec.Decode(v); err != nil {
		return err
	}
	return atEnd(dec)
}

// atEnd reads on to the end, so that a connection that breaks after the last
// bracket is noticed as well.
func atEnd(dec *json.Decoder) error {
	switch _, err := dec.Token(); {
	case err == io.EOF:
		return nil
	case err == nil:
		return shapeError("something follows the JSON value")
	default:
		return err
	}
}

// idText returns an id as text: Bob writes ids as strings, and some as
// integers.
func idText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, v != ""
	case json.Number:
		return v.String(), true
	default:
		return "", false
	}
}

func textOr(v any, otherwise string) string {
	if s, ok := v.(string); ok && s != "" {
		return s
	}
	return otherwise
}
