package onelogin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFindSendsAndKeepsWhatMatches(t *testing.T) {
	type find = func(*Client, context.Context, string, []string) ([]User, error)
	tests := map[string]struct {
		find   find
		value  string
		query  string
		answer string
		want   []int64
	}{
		"external id": {
			(*Client).FindByExternalID, "1001",
			"external_id=1001&fields=id%2Cstatus%2Cstate%2Cexternal_id%2Cemail%2Cusername&limit=100",
			`[{"id":1,"external_id":"1001"},{"id":2,"external_id":"10011"},{"id":3,"external_id":null},{"id":4}]`,
			[]int64{1},
		},
		"external id answered as a number": {
			(*Client).FindByExternalID, "3332883884017713238", "",
			`[{"id":1,"external_id":3332883884017713238}]`,
			[]int64{1},
		},
		"external id of two users": {
			(*Client).FindByExternalID, "1001", "",
			`[{"id":1,"external_id":"1001"},{"id":2,"external_id":"1001"}]`,
			[]int64{1, 2},
		},
		"external id in another case": {
			(*Client).FindByExternalID, "abc", "",
			`[{"id":1,"external_id":"ABC"}]`,
			[]int64{},
		},
		"email with a plus sign": {
			(*Client).FindByEmail, "sample+surf@example.com",
			"email=sample%2Bsurf%40example.com&fields=id%2Cstatus%2Cstate%2Cexternal_id%2Cemail%2Cusername&limit=100",
			`[{"id":1,"email":"sample+surf@example.com"}]`,
			[]int64{1},
		},
		"email in another case": {
			(*Client).FindByEmail, "Sample@Example.com", "",
			`[{"id":1,"email":"sample@example.COM "}]`,
			[]int64{1},
		},
		"email with a wildcard": {
			(*Client).FindByEmail, "*@example.com", "",
			`[{"id":1,"email":"sample@example.com"},{"id":2,"email":"*@example.com"}]`,
			[]int64{2},
		},
		"username with a space": {
			(*Client).FindByUsername, "sample person",
			"fields=id%2Cstatus%2Cstate%2Cexternal_id%2Cemail%2Cusername&limit=100&username=sample%20person",
			`[{"id":1,"username":"Sample Person","email":"other@example.com"}]`,
			[]int64{1},
		},
		"nobody": {(*Client).FindByUsername, "sample", "", `[]`, []int64{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var query string
			c := start(t, newFake(t, routes{usersRoute: func(w http.ResponseWriter, r *http.Request) {
				query = r.URL.RawQuery
				reply(http.StatusOK, tt.answer)(w, r)
			}}))
			users, err := tt.find(c, t.Context(), tt.value, nil)
			require.NoError(t, err)
			ids := []int64{}
			for _, u := range users {
				ids = append(ids, u.ID())
			}
			require.Equal(t, tt.want, ids)
			if tt.query != "" {
				require.Equal(t, tt.query, query)
			}
		})
	}
}

func TestFindByIDsAsksOnceForAll(t *testing.T) {
	var query string
	c := start(t, newFake(t, routes{usersRoute: func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		reply(http.StatusOK, `[{"id":7,"state":3},{"id":8,"state":1},{"id":42,"state":1}]`)(w, r)
	}}))
	users, err := c.FindByIDs(t.Context(), []int64{7, 42, 99}, nil)
	require.NoError(t, err)
	require.Len(t, users, 2, "99 is gone, and 8 was not asked for")
	require.Equal(t, "fields=id%2Cstatus%2Cstate%2Cexternal_id%2Cemail%2Cusername&limit=100&user_ids=7%2C42%2C99", query)

	for name, ids := range map[string][]int64{"none": nil, "too many": make([]int64, PageLimit+1)} {
		_, err := c.FindByIDs(t.Context(), ids, nil)
		require.Equal(t, "invalid", Class(err), name)
	}
}

