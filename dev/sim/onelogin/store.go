package onelogin

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	firstUserID = 60_000_000

	// lockLife and licenceLag were read back from live accounts: a lock lifts by
	// itself, and a user without a licence gets one, 15 minutes later.
	lockLife   = 15 * time.Minute
	licenceLag = 15 * time.Minute
)

// user holds null as nil, texts as string, integers as int64, times as text.
type user struct {
	values          [shownAttributes]any
	custom          map[string]any // by shortname, string or nil; absent is null
	statusSince     time.Time
	sessionsEndedAt time.Time
	counted         bool // in store.licensed
}

func (u *user) id() int64            { return u.values[attrID].(int64) }
func (u *user) integer(at int) int64 { n, _ := u.values[at].(int64); return n }
func (u *user) key(at int) string    { return strings.ToLower(textOf(u.values[at])) }

// licensed users take one of the account's licences. Suspended ones do not.
func (u *user) licensed() bool {
	return u.integer(attrState) == stateApproved && u.integer(attrStatus) != statusSuspended
}

// definition of a custom attribute.
type definition struct {
	ID        int64  `json:"id"`
	Name      string `json:"name"`
	Shortname string `json:"shortname"`
	Position  *int   `json:"position"`
}

// sessionEnd is one call of the v1 logout.
type sessionEnd struct {
	UserID  int64  `json:"user_id"`
	EndedAt string `json:"ended_at"`
}

// waiting is a user in a status or state that ends by itself.
type waiting struct {
	id    int64
	since time.Time
}

// store is the account. Its callers hold Server.mu.
type store struct {
	account string

	users      map[int64]*user
	ids        []int64 // sorted
	lastID     int64
	byEmail    map[string]int64 // lower case
	byUsername map[string]int64 // lower case
	byExternal map[string][]int64

	definitions      []definition
	lastDefinitionID int64
	sessions         []sessionEnd

	// A user whom the stand-in itself made Unlicensed gets a licence when one
	// has been free for long enough; one seeded so stays so.
	licences     int // 0 is no bound
	licensed     int
	freeSince    time.Time // zero while no licence is free
	unactivated  []waiting
	locked       []waiting
	overLicensed []waiting // approved, but one too many
	unlicensed   []int64   // in the order they lost their licence
}

func newStore(account string) *store {
	return &store{
		account:    account,
		users:      map[int64]*user{},
		lastID:     firstUserID,
		byEmail:    map[string]int64{},
		byUsername: map[string]int64{},
		byExternal: map[string][]int64{},
	}
}

// nextID leaves gaps, as an account whose ids come from a shared sequence has.
func (s *store) nextID() int64 { return s.lastID + 1 + (s.lastID*7)%13 }

// change is a body that has been checked.
type change struct {
	values map[int]any
	custom map[string]any
}

// parse checks a body against the model. With everything set, read-only
// attributes are written too. unknown is the first name that is not in the
// model; problems are clauses of a 422.
func (s *store) parse(body map[string]any, everything bool) (c change, unknown string, problems []string) {
	c = change{values: map[int]any{}, custom: map[string]any{}}
	for _, name := range slices.Sorted(maps.Keys(body)) {
		at, ok := attributeByName[name]
		if !ok {
			return change{}, name, nil
		}
		a := attributes[at]
		if a.readOnly && !everything {
			continue
		}
		if a.kind == custom {
			problems = append(problems, s.parseCustom(body[name], c.custom)...)
			continue
		}
		value, problem := a.parse(body[name])
		if problem != "" {
			problems = append(problems, problem)
			continue
		}
		c.values[at] = value
	}
	return c, "", problems
}

func (s *store) parseCustom(v any, into map[string]any) (problems []string) {
	if v == nil {
		return nil
	}
	object, ok := v.(map[string]any)
	if !ok {
		return []string{"Custom attributes must be an object"}
	}
	for _, shortname := range slices.Sorted(maps.Keys(object)) {
		_, isText := object[shortname].(string)
		switch {
		case s.definition(shortname) == nil:
			problems = append(problems, "Custom attribute "+shortname+" is not defined")
		case !isText && object[shortname] != nil:
			problems = append(problems, "Custom attribute "+shortname+" must be a string")
		default:
			into[shortname] = object[shortname]
		}
	}
	return problems
}

