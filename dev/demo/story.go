package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/onelogin"
	"bob-onelogin/workflows"
)

// endWithin is how long each person may take to end as the story says.
const endWithin = 60 * time.Second

type record = map[string]any

// part is one person's part in the story. Everything about the people is
// invented, and they are named after their parts.
type part struct {
	id          string
	first, last string

	// before is Bob's record before the story, nil for somebody new; account
	// says what OneLogin holds of it then.
	before  record
	account account

	// happens says in Bob's words what happens: change is merged into the
	// record, events are the webhooks, each delivered so many times.
	happens    string
	change     record
	events     []employee.EventType
	deliveries int

	// expected says what end is, for people.
	expected string
	end      end
}

// account is what OneLogin holds of a person before the story.
type account int

const (
	noAccount account = iota
	linkedAccount
	// unlinkedAccount has the address and nothing of Bob.
	unlinkedAccount
)

// end is how a part must end.
type end struct {
	state   workflows.SyncState
	outcome employee.Outcome
	// user is the one OneLogin user of this person; nil: there must be none.
	user *userEnd
}

// userEnd is what OneLogin must say. Empty texts are not compared.
type userEnd struct {
	status onelogin.Status
	title  string
	// manager is the Bob id of the manager who must be linked.
	manager       string
	sessionsEnded bool
	// writtenOnce: nothing was written after the creation.
	writtenOnce bool
}

func (p part) name() string { return p.first + " " + p.last }

func (p part) email() string {
	return strings.ToLower(p.first) + "." + strings.ToLower(p.last) + "@example.com"
}

const (
	bossOne = "4100000000000000001"
	bossTwo = "4100000000000000002"
)

// story is who plays what. Today is in the zone in which the product reads
// dates.
func story(today time.Time) []part {
	day := func(days int) string { return today.AddDate(0, 0, days).Format(time.DateOnly) }
	active := record{"status": "Active", "lifecycleStatus": "employed"}
	settled := func(title, boss string) record {
		return record{
			"work":     record{"title": title, "department": "Waves", "startDate": day(-700), "reportsTo": boss, "workPhone": "+44 20 7946 0100"},
			"internal": active,
		}
	}
	hired := func(title string, start int, internal record) record {
		return record{
			"work":     record{"title": title, "department": "Kites", "startDate": day(start), "reportsTo": bossOne, "workMobile": "+44 7700 900100"},
			"internal": internal,
		}
	}
	return []part{
		{
			id: bossOne, first: "Boss", last: "One",
			before: record{"work": record{"title": "Head Gardener", "department": "Gardens", "startDate": day(-2000)}, "internal": active}, account: linkedAccount,
		},
		{
			id: bossTwo, first: "Boss", last: "Two",
			before: settled("Lighthouse Keeper", bossOne), account: linkedAccount,
		},
		{
			id: "4100000000000000011", first: "Hire", last: "Today",
			happens: "created, starts today",
			change:  hired("Kite Engineer", 0, active), events: []employee.EventType{employee.EventCreated},
			expected: "one new active user, linked to the manager",
			end:      end{workflows.Done, employee.Created, &userEnd{status: onelogin.StatusActive, title: "Kite Engineer", manager: bossOne}},
		},
		{
			id: "4100000000000000012", first: "Hire", last: "Later",
			happens: "created, starts in 14 days",
			change:  hired("Map Folder", 14, record{"status": "Inactive", "lifecycleStatus": "hired"}), events: []employee.EventType{employee.EventCreated},
			expected: "the workflow waits for the start date; no user yet",
			end:      end{workflows.Waiting, employee.Scheduled, nil},
		},
		{
			id: "4100000000000000013", first: "Title", last: "Changer",
			before: settled("Surfer", bossOne), account: linkedAccount,
			happens: "promoted to Senior Surfer, now reports to Boss Two",
			change:  record{"work": record{"title": "Senior Surfer", "reportsTo": bossTwo}}, events: []employee.EventType{employee.EventUpdated},
			expected: "the same user with the new title and manager",
			end:      end{workflows.Done, employee.Updated, &userEnd{status: onelogin.StatusActive, title: "Senior Surfer", manager: bossTwo}},
		},
		{
			id: "4100000000000000014", first: "Already", last: "There",
			account: unlinkedAccount,
			happens: "created; had a OneLogin user of old under the same address",
			change:  hired("Tea Taster", -3, active), events: []employee.EventType{employee.EventCreated},
			expected: "the old user adopted and linked, no second one",
			end:      end{workflows.Done, employee.Updated, &userEnd{status: onelogin.StatusActive, title: "Tea Taster", manager: bossOne}},
		},
		{
			id: "4100000000000000015", first: "Last", last: "Day",
			before: settled("Bell Tuner", bossTwo), account: linkedAccount,
			happens: "left: terminated as of today",
			change: record{
				"internal": record{"status": "Inactive", "lifecycleStatus": "terminated", "terminationDate": day(0)},
				"employee": record{"lastDayOfWork": day(0)},
			},
			events:   []employee.EventType{employee.EventLeft},
			expected: "suspended at once, sessions ended, not deleted",
			end:      end{workflows.Done, employee.Suspended, &userEnd{status: onelogin.StatusSuspended, title: "Bell Tuner", sessionsEnded: true}},
		},
		{
			id: "4100000000000000016", first: "Thrice", last: "Told",
			happens: "created, and the same webhook delivered three times",
			change:  hired("Cloud Counter", 0, active), events: []employee.EventType{employee.EventCreated}, deliveries: 3,
			expected: "one user, written once",
			end:      end{workflows.Done, employee.Created, &userEnd{status: onelogin.StatusActive, title: "Cloud Counter", manager: bossOne, writtenOnce: true}},
		},
		{
			id: "4100000000000000017", first: "Revoked", last: "Atonce",
			before: settled("Lighthouse Keeper", bossTwo), account: linkedAccount,
			happens: "access revoked immediately, though still active in Bob",
			events:  []employee.EventType{employee.EventAccessRevoked},
			// The workflow stays: nothing may lift this until Bob says so.
			expected: "suspended at once; the workflow stays and holds it",
			end:      end{workflows.Leaving, employee.Suspended, &userEnd{status: onelogin.StatusSuspended, title: "Lighthouse Keeper", sessionsEnded: true}},
		},
	}
}

