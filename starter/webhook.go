package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/metrics"
)

const (
	// maxBody is far above the few hundred bytes that Bob sends.
	maxBody = 256 << 10
	// acceptTimeout bounds the wait for Temporal, within the ten seconds that
	// Bob waits for the answer.
	acceptTimeout = 8 * time.Second
)

// webhook is the endpoint that Bob posts to. It answers 200 only after
// Temporal has the event in its database; until then Bob has it and delivers
// it again. Nothing of a body but ids and the type is ever logged.
type webhook struct {
	signal func(ctx context.Context, employeeID string, e employee.Event) error
	// secrets returns those that Bob may sign with now.
	secrets func() []string
	log     *zap.Logger
	now     func() time.Time
	// observe, where set, is told what became of each delivery.
	observe func(employee.EventType, metrics.WebhookResult, time.Duration)
	// ignored counts signed events of types that concern no lifecycle.
	ignored atomic.Int64
}

func newWebhook(signal func(context.Context, string, employee.Event) error, secrets func() []string, log *zap.Logger) *webhook {
	return &webhook{signal: signal, secrets: secrets, log: log, now: time.Now}
}

func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	t, result := h.take(w, r)
	if h.observe != nil {
		h.observe(t, result, time.Since(began))
	}
}

// take answers one delivery, and returns the type of the event where it is one
// to act on.
func (h *webhook) take(w http.ResponseWriter, r *http.Request) (employee.EventType, metrics.WebhookResult) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		h.refuse(w, http.StatusRequestEntityTooLarge, "the body is larger than a Bob webhook can be")
		return "", metrics.WebhookUnreadable
	case err != nil:
		h.refuse(w, http.StatusBadRequest, "the body could not be read")
		return "", metrics.WebhookUnreadable
	}
	if bob.IsPing(body) {
		w.WriteHeader(http.StatusOK)
		return "", metrics.WebhookPing
	}
	if !bob.VerifySignature(body, r.Header.Get(bob.SignatureHeader), h.secrets()) {
		h.refuse(w, http.StatusUnauthorized, "the signature is missing or wrong")
		return "", metrics.WebhookUnsigned
	}
	event, err := bob.ParseEvent(body)
	if err != nil {
		h.refuse(w, http.StatusBadRequest, err.Error())
		return "", metrics.WebhookUnreadable
	}
	if !event.Known() {
		h.log.Info("Event ignored: its type concerns no lifecycle",
			zap.String("type", string(event.Type)), zap.Int64("ignoredSoFar", h.ignored.Add(1)))
		w.WriteHeader(http.StatusOK)
		return "", metrics.WebhookIgnored
	}

	ctx, cancel := context.WithTimeout(r.Context(), acceptTimeout)
	defer cancel()
	e := employee.Event{Type: event.Type, ReceivedAt: h.now().UTC(), TriggeredAt: event.TriggeredAt}
	if event.Type == employee.EventDeleted {
		e.Email = event.Email
	}
	if err := h.signal(ctx, event.EmployeeID, e); err != nil {
		h.log.Error("Event not accepted; Bob delivers it again",
			zap.String("type", string(event.Type)), zap.String("employeeId", event.EmployeeID), zap.Error(err))
		w.Header().Set("Retry-After", "30")
		http.Error(w, "the event could not be stored; deliver it again", http.StatusServiceUnavailable)
		return event.Type, metrics.WebhookNotStored
	}
	h.log.Info("Event accepted", zap.String("type", string(event.Type)), zap.String("employeeId", event.EmployeeID))
	w.WriteHeader(http.StatusOK)
	return event.Type, metrics.WebhookAccepted
}

func (h *webhook) refuse(w http.ResponseWriter, status int, reason string) {
	h.log.Warn("Webhook refused", zap.Int("status", status), zap.String("reason", reason))
	http.Error(w, reason, status)
}
