package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	// postTimeout bounds one post, from connecting to the end of the answer.
	postTimeout = 10 * time.Second
	// maxAnswer is what is read of an answer, so that the connection can be
	// used again. What it says is not looked at: it may be anything.
	maxAnswer = 64 << 10
)

// Webhook posts messages to one address. It is safe for concurrent use.
type Webhook struct {
	target func() string
	http   *http.Client
}

// NewWebhook returns a webhook whose URL is asked for before each post, so that
// a rotated one is used. The URL is a secret and in no error.
func NewWebhook(target func() string) *Webhook {
	return &Webhook{target: target, http: &http.Client{
		Timeout: postTimeout,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConns:        1,
			IdleConnTimeout:     30 * time.Second,
			ForceAttemptHTTP2:   true,
		},
		// The message is for the address that was given, and for no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Format prints a webhook without its URL.
func (*Webhook) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "notify.Webhook") }

// StatusError is an answer that is not 2xx.
type StatusError struct{ StatusCode int }

func (e *StatusError) Error() string {
	return fmt.Sprintf("notify: the address of NOTIFY_URL answered %d", e.StatusCode)
}

// Post sends one message as {"text": …}, which Slack and whatever is compatible
// with it understand.
func (w *Webhook) Post(ctx context.Context, text string) error {
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return fmt.Errorf("notify: encode the message: %w", err)
	}
	target := w.target()
	if !safe(target) {
		return errors.New("notify: NOTIFY_URL is not an https:// URL")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return errors.New("notify: NOTIFY_URL is not a URL") // the error would quote it
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "bob-onelogin")
	answer, err := w.http.Do(r)
	if err != nil {
		return broken(err)
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer))
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return &StatusError{StatusCode: answer.StatusCode}
	}
	return nil
}

// safe lets nothing travel in the clear, but on this machine. A file that was
// replaced holds what nobody has looked at.
func safe(target string) bool {
	u, err := url.Parse(target)
	if err != nil || u.Hostname() == "" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	here := strings.EqualFold(u.Hostname(), "localhost") || (err == nil && addr.IsLoopback())
	return u.Scheme == "https" || (u.Scheme == "http" && here)
}

// broken says why there was no answer. The texts of package net/http quote the
// URL, which is a secret.
func broken(err error) error {
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("notify: post: %w", context.Canceled)
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("notify: the address of NOTIFY_URL did not answer in time")
	default:
		return errors.New("notify: the address of NOTIFY_URL could not be reached")
	}
}
