package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"golang.org/x/sync/errgroup"

	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/payload"
	"bob-onelogin/workflows"
)

const (
	namespace = client.DefaultNamespace
	// settleDelay is short because the stand-in's reads do not lag.
	settleDelay = 2 * time.Second
	// sampleStaff is in Bob and partly in OneLogin beside the story's people,
	// to try things on.
	sampleStaff = 25
	// upWithin is how long a process may take until it answers.
	upWithin = 60 * time.Second
)

// stack is everything that runs, and how it is reached.
type stack struct {
	root, dir string
	binaries  binaries
	children  *processes

	bob, oneLogin standIn
	starterURL    string
	codecURL      string
	metricsURL    string
	webURL        string
	temporalAddr  string
	provisioning  string
	credentials   credentials

	temporal   client.Client
	dispatcher *dispatch.Dispatcher
}

// credentials are made anew for each demo.
type credentials struct {
	bobUser, bobToken, webhookSecret, clientID, clientSecret, payloadKeys string
}

func newStack(root, dir string, b binaries, o options, children *processes) *stack {
	return &stack{
		root: root, dir: dir, binaries: b, children: children, provisioning: o.provisioningFile,
		credentials: credentials{
			bobUser: "SERVICE-demo", bobToken: rand.Text(), webhookSecret: rand.Text(),
			clientID: "demo-" + rand.Text()[:8], clientSecret: rand.Text(), payloadKeys: payload.NewKey("demo"),
		},
	}
}

// start starts every process and returns when all of them answer.
func (s *stack) start(ctx context.Context, p *progress) error {
	ports, err := pickPorts(7233, 8233, 8091, 8092, 8080, 8081, 9464)
	if err != nil {
		return err
	}
	temporal, web, bob, oneLogin, starter, codec, metrics := ports[0], ports[1], ports[2], ports[3], ports[4], ports[5], ports[6]
	s.temporalAddr = loopback(temporal)
	s.webURL = "http://" + loopback(web)
	s.bob, s.oneLogin = standIn("http://"+loopback(bob)), standIn("http://"+loopback(oneLogin))
	s.starterURL, s.codecURL, s.metricsURL = "http://"+loopback(starter), "http://"+loopback(codec), "http://"+loopback(metrics)
	if err := s.connect(); err != nil {
		return err
	}
	if s.provisioning != "" {
		if s.provisioning, err = filepath.Abs(s.provisioning); err != nil {
			return fmt.Errorf("PROVISIONING_FILE: %w", err)
		}
	}

	err = p.step("Starting Temporal, the stand-ins, starter and worker", "Started everything", func() error {
		return s.startAll(ctx, temporal, web)
	})
	if err != nil {
		return err
	}
	for _, line := range [][2]string{
		{"Temporal", s.temporalAddr + ", web UI " + s.webURL},
		{"Bob (stand-in)", string(s.bob)},
		{"OneLogin (stand-in)", string(s.oneLogin)},
		{"Bob's webhooks go to", s.starterURL + "/webhooks/bob"},
		{"Codec server", s.codecURL + ", decrypts for the web UI"},
		{"Metrics", s.metricsURL + "/metrics (worker), " + s.starterURL + "/metrics (starter)"},
		{"Logs", s.dir},
	} {
		p.say("    %-21s %s", line[0], line[1])
	}
	return nil
}

// connect prepares a client, which dials when it is first used.
func (s *stack) connect() error {
	keys, err := payload.ParseKeys(s.credentials.payloadKeys)
	if err != nil {
		return fmt.Errorf("read the key for payloads: %w", err)
	}
	c, err := client.NewLazyClient(client.Options{
		HostPort: s.temporalAddr, Namespace: namespace,
		Logger:        log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		DataConverter: keys.DataConverter(), FailureConverter: keys.FailureConverter(),
	})
	if err != nil {
		return fmt.Errorf("prepare a Temporal client: %w", err)
	}
	s.temporal, s.dispatcher = c, dispatch.New(c, namespace)
	return nil
}