// row is one person's line of the table.
type row struct {
	part part
	link string
	seen seen
	// told is when the webhooks were sent, took the time from then to the end.
	told time.Time
	took time.Duration
	// missed is what is not as the story says, empty when all is.
	missed []string
}

// seen is what workflow and OneLogin say of one person.
type seen struct {
	view workflows.StatusView
	// users are all that have the person's link or address.
	users []user
	// manager is the name of the linked manager.
	manager string
}

// user is a OneLogin user as its stand-in shows it to tests and demos.
type user struct {
	ID              int64           `json:"id"`
	Email           string          `json:"email"`
	FirstName       string          `json:"firstname"`
	LastName        string          `json:"lastname"`
	Title           string          `json:"title"`
	Status          onelogin.Status `json:"status"`
	ExternalID      string          `json:"external_id"`
	ManagerUserID   int64           `json:"manager_user_id"`
	CreatedAt       string          `json:"created_at"`
	UpdatedAt       string          `json:"updated_at"`
	SessionsEndedAt string          `json:"_sessions_ended_at"`
}

// play tells the story and watches it to its end. Rows come in the story's
// order, those included that missed their end; an error says that it could
// not be told.
func (s *stack) play(ctx context.Context, p *progress, parts []part) ([]row, error) {
	if err := s.prepare(ctx, parts); err != nil {
		return nil, fmt.Errorf("prepare the story: %w", err)
	}
	p.say("\n%s", p.bold("The story, told by signed webhooks"))
	var rows []row
	for _, one := range parts {
		if one.events == nil {
			continue
		}
		p.say("  %-15s %s", one.name(), one.happens)
		rows = append(rows, row{part: one, link: s.workflowURL(one.id), told: time.Now()})
		if err := s.tell(ctx, one); err != nil {
			return nil, fmt.Errorf("%s: %w", one.name(), err)
		}
	}
	err := p.step("Watching how everybody ends", "Watched how everybody ends", func() error {
		return s.watch(ctx, p, rows)
	})
	return rows, err
}

// prepare makes the world before the story, without a webhook.
func (s *stack) prepare(ctx context.Context, parts []part) error {
	ids := map[string]int64{} // OneLogin's by Bob's
	for _, one := range parts {
		if one.before != nil {
			if err := s.bob.call(ctx, http.MethodPut, "/_sim/people/"+one.id, one.named(one.before), nil); err != nil {
				return err
			}
		}
		if one.account == noAccount {
			continue
		}
		var made user
		if err := s.oneLogin.call(ctx, http.MethodPost, "/_sim/users", one.user(ids), &made); err != nil {
			return err
		}
		ids[one.id] = made.ID
	}
	return nil
}

// named is a record with the person's name and address.
func (p part) named(r record) record {
	r = maps.Clone(r)
	r["firstName"], r["surname"], r["email"] = p.first, p.last, p.email()
	return r
}

// user is what OneLogin holds of the person before the story.
func (p part) user(ids map[string]int64) record {
	u := record{"email": p.email(), "username": p.email(), "firstname": p.first, "lastname": p.last, "status": 1, "state": 1}
	if p.account == unlinkedAccount {
		return u
	}
	u["external_id"] = p.id
	work, _ := p.before["work"].(record)
	for attribute, field := range map[string]string{"title": "title", "department": "department", "phone": "workPhone"} {
		u[attribute] = work[field]
	}
	if boss, ok := work["reportsTo"].(string); ok {
		u["manager_user_id"] = ids[boss]
	}
	return u
}

