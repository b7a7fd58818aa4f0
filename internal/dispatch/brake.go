package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/internal/brake"
	"bob-onelogin/workflows"
)

const (
	// reservePatience bounds one question to the brake, its repetitions
	// included.
	reservePatience = 15 * time.Second
	// reserveAgain is the first pause before a question is repeated that the
	// server could not take, reserveAgainMax the longest.
	reserveAgain    = 50 * time.Millisecond
	reserveAgainMax = time.Second
	// countingPause is how long a brake is left alone that counts, and
	// countingPatience for how long a question waits for that: who asks keeps
	// others waiting meanwhile, and is asked again by the workflow.
	countingPause    = time.Second
	countingPatience = 3 * time.Second
)

// Brake asks the one workflow that counts suspensions. Questions of the same
// moment go into one update: the server takes ten updates at once of a workflow,
// from all workers together.
type Brake struct {
	d *Dispatcher

	mu      sync.Mutex
	pending []*question
	asking  bool
}

// question is one person who is about to be suspended.
type question struct {
	by      brake.Settings
	request brake.Request

	answer brake.Answer
	err    error
	done   chan struct{}
}

// NewBrake returns a brake for the activities of one process.
func (d *Dispatcher) NewBrake() *Brake { return &Brake{d: d} }

// Reserve asks whether somebody may be suspended, as long as ctx lets it. An
// answer that is lost is had again: the brake knows its questions.
func (b *Brake) Reserve(ctx context.Context, by brake.Settings, r brake.Request) (brake.Answer, error) {
	began := time.Now()
	for {
		q := &question{by: by, request: r, done: make(chan struct{})}
		if r.Revoked {
			// Waits for nobody.
			q.answer, q.err = b.alone(ctx, q)
		} else {
			b.join(q)
			select {
			case <-ctx.Done():
				return brake.Answer{}, fmt.Errorf("ask %s: %w", workflows.BrakeWorkflowID, ErrNoAnswer)
			case <-q.done:
			}
		}
		if q.err != nil || q.answer.Verdict != brake.Counting {
			return q.answer, q.err
		}
		if time.Since(began) > countingPatience {
			return q.answer, nil
		}
		select {
		case <-ctx.Done():
			return q.answer, nil
		case <-time.After(countingPause):
		}
	}
}

func (b *Brake) alone(ctx context.Context, q *question) (brake.Answer, error) {
	answers, err := b.send(ctx, q.by, []brake.Request{q.request})
	if err != nil {
		return brake.Answer{}, err
	}
	return answers[0], nil
}

// join adds a question to those that are asked next.
func (b *Brake) join(q *question) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending = append(b.pending, q)
	if !b.asking {
		b.asking = true
		go b.ask()
	}
}

// ask asks until no question is left.
func (b *Brake) ask() {
	for {
		batch := b.next()
		if len(batch) == 0 {
			return
		}
		requests := make([]brake.Request, len(batch))
		for i, q := range batch {
			requests[i] = q.request
		}
		// Whoever was first may have given up: the others wait for it too.
		ctx, cancel := context.WithTimeout(context.Background(), reservePatience)
		answers, err := b.send(ctx, batch[0].by, requests)
		cancel()
		for i, q := range batch {
			if q.err = err; err == nil {
				q.answer = answers[i]
			}
			close(q.done)
		}
	}
}

// next takes the questions that fit into one update: they go by the same
// settings, and are about different people.
func (b *Brake) next() []*question {
	b.mu.Lock()
	defer b.mu.Unlock()
	var batch, rest []*question
	for _, q := range b.pending {
		if len(batch) < workflows.MaxReserve && (len(batch) == 0 || batch[0].by == q.by) {
			batch = append(batch, q)
		} else {
			rest = append(rest, q)
		}
	}
	b.pending = rest
	b.asking = len(batch) > 0
	return batch
}

