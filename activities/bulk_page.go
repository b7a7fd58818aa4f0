package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"bob-onelogin/internal/employee"
)

// errSnapshotLost: this process has no such snapshot; it is taken anew.
var errSnapshotLost = errors.New("the snapshot is not held here any more; it is taken anew")

// BulkPage hands out the next people of a snapshot. It is the moment at which
// what earlier synchronisations left is looked at, for these people alone.
func (a *Activities) BulkPage(ctx context.Context, in BulkPageInput) (BulkPageResult, error) {
	var out BulkPageResult
	err := attempt(ctx, "hand out the next people", func(ctx context.Context, t *try) error {
		s, held := a.snapshots.get(in.Snapshot)
		if !held {
			return errSnapshotLost
		}
		var err error
		out, err = s.page(ctx, in)
		out.Budget = a.budget(s.planner.settings.Limits)
		return err
	})
	return out, err
}

func (s *snapshot) page(ctx context.Context, in BulkPageInput) (BulkPageResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range in.Created {
		s.planner.finder.links.put(c.EmployeeID, c.UserID)
	}
	if len(in.Unlinked) > 0 {
		return BulkPageResult{Items: s.linkable(in.Unlinked), Last: true}, nil
	}

	first, found := slices.BinarySearchFunc(s.candidates, in.After, func(c candidate, k BulkKey) int { return c.key.Compare(k) })
	if found {
		first++
	}
	next := s.candidates[first:min(first+bulkPageItems, len(s.candidates))]
	verdicts, err := s.recalled(ctx, next)
	if err != nil {
		return BulkPageResult{}, err
	}
	if err := s.check(ctx, verdicts); err != nil {
		return BulkPageResult{}, err
	}
	var out BulkPageResult
	size := 0
	for i, v := range verdicts {
		if v.inLine && !s.force {
			out.Settled++
			continue
		}
		item, err := s.item(ctx, v, in.DryRun)
		if err != nil {
			return BulkPageResult{}, err
		}
		encoded, err := json.Marshal(item)
		if err != nil {
			return BulkPageResult{}, fmt.Errorf("hand out employee %s: %w", item.Key.EmployeeID, err)
		}
		if size += len(encoded); size > bulkPageBytes && len(out.Items) > 0 {
			next = next[:i]
			break
		}
		out.Items = append(out.Items, item)
	}
	out.Left = len(s.candidates) - first - len(next)
	out.Last = out.Left == 0
	if len(next) > 0 {
		out.Next = next[len(next)-1].key
	}
	return out, nil
}

// linkable picks those whose manager has a user by now. Their children read
// for themselves.
func (s *snapshot) linkable(unlinked []Unlinked) []BulkItem {
	var items []BulkItem
	for _, u := range unlinked {
		if userID, ok := s.planner.finder.links.get(u.ManagerID); ok {
			items = append(items, BulkItem{
				Key: BulkKey{EmployeeID: u.EmployeeID}, Outcome: employee.Updated, Calls: 2,
				Reason: "The manager has a OneLogin user by now", ManagerID: u.ManagerID, ManagerUserID: userID,
			})
		}
	}
	return items
}

// recalled decodes candidates and plans them once more where what earlier
// synchronisations left may matter.
func (s *snapshot) recalled(ctx context.Context, candidates []candidate) ([]verdict, error) {
	verdicts := make([]verdict, len(candidates))
	var ids []string
	for i, c := range candidates {
		v := &verdicts[i]
		if err := json.Unmarshal(c.item, &v.BulkItem); err != nil {
			return nil, fmt.Errorf("look at the plan for employee %s: %w", c.key.EmployeeID, err)
		}
		v.Key, v.manager, v.missingManager = c.key, c.manager, c.missingManager
		if v.Order != nil && v.Order.Listed.User != nil {
			v.match = matchFor(c.key.EmployeeID, v.Order.Listed.User)
			ids = append(ids, c.key.EmployeeID)
		}
	}
	if len(ids) == 0 {
		return verdicts, nil
	}
	earlier, err := s.planner.RecallMany(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("recall the last synchronisations: %w", err)
	}
	for i := range verdicts {
		v := &verdicts[i]
		if v.Order == nil || v.Order.Listed.User == nil {
			continue
		}
		v.Order.Last = earlier[v.Key.EmployeeID].known()
		if err := s.planner.again(ctx, v); err != nil {
			return nil, fmt.Errorf("plan for employee %s: %w", v.Key.EmployeeID, err)
		}
	}
	return verdicts, nil
}

// check takes the order from those of whom another run has ended since the
// reading: their children read for themselves.
func (s *snapshot) check(ctx context.Context, verdicts []verdict) error {
	var ids []string
	for _, v := range verdicts {
		if v.Order != nil {
			ids = append(ids, v.Key.EmployeeID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	checkedAt := time.Now()
	ended, err := s.planner.EndedSince(ctx, ids, s.planner.at.Add(-clockSkew))
	if err != nil {
		return fmt.Errorf("look for other runs since the reading: %w", err)
	}
	for i := range verdicts {
		v := &verdicts[i]
		overtaken, runs := ended[v.Key.EmployeeID]
		switch {
		case v.Order == nil:
		case overtaken:
			v.overtaken = true
		case runs:
			// It may have ended by the time that the child starts, which looks
			// for itself.
		default:
			v.Order.Listed.CheckedAt = checkedAt
		}
	}
	return nil
}

// item completes what is handed out.
func (s *snapshot) item(ctx context.Context, v verdict, dryRun bool) (BulkItem, error) {
	item := v.BulkItem
	item.ManagerID = v.manager
	if userID, ok := s.planner.finder.links.get(v.manager); ok {
		item.ManagerUserID = userID
	}
	item.AwaitsManager = item.ManagerUserID == 0 && v.awaited(s.planner.creating)
	planned, applied := s.apply[v.Key.EmployeeID]
	if !dryRun && !applied {
		if v.overtaken {
			item.Order = nil
		}
		return item, nil
	}
	var err error
	if item.Changes, err = s.planner.changes(ctx, &v); err != nil {
		return BulkItem{}, err
	}
	if item.Digest, err = digestOfChanges(item); err != nil {
		return BulkItem{}, err
	}
	if dryRun {
		item.Order = nil
		return item, nil
	}
	if item.Digest != planned {
		item.Outcome, item.Order = employee.Moved, nil
		item.Reason = "This person's state has moved since the plan was made, so nothing was changed; make a new plan"
	}
	item.Changes, item.Digest = nil, ""
	if v.overtaken {
		item.Order = nil
	}
	return item, nil
}
