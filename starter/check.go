package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"bob-onelogin/internal/check"
	"bob-onelogin/internal/config"
)

type checkCommand struct {
	JSON    bool          `name:"json" help:"Print an array of {area, check, result, detail, mend}, for programs."`
	Strict  bool          `help:"End with 1 for warnings as well, not for what is wrong alone."`
	Timeout time.Duration `default:"20s" help:"How long to wait for answers."`
}

// Run looks at everything that an installation depends on. It reads the
// configuration itself, since what is wrong with that is among the lines.
func (c checkCommand) Run(ctx context.Context, environ environment) error {
	return c.run(ctx, environ, standardConsole())
}

func (c checkCommand) run(ctx context.Context, environ environment, con console) error {
	cfg, mistakes, err := config.Examine(environ)
	if err != nil {
		return err
	}
	if con.terminal {
		fmt.Fprint(con.err, "Checking …")
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	lines := check.Judge(check.Gather(ctx, check.Setup{Config: cfg, Mistakes: mistakes}))
	if con.terminal {
		fmt.Fprint(con.err, "\r\x1b[2K")
	}
	return c.report(con, lines)
}

// report prints the lines, and returns what the command ends with.
func (c checkCommand) report(con console, lines []check.Line) error {
	if c.JSON {
		encoder := json.NewEncoder(con.out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(lines); err != nil {
			return err
		}
	} else if err := newCheckScreen(con.out, os.Getenv("NO_COLOR")).print(lines); err != nil {
		return err
	}
	if check.Count(lines, check.Wrong) > 0 || c.Strict && check.Count(lines, check.Warning) > 0 {
		return &exitError{code: 1, error: errTold}
	}
	return nil
}

// errTold ends a command whose output says already why.
var errTold = errors.New("")
