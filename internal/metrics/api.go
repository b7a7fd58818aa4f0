package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/onelogin"
)

// The two APIs, as the label api.
const (
	apiBob      = "bob"
	apiOneLogin = "onelogin"
)

// breakerStates are the values of the label state of a breaker.
var breakerStates = []string{"closed", "half-open", "open"}

// API counts calls to Bob and OneLogin, and shows the breakers and the budget.
type API struct {
	calls    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// NewAPI registers the counters of calls.
func (r *Registry) NewAPI() *API {
	a := &API{
		calls: counter("api_calls_total",
			"Calls by API, call and outcome. breaker_open were not sent.", "api", "call", "outcome"),
		duration: histogram("api_call_duration_seconds",
			"Time from sending a call to the end of its answer.",
			[]float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60, 300}, "api", "call", "outcome"),
	}
	r.prometheus.MustRegister(a.calls, a.duration)
	return a
}

// ObserveBob counts one call to Bob.
func (a *API) ObserveBob(c bob.Call) { a.observe(apiBob, c.Op, c.Class, c.Duration) }

// ObserveOneLogin counts one call to OneLogin.
func (a *API) ObserveOneLogin(c onelogin.Call) { a.observe(apiOneLogin, c.Op, c.Class, c.Duration) }

func (a *API) observe(api, call, outcome string, took time.Duration) {
	a.calls.WithLabelValues(api, call, outcome).Inc()
	if outcome != "breaker_open" {
		a.duration.WithLabelValues(api, call, outcome).Observe(took.Seconds())
	}
}

// WatchClients shows the breakers of both clients and OneLogin's budget
// whenever metrics are asked for.
func (r *Registry) WatchClients(b *bob.Client, o *onelogin.Client) {
	r.prometheus.MustRegister(&clients{bob: b, oneLogin: o})
}

type clients struct {
	bob      *bob.Client
	oneLogin *onelogin.Client
}

var (
	breakerDesc = desc("api_breaker_state",
		"1 for the state that a breaker is in: open for a minute after access was refused, half-open until a call has shown which it is.",
		"api", "guards", "state")
	budgetLimitDesc     = desc("api_budget_limit_calls", "Calls an hour that OneLogin allows the account, as its last answer said.", "api")
	budgetRemainingDesc = desc("api_budget_remaining_calls", "Calls that were left of the hour at OneLogin's last answer.", "api")
	budgetResetDesc     = desc("api_budget_reset_timestamp_seconds", "When the hour ends of which calls were left.", "api")
)

// Describe sends all that Collect may.
func (c *clients) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{breakerDesc, budgetLimitDesc, budgetRemainingDesc, budgetResetDesc} {
		out <- d
	}
}

// Collect asks the clients, who make no call for it.
func (c *clients) Collect(out chan<- prometheus.Metric) {
	users, sessions := c.oneLogin.BreakerStates()
	for _, b := range [][3]string{
		{apiBob, "everything", c.bob.BreakerState()},
		{apiOneLogin, "users", users},
		{apiOneLogin, "sessions", sessions},
	} {
		for _, state := range breakerStates {
			gauge(out, breakerDesc, truth(b[2] == state), b[0], b[1], state)
		}
	}
	budget, known := c.oneLogin.Budget()
	if !known {
		return
	}
	gauge(out, budgetLimitDesc, float64(budget.Limit), apiOneLogin)
	gauge(out, budgetRemainingDesc, float64(budget.Remaining), apiOneLogin)
	if !budget.ResetAt.IsZero() {
		gauge(out, budgetResetDesc, float64(budget.ResetAt.Unix()), apiOneLogin)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
