package check

import (
	"bob-onelogin/internal/mapping"
)

// Settings is what was found out about the settings file.
type Settings struct {
	// Path is the file's; empty where there is none.
	Path string
	// Err says why it cannot be used.
	Err error
	// Used are the settings. Instead is set where they are those that apply
	// without a file, because this one cannot be read: what Bob and OneLogin
	// lack is told by them all the same.
	Used    mapping.Settings
	Instead bool
	// Held: the file's fields were held against those that Bob has.
	Held bool

	content []byte
}

func (s Settings) lines(mistakes []string) []Line {
	a := area{name: AreaSettings}
	rules := plural(len(s.Used.Rules), "attribute is", "attributes are") + " mapped"
	switch {
	case faulty(mistakes, "PROVISIONING_FILE"):
	case s.Err != nil:
		a.wrong(checkFile, s.Path+" cannot be used: "+s.Err.Error(), "correct the file; docs/settings.md lists its keys")
	case s.Path == "":
		a.ok(checkFile, "none: Bob's own default table applies, "+rules)
	case !s.Held:
		a.ok(checkFile, s.Path+": "+rules+", version "+s.Used.Version+"; not held against Bob's list of fields, which could not be read")
	default:
		a.ok(checkFile, s.Path+": "+rules+", version "+s.Used.Version)
	}
	return a.lines
}

// custom lists the shortnames of the custom attributes that are mapped.
func (s Settings) custom() []string {
	var names []string
	for _, rule := range s.Used.Rules {
		if name, ok := mapping.CustomShortname(rule.Target); ok {
			names = append(names, name)
		}
	}
	return names
}
