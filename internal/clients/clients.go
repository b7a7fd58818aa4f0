// Package clients makes the clients of both APIs from the configuration, the
// same way for every process.
package clients

import (
	"context"

	"bob-onelogin/internal/bob"
	"bob-onelogin/internal/config"
	"bob-onelogin/internal/mapping"
	"bob-onelogin/internal/onelogin"
)

// Bob returns a client of Bob's API. It makes no call. A token that is replaced
// in its file is used from the next call on. observe, where not nil, is told of
// every call.
func Bob(c config.Bob, observe func(bob.Call)) (*bob.Client, error) {
	token := c.Token()
	return bob.New(bob.Config{
		BaseURL:      c.BaseURL,
		Credentials:  func() (string, string) { return c.ServiceUserID, string(token()) },
		MaxPerMinute: c.MaxPerMinute,
		Observe:      observe,
	})
}

// OneLogin returns a client of OneLogin's API. It makes no call. A client secret
// that is replaced in its file is used from the next access token on. observe,
// where not nil, is told of every call.
func OneLogin(c config.OneLogin, observe func(onelogin.Call)) (*onelogin.Client, error) {
	secret := c.Secret()
	return onelogin.New(onelogin.Config{
		BaseURL: c.BaseURL, Region: c.Region, Subdomain: c.Subdomain,
		Secret:  func() (string, string) { return c.ClientID, string(secret()) },
		MaxRPS:  c.MaxRPS,
		Observe: observe,
	})
}

// Fields reads Bob's list of fields, which a provisioning file is held
// against.
func Fields(c *bob.Client) func(context.Context) ([]mapping.Field, error) {
	return func(ctx context.Context) ([]mapping.Field, error) {
		listed, err := c.Fields(ctx)
		if err != nil {
			return nil, err
		}
		fields := make([]mapping.Field, 0, len(listed))
		for _, f := range listed {
			fields = append(fields, mapping.Field{ID: f.ID, Name: f.Name, Type: f.Type, ListID: f.ListID})
		}
		return fields, nil
	}
}
