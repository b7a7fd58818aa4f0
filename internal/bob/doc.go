// Package bob is a thin typed client of the parts of Bob's (HiBob's) API that
// provisioning reads, and the verifier and parser of Bob's webhooks.
//
// It does one HTTP exchange per method, never repeats a call, and leaves every
// decision to its caller. What went wrong comes back as one of the typed
// errors of this package, whose texts never hold an e-mail address, a name, a
// phone number, a secret, or a piece of an answer's body. A broken or partial
// answer is always an error and never an empty result: the caller would take
// an empty result for people who are gone.
//
// A Client is safe for concurrent use. All its callers share one burst guard
// per endpoint, one bound on calls under way, and one circuit breaker that
// opens at the first refusal of the credentials, because Bob's firewall blocks
// a service user for minutes after some fifty refusals.
//
// The package may import [bob-onelogin/internal/employee], whose records and
// event types it produces. It knows nothing of OneLogin, of Temporal, of the
// mapping, or of the environment.
package bob
