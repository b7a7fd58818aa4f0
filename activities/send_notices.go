package activities

import (
	"context"
	"errors"

	"bob-onelogin/internal/notify"
)

// SendNoticesInput is what people are to be told in one message.
type SendNoticesInput struct {
	Notices []notify.Notice `json:"notices"`
}

// errNobodyToTell: another worker knows whom to tell, or this one will after a
// restart.
var errNobodyToTell = errors.New("NOTIFY_URL is not set on this worker")

// SendNotices tells people of what needs a person.
func (a *Activities) SendNotices(ctx context.Context, in SendNoticesInput) error {
	return attempt(ctx, "notify", func(ctx context.Context, _ *try) error {
		if a.Notify == nil {
			return errNobodyToTell
		}
		return a.Notify(ctx, in.Notices)
	})
}
