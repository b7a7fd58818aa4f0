package bob

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"bob-onelogin/dev/sim/control"
)

const (
	postTimeout = 10 * time.Second // HiBob's partner documentation
	maxPosts    = 64               // under way at once
	maxLog      = 10_000
)

var (
	// ErrNoWebhook means that there is no URL to send webhooks to.
	ErrNoWebhook = errors.New("no webhook URL is set")
	errClosed    = errors.New("the stand-in is closed")
)

// Delivery is one webhook on its way: what came of it so far.
type Delivery struct {
	Type       string `json:"type"`
	EmployeeID string `json:"employeeId"`
	Status     int    `json:"status"` // of the last attempt; 0 when there was no answer
	Attempts   int    `json:"attempts"`
	Delivered  bool   `json:"delivered"` // answered 2xx
	GivenUp    bool   `json:"given_up"`
}

// parcel is a delivery with its body. Its fields are mail.mu's, but for body,
// delay and done.
type parcel struct {
	Delivery
	body  []byte
	delay time.Duration
	done  chan struct{}
}

// mail sends webhooks: in order within a lane, with retry, and lanes side by
// side. A lane is an employee's, or one of its own for what may be overtaken.
type mail struct {
	settings    func() Settings
	clock       *control.Clock // of the pauses between attempts
	attempts    int
	first, most time.Duration
	client      *http.Client
	posts       chan struct{}
	ctx         context.Context // of everything under way; ended by close
	cancel      context.CancelFunc
	running     sync.WaitGroup
	mu          sync.Mutex
	closed      bool
	lanes       map[string][]*parcel
	log         []*parcel
	shuffles    int
	disorder    *rand.Rand
}

func newMail(cfg Config, clock *control.Clock, settings func() Settings) *mail {
	ctx, cancel := context.WithCancel(context.Background())
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = maxPosts
	m := &mail{
		settings: settings,
		clock:    clock,
		attempts: cfg.Attempts,
		first:    cfg.RetryFirst,
		most:     cfg.RetryMost,
		client: &http.Client{
			Transport:     transport,
			Timeout:       postTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		posts:  make(chan struct{}, maxPosts),
		ctx:    ctx,
		cancel: cancel,
		lanes:  map[string][]*parcel{},
		// Seeded alike each time: disorder that can be had again.
		disorder: rand.New(rand.NewPCG(1, 2)),
	}
	if m.attempts == 0 {
		m.attempts = DefaultAttempts
	}
	if m.first == 0 {
		m.first = DefaultRetryFirst
	}
	if m.most == 0 {
		m.most = DefaultRetryMost
	}
	return m
}

func (m *mail) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	m.running.Wait()
	m.client.CloseIdleConnections()
}

// queue takes bodies to be sent and returns at once.
func (m *mail) queue(e Event, bodies [][]byte) ([]*parcel, error) {
	var parcels []*parcel
	for _, body := range bodies {
		parcels = append(parcels, &parcel{
			Delivery: Delivery{Type: e.Type, EmployeeID: e.EmployeeID},
			body:     body, delay: time.Duration(e.Delay), done: make(chan struct{}),
		})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, errClosed
	}
	m.log = append(m.log, parcels...)
	if over := len(m.log) - maxLog; over > 0 {
		m.log = slices.Clone(m.log[over:])
	}
	lane, sent := "employee "+e.EmployeeID, parcels
	if e.Shuffle {
		m.shuffles++
		lane, sent = "shuffled "+strconv.Itoa(m.shuffles), slices.Clone(parcels)
		m.disorder.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })
	}
	_, busy := m.lanes[lane]
	m.lanes[lane] = append(m.lanes[lane], sent...)
	if !busy {
		m.running.Go(func() { m.run(lane) })
	}
	return parcels, nil
}

// run empties a lane.
func (m *mail) run(lane string) {
	for {
		m.mu.Lock()
		if len(m.lanes[lane]) == 0 {
			delete(m.lanes, lane)
			m.mu.Unlock()
			return
		}
		p := m.lanes[lane][0]
		m.lanes[lane] = m.lanes[lane][1:]
		m.mu.Unlock()
		m.deliver(p)
		close(p.done)
	}
}

// deliver tries until the parcel is accepted or given up.
func (m *mail) deliver(p *parcel) {
	due, pause := m.clock.Elapsed()+p.delay, m.first
	for attempt := 1; m.clock.Wait(m.ctx, due); attempt++ {
		status := m.post(p.body)
		ok := status/100 == 2
		m.mu.Lock()
		p.Status, p.Attempts, p.Delivered = status, attempt, ok
		due, pause = m.clock.Elapsed()+pause, min(2*pause, m.most)
		m.mu.Unlock()
		if ok {
			return
		}
		if attempt == m.attempts {
			break
		}
	}
	m.mu.Lock()
	p.GivenUp = true
	m.mu.Unlock()
}

