package onelogin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// customPrefix begins the names of custom attributes, which this package's
// callers see flattened and the API nested.
const customPrefix = "custom_attributes."

// Attributes is what is to be written of a user: attribute name → string,
// int64, or nil, which clears the attribute. An attribute that is not there is
// left alone. A custom attribute is named "custom_attributes.<shortname>".
type Attributes map[string]any

// UnmarshalJSON reads integers as int64, so that Attributes come out of a
// payload as they went in. No error repeats a value.
func (a *Attributes) UnmarshalJSON(b []byte) error {
	var raw map[string]any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if dec.Decode(&raw) != nil {
		return errors.New("onelogin: attributes must be a JSON object")
	}
	for name, v := range raw {
		switch v := v.(type) {
		case string, nil:
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				return attributeError(name)
			}
			raw[name] = n
		default:
			return attributeError(name)
		}
	}
	*a = raw
	return nil
}

func attributeError(name string) error {
	return fmt.Errorf("onelogin: attribute %s must be a string, an integer or null", name)
}

// wire returns the JSON to send, with the custom attributes nested, and the
// values that no error may repeat. The error, if any, is a message fit for a
// ValidationError.
func (a Attributes) wire() (body []byte, private []string, err error) {
	if len(a) == 0 {
		return nil, nil, errors.New("there is nothing to write")
	}
	top := make(map[string]any, len(a))
	custom := map[string]any{}
	for name, v := range a {
		switch v := v.(type) {
		case nil, int, int64, Status, State:
		case string:
			private = append(private, v)
		default:
			return nil, nil, fmt.Errorf("attribute %s must be a string, an integer or null", name)
		}
		shortname, isCustom := strings.CutPrefix(name, customPrefix)
		switch {
		case isCustom && shortname != "":
			custom[shortname] = v
		case isCustom || name == "" || name == "custom_attributes":
			return nil, nil, errors.New("custom attributes must be named one by one")
		default:
			top[name] = v
		}
	}
	if len(custom) > 0 {
		top["custom_attributes"] = custom
	}
	slices.Sort(private)
	body, err = json.Marshal(top)
	return body, private, err
}
