package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/people"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is where the command prints, read while it runs.
type output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	written chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer func() { o.written <- struct{}{} }()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start runs the command on free ports until the test ends, and returns the
// environment it printed, and how to stop it.
func start(t *testing.T, args ...string) (env map[string]string, stop func()) {
	t.Helper()
	out := &output{written: make(chan struct{}, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, append([]string{"--bob-addr=127.0.0.1:0", "--onelogin-addr", "127.0.0.1:0"}, args...), out)
	}()
	stop = sync.OnceFunc(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(30 * time.Second):
			t.Error("the command did not stop")
		}
	})
	t.Cleanup(stop)
	select {
	case <-out.written:
	case err := <-ended:
		ended <- err
		t.Fatalf("ended at once: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was printed")
	}
	env = map[string]string{}
	for _, v := range regexp.MustCompile(`(?m)^ +export (\w+)=(.*)$`).FindAllStringSubmatch(out.String(), -1) {
		env[v[1]] = v[2]
	}
	return env, stop
}

// call returns status and body.
func call(t *testing.T, method, address, body string, headers ...string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, answer
}

// users are OneLogin's by external_id, those without one by e-mail.
func users(t *testing.T, env map[string]string) map[string]map[string]any {
	t.Helper()
	status, body := call(t, "GET", env["ONELOGIN_BASE_URL"]+"/_sim/users", "")
	require.Equal(t, 200, status)
	var all []map[string]any
	require.NoError(t, json.Unmarshal(body, &all))
	by := map[string]map[string]any{}
	for _, u := range all {
		key, ok := u["external_id"].(string)
		if !ok {
			key = u["email"].(string)
		}
		by[key] = u
	}
	return by
}

func TestTheStandInsCanBeReachedAsPrinted(t *testing.T) {
	env, stop := start(t)

	credentials := base64.StdEncoding.EncodeToString([]byte(env["BOB_SERVICE_USER_ID"] + ":" + env["BOB_SERVICE_USER_TOKEN"]))
	status, body := call(t, "POST", env["BOB_BASE_URL"]+"/people/search", `{"fields":["root.id"],"showInactive":true}`, "Authorization", "Basic "+credentials)
	require.Equal(t, 200, status)
	var found struct{ Employees []map[string]any }
	require.NoError(t, json.Unmarshal(body, &found))
	require.Len(t, found.Employees, 25)

	status, body = call(t, "POST", env["ONELOGIN_BASE_URL"]+"/auth/oauth2/v2/token", `{"grant_type":"client_credentials"}`,
		"Content-Type", "application/json", "Authorization", "client_id:"+env["ONELOGIN_CLIENT_ID"]+", client_secret:"+env["ONELOGIN_CLIENT_SECRET"])
	require.Equal(t, 200, status, string(body))
	var token struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal(body, &token))
	status, body = call(t, "GET", env["ONELOGIN_BASE_URL"]+"/api/2/users/custom_attributes", "", "Authorization", "bearer "+token.AccessToken)
	require.Equal(t, 200, status)
	require.Contains(t, string(body), `"work_cell"`)

	stop()
	for _, name := range []string{"BOB_BASE_URL", "ONELOGIN_BASE_URL"} {
		u, err := url.Parse(env[name])
		require.NoError(t, err)
		_, err = net.Dial("tcp", u.Host)
		require.Error(t, err, "%s still listens", name)
	}
}

func TestDefaultsAreThoseOfTheDocumentation(t *testing.T) {
	env, _ := start(t)
	delete(env, "BOB_BASE_URL")
	delete(env, "ONELOGIN_BASE_URL")
	require.Equal(t, map[string]string{
		"BOB_SERVICE_USER_ID": "SERVICE-sim", "BOB_SERVICE_USER_TOKEN": "sim-bob-token", "BOB_WEBHOOK_SECRETS": "sim-webhook-secret",
		"ONELOGIN_CLIENT_ID": "sim-client-id", "ONELOGIN_CLIENT_SECRET": "sim-client-secret",
	}, env)
	f, _, err := parse(nil, io.Discard)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8091", f.BobAddr)
	require.Equal(t, "127.0.0.1:8092", f.OneloginAddr)
	require.Equal(t, "http://127.0.0.1:8080/webhooks/bob", f.WebhookURL)
}

