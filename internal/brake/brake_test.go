package brake

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// person is a request about the nth person, in their first case.
func person(n int, change ...func(*Request)) Request {
	r := Request{EmployeeID: fmt.Sprintf("33328838%011d", n), UserID: int64(1000 + n), Case: noon}
	for _, c := range change {
		c(&r)
	}
	return r
}

func id(n int) string { return person(n).EmployeeID }

// full is a brake whose floor of five is exhausted at noon.
func full(t *testing.T) *State {
	t.Helper()
	s := &State{}
	for n := range 5 {
		require.Equal(t, Granted, s.Ask(noon, DefaultSettings(), person(n)).Verdict)
	}
	return s
}

func TestLimit(t *testing.T) {
	tests := map[string]struct {
		settings Settings
		linked   int
		want     int
	}{
		"nobody is known":                       {DefaultSettings(), 0, 5},
		"a small company: the floor":            {DefaultSettings(), 119, 5},
		"the share is more than the floor":      {DefaultSettings(), 120, 6},
		"a hundred thousand":                    {DefaultSettings(), 100_000, 5000},
		"no share":                              {Settings{AtLeast: 3}, 100_000, 3},
		"no floor and no share: nobody":         {Settings{}, 100_000, 0},
		"no floor, and less than one person":    {Settings{Percent: 1}, 99, 0},
		"everybody, which switches nothing off": {Settings{Percent: 100}, 42, 42},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, test.settings.Limit(test.linked)) })
	}
}

func TestSettingsAreValidated(t *testing.T) {
	require.NoError(t, DefaultSettings().Validate())
	for name, s := range map[string]Settings{
		"no window":               {AtLeast: 5},
		"a window without memory": {Window: LongestWindow + time.Second},
		"a negative floor":        {Window: time.Hour, AtLeast: -1},
		"more than everybody":     {Window: time.Hour, Percent: 101},
	} {
		t.Run(name, func(t *testing.T) { require.Error(t, s.Validate()) })
	}
}

