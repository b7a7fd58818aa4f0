// Package people makes sample staff for the stand-ins: the same people for the
// same size and day, so that a test, a demo and a bug report speak of the same
// ones. Every name, number and address is plainly invented.
//
// It imports the standard library alone. It knows how Bob shapes a record and
// how OneLogin names its attributes; it must not know either stand-in, HTTP, or
// anything of the product under test.
package people
