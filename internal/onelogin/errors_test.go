package onelogin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRefused(t *testing.T) {
	var tests []struct {
		Situation string
		Status    int
		Body      json.RawMessage
		Raw       string
		Class     string
		Text      string
	}
	readJSON(t, "testdata/errors.json", &tests)
	for _, tt := range tests {
		t.Run(tt.Situation, func(t *testing.T) {
			err := refused(opUpdateUser, tt.Status, http.Header{}, append(tt.Body, tt.Raw...), nil, time.Now())
			require.EqualError(t, err, tt.Text)
			require.Equal(t, tt.Class, Class(err))
			f, ok := FailureOf(err)
			require.True(t, ok)
			require.Equal(t, Failure{Op: opUpdateUser, StatusCode: tt.Status}, f)
		})
	}
}

func TestRefusedToken(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		class  string
	}{
		"bad credentials":    {401, `{"status":{"error":true,"code":401,"type":"Unauthorized","message":"Authentication Failure"}}`, "auth"},
		"bad grant":          {400, `{"status":{"error":true,"code":400,"type":"bad request","message":"grant_type is incorrect/absent"}}`, "auth"},
		"forbidden":          {403, ``, "auth"},
		"HTML, 400":          {400, `<html></html>`, "server"},
		"no such host's 404": {404, `{"message":"no"}`, "server"},
		"422":                {422, `{"message":"Email must be unique"}`, "server"},
		"burst":              {429, `<html></html>`, "rate_limited"},
		"down":               {503, ``, "server"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := refused(opToken, tt.status, http.Header{}, []byte(tt.body), nil, time.Now())
			require.Equal(t, tt.class, Class(err))
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	tests := map[string]struct {
		retryAfter, reset string
		want              time.Duration
	}{
		"neither":                      {},
		"reset in seconds left":        {reset: "832", want: 832 * time.Second},
		"reset now":                    {reset: "0"},
		"retry-after in seconds":       {retryAfter: "7", want: 7 * time.Second},
		"retry-after as a date":        {retryAfter: now.Add(90 * time.Second).Format(http.TimeFormat), want: 90 * time.Second},
		"retry-after in the past":      {retryAfter: now.Add(-time.Hour).Format(http.TimeFormat)},
		"retry-after before the reset": {retryAfter: "2", reset: "3000", want: 2 * time.Second},
		"retry-after unreadable":       {retryAfter: "soon", reset: "30", want: 30 * time.Second},
		"negative":                     {retryAfter: "-1", reset: "-5"},
		"an epoch is no wait":          {reset: "1770091506"},
		"a date next year is no wait":  {retryAfter: now.AddDate(1, 0, 0).Format(http.TimeFormat)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			if tt.retryAfter != "" {
				h.Set("Retry-After", tt.retryAfter)
			}
			if tt.reset != "" {
				h.Set("X-RateLimit-Reset", tt.reset)
			}
			var limited *RateLimitError
			require.ErrorAs(t, refused(opReadUser, http.StatusTooManyRequests, h, nil, nil, now), &limited)
			require.Equal(t, tt.want, limited.RetryAfter)
		})
	}
}

