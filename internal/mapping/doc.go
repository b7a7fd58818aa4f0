// Package mapping turns a Bob record into the OneLogin user that it should be,
// and compares that with the user that is there.
//
// It also owns the provisioning file, the one place of policy: what maps to
// what, and the lifecycle rules beside it. Everything is a pure function of
// its arguments; the package knows neither Temporal nor HTTP, and it never
// puts a value into an error or a note, only the names of fields and
// attributes.
package mapping
