package onelogin

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const defaultLimit = 50

const customFilter = "custom_attributes."

// textFilters are exact, with * for any run of characters.
var textFilters = map[string]int{
	"email":          attrEmail,
	"username":       attrUsername,
	"firstname":      attrFirstname,
	"lastname":       attrLastname,
	"samaccountname": attrSamaccountname,
	"external_id":    attrExternalID,
	"directory_id":   attrDirectoryID,
}

// timeFilters compare with an ISO 8601 time; "since" includes it.
var timeFilters = map[string]struct {
	at    int
	since bool
}{
	"created_since":    {attrCreatedAt, true},
	"created_until":    {attrCreatedAt, false},
	"updated_since":    {attrUpdatedAt, true},
	"updated_until":    {attrUpdatedAt, false},
	"last_login_since": {attrLastLogin, true},
	"last_login_until": {attrLastLogin, false},
}

var listParameters = []string{"user_ids", "fields", "sort", "limit", "page", "cursor"}

// listing is a query of GET /api/2/users that has been checked.
type listing struct {
	shown       []int
	exact       map[int]string // filters that an index answers
	filters     []func(*user) bool
	ids         []int64 // user_ids; nil: not asked for
	descending  bool
	sort        string
	limit, page int
}

// pageOfEverybody names the calls that list users without choosing any, so that
// listings can be told from look-ups, which have the same route.
func pageOfEverybody(route string, r *http.Request) string {
	if route != "GET /api/2/users" {
		return ""
	}
	for name := range r.URL.Query() {
		if name == "user_ids" || !slices.Contains(listParameters, name) {
			return ""
		}
	}
	return route + "?page"
}

// parseListing checks a query; unknown names are refused all at once.
func parseListing(q url.Values, definitions []definition, maxLimit int) (listing, error) {
	l := listing{shown: thinAttributes, exact: map[int]string{}, limit: min(defaultLimit, maxLimit), page: 1}
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(q)) {
		value := q.Get(name)
		if at, ok := textFilters[name]; ok {
			l.addText(at, value)
			continue
		}
		if f, ok := timeFilters[name]; ok {
			if err := l.addTime(name, value, f.at, f.since); err != nil {
				return listing{}, err
			}
			continue
		}
		if shortname, ok := strings.CutPrefix(name, customFilter); ok && slices.ContainsFunc(definitions, func(d definition) bool { return d.Shortname == shortname }) {
			l.filters = append(l.filters, func(u *user) bool { return wild(value, textOf(u.custom[shortname])) })
			continue
		}
		if !slices.Contains(listParameters, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return listing{}, badRequest("query parameter(s) not allowed: " + strings.Join(unknown, ", "))
	}
	return l, cmp.Or(l.setIDs(q), l.setFields(q), l.setPage(q, maxLimit), l.setSort(q))
}

// addText ignores case for addresses and user names alone: for the others
// OneLogin's rule is not known. An empty value is for users without one.
func (l *listing) addText(at int, pattern string) {
	if at == attrEmail || at == attrUsername {
		pattern = strings.ToLower(pattern)
		l.filters = append(l.filters, func(u *user) bool { return wild(pattern, u.key(at)) })
	} else {
		l.filters = append(l.filters, func(u *user) bool { return wild(pattern, textOf(u.values[at])) })
	}
	if pattern != "" && !strings.Contains(pattern, "*") {
		l.exact[at] = pattern
	}
}

func (l *listing) addTime(name, value string, at int, since bool) error {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		t, err = time.Parse(time.DateOnly, value)
	}
	if err != nil {
		return badRequest(name + " must be an ISO 8601 time")
	}
	bound := formatTime(t)
	l.filters = append(l.filters, func(u *user) bool {
		switch v := textOf(u.values[at]); {
		case v == "":
			return false
		case since:
			return v >= bound
		default:
			return v < bound
		}
	})
	return nil
}

func (l *listing) setIDs(q url.Values) error {
	if !q.Has("user_ids") {
		return nil
	}
	l.ids = []int64{}
	for item := range strings.SplitSeq(q.Get("user_ids"), ",") {
		id, err := strconv.ParseInt(strings.TrimSpace(item), 10, 64)
		if err != nil {
			return badRequest("user_ids must be a list of integers")
		}
		l.ids = append(l.ids, id)
	}
	slices.Sort(l.ids)
	l.ids = slices.Compact(l.ids)
	return nil
}

// setFields always shows the id, as the documentation of fields says.
func (l *listing) setFields(q url.Values) error {
	if q.Get("fields") == "" {
		return nil
	}
	var bad []string
	shown := []int{attrID}
	for name := range strings.SplitSeq(q.Get("fields"), ",") {
		name = strings.TrimSpace(name)
		at, ok := attributeByName[name]
		switch {
		case !ok || at >= shownAttributes:
			bad = append(bad, name)
		case !slices.Contains(shown, at):
			shown = append(shown, at)
		}
	}
	if len(bad) > 0 {
		return badField("Invalid display field(s) for User: "+strings.Join(bad, ", "), "fields")
	}
	l.shown = shown
	return nil
}

