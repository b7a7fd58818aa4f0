package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	simbob "bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	simonelogin "bob-onelogin/dev/sim/onelogin"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

const (
	personID       = "3332883854254932743"
	bobToken       = "bob-s3cret"
	oneLoginSecret = "onelogin-s3cret"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// stand is the two APIs, and the environment that leads the worker to them.
type stand struct {
	bob      *simbob.Server
	one      *simonelogin.Server
	oneCalls *control.Control
	environ  []string
}

func newStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{oneCalls: control.New(control.NewClock())}
	s.bob = simbob.New(simbob.Config{ServiceUserID: "SERVICE-test", Token: bobToken}, control.New(control.NewClock()))
	t.Cleanup(s.bob.Close)
	s.one = simonelogin.New(simonelogin.Config{ClientID: "client", ClientSecret: oneLoginSecret}, s.oneCalls)
	s.one.DefineCustomAttribute("Work Cell", "work_cell")
	listen := func(h http.Handler) string {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		return server.URL
	}
	s.environ = []string{
		"BOB_BASE_URL=" + listen(s.bob) + "/v1", "BOB_SERVICE_USER_ID=SERVICE-test", "BOB_SERVICE_USER_TOKEN=" + bobToken, "BOB_SETTLE_DELAY=0s",
		"ONELOGIN_BASE_URL=" + listen(s.one), "ONELOGIN_CLIENT_ID=client", "ONELOGIN_CLIENT_SECRET=" + oneLoginSecret, "LOG_LEVEL=fatal", "METRICS_ADDR=127.0.0.1:0",
	}
	_, err := s.bob.Put(personID, map[string]any{
		"email": "juniper.sample@example.com", "firstName": "Juniper", "surname": "Sample",
		"work": map[string]any{"startDate": "2020-01-06"},
	})
	require.NoError(t, err)
	return s
}

