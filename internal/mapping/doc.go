// Package mapping turns a Bob record into the OneLogin user that it should be,
// and compares that with the user that is there.
//
// It also owns the provisioning file, the one place of policy: what maps to
// what by field or formula, who is in scope, and the lifecycle rules beside it.
// One table of keys (keys.go) is what the parser, the JSON Schema and
// docs/settings.md go by.
//
// Everything is a pure function of its arguments; the package knows neither
// Temporal nor HTTP. It never puts a person's value into an error or a note,
// only the names of fields and attributes; a report about the file shows its
// lines, and masks in them whoever is named there.
package mapping
