// Command bench measures what the program costs on this machine, against a
// Temporal server and the stand-ins for Bob and OneLogin, and prints a table
// for each part:
//
//	calls     what each outcome costs in calls and history, event and bulk
//	events    events handled in a second, against bare workflows
//	bulk      a bulk run per changed person, against bare and empty workflows
//	webhook   deliveries taken in a second, against bare signal-with-start
//	scale     bulk runs over up to 100,000 employees: time, memory, history
//	budget    a bulk run under an hourly budget: share used, refusals, time
//	timers    how late start and leave dates are acted on
//	loop      a bulk run against the loop that a person would write instead
//	parents   a fan-out over one parent and over several: is one the bound?
//
// Without a name it runs all but the last. Timed figures are held to ratios
// within one run, because no two machines are alike; above a bound the command
// exits with 1. Sizes can be changed for a quick look by the environment. With
// --write it puts the tables into a document, between the markers of each part.
//
// With E2E_TEMPORAL_ADDRESS, which dev/cluster sets, it measures on the server
// there, each world in a namespace of its own; else on dev servers that it
// starts. Nothing imports it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // zones work on machines without a zone database

	"github.com/alecthomas/kong"
)

// part is one thing that is measured, by a name that people type.
type part struct {
	name    string
	measure func(*bench, context.Context) ([]table, error)
}

var parts = []part{
	{"calls", (*bench).calls},
	{"events", (*bench).events},
	{"bulk", (*bench).bulk},
	{"webhook", (*bench).webhook},
	{"scale", (*bench).scale},
	{"budget", (*bench).budget},
	{"timers", (*bench).timers},
	{"loop", (*bench).loop},
	{"parents", (*bench).parents},
}

// onAsking is the part that says nothing about the program on one machine.
const onAsking = "parents"

type options struct {
	Parts []string `arg:"" optional:"" help:"The parts to measure: ${parts}. Without one, all but parents."`
	Write string   `placeholder:"FILE" help:"Put the tables into this document, between the markers of their parts."`
}

// bench is what all parts share.
type bench struct {
	programs
	sizes
	out io.Writer
	// address is that of a server which is there already; empty for dev servers.
	address string
}

func main() {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = p.name
	}
	var o options
	kong.Parse(&o, kong.Name("bench"), kong.Description("Measures what the program costs on this machine."),
		kong.Vars{"parts": strings.Join(names, ", ")})
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// chosen are the parts to measure, in their order.
func chosen(names []string) ([]part, error) {
	var out []part
	for _, p := range parts {
		if slices.Contains(names, p.name) || (len(names) == 0 && p.name != onAsking) {
			out = append(out, p)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return nil, fmt.Errorf("there is no part %q", name)
		}
	}
	return out, nil
}

func run(ctx context.Context, o options, out io.Writer) error {
	todo, err := chosen(o.Parts)
	if err != nil {
		return err
	}
	s, err := readSizes()
	if err != nil {
		return err
	}
	p, cleanUp, err := prepare(ctx)
	if err != nil {
		return err
	}
	defer cleanUp()
	b := &bench{programs: p, sizes: s, out: out, address: os.Getenv("E2E_TEMPORAL_ADDRESS")}
	machine := describeMachine(b.serverKind())
	fmt.Fprintln(out, machine)
	var failed []string
	for _, part := range todo {
		fmt.Fprintf(out, "\n%s\n", part.name)
		tables, err := part.measure(b, ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		for _, t := range tables {
			t.print(out)
			failed = append(failed, t.failures(part.name)...)
		}
		if o.Write == "" {
			continue
		}
		heading := machine + "; `" + command(part.name, b.address != "", s) + "`"
		if err := rewrite(o.Write, part.name+b.suffix(), heading, tables); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return errors.New("out of bounds: " + strings.Join(failed, "; "))
	}
	return nil
}

// say tells whoever waits how far a part is.
func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.out, "  "+format+"\n", args...) }

func (b *bench) serverKind() string {
	if b.address != "" {
		return "Temporal server on PostgreSQL"
	}
	return "Temporal dev server, SQLite in memory"
}

// suffix tells the tables of a cluster from those of a dev server.
func (b *bench) suffix() string {
	if b.address != "" {
		return "-cluster"
	}
	return ""
}