func TestAsk(t *testing.T) {
	sixth := person(6)
	tests := map[string]struct {
		// before is what happened to a full brake.
		before func(*State)
		at     time.Duration
		ask    Request
		want   Verdict
		used   int
		held   int
	}{
		"one too many is held":                {ask: sixth, want: Held, used: 5, held: 1},
		"the same question again":             {ask: person(0), at: time.Hour, want: Granted, used: 5},
		"the same person leaves again":        {ask: person(0, laterCase), at: time.Hour, want: Held, used: 5, held: 1},
		"a nanosecond before a place is free": {ask: sixth, at: 24*time.Hour - 1, want: Held, used: 5, held: 1},
		"the window has rolled":               {ask: sixth, at: 24 * time.Hour, want: Granted, used: 1},
		"who was asked again since counts from then": {
			before: func(s *State) { s.Ask(noon.Add(time.Hour), DefaultSettings(), person(0)) },
			ask:    sixth, at: 24 * time.Hour, want: Granted, used: 2,
		},
		"a revocation passes, and counts": {ask: person(6, revoked), want: Granted, used: 6},
		"a revocation of somebody held":   {before: asked(sixth), ask: person(6, revoked, laterCase), want: Granted, used: 6},
		"a revocation of somebody rejected": {
			before: func(s *State) { asked(sixth)(s); s.Reject(noon, Decision{All: true}) },
			ask:    person(6, revoked, laterCase), want: Granted, used: 6,
		},
		"held is held, however often it is asked": {before: asked(sixth, sixth), ask: sixth, want: Held, used: 5, held: 1},
		"a free place releases nobody":            {before: asked(sixth), ask: sixth, at: 25 * time.Hour, want: Held, used: 0, held: 1},
		"somebody else takes the free place":      {before: asked(sixth), ask: person(7), at: 25 * time.Hour, want: Granted, used: 1, held: 1},
		"approved": {
			before: func(s *State) { asked(sixth, person(7))(s); s.Approve(noon, Decision{EmployeeIDs: []string{id(6)}}) },
			ask:    sixth, want: Granted, used: 6, held: 1,
		},
		"approved, and the question comes from a new run": {
			before: func(s *State) { asked(sixth)(s); s.Approve(noon, Decision{All: true}) },
			ask:    person(6, laterCase), want: Granted, used: 6,
		},
		"an approval that nobody used is gone after a week": {
			before: func(s *State) { asked(sixth)(s); s.Approve(noon, Decision{All: true}); fill(s, 8*24*time.Hour) },
			ask:    sixth, at: 8 * 24 * time.Hour, want: Held, used: 5, held: 1,
		},
		"rejected": {
			before: func(s *State) { asked(sixth)(s); s.Reject(noon, Decision{All: true}) },
			ask:    person(6, laterCase), at: 25 * time.Hour, want: Rejected, used: 0,
		},
		"rejected, and the run's number does not help": {
			before: func(s *State) { asked(sixth)(s); s.Reject(noon, Decision{All: true}) },
			ask:    person(6, allowed(10)), want: Rejected, used: 5,
		},
		"rejected, and Bob tells anew: a person looks again, though there is room": {
			before: func(s *State) { asked(sixth)(s); s.Reject(noon, Decision{All: true}) },
			ask:    person(6, laterCase, event), at: 25 * time.Hour, want: Held, used: 0, held: 1,
		},
		"rejected, and the same delivery comes once more": {
			before: func(s *State) { asked(person(6, told(-time.Hour)))(s); s.Reject(noon, Decision{All: true}) },
			ask:    person(6, event, told(-time.Hour)), at: 25 * time.Hour, want: Rejected, used: 0,
		},
		"rejected, and an older delivery comes late": {
			before: func(s *State) { asked(person(6, told(-time.Hour)))(s); s.Reject(noon, Decision{All: true}) },
			ask:    person(6, event, told(-2*time.Hour)), at: 25 * time.Hour, want: Rejected, used: 0,
		},
		"rejected, and Bob has told later, by its own clock": {
			before: func(s *State) { asked(person(6, told(-time.Hour)))(s); s.Reject(noon, Decision{All: true}) },
			ask:    person(6, event, told(-time.Minute)), at: 25 * time.Hour, want: Held, used: 0, held: 1,
		},
		"rejected while held from two deliveries, of which the later one comes once more": {
			before: func(s *State) {
				asked(person(6, told(-time.Hour)), person(6, told(-time.Minute)))(s)
				s.Reject(noon, Decision{All: true})
			},
			ask: person(6, event, told(-time.Minute)), at: 25 * time.Hour, want: Rejected, used: 0,
		},
		"rejected after the event came": {
			before: func(s *State) { asked(sixth)(s); s.Reject(noon.Add(time.Minute), Decision{All: true}) },
			ask:    person(6, event), at: 25 * time.Hour, want: Rejected, used: 0,
		},
		"rejected, and Bob tells anew while nobody may pass": {
			before: func(s *State) { asked(sixth)(s); s.Reject(noon, Decision{All: true}) },
			ask:    person(6, laterCase, event), want: Held, used: 5, held: 1,
		},
		"rejected long ago: a person looks again": {
			before: func(s *State) {
				asked(sixth)(s)
				s.Reject(noon, Decision{All: true})
				s.Ask(noon.Add(20*24*time.Hour), DefaultSettings(), sixth)
			},
			ask: sixth, at: 31 * 24 * time.Hour, want: Held, used: 0, held: 1,
		},
		"rejected long ago, and nobody has asked since": {
			before: func(s *State) { asked(sixth)(s); s.Reject(noon, Decision{All: true}) },
			ask:    sixth, at: 200 * 24 * time.Hour, want: Held, used: 0, held: 1,
		},
		"rejected, and approved after all": {
			before: func(s *State) {
				asked(sixth)(s)
				s.Reject(noon, Decision{All: true})
				s.Approve(noon, Decision{EmployeeIDs: []string{id(6)}})
			},
			ask: sixth, want: Granted, used: 6,
		},
		"approved, and rejected after all": {
			before: func(s *State) {
				asked(sixth)(s)
				s.Approve(noon, Decision{All: true})
				s.Reject(noon, Decision{EmployeeIDs: []string{id(6)}})
			},
			ask: sixth, at: 25 * time.Hour, want: Rejected, used: 0,
		},
		"refused by OneLogin: the place is free again": {
			before: func(s *State) { s.Refund(id(3), noon) }, ask: sixth, want: Granted, used: 5,
		},
		"refused by OneLogin in another case": {
			before: func(s *State) { s.Refund(id(3), noon.Add(-time.Hour)); s.Refund(id(9), noon) },
			ask:    sixth, want: Held, used: 5, held: 1,
		},
		"dropped, and leaves again when there is room": {
			before: func(s *State) { asked(sixth)(s); s.Drop(id(6)) },
			ask:    sixth, at: 25 * time.Hour, want: Granted, used: 1,
		},
		"a bulk run's number": {ask: person(6, allowed(1)), want: Granted, used: 6},
		"a bulk run's number, used up": {
			before: asked(person(6, allowed(1))), ask: person(7, allowed(1)), want: Held, used: 6, held: 1,
		},
		"another bulk run's number is its own": {
			before: asked(person(6, allowed(1))), ask: person(7, allowed(1), func(r *Request) { r.Run = "bulk-sync/another" }),
			want: Granted, used: 7,
		},
		"a bulk run's number releases who was held before": {before: asked(sixth), ask: person(6, allowed(1)), want: Granted, used: 6},
		"a bulk run's number is spared while there is room": {
			before: func(s *State) {
				s.Ask(noon.Add(25*time.Hour), DefaultSettings(), person(6, allowed(1)))
				fill(s, 25*time.Hour)
			},
			ask: person(8, allowed(1)), at: 25 * time.Hour, want: Granted, used: 6,
		},
		"granted, but its place is somebody else's by now": {
			before: func(s *State) { fill(s, 25*time.Hour) }, ask: person(0), at: 25 * time.Hour, want: Held, used: 5, held: 1,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := full(t)
			if test.before != nil {
				test.before(s)
			}
			got := s.Ask(noon.Add(test.at), DefaultSettings(), test.ask)
			require.Equal(t, Answer{Verdict: test.want, Used: test.used, Limit: 5, Window: 24 * time.Hour, Held: test.held}, got)
			require.Equal(t, got, s.Ask(noon.Add(test.at), DefaultSettings(), test.ask), "the answer whose way back was lost is the same")
		})
	}
}

