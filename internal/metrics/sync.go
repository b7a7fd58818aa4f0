package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// Syncs counts what looks at people come to.
type Syncs struct {
	outcomes   *prometheus.CounterVec
	suspension prometheus.Histogram
}

// NewSyncs registers the counters of synchronisations.
func (r *Registry) NewSyncs() *Syncs {
	s := &Syncs{
		outcomes: counter("sync_outcomes_total",
			"Looks at a person that were acted on, by what the situation called for and by what came of it.", "phase", "outcome"),
		suspension: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "suspension_delay_seconds",
			Help:    "Time from the moment at which access was to end, which is the receipt of the event or the date of leaving, to the suspension.",
			Buckets: []float64{1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400},
		}),
	}
	for _, phase := range []lifecycle.Phase{lifecycle.PhaseWait, lifecycle.PhaseProvision, lifecycle.PhaseLeave, lifecycle.PhaseNone, ""} {
		for _, outcome := range []employee.Outcome{
			employee.Created, employee.Updated, employee.Unchanged, employee.Suspended, employee.Reactivated, employee.Renamed,
			employee.Relinked, employee.Skipped, employee.Held, employee.Scheduled, employee.Failed,
		} {
			if possible(phase, outcome) {
				s.outcomes.WithLabelValues(phaseLabel(phase), string(outcome))
			}
		}
	}
	r.prometheus.MustRegister(s.outcomes, s.suspension)
	return s
}

// possible keeps series away that nothing can ever count.
func possible(phase lifecycle.Phase, outcome employee.Outcome) bool {
	switch phase {
	case lifecycle.PhaseProvision:
		return outcome != employee.Suspended && outcome != employee.Scheduled
	case lifecycle.PhaseLeave:
		return outcome != employee.Created && outcome != employee.Reactivated && outcome != employee.Scheduled
	case lifecycle.PhaseWait:
		return outcome == employee.Scheduled
	case lifecycle.PhaseNone:
		return outcome == employee.Skipped
	default:
		return outcome == employee.Failed
	}
}

// phaseLabel is "unknown" for a person whom Bob could not be asked about.
func phaseLabel(p lifecycle.Phase) string {
	if p == "" {
		return "unknown"
	}
	return string(p)
}

// Observe counts one look at a person. late is how long after the moment at
// which access was to end the person was suspended; 0 where nobody was.
func (s *Syncs) Observe(phase lifecycle.Phase, outcome employee.Outcome, late time.Duration) {
	s.outcomes.WithLabelValues(phaseLabel(phase), string(outcome)).Inc()
	if late > 0 {
		s.suspension.Observe(late.Seconds())
	}
}
