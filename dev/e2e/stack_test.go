package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"

	"bob-onelogin/dev/children"
	"bob-onelogin/dev/ports"
	"bob-onelogin/internal/payload"
	"bob-onelogin/workflows"
)

// record rewrites the histories that the replay tests of the workflows use.
// They are recorded without encryption, so that people can read them too.
var record = flag.Bool("record", false, "rewrite workflows/testdata/histories")

// What every process of the tests is told. None of it may turn up in a log.
const (
	bobUser       = "SERVICE-e2e"
	bobToken      = "e2e-bob-token-5f1d"
	webhookSecret = "e2e-webhook-secret-77aa"
	clientID      = "e2e-client-id"
	clientSecret  = "e2e-client-secret-c0de"
	// The new ones are those that take their places.
	newBobToken      = "e2e-new-bob-token-9b2e"
	newWebhookSecret = "e2e-new-webhook-secret-41d0"
	newClientSecret  = "e2e-new-client-secret-7e1a"
	notifyToken      = "e2e-notify-token-6c3f"
)

var (
	root     string
	binaries string
	// server is where namespaces are, unless a test has a server of its own.
	server string
	// workersEach is how many workers a test has, where it does not say.
	workersEach = 1
	// payloadKeys are those of all processes; none while recording.
	payloadKeys string
	keys        payload.Keys
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if root, err = filepath.Abs("../.."); err != nil {
		return fail(err)
	}
	if !*record {
		payloadKeys = payload.NewKey("e2e")
		if keys, err = payload.ParseKeys(payloadKeys); err != nil {
			return fail(err)
		}
	}
	if binaries, err = os.MkdirTemp("", "bob-onelogin-e2e-"); err != nil {
		return fail(err)
	}
	defer os.RemoveAll(binaries)
	args := append([]string{"build"}, buildFlags...)
	args = append(args, "-o", binaries+"/", "./worker", "./starter", "./dev/sim")
	build := exec.Command("go", args...)
	build.Dir, build.Stdout, build.Stderr = root, os.Stderr, os.Stderr
	build.Env = append(os.Environ(), buildEnv...)
	if err := build.Run(); err != nil {
		return fail(fmt.Errorf("build worker, starter and stand-ins: %w", err))
	}
	if n := os.Getenv("E2E_WORKERS"); n != "" {
		if workersEach, err = strconv.Atoi(n); err != nil || workersEach < 1 {
			return fail(fmt.Errorf("E2E_WORKERS: %q is no number of workers", n))
		}
	}
	if server = os.Getenv("E2E_TEMPORAL_ADDRESS"); server == "" {
		dev, err := startServer(context.Background(), "", "")
		if err != nil {
			return fail(err)
		}
		defer func() { _ = dev.Stop() }()
		server = dev.FrontendHostPort()
	}
	code := m.Run()
	// Every test has ended its processes by now.
	for _, leak := range leaks(printed.of, secrets()) {
		code = fail(errors.New(leak))
	}
	return code
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

// temporalCLI finds the Temporal CLI, which holds the dev server.
func temporalCLI() (string, error) {
	for _, path := range []string{os.Getenv("TEMPORAL_CLI"), filepath.Join(root, "bin", "temporal")} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	if path, err := exec.LookPath("temporal"); err == nil {
		return path, nil
	}
	return "", errors.New("the Temporal CLI is missing: run `make bin/temporal`, or name one in TEMPORAL_CLI")
}

// startServer starts a dev server; with a database file, its state survives.
// An empty address takes a free one.
func startServer(ctx context.Context, database, address string, args ...string) (*testsuite.DevServer, error) {
	path, err := temporalCLI()
	if err == nil && address == "" {
		address, err = ports.FreeAddress()
	}
	if err != nil {
		return nil, err
	}
	return testsuite.StartDevServer(ctx, testsuite.DevServerOptions{
		ExistingPath: path, LogLevel: "error", DBFilename: database,
		ClientOptions: &client.Options{HostPort: address, Namespace: "default", Logger: quiet{}},
		ExtraArgs:     append([]string{"--dynamic-config-value", "matching.useNewMatcher=true"}, args...),
		Stdout:        io.Discard, Stderr: io.Discard,
	})
}

// frailServer is a Temporal server that its test may stop and start again. What
// it was told survives, in its database.
type frailServer struct {
	t       *testing.T
	address string
	// kill ends it without warning, start returns when it serves.
	kill, start func()
}

// newFrailServer starts a dev server with a database file. Where the tests run
// against a server that is there already (E2E_TEMPORAL_ADDRESS), it is that
// one, which E2E_TEMPORAL_CONTROL kills and starts; the test then has it for
// itself, and with a dev server it runs beside the others.
func newFrailServer(t *testing.T) *frailServer {
	t.Helper()
	f := &frailServer{t: t}
	stopped := false
	defer func() {
		kill, start := f.kill, f.start
		f.kill = func() { kill(); stopped = true }
		f.start = func() { start(); stopped = false }
		t.Cleanup(func() {
			if stopped {
				start() // others come after
			}
		})
	}()
	if os.Getenv("E2E_TEMPORAL_ADDRESS") != "" {
		control := os.Getenv("E2E_TEMPORAL_CONTROL")
		if control == "" {
			t.Skip("E2E_TEMPORAL_CONTROL does not say how the server is killed and started")
		}
		order := func(what string) {
			t.Helper()
			answer, err := http.Post(control+"/"+what, "", nil)
			require.NoError(t, err)
			defer answer.Body.Close()
			said, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, answer.StatusCode, "%s: %s", what, said)
		}
		f.address = server
		f.kill, f.start = func() { order("kill") }, func() { order("start") }
		return f
	}
	t.Parallel()
	database := filepath.Join(t.TempDir(), "temporal.db")
	dev, err := startServer(t.Context(), database, "")
	require.NoError(t, err)
	f.address = dev.FrontendHostPort()
	t.Cleanup(func() { _ = dev.Stop() })
	f.kill = func() { require.NoError(t, dev.Stop()) }
	f.start = func() {
		dev, err = startServer(context.WithoutCancel(t.Context()), database, f.address)
		require.NoError(t, err)
	}
	return f
}

