// Command starter is what Bob's webhooks reach, and the operator's commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // zones work in images without a zone database

	"github.com/alecthomas/kong"

	"bob-onelogin/internal/config"
	"bob-onelogin/internal/healthcheck"
	"bob-onelogin/internal/version"
)

// cli is the command line.
type cli struct {
	Serve   serveCommand   `cmd:"" help:"Receive Bob's webhooks on STARTER_ADDR: POST /webhooks/bob, GET /healthz, GET /readyz, GET /metrics."`
	Sync    syncCommand    `cmd:"" help:"Synchronise one person now, and print what was found, decided and changed."`
	Status  statusCommand  `cmd:"" help:"Show where one employee's workflow stands."`
	Explain explainCommand `cmd:"" help:"Show what Bob says of one person, what would be decided and changed, and why; write nothing."`

	Bulk     bulkCommand     `cmd:"" help:"Bring everybody in line, or show what would change; watch, pause, resume or cancel a bulk run."`
	Brake    brakeCommand    `cmd:"" help:"Show whom the suspension brake holds, and approve or reject."`
	Schedule scheduleCommand `cmd:"" help:"Show, set or delete the Schedule of bulk runs."`
	Check    checkCommand    `cmd:"" help:"Check whether everything is set up: Temporal, Bob, OneLogin, the webhook secret, the settings file, the keys. Ends with 1 if something is wrong."`
	Codec    codecCommand    `cmd:"" help:"Decrypt for Temporal's web UI and CLI on CODEC_ADDR, or make a key."`

	Healthcheck healthcheckCommand `cmd:"" help:"Ask the starter on this machine whether it is ready; for the health checks of containers."`

	Version kong.VersionFlag `help:"Print the version, and end."`
}

// environment is the process's, in the form of os.Environ.
type environment []string

type healthcheckCommand struct {
	Of string `arg:"" optional:"" default:"serve" enum:"serve,codec" help:"Whom to ask: serve, at STARTER_ADDR (the default), or codec, at CODEC_ADDR."`
}

// Run fails unless the endpoint is ready.
func (c healthcheckCommand) Run(ctx context.Context, cfg config.Starter) error {
	if c.Of == "codec" {
		return healthcheck.Ask(ctx, cfg.Codec.Addr, "/healthz")
	}
	return healthcheck.Ask(ctx, cfg.Addr, "/readyz")
}

// exitError ends the command with a code of its own.
type exitError struct {
	code int
	error
}

func (e *exitError) Unwrap() error { return e.error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed := kong.Parse(&cli{},
		kong.Name("starter"),
		kong.Description("Starts and asks the Temporal workflows that keep OneLogin true to Bob.\nConfigured by environment variables; README.md and docs/deployment.md list them."),
		kong.Vars{"version": "starter " + version.String()},
		kong.UsageOnError(),
	)
	environ := environment(os.Environ())
	parsed.Bind(environ)
	parsed.BindTo(ctx, (*context.Context)(nil))
	err := parsed.BindToProvider(func() (config.Starter, error) { return config.LoadStarter(environ) })
	if err == nil {
		err = parsed.Run()
	}
	if err != nil {
		if !errors.Is(err, errTold) {
			fmt.Fprintln(os.Stderr, "starter:", err)
		}
		code := 1
		var exit *exitError
		if errors.As(err, &exit) {
			code = exit.code
		}
		os.Exit(code)
	}
}
