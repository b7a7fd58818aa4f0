// Package deploy has no code: it is the place of what runs beside the program,
// such as the scripts of docker-compose.yml, alert rules and a dashboard, and of
// the tests that hold them against it.
package deploy
