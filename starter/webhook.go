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
	// turnTimeout is the part of it that may go by before the event's turn
	// comes: a burst waits, and does not wait for Bob's next attempt.
	turnTimeout = 4 * time.Second

	// smallBody is what everybody may send at once; Bob's bodies fit into it.
	smallBody = 8 << 10
	// maxLarge bounds how many larger bodies are read at once. Whoever fills
	// these places, unsigned, keeps Bob's own bodies from nothing.
	maxLarge = 16
	// maxHanding bounds how many events are handed to Temporal at once. Only
	// what is signed gets this far.
	maxHanding = 256
)

// places bounds how much goes on at once.
type places chan struct{}

// take waits for a place, and tells whether there was one in time. What is
// taken is to be left.
func (p places) take(ctx context.Context, wait time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	select {
	case p <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p places) leave() { <-p }

// webhook is the endpoint that Bob posts to. It answers 200 only after
// Temporal has the event in its database; until then Bob has it and delivers
// it again. Nothing of a body but ids and the type is ever logged.
type webhook struct {
	signal func(ctx context.Context, employeeID string, e employee.Event) error
	// secrets returns those that Bob may sign with now.
	secrets func() []string
	log     *zap.Logger
	now     func() time.Time
	// from is where deliveries may come from; unset, from everywhere.
	from origin
	// large and handing are the places for larger bodies and for events on
	// their way to Temporal; turn is how long one is waited for.
	large, handing places
	turn           time.Duration
	// observe, where set, is told what became of each delivery.
	observe func(employee.EventType, metrics.WebhookResult, time.Duration)
	// ignored counts signed events of types that concern no lifecycle.
	ignored atomic.Int64
}

func newWebhook(signal func(context.Context, string, employee.Event) error, secrets func() []string, log *zap.Logger) *webhook {
	return &webhook{
		signal: signal, secrets: secrets, log: log, now: time.Now,
		large: make(places, maxLarge), handing: make(places, maxHanding), turn: turnTimeout,
	}
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
	if ok, how := h.from.admits(r); !ok {
		// Who it was is not logged, and why is not for whoever it was.
		h.log.Warn("Webhook refused: its sender is in none of WEBHOOK_ALLOWED_NETWORKS",
			zap.Int("status", http.StatusForbidden), zap.String("forwardedFor", string(how)))
		w.Header().Set("Connection", "close") // the body is not waited for
		http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
		return "", metrics.WebhookForbidden
	}
	event, result := h.read(w, r)
	if event == nil {
		return "", result
	}
	return event.Type, h.hand(w, r, *event)
}

// read returns the event of a delivery; nil where there is none to act on, and
// then it has answered.
func (h *webhook) read(w http.ResponseWriter, r *http.Request) (*bob.Event, metrics.WebhookResult) {
	limited := http.MaxBytesReader(w, r.Body, maxBody)
	body, err := io.ReadAll(io.LimitReader(limited, smallBody))
	if err == nil && len(body) == smallBody {
		if !h.large.take(r.Context(), h.turn) {
			h.busy(w, "too many large bodies at once")
			return nil, metrics.WebhookUnreadable
		}
		defer h.large.leave()
		var rest []byte
		rest, err = io.ReadAll(limited)
		body = append(body, rest...)
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		h.refuse(w, http.StatusRequestEntityTooLarge, "the body is larger than a Bob webhook can be")
		return nil, metrics.WebhookUnreadable
	case err != nil:
		h.refuse(w, http.StatusBadRequest, "the body could not be read")
		return nil, metrics.WebhookUnreadable
	}
	if bob.IsPing(body) {
		w.WriteHeader(http.StatusOK)
		return nil, metrics.WebhookPing
	}
	if !bob.VerifySignature(body, r.Header.Get(bob.SignatureHeader), h.secrets()) {
		h.refuse(w, http.StatusUnauthorized, "the signature is missing or wrong")
		return nil, metrics.WebhookUnsigned
	}
	event, err := bob.ParseEvent(body)
	if err != nil {
		h.refuse(w, http.StatusBadRequest, err.Error())
		return nil, metrics.WebhookUnreadable
	}
	if !event.Known() {
		h.log.Info("Event ignored: its type concerns no lifecycle",
			zap.String("type", string(event.Type)), zap.Int64("ignoredSoFar", h.ignored.Add(1)))
		w.WriteHeader(http.StatusOK)
		return nil, metrics.WebhookIgnored
	}
	return &event, ""
}

// hand gives the event to Temporal, in its turn, and answers.
func (h *webhook) hand(w http.ResponseWriter, r *http.Request, event bob.Event) metrics.WebhookResult {
	e := employee.Event{Type: event.Type, ReceivedAt: h.now().UTC(), TriggeredAt: event.TriggeredAt}
	if event.Type == employee.EventDeleted {
		e.Email = event.Email
	}
	ctx, cancel := context.WithTimeout(r.Context(), acceptTimeout)
	defer cancel()
	if !h.handing.take(ctx, h.turn) {
		h.busy(w, "too many events at once",
			zap.String("type", string(event.Type)), zap.String("employeeId", event.EmployeeID))
		return metrics.WebhookNotStored
	}
	defer h.handing.leave()
	if err := h.signal(ctx, event.EmployeeID, e); err != nil {
		h.log.Error("Event not accepted; Bob delivers it again",
			zap.String("type", string(event.Type)), zap.String("employeeId", event.EmployeeID), zap.Error(err))
		w.Header().Set("Retry-After", "30")
		http.Error(w, "the event could not be stored; deliver it again", http.StatusServiceUnavailable)
		return metrics.WebhookNotStored
	}
	h.log.Info("Event accepted", zap.String("type", string(event.Type)), zap.String("employeeId", event.EmployeeID))
	w.WriteHeader(http.StatusOK)
	return metrics.WebhookAccepted
}

// busy sends a delivery away until a burst is over.
func (h *webhook) busy(w http.ResponseWriter, reason string, fields ...zap.Field) {
	h.log.Warn("Delivery put off; Bob delivers it again", append(fields, zap.String("reason", reason))...)
	w.Header().Set("Retry-After", "5")
	http.Error(w, reason+"; deliver it again", http.StatusServiceUnavailable)
}

func (h *webhook) refuse(w http.ResponseWriter, status int, reason string) {
	h.log.Warn("Webhook refused", zap.Int("status", status), zap.String("reason", reason))
	http.Error(w, reason, status)
}
