package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/types/known/durationpb"

	"bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/dev/sim/onelogin"
	"bob-onelogin/dev/sim/people"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

const (
	bobToken      = "bob-s3cret"
	loginSecret   = "onelogin-s3cret"
	webhookSecret = "webhook-s3cret"
)

// world is both stand-ins with sample people, and what reaches them.
type world struct {
	t             *testing.T
	bob           *bob.Server
	bobCalls      *control.Control
	oneLogin      *onelogin.Server
	oneLoginCalls *control.Control
	// bobURL and loginURL are where they listen.
	bobURL, loginURL string
	// variables are the environment.
	variables map[string]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	clock := control.NewClock()
	w := &world{t: t, bobCalls: control.New(clock), oneLoginCalls: control.New(clock)}
	w.bob = bob.New(bob.Config{ServiceUserID: "SERVICE-test", Token: bobToken}, w.bobCalls)
	t.Cleanup(w.bob.Close)
	w.oneLogin = onelogin.New(onelogin.Config{ClientID: "client-test", ClientSecret: loginSecret}, w.oneLoginCalls)
	w.oneLogin.DefineCustomAttribute("Work Cell", "work_cell")
	for _, p := range people.Generate(25, clock.Now()) {
		require.NoError(t, w.bob.Seed(p.Record))
		if p.User != nil {
			w.oneLogin.Seed(p.User)
		}
	}
	serve := func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	w.bobURL, w.loginURL = serve(w.bob), serve(w.oneLogin)
	w.variables = map[string]string{
		"BOB_BASE_URL": w.bobURL + "/v1", "BOB_SERVICE_USER_ID": "SERVICE-test", "BOB_SERVICE_USER_TOKEN": bobToken, "BOB_WEBHOOK_SECRETS": webhookSecret,
		"ONELOGIN_BASE_URL": w.loginURL, "ONELOGIN_CLIENT_ID": "client-test", "ONELOGIN_CLIENT_SECRET": loginSecret,
	}
	return w
}

// hide changes what the service user may see.
func (w *world) hide(change func(*bob.Settings)) {
	w.t.Helper()
	s := w.bob.Settings()
	change(&s)
	require.NoError(w.t, w.bob.Set(s))
}

// setup examines the variables.
func (w *world) setup() Setup {
	w.t.Helper()
	var environ []string
	for name, value := range w.variables {
		environ = append(environ, name+"="+value)
	}
	cfg, mistakes, err := config.Examine(environ)
	require.NoError(w.t, err)
	return Setup{Config: cfg, Mistakes: mistakes}
}

// lines are those of everything but Temporal.
func (w *world) lines(s Setup) []Line {
	w.t.Helper()
	f := Facts{Mistakes: s.Mistakes, Settings: readSettings(s.Config.ProvisioningFile)}
	f.Bob = gatherBob(w.t.Context(), s, f.Settings.Used.BobFields())
	f.OneLogin = gatherOneLogin(w.t.Context(), s)
	f.Settings.hold(f.Bob.Fields)
	lines := append(f.Bob.lines(f.Settings), f.OneLogin.lines(f.Settings)...)
	return append(lines, f.Settings.lines(f.Mistakes)...)
}

func TestAWholeInstallation(t *testing.T) {
	w := newWorld(t)
	requireTold(t, []string{
		"ok credentials: " + host(w.bobURL) + " accepts the service user",
		"ok people: 25 people are visible",
		"ok inactive people: 6 visible, 3 hired and 3 left among them",
		"ok fields: all 15 that are asked for came back: …",
		"ok credentials: " + host(w.loginURL) + " accepts them",
		"ok region: not needed: the host is given",
		"ok scope: 17 users can be listed, and a write that comes to nothing was let through; …",
		"ok custom attributes: work_cell is defined",
		"ok budget: 5,000 of 5,000 calls of this hour are left",
		"ok settings file: none: …",
	}, w.lines(w.setup()))

	require.Equal(t, map[string]int{"GET /v1/company/people/fields": 1, "POST /v1/people/search": 2}, w.bobCalls.Calls(), "few of Bob's fifty calls a minute")
	calls := w.oneLoginCalls.Calls()
	require.Equal(t, 1, calls["POST /auth/oauth2/v2/token"])
	require.Equal(t, 1, calls["GET /api/2/users"])
	require.Equal(t, 1, calls["PUT /api/2/users/{id}"])
	require.Equal(t, 1, calls["PUT /api/1/users/{id}/logout"])
	require.Len(t, w.oneLogin.Users(), 17, "and nobody is made")
}

