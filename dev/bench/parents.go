package main

import (
	"context"
	"fmt"
	"time"
)

// burstRate is the calls in a second at which OneLogin's edge refuses: a bulk
// run that is as fast as that is bounded by OneLogin and nothing else.
const burstRate = 100

// parents compares fan-outs of bare workflows over one parent and over several,
// with as many children at once in all: where several are no faster, the one
// parent's history is not what bounds a bulk run. Beside that it has children
// started on which nobody works, which is all that a parent has to do.
func (b *bench) parents(ctx context.Context) ([]table, error) {
	_, s, end, err := b.stage(ctx, callsStaff, nature{})
	if err != nil {
		return nil, err
	}
	defer end()
	bare, err := s.serveBare()
	if err != nil {
		return nil, err
	}
	defer bare.stop()

	several := []int{1, 2, 4}
	work, starts := map[int][]time.Duration{}, map[int][]time.Duration{}
	for round := range b.Rounds {
		for _, n := range several {
			for _, kind := range []childKind{kindWorking, kindIdle} {
				took, err := s.bareFanOut(ctx, fmt.Sprintf("%d-%d", round, n), n, bareParentInput{
					Kind: kind, Children: b.Children, Window: b.Window, Input: order(),
				})
				if err != nil {
					return nil, err
				}
				if kind == kindIdle {
					starts[n] = append(starts[n], took)
				} else {
					work[n] = append(work[n], took)
				}
				b.say("round %d of %d: %d parent(s), %s children: %s", round+1, b.Rounds, n, kind, short(took))
			}
		}
	}
	t := &table{
		title:   fmt.Sprintf("%d bare children, %d at once in all, medians of %d rounds", b.Children, b.Window, b.Rounds),
		columns: []string{"parents", "children with an activity", "of one parent's time", "children started, nobody works", "of one parent's time"},
	}
	for _, n := range several {
		rate := func(d []time.Duration) string {
			return fmt.Sprintf("%.0f/s", float64(b.Children)/median(d).Seconds())
		}
		share := func(of map[int][]time.Duration) string {
			return fmt.Sprintf("%.2f", rounds{of[n], of[1]}.ratio())
		}
		t.add(told, n, rate(work[n]), share(work), rate(starts[n]), share(starts))
	}
	single, best := float64(b.Children)/median(work[1]).Seconds(), 1.0
	for _, n := range several[1:] {
		best = max(best, rounds{work[1], work[n]}.ratio())
	}
	t.add(judge(single >= burstRate || best <= bound), "gain", fmt.Sprintf("%.2f times one parent's rate", best),
		fmt.Sprintf("at most %.1f, or one parent does %d/s", bound, burstRate), "", "")
	return []table{*t}, nil
}
