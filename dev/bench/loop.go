package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// latency is how long a call of OneLogin takes from somewhere on the internet,
// kindly; without it, calls to a stand-in on this machine cost next to nothing.
const latency = 50 * time.Millisecond

// loop compares a bulk run with what a person would write instead: for each
// employee find the user by e-mail, then write it. One in a hundred employees
// has changed.
func (b *bench) loop(ctx context.Context) ([]table, error) {
	w, s, end, err := b.stage(ctx, b.Loop, nature{latency: latency})
	if err != nil {
		return nil, err
	}
	defer end()
	changed := b.Loop / 100
	if err := w.change(0, changed); err != nil {
		return nil, err
	}
	w.forgetCalls()
	p, _, ours, err := s.runBulk(ctx, b.Window, changed)
	if err != nil {
		return nil, err
	}
	bulk := w.spent()

	if err := w.change(changed, changed); err != nil {
		return nil, err
	}
	w.forgetCalls()
	began := time.Now()
	if err := (&plainLoop{w: w}).run(ctx); err != nil {
		return nil, fmt.Errorf("plain loop: %w", err)
	}
	theirs, plain := time.Since(began), w.spent()

	const hourly = 5000
	hours := func(calls int) string { return fmt.Sprintf("%.2f", float64(calls)/hourly) }
	t := &table{
		title: fmt.Sprintf("%s employees, %s users, %s changed, %s an answer of OneLogin's", thousands(p.Employees), thousands(p.Users), thousands(changed), latency),
		columns: []string{
			"", "bulk run", "plain loop", "times as much",
		},
	}
	times := func(a, b float64) string { return fmt.Sprintf("%.1f", a/b) }
	t.add(told, "calls to OneLogin", bulk.oneLogin, plain.oneLogin, times(float64(plain.oneLogin), float64(bulk.oneLogin)))
	t.add(told, "calls to Bob", bulk.bob, plain.bob, times(float64(plain.bob), float64(bulk.bob)))
	t.add(judge(ours < theirs), "time", ours, theirs, times(theirs.Seconds(), ours.Seconds()))
	t.add(told, "hours of OneLogin's budget of 5,000", hours(bulk.oneLogin), hours(plain.oneLogin), "")
	return []table{*t}, nil
}

// plainLoop has no list, no comparison and no memory, and one call at a time.
type plainLoop struct {
	w     *world
	token string
}

// person is what it asks Bob for.
type person struct {
	Email      string `json:"email"`
	FirstName  string `json:"firstName"`
	Surname    string `json:"surname"`
	Employment struct {
		Status string `json:"status"`
	} `json:"internal"`
	Work struct {
		Title      string `json:"title"`
		Department string `json:"department"`
		Phone      string `json:"workPhone"`
	} `json:"work"`
}

func (l *plainLoop) run(ctx context.Context) error {
	var token struct {
		Token string `json:"access_token"`
	}
	err := l.call(ctx, http.MethodPost, l.w.oneLoginServer.URL+"/auth/oauth2/v2/token", clientID, clientSecret,
		map[string]string{"grant_type": "client_credentials"}, &token)
	if err != nil {
		return err
	}
	l.token = token.Token
	var everybody struct {
		Employees []person `json:"employees"`
	}
	err = l.call(ctx, http.MethodPost, l.w.bobServer.URL+"/v1/people/search", bobUser, bobToken, map[string]any{
		"humanReadable": "REPLACE", "fields": []string{
			"root.email", "root.firstName", "root.surname", "internal.status", "work.title", "work.department", "work.workPhone",
		},
	}, &everybody)
	if err != nil {
		return err
	}
	if len(everybody.Employees) == 0 {
		return errors.New("bob shows nobody")
	}
	for _, p := range everybody.Employees {
		if err := l.sync(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (l *plainLoop) sync(ctx context.Context, p person) error {
	users := l.w.oneLoginServer.URL + "/api/2/users"
	var found []struct {
		ID int64 `json:"id"`
	}
	if err := l.call(ctx, http.MethodGet, users+"?email="+url.QueryEscape(p.Email), "", "", nil, &found); err != nil {
		return err
	}
	user := map[string]any{
		"email": p.Email, "username": p.Email, "firstname": p.FirstName, "lastname": p.Surname,
		"title": p.Work.Title, "department": p.Work.Department, "phone": p.Work.Phone,
	}
	if len(found) == 0 {
		return l.call(ctx, http.MethodPost, users, "", "", user, nil)
	}
	return l.call(ctx, http.MethodPut, fmt.Sprintf("%s/%d", users, found[0].ID), "", "", user, nil)
}

// call is one exchange, with the token where no user is named.
func (l *plainLoop) call(ctx context.Context, method, url, user, password string, body, into any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(content))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if user != "" {
		r.SetBasicAuth(user, password)
	} else {
		r.Header.Set("Authorization", "bearer "+l.token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err
	case answer.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %s: %s", method, r.URL.Path, answer.Status, said)
	case into == nil:
		return nil
	}
	return json.Unmarshal(said, into)
}
