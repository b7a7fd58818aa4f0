package onelogin_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bob-onelogin/dev/sim/control"
	"bob-onelogin/dev/sim/onelogin"
)

const (
	clientID     = "sample-client"
	clientSecret = "sample-secret"
)

// object is a decoded JSON object.
type object = map[string]any

// account is a stand-in behind a real server, and a client with a token.
type account struct {
	*onelogin.Server
	t     testing.TB
	ctl   *control.Control
	url   string
	token string
}

func newAccount(t testing.TB, cfg onelogin.Config) *account {
	t.Helper()
	cfg.ClientID, cfg.ClientSecret = clientID, clientSecret
	ctl := control.New(control.NewClock())
	a := &account{Server: onelogin.New(cfg, ctl), t: t, ctl: ctl}
	server := httptest.NewServer(a.Server)
	t.Cleanup(server.Close)
	a.url = server.URL
	a.token = a.issue()
	return a
}

// issue asks for a token as the documentation says.
func (a *account) issue() string {
	a.t.Helper()
	got := a.send("POST", "/auth/oauth2/v2/token", `{"grant_type":"client_credentials"}`, "", basic)
	token, _ := got.object(a.t)["access_token"].(string)
	if got.status != http.StatusOK || token == "" {
		a.t.Fatalf("token: %d %s", got.status, got.body)
	}
	return token
}

func basic(r *http.Request) { r.SetBasicAuth(clientID, clientSecret) }

type response struct {
	status int
	header http.Header
	body   string
}

func (r response) object(t testing.TB) object {
	t.Helper()
	var o object
	if err := json.Unmarshal([]byte(r.body), &o); err != nil {
		t.Fatalf("status %d, not an object: %s", r.status, r.body)
	}
	return o
}

func (r response) list(t testing.TB) []object {
	t.Helper()
	var l []object
	if err := json.Unmarshal([]byte(r.body), &l); err != nil || r.status != http.StatusOK {
		t.Fatalf("status %d, not a list: %s", r.status, r.body)
	}
	return l
}

// want checks status and body; a body that begins with { or [ is compared as
// JSON, any other as text.
func (r response) want(t testing.TB, status int, body string) {
	t.Helper()
	if r.status != status {
		t.Errorf("status %d, want %d", r.status, status)
	}
	if !strings.HasPrefix(body, "{") && !strings.HasPrefix(body, "[") {
		if r.body != body {
			t.Errorf("body %q, want %q", r.body, body)
		}
		return
	}
	var got, want any
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Fatalf("not JSON: %s", r.body)
	}
	if err := json.Unmarshal([]byte(body), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// try sends a request and returns what the transport said.
func (a *account) try(method, path, body, authorization string, change ...func(*http.Request)) (response, error) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.url+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	for _, f := range change {
		f(req)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return response{}, err
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	return response{res.StatusCode, res.Header, string(read)}, err
}

func (a *account) send(method, path, body, authorization string, change ...func(*http.Request)) response {
	a.t.Helper()
	got, err := a.try(method, path, body, authorization, change...)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

// call sends "METHOD /path" with the account's token.
func (a *account) call(call, body string) response {
	a.t.Helper()
	method, path, _ := strings.Cut(call, " ")
	return a.send(method, path, body, "bearer "+a.token)
}

// user reads one user by the API.
func (a *account) user(id string) object {
	a.t.Helper()
	got := a.call("GET /api/2/users/"+id, "")
	if got.status != http.StatusOK {
		a.t.Fatalf("user: %d %s", got.status, got.body)
	}
	return got.object(a.t)
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func fileObject(t testing.TB, name string) object {
	t.Helper()
	var o object
	if err := json.Unmarshal([]byte(readFile(t, name)), &o); err != nil {
		t.Fatal(err)
	}
	return o
}
