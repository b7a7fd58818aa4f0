// Command worker runs the workflows and activities that keep OneLogin true to
// Bob. It is configured by environment variables; README.md and docs/deployment.md list them.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	_ "time/tzdata" // zones work in images without a zone database

	"github.com/alecthomas/kong"
	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"bob-onelogin/activities"
	"bob-onelogin/internal/clients"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/connect"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/healthcheck"
	"bob-onelogin/internal/logging"
	"bob-onelogin/internal/metrics"
	"bob-onelogin/internal/notify"
	"bob-onelogin/internal/provisioning"
	"bob-onelogin/internal/version"
	"bob-onelogin/workflows"
)

const (
	// stopTimeout lets running activities end their calls on a graceful stop.
	stopTimeout = 25 * time.Second
	// fewestSlots and mostSlots bound how many activities that call OneLogin a
	// worker runs at once.
	fewestSlots, mostSlots = 4, 16
)

// cli is the command line.
type cli struct {
	Run         runCommand         `cmd:"" default:"1" help:"Run the worker; what happens without a command."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask the worker on this machine, at METRICS_ADDR, whether it is ready; for the health checks of containers."`

	Version kong.VersionFlag `help:"Print the version, and end."`
}

type runCommand struct{}

// Run works until ctx ends.
func (runCommand) Run(ctx context.Context) error { return run(ctx, os.Environ()) }

type healthcheckCommand struct {
	Addr string `name:"metrics-addr" env:"METRICS_ADDR" default:":9464" help:"Where the worker listens."`
}

// Run fails unless the worker is ready.
func (c healthcheckCommand) Run(ctx context.Context) error {
	return healthcheck.Ask(ctx, c.Addr, "/readyz")
}

// oneLoginSlots is how many activities that call OneLogin a worker runs at
// once: what it may call in a second. More would only wait for their turn, and
// a slot that is taken is not given up for something more urgent.
func oneLoginSlots(maxRPS float64) int {
	return min(max(int(math.Ceil(maxRPS)), fewestSlots), mostSlots)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed := kong.Parse(&cli{},
		kong.Name("worker"),
		kong.Description("Runs the workflows and activities that keep OneLogin true to Bob.\nConfigured by environment variables; README.md and docs/deployment.md list them."),
		kong.Vars{"version": "worker " + version.String()},
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, environ []string) error {
	cfg, err := config.LoadWorker(environ)
	if err != nil {
		return err
	}
	z, err := logging.New(cfg.LogLevel)
	if err != nil {
		return err
	}
	defer func() { _ = z.Sync() }() // standard error cannot always be synced

	registry, err := metrics.New()
	if err != nil {
		return err
	}
	watch := &watcher{log: z, refused: make(chan struct{}, 1)}
	ofBob, ofOneLogin := watch.observers(registry.NewAPI())
	bobClient, bobErr := clients.Bob(cfg.Bob, ofBob)
	oneLogin, oneLoginErr := clients.OneLogin(cfg.OneLogin, ofOneLogin)
	if err := errors.Join(bobErr, oneLoginErr); err != nil {
		return err
	}
	registry.WatchClients(bobClient, oneLogin)
	ready := newReadiness()
	if addr, on := cfg.Metrics(); on {
		stop, err := listen(addr, routes(registry.Handler(), ready), z)
		if err != nil {
			return err
		}
		defer stop()
	}
	file, err := provisioning.Open(ctx, cfg.ProvisioningFile, provisioning.Options{Log: z, Fields: clients.Fields(bobClient)})
	if err != nil {
		return err
	}
	registry.WatchWorker(ready.ready, func() bool { return file.Broken() != nil })
	background, stopBackground := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { file.Watch(background) })
	defer func() {
		stopBackground()
		running.Wait()
	}()
	process := uuid.NewString()
	identity := identityOf(process)
	temporal, namespace, err := connect.Temporal(ctx, cfg.Payloads.Ring(connect.KeysReplaced(z)), z, func(o *client.Options) {
		o.Identity, o.MetricsHandler = identity, registry.SDK(workflows.OwnTaskQueue(""))
	})
	if err != nil {
		return err
	}
	defer temporal.Close()
	dispatcher := dispatch.New(temporal, namespace)
	if err := dispatcher.RegisterSearchAttributes(ctx); err != nil {
		z.Warn("Workflows go without search attributes until an administrator adds them", zap.Error(err))
	}

	acts := &activities.Activities{
		Bob: bobClient, OneLogin: oneLogin,
		Settings:         file.Settings,
		Signal:           dispatcher.Signal,
		Announce:         dispatcher.Announce,
		Recall:           dispatcher.Recall,
		RecallMany:       dispatcher.RecallMany,
		EndedSince:       dispatcher.EndedSince,
		SettleDelay:      cfg.SettleDelay,
		Waiting:          dispatcher.Waiting,
		OtherBulk:        dispatcher.OtherBulk,
		Ended:            dispatcher.Ended,
		Brake:            dispatcher.NewBrake(),
		Queue:            workflows.OwnTaskQueue(process),
		PageLimit:        cfg.OneLogin.PageLimit,
		SearchAttributes: func() bool { return dispatcher.Tracked(ctx) },
	}
	if err := acts.Prepare(ctx); err != nil {
		z.Warn("OneLogin's custom attributes could not be read yet; they are read when first needed", zap.Error(err))
	}
	ready.connected(temporal, func(ctx context.Context) ([]string, error) {
		return dispatcher.NotPolledBy(ctx, identity, acts.Queue)
	})
	options := workflows.Options{SettleDelay: cfg.SettleDelay, Observe: observeLooks(registry.NewSyncs())}
	var interceptors []interceptor.WorkerInterceptor
	if cfg.Notify.On() {
		notifier := dispatcher.NewNotifier()
		watch.tell = notifier.Notify
		interceptors = append(interceptors, activities.Noticing(notifier.Notify))
		acts.Notify = notifies(cfg.Notify, namespace, registry.NewNotifications())
	}
	watch.look, watch.show = dispatcher.NewSurveyor().Look, registry.NewSurvey().Set
	watch.ready, watch.breakers = ready.check, breakersOf(bobClient, oneLogin)
	running.Go(func() { watch.run(background) })
	z.Info("Starting", zap.String("version", version.Number()), zap.String("namespace", namespace), zap.String("taskQueue", workflows.TaskQueue),
		zap.String("oneLoginTaskQueue", workflows.OneLoginTaskQueue), zap.Float64("oneLoginMaxRPS", cfg.OneLogin.MaxRPS),
		zap.Duration("settleDelay", cfg.SettleDelay), zap.String("settings", file.Settings().Version),
		zap.String("deployment", cfg.Deployment.Name), zap.String("buildId", cfg.Deployment.BuildID))
	err = serve(ctx, temporal, acts, options, cfg, interceptors, &ready.started)
	z.Info("Stopped")
	return err
}

