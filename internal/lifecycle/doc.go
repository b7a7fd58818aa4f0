// Package lifecycle decides when a person is due in OneLogin, when their access
// ends, and which status they should have there, and says why.
//
// Everything here is a pure function from a situation to a decision, so that
// it can be read as a table and tested as one. The package knows neither
// Temporal nor HTTP nor the clock of the machine: the moment is an argument,
// and dates become instants through the employee's own time zone.
package lifecycle
