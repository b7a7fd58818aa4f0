package payload_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/internal/payload"
)

type person struct {
	FirstName string `json:"firstName"`
}

// inWorkflow is the converter as workflow code has it.
func inWorkflow(keys payload.Keys) converter.DataConverter {
	return keys.DataConverter().(interface {
		WithWorkflowContext(converter.WorkflowContext) converter.DataConverter
	}).WithWorkflowContext(nil)
}

func TestDataConverter(t *testing.T) {
	keys := ring(t, "k1:"+secret('a'))
	for name, dc := range map[string]converter.DataConverter{"outside": keys.DataConverter(), "in a workflow": inWorkflow(keys)} {
		t.Run(name, func(t *testing.T) {
			sealed, err := dc.ToPayloads(person{"Juniper"}, "Juniper")
			require.NoError(t, err)
			require.NotContains(t, sealed.String(), "Juniper")
			var p person
			var s string
			require.NoError(t, dc.FromPayloads(sealed, &p, &s))
			require.Equal(t, person{"Juniper"}, p)
			require.Equal(t, "Juniper", s)

			fromCLI, err := converter.GetDefaultDataConverter().ToPayload(person{"Rowan"})
			require.NoError(t, err)
			require.NoError(t, dc.FromPayload(fromCLI, &p))
			require.Equal(t, person{"Rowan"}, p)
		})
	}
}

// An error would fail a workflow for good, or drop a signal; a panic has the
// task tried again.
func TestWorkflowsWaitForTheKey(t *testing.T) {
	keys := ring(t, "k1:"+secret('a'))
	sealed, err := keys.DataConverter().ToPayloads(person{"Juniper"})
	require.NoError(t, err)
	var p person
	for name, others := range map[string]payload.Keys{"no keys": {}, "another key": ring(t, "k2:"+secret('b'))} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, others.DataConverter().FromPayloads(sealed, &p), "it needs the key k1")
			require.ErrorContains(t, others.DataConverter().FromPayload(sealed.GetPayloads()[0], &p), "it needs the key k1")
			dc := inWorkflow(others)
			requirePanics(t, "it needs the key k1", func() { _ = dc.FromPayloads(sealed, &p) })
			requirePanics(t, "it needs the key k1", func() { _ = dc.FromPayload(sealed.GetPayloads()[0], &p) })
		})
	}

	// What is readable and makes no sense is the sender's mistake: it fails.
	nonsense, err := keys.DataConverter().ToPayload("no person")
	require.NoError(t, err)
	require.Error(t, inWorkflow(keys).FromPayload(nonsense, &p))
}

func requirePanics(t *testing.T, with string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		require.Contains(t, fmt.Sprint(recover()), with)
	}()
	f()
}

func TestFailuresAreEncrypted(t *testing.T) {
	keys := ring(t, "k1:"+secret('a'))
	cause := temporal.NewNonRetryableApplicationError("Juniper's phone is wrong", "Refused", errors.New("said Rowan"), person{"Juniper"})
	f := keys.FailureConverter().ErrorToFailure(cause)
	require.NotContains(t, f.String(), "Juniper")
	require.NotContains(t, f.String(), "Rowan")
	require.Equal(t, "Encoded failure", f.GetMessage())
	require.Equal(t, "Refused", f.GetApplicationFailureInfo().GetType(), "retry policies go by it")

	var back *temporal.ApplicationError
	require.ErrorAs(t, keys.FailureConverter().FailureToError(f), &back)
	require.Equal(t, "Juniper's phone is wrong", back.Message())
	require.True(t, back.NonRetryable())
	require.ErrorContains(t, back.Unwrap(), "said Rowan")
	var details person
	require.NoError(t, back.Details(&details))
	require.Equal(t, person{"Juniper"}, details)
}

func TestAFailureThatCannotBeReadSaysWhy(t *testing.T) {
	f := ring(t, "k1:"+secret('a')).FailureConverter().ErrorToFailure(
		temporal.NewApplicationError("outer", "Outer", temporal.NewApplicationError("inner", "Inner")))
	before := f.String()
	for name, others := range map[string]payload.Keys{"no keys": {}, "another key": ring(t, "k2:"+secret('b'))} {
		t.Run(name, func(t *testing.T) {
			var err *temporal.ApplicationError
			require.ErrorAs(t, others.FailureConverter().FailureToError(f), &err)
			require.Contains(t, err.Message(), "encrypted payload: it needs the key k1")
			require.Equal(t, "Outer", err.Type())
			require.Equal(t, before, f.String())
		})
	}
	require.NoError(t, payload.Keys{}.FailureConverter().FailureToError((*failurepb.Failure)(nil)))
}

func TestWithoutKeysFailuresArePlain(t *testing.T) {
	f := payload.Keys{}.FailureConverter().ErrorToFailure(errors.New("plain"))
	require.Equal(t, "plain", f.GetMessage())
	require.Nil(t, f.GetEncodedAttributes())
}
