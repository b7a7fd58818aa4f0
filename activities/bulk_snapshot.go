package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// snapshot is what one reading of both sides came to: the people who are not
// in line, in the order of their keys, and what it takes to hand them out.
type snapshot struct {
	mu         sync.Mutex
	planner    planner
	apply      map[string]string
	force      bool
	candidates []candidate
	expiry     *time.Timer
}

// candidate is one person who may not be in line. The plan is kept encoded,
// because everybody is a candidate the first time.
type candidate struct {
	key     BulkKey
	manager string
	// missingManager: the listing has no user of the manager's.
	missingManager bool
	// user is the OneLogin user concerned; claimed, where it is not linked to
	// the person; leaving, where the person's access has ended.
	user             int64
	claimed, leaving bool
	// suspends: the plan suspends the person.
	suspends bool
	item     json.RawMessage
}

// snapshots holds those of this process by id, which names a run.
type snapshots struct {
	mu   sync.Mutex
	held map[string]*snapshot
}

// snapshotLifetime is how long a snapshot is kept that nobody asks for.
const snapshotLifetime = time.Hour

func (c *snapshots) put(id string, s *snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		c.held = map[string]*snapshot{}
	}
	if before := c.held[id]; before != nil {
		before.expiry.Stop()
	}
	c.held[id] = s
	s.expiry = time.AfterFunc(snapshotLifetime, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.held[id] == s {
			delete(c.held, id)
		}
	})
}

func (c *snapshots) get(id string) (*snapshot, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.held[id]
	if ok {
		s.expiry.Reset(snapshotLifetime)
	}
	return s, ok
}

// tooFewShownError: Bob shows so few of the linked people that its answer is
// not to be acted on.
type tooFewShownError struct{ shown, linked, percent int }

func (e *tooFewShownError) Error() string {
	if e.linked == 0 {
		return "Bob shows nobody at all: check that the service user's permission group lets it see people, then start again; nothing was written"
	}
	return fmt.Sprintf("Bob shows %d of the %d people whom OneLogin's users are linked to, which is less than %d%%: check the service user's permission group in Bob, or lower limits.least_shown_percent, then start again; nothing was written",
		e.shown, e.linked, e.percent)
}

// bulkRunningError: another bulk run is under way.
type bulkRunningError struct{ workflowID string }

func (e *bulkRunningError) Error() string {
	return "another bulk run is under way: " + e.workflowID + "; wait for its end, or cancel it first"
}

// BulkSnapshot reads everybody from Bob and OneLogin and plans what there is
// to do. It writes nothing. Whatever part of the reading fails, all of it is
// tried again: half a picture decides about nobody.
func (a *Activities) BulkSnapshot(ctx context.Context, in BulkSnapshotInput) (BulkSnapshotResult, error) {
	var out BulkSnapshotResult
	err := attempt(ctx, "read everybody from Bob and OneLogin", func(ctx context.Context, t *try) error {
		run := activity.GetInfo(t.ctx).WorkflowExecution
		if !in.DryRun {
			other, err := a.OtherBulk(ctx, run.ID, run.RunID)
			switch {
			case err != nil:
				return fmt.Errorf("look for another bulk run: %w", err)
			case other != "":
				return &bulkRunningError{workflowID: other}
			}
		}
		s, result, err := a.readEverybody(ctx, in, t)
		if err != nil {
			return err
		}
		out = result
		out.ID, out.Queue = run.ID+"/"+run.RunID, a.Queue
		a.snapshots.put(out.ID, s)
		return nil
	})
	return out, err
}

// reached tells people how far the reading has come.
type reached struct {
	Users     int `json:"usersListed,omitempty"`
	UsersOf   int `json:"usersOf,omitempty"`
	Employees int `json:"employeesRead,omitempty"`
	Planned   int `json:"planned,omitempty"`
}

// reading is one attempt to read and plan everybody.
type reading struct {
	*Activities
	in  BulkSnapshotInput
	try *try
	reached
	settings mapping.Settings
	// only holds the people concerned; nil for everybody.
	only map[string]bool
	// all is the listing of OneLogin; nil where the few people concerned are
	// looked up one by one.
	all   *listing
	staff *staff
}

