package lifecycle_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"bob-onelogin/internal/lifecycle"
)

var (
	policies      = []lifecycle.StatusPolicy{lifecycle.FollowBob, lifecycle.AlwaysActive, lifecycle.AlwaysSuspended}
	standings     = []lifecycle.Standing{lifecycle.StandingActive, lifecycle.StandingNotStarted, lifecycle.StandingLeft, lifecycle.StandingUnknown}
	reactivations = []lifecycle.ReactivatePolicy{lifecycle.ReactivateAlways, lifecycle.ReactivateOnActivation, lifecycle.ReactivateNever}
	// statuses are OneLogin's; there is no 6. -1 stands for an answer without.
	statuses = []int{-1, 0, 1, 2, 3, 4, 5, 7, 8}
)

func TestStatusOnCreate(t *testing.T) {
	const suspended, one = 2, 1
	tests := []struct {
		policy   lifecycle.StatusPolicy
		standing lifecycle.Standing
		want     int
		rule     string
	}{
		{lifecycle.FollowBob, active, one, "created active: Bob says active"},
		{lifecycle.FollowBob, notStarted, suspended, "Bob does not say active"},
		{lifecycle.FollowBob, unknown, suspended, "Bob does not say active"},
		{lifecycle.FollowBob, left, suspended, "access has ended"},
		{lifecycle.AlwaysActive, active, one, "always_active"},
		{lifecycle.AlwaysActive, notStarted, one, "always_active"},
		{lifecycle.AlwaysActive, unknown, one, "always_active"},
		{lifecycle.AlwaysActive, left, suspended, "access has ended"},
		{lifecycle.AlwaysSuspended, active, suspended, "always_suspended"},
		{lifecycle.AlwaysSuspended, notStarted, suspended, "always_suspended"},
		{lifecycle.AlwaysSuspended, unknown, suspended, "always_suspended"},
		{lifecycle.AlwaysSuspended, left, suspended, "access has ended"},
	}
	if len(tests) != len(policies)*len(standings) {
		t.Errorf("%d cells of %d", len(tests), len(policies)*len(standings))
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s, %s", tt.policy, tt.standing), func(t *testing.T) {
			got, rule := lifecycle.StatusOnCreate(lifecycle.Policy{Status: tt.policy}, tt.standing)
			if got != tt.want || !strings.Contains(rule, tt.rule) {
				t.Errorf("status %d, %q; want %d, %q", got, rule, tt.want, tt.rule)
			}
		})
	}
}