// send asks, and repeats what the server could not take: because the workflow
// was just continued as new, or because too many ask at once.
func (b *Brake) send(ctx context.Context, by brake.Settings, requests []brake.Request) ([]brake.Answer, error) {
	in := workflows.ReserveInput{Settings: by, Requests: requests, Tracked: b.d.Tracked(ctx)}
	for pause := reserveAgain; ; pause = min(2*pause, reserveAgainMax) {
		var out workflows.ReserveResult
		err := b.d.update(ctx, workflows.ReserveUpdate, in, &out)
		switch {
		case err == nil && len(out.Answers) != len(requests):
			return nil, fmt.Errorf("%s gave %d answers to %d questions", workflows.BrakeWorkflowID, len(out.Answers), len(requests))
		case err == nil:
			return out.Answers, nil
		case refused(err):
			return nil, fmt.Errorf("ask %s: %w", workflows.BrakeWorkflowID, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("ask %s: %w", workflows.BrakeWorkflowID, errors.Join(ErrNoAnswer, unlessLate(err)))
		case <-time.After(pause):
		}
	}
}

// refused reports whether to ask again is of no use.
func refused(err error) bool {
	var app *temporal.ApplicationError
	var invalid *serviceerror.InvalidArgument
	var denied *serviceerror.PermissionDenied
	var unsupported *serviceerror.Unimplemented
	return errors.As(err, &app) || errors.As(err, &invalid) || errors.As(err, &denied) || errors.As(err, &unsupported)
}

// unlessLate leaves out what says no more than that there was no answer.
func unlessLate(err error) error {
	var late *client.WorkflowUpdateServiceTimeoutOrCanceledError
	if errors.As(err, &late) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// brakeOptions are those of the brake's workflow.
func brakeOptions() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID: workflows.BrakeWorkflowID, TaskQueue: workflows.TaskQueue,
		StaticSummary: "Suspension brake: how many were suspended of late, and who is held",
	}
}

// update sends an update to the brake, starting it if it does not run.
func (d *Dispatcher) update(ctx context.Context, name string, in, out any) error {
	o := brakeOptions()
	o.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	handle, err := d.client.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: d.client.NewWithStartWorkflowOperation(o, workflows.SuspensionBrakeName, workflows.BrakeInput{}),
		UpdateOptions: client.UpdateWorkflowOptions{
			WorkflowID: o.ID, UpdateName: name, Args: []any{in}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	if err != nil {
		return err
	}
	return handle.Get(ctx, out)
}

// Learn tells the brake how many users are linked to a person and not suspended.
func (b *Brake) Learn(ctx context.Context, linked int) error {
	_, err := b.d.client.SignalWithStartWorkflow(ctx, workflows.BrakeWorkflowID, workflows.LinkedSignal, workflows.LinkedUsers{Linked: linked},
		brakeOptions(), workflows.SuspensionBrakeName, workflows.BrakeInput{})
	if err != nil {
		return fmt.Errorf("tell %s the number of users: %w", workflows.BrakeWorkflowID, err)
	}
	return nil
}

// Standing tells what was counted, without the people.
func (b *Brake) Standing(ctx context.Context) (brake.View, error) { return b.d.Brake(ctx, 1) }

// Brake tells how many were suspended within the window, and who is held, so
// many people at most; 0 means as many as are shown at all. A brake that was
// never asked, or that was terminated, has counted nothing.
func (d *Dispatcher) Brake(ctx context.Context, people int) (brake.View, error) {
	now := time.Now().UTC()
	view := brake.View{At: now}
	err := inTime(ctx, d.Patience.Query, "ask "+workflows.BrakeWorkflowID, func(ctx context.Context) error {
		answer, err := d.client.QueryWorkflowWithOptions(ctx, &client.QueryWorkflowWithOptionsRequest{
			WorkflowID: workflows.BrakeWorkflowID, QueryType: workflows.BrakeQuery,
			Args:                 []any{workflows.BrakeRequest{At: now, People: people}},
			QueryRejectCondition: enumspb.QUERY_REJECT_CONDITION_NOT_OPEN,
		})
		if err != nil || answer.QueryRejected != nil {
			return err
		}
		return answer.QueryResult.Get(&view)
	})
	var none *serviceerror.NotFound
	switch {
	case err == nil, errors.As(err, &none):
		return view, nil
	default:
		return brake.View{}, err
	}
}

// ApproveSuspensions lets people be suspended whom the brake holds.
func (d *Dispatcher) ApproveSuspensions(ctx context.Context, of brake.Decision) (brake.Decided, error) {
	return d.decide(ctx, workflows.ApproveUpdate, of)
}

// RejectSuspensions has nobody suspend people whom the brake holds.
func (d *Dispatcher) RejectSuspensions(ctx context.Context, of brake.Decision) (brake.Decided, error) {
	return d.decide(ctx, workflows.RejectUpdate, of)
}

func (d *Dispatcher) decide(ctx context.Context, update string, of brake.Decision) (brake.Decided, error) {
	var out brake.Decided
	err := d.change(ctx, client.UpdateWorkflowOptions{WorkflowID: workflows.BrakeWorkflowID, UpdateName: update, Args: []any{of}}, &out)
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return brake.Decided{NotHeld: of.EmployeeIDs}, nil
	}
	return out, err
}
