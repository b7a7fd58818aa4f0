package mapping_test

import (
	"os"
	"testing"

	"bob-onelogin/internal/mapping"
)

// A bulk run maps everybody.
func BenchmarkMapExampleCompany(b *testing.B) {
	content, err := os.ReadFile("../../docs/examples/company.yaml")
	if err != nil {
		b.Fatal(err)
	}
	s, err := mapping.Parse(content)
	if err != nil {
		b.Fatal(err)
	}
	r := whole()
	b.ReportAllocs()
	for b.Loop() {
		s.Map(r)
	}
}

func BenchmarkScopeOfExampleCompany(b *testing.B) {
	content, err := os.ReadFile("../../docs/examples/company.yaml")
	if err != nil {
		b.Fatal(err)
	}
	s, err := mapping.Parse(content)
	if err != nil {
		b.Fatal(err)
	}
	r := whole()
	b.ReportAllocs()
	for b.Loop() {
		s.Scope.Decide(r)
	}
}
