// Package e2e holds the end-to-end tests: the built worker and starter as
// processes, a real Temporal dev server, and the stand-ins for Bob and
// OneLogin. It has no code that is not a test.
package e2e
