package bob_test

import (
	"net/http"
	"strings"
	"testing"

	"bob-onelogin/dev/sim/bob"
	"bob-onelogin/dev/sim/control"
	"bob-onelogin/dev/sim/people"
)

func BenchmarkSearch100000(b *testing.B) {
	s := bob.New(bob.Config{ServiceUserID: userID, Token: token, Settings: bob.Settings{PerMinute: -1}}, control.New(control.NewClock()))
	defer s.Close()
	for _, p := range people.Generate(100_000, now) {
		if err := s.Seed(p.Record); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequest("POST", "/v1/people/search", strings.NewReader(`{"fields":["root.id","root.email","root.firstName","root.surname",
			"work.title","work.department","work.workPhone","work.workMobile","work.startDate","work.site","work.reportsTo",
			"internal.status","internal.lifecycleStatus","internal.terminationDate","employee.lastDayOfWork"],"showInactive":true,"humanReadable":"APPEND"}`))
		if err != nil {
			b.Fatal(err)
		}
		req.SetBasicAuth(userID, token)
		w := &discard{header: http.Header{}}
		s.ServeHTTP(w, req)
		b.SetBytes(int64(w.bytes))
	}
}

// discard keeps nothing of an answer but its size.
type discard struct {
	header http.Header
	bytes  int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { d.bytes += len(p); return len(p), nil }
func (d *discard) WriteHeader(int)             {}
