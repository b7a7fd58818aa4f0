// Package docs has no code: it is the place of the documents, and of the tests
// that hold them against the program.
package docs