// post sends a signed body to where webhooks go now; 0 means no answer.
func (m *mail) post(body []byte) int {
	select {
	case m.posts <- struct{}{}:
		defer func() { <-m.posts }()
	case <-m.ctx.Done():
		return 0
	}
	s := m.settings()
	status, err := m.send(m.ctx, s.WebhookURL, "application/json", body, Sign(s.WebhookSecret, body))
	if err != nil {
		return 0
	}
	return status
}

// send posts one body, without a signature when that is empty.
func (m *mail) send(ctx context.Context, url, contentType string, body []byte, signature string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("make webhook request: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	if signature != "" {
		req.Header.Set("Bob-Signature", signature)
	}
	res, err := m.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post webhook: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	// Read to its end, or the connection could not be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return res.StatusCode, nil
}

// snapshot copies what has come of parcels.
func (m *mail) snapshot(parcels []*parcel) []Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Delivery, 0, len(parcels))
	for _, p := range parcels {
		all = append(all, p.Delivery)
	}
	return all
}

// Sign is Bob's signature of a webhook's raw body: padded standard Base64 of
// its HMAC-SHA-512.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha512.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Queue takes an event to be sent and returns at once.
func (s *Server) Queue(e Event) error {
	_, err := s.queue(e, nil)
	return err
}

// Send sends an event and waits until every delivery has been accepted or given
// up. When ctx ends first, the deliveries go on.
func (s *Server) Send(ctx context.Context, e Event) ([]Delivery, error) {
	parcels, err := s.queue(e, nil)
	if err != nil {
		return nil, err
	}
	return s.await(ctx, parcels)
}

// queue needs the removed record of a person who is not there any more.
func (s *Server) queue(e Event, removed record) ([]*parcel, error) {
	if err := e.validate(); err != nil {
		return nil, fmt.Errorf("send event: %w", err)
	}
	s.mu.RLock()
	url, person := s.settings.WebhookURL, s.staff.current(e.EmployeeID)
	s.mu.RUnlock()
	if url == "" {
		return nil, fmt.Errorf("send event: %w", ErrNoWebhook)
	}
	if person == nil {
		person = removed
	}
	at := s.clock.Now()
	if !e.TriggeredAt.IsZero() {
		at = e.TriggeredAt.UTC()
	}
	bodies, err := e.bodies(person, at)
	if err != nil {
		return nil, fmt.Errorf("send event: %w", err)
	}
	parcels, err := s.mail.queue(e, bodies)
	if err != nil {
		return nil, fmt.Errorf("send event: %w", err)
	}
	return parcels, nil
}

func (s *Server) await(ctx context.Context, parcels []*parcel) ([]Delivery, error) {
	for _, p := range parcels {
		select {
		case <-p.done:
		case <-s.mail.ctx.Done():
			return s.mail.snapshot(parcels), fmt.Errorf("await delivery: %w", errClosed)
		case <-ctx.Done():
			return s.mail.snapshot(parcels), fmt.Errorf("await delivery: %w", ctx.Err())
		}
	}
	return s.mail.snapshot(parcels), nil
}

// Deliveries is the log of the last 10,000 webhooks, oldest first.
func (s *Server) Deliveries() []Delivery {
	s.mail.mu.Lock()
	log := slices.Clone(s.mail.log)
	s.mail.mu.Unlock()
	return s.mail.snapshot(log)
}

// ForgetDeliveries empties the log; what is under way goes on.
func (s *Server) ForgetDeliveries() {
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	s.mail.log = nil
}

// Ping sends Bob's connection test, text and then JSON, each once, and returns
// the two statuses. Whether Bob signs it is unknown.
func (s *Server) Ping(ctx context.Context, signed bool) ([]int, error) {
	settings := s.Settings()
	if settings.WebhookURL == "" {
		return nil, fmt.Errorf("ping: %w", ErrNoWebhook)
	}
	var statuses []int
	for _, ping := range []struct{ contentType, body string }{
		{"text/plain; charset=utf-8", "Ping test"},
		{"application/json", `{"text":"Ping test"}`},
	} {
		signature := ""
		if signed {
			signature = Sign(settings.WebhookSecret, []byte(ping.body))
		}
		status, err := s.mail.send(ctx, settings.WebhookURL, ping.contentType, []byte(ping.body), signature)
		if err != nil {
			return statuses, fmt.Errorf("ping: %w", err)
		}
		statuses = append(statuses, status)
	}
	return statuses, nil
}
