package activities

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/onelogin"
)

// The caches save calls and decide nothing: an entry that turns out wrong
// makes OneLogin refuse the write, and the next attempt looks afresh.
const (
	maxLinks           = 200_000
	definitionLifetime = time.Hour
	labelLifetime      = time.Hour
)

// linkCache remembers which OneLogin user belongs to which Bob id, so that a
// known manager costs no call.
type linkCache struct {
	mu    sync.Mutex
	links map[string]int64
	// whole keeps every link, however many: that of a listing of everybody.
	whole bool
}

func (c *linkCache) get(employeeID string) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := c.links[employeeID]
	return id, ok
}

func (c *linkCache) put(employeeID string, userID int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.links == nil || (len(c.links) >= maxLinks && !c.whole) {
		c.links = map[string]int64{}
	}
	c.links[employeeID] = userID
}

func (c *linkCache) drop(employeeID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.links, employeeID)
}

// definitionCache holds the shortnames of OneLogin's custom attributes.
type definitionCache struct {
	mu       sync.Mutex
	known    map[string]bool
	loadedAt time.Time
}

// has reports whether a custom attribute is defined in OneLogin, and defines
// it where it is not and create says so.
func (c *definitionCache) has(ctx context.Context, api *onelogin.Client, shortname string, create bool) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || time.Since(c.loadedAt) > definitionLifetime {
		if err := c.load(ctx, api); err != nil {
			return false, err
		}
	}
	if c.known[shortname] || !create {
		return c.known[shortname], nil
	}
	created, err := api.CreateCustomAttribute(ctx, attributeName(shortname), shortname)
	var refused *onelogin.ValidationError
	switch {
	case errors.As(err, &refused):
		// Another worker may have defined it since the list was read.
		if err := c.load(ctx, api); err != nil {
			return false, err
		}
		if !c.known[shortname] {
			return false, refused
		}
	case err != nil:
		return false, err
	default:
		c.known[created.Shortname] = true
	}
	return c.known[shortname], nil
}

func (c *definitionCache) refresh(ctx context.Context, api *onelogin.Client) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.load(ctx, api)
}

func (c *definitionCache) load(ctx context.Context, api *onelogin.Client) error {
	defined, err := api.CustomAttributes(ctx)
	if err != nil {
		return err
	}
	c.known = make(map[string]bool, len(defined))
	for _, d := range defined {
		c.known[d.Shortname] = true
	}
	c.loadedAt = time.Now()
	return nil
}

func (c *definitionCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = nil
}

// attributeName makes the display name of a custom attribute from its
// shortname: work_cell becomes "Work Cell".
func attributeName(shortname string) string {
	words := strings.FieldsFunc(shortname, func(r rune) bool { return r == '_' || r == '-' })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

// labelCache holds the items of Bob's named lists.
type labelCache struct {
	mu    sync.Mutex
	lists map[string]loadedList
}

type loadedList struct {
	labels   map[string]string
	loadedAt time.Time
}

// get returns the label of a list item. An item that the cached list lacks is
// looked for once more in a fresh copy, unless that copy is a minute old at
// most.
func (c *labelCache) get(ctx context.Context, api *bob.Client, list, item string) (string, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cached := c.lists[list]
	label, ok := cached.labels[item]
	age := time.Since(cached.loadedAt)
	if (ok && age < labelLifetime) || (!ok && age < time.Minute) {
		return label, ok, nil
	}
	items, err := api.NamedList(ctx, list)
	var unknown *bob.NotFoundError
	if err != nil && !errors.As(err, &unknown) {
		return "", false, err
	}
	fresh := loadedList{labels: make(map[string]string, len(items)), loadedAt: time.Now()}
	for _, i := range items {
		fresh.labels[i.ID] = i.Name
	}
	if c.lists == nil {
		c.lists = map[string]loadedList{}
	}
	c.lists[list] = fresh
	label, ok = fresh.labels[item]
	return label, ok, nil
}
