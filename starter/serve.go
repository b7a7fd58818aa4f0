package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"golang.org/x/net/netutil"

	"bob-onelogin/internal/config"
	"bob-onelogin/internal/connect"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/logging"
	"bob-onelogin/internal/metrics"
	"bob-onelogin/workflows"
)

// maxHeaderBytes is far above what Bob sends, and above the two tokens that
// Temporal's web UI may send to the codec server.
const maxHeaderBytes = 64 << 10

// maxConnections bounds what all who connect can hold together: a header of
// maxHeaderBytes and a body of smallBody each. More of them wait to be let in.
const maxConnections = 1024

// patience is how long the endpoint waits for what.
type patience struct {
	header, request, answer, idle time.Duration
	// stop is for the requests under way when the process is told to end.
	stop time.Duration
}

// defaultPatience goes by Bob, which sends a few hundred bytes and wants its
// answer within ten seconds.
var defaultPatience = patience{
	header: 5 * time.Second, request: 10 * time.Second, answer: 15 * time.Second,
	idle: 2 * time.Minute, stop: 15 * time.Second,
}

type serveCommand struct{}

// Run serves until ctx ends. It starts without Temporal: until the server can
// be reached, webhooks are answered 503 and Bob delivers them again.
func (serveCommand) Run(ctx context.Context, cfg config.Starter) error {
	if _, err := cfg.ValidateServe(); err != nil {
		return err
	}
	z, err := logging.New(cfg.LogLevel)
	if err != nil {
		return err
	}
	defer func() { _ = z.Sync() }() // standard error cannot always be synced
	registry, err := metrics.New()
	if err != nil {
		return err
	}
	temporal, namespace, err := connect.TemporalLazily(cfg.Payloads.Ring(connect.KeysReplaced(z)), z, func(o *client.Options) {
		o.MetricsHandler = registry.SDK(workflows.OwnTaskQueue(""))
	})
	if err != nil {
		return err
	}
	defer temporal.Close()

	hook := newWebhook(dispatch.New(temporal, namespace).Signal, cfg.WebhookSecretsNow(), z)
	hook.from = origin{allowed: cfg.Webhooks.Allowed, proxies: cfg.Webhooks.Proxies}
	hook.observe = registry.NewWebhooks().Observe
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen on STARTER_ADDR: %w", err)
	}
	z.Info("Listening for Bob's webhooks", zap.String("address", listener.Addr().String()), zap.String("namespace", namespace),
		zap.Stringers("allowedNetworks", cfg.Webhooks.Allowed), zap.Stringers("trustedProxies", cfg.Webhooks.Proxies))
	err = serve(ctx, listener, routes(hook, ready(temporal), registry.Handler()), defaultPatience, z)
	z.Info("Stopped", zap.Int64("ignoredEvents", hook.ignored.Load()))
	return err
}

// routes are the paths of the endpoint. Bob needs the first alone; the others are
// for whoever runs this, and hold nothing of a person and no secret.
func routes(hook http.Handler, ready http.HandlerFunc, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/bob", hook)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", ready)
	mux.Handle("GET /metrics", metrics)
	return mux
}

// serve answers until ctx ends, and then the requests under way, so that Bob
// does not deliver twice what has been accepted.
func serve(ctx context.Context, listener net.Listener, h http.Handler, p patience, z *zap.Logger) error {
	server := &http.Server{
		Handler: h, ErrorLog: zap.NewStdLog(z), MaxHeaderBytes: maxHeaderBytes,
		ReadHeaderTimeout: p.header, ReadTimeout: p.request, WriteTimeout: p.answer, IdleTimeout: p.idle,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(netutil.LimitListener(listener, maxConnections)) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.Background(), p.stop)
	defer cancel()
	if err := server.Shutdown(stopping); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	// What could not be answered in time is cut off, and Bob delivers it again.
	return server.Close()
}

// ready answers 200 while Temporal can take events.
func ready(c client.Client) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
		defer cancel()
		if _, err := c.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
			http.Error(w, "Temporal cannot be reached", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	}
}
