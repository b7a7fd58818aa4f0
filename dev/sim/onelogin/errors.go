package onelogin

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Messages that OneLogin's users API is known to give.
const (
	msgNotFound     = "The resource with the given id could not be found"
	msgUnauthorized = "Unauthorized"
	msgOwner        = "cannot modify Account owner"
)

// The pages of the HAProxy in front of OneLogin, as it ships them.
const (
	pageBadRequest      = "<html><body><h1>400 Bad request</h1>\nYour browser sent an invalid request.\n</body></html>\n"
	pageTooLarge        = "<html><body><h1>413 Payload Too Large</h1>\nThe request entity exceeds the maximum allowed.\n</body></html>\n"
	pageTooManyRequests = "<html><body><h1>429 Too Many Requests</h1>\nYou have sent too many requests in a given amount of time.\n</body></html>\n"
)

// refused is a call that the API answers with an error, and how.
type refused struct {
	message string
	write   func(http.ResponseWriter)
}

func (e *refused) Error() string { return e.message }

func refuse(status int, message string) *refused {
	return &refused{message, func(w http.ResponseWriter) { refuseUsers(w, status, message) }}
}

func badRequest(message string) *refused { return refuse(http.StatusBadRequest, message) }

func notFound() *refused { return refuse(http.StatusNotFound, msgNotFound) }

func invalid(problems ...string) *refused {
	return refuse(http.StatusUnprocessableEntity, "Validation failed: "+strings.Join(problems, ", "))
}

func badField(message, field string) *refused {
	return &refused{message, func(w http.ResponseWriter) { refuseField(w, message, field) }}
}

func badPaging(message string) *refused {
	return &refused{message, func(w http.ResponseWriter) { refuseResource(w, http.StatusBadRequest, message) }}
}

func atEdge(status int, page string) *refused {
	return &refused{http.StatusText(status), func(w http.ResponseWriter) { writeEdge(w, status, page) }}
}

// refusal writes an error in the shape of one family of endpoints.
type refusal func(w http.ResponseWriter, status int, message string)

var errorNames = map[int]string{
	http.StatusBadRequest:          "BadRequestError",
	http.StatusUnauthorized:        "UnauthorizedError",
	http.StatusNotFound:            "NotFoundError",
	http.StatusUnprocessableEntity: "UnprocessableEntityError",
	http.StatusTooManyRequests:     "TooManyRequestsError",
}

// refuseUsers has the shape of the v2 users API.
func refuseUsers(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, struct {
		Message    string `json:"message"`
		Name       string `json:"name"`
		StatusCode int    `json:"statusCode"`
	}{message, errorNames[status], status})
}

// refuseField has the shape of the v2 users API for bad fields and sort.
func refuseField(w http.ResponseWriter, message, field string) {
	writeJSON(w, http.StatusUnprocessableEntity, struct {
		Message    string `json:"message"`
		Field      string `json:"field"`
		Name       string `json:"name"`
		StatusCode int    `json:"statusCode"`
	}{message, field, "UnprocessableEntityFieldError", http.StatusUnprocessableEntity})
}

// refuseResource has the shape of paging and of unknown routes.
func refuseResource(w http.ResponseWriter, status int, description string) {
	writeJSON(w, status, struct {
		Status      int    `json:"status"`
		Error       string `json:"error"`
		Description string `json:"description"`
	}{status, errorNames[status], description})
}

var statusTypes = map[int]string{
	http.StatusOK:              "success",
	http.StatusBadRequest:      "bad request",
	http.StatusUnauthorized:    "Unauthorized",
	http.StatusNotFound:        "not found",
	http.StatusTooManyRequests: "too many requests",
}

// v1Status is the status object of v1, of tokens and of the rate limit.
type v1Status struct {
	Error   bool   `json:"error"`
	Code    int    `json:"code"`
	Type    string `json:"type"`
	Message string `json:"message"`
}

var v1Success = v1Status{Code: http.StatusOK, Type: statusTypes[http.StatusOK], Message: "Success"}

// refuseV1 has the shape of v1, of tokens and of the rate limit.
func refuseV1(w http.ResponseWriter, status int, message string) {
	if status == http.StatusUnauthorized {
		message = "Authentication Failure"
	}
	writeJSON(w, status, map[string]v1Status{"status": {true, status, statusTypes[status], message}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // every value written here is made of texts and numbers
	}
	writeBody(w, status, "application/json; charset=utf-8", body)
}

// writeEdge answers as the load balancer does, in front of the API.
func writeEdge(w http.ResponseWriter, status int, page string) {
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Connection", "close")
	writeBody(w, status, "text/html", []byte(page))
}

func writeBody(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone cannot be told
}