func (s *stack) startAll(ctx context.Context, temporalPort, webPort int) error {
	bobAddr, oneLoginAddr := strings.TrimPrefix(string(s.bob), "http://"), strings.TrimPrefix(string(s.oneLogin), "http://")
	plain, ours := s.plainEnv(), append(s.plainEnv(), s.env()...)
	// What needs nothing else starts first; the worker needs the server.
	for _, start := range []func() error{
		func() error {
			return s.children.start("temporal", s.binaries.temporal, plain,
				"server", "start-dev", "--ip", "127.0.0.1", "--log-level", "error",
				"--port", fmt.Sprint(temporalPort), "--ui-port", fmt.Sprint(webPort), "--ui-codec-endpoint", s.codecURL,
				"--search-attribute", "SyncState=Keyword", "--search-attribute", "SyncDueAt=Datetime",
				"--dynamic-config-value", "matching.useNewMatcher=true")
		},
		func() error {
			return s.children.start("sim", s.binaries.sim, plain,
				"--bob-addr", bobAddr, "--onelogin-addr", oneLoginAddr, "--employees", fmt.Sprint(sampleStaff),
				"--webhook-url", s.starterURL+"/webhooks/bob", "--webhook-secret", s.credentials.webhookSecret,
				"--bob-user", s.credentials.bobUser, "--bob-token", s.credentials.bobToken,
				"--onelogin-client-id", s.credentials.clientID, "--onelogin-client-secret", s.credentials.clientSecret)
		},
		func() error { return s.children.start("starter", s.binaries.starter, ours, "serve") },
		func() error {
			return s.children.start("codec", s.binaries.starter, ours, "codec", "--no-authorization")
		},
		func() error { return until(ctx, upWithin, "the Temporal server answers", s.temporalServes) },
		func() error { return s.children.start("worker", s.binaries.worker, ours) },
	} {
		if err := start(); err != nil {
			return err
		}
	}
	all, ctx := errgroup.WithContext(ctx)
	for what, holds := range map[string]func(context.Context) error{
		"Bob's stand-in answers":      func(ctx context.Context) error { return s.bob.get(ctx, "/_sim/calls", nil) },
		"OneLogin's stand-in answers": func(ctx context.Context) error { return s.oneLogin.get(ctx, "/_sim/calls", nil) },
		"the starter is ready":        func(ctx context.Context) error { return standIn(s.starterURL).get(ctx, "/readyz", nil) },
		"the codec server answers":    func(ctx context.Context) error { return standIn(s.codecURL).get(ctx, "/healthz", nil) },
		"the worker polls":            s.workerPolls,
	} {
		all.Go(func() error { return until(ctx, upWithin, what, holds) })
	}
	return all.Wait()
}

func (s *stack) temporalServes(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err := s.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}

func (s *stack) workerPolls(ctx context.Context) error {
	return standIn(s.metricsURL).get(ctx, "/readyz", nil)
}

// plainEnv is what every child gets of the user's environment: nothing that
// could send it to a real server, a profile in the home folder included.
func (s *stack) plainEnv() []string {
	env := []string{"HOME=" + s.dir}
	for _, name := range []string{"PATH", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// env configures worker and starter.
func (s *stack) env() []string {
	env := []string{
		"TEMPORAL_ADDRESS=" + s.temporalAddr,
		"TEMPORAL_NAMESPACE=" + namespace,
		// There is no such file: no profile of the user's is taken.
		"TEMPORAL_CONFIG_FILE=" + filepath.Join(s.dir, "no-profile.toml"),
		"BOB_BASE_URL=" + string(s.bob) + "/v1",
		"BOB_SERVICE_USER_ID=" + s.credentials.bobUser,
		"BOB_SERVICE_USER_TOKEN=" + s.credentials.bobToken,
		"BOB_WEBHOOK_SECRETS=" + s.credentials.webhookSecret,
		"BOB_SETTLE_DELAY=" + settleDelay.String(),
		"ONELOGIN_BASE_URL=" + string(s.oneLogin),
		"ONELOGIN_CLIENT_ID=" + s.credentials.clientID,
		"ONELOGIN_CLIENT_SECRET=" + s.credentials.clientSecret,
		"STARTER_ADDR=" + strings.TrimPrefix(s.starterURL, "http://"),
		"PAYLOAD_KEYS=" + s.credentials.payloadKeys,
		"METRICS_ADDR=" + strings.TrimPrefix(s.metricsURL, "http://"),
		"CODEC_ADDR=" + strings.TrimPrefix(s.codecURL, "http://"),
		// Whichever of the two is in the browser's address line.
		"CODEC_UI_ORIGIN=" + s.webURL + "," + strings.Replace(s.webURL, "127.0.0.1", "localhost", 1),
		// For Temporal's own CLI in another terminal.
		"TEMPORAL_CODEC_ENDPOINT=" + s.codecURL,
	}
	if s.provisioning != "" {
		env = append(env, "PROVISIONING_FILE="+s.provisioning)
	}
	return env
}

// workflowURL is an employee's page in the web UI, which opens the newest run.
// The slash of the workflow ID has to be escaped there.
func (s *stack) workflowURL(employeeID string) string {
	return s.webURL + "/namespaces/" + namespace + "/workflows/" + url.PathEscape(workflows.EmployeeWorkflowID(employeeID))
}

// standIn is the base URL of Bob's or OneLogin's stand-in.
type standIn string

func (s standIn) get(ctx context.Context, path string, out any) error {
	return s.call(ctx, http.MethodGet, path, nil, out)
}

// call sends a control request. Where out is nil, the answer is dropped.
func (s standIn) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		content, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(content)
	}
	r, err := http.NewRequestWithContext(ctx, method, string(s)+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err // names method and address
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	switch {
	case err != nil:
		return fmt.Errorf("%s %s%s: %w", method, s, path, err)
	case answer.StatusCode >= 300:
		return fmt.Errorf("%s %s%s: %s: %s", method, s, path, answer.Status, bytes.TrimSpace(content))
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(content, out); err != nil {
		return fmt.Errorf("%s %s%s: %w", method, s, path, err)
	}
	return nil
}
