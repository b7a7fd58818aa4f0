package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"time"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/employee"
	"bob-onelogin/workflows"
)

// flow is what came of one round of deliveries.
type flow struct {
	took  time.Duration
	waits []time.Duration
}

// webhook compares the endpoint of Bob's webhooks with a bare
// signal-with-start of the same signal. Nobody works on what is started, on
// either side: to take an event in is all that is measured.
func (b *bench) webhook(ctx context.Context) ([]table, error) {
	_, s, end, err := b.stage(ctx, callsStaff, nature{})
	if err != nil {
		return nil, err
	}
	defer end()
	s.stopWorker() // it has seen to the search attributes
	url, err := s.startStarter(ctx)
	if err != nil {
		return nil, err
	}
	sender := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: b.Senders}}
	defer sender.CloseIdleConnections()

	var times, p50, p99 rounds
	for round := range b.Rounds + 1 {
		ours, err := b.deliver(ctx, func(ctx context.Context, i int) error {
			return post(ctx, sender, url, fmt.Sprintf("77%d", 1_000_000*(round+1)+i))
		})
		if err != nil {
			return nil, err
		}
		theirs, err := b.deliver(ctx, func(ctx context.Context, i int) error {
			id := fmt.Sprintf("bare-delivery/%d", 1_000_000*(round+1)+i)
			_, err := s.server.Client().SignalWithStartWorkflow(ctx, id, workflows.EventSignal,
				employee.Event{Type: employee.EventUpdated, ReceivedAt: time.Now().UTC(), TriggeredAt: time.Now().UTC()},
				bareOptions(id, bareIdleQueue), workflows.EmployeeSyncName, workflows.EmployeeSyncInput{Shown: workflows.Settling})
			return err
		})
		if err != nil {
			return nil, err
		}
		if round == 0 {
			continue // connections are made, caches filled
		}
		times.add(ours.took, theirs.took)
		p50.add(percentile(ours.waits, 50), percentile(theirs.waits, 50))
		p99.add(percentile(ours.waits, 99), percentile(theirs.waits, 99))
		b.say("round %d of %d: %s for deliveries, %s for signals", round, b.Rounds, short(ours.took), short(theirs.took))
	}
	t := &table{
		title:   fmt.Sprintf("%d deliveries by %d senders, medians of %d rounds", b.Deliveries, b.Senders, b.Rounds),
		columns: []string{"", "webhook", "bare signal-with-start", "ratio", "bound"},
	}
	rate := func(d []time.Duration) string {
		return fmt.Sprintf("%.0f/s", float64(b.Deliveries)/median(d).Seconds())
	}
	line := func(what string, r rounds, show func([]time.Duration) string) {
		t.add(judge(r.ratio() <= bound), what, show(r.ours), show(r.theirs), fmt.Sprintf("%.2f", r.ratio()), fmt.Sprintf("at most %.1f", bound))
	}
	wait := func(d []time.Duration) string { return short(median(d)) }
	line("accepted, ratio of times", times, rate)
	line("half are answered within", p50, wait)
	line("99 of 100 are answered within", p99, wait)
	return []table{*t}, nil
}

// deliver sends one round.
func (b *bench) deliver(ctx context.Context, one func(context.Context, int) error) (flow, error) {
	f := flow{waits: make([]time.Duration, b.Deliveries)}
	began := time.Now()
	err := b.send(ctx, b.Deliveries, func(ctx context.Context, i int) error {
		sent := time.Now()
		err := one(ctx, i)
		f.waits[i] = time.Since(sent)
		return err
	})
	f.took = time.Since(began)
	return f, err
}

// post delivers an event as Bob does.
func post(ctx context.Context, c *http.Client, url, employeeID string) error {
	body := fmt.Appendf(nil, `{"companyId":636192,"type":"employee.updated","triggeredBy":"3332883800000000001","triggeredAt":%q,"version":"v2",`+
		`"data":{"employeeId":%q,"fieldUpdates":[{"id":"root.surname","name":"Last name"}]}}`, time.Now().UTC().Format("2006-01-02T15:04:05.000000"), employeeID)
	mac := hmac.New(sha512.New, []byte(webhookSecret))
	mac.Write(body)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set(bob.SignatureHeader, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	answer, err := c.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the webhook answered %s: %s", answer.Status, said)
	}
	return err
}
