package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
)

// Time-outs of the worker's own endpoint, which monitoring asks and nobody
// else.
const (
	headerPatience = 5 * time.Second
	answerPatience = 30 * time.Second
	// readyPatience bounds the questions that one look at the readiness asks.
	readyPatience = 4 * time.Second
	// readyKept is how long an answer is given again, so that probes and
	// scrapes together do not ask the server more often than this.
	readyKept = 2 * time.Second
)

// readiness says whether this process can do the job: Temporal can be reached,
// and has been asked for work by this process on each of its task queues of
// late. It is not ready before its workers have started, and from the moment on
// at which it is told to stop.
type readiness struct {
	// temporal asks whether the server is there, notPolled what of the task
	// queues it has not been asked for.
	temporal  func(context.Context) error
	notPolled func(context.Context) ([]string, error)
	started   atomic.Bool
	now       func() time.Time

	// turn lets one look at a time.
	turn chan struct{}
	at   time.Time
	last error
	// good is the last answer, for metrics.
	good atomic.Bool
}

func newReadiness() *readiness {
	return &readiness{now: time.Now, turn: make(chan struct{}, 1)}
}

// What is answered instead of the server's own words, which name hosts.
var (
	errNoServer = errors.New("the Temporal server cannot be reached")
	errNoAnswer = errors.New("the Temporal server does not say who polls the task queues")
)

var errNotStarted = errors.New("the workers have not started, or are about to stop")

// check returns why the process cannot do its job.
func (r *readiness) check(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !r.started.Load() {
		r.good.Store(false)
		return errNotStarted
	}
	if !r.at.IsZero() && r.now().Before(r.at.Add(readyKept)) {
		return r.last
	}
	// The answer is for whoever asks next as well.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyPatience)
	defer cancel()
	r.last = r.look(ctx)
	r.at = r.now()
	r.good.Store(r.last == nil && r.started.Load())
	return r.last
}

func (r *readiness) look(ctx context.Context) error {
	if err := r.temporal(ctx); err != nil {
		return errNoServer
	}
	missing, err := r.notPolled(ctx)
	switch {
	case err != nil:
		return errNoAnswer
	case len(missing) > 0:
		return fmt.Errorf("this process does not poll %s", strings.Join(missing, ", "))
	default:
		return nil
	}
}

func (r *readiness) ready() bool { return r.started.Load() && r.good.Load() }

// connected gives the readiness what it asks.
func (r *readiness) connected(c client.Client, notPolled func(context.Context) ([]string, error)) {
	r.temporal = func(ctx context.Context) error {
		_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err
	}
	r.notPolled = notPolled
}

// routes are the paths of the worker's endpoint. There is no /debug: nothing of
// what the process holds can be looked at from outside.
func routes(metrics http.Handler, ready *readiness) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready.check(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	return mux
}

// listen opens the endpoint and returns what closes it.
func listen(addr string, h http.Handler, z *zap.Logger) (stop func(), err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on METRICS_ADDR (each process on one machine needs its own, or off): %w", err)
	}
	server := &http.Server{
		Handler: h, ErrorLog: zap.NewStdLog(z),
		ReadHeaderTimeout: headerPatience, ReadTimeout: headerPatience, WriteTimeout: answerPatience, IdleTimeout: 2 * time.Minute,
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			z.Error("Metrics and readiness are no longer served", zap.Error(err))
		}
	}()
	z.Info("Serving metrics and readiness", zap.String("address", listener.Addr().String()))
	return func() {
		_ = server.Close()
		<-served
	}, nil
}