func TestFieldsAreAskedForOnce(t *testing.T) {
	require.Equal(t,
		"id,status,state,external_id,email,username,title,custom_attributes",
		fieldList([]string{"email", "title", "custom_attributes.work_cell", "custom_attributes.food", "title"}))
	require.Equal(t, "id,status,state,external_id,email,username", fieldList(nil))
}

func TestFindRefusesAnUnfilteredAnswer(t *testing.T) {
	var many []string
	for i := range PageLimit + 1 {
		many = append(many, fmt.Sprintf(`{"id":%d,"email":"s%d@example.com"}`, i+1, i))
	}
	for name, handler := range map[string]http.HandlerFunc{
		"more pages":            reply(http.StatusOK, `[{"id":1}]`, "Total-Pages", "3"),
		"more users than asked": reply(http.StatusOK, "["+strings.Join(many, ",")+"]"),
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, newFake(t, routes{usersRoute: handler}))
			_, err := c.FindByEmail(t.Context(), "sample@example.com", nil)
			require.Equal(t, "server", Class(err))
		})
	}
}

func TestArgumentsRefusedBeforeAnythingIsSent(t *testing.T) {
	tests := map[string]func(context.Context, *Client) error{
		"find by nothing": func(ctx context.Context, c *Client) error { _, err := c.FindByExternalID(ctx, "", nil); return err },
		"find by blank":   func(ctx context.Context, c *Client) error { _, err := c.FindByEmail(ctx, " \t", nil); return err },
		"read 0":          func(ctx context.Context, c *Client) error { _, err := c.User(ctx, 0); return err },
		"update 0": func(ctx context.Context, c *Client) error {
			_, err := c.UpdateUser(ctx, 0, Attributes{"title": "x"})
			return err
		},
		"update nothing":     func(ctx context.Context, c *Client) error { _, err := c.UpdateUser(ctx, 42, nil); return err },
		"create nothing":     func(ctx context.Context, c *Client) error { _, err := c.CreateUser(ctx, Attributes{}); return err },
		"end sessions of -1": func(ctx context.Context, c *Client) error { return c.EndSessions(ctx, -1) },
		"page -1":            func(ctx context.Context, c *Client) error { _, err := c.Users(ctx, PageRequest{Page: -1}); return err },
		"define without a name": func(ctx context.Context, c *Client) error {
			_, err := c.CreateCustomAttribute(ctx, "", "x")
			return err
		},
	}
	for name, call := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, nil)
			err := call(t.Context(), start(t, f))
			var refused *ValidationError
			require.ErrorAs(t, err, &refused)
			require.Zero(t, refused.StatusCode)
			require.NotEmpty(t, refused.Op)
			require.Zero(t, f.count(tokenRoute))
		})
	}
}

func TestReadUser(t *testing.T) {
	b, err := os.ReadFile("testdata/user.json")
	require.NoError(t, err)
	c := start(t, newFake(t, routes{readRoute: withToken("token-1", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" || r.Header.Get("Accept") != "application/json" || r.Header.Get("User-Agent") != "sample/1" {
			t.Errorf("bad request")
		}
		reply(http.StatusOK, string(b))(w, r)
	})}), func(cfg *Config) { cfg.UserAgent = "sample/1" })
	u, err := c.User(t.Context(), 42)
	require.NoError(t, err)
	require.EqualValues(t, 36216766, u.ID())
}

func TestUsersReadsOnePage(t *testing.T) {
	paging := []string{"Current-Page", "2", "Page-Items", "2", "Total-Count", "17", "Total-Pages", "9", "After-Cursor", "bGltaXQ9Mg=="}
	var query string
	c := start(t, newFake(t, routes{usersRoute: func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.RawQuery
		reply(http.StatusOK, `[{"id":3},{"id":4}]`, paging...)(w, r)
	}}))
	page, err := c.Users(t.Context(), PageRequest{Page: 2, Limit: 2, Fields: []string{"title"}})
	require.NoError(t, err)
	require.Equal(t, "fields=id%2Cstatus%2Cstate%2Cexternal_id%2Cemail%2Cusername%2Ctitle&limit=2&page=2&sort=%2Bid", query)
	require.Equal(t, 2, page.Page)
	require.Equal(t, 9, page.TotalPages)
	require.Equal(t, 17, page.TotalCount)
	require.Len(t, page.Users, 2)
}

