package onelogin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// PageLimit is the number of users a page that is proven on live tenants.
const PageLimit = 100

// UserFields are the attributes that every read asks for. OneLogin leaves
// title, department, company, manager_user_id and custom_attributes out of a
// list unless they are named; callers name what they need besides.
var UserFields = []string{"id", "status", "state", "external_id", "email", "username"}

// PageRequest asks for one page of all users.
type PageRequest struct {
	// Page counts from 1; 0 means 1.
	Page int
	// Limit is the number of users a page, 0 means PageLimit.
	Limit int
	// Fields are the attributes wanted besides UserFields.
	Fields []string
}

// UserPage is one page of all users, in the order of their ids.
type UserPage struct {
	Users []User
	// Page is the page's number, counted from 1.
	Page int
	// TotalPages and TotalCount are those of the moment: a user created or
	// deleted meanwhile moves the later pages.
	TotalPages int
	TotalCount int
}

// FindByExternalID returns every user whose external_id is exactly id; none is
// no error. OneLogin is not known to keep external_id unique.
func (c *Client) FindByExternalID(ctx context.Context, id string, fields []string) ([]User, error) {
	return c.find(ctx, opFindExternalID, "external_id", id, fields, func(a, b string) bool { return a == b })
}

// FindByEmail returns the users whose email is the value, whatever the case;
// none is no error.
func (c *Client) FindByEmail(ctx context.Context, value string, fields []string) ([]User, error) {
	return c.find(ctx, opFindEmail, "email", value, fields, sameAddress)
}

// FindByUsername returns the users whose username is the value, whatever the
// case; none is no error.
func (c *Client) FindByUsername(ctx context.Context, value string, fields []string) ([]User, error) {
	return c.find(ctx, opFindUsername, "username", value, fields, sameAddress)
}

func sameAddress(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// find asks with OneLogin's filter and keeps those that the filter promises,
// since it takes "*" for a wildcard and its rules of case are not documented.
func (c *Client) find(ctx context.Context, op, filter, value string, fields []string, same func(a, b string) bool) ([]User, error) {
	if strings.TrimSpace(value) == "" {
		// An empty filter would find everybody.
		return nil, invalid(op, "there is nothing to look for")
	}
	a, err := c.call(ctx, request{
		op:     op,
		method: http.MethodGet,
		path:   "/api/2/users",
		query: url.Values{
			filter:   {value},
			"fields": {fieldList(fields)},
			"limit":  {strconv.Itoa(PageLimit)},
		},
		private: []string{value},
		list:    true,
	})
	if err != nil {
		return nil, err
	}
	users, err := a.users()
	if err != nil {
		return nil, err
	}
	// More pages mean that the filter was not applied; the one looked for may
	// be on any of them, and must not be taken for missing.
	if pages, err := a.count("Total-Pages"); err == nil && pages > 1 || len(users) > PageLimit {
		return nil, a.unexpected("more users than a filter can match")
	}
	return slices.DeleteFunc(users, func(u User) bool {
		return !same(u.textOrEmpty(filter), value)
	}), nil
}

// FindByIDs returns those of the users with the given ids, PageLimit at most,
// that still exist: one call for all of them.
func (c *Client) FindByIDs(ctx context.Context, ids []int64, fields []string) ([]User, error) {
	if len(ids) == 0 || len(ids) > PageLimit {
		return nil, invalid(opFindIDs, fmt.Sprintf("give 1 to %d ids", PageLimit))
	}
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = strconv.FormatInt(id, 10)
	}
	a, err := c.call(ctx, request{
		op:     opFindIDs,
		method: http.MethodGet,
		path:   "/api/2/users",
		query: url.Values{
			"user_ids": {strings.Join(list, ",")},
			"fields":   {fieldList(fields)},
			"limit":    {strconv.Itoa(PageLimit)},
		},
		list: true,
	})
	if err != nil {
		return nil, err
	}
	users, err := a.users()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(users, func(u User) bool { return !slices.Contains(ids, u.ID()) }), nil
}

// User reads one user with all attributes: GET /api/2/users/{id}.
func (c *Client) User(ctx context.Context, id int64) (User, error) {
	if id <= 0 {
		return User{}, invalid(opReadUser, "the id must be positive")
	}
	a, err := c.call(ctx, request{op: opReadUser, method: http.MethodGet, path: userPath(id)})
	if err != nil {
		return User{}, err
	}
	return a.user()
}

