package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxBody bounds the body of a control call, in bytes.
const maxBody = 1 << 20

// ReadJSON reads the one JSON value of a control call into v. Unknown keys,
// values of a wrong kind, trailing text and bodies over 1 MiB are refused, the
// key named.
func ReadJSON(r *http.Request, v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return fmt.Errorf("%s: want %s, got %s", wrong.Field, wrong.Type, wrong.Value)
		}
		return fmt.Errorf("read body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read body: more than one JSON value")
	}
	return nil
}

// WriteJSON answers a control call with v.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that has gone cannot be told
}

// WriteError answers a control call with {"error":"…"}.
func WriteError(w http.ResponseWriter, status int, err error) {
	WriteJSON(w, status, map[string]string{"error": err.Error()})
}

// methods is one control endpoint: what to do by HTTP method. An error is the
// caller's mistake.
type methods map[string]func(*http.Request) (any, error)

func (m methods) serve(w http.ResponseWriter, r *http.Request) {
	do, ok := m[r.Method]
	if !ok {
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
		WriteError(w, http.StatusMethodNotAllowed, fmt.Errorf("method %s is not allowed here", r.Method))
		return
	}
	answer, err := do(r)
	if err != nil {
		WriteError(w, http.StatusBadRequest, err)
		return
	}
	WriteJSON(w, http.StatusOK, answer)
}

func parseDuration(key, text string) (time.Duration, error) {
	var d Duration
	if err := d.UnmarshalText([]byte(text)); err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	return time.Duration(d), nil
}

func parseTime(key, text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: not a time such as \"2026-01-01T00:00:00Z\": %q", key, text)
	}
	return t, nil
}