// deploymentOptions are empty where no versioning is asked for.
func deploymentOptions(d config.Deployment) worker.DeploymentOptions {
	if !d.Versioned() {
		return worker.DeploymentOptions{}
	}
	return worker.DeploymentOptions{
		UseVersioning: true,
		Version:       worker.WorkerDeploymentVersion{DeploymentName: d.Name, BuildID: d.BuildID},
	}
}

// identityOf names this process to the server: by what it can be found with, and
// so that no other process has the same name. In containers, number and host
// alone may well be.
func identityOf(process string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%d@%s@%s", os.Getpid(), host, process)
}

// notifies returns what tells people of what needs a person.
func notifies(cfg config.Notify, namespace string, counted *metrics.Notifications) func(context.Context, []notify.Notice) error {
	target := cfg.Target()
	hook := notify.NewWebhook(func() string { return string(target()) })
	ui := notify.UI{URL: cfg.UIURL, Namespace: namespace}
	return func(ctx context.Context, notices []notify.Notice) error {
		err := hook.Post(ctx, ui.Message(notices))
		counted.Observe(err)
		return err
	}
}

// serve runs the task queues until ctx ends or one of them fails for good.
// started is set while all of them are polled.
func serve(
	ctx context.Context, c client.Client, acts *activities.Activities, o workflows.Options, cfg config.Worker,
	interceptors []interceptor.WorkerInterceptor, started *atomic.Bool,
) error {
	failed := make(chan error, 3)
	common := worker.Options{
		WorkerStopTimeout: stopTimeout, OnFatalError: func(err error) { failed <- err }, Interceptors: interceptors,
	}

	options := common
	// The two queues of activities below stay out of versioning. Each version
	// has a queue of its own, with an order of its own: whoever is urgent on the
	// current build could not overtake a bulk run that ends on the last one,
	// and OneLogin's limit knows of no builds.
	options.DeploymentOptions = deploymentOptions(cfg.Deployment)
	// A bulk run has far more workflow tasks than a quiet day.
	options.WorkflowTaskPollerBehavior = worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{})
	general := worker.New(c, workflows.TaskQueue, options)
	workflows.Register(general, o)
	acts.RegisterGeneral(general)

	options = common
	options.DisableWorkflowWorker = true
	own := worker.New(c, acts.Queue, options)
	acts.RegisterOwn(own)

	options.TaskQueueActivitiesPerSecond = cfg.OneLogin.MaxRPS
	options.MaxConcurrentActivityExecutionSize = oneLoginSlots(cfg.OneLogin.MaxRPS)
	// Whoever finds nobody polling is written to the server's backlog and read
	// from it again, which costs a bulk run more than the activity does.
	options.ActivityTaskPollerBehavior = worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{})
	oneLogin := worker.New(c, workflows.OneLoginTaskQueue, options)
	acts.RegisterOneLogin(oneLogin)

	for _, w := range []struct {
		queue  string
		worker worker.Worker
	}{{workflows.TaskQueue, general}, {workflows.OneLoginTaskQueue, oneLogin}, {acts.Queue, own}} {
		if err := w.worker.Start(); err != nil {
			return fmt.Errorf("poll %s: %w", w.queue, err)
		}
		defer w.worker.Stop()
	}
	started.Store(true)
	defer started.Store(false) // before the workers stop

	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("stopped by a fatal error: %w", err)
	}
}