// check tells what is wrong with the user that id would become; id 0 is a user
// yet to be made.
func (s *store) check(id int64, c change) (problems []string) {
	after := user{}
	if id != 0 {
		after.values = s.users[id].values
	}
	for at, value := range c.values {
		if at < shownAttributes {
			after.values[at] = value
		}
	}
	email, username := after.key(attrEmail), after.key(attrUsername)
	if email == "" && username == "" {
		problems = append(problems, "Either email or username must be present")
	}
	if email != "" && !plausibleEmail(email) {
		problems = append(problems, "Email is invalid")
	}
	if other, taken := s.byEmail[email]; taken && other != id {
		problems = append(problems, "Email must be unique within "+s.account)
	}
	if other, taken := s.byUsername[username]; taken && other != id {
		problems = append(problems, "Username must be unique within "+s.account)
	}
	if manager, set := c.values[attrManagerUserID].(int64); set && s.users[manager] == nil {
		problems = append(problems, "Manager user could not be found")
	}
	return problems
}

func plausibleEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && !strings.ContainsAny(s, " \t\r\n") && !strings.Contains(domain, "@")
}

// create adds a user from a change that has been checked. Nothing is known of a
// status that was not given: active is chosen, as for users made by hand.
func (s *store) create(c change, now time.Time) *user {
	u := &user{custom: map[string]any{}}
	u.values[attrID] = s.nextID()
	if id, given := c.values[attrID].(int64); given {
		u.values[attrID] = id
	}
	u.values[attrStatus] = int64(statusActive)
	u.values[attrState] = int64(stateApproved)
	u.values[attrInvalidLoginAttempts] = int64(0)
	u.values[attrRoleIDs] = []int64{}
	u.values[attrCreatedAt] = formatTime(now)

	id := u.id()
	s.users[id] = u
	s.lastID = max(s.lastID, id)
	at, _ := slices.BinarySearch(s.ids, id)
	s.ids = slices.Insert(s.ids, at, id)
	s.update(u, c, now)
	return u
}

// update writes a change that has been checked.
func (s *store) update(u *user, c change, now time.Time) {
	s.unindex(u)
	status := u.values[attrStatus]
	u.values[attrUpdatedAt] = formatTime(now)
	for at, value := range c.values {
		switch {
		case at == attrPassword:
			u.values[attrPasswordChangedAt] = formatTime(now)
		case at < shownAttributes && at != attrID:
			u.values[at] = value
		}
	}
	maps.Copy(u.custom, c.custom)
	s.index(u)

	if isNew := u.statusSince.IsZero(); isNew || u.values[attrStatus] != status {
		_, lockGiven := c.values[attrLockedUntil]
		s.statusChanged(u, now, lockGiven)
	}
	s.licenceChanged(u, now)
}

func (s *store) delete(u *user, now time.Time) {
	id := u.id()
	s.unindex(u)
	delete(s.users, id)
	at, _ := slices.BinarySearch(s.ids, id)
	s.ids = slices.Delete(s.ids, at, at+1)
	if u.counted {
		s.licensed--
		s.watchFree(now)
	}
	for _, other := range s.users {
		if other.values[attrManagerUserID] == id {
			other.values[attrManagerUserID] = nil
		}
	}
}

func (s *store) index(u *user) {
	id := u.id()
	if email := u.key(attrEmail); email != "" {
		s.byEmail[email] = id
	}
	if username := u.key(attrUsername); username != "" {
		s.byUsername[username] = id
	}
	if external := textOf(u.values[attrExternalID]); external != "" {
		ids := s.byExternal[external]
		at, _ := slices.BinarySearch(ids, id)
		s.byExternal[external] = slices.Insert(ids, at, id)
	}
}

func (s *store) unindex(u *user) {
	delete(s.byEmail, u.key(attrEmail))
	delete(s.byUsername, u.key(attrUsername))
	external, id := textOf(u.values[attrExternalID]), u.id()
	rest := slices.DeleteFunc(s.byExternal[external], func(other int64) bool { return other == id })
	if len(rest) == 0 {
		delete(s.byExternal, external)
	} else {
		s.byExternal[external] = rest
	}
}

// statusChanged notes the statuses that end by themselves.
func (s *store) statusChanged(u *user, now time.Time, lockGiven bool) {
	u.statusSince = now
	switch w := (waiting{u.id(), now}); u.integer(attrStatus) {
	case statusUnactivated:
		s.unactivated = append(s.unactivated, w)
	case statusLocked:
		s.locked = append(s.locked, w)
		if !lockGiven {
			u.values[attrLockedUntil] = formatTime(now.Add(lockLife))
		}
	}
}