func (l *listing) setPage(q url.Values, maxLimit int) error {
	if err := openCursor(q); err != nil {
		return err
	}
	for name, into := range map[string]*int{"limit": &l.limit, "page": &l.page} {
		if !q.Has(name) {
			continue
		}
		n, err := strconv.Atoi(q.Get(name))
		if err != nil || n < 1 {
			return badPaging(name + " must be a positive integer")
		}
		*into = n
	}
	// Whether more than the cap is refused or cut down is not known. It is cut
	// down: a client that counts on the limit it sent then loses users and shows
	// its mistake.
	l.limit = min(l.limit, maxLimit)
	return nil
}

// openCursor puts what a cursor stands for into the query.
func openCursor(q url.Values) error {
	if !q.Has("cursor") {
		return nil
	}
	if q.Has("limit") || q.Has("page") {
		return badPaging("Requests can only have cursor xor pagination arguments")
	}
	raw, err := base64.StdEncoding.DecodeString(q.Get("cursor"))
	if err != nil {
		return badPaging("Invalid cursor")
	}
	page, err := url.ParseQuery(string(raw))
	if err != nil || !page.Has("page") {
		return badPaging("Invalid cursor")
	}
	for _, name := range []string{"limit", "page", "sort"} {
		if page.Has(name) && !q.Has(name) {
			q.Set(name, page.Get(name))
		}
	}
	return nil
}

func (l *listing) setSort(q url.Values) error {
	l.sort = q.Get("sort")
	field := l.sort
	switch {
	case strings.HasPrefix(field, "-"):
		field, l.descending = field[1:], true
	case strings.HasPrefix(field, "+"), strings.HasPrefix(field, " "): // an unescaped + is a space
		field = field[1:]
		l.sort = "+" + field
	}
	if field != "" && field != "id" {
		return badField("Invalid sort field: "+field, field)
	}
	return nil
}

// pick returns the users of the page and how many there are on all pages.
func (l *listing) pick(s *store) (page []*user, total int) {
	ids := l.candidates(s)
	if len(l.filters) > 0 {
		matching := make([]int64, 0, min(len(ids), l.limit))
		for _, id := range ids {
			if l.matches(s.users[id]) {
				matching = append(matching, id)
			}
		}
		ids = matching
	}
	total = len(ids)
	start := total
	if l.page <= total { // a later page is empty whatever the limit, and might overflow
		start = (l.page - 1) * l.limit
	}
	for at := start; at < min(start+l.limit, total); at++ {
		if l.descending {
			page = append(page, s.users[ids[total-1-at]])
		} else {
			page = append(page, s.users[ids[at]])
		}
	}
	return page, total
}

// candidates are sorted ids of users, from an index where a filter has one.
func (l *listing) candidates(s *store) []int64 {
	if email, ok := l.exact[attrEmail]; ok {
		return l.within(indexed(s.byEmail, email))
	}
	if username, ok := l.exact[attrUsername]; ok {
		return l.within(indexed(s.byUsername, username))
	}
	if external, ok := l.exact[attrExternalID]; ok {
		return l.within(s.byExternal[external])
	}
	if l.ids != nil {
		return slices.DeleteFunc(slices.Clone(l.ids), func(id int64) bool { return s.users[id] == nil })
	}
	return s.ids
}

func indexed(index map[string]int64, key string) []int64 {
	if id, ok := index[key]; ok {
		return []int64{id}
	}
	return nil
}

// within keeps those that user_ids asks for.
func (l *listing) within(ids []int64) []int64 {
	if l.ids == nil {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id int64) bool {
		_, asked := slices.BinarySearch(l.ids, id)
		return !asked
	})
}

func (l *listing) matches(u *user) bool {
	for _, filter := range l.filters {
		if !filter(u) {
			return false
		}
	}
	return true
}

// cursor is a page in the form OneLogin's cursors have: a query in base64.
func (l *listing) cursor(page int) string {
	q := fmt.Sprintf("limit=%d&page=%d", l.limit, page)
	if l.sort != "" {
		q += "&sort=" + url.QueryEscape(l.sort)
	}
	return base64.StdEncoding.EncodeToString([]byte(q))
}

// wild matches a pattern in which * stands for any run of characters.
func wild(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return strings.HasSuffix(s, last)
}

// thinAttributes are those of list items, fullAttributes those of everything
// else.
var thinAttributes, fullAttributes = func() (thin, full []int) {
	for at := range shownAttributes {
		full = append(full, at)
		if attributes[at].thin {
			thin = append(thin, at)
		}
	}
	return thin, full
}()
