// Command worker runs the workflows and activities that keep OneLogin true to
// Bob. It is configured by environment variables; README.md lists them.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
	_ "time/tzdata" // zones work in images without a zone database

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"bob-onelogin/activities"
	"bob-onelogin/internal/clients"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/connect"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/logging"
	"bob-onelogin/internal/provisioning"
	"bob-onelogin/workflows"
)

const (
	// stopTimeout lets running activities end their calls on a graceful stop.
	stopTimeout = 25 * time.Second
	// fewestSlots and mostSlots bound how many activities that call OneLogin a
	// worker runs at once.
	fewestSlots, mostSlots = 4, 16
)

// oneLoginSlots is how many activities that call OneLogin a worker runs at
// once: what it may call in a second. More would only wait for their turn, and
// a slot that is taken is not given up for something more urgent.
func oneLoginSlots(maxRPS float64) int {
	return min(max(int(math.Ceil(maxRPS)), fewestSlots), mostSlots)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Environ()); err != nil {
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
	z.Info("Starting", zap.String("namespace", namespace), zap.String("taskQueue", workflows.TaskQueue),
		zap.String("oneLoginTaskQueue", workflows.OneLoginTaskQueue), zap.Float64("oneLoginMaxRPS", cfg.OneLogin.MaxRPS),
		zap.Duration("settleDelay", cfg.SettleDelay), zap.String("settings", file.Settings().Version))
	err = serve(ctx, temporal, acts, cfg)
	z.Info("Stopped")
	return err
}

// serve runs the task queues until ctx ends or one of them fails for good.
func serve(ctx context.Context, c client.Client, acts *activities.Activities, cfg config.Worker) error {
	failed := make(chan error, 3)
	onFatal := func(err error) { failed <- err }

	general := worker.New(c, workflows.TaskQueue, worker.Options{
		WorkerStopTimeout: stopTimeout, OnFatalError: onFatal,
		// A bulk run has far more workflow tasks than a quiet day.
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
	})
	workflows.Register(general, workflows.Options{SettleDelay: cfg.SettleDelay})
	acts.RegisterGeneral(general)

	oneLogin := worker.New(c, workflows.OneLoginTaskQueue, worker.Options{
		WorkerStopTimeout: stopTimeout, OnFatalError: onFatal,
		DisableWorkflowWorker:              true,
		TaskQueueActivitiesPerSecond:       cfg.OneLogin.MaxRPS,
		MaxConcurrentActivityExecutionSize: oneLoginSlots(cfg.OneLogin.MaxRPS),
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
