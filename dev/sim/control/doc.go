// Package control is what the stand-ins share: a clock that tests can move, a
// count of the calls received, and faults planned ahead (refusals, delays, cut
// connections), each reachable from Go and over HTTP under /_sim/.
//
// It may import the standard library only. It must not know which API a
// stand-in plays: routes are whatever patterns the stand-in's mux has.
package control