// Users reads one page of all users. A page without OneLogin's paging headers,
// or of another number than the one asked for, is a ServerError: what cannot
// be held against a count is no listing.
func (c *Client) Users(ctx context.Context, p PageRequest) (UserPage, error) {
	if p.Page < 0 || p.Limit < 0 {
		return UserPage{}, invalid(opListUsers, "page and limit must be positive")
	}
	if p.Page == 0 {
		p.Page = 1
	}
	if p.Limit == 0 {
		p.Limit = PageLimit
	}
	a, err := c.call(ctx, request{
		op:     opListUsers,
		method: http.MethodGet,
		path:   "/api/2/users",
		query: url.Values{
			"fields": {fieldList(p.Fields)},
			"limit":  {strconv.Itoa(p.Limit)},
			"page":   {strconv.Itoa(p.Page)},
			"sort":   {"+id"},
		},
		list: true,
	})
	if err != nil {
		return UserPage{}, err
	}
	page := UserPage{Page: p.Page}
	if page.Users, err = a.users(); err != nil {
		return UserPage{}, err
	}
	if page.TotalPages, err = a.count("Total-Pages"); err != nil {
		return UserPage{}, err
	}
	if page.TotalCount, err = a.count("Total-Count"); err != nil {
		return UserPage{}, err
	}
	if a.header.Get("Current-Page") != "" {
		current, err := a.count("Current-Page")
		if err != nil {
			return UserPage{}, err
		}
		if current != p.Page {
			return UserPage{}, a.unexpected("another page than the one asked for")
		}
	}
	return page, nil
}

// CreateUser creates a user and returns it: POST /api/2/users. OneLogin wants
// both email and username. After an error for which Uncertain holds the user
// may exist.
func (c *Client) CreateUser(ctx context.Context, attributes Attributes) (User, error) {
	return c.writeUser(ctx, opCreateUser, http.MethodPost, "/api/2/users", attributes)
}

// UpdateUser writes the given attributes of a user, leaves the others alone,
// and returns the whole user: PUT /api/2/users/{id}.
func (c *Client) UpdateUser(ctx context.Context, id int64, attributes Attributes) (User, error) {
	if id <= 0 {
		return User{}, invalid(opUpdateUser, "the id must be positive")
	}
	return c.writeUser(ctx, opUpdateUser, http.MethodPut, userPath(id), attributes)
}

func (c *Client) writeUser(ctx context.Context, op, method, path string, attributes Attributes) (User, error) {
	body, private, err := attributes.wire()
	if err != nil {
		return User{}, invalid(op, err.Error())
	}
	a, err := c.call(ctx, request{op: op, method: method, path: path, body: body, private: private})
	if err != nil {
		return User{}, err
	}
	return a.user()
}

// EndSessions ends the user's OneLogin sessions: PUT /api/1/users/{id}/logout.
// Credentials without the permission for it are refused here without stopping
// the other calls.
func (c *Client) EndSessions(ctx context.Context, id int64) error {
	if id <= 0 {
		return invalid(opEndSessions, "the id must be positive")
	}
	a, err := c.call(ctx, request{
		op:       opEndSessions,
		method:   http.MethodPut,
		path:     logoutPath(id),
		noBody:   true,
		sessions: true,
	})
	if err != nil || len(a.body) == 0 {
		return err
	}
	var body struct {
		Status struct {
			Error bool `json:"error"`
		} `json:"status"`
	}
	if json.Unmarshal(a.body, &body) != nil {
		return a.unexpected("a status was expected")
	}
	if body.Status.Error {
		return a.unexpected("an error under a status of success")
	}
	return nil
}

func invalid(op, message string) error {
	return &ValidationError{Failure: Failure{Op: op}, Message: message}
}

func userPath(id int64) string { return fmt.Sprintf("/api/2/users/%d", id) }

func logoutPath(id int64) string { return fmt.Sprintf("/api/1/users/%d/logout", id) }

// fieldList joins UserFields and the caller's, each once. Custom attributes
// can only be asked for all together.
func fieldList(extra []string) string {
	var list []string
	for _, f := range slices.Concat(UserFields, extra) {
		if strings.HasPrefix(f, customPrefix) {
			f = "custom_attributes"
		}
		if !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return strings.Join(list, ",")
}

func (a answer) user() (User, error) {
	var u User
	if json.Unmarshal(a.body, &u) != nil {
		return User{}, a.unexpected("a user was expected")
	}
	if u.ID() <= 0 {
		return User{}, a.unexpected("a user without an id")
	}
	return u, nil
}

func (a answer) users() ([]User, error) {
	users := []User{}
	if !a.isArray() || json.Unmarshal(a.body, &users) != nil {
		return nil, a.unexpected("a list of users was expected")
	}
	for _, u := range users {
		if u.ID() <= 0 {
			return nil, a.unexpected("a user without an id")
		}
	}
	return users, nil
}

// isArray is asked because null would decode into an empty list.
func (a answer) isArray() bool {
	return bytes.HasPrefix(bytes.TrimLeft(a.body, " \t\r\n"), []byte("["))
}

// count reads a paging header.
func (a answer) count(header string) (int, error) {
	n, err := strconv.Atoi(a.header.Get(header))
	if err != nil || n < 0 {
		return 0, a.unexpected("no valid header " + header)
	}
	return n, nil
}
