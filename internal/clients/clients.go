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

// Bob returns a client of Bob's API. It makes no call.
func Bob(c config.Bob) (*bob.Client, error) {
	return bob.New(bob.Config{BaseURL: c.BaseURL, ServiceUserID: c.ServiceUserID, Token: string(c.ServiceUserToken)})
}

// OneLogin returns a client of OneLogin's API. It makes no call.
func OneLogin(c config.OneLogin) (*onelogin.Client, error) {
	return onelogin.New(onelogin.Config{
		BaseURL: c.BaseURL, Region: c.Region, Subdomain: c.Subdomain,
		ClientID: c.ClientID, ClientSecret: string(c.ClientSecret), MaxRPS: c.MaxRPS,
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
