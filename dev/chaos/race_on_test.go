//go:build race

package main

// buildFlags build the processes with the race detector where the tests have it.
var buildFlags = []string{"-race"}