func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	return u.Host
}

func TestWhatIsWrongWithAnInstallation(t *testing.T) {
	const (
		bobWell   = 4 // lines about Bob where all is well, and likewise of OneLogin
		loginWell = 5
	)
	tests := []struct {
		name   string
		change func(*world)
		// want are those lines that are not ok.
		want []string
		// ok counts the others.
		ok int
	}{
		{"a new permission group", func(w *world) { w.hide(func(s *bob.Settings) { s.EmployedOnly = true }) }, []string{
			`warning inactive people: nobody inactive is visible: …`,
		}, bobWell - 1 + loginWell + 1},
		{"Bob hides a category", func(w *world) { w.hide(func(s *bob.Settings) { s.HiddenFields = []string{"workContact"} }) }, []string{
			`warning fields: work.workPhone and work.workMobile are missing from every answer; needed by mapping.phone and mapping.custom_attributes.work_cell → let the service user's permission group view the category "Work contact details"`,
		}, bobWell + loginWell + 1},
		{"Bob hides who has left", func(w *world) {
			w.hide(func(s *bob.Settings) { s.HiddenFields = []string{"internal.lifecycleStatus"} })
		}, []string{
			`wrong fields: internal.lifecycleStatus is missing from every answer; leavers cannot be told from future hires → let the service user's permission group view the category "Lifecycle"`,
		}, bobWell + loginWell + 1},
		{"Bob hides everybody", func(w *world) {
			w.hide(func(s *bob.Settings) {
				for _, p := range people.Generate(25, time.Now()) {
					s.HiddenPeople = append(s.HiddenPeople, p.ID)
				}
			})
		}, []string{"wrong people: Bob shows nobody → …"}, 1 + loginWell + 1},
		{"a wrong token", func(w *world) { w.variables["BOB_SERVICE_USER_TOKEN"] = "other-s3cret" }, []string{"wrong credentials: …"}, loginWell + 1},
		{"a wrong URL", func(w *world) { w.variables["BOB_BASE_URL"] = w.bobURL + "/v2" }, []string{
			"wrong credentials: could not be tried: bob: list fields: unusable answer (200): not JSON; is the base URL right? → correct BOB_BASE_URL: …",
		}, loginWell + 1},
		{"no credentials", func(w *world) {
			delete(w.variables, "BOB_SERVICE_USER_ID")
			delete(w.variables, "ONELOGIN_CLIENT_SECRET")
		}, nil, 1},
		{"a wrong client secret", func(w *world) { w.variables["ONELOGIN_CLIENT_SECRET"] = "other-s3cret" }, []string{"wrong credentials: …"}, bobWell + 1},
		{"a scope for reading", func(w *world) {
			insufficient := `{"message":"Insufficient Permission","name":"UnauthorizedError","statusCode":401}`
			for _, route := range []string{"/api/2/users/{id}", "/api/1/users/{id}/logout"} {
				require.NoError(w.t, w.oneLoginCalls.AddFault(control.Fault{Method: "PUT", Route: route, Status: 401, Body: insufficient, Headers: map[string]string{"Content-Type": "application/json"}}))
			}
		}, []string{"wrong scope: 17 users can be listed, but not be written: the scope is for reading alone → …"}, bobWell + loginWell - 1 + 1},
		{"no scope", func(w *world) {
			require.NoError(w.t, w.oneLoginCalls.AddFault(control.Fault{Method: "GET", Route: "/api/2/users", Status: 403}))
		}, []string{"wrong scope: users may not be listed: onelogin: list users: permission refused (403) → …"}, bobWell + 3 + 1},
		{"a low budget", func(w *world) { w.useUp(90) }, []string{"warning budget: 10 of 100 calls of this hour are left → wait for the next hour, which begins in 60 minutes; …"}, bobWell + loginWell - 1 + 1},
		{"no budget", func(w *world) { w.useUp(100) }, []string{
			"warning scope: could not be told: onelogin: list users: rate limited for …", "warning custom attributes: could not be listed: …", "warning budget: 0 of 100 calls of this hour are left → …",
		}, bobWell + 2 + 1},
		{"a settings file with mistakes", func(w *world) {
			w.file("statu: follow_bob\nmapping:\n  email: root.email\n")
		}, []string{"wrong settings file: …"}, bobWell + loginWell},
		{"a settings file that Bob and OneLogin do not go along with", func(w *world) {
			w.file("mapping: {email: root.email, username: root.email, firstname: root.firstName, lastname: root.surnam, custom_attributes.shirt: work.title}\n")
		}, []string{
			"warning custom attributes: shirt is not defined: …",
			"wrong settings file: …",
		}, bobWell + loginWell - 1},
		{"a settings file that is a directory", func(w *world) { w.variables["PROVISIONING_FILE"] = w.t.TempDir() }, []string{"wrong settings file: …"}, bobWell + loginWell},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.change(w)
			lines := w.lines(w.setup())
			var rest []Line
			for _, l := range lines {
				if l.Result != OK {
					rest = append(rest, l)
				}
			}
			requireTold(t, tt.want, rest)
			require.Equal(t, tt.ok, Count(lines, OK), "%s", strings.Join(told(lines), "\n"))
			requireDiscreet(t, w, lines)
		})
	}
}