// stack is one test's own world: a namespace, the stand-ins, worker and
// starter.
type stack struct {
	t         *testing.T
	namespace string
	address   string
	temporal  client.Client
	env       []string

	bobURL, oneURL, starterURL string
	// workers are those that run; startWorker starts each of them.
	workers []*process
	each    int
	logs    []*lockedBuffer
	// plainInput: an operator without keys has started or signalled something.
	plainInput bool
}

// option changes a stack before its processes start.
type option func(*plan)

type plan struct {
	address   string
	namespace string
	workers   int
	// sim are arguments of the stand-ins, env variables of worker and starter;
	// both come after the usual ones and so override them.
	sim, env []string
}

func withServer(address string) option { return func(p *plan) { p.address = address } }
func withoutWorker() option            { return withWorkers(0) }
func withWorkers(n int) option         { return func(p *plan) { p.workers = n } }
func withSim(args ...string) option    { return func(p *plan) { p.sim = append(p.sim, args...) } }
func withEnv(assignments ...string) option {
	return func(p *plan) { p.env = append(p.env, assignments...) }
}

func newStack(t *testing.T, options ...option) *stack {
	t.Helper()
	p := plan{address: server, workers: workersEach}
	for _, o := range options {
		o(&p)
	}
	p.namespace = "e2e-" + strings.NewReplacer("/", "-", "_", "-").Replace(strings.ToLower(t.Name()))
	if len(p.namespace) > 200 {
		p.namespace = p.namespace[:200]
	}
	s := &stack{t: t, namespace: p.namespace, address: p.address, each: cmp.Or(p.workers, workersEach)}
	c, err := client.Dial(client.Options{
		HostPort: p.address, Namespace: p.namespace, Logger: quiet{},
		DataConverter: keys.DataConverter(), FailureConverter: keys.FailureConverter(),
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	s.temporal = c
	_, err = c.WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: p.namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	s.eventually("the namespace is usable", 20*time.Second, func() bool {
		_, err := c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: p.namespace})
		if err != nil {
			return false
		}
		_, err = c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Namespace: p.namespace})
		return err == nil
	})

	bobAddr, oneAddr, starterAddr := freeAddr(t), freeAddr(t), freeAddr(t)
	s.bobURL, s.oneURL, s.starterURL = "http://"+bobAddr, "http://"+oneAddr, "http://"+starterAddr
	s.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
		"TEMPORAL_ADDRESS=" + p.address, "TEMPORAL_NAMESPACE=" + p.namespace,
		"BOB_BASE_URL=" + s.bobURL + "/v1", "BOB_SERVICE_USER_ID=" + bobUser, "BOB_SERVICE_USER_TOKEN=" + bobToken,
		"BOB_WEBHOOK_SECRETS=" + webhookSecret, "BOB_SETTLE_DELAY=1s",
		"ONELOGIN_BASE_URL=" + s.oneURL, "ONELOGIN_CLIENT_ID=" + clientID, "ONELOGIN_CLIENT_SECRET=" + clientSecret,
		"ONELOGIN_MAX_RPS=50", "STARTER_ADDR=" + starterAddr, "PAYLOAD_KEYS=" + payloadKeys,
		"METRICS_ADDR=127.0.0.1:0",
	}
	s.env = append(s.env, p.env...)
	s.start("sim", append([]string{
		"--bob-addr", bobAddr, "--onelogin-addr", oneAddr, "--employees", "0",
		"--webhook-url", s.starterURL + "/webhooks/bob", "--webhook-secret", webhookSecret,
		"--onelogin-client-id", clientID, "--onelogin-client-secret", clientSecret, "--bob-user", bobUser, "--bob-token", bobToken,
	}, p.sim...)...)
	s.answers(s.bobURL + "/_sim/calls")
	s.answers(s.oneURL + "/_sim/calls")
	s.start("starter", "serve")
	s.answers(s.starterURL + "/readyz")
	if p.workers > 0 {
		s.startWorker()
	}
	t.Cleanup(s.check)
	return s
}

