// Package deploy holds what the images of docker-compose.yml are run with, and
// the tests of that file. It has no code that is not a test.
package deploy