// useUp leaves a budget of a hundred calls so many short.
func (w *world) useUp(n int) {
	w.t.Helper()
	request := func(method, path, body string, header map[string]string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		for name, value := range header {
			r.Header.Set(name, value)
		}
		answer := httptest.NewRecorder()
		w.oneLogin.ServeHTTP(answer, r)
		return answer
	}
	require.Equal(w.t, http.StatusOK, request("PUT", "/_sim/settings", `{"hourly_budget":100,"burst_per_second":-1}`, nil).Code)
	token := request("POST", "/auth/oauth2/v2/token", fmt.Sprintf(`{"grant_type":"client_credentials","client_id":"client-test","client_secret":%q}`, loginSecret), nil)
	_, rest, _ := strings.Cut(token.Body.String(), `"access_token":"`)
	value, _, _ := strings.Cut(rest, `"`)
	for range n {
		require.Equal(w.t, http.StatusOK, request("GET", "/api/2/users?limit=1", "", map[string]string{"Authorization": "Bearer " + value}).Code)
	}
}

func (w *world) file(content string) {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "policy.yaml")
	require.NoError(w.t, os.WriteFile(path, []byte(content), 0o600))
	w.variables["PROVISIONING_FILE"] = path
}

// requireDiscreet looks for secrets and for what is known of people.
func requireDiscreet(t *testing.T, w *world, lines []Line) {
	t.Helper()
	text := strings.Join(told(lines), "\n")
	require.NotContains(t, text, "s3cret")
	for _, person := range w.bob.People() {
		for _, field := range []string{"id", "email", "surname"} {
			if value, ok := person[field].(string); ok && value != "" {
				require.NotContains(t, text, value)
			}
		}
	}
}

// Of many people, few are read with all fields, the inactive among them.
func TestSampleOfManyPeople(t *testing.T) {
	w := newWorld(t)
	for i := range 300 {
		id := fmt.Sprintf("40000000000000%05d", i)
		require.NoError(t, w.bob.Seed(map[string]any{
			"id": id, "email": id + "@example.com", "internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"},
		}))
	}
	s := w.setup()
	b := gatherBob(t.Context(), s, []string{"root.firstName", "internal.terminationDate"})
	require.NoError(t, b.People.Err)
	require.Equal(t, People{Total: 325, Hired: 3, Left: 3, Inactive: 6, StatusShown: true}, b.People.Value)
	require.True(t, b.Answered.Value["internal.terminationDate"], "if only as empty")
	require.Equal(t, 2, w.bobCalls.Calls()["POST /v1/people/search"])
}

