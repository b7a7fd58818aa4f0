package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// listing is every OneLogin user, found as the API finds them. Users are kept
// as they were answered, encoded, and decoded when looked at.
type listing struct {
	users rows
	// active counts those that are linked and not suspended.
	active     int
	places     map[int64]int
	byExternal map[string][]int
	byEmail    map[string][]int
	byUsername map[string][]int
}

func newListing() *listing {
	return &listing{
		places: map[int64]int{}, byExternal: map[string][]int{},
		byEmail: map[string][]int{}, byUsername: map[string][]int{},
	}
}

// add takes a user in, once: a listing that shifts while it is read may show
// somebody twice.
func (l *listing) add(u onelogin.User) error {
	if _, known := l.places[u.ID()]; known {
		return nil
	}
	place := l.users.len()
	if err := l.users.add(u.Attributes()); err != nil {
		return fmt.Errorf("keep a listed user: %w", err)
	}
	if linkedAndActive(u) {
		l.active++
	}
	l.places[u.ID()] = place
	index := func(by map[string][]int, key string) {
		if key != "" {
			by[key] = append(by[key], place)
		}
	}
	index(l.byExternal, u.ExternalID())
	index(l.byEmail, foldAddress(u.Email()))
	index(l.byUsername, foldAddress(u.Username()))
	return nil
}

func foldAddress(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

func (l *listing) find(by map[string][]int, key string) ([]onelogin.User, error) {
	var users []onelogin.User
	for _, place := range by[key] {
		attributes, err := l.users.at(place)
		if err != nil {
			return nil, fmt.Errorf("look at a listed user: %w", err)
		}
		users = append(users, onelogin.UserOf(attributes))
	}
	return users, nil
}

func (l *listing) FindByExternalID(_ context.Context, id string, _ []string) ([]onelogin.User, error) {
	return l.find(l.byExternal, id)
}

func (l *listing) FindByEmail(_ context.Context, value string, _ []string) ([]onelogin.User, error) {
	return l.find(l.byEmail, foldAddress(value))
}

func (l *listing) FindByUsername(_ context.Context, value string, _ []string) ([]onelogin.User, error) {
	return l.find(l.byUsername, foldAddress(value))
}

// linked lists the Bob ids that users carry.
func (l *listing) linked() []string {
	var ids []string
	for id := range l.byExternal {
		if bob.IsEmployeeID(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// staff is everybody whom one search of Bob has shown, kept as it was
// answered.
type staff struct {
	policy lifecycle.Policy
	// live is asked about people whom the search does not show.
	live roster
	// partial: only some people were asked for, so that others may have an
	// address as well.
	partial bool

	ids            []string
	fields, labels rows
	places         map[string]int
	byEmail        map[string][]int
}

func newStaff(policy lifecycle.Policy, live roster) *staff {
	return &staff{policy: policy, live: live, places: map[string]int{}, byEmail: map[string][]int{}}
}

func (s *staff) add(r employee.Record) error {
	if err := errors.Join(s.fields.add(r.Fields), s.labels.add(r.Labels)); err != nil {
		return fmt.Errorf("keep a person: %w", err)
	}
	place := len(s.ids)
	s.ids = append(s.ids, r.ID)
	s.places[r.ID] = place
	if email, p, err := r.Text(mapping.FieldEmail); err == nil && p == employee.Present {
		key := foldAddress(email)
		s.byEmail[key] = append(s.byEmail[key], place)
	}
	return nil
}

func (s *staff) at(place int) (employee.Record, error) {
	fields, err := s.fields.at(place)
	labels, labelsErr := s.labels.at(place)
	if err := errors.Join(err, labelsErr); err != nil {
		return employee.Record{}, fmt.Errorf("look at a person: %w", err)
	}
	return employee.Record{ID: s.ids[place], Fields: fields, Labels: labels}, nil
}

func (s *staff) shows(employeeID string) bool {
	_, ok := s.places[employeeID]
	return ok
}

// goneOrInactive asks Bob by id about people whom the search does not show: to
// be missing from a search proves nothing.
func (s *staff) goneOrInactive(ctx context.Context, employeeID string) (bool, error) {
	place, shown := s.places[employeeID]
	if !shown {
		return s.live.goneOrInactive(ctx, employeeID)
	}
	r, err := s.at(place)
	if err != nil {
		return false, err
	}
	return hasLeft(s.policy, r), nil
}

func (s *staff) holderAtWork(ctx context.Context, employeeID, email string) (string, error) {
	if s.partial {
		return s.live.holderAtWork(ctx, employeeID, email)
	}
	for _, place := range s.byEmail[foldAddress(email)] {
		if s.ids[place] == employeeID {
			continue
		}
		r, err := s.at(place)
		if err != nil {
			return "", err
		}
		if !hasLeft(s.policy, r) {
			return r.ID, nil
		}
	}
	return "", nil
}

// depths returns how far each person is from the top of the reporting lines,
// by managers' ids. Somebody who is part of a circle counts from where it is
// entered first, in the order of ids.
func depths(ids []string, managers map[string]string) map[string]int {
	depth := make(map[string]int, len(ids))
	for _, id := range ids {
		var line []string
		entered := map[string]bool{}
		top, from := id, 0
		for {
			if d, known := depth[top]; known {
				from = d + 1
				break
			}
			if entered[top] {
				break
			}
			entered[top] = true
			line = append(line, top)
			manager, ok := managers[top]
			if !ok {
				break
			}
			top = manager
		}
		for i := len(line) - 1; i >= 0; i-- {
			depth[line[i]] = from
			from++
		}
	}
	return depth
}