func laterCase(r *Request) { r.Case = r.Case.Add(time.Minute) }
func revoked(r *Request)   { r.Revoked = true }
func event(r *Request)     { r.EventAt = noon.Add(time.Second) }
func told(after time.Duration) func(*Request) {
	return func(r *Request) { r.ToldAt = noon.Add(after) }
}

func allowed(n int) func(*Request) {
	return func(r *Request) { r.Run, r.Allow = "bulk-sync/one", n }
}

func asked(requests ...Request) func(*State) {
	return func(s *State) {
		for _, r := range requests {
			s.Ask(noon, DefaultSettings(), r)
		}
	}
}

// fill takes every place that is free some time after noon.
func fill(s *State, after time.Duration) {
	now := noon.Add(after)
	for n := 100; s.used(now) < s.limit(now); n++ {
		s.Ask(now, DefaultSettings(), person(n, func(r *Request) { r.Case = now }))
	}
}

func TestACountRaisesTheLimitForThreeDays(t *testing.T) {
	s := full(t)
	wants := func(at time.Time, r Request) bool { return s.WantsCount(at, DefaultSettings(), r) }
	require.False(t, wants(noon, person(0)), "asked before")
	require.False(t, wants(noon, person(6, revoked)), "passes in any case")
	require.True(t, wants(noon, person(6)))
	require.False(t, s.WantsCount(noon, Settings{Enabled: true, Window: time.Hour, AtLeast: 5}, person(6)), "no share to count for")
	require.False(t, wants(noon.Add(25*time.Hour), person(6)), "there is room under the floor")

	s.Learn(Count{Linked: 200, At: noon})
	require.False(t, wants(noon, person(6)))
	got := s.Ask(noon, DefaultSettings(), person(6))
	require.Equal(t, Granted, got.Verdict)
	require.Equal(t, 10, got.Limit)
	s.Learn(Count{Linked: 1000, At: noon.Add(-time.Hour)})
	require.Equal(t, 10, s.View(noon, 0).Limit, "an older count")

	fill(s, 73*time.Hour)
	later := noon.Add(73 * time.Hour)
	require.Equal(t, 5, s.View(later, 0).Limit, "a count of three days ago says nothing")
	require.True(t, wants(later, person(7)))
}

