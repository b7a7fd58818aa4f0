package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bob-onelogin/internal/employee"
)

// WebhookResult is what became of one delivery.
type WebhookResult string

const (
	// WebhookAccepted: Temporal has the event.
	WebhookAccepted WebhookResult = "accepted"
	// WebhookIgnored: signed, and of a type that concerns no lifecycle.
	WebhookIgnored WebhookResult = "ignored"
	// WebhookPing: Bob's connection test, which need not be signed.
	WebhookPing WebhookResult = "ping"
	// WebhookUnsigned: the signature is missing or wrong.
	WebhookUnsigned WebhookResult = "unsigned"
	// WebhookForbidden: it came from outside the allowed networks.
	WebhookForbidden WebhookResult = "forbidden"
	// WebhookUnreadable: too large, cut off, or signed and not understood.
	WebhookUnreadable WebhookResult = "unreadable"
	// WebhookNotStored: Temporal did not take it; Bob delivers it again.
	WebhookNotStored WebhookResult = "not_stored"
)

// noType is the label of deliveries whose type is not looked at.
const noType = "none"

// Webhooks counts deliveries.
type Webhooks struct {
	results  *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewWebhooks registers the counters of deliveries.
func (r *Registry) NewWebhooks() *Webhooks {
	w := &Webhooks{
		results: counter("webhooks_total", "Deliveries by the type of the event and by what became of them.", "type", "result"),
		duration: histogram("webhook_duration_seconds", "Time from the arrival of a delivery to its answer.",
			[]float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}, "result"),
	}
	for _, t := range employee.BobEvents() {
		w.results.WithLabelValues(string(t), string(WebhookAccepted))
		w.results.WithLabelValues(string(t), string(WebhookNotStored))
	}
	w.results.WithLabelValues("other", string(WebhookIgnored))
	for _, result := range []WebhookResult{WebhookPing, WebhookForbidden, WebhookUnsigned, WebhookUnreadable} {
		w.results.WithLabelValues(noType, string(result))
	}
	r.prometheus.MustRegister(w.results, w.duration)
	return w
}

// Observe counts one delivery. The type counts only where it is one of Bob's
// that is acted on: whatever else comes in is not for a label.
func (w *Webhooks) Observe(t employee.EventType, result WebhookResult, took time.Duration) {
	label := noType
	switch result {
	case WebhookAccepted, WebhookNotStored:
		label = string(t)
	case WebhookIgnored:
		label = "other"
	}
	w.results.WithLabelValues(label, string(result)).Inc()
	w.duration.WithLabelValues(string(result)).Observe(took.Seconds())
}
