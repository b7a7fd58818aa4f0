// Package onelogin is a thin typed client of the parts of OneLogin's API that
// provisioning needs: find, list, create and update users, end their sessions,
// read and define custom attributes, read the rate limit.
//
// It does one HTTP exchange per method and leaves every decision to its
// caller. It never repeats a call, with one exception: a call that is refused
// with 401 is made once more with a renewed token. What went wrong comes back
// as one of the typed errors of this package, whose texts never hold an e-mail
// address, a name, a phone number, a secret, or a piece of an answer's body
// that has not been redacted.
//
// A Client is safe for concurrent use. All its callers share one access token,
// one burst guard, one picture of the hourly budget, and two circuit breakers:
// one for the token and the users, one for ending sessions, which needs a
// permission of its own.
//
// The package may import [bob-onelogin/internal/employee] for the difference
// between absent and null. It knows nothing of Bob, of Temporal, of the
// mapping, or of the environment.
package onelogin