func (a *Activities) readEverybody(ctx context.Context, in BulkSnapshotInput, t *try) (*snapshot, BulkSnapshotResult, error) {
	r := &reading{Activities: a, in: in, try: t, settings: a.Settings()}
	for _, id := range in.EmployeeIDs {
		if r.only == nil {
			r.only = map[string]bool{}
		}
		r.only[id] = true
	}
	ctx = onelogin.KeepReserve(ctx, r.settings.Limits.BudgetReservePercent)
	at := time.Now()
	if err := r.readOneLogin(ctx); err != nil {
		return nil, BulkSnapshotResult{}, err
	}
	if err := r.readBob(ctx); err != nil {
		return nil, BulkSnapshotResult{}, err
	}
	if err := r.enoughShown(); err != nil {
		return nil, BulkSnapshotResult{}, err
	}
	due, err := a.Waiting(ctx)
	if err != nil {
		return nil, BulkSnapshotResult{}, fmt.Errorf("look who waits already: %w", err)
	}
	f := finder{oneLogin: a.OneLogin, bob: r.staff, settings: r.settings, links: &linkCache{whole: true}}
	if r.all != nil {
		f.oneLogin = r.all
	}
	p := planner{Activities: a, finder: f, at: at, due: due, creating: map[string]bool{}}
	s, out, err := r.plan(ctx, p)
	if err != nil {
		return nil, BulkSnapshotResult{}, err
	}
	out.TakenAt, out.Employees, out.Users = at, len(r.staff.ids), r.Users
	out.SettingsVersion, out.SearchAttributes = r.settings.Version, a.SearchAttributes()
	out.Budget = a.budget(r.settings.Limits)
	if out.Unseen, err = r.unseen(); err != nil {
		return nil, BulkSnapshotResult{}, err
	}
	if in.DryRun {
		out.Brake = r.brakeAhead(ctx, s)
	} else {
		r.tellBrake(ctx)
	}
	return s, out, nil
}

// tellBrake tells how many linked users there are, which the listing shows for
// nothing. Where it cannot be told, the brake goes by an older number, or by its
// floor.
func (r *reading) tellBrake(ctx context.Context) {
	if r.all == nil || r.Brake == nil || !r.settings.Brake.Enabled {
		return
	}
	telling, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	if err := r.Brake.Learn(telling, r.all.active); err != nil {
		activity.GetLogger(r.try.ctx).Warn("The suspension brake was not told how many linked users there are", "error", err)
	}
}

// brakeAhead tells what the brake would let pass of a plan.
func (r *reading) brakeAhead(ctx context.Context, s *snapshot) *BrakeAhead {
	by := r.settings.Brake
	if !by.Enabled {
		return nil
	}
	ahead := BrakeAhead{Window: by.Window}
	for _, c := range s.candidates {
		if c.suspends {
			ahead.Planned++
		}
	}
	asking, cancel := context.WithTimeout(ctx, tellWithin)
	defer cancel()
	var view brake.View
	err := errNoBrake
	if r.Brake != nil {
		view, err = r.Brake.Standing(asking)
	}
	linked := 0
	if r.all != nil {
		linked = r.all.active
	}
	view = view.Under(by, linked)
	ahead.Unknown, ahead.Used, ahead.Limit = err != nil, view.Used, view.Limit
	ahead.Pass = min(ahead.Planned, view.Free())
	return &ahead
}

// going reports how far the reading is, and ends it where the run is cancelled
// or the worker stops.
func (r *reading) going() error {
	r.try.reach(r.reached)
	return r.try.ctx.Err()
}

// errShifted: users came or went while the listing was read, so that somebody
// may be missing from it.
var errShifted = errors.New("OneLogin's users changed while they were listed; the list is read anew")

// readOneLogin lists everybody, page by page.
func (r *reading) readOneLogin(ctx context.Context) error {
	fields := userFields(r.settings)
	all, total := newListing(), 0
	for number, pages := 1, 1; number <= pages; number++ {
		if err := r.going(); err != nil {
			return err
		}
		page, err := r.OneLogin.Users(ctx, onelogin.PageRequest{Page: number, Limit: r.PageLimit, Fields: fields})
		if err != nil {
			return err
		}
		if number == 1 {
			if r.only != nil && len(r.only) < page.TotalPages {
				r.Users = page.TotalCount
				return nil // looking them up costs less than the rest of the list
			}
			if err := r.affords(page.TotalPages - 1); err != nil {
				return err
			}
		} else if page.TotalCount < total {
			return errShifted
		}
		pages, total = page.TotalPages, page.TotalCount
		for _, u := range page.Users {
			if err := all.add(u); err != nil {
				return err
			}
		}
		r.Users, r.UsersOf = all.users.len(), total
	}
	if all.users.len() != total {
		return errShifted
	}
	r.all = all
	return nil
}

