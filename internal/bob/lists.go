package bob

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
)

const (
	opFields = "list fields"
	opList   = "read named list"
)

// Field describes one field of people, as the tenant has it.
type Field struct {
	// ID is what reads ask for, such as "work.title".
	ID string
	// Name is what Bob's pages show.
	Name string
	// Category is the category that permissions are given for. It need not be
	// the first part of the id: work.workPhone is in workContact.
	Category string
	// JSONPath is where the value stands in the nested form of an answer.
	JSONPath string
	// Type is Bob's, such as "text", "list" or "date".
	Type string
	// Historical is set for fields that are columns of a table over time.
	Historical bool
	// ListID names the list that a value of type list comes from, for
	// NamedList; empty for other types.
	ListID string
}

// Fields lists all fields of the tenant. It needs no permission of the service
// user's.
func (c *Client) Fields(ctx context.Context) ([]Field, error) {
	var fields []Field
	err := c.call(ctx, request{
		op:      opFields,
		method:  http.MethodGet,
		path:    "/company/people/fields",
		gate:    c.fields,
		timeout: c.cfg.Timeout,
		limit:   maxBytes,
	}, func(body io.Reader) error {
		var rows []map[string]any
		if err := decodeWhole(body, &rows); err != nil {
			return err
		}
		if rows == nil {
			return shapeError("no list of fields")
		}
		for _, row := range rows {
			f := Field{
				ID:       textOr(row["id"], ""),
				Name:     textOr(row["name"], ""),
				Category: textOr(row["category"], ""),
				JSONPath: textOr(row["jsonPath"], ""),
				Type:     textOr(row["type"], ""),
			}
			if f.ID == "" {
				return shapeError("a field without an id")
			}
			f.Historical, _ = row["historical"].(bool)
			typeData, _ := row["typeData"].(map[string]any)
			f.ListID, _ = idText(typeData["listId"])
			fields = append(fields, f)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return fields, nil
}

// ListItem is one entry of a named list.
type ListItem struct {
	// ID is what people's fields hold.
	ID string
	// ParentID is the id of the entry above, empty at the top.
	ParentID string
	// Name is the label.
	Name string
	// Archived entries can no longer be chosen, but people may still have
	// them.
	Archived bool
}

// NamedList reads the entries of a list such as "title", whose name is
// case-sensitive. Entries below others follow those. An unknown list is a
// *NotFoundError.
func (c *Client) NamedList(ctx context.Context, name string) ([]ListItem, error) {
	if slices.Contains([]string{"", ".", ".."}, name) {
		return nil, &RequestError{Failure: Failure{Op: opList}, Reason: "no name of a list was given"}
	}
	var items []ListItem
	err := c.call(ctx, request{
		op:      opList,
		method:  http.MethodGet,
		path:    "/company/named-lists/" + url.PathEscape(name),
		gate:    c.lists,
		timeout: c.cfg.Timeout,
		limit:   maxBytes,
		mayMiss: true,
	}, func(body io.Reader) error {
		var list map[string]any
		if err := decodeWhole(body, &list); err != nil {
			return err
		}
		// Bob's documents name either key.
		entries := list["values"]
		if entries == nil {
			entries = list["items"]
		}
		if entries == nil {
			return shapeError("no entries of a list")
		}
		var err error
		items, err = appendItems(nil, "", entries)
		return err
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

func appendItems(items []ListItem, parentID string, entries any) ([]ListItem, error) {
	list, ok := entries.([]any)
	if !ok {
		return nil, shapeError("entries of a list that are no list")
	}
	for _, entry := range list {
		object, _ := entry.(map[string]any)
		id, ok := idText(object["id"])
		if !ok {
			return nil, shapeError("an entry of a list without an id")
		}
		item := ListItem{ID: id, ParentID: parentID, Name: textOr(object["name"], textOr(object["value"], ""))}
		item.Archived, _ = object["archived"].(bool)
		items = append(items, item)
		if children := object["children"]; children != nil {
			var err error
			if items, err = appendItems(items, id, children); err != nil {
				return nil, err
			}
		}
	}
	return items, nil
}