func TestDecisionsNameSomebody(t *testing.T) {
	require.NoError(t, Decision{All: true}.Validate())
	require.NoError(t, Decision{EmployeeIDs: []string{id(1)}}.Validate())
	require.Error(t, Decision{}.Validate())
	require.Error(t, Decision{All: true, EmployeeIDs: []string{id(1)}}.Validate())
}

func TestDecide(t *testing.T) {
	s := full(t)
	for n := 6; n < 10; n++ {
		s.Ask(noon.Add(time.Duration(n)*time.Minute), DefaultSettings(), person(n))
	}
	now := noon.Add(time.Hour)
	got := s.Approve(now, Decision{EmployeeIDs: []string{id(9), id(1), id(9)}})
	require.Equal(t, Decided{People: 1, EmployeeIDs: []string{id(9)}, NotHeld: []string{id(1)}, Held: 3}, got)
	require.Equal(t, Decided{People: 1, EmployeeIDs: []string{id(9)}, Held: 3}, s.Approve(now.Add(time.Minute), Decision{EmployeeIDs: []string{id(9)}}), "once more")
	require.Equal(t, []Person{{id(9), 1009, now}}, s.View(now, 5).ApprovedPeople, "it was decided then")
	require.Equal(t, noon.Add(8*time.Minute), s.View(now, 1).Newest)
	got = s.Reject(now, Decision{All: true, Until: noon.Add(7 * time.Minute)})
	require.Equal(t, Decided{People: 2, EmployeeIDs: []string{id(6), id(7)}, Held: 1}, got, "who was held after the look stays")
	require.Equal(t, Decided{People: 1, EmployeeIDs: []string{id(8)}}, s.Approve(now, Decision{All: true}))
	require.Equal(t, Decided{}, s.Approve(now, Decision{All: true}))
}

func TestTheListIsBounded(t *testing.T) {
	s := full(t)
	for n := range MaxListed {
		s.Ask(noon, DefaultSettings(), person(100+n))
	}
	got := s.Ask(noon, DefaultSettings(), person(6))
	require.True(t, got.Unlisted)
	require.Equal(t, Held, got.Verdict)
	require.Equal(t, MaxListed, got.Held)
	require.Equal(t, noon, s.View(noon, 1).FullAt)
	s.Drop(id(100))
	require.False(t, s.Ask(noon, DefaultSettings(), person(6)).Unlisted, "there is room now")

	require.Equal(t, noon, s.View(noon.Add(time.Hour), 1).FullAt)
	require.Zero(t, s.View(noon.Add(3*time.Hour), 1).FullAt, "whom there was no room for asks every hour")
	s.Approve(noon, Decision{All: true})
	require.True(t, s.Ask(noon, DefaultSettings(), person(7)).Unlisted, "who is approved takes room still")
}

