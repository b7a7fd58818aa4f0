// Package metrics counts what this program does, for Prometheus: calls to both
// APIs, outcomes, webhooks, and what waits in Temporal, beside the metrics of
// Temporal's SDK and of the Go runtime.
//
// A label has a value out of a list that is known beforehand: names of calls,
// outcomes, states. No label and no value tells of a person, and what comes from
// outside, such as the type of an event, is "other" where it is not known. All
// counters are there from the start with the value 0, so that the first failure
// counts as one.
package metrics

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
)

// namespace begins every name that is this program's own.
const namespace = "bob_onelogin"

// Registry holds the metrics of one process.
type Registry struct {
	prometheus *prometheus.Registry
	provider   *metric.MeterProvider
}

// New returns a registry with the metrics of the Go runtime and of the process.
func New() (*Registry, error) {
	r := &Registry{prometheus: prometheus.NewRegistry()}
	r.prometheus.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(r.prometheus),
		otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo(),
		otelprometheus.WithAggregationSelector(func(kind metric.InstrumentKind) metric.Aggregation {
			if kind == metric.InstrumentKindHistogram {
				return metric.AggregationExplicitBucketHistogram{Boundaries: sdkBuckets}
			}
			return metric.DefaultAggregationSelector(kind)
		}),
	)
	if err != nil {
		return nil, err
	}
	r.provider = metric.NewMeterProvider(metric.WithReader(exporter))
	return r, nil
}

// sdkBuckets are seconds, in which Temporal's SDK measures everything: the
// usual ones are made for milliseconds.
var sdkBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600}

// Handler answers GET /metrics.
func (r *Registry) Handler() http.Handler {
	return promhttp.HandlerFor(r.prometheus, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// SDK takes the metrics of Temporal's SDK. Task queues whose name begins with
// ownQueue have an id behind it, a new one for each process: it is left out.
func (r *Registry) SDK(ownQueue string) client.MetricsHandler {
	return bounded{ownQueue: ownQueue, MetricsHandler: opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter:                r.provider.Meter("temporal-sdk-go"),
		UseMonotonicCounters: true,
	})}
}

// taskQueueTag is the SDK's label for a task queue.
const taskQueueTag = "task_queue"

// bounded keeps the number of label values bounded.
type bounded struct {
	client.MetricsHandler
	ownQueue string
}

func (b bounded) WithTags(tags map[string]string) client.MetricsHandler {
	if queue, ok := tags[taskQueueTag]; ok && strings.HasPrefix(queue, b.ownQueue) {
		short := make(map[string]string, len(tags))
		for name, value := range tags {
			short[name] = value
		}
		short[taskQueueTag] = strings.TrimRight(b.ownQueue, "/")
		tags = short
	}
	return bounded{ownQueue: b.ownQueue, MetricsHandler: b.MetricsHandler.WithTags(tags)}
}

func opts(name, help string) prometheus.Opts {
	return prometheus.Opts{Namespace: namespace, Name: name, Help: help}
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts(opts(name, help)), labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

func gauge(out chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}