// The named cells of the policy table, with the rule that people read.
func TestDecideStatus(t *testing.T) {
	on := lifecycle.ReactivateOnActivation
	tests := []struct {
		name       string
		policy     lifecycle.StatusPolicy
		reactivate lifecycle.ReactivatePolicy
		user       lifecycle.UserState
		want       lifecycle.StatusAction
		rule       string
	}{
		{name: "leaver, active", user: lifecycle.UserState{Status: 1, StatusKnown: true, Standing: left}, want: lifecycle.Suspend, rule: "access has ended"},
		{name: "leaver, suspended", user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: left}, want: lifecycle.KeepStatus, rule: "already suspended"},
		{name: "leaver, locked", user: lifecycle.UserState{Status: 3, StatusKnown: true, Standing: left}, want: lifecycle.Suspend, rule: "access has ended"},
		{name: "leaver, status not shown", user: lifecycle.UserState{Standing: left}, want: lifecycle.Suspend, rule: "access has ended"},
		{name: "leaver, status 2 by accident of the zero read", user: lifecycle.UserState{Status: 2, Standing: left}, want: lifecycle.Suspend, rule: "access has ended"},
		{name: "leaver, protected", user: lifecycle.UserState{Status: 1, StatusKnown: true, Standing: left, Protected: true}, want: lifecycle.HoldStatus, rule: "protected"},
		{name: "leaver, protected, suspended", user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: left, Protected: true}, want: lifecycle.KeepStatus, rule: "already suspended"},
		{name: "leaver, protected, status not shown", user: lifecycle.UserState{Standing: left, Protected: true}, want: lifecycle.HoldStatus, rule: "protected"},
		{name: "leaver, always_active", policy: lifecycle.AlwaysActive, user: lifecycle.UserState{Status: 1, StatusKnown: true, Standing: left}, want: lifecycle.Suspend, rule: "access has ended"},
		{name: "leaver, always_suspended", policy: lifecycle.AlwaysSuspended, user: lifecycle.UserState{Status: 1, StatusKnown: true, Standing: left}, want: lifecycle.Suspend, rule: "access has ended"},

		{name: "active in both", user: lifecycle.UserState{Status: 1, StatusKnown: true, Standing: active}, want: lifecycle.KeepStatus, rule: "active, as Bob says"},
		{name: "active, protected", user: lifecycle.UserState{Status: 1, StatusKnown: true, Standing: active, Protected: true}, want: lifecycle.KeepStatus, rule: "active, as Bob says"},
		{name: "active, and Bob says not started", user: lifecycle.UserState{Status: 1, StatusKnown: true, Standing: notStarted}, want: lifecycle.KeepStatus, rule: "only a leaver is suspended"},
		{name: "active, and Bob says nothing", user: lifecycle.UserState{Status: 1, StatusKnown: true, Standing: unknown}, want: lifecycle.KeepStatus, rule: "only a leaver is suspended"},
		{name: "active under always_active", policy: lifecycle.AlwaysActive, user: lifecycle.UserState{Status: 1, StatusKnown: true, Standing: notStarted}, want: lifecycle.KeepStatus, rule: "as always_active wants it"},
		{name: "active under always_suspended", policy: lifecycle.AlwaysSuspended, user: lifecycle.UserState{Status: 1, StatusKnown: true, Standing: active}, want: lifecycle.KeepStatus, rule: "only acts on creation and leaving"},
		{name: "locked", user: lifecycle.UserState{Status: 3, StatusKnown: true, Standing: active, Activated: true}, want: lifecycle.KeepStatus, rule: "OneLogin status 3 is a matter between OneLogin and the user"},
		{name: "status not shown", user: lifecycle.UserState{Standing: active, Activated: true}, want: lifecycle.KeepStatus, rule: "lacks the status"},

		{name: "suspended, and Bob says active", user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: active}, want: lifecycle.Activate, rule: "Bob says active"},
		{name: "suspended, and Bob says not started", user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: notStarted, Activated: true}, want: lifecycle.KeepStatus, rule: "Bob does not say active"},
		{name: "suspended, and Bob says nothing", user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: unknown, Activated: true}, want: lifecycle.KeepStatus, rule: "Bob does not say active"},
		{name: "suspended, always_active", policy: lifecycle.AlwaysActive, user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: active, Activated: true}, want: lifecycle.KeepStatus, rule: "always_active only acts on creation and leaving"},
		{name: "suspended, always_suspended", policy: lifecycle.AlwaysSuspended, user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: active, Activated: true}, want: lifecycle.KeepStatus, rule: "as always_suspended wants it"},
		{name: "suspended by an administrator, on_activation, an update", reactivate: on, user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: active}, want: lifecycle.KeepStatus, rule: "no activation event came"},
		{name: "suspended by an administrator, on_activation, an activation", reactivate: on, user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: active, Activated: true}, want: lifecycle.Activate, rule: "Bob says active"},
		{name: "suspended by us, on_activation, an update", reactivate: on, user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: active, SuspendedByUs: true}, want: lifecycle.Activate, rule: "Bob says active"},
		{name: "suspended by us, never", reactivate: lifecycle.ReactivateNever, user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: active, SuspendedByUs: true, Activated: true}, want: lifecycle.KeepStatus, rule: "reactivate is never"},
		{name: "suspended, protected, and Bob says active", user: lifecycle.UserState{Status: 2, StatusKnown: true, Standing: active, Protected: true}, want: lifecycle.Activate, rule: "Bob says active"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := lifecycle.DefaultPolicy()
			if tt.policy != "" {
				p.Status = tt.policy
			}
			if tt.reactivate != "" {
				p.Reactivate = tt.reactivate
			}
			got := lifecycle.DecideStatus(p, tt.user)
			if got.Action != tt.want || !strings.Contains(got.Rule, tt.rule) {
				t.Errorf("%s, %q; want %s, %q", got.Action, got.Rule, tt.want, tt.rule)
			}
		})
	}
}

// Every cell: status code × policy × standing × reactivate × activation event
// × whose suspension it is × protection, against the rules in words.
func TestDecideStatusEveryCell(t *testing.T) {
	both := []bool{false, true}
	cells := 0
	for _, status := range statuses {
		for _, policy := range policies {
			for _, standing := range standings {
				for _, reactivate := range reactivations {
					for _, activated := range both {
						for _, ours := range both {
							for _, protected := range both {
								cells++
								u := lifecycle.UserState{
									Status: max(status, 0), StatusKnown: status >= 0, Standing: standing,
									Activated: activated, SuspendedByUs: ours, Protected: protected,
								}
								p := lifecycle.Policy{Status: policy, Reactivate: reactivate}
								got := lifecycle.DecideStatus(p, u)

								want := lifecycle.KeepStatus
								mayLift := reactivate == lifecycle.ReactivateAlways ||
									(reactivate == lifecycle.ReactivateOnActivation && (activated || ours))
								switch {
								case standing == left && status != 2 && protected:
									want = lifecycle.HoldStatus
								case standing == left && status != 2:
									want = lifecycle.Suspend
								case status == 2 && standing == active && policy == lifecycle.FollowBob && mayLift:
									want = lifecycle.Activate
								}
								if got.Action != want || got.Rule == "" {
									t.Errorf("%s, reactivate %s, %+v: %s (%s), want %s", policy, reactivate, u, got.Action, got.Rule, want)
								}
							}
						}
					}
				}
			}
		}
	}
	if want := len(statuses) * len(policies) * len(standings) * len(reactivations) * 8; cells != want || !slices.Contains(statuses, 2) {
		t.Errorf("%d cells of %d", cells, want)
	}
}

func TestDefaultPolicyIsBobsOwn(t *testing.T) {
	p := lifecycle.DefaultPolicy()
	if p.Status != lifecycle.FollowBob || p.Reactivate != lifecycle.ReactivateAlways || p.Start != (lifecycle.StartRule{When: lifecycle.StartOnDate}) ||
		p.GardenLeave != lifecycle.LeaveFollowsBob || p.TemporaryLeave != lifecycle.LeaveFollowsBob || p.Zones.Default.String() != "UTC" {
		t.Errorf("default policy %+v", p)
	}
}
