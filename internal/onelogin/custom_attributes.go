package onelogin

import (
	"context"
	"encoding/json"
	"net/http"
)

// CustomAttribute is the definition of a custom attribute. Only attributes
// that are defined can be written.
type CustomAttribute struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	// Shortname is what a user's custom attribute is read and written by.
	Shortname string `json:"shortname"`
	// Position is nil where OneLogin says null.
	Position *int `json:"position"`
}

// CustomAttributes lists the definitions:
// GET /api/2/users/custom_attributes.
func (c *Client) CustomAttributes(ctx context.Context) ([]CustomAttribute, error) {
	a, err := c.call(ctx, request{
		op:     opListCustomAttributes,
		method: http.MethodGet,
		path:   "/api/2/users/custom_attributes",
		list:   true,
	})
	if err != nil {
		return nil, err
	}
	list := []CustomAttribute{}
	if !a.isArray() || json.Unmarshal(a.body, &list) != nil {
		return nil, a.unexpected("a list of custom attributes was expected")
	}
	for _, d := range list {
		if d.Shortname == "" {
			return nil, a.unexpected("a custom attribute without a shortname")
		}
	}
	return list, nil
}

// CreateCustomAttribute defines a custom attribute and returns the definition:
// POST /api/2/users/custom_attributes.
func (c *Client) CreateCustomAttribute(ctx context.Context, name, shortname string) (CustomAttribute, error) {
	if name == "" || shortname == "" {
		return CustomAttribute{}, invalid(opCreateCustomAttribute, "name and shortname are required")
	}
	type field struct {
		Name      string `json:"name"`
		Shortname string `json:"shortname"`
	}
	body, err := json.Marshal(map[string]field{"user_field": {Name: name, Shortname: shortname}})
	if err != nil {
		return CustomAttribute{}, invalid(opCreateCustomAttribute, "name and shortname must be text")
	}
	a, err := c.call(ctx, request{
		op:     opCreateCustomAttribute,
		method: http.MethodPost,
		path:   "/api/2/users/custom_attributes",
		body:   body,
	})
	if err != nil {
		return CustomAttribute{}, err
	}
	var d CustomAttribute
	if json.Unmarshal(a.body, &d) != nil || d.Shortname == "" {
		return CustomAttribute{}, a.unexpected("a custom attribute was expected")
	}
	return d, nil
}
