package payload

import (
	"context"
	"errors"

	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"
)

// DataConverter is Temporal's own behind the codec.
//
// Inside of a workflow, a payload that cannot be decrypted panics: that fails
// the workflow task, which is tried again until a worker has the key. An error
// would fail the workflow for good, and drop a signal without a trace.
func (r Ring) DataConverter() converter.DataConverter {
	return dataConverter{converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), r.Codec())}
}

// FailureConverter hides messages and stack traces of failures as well, where
// there are keys.
func (r Ring) FailureConverter() converter.FailureConverter {
	data := r.DataConverter()
	return failureConverter{
		FailureConverter: temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
			DataConverter: data, EncodeCommonAttributes: !r().Empty(),
		}),
		data: data,
	}
}

// DataConverter is that of keys that stay.
func (k Keys) DataConverter() converter.DataConverter { return k.Ring().DataConverter() }

// FailureConverter is that of keys that stay.
func (k Keys) FailureConverter() converter.FailureConverter { return k.Ring().FailureConverter() }

type dataConverter struct {
	converter.DataConverter
}

// WithContext is for clients and activities, where an error is reported.
func (d dataConverter) WithContext(context.Context) converter.DataConverter { return d }

// WithWorkflowContext is for workflow code.
func (d dataConverter) WithWorkflowContext(workflow.Context) converter.DataConverter {
	return patient(d)
}

// patient fails the workflow task instead of the workflow.
type patient struct {
	converter.DataConverter
}

func (d patient) FromPayload(p *commonpb.Payload, valuePtr any) error {
	return panicIfUnreadable(d.DataConverter.FromPayload(p, valuePtr))
}

func (d patient) FromPayloads(p *commonpb.Payloads, valuePtrs ...any) error {
	return panicIfUnreadable(d.DataConverter.FromPayloads(p, valuePtrs...))
}

func panicIfUnreadable(err error) error {
	var unreadable *UnreadableError
	if errors.As(err, &unreadable) {
		panic(unreadable.Error())
	}
	return err
}

type failureConverter struct {
	converter.FailureConverter
	data converter.DataConverter
}

// FailureToError says why a message cannot be read, where Temporal's own
// converter says "Encoded failure".
func (c failureConverter) FailureToError(f *failurepb.Failure) error {
	f = proto.CloneOf(f)
	for one := f; one != nil; one = one.GetCause() {
		if one.GetEncodedAttributes() == nil {
			continue
		}
		var unreadable *UnreadableError
		if err := c.data.FromPayload(one.GetEncodedAttributes(), &struct{}{}); errors.As(err, &unreadable) {
			one.Message = unreadable.Error()
		}
	}
	return c.FailureConverter.FailureToError(f)
}