func TestUsersDefaults(t *testing.T) {
	c := start(t, newFake(t, routes{usersRoute: func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("page") != "1" || q.Get("limit") != "100" {
			t.Errorf("query %s", r.URL.RawQuery)
		}
		reply(http.StatusOK, `[]`, "Total-Count", "0", "Total-Pages", "0")(w, r)
	}}))
	page, err := c.Users(t.Context(), PageRequest{})
	require.NoError(t, err)
	require.Equal(t, UserPage{Users: []User{}, Page: 1}, page)
}

func TestUsersRefusesAPageThatCannotBeTrusted(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"no headers":          reply(http.StatusOK, `[{"id":1}]`),
		"no count":            reply(http.StatusOK, `[{"id":1}]`, "Total-Pages", "1"),
		"count unreadable":    reply(http.StatusOK, `[{"id":1}]`, "Total-Pages", "1", "Total-Count", "many"),
		"pages negative":      reply(http.StatusOK, `[{"id":1}]`, "Total-Pages", "-1", "Total-Count", "1"),
		"another page":        reply(http.StatusOK, `[{"id":1}]`, "Total-Pages", "2", "Total-Count", "1", "Current-Page", "2"),
		"page unreadable":     reply(http.StatusOK, `[{"id":1}]`, "Total-Pages", "2", "Total-Count", "1", "Current-Page", "x"),
		"a user without id":   reply(http.StatusOK, `[{"id":1},{"email":"sample@example.com"}]`, "Total-Pages", "1", "Total-Count", "2"),
		"a user that is null": reply(http.StatusOK, `[null]`, "Total-Pages", "1", "Total-Count", "1"),
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := start(t, newFake(t, routes{usersRoute: handler})).Users(t.Context(), PageRequest{})
			require.Equal(t, "server", Class(err))
		})
	}
}

func TestCreateUser(t *testing.T) {
	for _, status := range []int{http.StatusCreated, http.StatusOK} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var got string
			c := start(t, newFake(t, routes{createRoute: func(w http.ResponseWriter, r *http.Request) {
				got = bodyOf(t, r)
				reply(status, userJSON)(w, r)
			}}))
			u, err := c.CreateUser(t.Context(), Attributes{
				"email": "sample@example.com", "username": "sample@example.com", "title": nil,
				"status": int64(1), "custom_attributes.work_cell": "+15550100",
			})
			require.NoError(t, err)
			require.EqualValues(t, 42, u.ID())
			require.JSONEq(t, `{"email":"sample@example.com","username":"sample@example.com","title":null,"status":1,"custom_attributes":{"work_cell":"+15550100"}}`, got)
		})
	}
}

func TestUpdateUserSendsNullAndLeavesOutWhatIsAbsent(t *testing.T) {
	var got string
	c := start(t, newFake(t, routes{updateRoute: func(w http.ResponseWriter, r *http.Request) {
		got = bodyOf(t, r)
		reply(http.StatusOK, userJSON)(w, r)
	}}))
	u, err := c.UpdateUser(t.Context(), 42, Attributes{"title": nil, "custom_attributes.work_cell": nil})
	require.NoError(t, err)
	require.EqualValues(t, 42, u.ID())
	require.Equal(t, `{"custom_attributes":{"work_cell":null},"title":null}`, got)
}

func bodyOf(t *testing.T, r *http.Request) string {
	b, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("bad body: %v", err)
	}
	return string(b)
}

