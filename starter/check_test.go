package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	simbob "bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	simonelogin "bob-onelogin/dev/sim/onelogin"
	simpeople "bob-onelogin/dev/sim/people"
	"bob-onelogin/internal/check"
)

// sampleLines have everything that a screen shows: a long text, an excerpt,
// mends, every result.
var sampleLines = []check.Line{
	{Area: "Temporal", Check: "server", Result: check.OK, Detail: "reached at temporal.example.com:7233, version 1.29.1"},
	{
		Area: "Temporal", Check: "namespace", Result: check.Wrong, Detail: "there is no namespace staff",
		Mend: "set TEMPORAL_NAMESPACE, or create it:\ntemporal operator namespace create --retention 30d --namespace staff",
	},
	{
		Area: "Bob", Check: "inactive people", Result: check.Warning, Detail: "nobody inactive is visible: neither a future hire nor anybody who left",
		Mend: `remove the condition "Lifecycle status equals Employed" from the service user's permission group; if there really is nobody, all is well`,
	},
	{Area: "Bob", Check: "fields", Result: check.OK, Detail: "all 7 that are asked for came back: root.id, root.email, internal.status, internal.lifecycleStatus, internal.terminationDate, employee.lastDayOfWork, work.startDate"},
	{
		Area: "Settings", Check: "settings file", Result: check.Wrong,
		Detail: "policy.yaml cannot be used: provisioning file: 1 mistake\n  1:1: statu: no such key; did you mean status?\n     1 | statu: follow_bob\n       | ^",
		Mend:   "correct the file; docs/settings.md lists its keys",
	},
}

func TestCheckScreen(t *testing.T) {
	for name, s := range map[string]checkScreen{
		"check_plain":  {columns: 100},
		"check_narrow": {columns: 60},
		"check_colour": {columns: 120, colour: true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			s.out = &out
			require.NoError(t, s.print(sampleLines))
			golden(t, name, out.Bytes())
			for line := range strings.SplitSeq(out.String(), "\n") {
				require.Equal(t, strings.TrimRight(line, " "), line)
			}
		})
	}
}

func TestCheckScreenIsPlainInAFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	for _, out := range []io.Writer{f, io.Discard} {
		s := newCheckScreen(out, "")
		require.False(t, s.colour)
		require.Equal(t, plainColumns, s.columns)
	}
}

func TestCheckEndsWith(t *testing.T) {
	ok, warning, wrong := check.Line{Result: check.OK}, check.Line{Result: check.Warning}, check.Line{Result: check.Wrong}
	tests := []struct {
		name         string
		lines        []check.Line
		code, strict int
	}{
		{"all is well", []check.Line{ok}, 0, 0},
		{"a warning", []check.Line{ok, warning}, 0, 1},
		{"something wrong", []check.Line{wrong, ok}, 1, 1},
		{"both", []check.Line{ok, warning, wrong}, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for strict, want := range map[bool]int{false: tt.code, true: tt.strict} {
				for _, asJSON := range []bool{false, true} {
					err := checkCommand{Strict: strict, JSON: asJSON}.report(console{out: io.Discard}, tt.lines)
					if want == 0 {
						require.NoError(t, err)
						continue
					}
					var exit *exitError
					require.ErrorAs(t, err, &exit)
					require.Equal(t, want, exit.code)
					require.ErrorIs(t, err, errTold)
				}
			}
		})
	}
}

// installation are both stand-ins with sample people, and no Temporal.
func installation(t *testing.T, hidden ...string) environment {
	t.Helper()
	clock := control.NewClock()
	b := simbob.New(simbob.Config{ServiceUserID: "SERVICE-test", Token: "bob-s3cret", Settings: simbob.Settings{HiddenFields: hidden}}, control.New(clock))
	t.Cleanup(b.Close)
	o := simonelogin.New(simonelogin.Config{ClientID: "client-test", ClientSecret: "onelogin-s3cret"}, control.New(clock))
	o.DefineCustomAttribute("Work Cell", "work_cell")
	for _, p := range simpeople.Generate(25, clock.Now()) {
		require.NoError(t, b.Seed(p.Record))
	}
	bobServer, oneLoginServer := httptest.NewServer(b), httptest.NewServer(o)
	t.Cleanup(bobServer.Close)
	t.Cleanup(oneLoginServer.Close)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	// Temporal's SDK reads the process's own.
	t.Setenv("TEMPORAL_ADDRESS", closed.Addr().String())
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
	return environment{
		"BOB_BASE_URL=" + bobServer.URL + "/v1", "BOB_SERVICE_USER_ID=SERVICE-test", "BOB_SERVICE_USER_TOKEN=bob-s3cret", "BOB_WEBHOOK_SECRETS=webhook-s3cret",
		"ONELOGIN_BASE_URL=" + oneLoginServer.URL, "ONELOGIN_CLIENT_ID=client-test", "ONELOGIN_CLIENT_SECRET=onelogin-s3cret",
	}
}

func TestCheckAsJSON(t *testing.T) {
	environ := installation(t, "workContact")
	var out bytes.Buffer
	err := checkCommand{JSON: true, Timeout: 20 * time.Second}.run(t.Context(), environ, console{out: &out, err: io.Discard})
	require.ErrorIs(t, err, errTold, "Temporal is not there")

	var lines []map[string]string
	require.NoError(t, json.Unmarshal(out.Bytes(), &lines))
	results := map[string]string{}
	for _, l := range lines {
		require.Len(t, l, 5)
		results[l["area"]+" "+l["check"]] = l["result"]
		if l["area"] == "Bob" && l["result"] == "warning" {
			require.Contains(t, l["detail"], "work.workPhone and work.workMobile are missing")
			require.Contains(t, l["mend"], "Work contact details")
		}
	}
	require.Equal(t, map[string]string{
		"Temporal server": "wrong",
		"Bob credentials": "ok", "Bob people": "ok", "Bob inactive people": "ok", "Bob fields": "warning",
		"OneLogin credentials": "ok", "OneLogin region": "ok", "OneLogin scope": "ok", "OneLogin custom attributes": "ok", "OneLogin budget": "ok",
		"Webhook secret": "ok", "Settings settings file": "ok", "Encryption keys": "warning",
	}, results)
	require.NotContains(t, out.String(), "s3cret")
	require.NotContains(t, out.String(), "@example.com")
}

func TestCheckOnAScreen(t *testing.T) {
	environ := append(installation(t), "PAYLOAD_KEYS=old:s3cret", "LOG_LEVEL=loud")
	var out, progress bytes.Buffer
	err := checkCommand{Timeout: 20 * time.Second}.run(t.Context(), environ, console{out: &out, err: &progress, terminal: true})
	require.ErrorIs(t, err, errTold)
	for _, line := range []string{
		"  wrong    server ", "  ok       people             25 people are visible\n", `  wrong    configuration      LOG_LEVEL: "loud" is not one of debug, info, warn, error`,
		"  wrong    keys               PAYLOAD_KEYS: key 1 (id old) must be 32 bytes", "\n3 wrong, 0 warnings, 11 ok\n",
	} {
		require.Contains(t, out.String(), line)
	}
	require.NotContains(t, out.String(), "s3cret")
	require.True(t, strings.HasSuffix(progress.String(), "\r\x1b[2K"), "nothing of the wait is left")
}
