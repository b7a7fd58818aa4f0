package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"bob-onelogin/activities"
)

// ReadBackDelay is how long after a creation its user is read back: OneLogin's
// own effects on a new user may lag five minutes.
const ReadBackDelay = 5 * time.Minute

// ReadBackInput is empty but when a run continues another.
type ReadBackInput struct {
	Created []activities.CreatedUser `json:"created,omitempty"`
}

// readBackWorkflow collects the users that are created and looks at them once
// more, a hundred with one call, to find those for whom no licence was free.
// An employee's own workflow need not stay open for that, nor pay for a call.
func readBackWorkflow(ctx workflow.Context, in ReadBackInput) error {
	signals := workflow.GetSignalChannel(ctx, CreatedSignal)
	created := in.Created
	receive := func() {
		var c activities.CreatedUser
		for signals.ReceiveAsync(&c) {
			created = append(created, c)
		}
	}
	for receive(); len(created) > 0; receive() {
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return workflow.NewContinueAsNewError(ctx, ReadBackName, ReadBackInput{Created: created})
		}
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("%d created user(s) are looked at again in %s: without a free licence OneLogin turns a new user Unlicensed, silently.", len(created), ReadBackDelay))
		wait := workflow.NewTimerWithOptions(ctx, ReadBackDelay, workflow.TimerOptions{Summary: "OneLogin's effects on new users take a while"})
		if err := wait.Get(ctx, nil); err != nil {
			return err
		}
		// Who was announced meanwhile is still in the channel, and waits for
		// a delay of their own.
		for batch := range slices.Chunk(created, activities.MaxReadBack) {
			options := callOptions(OneLoginTaskQueue, fmt.Sprintf("Read %d created user(s) back", len(batch)), priorityLater)
			err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), activities.ReadBackName,
				activities.ReadBackInput{Users: batch}).Get(ctx, nil)
			if err != nil {
				return err
			}
		}
		created = nil
	}
	return nil
}
