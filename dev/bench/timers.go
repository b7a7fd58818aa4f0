package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"bob-onelogin/internal/dispatch"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// timers measures how late people start and lose access who are all due at the
// same midnight, against bare workflows whose timers fire at one moment. Time
// zones are made for it, in which midnight is soon.
func (b *bench) timers(ctx context.Context) ([]table, error) {
	zones, err := os.MkdirTemp("", "bob-onelogin-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(zones)
	w, err := newWorld(b.Due*5/2, nature{hires: b.Due})
	if err != nil {
		return nil, err
	}
	defer w.close()
	t := &table{
		title:   fmt.Sprintf("From the moment to the first write, %d people due at once", b.Due),
		columns: []string{"", "first", "half within", "99 of 100 within", "last"},
	}
	for _, due := range []struct {
		what string
		late func(context.Context, *world, string) ([]time.Duration, error)
	}{
		{"start date", b.starts},
		{"end of the last day", b.leaves},
		{"bare workflows", b.bareTimers},
	} {
		late, err := due.late(ctx, w, zones)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", due.what, err)
		}
		t.add(told, due.what, percentile(late, 0), percentile(late, 50), percentile(late, 99), percentile(late, 100))
		b.say("%s: half within %s", due.what, short(percentile(late, 50)))
	}
	return []table{*t}, nil
}

// ahead is how long it takes until everybody waits, generously.
func (b *bench) ahead() time.Duration {
	return 30*time.Second + time.Duration(b.Due)*150*time.Millisecond
}

// midnight is a moment, and the day that begins then in a zone of its own.
type midnight struct {
	at  time.Time
	day time.Time
}

// makeMidnight writes a zone in which a day begins at the next whole minute, and
// returns what the worker is told of it: beside the zone that the brake is asked
// and lets everybody pass. Times in JSON have no room for an offset in seconds.
func makeMidnight(zones string, at time.Time) (m midnight, env []string, err error) {
	m = midnight{at: at.Add(time.Minute - 1).Truncate(time.Minute)}
	m.day = m.at.Add(12 * time.Hour).UTC().Truncate(24 * time.Hour)
	east := int32(m.day.Sub(m.at) / time.Second)
	name := fmt.Sprintf("Soon%d", m.at.Unix())
	if err := os.WriteFile(filepath.Join(zones, name), zoneFile(east), 0o600); err != nil {
		return m, nil, err
	}
	settings := filepath.Join(zones, name+".yaml")
	if err := os.WriteFile(settings, []byte("zones: {default: "+name+"}\nbrake: {at_least: 100000}\n"), 0o600); err != nil {
		return m, nil, err
	}
	return m, []string{"ZONEINFO=" + zones, "PROVISIONING_FILE=" + settings}, nil
}

// zoneFile is a time zone that is always so many seconds east of Greenwich, in
// the form of RFC 9636.
func zoneFile(east int32) []byte {
	var b bytes.Buffer
	b.WriteString("TZif")
	b.Write(make([]byte, 16)) // version 1, reserved
	for _, count := range []uint32{0, 0, 0, 0, 1, 5} {
		_ = binary.Write(&b, binary.BigEndian, count) // to memory
	}
	_ = binary.Write(&b, binary.BigEndian, east)
	b.Write([]byte{0, 0}) // no summer time; the name is the first
	b.WriteString("SOON\x00")
	return b.Bytes()
}

// wait has people wait for a midnight, and returns how late each was written.
// dawn is what becomes of them in Bob as the day begins.
func (b *bench) wait(
	ctx context.Context, w *world, zones string, event employee.EventType, state workflows.SyncState,
	bring func(day time.Time, i int) (string, error), dawn func(id string) error, attribute string,
) ([]time.Duration, error) {
	m, env, err := makeMidnight(zones, time.Now().Add(b.ahead()))
	if err != nil {
		return nil, err
	}
	s, err := b.start(ctx, w, append(env, quickly)...)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	d := dispatch.New(s.server.Client(), s.namespace)
	ids := make([]string, b.Due)
	for i := range ids {
		if ids[i], err = bring(m.day, i); err != nil {
			return nil, err
		}
	}
	err = b.send(ctx, len(ids), func(ctx context.Context, i int) error {
		return d.Signal(ctx, ids[i], employee.Event{Type: event, ReceivedAt: time.Now()})
	})
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		err := until(ctx, time.Until(m.at), func() error {
			v, err := d.Status(ctx, id)
			if err == nil && (v.State != state || !v.DueAt.Equal(m.at)) {
				err = fmt.Errorf("employee %s is %s until %s, and not %s until %s: %s", id, v.State, v.DueAt, state, m.at, v.Reason)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("not everybody waits in time: %w", err)
		}
	}
	// Bob is as far as the day is, a moment before it.
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Until(m.at) - time.Second/2):
	}
	for _, id := range ids {
		if err := dawn(id); err != nil {
			return nil, err
		}
	}
	var late []time.Duration
	err = until(ctx, time.Until(m.at)+writtenWithin, func() error {
		late, err = w.written(ids, attribute, m.at)
		return err
	})
	return late, err
}

