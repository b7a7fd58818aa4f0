// Command print prints the version that it was linked with.
package main

import (
	"fmt"

	"bob-onelogin/internal/version"
)

func main() { fmt.Println(version.String()) }
