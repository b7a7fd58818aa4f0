package notify

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const secret = "s3cret-token"

func to(url string) *Webhook { return NewWebhook(func() string { return url }) }

func TestPost(t *testing.T) {
	var got, contentType string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got, contentType = r.Method+" "+r.URL.Path+" "+string(body), r.Header.Get("Content-Type")
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(server.Close)
	require.NoError(t, to(server.URL+"/services/"+secret).Post(t.Context(), "a \"text\"\n• line"))
	require.Equal(t, `POST /services/`+secret+` {"text":"a \"text\"\n• line"}`, got)
	require.Equal(t, "application/json", contentType)
}

func TestPostFails(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	answers := map[string]http.HandlerFunc{
		"404": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no_service "+secret, http.StatusNotFound) },
		"302": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"307": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		},
		"500": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write(bytes.Repeat([]byte("x"), 4*maxAnswer))
		},
	}
	for status, answer := range answers {
		t.Run(status, func(t *testing.T) {
			server := httptest.NewServer(answer)
			t.Cleanup(server.Close)
			err := to(server.URL+"/services/"+secret).Post(t.Context(), "text")
			var wrong *StatusError
			require.ErrorAs(t, err, &wrong)
			require.EqualError(t, err, "notify: the address of NOTIFY_URL answered "+status)
		})
	}
}

func TestPostSaysWhyWithoutTheURL(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	stuck := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(stuck) })

	tests := map[string]struct {
		url  string
		want string
	}{
		"nobody there":           {url: "http://" + listener.Addr().String() + "/" + secret, want: "could not be reached"},
		"nobody answers":         {url: slow.URL + "/" + secret, want: "did not answer in time"},
		"in the clear":           {url: "http://hooks.example.com/" + secret, want: "is not an https:// URL"},
		"no URL, after a change": {url: "https://%zz/" + secret, want: "is not an https:// URL"},
		"a token alone":          {url: secret, want: "is not an https:// URL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			err := to(test.url).Post(ctx, "text")
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), secret)
		})
	}
	t.Run("canceled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := to(slow.URL+"/"+secret).Post(ctx, "text")
		require.ErrorIs(t, err, context.Canceled)
		require.NotContains(t, err.Error(), secret)
	})
}

func TestARotatedURLIsUsed(t *testing.T) {
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { paths = append(paths, r.URL.Path) }))
	t.Cleanup(server.Close)
	path := "/old"
	w := NewWebhook(func() string { return server.URL + path })
	require.NoError(t, w.Post(t.Context(), "text"))
	path = "/new"
	require.NoError(t, w.Post(t.Context(), "text"))
	require.Equal(t, []string{"/old", "/new"}, paths)
}

func TestNothingPrintsTheURL(t *testing.T) {
	w := to("https://hooks.example.com/" + secret)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("webhook", "webhook", w)
	for _, printed := range []string{log.String(), fmt.Sprintf("%v %+v %#v %s", w, w, w, w)} {
		require.NotContains(t, printed, secret)
	}
}
