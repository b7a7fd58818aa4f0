// Command chaos plays schedules of trouble against the product and holds every
// run against what must never be: docs/reliability.md says what is claimed.
//
// Each seed is a schedule: a small company, changes in it with their webhooks,
// and faults, each planned for the nth call of a kind. A run has a Temporal
// server, a worker and a starter of its own, as processes, and stand-ins for
// Bob and OneLogin. Nothing imports it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	_ "time/tzdata" // zones work on machines without a zone database
)

func main() {
	seeds := flag.Int("seeds", 200, "how many seeds to play")
	first := flag.Uint64("seed", 1, "the first of them")
	parallel := flag.Int("parallel", 6, "how many at once; they wait most of the time")
	verbose := flag.Bool("v", false, "print each seed's schedule as well")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := suite(ctx, os.Stdout, *first, *seeds, *parallel, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		stop()
		os.Exit(1)
	}
}

// suite plays so many seeds and prints what came of each.
func suite(ctx context.Context, out io.Writer, first uint64, seeds, parallel int, verbose bool) error {
	if seeds < 1 || parallel < 1 {
		return fmt.Errorf("--seeds and --parallel must be positive")
	}
	dir, err := os.MkdirTemp("", "bob-onelogin-chaos-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := prepare(ctx, ".", dir)
	if err != nil {
		return err
	}

	var (
		mu      sync.Mutex
		t       = newTotals()
		next    = make(chan uint64)
		players sync.WaitGroup
	)
	for range min(parallel, seeds) {
		players.Go(func() {
			for seed := range next {
				o, err := run(ctx, p, seed)
				mu.Lock()
				if ctx.Err() == nil {
					t.add(out, seed, o, err, verbose)
				}
				mu.Unlock()
			}
		})
	}
feed:
	for i := range uint64(seeds) {
		select {
		case next <- first + i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	players.Wait()
	t.print(out)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return t.err()
}