func TestEndSessions(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		class   string
	}{
		"success":                      {reply(http.StatusOK, `{"status":{"error":false,"code":200,"type":"success","message":"Success"}}`), "ok"},
		"success without a body":       {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "ok"},
		"an error under 200":           {reply(http.StatusOK, `{"status":{"error":true,"code":500,"type":"x","message":"x"}}`), "server"},
		"JSON of another shape":        {reply(http.StatusOK, `[1]`), "server"},
		"a page in HTML: a wrong path": {page(http.StatusOK, "<html></html>"), "server"},
		"no such user":                 {reply(http.StatusNotFound, `{"status":{"error":true,"code":404,"type":"not found","message":"User not found"}}`), "not_found"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, routes{logoutRoute: withToken("token-1", tt.handler)})
			require.Equal(t, tt.class, Class(start(t, f).EndSessions(t.Context(), 42)))
			require.Equal(t, 1, f.count(logoutRoute))
		})
	}
}

func page(status int, html string) http.HandlerFunc {
	return reply(status, html, "Content-Type", "text/html; charset=utf-8")
}

func TestCustomAttributes(t *testing.T) {
	const route = "GET /api/2/users/custom_attributes"
	c := start(t, newFake(t, routes{route: reply(http.StatusOK, `[{"id":1,"name":"Work Cell","shortname":"work_cell","position":1},{"id":2,"name":"Employee Number","shortname":"employeenumber","position":null}]`)}))
	list, err := c.CustomAttributes(t.Context())
	require.NoError(t, err)
	one := 1
	require.Equal(t, []CustomAttribute{
		{ID: 1, Name: "Work Cell", Shortname: "work_cell", Position: &one},
		{ID: 2, Name: "Employee Number", Shortname: "employeenumber"},
	}, list)

	for name, body := range map[string]string{"an object": `{"id":1}`, "null": `null`, "no shortname": `[{"id":1}]`} {
		t.Run(name, func(t *testing.T) {
			_, err := start(t, newFake(t, routes{route: reply(http.StatusOK, body)})).CustomAttributes(t.Context())
			require.Equal(t, "server", Class(err))
		})
	}
}

func TestCreateCustomAttribute(t *testing.T) {
	const route = "POST /api/2/users/custom_attributes"
	var got string
	c := start(t, newFake(t, routes{route: func(w http.ResponseWriter, r *http.Request) {
		got = bodyOf(t, r)
		reply(http.StatusCreated, `{"id":3,"name":"Work Cell","shortname":"work_cell","position":null}`)(w, r)
	}}))
	d, err := c.CreateCustomAttribute(t.Context(), "Work Cell", "work_cell")
	require.NoError(t, err)
	require.Equal(t, CustomAttribute{ID: 3, Name: "Work Cell", Shortname: "work_cell"}, d)
	require.JSONEq(t, `{"user_field":{"name":"Work Cell","shortname":"work_cell"}}`, got)

	c = start(t, newFake(t, routes{route: reply(http.StatusCreated, `{}`)}))
	_, err = c.CreateCustomAttribute(t.Context(), "Work Cell", "work_cell")
	require.Equal(t, "server", Class(err))
}