// secrets are what no process may print, in every form in which they travel.
func secrets() []string {
	all := []string{bobToken, newBobToken, webhookSecret, newWebhookSecret, clientSecret, newClientSecret, notifyToken}
	for id, secret := range map[string]string{bobUser: bobToken, clientID: clientSecret} {
		all = append(all, base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
	}
	if _, key, ok := strings.Cut(payloadKeys, ":"); ok {
		all = append(all, key)
	}
	return all
}

// printed is what all processes and commands of the whole suite have printed.
// Tests look at their own logs while their processes run; this is the last look,
// which sees what was printed at the end as well.
var printed struct {
	sync.Mutex
	of []printing
}

type printing struct {
	what string
	log  *lockedBuffer
}

func remember(what string, log *lockedBuffer) {
	printed.Lock()
	defer printed.Unlock()
	printed.of = append(printed.of, printing{what: what, log: log})
}

// leaks lists which of the secrets were printed, and by what.
func leaks(of []printing, secrets []string) []string {
	var found []string
	for _, p := range of {
		text := p.log.String()
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				found = append(found, fmt.Sprintf("%s printed %q:\n%s", p.what, secret, tail(text)))
			}
		}
	}
	return found
}

// check looks at what a test leaves behind: histories that replay, stay small
// and are encrypted, and logs without personal data or secrets.
func (s *stack) check() {
	for _, log := range s.logs {
		text := log.String()
		for _, secret := range append(secrets(), "@example.com", "Juniper", "+44 7700") {
			if strings.Contains(text, secret) {
				s.t.Errorf("a log contains %q:\n%s", secret, tail(text))
			}
		}
		if strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") {
			s.t.Errorf("a process raced or panicked:\n%s", tail(text))
		}
	}
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		DataConverter: keys.DataConverter(), FailureConverter: keys.FailureConverter(),
	})
	require.NoError(s.t, err)
	workflows.Register(replayer, workflows.Options{SettleDelay: time.Hour})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request := &workflowservice.ListWorkflowExecutionsRequest{Namespace: s.namespace, PageSize: 200}
	for {
		list, err := s.temporal.ListWorkflow(ctx, request)
		if err != nil {
			return // the test's own server is gone
		}
		for _, info := range list.GetExecutions() {
			execution := workflow.Execution{ID: info.GetExecution().GetWorkflowId(), RunID: info.GetExecution().GetRunId()}
			h := s.history(ctx, execution.ID, execution.RunID)
			s.checkPrivacy(ctx, info, h)
			if len(h.GetEvents()) < 3 {
				continue // started, and no worker has had it in hand
			}
			replay := worker.ReplayWorkflowHistoryOptions{OriginalExecution: execution}
			if err := replayer.ReplayWorkflowHistoryWithOptions(quiet{}, h, replay); err != nil {
				s.t.Errorf("%s does not replay: %v", execution.ID, err)
			}
			// A server that was just given the search attributes shows them
			// to one worker and not yet to another.
			h.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().SearchAttributes = nil
			if err := replayer.ReplayWorkflowHistoryWithOptions(quiet{}, h, replay); err != nil {
				s.t.Errorf("%s does not replay where its first search attributes are not shown: %v", execution.ID, err)
			}
		}
		if request.NextPageToken = list.GetNextPageToken(); len(request.NextPageToken) == 0 {
			return
		}
	}
}

