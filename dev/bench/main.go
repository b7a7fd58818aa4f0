// Command bench measures a bulk run on this machine, against a Temporal dev
// server and the stand-ins for Bob and OneLogin, and prints a table:
//
//   - the time that a bulk run takes per changed person, against the time that
//     the same fan-out of empty workflows takes on the same server, in turns;
//   - a bulk run over many employees of whom few have changed: its time, the
//     worker's peak memory, and the calls that it made.
//
// Only the ratio of the first is held to a bound, because no two machines are
// alike: above it the command exits with 1. Sizes can be changed for a quick
// look by the environment; `make bench` runs those that the design speaks of.
// Nothing imports it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
	_ "time/tzdata" // zones work on machines without a zone database

	"github.com/caarlos0/env/v11"
)

// bound is how much longer a changed person may take than an empty workflow.
const bound = 1.5

// sizes are what is measured.
type sizes struct {
	Children  int `env:"BENCH_CHILDREN" envDefault:"500"`
	Rounds    int `env:"BENCH_ROUNDS" envDefault:"5"`
	Window    int `env:"BENCH_WINDOW" envDefault:"50"`
	Employees int `env:"BENCH_EMPLOYEES" envDefault:"20000"`
	Changed   int `env:"BENCH_CHANGED" envDefault:"200"`
}

func (s sizes) validate() error {
	if min(s.Children, s.Rounds, s.Window, s.Employees, s.Changed) < 1 {
		return errors.New("every BENCH_… must be positive")
	}
	if s.Changed > s.Employees/2 {
		return errors.New("BENCH_CHANGED must be at most half of BENCH_EMPLOYEES: not everybody in Bob works")
	}
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	s, err := env.ParseAs[sizes]()
	if err != nil {
		return fmt.Errorf("sizes: %w", err)
	}
	if err := s.validate(); err != nil {
		return err
	}
	p, cleanUp, err := prepare(ctx)
	if err != nil {
		return err
	}
	defer cleanUp()
	fmt.Fprintf(out, "%d cores, %s, %s/%s, dev server on SQLite in memory\n\n", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)

	c, err := compare(ctx, p, s, out)
	if err != nil {
		return fmt.Errorf("compare with empty workflows: %w", err)
	}
	c.print(out)
	m, err := measureMany(ctx, p, s)
	if err != nil {
		return fmt.Errorf("%d employees: %w", s.Employees, err)
	}
	m.print(out)
	if ratio := c.ratio(); ratio > bound {
		return fmt.Errorf("a changed person takes %.2f times as long as an empty workflow; the bound is %.1f", ratio, bound)
	}
	return nil
}

// compare runs both fan-outs in turns, so that what else the machine does falls
// on both.
func compare(ctx context.Context, p programs, s sizes, out io.Writer) (comparison, error) {
	c := comparison{children: s.Children, window: s.Window}
	// Each round has people of its own, because those of whom another run was
	// just about are looked at once more. Not everybody in Bob works.
	w, err := newWorld(s.Children * s.Rounds * 5 / 4)
	if err != nil {
		return c, err
	}
	defer w.close()
	st, err := start(ctx, p, w)
	if err != nil {
		return c, err
	}
	defer st.stop()
	empty, err := st.serveEmpty()
	if err != nil {
		return c, err
	}
	defer empty.Stop()
	for round := range s.Rounds {
		if err := w.change(round*s.Children, s.Children); err != nil {
			return c, err
		}
		_, _, took, err := st.bulk(ctx, s.Window, s.Children)
		if err != nil {
			return c, err
		}
		c.bulk = append(c.bulk, took)
		if took, err = st.fanOut(ctx, fanOutInput{Round: round, Children: s.Children, Window: s.Window, Input: order()}); err != nil {
			return c, err
		}
		c.empty = append(c.empty, took)
		fmt.Fprintf(out, "round %d of %d: %s in bulk, %s of empty workflows, %.2f times as long\n", round+1, s.Rounds,
			c.bulk[round].Round(time.Millisecond), took.Round(time.Millisecond), float64(c.bulk[round])/float64(took))
	}
	return c, nil
}

// measureMany is one bulk run over many employees, in a process of its own so
// that its peak memory is this run's alone.
func measureMany(ctx context.Context, p programs, s sizes) (many, error) {
	m := many{changed: s.Changed}
	w, err := newWorld(s.Employees)
	if err != nil {
		return m, err
	}
	defer w.close()
	st, err := start(ctx, p, w)
	if err != nil {
		return m, err
	}
	defer st.stop()
	if err := w.change(0, s.Changed); err != nil {
		return m, err
	}
	w.forgetCalls()
	progress, took, _, err := st.bulk(ctx, s.Window, s.Changed)
	if err != nil {
		return m, err
	}
	m.employees, m.users, m.took = progress.Employees, progress.Users, took
	m.bobCalls, m.oneLoginCalls = w.bobCalls.Calls(), w.oneLoginCalls.Calls()
	m.peak = peakMemory(st.worker.Process.Pid)
	return m, nil
}