func TestBudget(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	clock := func(cfg *Config) { cfg.Now = func() time.Time { return now } }
	headers := []string{"X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "4988", "X-RateLimit-Reset", "832"}
	want := Budget{Limit: 5000, Remaining: 4988, ResetAt: now.Add(832 * time.Second), SeenAt: now}

	tests := map[string]struct {
		handler http.HandlerFunc
		want    Budget
		seen    bool
	}{
		"told with an answer":  {reply(http.StatusOK, userJSON, headers...), want, true},
		"told with an error":   {reply(http.StatusNotFound, ``, headers...), want, true},
		"not told":             {reply(http.StatusOK, userJSON), Budget{}, false},
		"told without a reset": {reply(http.StatusOK, userJSON, headers[:4]...), Budget{Limit: 5000, Remaining: 4988, SeenAt: now}, true},
		"nonsense":             {reply(http.StatusOK, userJSON, "X-RateLimit-Limit", "x", "X-RateLimit-Remaining", "1"), Budget{}, false},
		"a negative rest":      {reply(http.StatusOK, userJSON, "X-RateLimit-Limit", "1", "X-RateLimit-Remaining", "-1"), Budget{}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := start(t, newFake(t, routes{readRoute: tt.handler}), clock)
			_, err := c.User(t.Context(), 42)
			require.Contains(t, []string{"ok", "not_found"}, Class(err))
			got, seen := c.Budget()
			require.Equal(t, tt.seen, seen)
			require.Equal(t, tt.want, got)
		})
	}

	const route = "GET /auth/rate_limit"
	t.Run("asked for", func(t *testing.T) {
		c := start(t, newFake(t, routes{route: withToken("token-1", reply(http.StatusOK,
			`{"status":{"error":false,"code":200},"data":{"X-RateLimit-Limit":5000,"X-RateLimit-Remaining":4988,"X-RateLimit-Reset":832}}`))}), clock)
		got, err := c.RateLimit(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
		last, seen := c.Budget()
		require.True(t, seen)
		require.Equal(t, want, last)
	})
	for name, body := range map[string]string{"no data": `{}`, "a list": `[]`} {
		t.Run(name, func(t *testing.T) {
			_, err := start(t, newFake(t, routes{route: reply(http.StatusOK, body)})).RateLimit(t.Context())
			require.Equal(t, "server", Class(err))
		})
	}
}

func TestAnswersThatAreNoUser(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		reason  string
	}{
		"HTML under 200":   {page(http.StatusOK, "<html>log in</html>"), reasonNotJSON},
		"no content type":  {reply(http.StatusOK, userJSON, "Content-Type", ""), reasonNotJSON},
		"an empty answer":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, reasonNotJSON},
		"empty JSON":       {reply(http.StatusOK, ""), "a user was expected"},
		"half of the JSON": {reply(http.StatusOK, `{"id":42,"email":"sam`), "a user was expected"},
		"more than JSON":   {reply(http.StatusOK, `{"id":42} {"id":43}`), "a user was expected"},
		"a list":           {reply(http.StatusOK, `[{"id":42}]`), "a user was expected"},
		"null":             {reply(http.StatusOK, `null`), "a user without an id"},
		"no id":            {reply(http.StatusOK, `{"email":"sample@example.com"}`), "a user without an id"},
		"too large":        {reply(http.StatusOK, `{"id":42,"comment":"`+strings.Repeat("x", maxBody)+`"}`), reasonTooLarge},
		"HTML with 502":    {page(http.StatusBadGateway, "<html>Bad Gateway</html>"), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, routes{readRoute: tt.handler})
			_, err := start(t, f).User(t.Context(), 42)
			var server *ServerError
			require.ErrorAs(t, err, &server)
			require.Equal(t, tt.reason, server.Reason)
			require.NotContains(t, err.Error(), "sam")
			require.NotContains(t, err.Error(), "<")
			require.Equal(t, 1, f.count(readRoute))
		})
	}
}

func TestAnswersThatAreNoList(t *testing.T) {
	for name, body := range map[string]string{
		"an object": `{"users":[]}`, "null": `null`, "text": `"[]"`, "numbers": `[1]`, "half of it": `[{"id":1},`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := start(t, newFake(t, routes{usersRoute: reply(http.StatusOK, body)})).FindByEmail(t.Context(), "sample@example.com", nil)
			var server *ServerError
			require.ErrorAs(t, err, &server)
			require.Equal(t, http.StatusOK, server.StatusCode)
		})
	}
}

func TestAListMayBeLargerThanAUser(t *testing.T) {
	comment := strings.Repeat("x", maxBody)
	c := start(t, newFake(t, routes{usersRoute: reply(http.StatusOK, `[{"id":1,"email":"sample@example.com","comment":"`+comment+`"}]`)}))
	users, err := c.FindByEmail(t.Context(), "sample@example.com", nil)
	require.NoError(t, err)
	require.Len(t, users, 1)
}

func TestAListHasALimitToo(t *testing.T) {
	c := start(t, newFake(t, routes{usersRoute: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 33 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}}))
	_, err := c.FindByEmail(t.Context(), "sample@example.com", nil)
	var server *ServerError
	require.ErrorAs(t, err, &server)
	require.Equal(t, reasonTooLarge, server.Reason)
}

