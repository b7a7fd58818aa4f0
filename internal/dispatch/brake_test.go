package dispatch_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"bob-onelogin/internal/brake"
	"bob-onelogin/internal/dispatch"
	"bob-onelogin/workflows"
)

// TestBrakeWithoutAWorker: there is no answer, and nobody takes that for one. The
// question that waits in the server is answered when a worker comes.
func TestBrakeWithoutAWorker(t *testing.T) {
	p := newPlace(t, "brake")
	view, err := p.Brake(t.Context(), 0)
	require.NoError(t, err)
	require.Zero(t, view.Held, "a brake that was never asked holds nobody")
	decided, err := p.ApproveSuspensions(t.Context(), brake.Decision{EmployeeIDs: []string{person(1)}})
	require.NoError(t, err)
	require.Equal(t, []string{person(1)}, decided.NotHeld)

	b := p.NewBrake()
	for name, r := range map[string]brake.Request{
		"a leaver":     {EmployeeID: person(1), Case: time.Now()},
		"a revocation": {EmployeeID: person(2), Case: time.Now(), Revoked: true},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := b.Reserve(ctx, brake.DefaultSettings(), r)
			require.ErrorIs(t, err, dispatch.ErrNoAnswer)
		})
	}
	require.NoError(t, b.Learn(t.Context(), 200), "the server has it")
	p.Patience = impatient
	_, err = p.Brake(t.Context(), 0)
	require.ErrorIs(t, err, dispatch.ErrNoAnswer)
	_, err = p.RejectSuspensions(t.Context(), brake.Decision{All: true})
	require.ErrorIs(t, err, dispatch.ErrNoAnswer)
}

// A place of its own: a question that is still repeated starts another brake.
func TestBrakeThatWasTerminated(t *testing.T) {
	p := newPlace(t, "brake-terminated")
	require.NoError(t, p.NewBrake().Learn(t.Context(), 200))
	require.NoError(t, p.client.TerminateWorkflow(t.Context(), workflows.BrakeWorkflowID, "", "for the test"))
	view, err := p.Brake(t.Context(), 0)
	require.NoError(t, err, "it has forgotten everything")
	require.Zero(t, view.Used)
}
