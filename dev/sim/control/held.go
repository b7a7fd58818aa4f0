package control

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// held is an answer that has been given and has not left yet.
type held struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newHeld() *held { return &held{header: http.Header{}} }

func (h *held) Header() http.Header         { return h.header }
func (h *held) Write(p []byte) (int, error) { return h.body.Write(p) }
func (h *held) WriteHeader(status int) {
	if h.status == 0 {
		h.status = status
	}
}

// send lets the answer go.
func (h *held) send(w http.ResponseWriter) {
	h.begin(w)
	_, _ = w.Write(h.body.Bytes()) // a client that has gone cannot be told
}

// sendHalf lets the first half go, under the length of the whole; of an answer
// without a body, whose first half would be the whole, nothing.
func (h *held) sendHalf(w http.ResponseWriter) {
	if h.body.Len() == 0 {
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(h.body.Len()))
	h.begin(w)
	_, _ = w.Write(h.body.Bytes()[:h.body.Len()/2])
	_ = http.NewResponseController(w).Flush()
}

func (h *held) begin(w http.ResponseWriter) {
	maps.Copy(w.Header(), h.header)
	if h.status != 0 {
		w.WriteHeader(h.status)
	}
}

// shorten takes items out of the answer's list. What has none stays as it is.
func (h *held) shorten(how string) {
	var list []json.RawMessage
	if json.Unmarshal(h.body.Bytes(), &list) == nil {
		h.replace(shortened(list, how))
		return
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(h.body.Bytes(), &members) != nil {
		return
	}
	for name, value := range members {
		if json.Unmarshal(value, &list) == nil {
			short, err := json.Marshal(shortened(list, how))
			if err != nil {
				panic(err) // it was JSON before
			}
			members[name] = short
		}
	}
	h.replace(members)
}

func (h *held) replace(v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was JSON before
	}
	h.body.Reset()
	h.body.Write(body)
}

func shortened(list []json.RawMessage, how string) []json.RawMessage {
	kept := []json.RawMessage{}
	for i, item := range list {
		if how == ListHalf && i%2 == 0 {
			kept = append(kept, item)
		}
	}
	return kept
}
