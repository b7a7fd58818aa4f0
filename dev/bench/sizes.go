package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// sizes are what is measured.
type sizes struct {
	// Rounds is how often what is timed against something else is done, in
	// turns with it.
	Rounds int `env:"BENCH_ROUNDS" envDefault:"5"`
	// Children are changed by each round of the fan-outs, Window at once.
	Children int `env:"BENCH_CHILDREN" envDefault:"500"`
	Window   int `env:"BENCH_WINDOW" envDefault:"50"`
	// Events are sent in each round, and Deliveries to the webhook, by so many
	// Senders at once.
	Events     int `env:"BENCH_EVENTS" envDefault:"500"`
	Deliveries int `env:"BENCH_DELIVERIES" envDefault:"2000"`
	Senders    int `env:"BENCH_SENDERS" envDefault:"16"`
	// Employees is the largest company.
	Employees int `env:"BENCH_EMPLOYEES" envDefault:"100000"`
	// Budget is how many calls an hour of so long an Hour allows; a bulk run
	// needs Hours of them.
	Budget int           `env:"BENCH_BUDGET" envDefault:"600"`
	Hour   time.Duration `env:"BENCH_HOUR" envDefault:"1m"`
	Hours  int           `env:"BENCH_HOURS" envDefault:"4"`
	// Due is how many people start, or leave, at the same moment.
	Due int `env:"BENCH_DUE" envDefault:"200"`
	// Loop is the company that the plain loop works through.
	Loop int `env:"BENCH_LOOP" envDefault:"2000"`
}

func readSizes() (sizes, error) {
	s, err := env.ParseAs[sizes]()
	if err != nil {
		return s, fmt.Errorf("sizes: %w", err)
	}
	return s, s.validate()
}

func (s sizes) validate() error {
	switch {
	case min(s.Rounds, s.Children, s.Window, s.Events, s.Deliveries, s.Senders, s.Due) < 1:
		return errors.New("every BENCH_… must be positive")
	case s.Employees < 1000 || s.Loop < 100:
		return errors.New("BENCH_EMPLOYEES must be 1000 or more, BENCH_LOOP 100")
	case s.Hours < 2 || s.Budget < 100 || s.Hour < 10*time.Second:
		return errors.New("BENCH_HOURS must be 2 or more, BENCH_BUDGET 100, BENCH_HOUR 10s")
	}
	return nil
}

// command is what measures a part again, with sizes that are not the usual.
func command(part string, onCluster bool, s sizes) string {
	target := "make bench"
	if onCluster {
		target = "make cluster-bench"
	}
	words := []string{}
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		if value := os.Getenv(tag.Get("env")); value != "" && value != tag.Get("envDefault") {
			words = append(words, tag.Get("env")+"="+value)
		}
	}
	return strings.Join(append(words, target, "ARGS="+part), " ")
}
