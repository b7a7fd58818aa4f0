// Command worker runs the workflows and activities that keep OneLogin true to
// Bob. It is configured by environment variables; README.md lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
	_ "time/tzdata" // zones work in images without a zone database

	"github.com/alecthomas/kong"
	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"bob-onelogin/activities"
	"bob-onelogin/internal/clients"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/connect"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/healthcheck"
	"bob-onelogin/internal/logging"
	"bob-onelogin/internal/provisioning"
	"bob-onelogin/internal/version"
	"bob-onelogin/workflows"
)

const (
	// stopTimeout lets running activities end their calls on a graceful stop.
	stopTimeout = 25 * time.Second
	// oneLoginSlots is how many activities that call OneLogin a worker runs
	// at once. It is small because a slot that is taken is not given up for
	// something more urgent.
	oneLoginSlots = 4
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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed := kong.Parse(&cli{},
		kong.Name("worker"),
		kong.Description("Runs the workflows and activities that keep OneLogin true to Bob.\nConfigured by environment variables; README.md lists them."),
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

	bobClient, bobErr := clients.Bob(cfg.Bob)
	oneLogin, oneLoginErr := clients.OneLogin(cfg.OneLogin)
	if err := errors.Join(bobErr, oneLoginErr); err != nil {
		return err
	}
	file, err := provisioning.Open(ctx, cfg.ProvisioningFile, provisioning.Options{Log: z, Fields: clients.Fields(bobClient)})
	if err != nil {
		return err
	}
	watching, stopWatching := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { file.Watch(watching) })
	defer func() {
		stopWatching()
		watch.Wait()
	}()
	temporal, namespace, err := connect.Temporal(ctx, cfg.Payloads.Keys, z)
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
		Queue:            workflows.OwnTaskQueue(uuid.NewString()),
		PageLimit:        cfg.OneLogin.PageLimit,
		SearchAttributes: func() bool { return dispatcher.Tracked(ctx) },
	}
	if err := acts.Prepare(ctx); err != nil {
		z.Warn("OneLogin's custom attributes could not be read yet; they are read when first needed", zap.Error(err))
	}
	z.Info("Starting", zap.String("version", version.Number()), zap.String("namespace", namespace), zap.String("taskQueue", workflows.TaskQueue),
		zap.String("oneLoginTaskQueue", workflows.OneLoginTaskQueue), zap.Float64("oneLoginMaxRPS", cfg.OneLogin.MaxRPS),
		zap.Duration("settleDelay", cfg.SettleDelay), zap.String("settings", file.Settings().Version),
		zap.String("deployment", cfg.Deployment.Name), zap.String("buildId", cfg.Deployment.BuildID))
	err = serve(ctx, temporal, acts, cfg)
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

// serve runs the task queues until ctx ends or one of them fails for good.
func serve(ctx context.Context, c client.Client, acts *activities.Activities, cfg config.Worker) error {
	failed := make(chan error, 3)
	onFatal := func(err error) { failed <- err }

	general := worker.New(c, workflows.TaskQueue, worker.Options{
		WorkerStopTimeout: stopTimeout, OnFatalError: onFatal,
		// The two queues of activities below stay out of versioning. Each
		// version has a queue of its own, with an order of its own: whoever is
		// urgent on the current build could not overtake a bulk run that ends
		// on the last one, and OneLogin's limit knows of no builds.
		DeploymentOptions: deploymentOptions(cfg.Deployment),
	})
	workflows.Register(general, workflows.Options{SettleDelay: cfg.SettleDelay})
	acts.RegisterGeneral(general)

	oneLogin := worker.New(c, workflows.OneLoginTaskQueue, worker.Options{
		WorkerStopTimeout: stopTimeout, OnFatalError: onFatal,
		DisableWorkflowWorker:              true,
		TaskQueueActivitiesPerSecond:       cfg.OneLogin.MaxRPS,
		MaxConcurrentActivityExecutionSize: oneLoginSlots,
	})
	acts.RegisterOneLogin(oneLogin)

	own := worker.New(c, acts.Queue, worker.Options{
		WorkerStopTimeout: stopTimeout, OnFatalError: onFatal, DisableWorkflowWorker: true,
	})
	acts.RegisterOwn(own)

	if err := general.Start(); err != nil {
		return fmt.Errorf("poll %s: %w", workflows.TaskQueue, err)
	}
	defer general.Stop()
	if err := oneLogin.Start(); err != nil {
		return fmt.Errorf("poll %s: %w", workflows.OneLoginTaskQueue, err)
	}
	defer oneLogin.Stop()
	if err := own.Start(); err != nil {
		return fmt.Errorf("poll %s: %w", acts.Queue, err)
	}
	defer own.Stop()

	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("stopped by a fatal error: %w", err)
	}
}
