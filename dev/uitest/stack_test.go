package uitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"bob-onelogin/dev/children"
	"bob-onelogin/dev/ports"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/payload"
	"bob-onelogin/workflows"
)

const namespace = client.DefaultNamespace

// policy lets a leaver be held.
const policy = "protected:\n  emails: [" + heldEmail + "]\n"

// stack is everything that runs, each a process of its own as in production.
type stack struct {
	t                  *testing.T
	dir                string
	env                []string
	web, bob, oneLogin string
	temporal           client.Client
	dispatcher         *dispatch.Dispatcher
}

func newStack(t *testing.T) *stack {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	cli, err := temporalCLI(root)
	require.NoError(t, err)
	s := &stack{t: t, dir: t.TempDir()}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", s.dir+"/", "./worker", "./starter", "./dev/sim")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	settings := filepath.Join(s.dir, "provisioning.yaml")
	require.NoError(t, os.WriteFile(settings, []byte(policy), 0o600))

	addresses := make([]string, 7)
	for i := range addresses {
		addresses[i], err = ports.FreeAddress()
		require.NoError(t, err)
	}
	temporal, web, bob, oneLogin, starter, codec, metrics := addresses[0], addresses[1], addresses[2], addresses[3], addresses[4], addresses[5], addresses[6]
	s.web, s.bob, s.oneLogin = "http://"+web, "http://"+bob, "http://"+oneLogin
	key := payload.NewKey("uitest")
	keys, err := payload.ParseKeys(key)
	require.NoError(t, err)
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir,
		"TEMPORAL_ADDRESS=" + temporal, "TEMPORAL_NAMESPACE=" + namespace, "PROVISIONING_FILE=" + settings,
		"BOB_BASE_URL=" + s.bob + "/v1", "BOB_SERVICE_USER_ID=SERVICE-uitest", "BOB_SERVICE_USER_TOKEN=uitest-token",
		"BOB_WEBHOOK_SECRETS=uitest-webhook", "BOB_SETTLE_DELAY=1s",
		"ONELOGIN_BASE_URL=" + s.oneLogin, "ONELOGIN_CLIENT_ID=uitest-client", "ONELOGIN_CLIENT_SECRET=uitest-secret",
		// So slow that a bulk run is under way for as long as it is looked at.
		"ONELOGIN_MAX_RPS=2",
		"STARTER_ADDR=" + starter, "METRICS_ADDR=" + metrics, "PAYLOAD_KEYS=" + key,
		"CODEC_ADDR=" + codec, "CODEC_UI_ORIGIN=" + s.web,
	}
	port := func(address string) string { return address[strings.LastIndex(address, ":")+1:] }
	s.start(cli, "server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error",
		"--port", port(temporal), "--ui-port", port(web), "--ui-codec-endpoint", "http://"+codec,
		"--search-attribute", "SyncState=Keyword", "--search-attribute", "SyncDueAt=Datetime",
		"--dynamic-config-value", "matching.useNewMatcher=true")
	s.start(s.dir+"/sim", "--bob-addr", bob, "--onelogin-addr", oneLogin, "--employees", "0",
		"--webhook-url", "http://"+starter+"/webhooks/bob", "--webhook-secret", "uitest-webhook",
		"--bob-user", "SERVICE-uitest", "--bob-token", "uitest-token",
		"--onelogin-client-id", "uitest-client", "--onelogin-client-secret", "uitest-secret")
	s.temporal, err = client.NewLazyClient(client.Options{
		HostPort: temporal, Namespace: namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		DataConverter: keys.DataConverter(), FailureConverter: keys.FailureConverter(),
	})
	require.NoError(t, err)
	t.Cleanup(s.temporal.Close)
	s.dispatcher = dispatch.New(s.temporal, namespace)
	s.eventually("the Temporal server answers", func() bool {
		_, err := s.temporal.CheckHealth(t.Context(), &client.CheckHealthRequest{})
		return err == nil
	})
	s.start(s.dir+"/starter", "serve")
	s.start(s.dir+"/starter", "codec", "--no-authorization")
	s.start(s.dir + "/worker")
	for _, url := range []string{
		s.web, s.bob + "/_sim/calls", s.oneLogin + "/_sim/calls", "http://" + starter + "/readyz", "http://" + codec + "/healthz", "http://" + metrics + "/readyz",
	} {
		s.eventually(url+" answers", func() bool {
			answer, err := http.Get(url)
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			return answer.StatusCode == http.StatusOK
		})
	}
	return s
}

func temporalCLI(root string) (string, error) {
	for _, path := range []string{os.Getenv("TEMPORAL_CLI"), filepath.Join(root, "bin", "temporal"), "temporal"} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", errors.New("the Temporal CLI is missing: run `make bin/temporal`, or name one in TEMPORAL_CLI")
}

// start runs a process that ends with the test; its words are shown if that fails.
func (s *stack) start(path string, args ...string) {
	s.t.Helper()
	name := filepath.Base(path)
	file, err := os.CreateTemp(s.dir, name+"-*.log")
	require.NoError(s.t, err)
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	children.DieWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	require.NoError(s.t, cmd.Start())
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // how it ended is what was asked for
		_ = file.Close()
		if content, err := os.ReadFile(file.Name()); err == nil && s.t.Failed() {
			s.t.Logf("%s said at the end:\n%s", name, content[max(0, len(content)-4000):])
		}
	})
}

func (s *stack) eventually(what string, holds func() bool) {
	s.t.Helper()
	require.Eventually(s.t, holds, time.Minute, 50*time.Millisecond, what)
}

// do sends a control request to a stand-in.
func (s *stack) do(method, url string, body any) {
	s.t.Helper()
	content, err := json.Marshal(body)
	require.NoError(s.t, err)
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, bytes.NewReader(content))
	require.NoError(s.t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	require.Less(s.t, answer.StatusCode, 300, "%s %s: %s", method, url, said)
}

// put writes a person into Bob, and tells of it by these webhooks.
func (s *stack) put(id string, person map[string]any, events ...string) {
	s.t.Helper()
	url := s.bob + "/_sim/people/" + id + "?wait=true"
	for _, event := range events {
		url += "&event=" + event
	}
	s.do(http.MethodPut, url, person)
}

// reaches waits until a person's workflow is in a state, in its own words and
// in what the list is filtered by.
func (s *stack) reaches(id string, state workflows.SyncState) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("employee %s is %s", id, state), func() bool {
		view, err := s.dispatcher.Status(s.t.Context(), id)
		if err != nil || view.State != state {
			return false
		}
		listed, err := s.temporal.CountWorkflow(s.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Query: fmt.Sprintf("WorkflowId = '%s' AND SyncState = '%s'", workflows.EmployeeWorkflowID(id), state),
		})
		return err == nil && listed.GetCount() > 0
	})
}