// tell makes the change in Bob and sees its webhooks delivered.
func (s *stack) tell(ctx context.Context, p part) error {
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	events := url.Values{}
	if p.deliveries <= 1 {
		events.Set("wait", "true")
		for _, e := range p.events {
			events.Add("event", string(e))
		}
	}
	change := record{}
	if p.change != nil {
		change = p.change
		if p.before == nil {
			change = p.named(p.change)
		}
	}
	var sent struct {
		Delivered *bool `json:"delivered"`
		Status    int   `json:"status"`
	}
	if err := s.bob.call(ctx, http.MethodPut, "/_sim/people/"+p.id+"?"+events.Encode(), change, &sent); err != nil {
		return err
	}
	if p.deliveries > 1 {
		for _, e := range p.events {
			again := record{"type": e, "employeeId": p.id, "duplicates": p.deliveries - 1, "wait": true}
			if err := s.bob.call(ctx, http.MethodPost, "/_sim/events", again, &sent); err != nil {
				return err
			}
		}
	}
	if sent.Delivered == nil || !*sent.Delivered {
		return fmt.Errorf("the webhook was not accepted: status %d", sent.Status)
	}
	return nil
}

// watch looks at everybody until all have ended as the story says, or had
// their time; and then once more, so that nothing was only passing.
func (s *stack) watch(ctx context.Context, p *progress, rows []row) error {
	waiting := make([]int, len(rows))
	for i := range rows {
		waiting[i] = i
	}
	for {
		if err := s.look(ctx, rows, waiting); err != nil {
			return err
		}
		waiting = slices.DeleteFunc(waiting, func(i int) bool {
			r := &rows[i]
			r.took = time.Since(r.told)
			over := len(r.missed) == 0 || r.took > endWithin
			if over {
				p.say("%s %-15s after %s", p.mark(len(r.missed) == 0), r.part.name(), seconds(r.took))
			}
			return over
		})
		if len(waiting) == 0 {
			break
		}
		p.now(fmt.Sprintf("%d of %d at their end; waiting for %s", len(rows)-len(waiting), len(rows), names(rows, waiting)))
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	for i := range rows {
		waiting = append(waiting, i)
	}
	return s.look(ctx, rows, waiting)
}

func names(rows []row, which []int) string {
	all := make([]string, len(which))
	for i, r := range which {
		all[i] = rows[r].part.name()
	}
	return strings.Join(all, ", ")
}

// look reads what workflow and OneLogin say of some people now.
func (s *stack) look(ctx context.Context, rows []row, which []int) error {
	var users []user
	if err := s.oneLogin.get(ctx, "/_sim/users", &users); err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	for _, i := range which {
		r := &rows[i]
		view, err := s.status(ctx, r.part.id)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			r.missed = []string{"the workflow does not say where it stands: " + err.Error()}
			continue
		}
		r.seen = find(r.part, view, users)
		r.missed = r.part.end.missedBy(r.seen, users)
	}
	return nil
}

func (s *stack) status(ctx context.Context, id string) (workflows.StatusView, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	view, err := s.dispatcher.Status(ctx, id)
	if errors.As(err, new(*serviceerror.NotFound)) {
		err = errors.New("there is none")
	}
	return view, err
}

// find picks what is a person's among all users.
func find(p part, view workflows.StatusView, users []user) seen {
	s := seen{view: view}
	for _, u := range users {
		if u.ExternalID == p.id || strings.EqualFold(u.Email, p.email()) {
			s.users = append(s.users, u)
		}
	}
	if len(s.users) == 0 {
		return s
	}
	for _, u := range users {
		if u.ID == s.users[0].ManagerUserID {
			s.manager = u.FirstName + " " + u.LastName
		}
	}
	return s
}

// missedBy says what is not as it must be, a phrase each.
func (e end) missedBy(s seen, all []user) []string {
	var missed []string
	compare := func(what string, got, want any) {
		if got != want {
			missed = append(missed, fmt.Sprintf("%s is %v instead of %v", what, got, want))
		}
	}
	compare("the workflow's state", s.view.State, e.state)
	var outcome employee.Outcome
	if s.view.LastOutcome != nil {
		outcome = s.view.LastOutcome.Outcome
	}
	if outcome != e.outcome {
		missed = append(missed, fmt.Sprintf("the outcome is %q instead of %q", outcome, e.outcome))
	}
	if e.user == nil {
		compare("the number of OneLogin users", len(s.users), 0)
		return missed
	}
	if compare("the number of OneLogin users", len(s.users), 1); len(s.users) != 1 {
		return missed
	}
	u := s.users[0]
	compare("the link to Bob", u.ExternalID, s.view.EmployeeID)
	compare("the status", u.Status, e.user.status)
	if e.user.title != "" {
		compare("the title", u.Title, e.user.title)
	}
	if e.user.manager != "" {
		boss := slices.IndexFunc(all, func(u user) bool { return u.ExternalID == e.user.manager })
		if boss < 0 || all[boss].ID != u.ManagerUserID {
			missed = append(missed, "the manager is not the one in Bob")
		}
	}
	compare("that sessions were ended", u.SessionsEndedAt != "", e.user.sessionsEnded)
	if e.user.writtenOnce {
		compare("the last write", u.UpdatedAt, u.CreatedAt)
	}
	return missed
}