// The credentials of one region are tried at the other when that is all that
// the host is known by.
func TestRegion(t *testing.T) {
	tests := []struct {
		name      string
		variables map[string]string
		serves    string // the host that accepts the credentials
		secret    string
		asked     []string
		want      []string
	}{
		{"the right one", map[string]string{"ONELOGIN_REGION": "eu"}, "api.eu.onelogin.com", loginSecret, []string{"api.eu.onelogin.com"}, []string{
			"ok credentials: api.eu.onelogin.com accepts them", "ok region: eu is right", "ok scope: 17 users …", "ok custom attributes: …", "ok budget: …",
		}},
		{"the default is wrong", nil, "api.eu.onelogin.com", loginSecret, []string{"api.us.onelogin.com", "api.eu.onelogin.com"}, []string{
			"ok credentials: the eu region accepts them", "wrong region: these credentials belong to the eu region, not to us → set ONELOGIN_REGION=eu",
			"ok scope: 17 users …", "ok custom attributes: …", "ok budget: …",
		}},
		{"eu is wrong", map[string]string{"ONELOGIN_REGION": "eu"}, "api.us.onelogin.com", loginSecret, []string{"api.eu.onelogin.com", "api.us.onelogin.com"}, []string{
			"ok credentials: the us region accepts them", "wrong region: these credentials belong to the us region, not to eu → set ONELOGIN_REGION=us",
			"ok scope: 17 users …", "ok custom attributes: …", "ok budget: …",
		}},
		{"neither", nil, "api.eu.onelogin.com", "other-s3cret", []string{"api.us.onelogin.com", "api.eu.onelogin.com"}, []string{
			"wrong credentials: api.us.onelogin.com refuses them, and so does the other region, …",
		}},
		{"a subdomain: no other host is asked", map[string]string{"ONELOGIN_SUBDOMAIN": "acme"}, "api.eu.onelogin.com", loginSecret, []string{"acme.onelogin.com"}, []string{
			"wrong credentials: acme.onelogin.com refuses them → …",
		}},
		{"a URL: no other host is asked", map[string]string{"ONELOGIN_BASE_URL": "https://onelogin.example.com"}, "api.eu.onelogin.com", loginSecret, []string{"onelogin.example.com"}, []string{
			"wrong credentials: onelogin.example.com refuses them → …",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			delete(w.variables, "ONELOGIN_BASE_URL")
			w.variables["ONELOGIN_CLIENT_SECRET"] = tt.secret
			for name, value := range tt.variables {
				w.variables[name] = value
			}
			s := w.setup()
			var asked []string
			s.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/auth/oauth2/v2/token" {
					asked = append(asked, r.URL.Host)
				}
				answer := httptest.NewRecorder()
				if r.URL.Host == tt.serves {
					w.oneLogin.ServeHTTP(answer, r)
				} else {
					answer.Header().Set("Content-Type", "application/json")
					answer.WriteHeader(http.StatusUnauthorized)
					_, _ = io.WriteString(answer, `{"status":{"error":true,"code":401,"type":"Unauthorized","message":"Authentication Failure"}}`)
				}
				return answer.Result(), nil
			})}
			o := gatherOneLogin(t.Context(), s)
			requireTold(t, tt.want, o.lines(readSettings("")))
			require.Equal(t, tt.asked, asked)
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Servers that do not answer cost the time given, and hide nothing else.
func TestNobodyAnswersInTime(t *testing.T) {
	w := newWorld(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, silent.Close()) })
	nothing(t)
	t.Setenv("TEMPORAL_ADDRESS", silent.Addr().String())
	w.variables["BOB_BASE_URL"] = "http://" + silent.Addr().String() + "/v1"

	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	lines := Judge(Gather(ctx, w.setup()))
	require.Less(t, time.Since(began), 10*time.Second)
	requireTold(t, []string{
		"wrong server: connect to Temporal at " + silent.Addr().String() + " (TEMPORAL_ADDRESS): …",
		"wrong credentials: could not be tried: bob: list fields: timed out → see that this machine reaches Bob, and that BOB_BASE_URL is right",
		"ok credentials: …", "ok region: …", "ok scope: …", "ok custom attributes: …", "ok budget: …", "ok secret: …", "ok settings file: …", "warning keys: …",
	}, lines)
}

