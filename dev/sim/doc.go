// Command sim runs stand-ins for Bob and OneLogin with sample employees, for
// trying the product without either. At start it prints the environment with
// which worker and starter reach them; what can be changed while it runs is
// listed by the packages bob, onelogin and control.
//
// It ties those packages together and holds nothing that they need to know. It
// reads flags only, and must not import anything that ships.
package main