func TestOneLoginAtFirst(t *testing.T) {
	staff := people.Generate(25, time.Now().UTC())
	tests := map[string]struct {
		args  []string
		check func(t *testing.T, users map[string]map[string]any)
	}{
		"mixed": {nil, func(t *testing.T, users map[string]map[string]any) {
			for _, p := range staff {
				u, linked := users[p.ID]
				require.Equal(t, p.User != nil && p.User["external_id"] != nil, linked, p.Situation)
				if !linked {
					continue
				}
				require.Equal(t, p.User["email"], u["email"], p.Situation)
				require.Contains(t, u["custom_attributes"], "work_cell")
				if manager, ok := users[p.ManagerID]; ok {
					require.Equal(t, manager["id"], u["manager_user_id"], p.Situation)
				}
			}
			require.NotNil(t, users[staff[1].ID]["manager_user_id"])
		}},
		"synced": {[]string{"--onelogin-users", "synced"}, func(t *testing.T, users map[string]map[string]any) {
			for _, p := range staff {
				u, linked := users[p.ID]
				require.Equal(t, p.Due(), linked, p.Situation)
				if linked {
					require.Equal(t, p.Synced()["title"], u["title"])
				}
			}
		}},
		"synced, at rest": {[]string{"--onelogin-users=synced", "--at-rest"}, func(t *testing.T, users map[string]map[string]any) {
			for _, p := range people.AtRest(25, time.Now().UTC()) {
				u, linked := users[p.ID]
				require.Equal(t, p.Due(), linked, p.Situation)
				if manager, ok := users[p.ManagerID]; ok && linked {
					require.Equal(t, manager["id"], u["manager_user_id"], p.Situation)
				}
			}
		}},
		"none": {[]string{"--onelogin-users=none"}, func(t *testing.T, users map[string]map[string]any) {
			require.Empty(t, users)
		}},
		"without work cell": {[]string{"--no-work-cell"}, func(t *testing.T, users map[string]map[string]any) {
			require.NotEmpty(t, users)
			for _, u := range users {
				require.Empty(t, u["custom_attributes"])
			}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			env, _ := start(t, tt.args...)
			tt.check(t, users(t, env))
		})
	}
}

func TestFlagsReachTheStandIns(t *testing.T) {
	got := make(chan [2]string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		got <- [2]string{string(body), r.Header.Get("Bob-Signature")}
	}))
	t.Cleanup(hook.Close)
	env, _ := start(t, "--employees=3", "--webhook-url", hook.URL, "--webhook-secret", "it's a secret", "--stale-for=5s", "--per-minute", "7",
		"--hourly-budget=600", "--budget-window=20s", "--licences=9", "--bob-user", "u", "--bob-token", "t", "--onelogin-client-id", "i", "--onelogin-client-secret", "s")
	require.Equal(t, `'it'\''s a secret'`, env["BOB_WEBHOOK_SECRETS"])
	require.Equal(t, []string{"u", "t", "i", "s"}, []string{
		env["BOB_SERVICE_USER_ID"], env["BOB_SERVICE_USER_TOKEN"], env["ONELOGIN_CLIENT_ID"], env["ONELOGIN_CLIENT_SECRET"],
	})
	bobURL := strings.TrimSuffix(env["BOB_BASE_URL"], "/v1")

	_, body := call(t, "GET", bobURL+"/_sim/settings", "")
	require.Contains(t, string(body), `"stale_for":"5s","per_minute":7`)
	_, body = call(t, "GET", env["ONELOGIN_BASE_URL"]+"/_sim/settings", "")
	require.Contains(t, string(body), `"hourly_budget":600,"budget_window":"20s"`)
	require.Contains(t, string(body), `"licences":9`)

	status, body := call(t, "PUT", bobURL+"/_sim/people/"+people.ID(1)+"?event=employee.updated&wait=true", `{"work":{"title":"Surfer"}}`)
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"id":"`+people.ID(1)+`","delivered":true,"status":200,"attempts":1}`, string(body))
	hooked := <-got
	require.Equal(t, bob.Sign("it's a secret", []byte(hooked[0])), hooked[1])

	// One clock for both.
	_, before := call(t, "GET", env["ONELOGIN_BASE_URL"]+"/_sim/clock", "")
	call(t, "POST", bobURL+"/_sim/clock", `{"set":"2031-05-06T00:00:00Z"}`)
	_, after := call(t, "GET", env["ONELOGIN_BASE_URL"]+"/_sim/clock", "")
	require.NotContains(t, string(before), "2031-05-06")
	require.Contains(t, string(after), "2031-05-06")
}

func TestStopDoesNotWaitForWebhooks(t *testing.T) {
	env, stop := start(t, "--webhook-url=http://127.0.0.1:1/nobody")
	bobURL := strings.TrimSuffix(env["BOB_BASE_URL"], "/v1")
	status, _ := call(t, "PUT", bobURL+"/_sim/people/5?event=employee.created", `{}`)
	require.Equal(t, 201, status)
	stop()
}

func TestFlagsThatCannotBe(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, busy.Close()) })
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"unknown":           {[]string{"--colour=red"}, "--colour"},
		"negative":          {[]string{"--employees=-1"}, "--employees"},
		"too stale":         {[]string{"--stale-for=1m"}, "stale_for"},
		"no URL":            {[]string{"--webhook-url=nowhere"}, "webhook_url"},
		"never any attempt": {[]string{"--webhook-attempts=0"}, "--webhook-attempts"},
		"unknown state":     {[]string{"--onelogin-users=many"}, "--onelogin-users"},
		"no licences":       {[]string{"--licences=-1"}, "--licences"},
		"no hour":           {[]string{"--budget-window=0s"}, "--budget-window"},
		"Bob's port taken":  {[]string{"--bob-addr", busy.Addr().String()}, "listen as Bob"},
		"OneLogin's taken":  {[]string{"--bob-addr=127.0.0.1:0", "--onelogin-addr", busy.Addr().String()}, "listen as OneLogin"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, run(t.Context(), tt.args, io.Discard), tt.want)
		})
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"--help"}, &out))
	require.Contains(t, out.String(), "--webhook-secret")
}
