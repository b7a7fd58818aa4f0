package onelogin

import (
	"context"
	"errors"
	"net/http"
)

// nobody is an id that no user has: OneLogin counts from 1.
const nobody = 0

// Authenticate fetches an access token where none is at hand. It proves the
// credentials and not their scope, and takes nothing from the hourly budget.
func (c *Client) Authenticate(ctx context.Context) error {
	err := c.users.do(opToken, func() error {
		if _, err := c.tokens.get(ctx); err != nil {
			return err
		}
		return errNoProof
	})
	if errors.Is(err, errNoProof) {
		return nil
	}
	return err
}

// ProveWrite finds out whether the credentials may write users, by asking for a
// write that can come to nothing: of a user who does not exist. nil says that
// OneLogin went so far as to look for the user, an AuthError with Permission
// that the scope is for reading alone. OneLogin does not document in which
// order it looks at scope and user, so nil is a strong sign and no certainty.
func (c *Client) ProveWrite(ctx context.Context) error {
	return c.proveOnNobody(ctx, request{op: opProveWrite, method: http.MethodPut, path: userPath(nobody), body: []byte(`{}`)})
}

// ProveEndSessions is ProveWrite for ending sessions.
func (c *Client) ProveEndSessions(ctx context.Context) error {
	return c.proveOnNobody(ctx, request{op: opProveEndSessions, method: http.MethodPut, path: logoutPath(nobody), noBody: true, sessions: true})
}

func (c *Client) proveOnNobody(ctx context.Context, r request) error {
	a, err := c.call(ctx, r)
	var none *NotFoundError
	var refused *ValidationError
	switch {
	case errors.As(err, &none), errors.As(err, &refused):
		return nil
	case err != nil:
		return err
	default:
		return a.unexpected("a user that cannot exist was written")
	}
}