func (s *stack) history(ctx context.Context, id, run string) *historypb.History {
	var h historypb.History
	events := s.temporal.GetWorkflowHistory(ctx, id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(s.t, err)
		h.Events = append(h.Events, e)
	}
	return &h
}

// runHistory is the history of the newest run of a person's workflow.
func (s *stack) runHistory(employeeID string) *historypb.History {
	s.t.Helper()
	return s.history(s.t.Context(), workflows.EmployeeWorkflowID(employeeID), "")
}

// keep writes the newest history of a person's workflow for the replay tests.
func (s *stack) keep(name, employeeID string) {
	s.t.Helper()
	s.keepRun(name, workflows.EmployeeWorkflowID(employeeID), "")
}

// keepRun writes the history of a run, the newest where none is named, for the
// replay tests.
func (s *stack) keepRun(name, workflowID, runID string) {
	s.t.Helper()
	if !*record {
		return
	}
	b, err := protojson.MarshalOptions{Multiline: true, Indent: " "}.Marshal(s.history(s.t.Context(), workflowID, runID))
	require.NoError(s.t, err)
	dir := filepath.Join(root, "workflows", "testdata", "histories")
	require.NoError(s.t, os.MkdirAll(dir, 0o755))
	require.NoError(s.t, os.WriteFile(filepath.Join(dir, name+".json"), append(b, '\n'), 0o644))
}

// process is a child that ends with its test.
type process struct {
	cmd  *exec.Cmd
	log  *lockedBuffer
	done chan struct{}
}

func (s *stack) start(binary string, args ...string) *process {
	s.t.Helper()
	p := &process{cmd: exec.Command(filepath.Join(binaries, binary), args...), log: &lockedBuffer{}, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = s.env, p.log, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{}
	children.DieWithParent(p.cmd.SysProcAttr, syscall.SIGKILL)
	require.NoError(s.t, p.cmd.Start())
	if binary != "sim" {
		s.logs = append(s.logs, p.log)
		remember(binary, p.log)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	s.t.Cleanup(func() {
		p.stop(syscall.SIGKILL)
		if s.t.Failed() {
			s.t.Logf("%s said:\n%s", binary, tail(p.log.String()))
		}
	})
	return p
}

func (p *process) stop(signal os.Signal) {
	_ = p.cmd.Process.Signal(signal)
	<-p.done
}

// startWorker starts the workers that the test is to have.
func (s *stack) startWorker() {
	s.t.Helper()
	s.workers = nil
	for range s.each {
		s.workers = append(s.workers, s.start("worker"))
	}
	for _, w := range s.workers {
		s.polls(w)
	}
}

// oneMoreWorker starts a worker beside those that run.
func (s *stack) oneMoreWorker() *process {
	s.t.Helper()
	w := s.start("worker")
	s.workers = append(s.workers, w)
	s.polls(w)
	return w
}

// polls waits until a worker polls its task queues.
func (s *stack) polls(w *process) {
	s.t.Helper()
	s.eventually("the worker polls", 30*time.Second, func() bool {
		return strings.Count(w.log.String(), "Started Worker") == 3
	})
}

// workerLogs is what the workers have said.
func (s *stack) workerLogs() string {
	var all strings.Builder
	for _, w := range s.workers {
		all.WriteString(w.log.String())
	}
	return all.String()
}

// kill ends the workers without warning.
func (s *stack) kill() {
	for _, w := range s.workers {
		w.stop(syscall.SIGKILL)
	}
}

// starterCommand runs an operator's command and returns what it printed.
func (s *stack) starterCommand(args ...string) (string, error) {
	return s.command(filepath.Join(binaries, "starter"), args...)
}

// command runs a program to its end, and returns what it printed.
func (s *stack) command(path string, args ...string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), path, args...)
	out := &lockedBuffer{}
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, out, out
	remember(filepath.Base(path), out)
	err := cmd.Run()
	return out.String(), err
}