// affords waits for the next hour where the rest of the listing does not fit
// into this one; a listing that fits into none begins with a whole hour.
func (r *reading) affords(pages int) error {
	b := r.budget(r.settings.Limits)
	if b == nil || b.Free() >= min(pages, b.Limit-b.Reserve-1) || !time.Now().Before(b.ResetAt) {
		return nil
	}
	return &onelogin.ReservedError{Left: b.Remaining, Reserve: b.Reserve, Until: b.ResetAt}
}

// searchIDs is how many people one search by id takes.
const searchIDs = 200

func (r *reading) readBob(ctx context.Context) error {
	r.staff = newStaff(r.settings.Policy, liveRoster{api: r.Bob, policy: r.settings.Policy})
	take := func(record employee.Record) error {
		if err := r.staff.add(record); err != nil {
			return err
		}
		r.Employees = len(r.staff.ids)
		return r.going()
	}
	if r.only == nil {
		return r.Bob.EachPerson(ctx, r.settings.BobFields(), take)
	}
	for ids := range slices.Chunk(r.in.EmployeeIDs, searchIDs) {
		records, err := r.Bob.SearchByIDs(ctx, ids, r.settings.BobFields())
		if err != nil {
			return err
		}
		for _, record := range records {
			if err := take(record); err != nil {
				return err
			}
		}
	}
	// Others who matter to a decision are asked about one by one.
	r.staff.partial = true
	return nil
}

// enoughShown stops a run that would act on an answer of Bob's which lacks
// people for another reason than their leaving.
func (r *reading) enoughShown() error {
	if r.only != nil {
		return nil
	}
	if len(r.staff.ids) == 0 {
		return &tooFewShownError{}
	}
	linked := r.all.linked()
	shown := 0
	for _, id := range linked {
		if r.staff.shows(id) {
			shown++
		}
	}
	percent := r.settings.Limits.LeastShownPercent
	if shown*100 < len(linked)*percent {
		return &tooFewShownError{shown: shown, linked: len(linked), percent: percent}
	}
	return nil
}

// firstUnseen bounds the users who are listed as unseen.
const firstUnseen = 20

// unseen lists the users who can log in and are linked to somebody whom Bob
// does not show. Those who are protected are known to be none of Bob's.
func (r *reading) unseen() (*Unseen, error) {
	if r.only != nil {
		return nil, nil
	}
	var out Unseen
	for _, id := range sortedIDs(r.all.linked()) {
		if r.staff.shows(id) {
			continue
		}
		users, err := r.all.find(r.all.byExternal, id)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			if !linkedAndActive(u) || r.settings.Protected.Covers(u.ID(), u.Email()) {
				continue
			}
			if out.Users++; len(out.First) < firstUnseen {
				out.First = append(out.First, UnseenUser{EmployeeID: id, OneLoginID: u.ID()})
			}
		}
	}
	if out.Users == 0 {
		return nil, nil
	}
	return &out, nil
}

// plan decides about everybody and keeps those who are not in line.
func (r *reading) plan(ctx context.Context, p planner) (*snapshot, BulkSnapshotResult, error) {
	out := BulkSnapshotResult{Settled: map[employee.Outcome]int{}, SkippedFor: map[string]int{}}
	s := &snapshot{apply: r.in.Apply, force: r.in.Force}
	managers := map[string]string{}
	// hoping are people whose manager has no user yet: whether one is about to
	// be created is known when everybody has been looked at.
	hoping := map[string]int{}
	for place, id := range r.staff.ids {
		v, err := r.decide(ctx, &p, place)
		if err != nil {
			return nil, out, err
		}
		if v.manager != "" {
			managers[id] = v.manager
		}
		if v.Outcome == employee.Created && r.concerns(id) {
			p.creating[id] = true
		}
		if v.missingManager && v.Outcome != employee.Created {
			hoping[id] = place
			continue
		}
		if err := s.sort(v, r, &out); err != nil {
			return nil, out, err
		}
	}
	for id, place := range hoping {
		v, err := r.decide(ctx, &p, place)
		if err != nil {
			return nil, out, fmt.Errorf("employee %s: %w", id, err)
		}
		if err := s.sort(v, r, &out); err != nil {
			return nil, out, err
		}
	}
	if err := s.oneEach(&out); err != nil {
		return nil, out, err
	}
	if missing := r.notShown(); missing > 0 {
		out.Settled[employee.Skipped] += missing
		out.SkippedFor["Bob does not show this person; check the id, and that the service user may see them"] += missing
	}
	depth := depths(sortedIDs(r.staff.ids), managers)
	for i := range s.candidates {
		c := &s.candidates[i]
		c.key.Depth = depth[c.key.EmployeeID]
	}
	slices.SortFunc(s.candidates, func(a, b candidate) int { return a.key.Compare(b.key) })
	out.Items = len(s.candidates)
	// What is left to do needs the links alone, not the people.
	if r.all != nil {
		for _, id := range r.all.linked() {
			if users, err := r.all.find(r.all.byExternal, id); err == nil && len(users) == 1 {
				p.finder.links.put(id, users[0].ID())
			}
		}
		p.finder.oneLogin = newListing()
	}
	s.planner = p
	return s, out, nil
}