func TestRedact(t *testing.T) {
	tests := map[string]struct {
		message string
		private []string
		want    string
	}{
		"nothing private":           {"Validation failed: Title is too long (maximum is a few)", nil, "Validation failed: Title is too long (maximum is a few)"},
		"an address":                {"Email sample.person+x@example.com is bad", nil, "Email […] is bad"},
		"in double quotes":          {`Title "Chief Sample" is bad`, nil, "Title […] is bad"},
		"quotes within quotes":      {`Title "Chief "Sample" Officer" is bad`, nil, "Title […] is bad"},
		"a name with an apostrophe": {"Lastname 'O'Sample' is bad", nil, "Lastname […] is bad"},
		"a quote left open":         {"Title 'Chief Sample", nil, "Title […]"},
		"typographic quotes":        {"Title “Chief Sample” is bad", nil, "Title […] is bad"},
		"an apostrophe alone":       {"Title can't be blank", nil, "Title can't be blank"},
		"a phone number":            {"Phone +1 (555) 010-0199 is bad", nil, "Phone […] is bad"},
		"an id":                     {"User 36216766 is bad", nil, "User […] is bad"},
		"digits within a word":      {"User sample1974 is bad", nil, "User sample[…] is bad"},
		"an attribute with a digit": {"unknown attribute: line2", nil, "unknown attribute: line2"},
		"what was sent, any case":   {"Lastname sAMPLE is bad", []string{"Sample"}, "Lastname […] is bad"},
		"one value in another":      {"Name Ann Annsample is bad", []string{"Ann", "Annsample"}, "Name […] […] is bad"},
		"not Latin":                 {"Lastname 王小明 is bad", []string{"王小明"}, "Lastname […] is bad"},
		"one letter":                {"Lastname is bad", []string{"a"}, "Lastname is bad"},
		"over several lines":        {"Title\n\tChief  Sample is bad", []string{"Chief Sample"}, "Title […] is bad"},
		"empty":                     {"", []string{""}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tt.want, redact(tt.message, tt.private))
		})
	}
	t.Run("very long", func(t *testing.T) {
		got := redact(strings.Repeat("word ", 5000), nil)
		require.Len(t, []rune(got), longestMessage+1)
	})
}

func TestUncertain(t *testing.T) {
	tests := map[string]struct {
		err  error
		want bool
	}{
		"no error":                     {nil, false},
		"not connected":                {&TransportError{}, false},
		"cut off":                      {&TransportError{Sent: true}, true},
		"cut off, wrapped":             {fmt.Errorf("create: %w", &TransportError{Sent: true}), true},
		"bad gateway":                  {&ServerError{Failure: Failure{Op: opCreateUser, StatusCode: 502}}, true},
		"created, but unreadable":      {&ServerError{Failure: Failure{Op: opCreateUser, StatusCode: 201}}, true},
		"HTML for a malformed request": {&ServerError{Failure: Failure{Op: opCreateUser, StatusCode: 400}}, false},
		"a redirect":                   {&ServerError{Failure: Failure{Op: opCreateUser, StatusCode: 302}}, false},
		"no token":                     {&ServerError{Failure: Failure{Op: opToken, StatusCode: 502}}, false},
		"refused":                      {&ValidationError{}, false},
		"rate limited":                 {&RateLimitError{}, false},
		"somebody else's":              {errors.New("x"), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tt.want, Uncertain(tt.err)) })
	}
}

func TestErrorTextsAndClasses(t *testing.T) {
	f := Failure{Op: opReadUser}
	tests := map[string]struct {
		err         error
		text, class string
	}{
		"rate limited for a time": {&RateLimitError{Failure: f, RetryAfter: 30 * time.Second}, "onelogin: read user: rate limited for 30s", "rate_limited"},
		"breaker":                 {&BreakerOpenError{Failure: f, Until: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, "onelogin: read user: not sent: access was refused, next call at 2026-01-02T03:04:05Z", "breaker_open"},
		"argument":                {invalid(opReadUser, "the id must be positive"), "onelogin: read user: refused: the id must be positive", "invalid"},
		"canceled":                {&TransportError{Failure: f, Reason: "canceled", cause: context.Canceled}, "onelogin: read user: canceled", "canceled"},
		"time-out":                {&TransportError{Failure: f, Reason: "timed out"}, "onelogin: read user: timed out", "transport"},
		"not ours":                {errors.New("x"), "x", "other"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			require.EqualError(t, tt.err, tt.text)
			require.Equal(t, tt.class, Class(tt.err))
		})
	}
	require.Equal(t, "ok", Class(nil))
	_, ok := FailureOf(errors.New("x"))
	require.False(t, ok)
}

func TestContentTypes(t *testing.T) {
	for contentType, want := range map[string]bool{
		"application/json": true, "application/json; charset=utf-8": true, "application/problem+json": true,
		"Application/JSON": true, "text/html": false, "text/html; charset=utf-8": false, "text/plain": false, "": false, ";;": false,
	} {
		require.Equal(t, want, isJSON(contentType), contentType)
	}
}
