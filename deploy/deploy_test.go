package deploy

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/metrics"
	"bob-onelogin/internal/onelogin"
)

// rule is one alert rule.
type rule struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	require.NoError(t, yaml.UnmarshalWithOptions(read(t, "alerts.yaml"), &file, yaml.Strict()))
	require.Len(t, file.Groups, 1)
	return file.Groups[0].Rules
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

// dashboard is what of a Grafana dashboard has to be right.
type dashboard struct {
	Title      string `json:"title"`
	UID        string `json:"uid"`
	Templating struct {
		List []struct {
			Name  string          `json:"name"`
			Query json.RawMessage `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Panels []struct {
		ID      int    `json:"id"`
		Type    string `json:"type"`
		Title   string `json:"title"`
		GridPos struct {
			H, W, X, Y int
		} `json:"gridPos"`
		Targets []struct {
			RefID string `json:"refId"`
			Expr  string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	require.NoError(t, json.Unmarshal(read(t, "dashboard.json"), &d))
	return d
}

// own returns the names of the program's own metrics, as worker and starter
// serve them once everything has happened.
func own(t *testing.T) map[string]bool {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Type": "application/json", "X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": "60",
		} {
			w.Header().Set(name, value)
		}
		if strings.HasSuffix(r.URL.Path, "/token") {
			_, _ = w.Write([]byte(`{"access_token":"t","expires_in":36000}`))
			return
		}
		_, _ = w.Write([]byte(`[]`))
	}))
	t.Cleanup(server.Close)
	r, err := metrics.New()
	require.NoError(t, err)
	api := r.NewAPI()
	b, err := bob.New(bob.Config{BaseURL: server.URL, ServiceUserID: "SERVICE-sample", Token: "t", Observe: api.ObserveBob})
	require.NoError(t, err)
	o, err := onelogin.New(onelogin.Config{BaseURL: server.URL, ClientID: "c", ClientSecret: "s", Observe: api.ObserveOneLogin})
	require.NoError(t, err)
	_, err = o.CustomAttributes(t.Context())
	require.NoError(t, err)
	r.WatchClients(b, o)
	r.WatchWorker(func() bool { return true }, func() bool { return false })
	r.NewSyncs()
	r.NewNotifications()
	r.NewWebhooks().Observe("", metrics.WebhookPing, time.Millisecond)
	r.NewSurvey().Set(dispatch.Survey{At: time.Now(), Tracked: true, Brake: &brake.View{Settings: brake.DefaultSettings()}})

	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(w.Body)
	require.NoError(t, err)
	names := map[string]bool{}
	for name, family := range families {
		if strings.HasPrefix(name, "bob_onelogin_") {
			names[name] = true
			if family.GetType().String() == "HISTOGRAM" {
				names[name+"_bucket"], names[name+"_count"], names[name+"_sum"] = true, true, true
			}
		}
	}
	require.NotEmpty(t, names)
	return names
}

var ownName = regexp.MustCompile(`\bbob_onelogin_[a-z_]+\b`)

func TestWhatRulesAndDashboardAskForIsThere(t *testing.T) {
	names := own(t)
	used := map[string]bool{}
	for _, path := range []string{"alerts.yaml", "alerts_test.yaml", "dashboard.json", filepath.Join("..", "docs", "metrics.md")} {
		for _, name := range ownName.FindAllString(string(read(t, path)), -1) {
			require.True(t, names[name], "%s asks for %s, which there is not", path, name)
			used[strings.TrimSuffix(name, "_bucket")] = true
		}
	}
	documented := string(read(t, filepath.Join("..", "docs", "metrics.md")))
	for name := range names {
		if !strings.HasSuffix(name, "_bucket") && !strings.HasSuffix(name, "_count") && !strings.HasSuffix(name, "_sum") {
			require.Contains(t, documented, "`"+name, "a metric that docs/metrics.md does not speak of")
		}
	}
}

func TestRulesAreWhole(t *testing.T) {
	documented := string(read(t, filepath.Join("..", "docs", "metrics.md")))
	tests := string(read(t, "alerts_test.yaml"))
	seen := map[string]bool{}
	for _, r := range rules(t) {
		require.NotEmpty(t, r.Expr, r.Alert)
		require.False(t, seen[r.Alert], "%s stands twice", r.Alert)
		seen[r.Alert] = true
		require.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		require.NotEmpty(t, r.Annotations["summary"], r.Alert)
		require.NotEmpty(t, r.Annotations["description"], r.Alert)
		require.Equal(t, "docs/metrics.md#"+strings.ToLower(r.Alert), r.Annotations["runbook"])
		require.Contains(t, documented, "\n### "+r.Alert+"\n", "the runbook")
		require.Contains(t, tests, r.Alert, "it is tested")
	}
	for _, wanted := range []string{"LeaverNotSuspended", "CredentialsRefused", "WebhookSilent", "BulkFailed"} {
		require.True(t, seen[wanted], wanted)
	}
}

func TestDashboardIsWhole(t *testing.T) {
	d := readDashboard(t)
	require.Equal(t, "bob-onelogin", d.UID)
	ids := map[int]bool{}
	type cell struct{ x, y int }
	taken := map[cell]string{}
	for _, p := range d.Panels {
		require.False(t, ids[p.ID], "%s: its id is taken", p.Title)
		ids[p.ID] = true
		require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				require.Empty(t, taken[cell{x, y}], "%s lies over another panel", p.Title)
				taken[cell{x, y}] = p.Title
			}
		}
		if p.Type != "row" {
			require.NotEmpty(t, p.Targets, p.Title)
		}
	}
}

// promtool reads every expression and runs the tests of the rules.
func TestWithPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not there: it comes with Debian's package prometheus; `make rules` insists on it")
	}
	run := func(args ...string) {
		t.Helper()
		out, err := exec.Command(promtool, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	run("check", "rules", "alerts.yaml")
	run("test", "rules", "alerts_test.yaml")

	// A dashboard's expressions are read as recording rules.
	var file bytes.Buffer
	file.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*").Replace(target.Expr)
			require.NotContains(t, expr, "$", "%s: a variable that is not known here", p.Title)
			quoted, err := json.Marshal(expr)
			require.NoError(t, err)
			file.WriteString("  - record: panel:" + strings.ToLower(target.RefID) + "\n    expr: " + string(quoted) + "\n    labels: {panel: " + string(mustJSON(t, p.Title)) + "}\n")
		}
	}
	path := filepath.Join(t.TempDir(), "dashboard.yaml")
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))
	run("check", "rules", path)
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}