func TestTooLargeAnErrorIsStillItsStatus(t *testing.T) {
	c := start(t, newFake(t, routes{readRoute: page(http.StatusServiceUnavailable, strings.Repeat("x", maxBody+10))}))
	_, err := c.User(t.Context(), 42)
	require.EqualError(t, err, "onelogin: read user: server error (503)")
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	f := newFake(t, routes{updateRoute: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/login", http.StatusFound)
	}})
	_, err := start(t, f).UpdateUser(t.Context(), 42, Attributes{"title": "x"})
	require.EqualError(t, err, "onelogin: update user: server error (302)")
	require.Zero(t, f.count("GET /login"))
}

func TestLostAnswers(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		class   string
		status  int
	}{
		"no answer":                {cut(0, ""), "transport", 0},
		"cut off in a user":        {cut(http.StatusCreated, `{"id":42`), "transport", http.StatusCreated},
		"cut off in a refusal":     {cut(http.StatusUnprocessableEntity, `{"mess`), "transport", http.StatusUnprocessableEntity},
		"cut off in a 404":         {cut(http.StatusNotFound, ``), "transport", http.StatusNotFound},
		"cut off in a bad gateway": {cut(http.StatusBadGateway, `<html>`), "server", http.StatusBadGateway},
		"cut off in a 403":         {cut(http.StatusForbidden, `{`), "auth", http.StatusForbidden},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, routes{createRoute: tt.handler})
			_, err := start(t, f).CreateUser(t.Context(), Attributes{"email": "sample@example.com"})
			require.Equal(t, tt.class, Class(err))
			failure, ok := FailureOf(err)
			require.True(t, ok)
			require.Equal(t, Failure{Op: opCreateUser, StatusCode: tt.status}, failure)
			require.Equal(t, tt.class != "auth", Uncertain(err))
			require.Equal(t, 1, f.count(createRoute), "no call is repeated")
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	c := newClient(t, "http://"+l.Addr().String(), &http.Transport{})
	_, err = c.CreateUser(t.Context(), Attributes{"email": "sample@example.com"})
	var transport *TransportError
	require.ErrorAs(t, err, &transport)
	require.False(t, transport.Sent)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Equal(t, "onelogin: fetch token: connection refused", err.Error())
}

func TestHostsThatCannotBeReached(t *testing.T) {
	secured := httptest.NewUnstartedServer(newFake(t, nil))
	secured.Config.ErrorLog = log.New(io.Discard, "", 0)
	secured.StartTLS()
	t.Cleanup(secured.Close)
	unresolved := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "hidden.example.com", IsNotFound: true}
	}}
	tests := map[string]struct {
		base      string
		transport *http.Transport
		want      string
	}{
		"unknown name":            {"https://hidden.example.com", unresolved, "onelogin: fetch token: host name not resolved"},
		"certificate of somebody": {secured.URL, &http.Transport{}, "onelogin: fetch token: certificate not trusted"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := newClient(t, tt.base, tt.transport).User(t.Context(), 42)
			require.EqualError(t, err, tt.want)
			require.Equal(t, "transport", Class(err))
			require.False(t, Uncertain(err))
		})
	}
}

func TestLostTokenMeansThatNothingWasWritten(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"cut off":     cut(0, ""),
		"bad gateway": page(http.StatusBadGateway, "<html></html>"),
		"no token":    reply(http.StatusOK, `{"access_token":""}`),
		"HTML":        page(http.StatusOK, "<html></html>"),
		"not JSON":    reply(http.StatusOK, `{`),
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t, newFake(t, routes{tokenRoute: handler}))
			_, err := c.CreateUser(t.Context(), Attributes{"email": "sample@example.com"})
			require.Contains(t, []string{"transport", "server"}, Class(err))
			require.False(t, Uncertain(err))
		})
	}
}