func TestRunRefusesToStart(t *testing.T) {
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
	t.Setenv("TEMPORAL_ADDRESS", closedPort(t))
	good := newStand(t).environ
	tests := []struct {
		name    string
		environ []string
		errs    []string
	}{
		{
			name: "with nothing told: everything that is missing at once",
			errs: []string{"configuration: 4 mistake(s)", "BOB_SERVICE_USER_ID: ", "BOB_SERVICE_USER_TOKEN: ", "ONELOGIN_CLIENT_ID: ", "ONELOGIN_CLIENT_SECRET: "},
		},
		{
			name:    "with a policy that is none, and fields that Bob does not have: everything at once",
			environ: append([]string{"PROVISIONING_FILE=" + write(t, "status: sometimes\nzones: {default: Atlantis}\nscope: {expression: work.sitte == \"London\"}\n")}, good...),
			errs:    []string{"PROVISIONING_FILE ", "3 mistakes", "status: ", "zones.default: ", "Bob has no field work.sitte; did you mean work.site?"},
		},
		{
			name:    "with a policy that is not there",
			environ: append([]string{"PROVISIONING_FILE=" + filepath.Join(t.TempDir(), "policy.yaml")}, good...),
			errs:    []string{"PROVISIONING_FILE: ", "no such file"},
		},
		{
			name:    "without Temporal",
			environ: good,
			errs:    []string{"connect to Temporal at 127.0.0.1:", "TEMPORAL_ADDRESS"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := run(t.Context(), test.environ)
			for _, part := range test.errs {
				require.ErrorContains(t, err, part)
			}
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// quiet drops the SDK's log lines.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// temporalCLI finds the Temporal CLI, which holds the dev server.
func temporalCLI() (string, error) {
	for _, path := range []string{os.Getenv("TEMPORAL_CLI"), filepath.Join("..", "bin", "temporal")} {
		if _, err := os.Stat(path); path != "" && err == nil {
			return filepath.Abs(path)
		}
	}
	if path, err := exec.LookPath("temporal"); err == nil {
		return path, nil
	}
	return "", errors.New("the Temporal CLI is missing: run `make bin/temporal`, or name one in TEMPORAL_CLI")
}

// startServer starts a Temporal server and leads the worker to it.
func startServer(t *testing.T) *testsuite.DevServer {
	t.Helper()
	path, err := temporalCLI()
	require.NoError(t, err)
	server, err := testsuite.StartDevServer(t.Context(), testsuite.DevServerOptions{
		ExistingPath: path, LogLevel: "error", Stdout: io.Discard, Stderr: io.Discard,
		ClientOptions: &client.Options{Logger: quiet{}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
	t.Setenv("TEMPORAL_ADDRESS", server.FrontendHostPort())
	return server
}

// A changed provisioning file is taken up by the running worker, and a broken
// one is not.
func TestRunTakesUpAChangedPolicy(t *testing.T) {
	server, s := startServer(t), newStand(t)
	d := dispatch.New(server.Client(), "default")
	file := write(t, "scope: {email_domains: [example.org]}\n")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, append(s.environ, "PROVISIONING_FILE="+file)) }()
	wait, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	sync := func() (result workflows.Result) {
		require.NoError(t, d.Signal(wait, personID, employee.Event{Type: employee.EventUpdated}))
		require.NoError(t, server.Client().GetWorkflow(wait, workflows.EmployeeWorkflowID(personID), "").Get(wait, &result))
		return result
	}

	first := sync()
	require.Equal(t, employee.Skipped, first.Outcome)
	require.Contains(t, first.Reason, "scope.email_domains")
	require.NoError(t, os.WriteFile(file, []byte("scope: {email_domain: [example.com]}\n"), 0o600))
	require.Equal(t, first.Settings, sync().Settings)

	require.NoError(t, os.WriteFile(file, []byte("scope: {email_domains: [example.com]}\n"), 0o600))
	var result workflows.Result
	for result.Outcome != employee.Created {
		result = sync()
		require.Contains(t, []employee.Outcome{employee.Skipped, employee.Created}, result.Outcome)
	}
	require.NotEqual(t, first.Settings, result.Settings)
	require.Len(t, s.one.Users(), 1)
	stop()
	require.NoError(t, <-ended)
}

// A worker that is told to stop lets the call under way end: its answer counts,
// and nothing is done twice.
func TestRunStopsGracefully(t *testing.T) {
	server, s := startServer(t), newStand(t)
	d := dispatch.New(server.Client(), "default")
	start := func() (stop func(), ended <-chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		end := make(chan error, 1)
		go func() { end <- run(ctx, s.environ) }()
		return cancel, end
	}
	eventually := func(what string, ok func() bool) {
		t.Helper()
		require.Eventually(t, ok, 30*time.Second, 10*time.Millisecond, what)
	}

	// The creation takes its time, so that the stop falls into it.
	const route = "/api/2/users"
	require.NoError(t, s.oneCalls.AddFault(control.Fault{Method: http.MethodPost, Route: route, Delay: control.Duration(time.Second)}))
	stop, ended := start()
	defer stop()
	require.NoError(t, d.Signal(t.Context(), personID, employee.Event{Type: employee.EventCreated}))
	eventually("the creation is under way", func() bool { return s.oneCalls.Calls()["POST "+route] == 1 })
	stop()
	require.NoError(t, <-ended)
	require.Len(t, s.one.Users(), 1, "the call under way was let to its end")

	// The next worker goes on with what the first has reported.
	stop, ended = start()
	defer stop()
	var result workflows.Result
	wait, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	require.NoError(t, server.Client().GetWorkflow(wait, workflows.EmployeeWorkflowID(personID), "").Get(wait, &result))
	require.Equal(t, employee.Created, result.Outcome)
	require.Len(t, s.one.Users(), 1)
	require.Equal(t, 1, s.oneCalls.Calls()["POST "+route])
	require.Equal(t, 1, s.oneCalls.Calls()["GET "+route], "the answer was reported: nobody had to look again")
	require.True(t, dispatch.New(server.Client(), "default").Tracked(t.Context()), "the worker has registered the search attributes")
	stop()
	require.NoError(t, <-ended)
}
