package activities

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/onelogin"
)

func TestTranslate(t *testing.T) {
	const (
		normal = temporal.ApplicationErrorCategoryUnspecified
		benign = temporal.ApplicationErrorCategoryBenign
	)
	bobFailed := func(status int) bob.Failure { return bob.Failure{Op: "read person", StatusCode: status} }
	oneFailed := func(status int) onelogin.Failure { return onelogin.Failure{Op: "update user", StatusCode: status} }
	now := time.Now()

	tests := []struct {
		name      string
		err       error
		attempt   int32
		kind      string
		permanent bool
		// least and most bound the delay, 0 where the back-off applies.
		least, most time.Duration
		category    temporal.ApplicationErrorCategory
	}{
		{name: "conflict", err: conflictf("two of them"), kind: ErrConflict, permanent: true},
		{name: "foreign link", err: &foreignLinkError{UserID: 42, EmployeeID: "1", LinkedTo: "2"}, kind: ErrConflict, permanent: true},
		{name: "stale id", err: &staleError{&onelogin.ValidationError{Failure: oneFailed(422)}}, kind: ErrStale},

		{name: "Bob: rate limit with a reset", err: &bob.RateLimitError{Failure: bobFailed(429), Reset: now.Add(30 * time.Second)}, kind: ErrRateLimited, least: 29 * time.Second, most: 36 * time.Second, category: benign},
		{name: "Bob: rate limit with a wait", err: &bob.RateLimitError{Failure: bobFailed(429), RetryAfter: 50 * time.Second}, kind: ErrRateLimited, least: 50 * time.Second, most: 60 * time.Second, category: benign},
		{name: "Bob: rate limit with neither", err: &bob.RateLimitError{Failure: bobFailed(429)}, kind: ErrRateLimited, least: time.Minute, most: 72 * time.Second, category: benign},
		{name: "Bob: rate limit whose reset has passed", err: &bob.RateLimitError{Failure: bobFailed(429), Reset: now.Add(-time.Hour)}, attempt: 1, kind: ErrRateLimited, least: 2 * time.Second, most: 3 * time.Second, category: benign},
		{name: "Bob: service user refused", err: &bob.AuthError{Failure: bobFailed(401)}, kind: ErrCredentialsRefused, least: time.Minute, most: 72 * time.Second},
		{name: "Bob: permission refused", err: &bob.AuthError{Failure: bobFailed(403)}, kind: ErrCredentialsRefused, least: time.Minute, most: 72 * time.Second},
		{name: "Bob: not sent after a refusal", err: &bob.BreakerOpenError{Failure: bobFailed(0), Until: now.Add(40 * time.Second)}, kind: ErrCredentialsRefused, least: 39 * time.Second, most: 48 * time.Second},
		{name: "Bob: not sent, and the minute is over", err: &bob.BreakerOpenError{Failure: bobFailed(0), Until: now.Add(-time.Second)}, kind: ErrCredentialsRefused, least: time.Second, most: 2 * time.Second},
		{name: "Bob: not found", err: &bob.NotFoundError{Failure: bobFailed(404)}, kind: ErrUnavailable},
		{name: "Bob: request refused", err: &bob.RequestError{Failure: bobFailed(400)}, kind: ErrRefused, permanent: true},
		{name: "Bob: server error", err: &bob.ServerError{Failure: bobFailed(502)}, kind: ErrUnavailable},
		{name: "Bob: server error with a wait", err: &bob.ServerError{Failure: bobFailed(503), RetryAfter: 30 * time.Second}, kind: ErrUnavailable, least: 30 * time.Second, most: 36 * time.Second},
		{name: "Bob: server error with an endless wait", err: &bob.ServerError{Failure: bobFailed(503), RetryAfter: 300 * time.Hour}, kind: ErrUnavailable, least: 10 * time.Minute, most: 12 * time.Minute},
		{name: "Bob: unusable answer", err: &bob.ContentError{Failure: bobFailed(200), Reason: "not JSON"}, kind: ErrUnavailable},
		{name: "Bob: no answer", err: &bob.TransportError{Failure: bobFailed(0), Reason: "timed out"}, kind: ErrUnavailable},

		{name: "OneLogin: hourly budget spent", err: &onelogin.RateLimitError{Failure: oneFailed(429), RetryAfter: 20 * time.Minute}, kind: ErrRateLimited, least: 20 * time.Minute, most: 24 * time.Minute, category: benign},
		{name: "OneLogin: burst, first attempt", err: &onelogin.RateLimitError{Failure: oneFailed(429)}, attempt: 1, kind: ErrRateLimited, least: 2 * time.Second, most: 3 * time.Second, category: benign},
		{name: "OneLogin: burst, third attempt", err: &onelogin.RateLimitError{Failure: oneFailed(429)}, attempt: 3, kind: ErrRateLimited, least: 8 * time.Second, most: 10 * time.Second, category: benign},
		{name: "OneLogin: burst, many attempts", err: &onelogin.RateLimitError{Failure: oneFailed(429)}, attempt: 1000, kind: ErrRateLimited, least: time.Minute, most: 72 * time.Second, category: benign},
		{name: "OneLogin: credentials refused", err: &onelogin.AuthError{Failure: oneFailed(401)}, kind: ErrCredentialsRefused, least: time.Minute, most: 72 * time.Second},
		{name: "OneLogin: permission refused", err: &onelogin.AuthError{Failure: oneFailed(403), Permission: true}, kind: ErrCredentialsRefused, least: time.Minute, most: 72 * time.Second},
		{name: "OneLogin: not sent after a refusal", err: &onelogin.BreakerOpenError{Failure: oneFailed(0), Until: now.Add(40 * time.Second)}, kind: ErrCredentialsRefused, least: 39 * time.Second, most: 48 * time.Second},
		{name: "OneLogin: not found", err: &onelogin.NotFoundError{Failure: oneFailed(404)}, kind: ErrStale},
		{name: "OneLogin: duplicate", err: &onelogin.DuplicateError{Failure: oneFailed(422), Email: true}, kind: ErrRefused, permanent: true},
		{name: "OneLogin: account owner", err: &onelogin.AccountOwnerError{Failure: oneFailed(422)}, kind: ErrAccountOwner, permanent: true},
		{name: "OneLogin: invalid", err: &onelogin.ValidationError{Failure: oneFailed(422)}, kind: ErrRefused, permanent: true},
		{name: "OneLogin: server error", err: &onelogin.ServerError{Failure: oneFailed(502)}, kind: ErrUnavailable},
		{name: "OneLogin: no answer", err: &onelogin.TransportError{Failure: oneFailed(0), Reason: "timed out"}, kind: ErrUnavailable},

		{name: "a snapshot is lost", err: errSnapshotLost, kind: ErrSnapshotLost, permanent: true, category: benign},
		{name: "a bulk run's reading is outdated", err: errOutdated, kind: ErrOutdated, permanent: true, category: benign},
		{name: "Bob shows too few", err: &tooFewShownError{shown: 1, linked: 2, percent: 80}, kind: ErrBobShowsTooFew, permanent: true},
		{name: "another bulk run", err: &bulkRunningError{workflowID: "bulk-sync"}, kind: ErrAlreadyRunning, permanent: true},
		{name: "a bulk run's reserve", err: &onelogin.ReservedError{Left: 3, Reserve: 5, Until: now.Add(10 * time.Minute)}, kind: ErrBudgetReserved, least: 9 * time.Minute, most: 12 * time.Minute, category: benign},
		{name: "a list that shifts", err: errShifted, kind: ErrUnavailable},

		{name: "canceled", err: context.Canceled, kind: ErrUnavailable, category: benign},
		{name: "out of time", err: context.DeadlineExceeded, kind: ErrUnavailable},
		{name: "anything else", err: errors.New("something"), kind: ErrUnavailable},
		{name: "several at once", err: errors.Join(errors.New("something"), &onelogin.RateLimitError{Failure: oneFailed(429), RetryAfter: time.Minute}), kind: ErrRateLimited, least: time.Minute, most: 72 * time.Second, category: benign},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wrapped := fmt.Errorf("look at something: %w", test.err)
			var app *temporal.ApplicationError
			require.ErrorAs(t, translate("do the work", wrapped, test.attempt), &app)
			require.Equal(t, test.kind, app.Type())
			require.Equal(t, test.permanent, app.NonRetryable())
			require.Equal(t, test.category, app.Category())
			require.GreaterOrEqual(t, app.NextRetryDelay(), test.least)
			require.LessOrEqual(t, app.NextRetryDelay(), test.most)
			switch test.kind {
			case ErrConflict, ErrBobShowsTooFew, ErrAlreadyRunning:
				require.Equal(t, wrapped.Error(), app.Message(), "a sentence by itself")
			case ErrBudgetReserved:
				require.Regexp(t, `^waiting for OneLogin's budget until \d\d:\d\d UTC: 3 calls are left of this hour, and 5 are kept for live events$`, app.Message())
			default:
				require.Equal(t, "do the work: "+wrapped.Error(), app.Message())
			}
			require.NoError(t, app.Unwrap(), "the cause is in the text; its type means nothing to a server")
		})
	}
}

func TestJitterSpreads(t *testing.T) {
	seen := map[time.Duration]bool{}
	for range 100 {
		d := jitter(time.Minute)
		require.GreaterOrEqual(t, d, time.Minute)
		require.Less(t, d, 72*time.Second)
		seen[d] = true
	}
	require.Greater(t, len(seen), 50)
}

func TestAttributeName(t *testing.T) {
	for shortname, name := range map[string]string{"work_cell": "Work Cell", "badge-no": "Badge No", "x": "X", "__a__b": "A B"} {
		require.Equal(t, name, attributeName(shortname))
	}
}

func TestLastSync(t *testing.T) {
	known := LastSync{MemoryKnown: true}
	require.False(t, LastSync{}.Complete())
	require.False(t, known.Complete())
	require.True(t, known.WithSuspension(false).Complete())

	older := known.WithSuspension(true)
	require.True(t, LastSync{}.Or(older).suspendedByUs(), "what is not known comes from an earlier run")
	require.False(t, LastSync{}.WithSuspension(false).Or(older).suspendedByUs(), "what is known stays")
	require.True(t, LastSync{}.Or(older).MemoryKnown)
	require.False(t, LastSync{}.after(nil).MemoryKnown, "nothing written and nothing recalled stays unknown")
}
