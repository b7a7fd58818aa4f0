// Package logging builds the one logger of a process: zap, as JSON lines on
// standard error, for the program and for Temporal's SDK alike.
package logging

import (
	"log/slog"

	"go.temporal.io/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
)

// New returns a logger of the given level: debug, info, warn or error.
func New(level string) (*zap.Logger, error) {
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, err
	}
	c := zap.NewProductionConfig()
	c.Level = zap.NewAtomicLevelAt(l)
	c.Sampling = nil // the line that is missing is the one that mattered
	c.EncoderConfig.EncodeTime = zapcore.ISO8601TimeEncoder
	c.EncoderConfig.TimeKey = "time"
	c.DisableStacktrace = true
	return c.Build()
}

// ForTemporal lets the SDK, workflows and activities log through z.
func ForTemporal(z *zap.Logger) log.Logger {
	return log.NewStructuredLogger(slog.New(zapslog.NewHandler(z.Core(), zapslog.WithCaller(true))))
}