func TestTimeOuts(t *testing.T) {
	t.Run("the client's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := startInBubble(t, newFake(t, routes{createRoute: silent}))
			began := time.Now()
			_, err := c.CreateUser(t.Context(), Attributes{"email": "sample@example.com"})
			require.EqualError(t, err, "onelogin: create user: timed out")
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's deadline has not passed")
			require.Equal(t, callTimeout, time.Since(began))
			require.True(t, Uncertain(err))
		})
	})
	t.Run("the caller's", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := startInBubble(t, newFake(t, routes{createRoute: silent}))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := c.CreateUser(ctx, Attributes{"email": "sample@example.com"})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.True(t, Uncertain(err))
		})
	})
	t.Run("the caller cancels", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := startInBubble(t, newFake(t, routes{createRoute: silent}))
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err := c.CreateUser(ctx, Attributes{"email": "sample@example.com"})
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, "canceled", Class(err))
		})
	})
	t.Run("canceled before", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f := newFake(t, nil)
		_, err := start(t, f).CreateUser(ctx, Attributes{"email": "sample@example.com"})
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, Uncertain(err))
		require.Zero(t, f.count(tokenRoute))
	})
}

func TestBurstGuard(t *testing.T) {
	slow := func(cfg *Config) { cfg.MaxRPS = 2 }
	t.Run("spreads the calls", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := startInBubble(t, newFake(t, routes{readRoute: reply(http.StatusOK, userJSON)}), slow)
			began := time.Now()
			for _, err := range together(5, func(int) error { _, err := c.User(t.Context(), 42); return err }) {
				require.NoError(t, err)
			}
			require.Equal(t, 2*time.Second, time.Since(began))
		})
	})
	t.Run("does not wait beyond the deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake(t, routes{readRoute: reply(http.StatusOK, userJSON)})
			c := startInBubble(t, f, slow)
			_, err := c.User(t.Context(), 42)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			_, err = c.User(ctx, 42)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.False(t, Uncertain(err))
			require.Zero(t, time.Since(began))
			require.Equal(t, 1, f.count(readRoute))
		})
	})
	t.Run("ends its wait when the caller cancels", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := startInBubble(t, newFake(t, routes{readRoute: reply(http.StatusOK, userJSON)}), slow)
			_, err := c.User(t.Context(), 42)
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			_, err = c.User(ctx, 42)
			require.ErrorIs(t, err, context.Canceled)
			require.False(t, Uncertain(err))
		})
	})
}

func TestObserver(t *testing.T) {
	var (
		mu    sync.Mutex
		calls []Call
	)
	c := start(t, newFake(t, routes{
		readRoute:   withToken("token-2", reply(http.StatusOK, userJSON)),
		updateRoute: reply(http.StatusForbidden, ""),
	}), func(cfg *Config) {
		cfg.Observe = func(call Call) {
			mu.Lock()
			defer mu.Unlock()
			if (call.Duration > 0) != (call.StatusCode != 0) {
				t.Errorf("duration %s with status %d", call.Duration, call.StatusCode)
			}
			call.Duration = 0
			calls = append(calls, call)
		}
	})
	_, err := c.User(t.Context(), 42)
	require.NoError(t, err)
	_, err = c.UpdateUser(t.Context(), 42, Attributes{"title": "x"})
	require.Equal(t, "auth", Class(err))
	_, err = c.User(t.Context(), 42)
	require.Equal(t, "breaker_open", Class(err))
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []Call{
		{Op: opToken, StatusCode: 200, Class: "ok"},
		{Op: opReadUser, StatusCode: 401, Class: "auth"},
		{Op: opToken, StatusCode: 200, Class: "ok"},
		{Op: opReadUser, StatusCode: 200, Class: "ok"},
		{Op: opUpdateUser, StatusCode: 403, Class: "auth"},
		{Op: opReadUser, Class: "breaker_open"},
	}, calls)
}