// eventually waits for a condition.
func (s *stack) eventually(what string, within time.Duration, holds func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(within)
	for !holds() {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *stack) answers(url string) {
	s.t.Helper()
	s.eventually(url+" answers", 20*time.Second, func() bool {
		r, err := http.Get(url)
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

// do sends a control request to a stand-in.
func (s *stack) do(method, url string, body any) []byte {
	s.t.Helper()
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		require.NoError(s.t, err)
		content = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, url, content)
	require.NoError(s.t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	require.Less(s.t, answer.StatusCode, 300, "%s %s: %s", method, url, b)
	return b
}

// put changes a person in Bob, and sends webhooks for it.
func (s *stack) put(id string, record map[string]any, events ...string) {
	s.t.Helper()
	url := s.bobURL + "/_sim/people/" + id
	for i, e := range events {
		url += map[bool]string{true: "?", false: "&"}[i == 0] + "event=" + e
	}
	s.do(http.MethodPut, url, record)
}

// users returns all OneLogin users.
func (s *stack) users() []map[string]any {
	s.t.Helper()
	var users []map[string]any
	require.NoError(s.t, json.Unmarshal(s.do(http.MethodGet, s.oneURL+"/_sim/users", nil), &users))
	return users
}

// user returns the one OneLogin user linked to a person; nil without one.
func (s *stack) user(employeeID string) map[string]any {
	s.t.Helper()
	var found []map[string]any
	for _, u := range s.users() {
		if u["external_id"] == employeeID {
			found = append(found, u)
		}
	}
	if len(found) > 1 {
		s.t.Fatalf("%d OneLogin users are linked to employee %s", len(found), employeeID)
	}
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

func (s *stack) userStatus(employeeID string) int {
	u := s.user(employeeID)
	if u == nil {
		return -1
	}
	status, _ := u["status"].(float64)
	return int(status)
}

// seed puts a user into OneLogin, and returns its id.
func (s *stack) seed(user map[string]any) int64 {
	s.t.Helper()
	var seeded struct {
		ID int64 `json:"id"`
	}
	require.NoError(s.t, json.Unmarshal(s.do(http.MethodPost, s.oneURL+"/_sim/users", user), &seeded))
	require.NotZero(s.t, seeded.ID)
	return seeded.ID
}

// calls returns and forgets the calls to OneLogin that are about users.
func (s *stack) calls() map[string]int {
	s.t.Helper()
	all := s.callsOf(s.oneURL)
	s.do(http.MethodDelete, s.oneURL+"/_sim/calls", nil)
	delete(all, "POST /auth/oauth2/v2/token")
	return all
}

// callsOf returns the calls that a stand-in has counted, and goes on counting.
func (s *stack) callsOf(base string) map[string]int {
	s.t.Helper()
	all := map[string]int{}
	require.NoError(s.t, json.Unmarshal(s.do(http.MethodGet, base+"/_sim/calls", nil), &all))
	return all
}

func (s *stack) fault(base string, fault map[string]any) {
	s.t.Helper()
	s.do(http.MethodPost, base+"/_sim/faults", fault)
}

// closed waits for the newest run of a person's workflow to end for good, and
// returns its result.
func (s *stack) closed(employeeID string) (workflows.Result, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	var result workflows.Result
	err := s.temporal.GetWorkflow(ctx, workflows.EmployeeWorkflowID(employeeID), "").Get(ctx, &result)
	return result, err
}

// appears waits for a person's workflow to exist.
func (s *stack) appears(employeeID string) {
	s.t.Helper()
	s.eventually("the workflow of "+employeeID+" exists", 20*time.Second, func() bool {
		_, err := s.temporal.DescribeWorkflowExecution(s.t.Context(), workflows.EmployeeWorkflowID(employeeID), "")
		return err == nil
	})
}

// done is appears and closed, without an error.
func (s *stack) done(employeeID string) workflows.Result {
	s.t.Helper()
	s.appears(employeeID)
	result, err := s.closed(employeeID)
	require.NoError(s.t, err)
	return result
}

func (s *stack) status(employeeID string) workflows.StatusView {
	s.t.Helper()
	var view workflows.StatusView
	value, err := s.temporal.QueryWorkflow(s.t.Context(), workflows.EmployeeWorkflowID(employeeID), "", workflows.StatusQuery)
	if err != nil {
		return view
	}
	require.NoError(s.t, value.Get(&view))
	return view
}

func freeAddr(t *testing.T) string {
	t.Helper()
	address, err := ports.FreeAddress()
	require.NoError(t, err)
	return address
}

// lockedBuffer collects a process's output.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func tail(s string) string {
	const most = 4000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// quiet drops the SDK's own log lines.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
