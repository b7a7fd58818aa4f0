package activities_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/activities"
	"bob-onelogin/internal/employee"
)

// TestNoErrorTellsOfAPerson lets both APIs refuse calls with what they were
// sent, with every status and in every shape that they know, and looks for it
// in the errors; once checks each of them.
func TestNoErrorTellsOfAPerson(t *testing.T) {
	shapes := []string{
		`{"message":%[1]s,"name":"SomeError","statusCode":400,"field":%[1]s}`,
		`{"status":404,"error":%[1]s,"description":%[1]s}`,
		`{"code":%[1]s,"message":"refused","errors":[{"field":%[1]s,"message":[%[1]s]}]}`,
		`{"status":{"error":true,"code":400,"type":%[1]s,"message":%[1]s}}`,
		`{"key":%[1]s,"error":%[1]s,"args":{}}`,
		`<html>%s</html>`,
	}
	failures := 0
	for _, status := range []int{200, 400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503} {
		for _, shape := range shapes {
			for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
				echo := func(rw http.ResponseWriter, r *http.Request) bool {
					if r.Method != method || strings.HasPrefix(r.URL.Path, "/auth/") {
						return false
					}
					sent, err := json.Marshal(sentence(r))
					if err != nil {
						panic(err)
					}
					if !strings.HasPrefix(shape, "<") {
						rw.Header().Set("Content-Type", "application/json")
					}
					rw.WriteHeader(status)
					fmt.Fprintf(rw, shape, sent)
					return true
				}
				w := newWorld(t)
				in := w.upsertInput()
				w.user(attrs{"title": "Surfer"})
				leaver := w.leaver()
				w.instead = echo
				failures += w.count(w.once(activities.UpsertUserName, in, nil))
				failures += w.count(w.once(activities.EnforceStatusName, leaver, nil))
				_, err := w.read()
				failures += w.count(err)

				w = newWorld(t)
				w.instead = echo
				failures += w.count(w.once(activities.UpsertUserName, in, nil))
			}
		}
	}
	require.Greater(t, failures, 400, "the APIs were made to fail")
}

// sentence strings together everything that a call brought.
func sentence(r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	words := []string{"Validation failed:", r.URL.Path}
	for _, values := range r.URL.Query() {
		words = append(words, values...)
	}
	var object map[string]any
	if json.Unmarshal(body, &object) == nil {
		words = append(words, values(object)...)
	}
	return strings.Join(append(words, "is refused"), " ")
}

func values(v any) []string {
	var all []string
	switch v := v.(type) {
	case string:
		all = append(all, v)
	case map[string]any:
		for _, inner := range v {
			all = append(all, values(inner)...)
		}
	}
	return all
}

// count also checks that a failure has a type that people can look for.
func (w *world) count(err error) int {
	w.t.Helper()
	if err == nil {
		return 0
	}
	var app *temporal.ApplicationError
	require.True(w.t, errors.As(err, &app))
	require.NotEmpty(w.t, app.Type())
	return 1
}

// What is stored in histories names attributes, never their values; but for
// the record of Bob and the user of OneLogin, which the next step needs.
func TestResultsTellNamesNotValues(t *testing.T) {
	w := newWorld(t)
	w.user(attrs{"title": "Surfer", "email": otherEmail, "status": 2})
	out, err := w.upsert()
	require.NoError(t, err)
	require.Equal(t, employee.Reactivated, out.Outcome)
	stored, err := json.Marshal(out)
	require.NoError(t, err)
	w.decentText(string(stored))
}
