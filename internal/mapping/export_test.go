package mapping

import "flag"

// Update is shared by the tests inside and outside of the package.
var Update = flag.Bool("update", false, "rewrite the golden files, the schema and the generated tables of docs/settings.md")

// ZoneNames are the zones that a report may suggest.
var ZoneNames = zoneNames