// TestNothingPrivateInErrors lets OneLogin repeat everything it was sent in
// every way there is, and looks for it in every error of every chain.
func TestNothingPrivateInErrors(t *testing.T) {
	private := []string{
		"plainly.invented+hr@example.com", "Plainly", "O'Invented", "+1 555 010 0199", "5550100199",
		sampleSecret, base64.StdEncoding.EncodeToString([]byte(sampleID + ":" + sampleSecret)), "token-1", "token-2", "987654321",
	}
	attributes := Attributes{
		"email": private[0], "username": private[0], "firstname": private[1], "lastname": private[2],
		"phone": private[3], "external_id": "987654321",
	}
	// A look-up sends an address or an id, a write all there is.
	lookedUp := private[0] + ` was "` + private[0] + `" with 987654321 not 'known'`
	written := strings.Join(private[:4], " ") + ` was "` + private[0] + `" and '` + private[2] + `' 987654321`
	shapes := []string{
		`{"message":%[1]s,"name":"Error","statusCode":400,"field":%[1]s}`,
		`{"status":400,"error":%[1]s,"description":%[1]s}`,
		`{"code":400,"message":%[1]s,"errors":[{"field":%[1]s,"message":[%[1]s]}]}`,
		`{"status":{"error":true,"code":400,"type":%[1]s,"message":%[1]s}}`,
		`{"status":{"error":true,"code":400,"message":{"description":%[1]s,"attribute":%[1]s}}}`,
		`{"id":%[1]s,"email":%[1]s}`,
		"<html>%[1]s</html>",
		`{"id": %[1]s`,
	}
	say := func(shape, text string) string {
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		return fmt.Sprintf(shape, quoted)
	}
	check := func(t *testing.T, err error) {
		require.Error(t, err)
		for e := err; e != nil; e = errors.Unwrap(e) {
			for _, p := range private {
				text := strings.ToLower(fmt.Sprintf("%v %+v %q", e, e, e.Error()))
				require.NotContains(t, text, strings.ToLower(p))
			}
		}
	}
	each := func(t *testing.T, c func() *Client) {
		_, err := c().FindByEmail(t.Context(), private[0], nil)
		check(t, err)
		_, err = c().FindByUsername(t.Context(), private[0], nil)
		check(t, err)
		_, err = c().FindByExternalID(t.Context(), "987654321", nil)
		check(t, err)
		_, err = c().CreateUser(t.Context(), attributes)
		check(t, err)
		_, err = c().UpdateUser(t.Context(), 42, attributes)
		check(t, err)
	}
	on := func(find, write http.HandlerFunc) routes {
		return routes{usersRoute: find, createRoute: write, updateRoute: write}
	}
	for _, status := range []int{200, 302, 400, 401, 403, 404, 409, 422, 429, 500, 502} {
		for _, contentType := range []string{"application/json", "text/html"} {
			t.Run(fmt.Sprintf("%d, %s", status, contentType), func(t *testing.T) {
				for _, shape := range shapes {
					headers := []string{"Content-Type", contentType, "Location", "https://example.com/?email=" + private[0]}
					find, write := reply(status, say(shape, lookedUp), headers...), reply(status, say(shape, written), headers...)
					each(t, func() *Client { return start(t, newFake(t, on(find, write))) })
					_, err := start(t, newFake(t, routes{tokenRoute: write})).User(t.Context(), 42)
					check(t, err)
				}
			})
		}
	}
	t.Run("cut off", func(t *testing.T) {
		each(t, func() *Client { return start(t, newFake(t, on(cut(0, ""), cut(0, "")))) })
		each(t, func() *Client { return start(t, newFake(t, on(cut(200, lookedUp), cut(200, written)))) })
	})
	t.Run("not HTTP", func(t *testing.T) {
		garbage := func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("hijack: %v", err)
				return
			}
			_, _ = io.WriteString(conn, written+"\r\n\r\n")
			_ = conn.Close()
		}
		each(t, func() *Client { return start(t, newFake(t, on(garbage, garbage))) })
	})
	t.Run("an unusable token", func(t *testing.T) {
		c := start(t, newFake(t, routes{tokenRoute: reply(http.StatusOK, `{"access_token":"token-1\r\nX-Other: 1","expires_in":36000}`)}))
		_, err := c.User(t.Context(), 42)
		check(t, err)
	})
}
