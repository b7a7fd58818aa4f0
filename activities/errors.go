package activities

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.temporal.io/sdk/temporal"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/onelogin"
)

// Error types by which workflows and people tell failures apart. They are
// stored in histories and must not change.
const (
	// ErrRateLimited: wait as long as the API says, then try again.
	ErrRateLimited = "RateLimited"
	// ErrCredentialsRefused: the API refuses the credentials or lacks a
	// permission; nothing is lost, and one call a minute finds out whether
	// it has been mended.
	ErrCredentialsRefused = "CredentialsRefused"
	// ErrUnavailable: temporary trouble; tried again with back-off.
	ErrUnavailable = "Unavailable"
	// ErrStale: something remembered is out of date; tried again afresh.
	ErrStale = "Stale"
	// ErrBudgetReserved: what is left of OneLogin's hourly budget is kept for
	// live events; a bulk run goes on when the next hour begins.
	ErrBudgetReserved = "BudgetReserved"
	// ErrOutdated: what was read is overtaken, or old by now; the workflow reads for
	// itself.
	ErrOutdated = "Outdated"
	// ErrSnapshotLost: the worker asked for a page does not hold the snapshot.
	ErrSnapshotLost = "SnapshotLost"
	// ErrBobShowsTooFew: Bob shows so few people that a bulk run stops.
	ErrBobShowsTooFew = "BobShowsTooFew"
	// ErrAlreadyRunning: another bulk run is under way.
	ErrAlreadyRunning = "AlreadyRunning"
	// ErrConflict: two records claim the same thing; a person has to decide.
	ErrConflict = "Conflict"
	// ErrRefused: the API will never accept this.
	ErrRefused = "Refused"
	// ErrAccountOwner: OneLogin lets nobody change the account owner.
	ErrAccountOwner = "AccountOwner"
)

const (
	// credentialsProbe spaces the attempts while credentials are refused; the
	// breaker in the clients lets one call a minute through.
	credentialsProbe = time.Minute
	// burstPause answers a refusal for too many calls at once that names no
	// time, doubling up to burstPauseMax.
	burstPause    = 2 * time.Second
	burstPauseMax = time.Minute
	// longestOutage bounds how long an outage is believed that a server
	// announces: it may be over sooner.
	longestOutage = 10 * time.Minute
)

// translate tells Temporal what an error means: whether to try again, and
// when. The text of the cause is kept; both clients keep personal data and
// secrets out of theirs.
func translate(what string, err error, attempt int32) error {
	t := classify(err, attempt)
	message := fmt.Sprintf("%s: %v", what, err)
	switch t.kind {
	case ErrConflict, ErrBobShowsTooFew, ErrAlreadyRunning:
		message = err.Error() // a whole sentence by itself
	case ErrBudgetReserved:
		var reserved *onelogin.ReservedError
		if errors.As(err, &reserved) {
			message = reservedSentence(reserved)
		}
	}
	return temporal.NewApplicationErrorWithOptions(message, t.kind, temporal.ApplicationErrorOptions{
		NonRetryable:   t.permanent,
		NextRetryDelay: t.delay,
		Category:       t.category,
	})
}

// treatment is what to do about an error.
type treatment struct {
	kind      string
	permanent bool
	// delay is zero where the retry policy's back-off applies.
	delay    time.Duration
	category temporal.ApplicationErrorCategory
}

func classify(err error, attempt int32) treatment {
	var (
		bobLimit     *bob.RateLimitError
		oneLimit     *onelogin.RateLimitError
		bobAuth      *bob.AuthError
		oneAuth      *onelogin.AuthError
		bobOpen      *bob.BreakerOpenError
		oneOpen      *onelogin.BreakerOpenError
		bobRequest   *bob.RequestError
		bobServer    *bob.ServerError
		oneInvalid   *onelogin.ValidationError
		oneDuplicate *onelogin.DuplicateError
		oneOwner     *onelogin.AccountOwnerError
		oneNotFound  *onelogin.NotFoundError
		conflict     *conflictError
		foreign      *foreignLinkError
		stale        *staleError
		reserved     *onelogin.ReservedError
		tooFew       *tooFewShownError
		running      *bulkRunningError
	)
	switch {
	case errors.As(err, &conflict), errors.As(err, &foreign):
		return treatment{kind: ErrConflict, permanent: true}
	case errors.Is(err, errOutdated):
		return treatment{kind: ErrOutdated, permanent: true, category: temporal.ApplicationErrorCategoryBenign}
	case errors.As(err, &stale), errors.As(err, &oneNotFound):
		return treatment{kind: ErrStale}
	case errors.Is(err, errSnapshotLost):
		return treatment{kind: ErrSnapshotLost, permanent: true, category: temporal.ApplicationErrorCategoryBenign}
	case errors.As(err, &tooFew):
		return treatment{kind: ErrBobShowsTooFew, permanent: true}
	case errors.As(err, &running):
		return treatment{kind: ErrAlreadyRunning, permanent: true}
	case errors.As(err, &reserved):
		return treatment{kind: ErrBudgetReserved, delay: time.Until(reserved.Until) + jitter(time.Second), category: temporal.ApplicationErrorCategoryBenign}
	case errors.As(err, &bobLimit):
		return rateLimited(bobLimit.Wait(time.Now()), attempt)
	case errors.As(err, &oneLimit):
		return rateLimited(oneLimit.RetryAfter, attempt)
	case errors.As(err, &bobOpen):
		return credentialsRefused(time.Until(bobOpen.Until))
	case errors.As(err, &oneOpen):
		return credentialsRefused(time.Until(oneOpen.Until))
	case errors.As(err, &bobAuth), errors.As(err, &oneAuth):
		return credentialsRefused(credentialsProbe)
	case errors.As(err, &oneOwner):
		return treatment{kind: ErrAccountOwner, permanent: true}
	case errors.As(err, &bobRequest), errors.As(err, &oneInvalid), errors.As(err, &oneDuplicate):
		return treatment{kind: ErrRefused, permanent: true}
	case errors.Is(err, context.Canceled):
		return treatment{kind: ErrUnavailable, category: temporal.ApplicationErrorCategoryBenign}
	case errors.As(err, &bobServer) && bobServer.RetryAfter > 0:
		return treatment{kind: ErrUnavailable, delay: jitter(min(bobServer.RetryAfter, longestOutage))}
	default:
		// Server errors, time-outs, cut connections, answers that are not
		// what they should be: all may be different next time.
		return treatment{kind: ErrUnavailable}
	}
}

// rateLimited waits as told, plus some jitter, because everybody who was
// refused was told the same moment.
func rateLimited(wait time.Duration, attempt int32) treatment {
	if wait <= 0 {
		wait = min(burstPause<<min(max(attempt, 1)-1, 8), burstPauseMax)
	}
	return treatment{kind: ErrRateLimited, delay: jitter(wait), category: temporal.ApplicationErrorCategoryBenign}
}

func credentialsRefused(wait time.Duration) treatment {
	return treatment{kind: ErrCredentialsRefused, delay: jitter(max(wait, time.Second))}
}

// jitter adds up to a fifth, and at least up to a second.
func jitter(d time.Duration) time.Duration {
	return d + rand.N(max(d/5, time.Second))
}
