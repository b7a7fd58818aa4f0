package onelogin

import (
	"fmt"
	"io"
)

// Format prints a configuration without what is in it: the client secret is.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "onelogin.Config(hidden)") }

// Format prints a client without its configuration and its token.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "onelogin.Client") }

// BreakerStates are the states of the breakers of calls about users, and of
// those that end sessions: "closed" while access is granted, "open" for a
// minute after it was refused, and "half-open" after that until a call has
// shown which it is.
func (c *Client) BreakerStates() (users, sessions string) {
	return c.users.cb.State().String(), c.sessions.cb.State().String()
}
