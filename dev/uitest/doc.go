// Package uitest opens Temporal's own web UI in headless Chromium, with the
// product running below it against the stand-ins, and reads what a person
// reads there: who is in the list, what a page says was decided, and when what
// happens next. It has tests alone, which nothing imports; `make ui-test` runs
// them, and with -update they also take the pictures of docs/web-ui.md.
package uitest
