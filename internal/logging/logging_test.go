package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// lines returns what write wrote to standard error, decoded.
func lines(t *testing.T, write func()) []map[string]any {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	before := os.Stderr
	os.Stderr = w
	defer func() { os.Stderr = before }()
	write()
	require.NoError(t, w.Close())
	written, err := io.ReadAll(r)
	require.NoError(t, err)

	var all []map[string]any
	for line := range bytes.Lines(written) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal(line, &entry), "one JSON object a line")
		all = append(all, entry)
	}
	return all
}

func TestNew(t *testing.T) {
	for level, want := range map[string][]string{
		"debug": {"debug", "info", "warn", "error"},
		"info":  {"info", "warn", "error"},
		"warn":  {"warn", "error"},
		"error": {"error"},
	} {
		t.Run(level, func(t *testing.T) {
			var levels []string
			for _, entry := range lines(t, func() {
				z, err := New(level)
				require.NoError(t, err)
				z.Debug("a line", zap.Int("n", 1))
				z.Info("a line", zap.Int("n", 1))
				z.Warn("a line", zap.Int("n", 1))
				z.Error("a line", zap.Int("n", 1))
			}) {
				require.Equal(t, "a line", entry["msg"])
				require.InDelta(t, 1, entry["n"], 0)
				require.Contains(t, entry["caller"], "logging_test.go:")
				require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`, entry["time"])
				require.NotContains(t, entry, "stacktrace")
				levels = append(levels, entry["level"].(string))
			}
			require.Equal(t, want, levels)
		})
	}
}

func TestNewKeepsEveryLine(t *testing.T) {
	const n = 500
	got := lines(t, func() {
		z, err := New("info")
		require.NoError(t, err)
		for range n {
			z.Info("the same line")
		}
	})
	require.Len(t, got, n)
}

func TestNewRefusesAnUnknownLevel(t *testing.T) {
	_, err := New("loud")
	require.Error(t, err)
}

func TestForTemporal(t *testing.T) {
	core, seen := observer.New(zapcore.InfoLevel)
	l := ForTemporal(zap.New(core))
	l.Debug("too fine")
	l.Info("Started", "namespace", "default")
	log.With(l, "workflowId", "employee/1").Error("Failed", "attempt", 3, "error", errors.New("a reason"))

	entries := seen.AllUntimed()
	require.Len(t, entries, 2, "the level of the program is the SDK's as well")
	require.Equal(t, "Started", entries[0].Message)
	require.Equal(t, map[string]any{"namespace": "default"}, entries[0].ContextMap())
	require.Equal(t, zapcore.ErrorLevel, entries[1].Level)
	require.Equal(t, map[string]any{"workflowId": "employee/1", "attempt": int64(3), "error": "a reason"}, entries[1].ContextMap())
}
