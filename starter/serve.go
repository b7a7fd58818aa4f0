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

	"bob-onelogin/internal/config"
	"bob-onelogin/internal/connect"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/logging"
)

// Time-outs and sizes of the endpoint. Bob's bodies are a few hundred bytes,
// and Bob wants its answer within ten seconds.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 15 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	shutdownTimeout   = 15 * time.Second
)

type serveCommand struct{}

// Run serves until ctx ends. It starts without Temporal: until the server can
// be reached, webhooks are answered 503 and Bob delivers them again.
func (serveCommand) Run(ctx context.Context, cfg config.Starter) error {
	secrets, err := cfg.ValidateServe()
	if err != nil {
		return err
	}
	z, err := logging.New(cfg.LogLevel)
	if err != nil {
		return err
	}
	defer func() { _ = z.Sync() }() // standard error cannot always be synced
	temporal, namespace, err := connect.TemporalLazily(z)
	if err != nil {
		return err
	}
	defer temporal.Close()

	hook := newWebhook(dispatch.New(temporal, namespace).Signal, secrets, z)
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/bob", hook)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", ready(temporal))

	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen on STARTER_ADDR: %w", err)
	}
	server := &http.Server{
		Handler: mux, ErrorLog: zap.NewStdLog(z),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
	}
	z.Info("Listening for Bob's webhooks", zap.String("address", listener.Addr().String()), zap.String("namespace", namespace))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	// Requests under way are answered, so that Bob does not deliver twice
	// what has been accepted.
	stopping, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	z.Info("Stopped", zap.Int64("ignoredEvents", hook.ignored.Load()))
	return nil
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