// As many as there is room for, with ids and moments as they come: that must
// fit into what Temporal takes.
func TestTheStateIsBounded(t *testing.T) {
	s := &State{}
	some := rand.New(rand.NewPCG(1, 2))
	within := func(d time.Duration) int64 { return some.Int64N(int64(d / time.Millisecond)) }
	someone := func() (string, entry) {
		at := stamp(noon) + within(20*time.Hour)
		return fmt.Sprintf("33328838%011d", some.Int64N(1e11)),
			entry{User: 60_000_000 + some.Int64N(1e7), Case: at - within(time.Hour), At: at, Told: at - within(time.Hour)}
	}
	for len(s.Counted) < MaxCounted {
		id, e := someone()
		put(&s.Counted, id, e)
	}
	for len(s.Waiting) < MaxListed {
		id, e := someone()
		put(&s.Waiting, id, e)
	}
	later := noon.Add(20 * time.Hour)
	got := s.Ask(later, Settings{Window: time.Hour, Percent: 100, AtLeast: 2 * MaxCounted}, person(6))
	require.Equal(t, Held, got.Verdict, "nobody passes who would not be remembered")
	require.True(t, got.Unlisted)
	approved := idsOf(s.Waiting)[0]
	s.Approve(noon, Decision{EmployeeIDs: []string{approved}})
	got = s.Ask(later, DefaultSettings(), Request{EmployeeID: approved, Case: noon})
	require.Equal(t, Held, got.Verdict)
	require.True(t, got.Unlisted, "it asks again, and the approval stays")
	require.Len(t, s.Approved, 1)
	require.Equal(t, Granted, s.Ask(later, DefaultSettings(), person(1, revoked)).Verdict, "a revocation passes whatever there is")

	packed, err := s.Pack()
	require.NoError(t, err)
	t.Logf("%d people take %d bytes", len(s.Counted)+len(s.Waiting), len(packed))
	require.Less(t, len(packed)*4/3, 2<<20, "what Temporal takes, as JSON has it")
	back, err := Unpack(packed)
	require.NoError(t, err)
	again, err := back.Pack()
	require.NoError(t, err)
	require.Equal(t, packed, again)
	require.Equal(t, s.View(noon, MaxListed), back.View(noon, MaxListed))
}

func TestUnpack(t *testing.T) {
	s, err := Unpack(nil)
	require.NoError(t, err)
	require.Equal(t, State{}, s)
	_, err = Unpack([]byte("no state"))
	require.Error(t, err)
}

// A brake lives for years, and hands its state over from build to build: what an
// earlier one has packed must mean the same for ever.
func TestStateOfAnEarlierBuild(t *testing.T) {
	earlier, err := os.ReadFile("testdata/state.json")
	require.NoError(t, err)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err = z.Write(earlier)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	s, err := Unpack(packed.Bytes())
	require.NoError(t, err)
	now := noon.Add(90 * time.Minute)
	require.Equal(t, View{
		At: now, Settings: DefaultSettings(), Used: 7, Limit: 10, Linked: 200, CountedAt: noon,
		FreeAt: noon.Add(24 * time.Hour), Held: 2, Approved: 1, Rejected: 1, Since: noon.Add(20 * time.Minute), FullAt: noon.Add(50 * time.Minute),
		Newest: noon.Add(21 * time.Minute),
		People: []Person{{id(20), 1020, noon.Add(20 * time.Minute)}, {id(21), 1021, noon.Add(21 * time.Minute)}},

		ApprovedPeople: []Person{{id(30), 1030, noon.Add(30 * time.Minute)}}, RejectedPeople: []Person{{id(31), 1031, noon.Add(31 * time.Minute)}},
	}, s.View(now, 5))
	again, err := json.MarshalIndent(&s, "", "  ")
	require.NoError(t, err)
	require.JSONEq(t, string(earlier), string(again), "a field has another name, or is gone")
	require.Equal(t, Granted, s.Ask(now, DefaultSettings(), person(30)).Verdict, "who was approved passes")
	require.Equal(t, Rejected, s.Ask(now, DefaultSettings(), person(31)).Verdict, "who was rejected does not")
}

func TestView(t *testing.T) {
	s := full(t)
	s.Ask(noon.Add(2*time.Minute), DefaultSettings(), person(7))
	s.Ask(noon.Add(time.Minute), DefaultSettings(), person(8))
	s.Learn(Count{Linked: 40, At: noon})
	now := noon.Add(time.Hour)
	require.Equal(t, View{
		At: now, Settings: DefaultSettings(), Used: 5, Limit: 5, Linked: 40, CountedAt: noon, FreeAt: noon.Add(24 * time.Hour),
		Held: 2, Since: noon.Add(time.Minute), Newest: noon.Add(2 * time.Minute), People: []Person{{id(8), 1008, noon.Add(time.Minute)}},
	}, s.View(now, 1))
	require.Equal(t, 0, s.View(now, 1).Free())
	require.Equal(t, 15, s.View(now, 1).Under(Settings{Window: time.Hour, AtLeast: 5, Percent: 50}, 0).Free())
	require.Equal(t, 5, View{}.Under(DefaultSettings(), 0).Free(), "a brake that was never asked")
}