func sortedIDs(ids []string) []string {
	return slices.SortedFunc(slices.Values(ids), func(a, b string) int {
		return BulkKey{EmployeeID: a}.Compare(BulkKey{EmployeeID: b})
	})
}

func (r *reading) decide(ctx context.Context, p *planner, place int) (verdict, error) {
	record, err := r.staff.at(place)
	if err != nil {
		return verdict{}, err
	}
	v, err := p.person(ctx, record)
	if err != nil {
		return verdict{}, fmt.Errorf("plan for employee %s: %w", record.ID, err)
	}
	r.Planned++
	return v, r.going()
}

// concerns reports whether a person may be dealt with: where a plan is applied,
// only those who are in it.
func (r *reading) concerns(employeeID string) bool {
	_, planned := r.in.Apply[employeeID]
	return planned || r.in.Apply == nil
}

// notShown counts those of the people who were asked for by id whom Bob does
// not show.
func (r *reading) notShown() int {
	asked := r.in.EmployeeIDs
	if r.in.Apply != nil {
		asked = slices.Collect(maps.Keys(r.in.Apply))
	}
	missing := 0
	for _, id := range asked {
		if !r.staff.shows(id) {
			missing++
		}
	}
	return missing
}

// oneEach sees to it that nobody's user is another's as well. Each person was
// planned for by themselves; where one who is at work takes over the user of
// an old record, that record has nothing left to suspend, and where two would
// take over the same, a person has to decide.
func (s *snapshot) oneEach(out *BulkSnapshotResult) error {
	claims := map[int64][]string{}
	for _, c := range s.candidates {
		if c.claimed && !c.leaving {
			claims[c.user] = append(claims[c.user], c.key.EmployeeID)
		}
	}
	s.candidates = slices.DeleteFunc(s.candidates, func(c candidate) bool {
		by := claims[c.user]
		if len(by) == 0 || slices.Contains(by, c.key.EmployeeID) {
			return false
		}
		out.Settled[employee.Skipped]++
		out.skippedFor("Has left, and somebody at work takes over the OneLogin user of the same address")
		return true
	})
	for i := range s.candidates {
		c := &s.candidates[i]
		by := claims[c.user]
		if len(by) < 2 {
			continue
		}
		slices.Sort(by)
		item, err := json.Marshal(BulkItem{Key: c.key, Outcome: employee.Failed, UserID: c.user, Reason: fmt.Sprintf(
			"OneLogin user %d has the address of employees %s, who are all at work: correct the address of the wrong ones in Bob, then run `starter sync %s`",
			c.user, strings.Join(by, " and "), c.key.EmployeeID)})
		if err != nil {
			return fmt.Errorf("keep the plan for employee %s: %w", c.key.EmployeeID, err)
		}
		c.item = item
	}
	return nil
}

// maxReasons bounds the reasons that are told apart: some name ids.
const (
	maxReasons   = 20
	otherReasons = "other reasons; `starter explain` tells a person's"
)

func (r *BulkSnapshotResult) skippedFor(reason string) {
	if _, known := r.SkippedFor[reason]; !known && len(r.SkippedFor) >= maxReasons {
		reason = otherReasons
	}
	r.SkippedFor[reason]++
}

// sort keeps a person as a candidate, or counts them as settled.
func (s *snapshot) sort(v verdict, r *reading, out *BulkSnapshotResult) error {
	id := v.Key.EmployeeID
	if !r.concerns(id) {
		return nil
	}
	if v.inLine && !s.force {
		out.Settled[v.Outcome]++
		if v.Outcome == employee.Skipped {
			out.skippedFor(v.Reason)
		}
		return nil
	}
	item, err := json.Marshal(v.BulkItem)
	if err != nil {
		return fmt.Errorf("keep the plan for employee %s: %w", id, err)
	}
	s.candidates = append(s.candidates, candidate{
		key: v.Key, manager: v.manager, missingManager: v.missingManager, item: item,
		user: v.UserID, claimed: v.match.found && v.match.by != byLink,
		leaving:  v.Order != nil && v.Order.Decision.Phase == lifecycle.PhaseLeave,
		suspends: v.Outcome == employee.Suspended,
	})
	return nil
}
