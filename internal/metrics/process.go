package metrics

import "github.com/prometheus/client_golang/prometheus"

// WatchWorker shows whether a worker can do its job, and whether the
// provisioning file as it is now is in force. Both are asked whenever metrics
// are, and must be quick.
func (r *Registry) WatchWorker(ready, fileBroken func() bool) {
	r.prometheus.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("ready",
			"1 while Temporal can be reached and has been asked for work by this process on all of its task queues.")),
			func() float64 { return truth(ready()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts(opts("provisioning_file_broken",
			"1 while the provisioning file is broken and the settings before it are in force.")),
			func() float64 { return truth(fileBroken()) }),
	)
}

// Notifications counts what people were told.
type Notifications struct{ results *prometheus.CounterVec }

// NewNotifications registers the counter.
func (r *Registry) NewNotifications() *Notifications {
	n := &Notifications{results: counter("notifications_total", "Messages posted to NOTIFY_URL, by result. One message may tell of several things; a failed one is tried again.", "result")}
	for _, ok := range []bool{true, false} {
		n.results.WithLabelValues(notified(ok))
	}
	r.prometheus.MustRegister(n.results)
	return n
}

// Observe counts one message.
func (n *Notifications) Observe(err error) { n.results.WithLabelValues(notified(err == nil)).Inc() }

func notified(ok bool) string {
	if ok {
		return "sent"
	}
	return "failed"
}