// writtenWithin is how late the last may be.
const writtenWithin = 5 * time.Minute

// written is how long after a moment each person's user was written, by an
// attribute that OneLogin sets.
func (w *world) written(ids []string, attribute string, after time.Time) ([]time.Duration, error) {
	byLink := map[string]string{}
	for _, u := range w.oneLogin.Users() {
		link, _ := u["external_id"].(string)
		byLink[link], _ = u[attribute].(string)
	}
	late := make([]time.Duration, len(ids))
	for i, id := range ids {
		at, err := time.Parse(time.RFC3339, byLink[id])
		if err != nil {
			return nil, fmt.Errorf("when the user of employee %s was written: %w", id, err)
		}
		if at.Before(after) {
			return nil, fmt.Errorf("the user of employee %s was written last %s before", id, after.Sub(at))
		}
		late[i] = at.Sub(after)
	}
	return late, nil
}

// starts has people hired who start at the next midnight.
func (b *bench) starts(ctx context.Context, w *world, zones string) ([]time.Duration, error) {
	return b.wait(ctx, w, zones, employee.EventCreated, workflows.Waiting, func(day time.Time, _ int) (string, error) {
		id, err := w.hire()
		if err != nil {
			return "", err
		}
		return id, w.put(id, map[string]any{
			"work":     map[string]any{"startDate": day.Format(time.DateOnly), "site": nil, "siteId": nil},
			"internal": map[string]any{"status": "Inactive", "lifecycleStatus": "hired"},
		})
	}, func(id string) error {
		return w.put(id, map[string]any{"internal": map[string]any{"status": "Active", "lifecycleStatus": "employed"}})
	}, "created_at")
}

// leaves has people leave whose last day ends at the next midnight.
func (b *bench) leaves(ctx context.Context, w *world, zones string) ([]time.Duration, error) {
	working, err := w.pick(0, b.Due)
	if err != nil {
		return nil, err
	}
	return b.wait(ctx, w, zones, employee.EventUpdated, workflows.Leaving, func(day time.Time, i int) (string, error) {
		return working[i], w.put(working[i], map[string]any{
			// Who starts today in Bob would do so at the same midnight.
			"work":     map[string]any{"site": nil, "siteId": nil, "startDate": day.AddDate(-1, 0, 0).Format(time.DateOnly)},
			"employee": map[string]any{"lastDayOfWork": day.AddDate(0, 0, -1).Format(time.DateOnly)},
		})
	}, func(string) error { return nil }, "updated_at")
}

// bareTimers has bare workflows wait for one moment.
func (b *bench) bareTimers(ctx context.Context, w *world, _ string) ([]time.Duration, error) {
	s, err := b.start(ctx, w)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	bare, err := s.serveBare()
	if err != nil {
		return nil, err
	}
	defer bare.stop()
	at := time.Now().Add(b.ahead()).Truncate(time.Second)
	id := func(i int) string { return fmt.Sprintf("bare-timer/%d", i) }
	err = b.send(ctx, b.Due, func(ctx context.Context, i int) error {
		_, err := s.server.Client().SignalWithStartWorkflow(ctx, id(i), workflows.EventSignal,
			employee.Event{Type: employee.EventUpdated}, bareOptions(id(i), bareQueue), bareEmployee, bareInput{Until: at})
		return err
	})
	if err != nil {
		return nil, err
	}
	late := make([]time.Duration, b.Due)
	for i := range late {
		if _, err := s.ended(ctx, id(i), nil); err != nil {
			return nil, err
		}
		late[i] = bare.touchedAt(id(i)).Sub(at)
	}
	return late, nil
}
