package bob

import (
	"fmt"
	"io"
)

// Format prints a configuration without what is in it: the token is.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "bob.Config(hidden)") }

// Format prints a client without its configuration.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "bob.Client") }

// BreakerState is the state of the breaker: "closed" while the service user is
// accepted, "open" for a minute after it was refused, and "half-open" after
// that until a call has shown which it is.
func (c *Client) BreakerState() string { return c.breaker.cb.State().String() }