// TestNeverOneTooMany: whatever is asked in whatever order, whoever is granted
// something was under the limit, or approved, or revoked, or within a run's own
// number; and no window holds more.
func TestNeverOneTooMany(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := Settings{
			Enabled: true, Window: time.Duration(rapid.IntRange(1, 72).Draw(t, "hours")) * time.Hour,
			AtLeast: rapid.IntRange(0, 4).Draw(t, "floor"), Percent: rapid.IntRange(0, 10).Draw(t, "percent"),
		}
		s, now := &State{}, noon
		if rapid.Bool().Draw(t, "counted") {
			s.Learn(Count{Linked: rapid.IntRange(0, 80).Draw(t, "linked"), At: noon})
		}
		type grant struct {
			id string
			c  time.Time
			at time.Time
		}
		var grants []grant // one for each case
		passes, passedAt := map[string]int{}, noon
		// stands is what was last said of a person who is on a list.
		stands := map[string]Verdict{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			pause := rapid.SampledFrom([]time.Duration{5 * time.Hour, 5 * time.Hour, 5 * time.Hour, 40 * 24 * time.Hour}).Draw(t, "pause")
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(pause)).Draw(t, "later")))
			n := rapid.IntRange(0, 12).Draw(t, "who")
			r := person(n, func(r *Request) {
				r.Case = noon.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "case")) * time.Second)
				if rapid.Bool().Draw(t, "event") {
					r.EventAt = now
				}
				r.Revoked = rapid.IntRange(0, 9).Draw(t, "revoked") == 0
				if rapid.IntRange(0, 5).Draw(t, "of a run") == 0 {
					r.Run, r.Allow = "run", 2
				}
			})
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				for _, id := range s.Approve(now, Decision{EmployeeIDs: []string{r.EmployeeID}}).EmployeeIDs {
					delete(stands, id)
				}
				continue
			case 1:
				for _, id := range s.Reject(now, Decision{EmployeeIDs: []string{r.EmployeeID}}).EmployeeIDs {
					stands[id] = Rejected
				}
				continue
			case 2:
				s.Drop(r.EmployeeID)
				delete(stands, r.EmployeeID)
				continue
			}
			_, approved := s.Approved[r.EmployeeID]
			s.Settings = settings
			limit, before, again := s.limit(now), 0, -1
			// Stamps are whole milliseconds, rounded up.
			within := func(at time.Time) bool { return stamp(at) > now.Add(-settings.Window).UnixMilli() }
			for i, g := range grants {
				if g.id == r.EmployeeID && g.c.Equal(r.Case) {
					again = i
				}
				if within(g.at) {
					before++
				}
			}
			answer := s.Ask(now, settings, r)
			stood := stands[r.EmployeeID]
			if answer.Verdict != Granted {
				stands[r.EmployeeID] = answer.Verdict
				continue
			}
			delete(stands, r.EmployeeID)
			if latest := s.Counted[r.EmployeeID]; latest.Case != stamp(r.Case) {
				t.Fatalf("granted, and not counted")
			}
			if again >= 0 && within(grants[again].at) {
				grants[again].at = now
				continue
			}
			switch {
			case r.Revoked, approved:
			case stood == Rejected, stood == Held && r.Run == "":
				t.Fatalf("%s, and granted without a person", stood)
			case stood != Held && before < limit:
			case r.Run != "":
				if now.Sub(passedAt) > runLife {
					passes[r.Run] = 0 // a run of before
				}
				passedAt = now
				if passes[r.Run]++; passes[r.Run] > r.Allow {
					t.Fatalf("the run's number of %d was passed", r.Allow)
				}
			default:
				t.Fatalf("one too many: %d of %d were used", before, limit)
			}
			grants = append(grants, grant{r.EmployeeID, r.Case, now})
		}
	})
}
