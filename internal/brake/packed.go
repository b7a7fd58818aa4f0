package brake

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
)

// Pack makes a State small enough to be the input of a run: Temporal takes 2 MB,
// and tens of thousands of ids as JSON are more. JSON orders its keys.
//
//workflowcheck:ignore
func (s *State) Pack() ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := json.NewEncoder(z).Encode(s); err != nil {
		return nil, fmt.Errorf("pack the brake's state: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack the brake's state: %w", err)
	}
	return b.Bytes(), nil
}

// Unpack is the inverse of Pack. Nothing gives the State of a new brake.
//
//workflowcheck:ignore
func Unpack(packed []byte) (State, error) {
	var s State
	if len(packed) == 0 {
		return s, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return s, fmt.Errorf("unpack the brake's state: %w", err)
	}
	if err := json.NewDecoder(z).Decode(&s); err != nil {
		return s, fmt.Errorf("unpack the brake's state: %w", err)
	}
	return s, nil
}