// licenceChanged counts the user anew. One who has just become one too many is
// on the way to losing the licence.
func (s *store) licenceChanged(u *user, now time.Time) {
	before := u.counted
	u.counted = u.licensed()
	switch {
	case u.counted && !before:
		s.licensed++
		if s.licences > 0 && s.licensed > s.licences {
			s.overLicensed = append(s.overLicensed, waiting{u.id(), now})
		}
	case before && !u.counted:
		s.licensed--
	}
	s.watchFree(now)
}

func (s *store) watchFree(now time.Time) {
	switch {
	case s.licences > 0 && s.licensed >= s.licences:
		s.freeSince = time.Time{}
	case s.freeSince.IsZero():
		s.freeSince = now
	}
}

// settle lets happen what happens by itself until now. OneLogin tells nobody:
// updated_at stays.
func (s *store) settle(now time.Time, cfg Settings) {
	inStatus := func(status int64, next int64) func(waiting) {
		return func(w waiting) {
			if u := s.users[w.id]; u != nil && u.integer(attrStatus) == status && u.statusSince.Equal(w.since) {
				u.values[attrStatus], u.statusSince = next, now
			}
		}
	}
	s.unactivated = ripe(s.unactivated, now, time.Duration(cfg.PasswordPendingAfter), inStatus(statusUnactivated, statusPasswordPending))
	s.locked = ripe(s.locked, now, lockLife, inStatus(statusLocked, statusActive))
	s.overLicensed = ripe(s.overLicensed, now, time.Duration(cfg.UnlicensedAfter), func(w waiting) {
		if u := s.users[w.id]; u != nil && u.counted && s.licences > 0 && s.licensed > s.licences {
			u.values[attrState] = int64(stateUnlicensed)
			s.licenceChanged(u, now)
			s.unlicensed = append(s.unlicensed, w.id)
		}
	})
	for len(s.unlicensed) > 0 && !s.freeSince.IsZero() && !now.Before(s.freeSince.Add(licenceLag)) {
		u := s.users[s.unlicensed[0]]
		s.unlicensed = s.unlicensed[1:]
		if u != nil && u.integer(attrState) == stateUnlicensed {
			u.values[attrState] = int64(stateApproved)
			s.licenceChanged(u, now)
		}
	}
}

// ripe calls do for those who have waited long enough and returns the rest. The
// queue is in the order of since; after < 0 is never.
func ripe(queue []waiting, now time.Time, after time.Duration, do func(waiting)) []waiting {
	for after >= 0 && len(queue) > 0 && !now.Before(queue[0].since.Add(after)) {
		do(queue[0])
		queue = queue[1:]
	}
	return queue
}

func (s *store) definition(shortname string) *definition {
	for i := range s.definitions {
		if s.definitions[i].Shortname == shortname {
			return &s.definitions[i]
		}
	}
	return nil
}

// appendUser writes the named attributes of a user as a JSON object.
func (s *store) appendUser(b []byte, u *user, shown []int) []byte {
	b = append(b, '{')
	for i, at := range shown {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, attributes[at].name)
		b = append(b, ':')
		switch v := u.values[at].(type) {
		case nil:
			if at == attrCustom {
				b = s.appendCustom(b, u)
			} else {
				b = append(b, "null"...)
			}
		case string:
			b = appendText(b, v)
		case int64:
			b = strconv.AppendInt(b, v, 10)
		case []int64:
			b = append(b, '[')
			for j, id := range v {
				if j > 0 {
					b = append(b, ',')
				}
				b = strconv.AppendInt(b, id, 10)
			}
			b = append(b, ']')
		}
	}
	return append(b, '}')
}

// appendCustom writes every defined custom attribute, null where there is none.
func (s *store) appendCustom(b []byte, u *user) []byte {
	b = append(b, '{')
	for i, d := range s.definitions {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, d.Shortname)
		b = append(b, ':')
		if v, ok := u.custom[d.Shortname].(string); ok {
			b = appendText(b, v)
		} else {
			b = append(b, "null"...)
		}
	}
	return append(b, '}')
}

func appendText(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // no string fails
	}
	return append(b, quoted...)
}

// snapshot is a user with every attribute, in values of its own.
func (s *store) snapshot(u *user) map[string]any {
	m := make(map[string]any, shownAttributes)
	for at, v := range u.values {
		if ids, ok := v.([]int64); ok {
			v = slices.Clone(ids)
		}
		m[attributes[at].name] = v
	}
	customs := make(map[string]any, len(s.definitions))
	for _, d := range s.definitions {
		customs[d.Shortname] = u.custom[d.Shortname]
	}
	m[attributes[attrCustom].name] = customs
	return m
}