func TestTemporalThatIsConfiguredWrongly(t *testing.T) {
	nothing(t)
	path := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(path, []byte("[profile"), 0o600))
	t.Setenv("TEMPORAL_CONFIG_FILE", path)
	requireTold(t, []string{"wrong server: read Temporal's configuration (TEMPORAL_* variables or profile file): …"}, gatherTemporal(t.Context(), Setup{}).lines())
}

func TestTemporalServer(t *testing.T) {
	path, err := temporalCLI()
	require.NoError(t, err)
	server, err := testsuite.StartDevServer(t.Context(), testsuite.DevServerOptions{
		ExistingPath: path, LogLevel: "error", Stdout: io.Discard, Stderr: io.Discard, ClientOptions: &client.Options{Logger: quiet{}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	nothing(t)
	t.Setenv("TEMPORAL_ADDRESS", server.FrontendHostPort())
	reached := "ok server: reached at " + server.FrontendHostPort() + ", version …"
	lines := func() []Line { return gatherTemporal(t.Context(), Setup{}).lines() }

	requireTold(t, []string{
		reached, "warning namespace: default keeps what has ended for 1 day: …",
		"warning search attributes: SyncDueAt and SyncState are missing: …", "warning worker: none polls bob-onelogin and bob-onelogin-api: …",
	}, lines())

	t.Setenv("TEMPORAL_NAMESPACE", "staff")
	requireTold(t, []string{reached, "wrong namespace: there is no namespace staff → …"}, lines())

	c, err := client.Dial(client.Options{HostPort: server.FrontendHostPort(), Namespace: "staff", Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	_, err = c.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: "staff", WorkflowExecutionRetentionPeriod: durationpb.New(30 * 24 * time.Hour),
	})
	require.NoError(t, err)
	d := dispatch.New(c, "staff")
	require.Eventually(t, func() bool { return d.RegisterSearchAttributes(t.Context()) == nil }, 30*time.Second, 50*time.Millisecond)
	for _, queue := range []string{workflows.TaskQueue, workflows.OneLoginTaskQueue} {
		polling := worker.New(c, queue, worker.Options{Identity: "one", DisableWorkflowWorker: queue == workflows.OneLoginTaskQueue})
		polling.RegisterActivity(func(context.Context) error { return nil })
		if queue == workflows.TaskQueue {
			workflows.Register(polling, workflows.Options{})
		}
		require.NoError(t, polling.Start())
		t.Cleanup(polling.Stop)
	}
	require.Eventually(t, func() bool { return Count(lines(), OK) == 4 }, 30*time.Second, 50*time.Millisecond, "all is well: %s", told(lines()))
}

// nothing takes every variable of Temporal's away, and the profile file that a
// developer may have.
func nothing(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "TEMPORAL_") {
			t.Setenv(name, "")
			require.NoError(t, os.Unsetenv(name))
		}
	}
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
}

// temporalCLI finds the Temporal CLI, which holds the dev server.
func temporalCLI() (string, error) {
	for _, path := range []string{os.Getenv("TEMPORAL_CLI"), filepath.Join("..", "..", "bin", "temporal")} {
		if _, err := os.Stat(path); path != "" && err == nil {
			return filepath.Abs(path)
		}
	}
	if path, err := exec.LookPath("temporal"); err == nil {
		return path, nil
	}
	return "", errors.New("the Temporal CLI is missing: run `make bin/temporal`, or name one in TEMPORAL_CLI")
}

// quiet drops the SDK's log lines.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

func TestWord(t *testing.T) {
	r := employee.Record{Fields: map[string]any{"status": "Active", "null": nil, "list": []any{"x"}}}
	for field, want := range map[string]struct {
		word  string
		shown bool
	}{"status": {"active", true}, "null": {"", true}, "list": {"", true}, "absent": {"", false}} {
		word, shown := word(r, field)
		require.Equal(t, want.word, word, field)
		require.Equal(t, want.shown, shown, field)
	}
}
