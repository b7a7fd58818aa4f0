package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bob-onelogin/internal/dispatch"
)

// surveyLife is how long a survey counts: what is older says nothing of now, and
// is not shown.
const surveyLife = 3 * time.Minute

// Survey shows what waits in the namespace, as it was looked at last. Every
// worker shows the same.
type Survey struct {
	now func() time.Time

	mu   sync.Mutex
	last dispatch.Survey
}

// NewSurvey registers a survey that is empty until it is set.
func (r *Registry) NewSurvey() *Survey {
	s := &Survey{now: time.Now}
	r.prometheus.MustRegister(s)
	return s
}

// Set replaces what is shown.
func (s *Survey) Set(last dispatch.Survey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = last
}

var (
	surveyedDesc = desc("survey_timestamp_seconds", "When this worker has looked at the namespace last. What it tells is gone three minutes after.")
	trackedDesc  = desc("search_attributes", "1 where the namespace has the search attributes SyncState and SyncDueAt, without which nobody who waits can be counted.")
	runningDesc  = desc("workflows", "Employees' workflows that run, by their SyncState. Held ones are held by the suspension brake.", "state")
	dueDesc      = desc("due", "People whose moment has come and who have not been dealt with: start, no worker has taken them up; access_end, their access was to end.", "what")
	endAgeDesc   = desc("access_end_age_seconds", "Time since the earliest moment at which access was to end and which has not been dealt with; 0 where there is none.")
	eventAgeDesc = desc("oldest_event_age_seconds", "Time for which the oldest event has been unanswered; 0 where there is none. It is in its settle delay, or Bob or OneLogin are being called for it.")
	bulkEndDesc  = desc("bulk_end_timestamp_seconds", "When the newest bulk run ended that ended in this way, within the last week; 0 where none did. Dry runs do not count.", "status")

	brakeUsedDesc  = desc("brake_suspensions", "Suspensions within the window of the suspension brake.")
	brakeLimitDesc = desc("brake_limit", "How many suspensions the brake lets pass within its window; not there before it was asked for the first time.")
	brakeHeldDesc  = desc("brake_held", "People who have left and whom the suspension brake holds until a person approves or rejects.")
	brakeAgeDesc   = desc("brake_held_age_seconds", "Time since the first of them is held; 0 where there is none.")
)

// Describe sends all that Collect may.
func (s *Survey) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{surveyedDesc, trackedDesc, runningDesc, dueDesc, endAgeDesc, eventAgeDesc, bulkEndDesc, brakeUsedDesc, brakeLimitDesc, brakeHeldDesc, brakeAgeDesc} {
		out <- d
	}
}

// Collect shows the last survey, if it is not too old.
func (s *Survey) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	now := s.now()
	if last.At.IsZero() || now.Sub(last.At) > surveyLife {
		return
	}
	gauge(out, surveyedDesc, float64(last.At.Unix()))
	gauge(out, trackedDesc, truth(last.Tracked))
	ends := map[string]time.Time{}
	for _, end := range last.BulkEnds {
		if end.At.After(ends[end.Status]) {
			ends[end.Status] = end.At
		}
	}
	for _, status := range dispatch.BulkEndStatuses() {
		gauge(out, bulkEndDesc, timestamp(ends[status]), status)
	}
	if b := last.Brake; b != nil {
		gauge(out, brakeUsedDesc, float64(b.Used))
		gauge(out, brakeHeldDesc, float64(b.Held))
		gauge(out, brakeAgeDesc, age(b.Since, now))
		if b.Settings.Window != 0 {
			gauge(out, brakeLimitDesc, float64(b.Limit))
		}
	}
	if !last.Tracked {
		return
	}
	for _, state := range dispatch.SurveyedStates() {
		gauge(out, runningDesc, float64(last.Running[state]), string(state))
	}
	gauge(out, dueDesc, float64(last.StartsDue), "start")
	gauge(out, dueDesc, float64(last.EndsDue), "access_end")
	gauge(out, endAgeDesc, age(last.OldestEndDue, now))
	gauge(out, eventAgeDesc, age(last.OldestEvent, now))
}

func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.Unix())
}

func age(t, now time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(now.Sub(t).Seconds(), 0)
}
