package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"bob-onelogin/internal/employee"
)

// The page holds people's data, so that it fetches nothing, sends nothing, and
// runs nothing but what is in it: its policy names both by their sums.
var (
	//go:embed page/plan.html
	pageHTML string
	//go:embed page/plan.css
	pageStyle string
	//go:embed page/plan.js
	pageScript string
)

var page = template.Must(template.New("plan").Funcs(template.FuncMap{"shown": shown}).Parse(pageHTML))

// pageData is what the page shows.
type pageData struct {
	planFile
	// Counts are the outcomes in their order, Planned those of the people in
	// the plan.
	Counts, Planned []pageCount
	Attributes      []string
	Style           template.CSS
	Script          template.JS
	Policy          string
}

type pageCount struct {
	Outcome employee.Outcome
	People  int
}

func writePlanHTML(w io.Writer, p planFile) error {
	planned := map[employee.Outcome]int{}
	for _, person := range p.People {
		planned[person.Outcome]++
	}
	return page.Execute(w, pageData{
		planFile: p, Counts: pageCounts(p.Outcomes), Planned: pageCounts(planned), Attributes: attributesOf(p.People),
		// Both are this program's own files.
		Style: template.CSS(pageStyle), Script: template.JS(pageScript),
		Policy: fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; base-uri 'none'; form-action 'none'",
			sourceSum(pageStyle), sourceSum(pageScript)),
	})
}

// shown is how the page writes a value; empty where there is none.
func shown(attribute string, value *string) string {
	if value == nil {
		return ""
	}
	if meaning := meaningOf(attribute, *value); meaning != "" {
		return *value + " (" + meaning + ")"
	}
	return *value
}

func pageCounts(counts map[employee.Outcome]int) []pageCount {
	var out []pageCount
	for _, o := range sortedOutcomes(counts) {
		out = append(out, pageCount{o, counts[o]})
	}
	return out
}

// sourceSum names an inline source in a content security policy.
func sourceSum(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
