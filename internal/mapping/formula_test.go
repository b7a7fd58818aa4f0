package mapping_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/mapping"
)

const names = "  email: root.email\n  username: root.email\n  firstname: root.firstName\n  lastname: root.surname\n"

// rule is a file whose mapping fills the comment by a formula.
func rule(formula string) []byte {
	quoted, _ := json.Marshal(formula) // JSON is YAML
	return []byte("mapping:\n" + names + "  comment: {formula: " + string(quoted) + "}\n")
}

// comment works a formula out for a record: text, nil for a clearing, or
// absent where it is left alone; and the notes.
func comment(t *testing.T, formula string, r employee.Record) (any, string) {
	t.Helper()
	s, err := mapping.Parse(rule(formula))
	if err != nil {
		t.Fatal(err)
	}
	d := s.Map(r)
	value, there := values(d.Attributes)["comment"]
	if !there {
		value = absent
	}
	return value, strings.Join(d.Notes, "\n")
}

func TestFormula(t *testing.T) {
	r := whole()
	r.Fields["work.employeeIdInCompany"] = json.Number("17")
	r.Fields["work.custom.field_1"] = json.Number("12345678901234567890")
	r.Fields["work.custom.field_2"] = json.Number("1.50")
	r.Fields["work.isManager"] = true
	r.Fields["work.startDate"] = "2026-01-05"
	r.Fields["root.secondName"] = nil
	r.Fields["root.displayName"] = "Юлия Образец"
	tests := map[string]struct {
		formula string
		want    any
	}{
		"concatenation":                        {`root.firstName + " " + root.surname`, "Juniper Sample"},
		"fixed text":                           {`"Example Ltd"`, "Example Ltd"},
		"a field alone":                        {`root.firstName`, "Juniper"},
		"fallback, the first is there":         {`work.workMobile ?? work.workPhone`, "+44 7700 900001"},
		"fallback, the first is null":          {`root.secondName ?? root.surname`, "Sample"},
		"upper case":                           {`upper(root.surname)`, "SAMPLE"},
		"lower case of another script":         {`lower(root.displayName)`, "юлия образец"},
		"by a pipe":                            {`root.surname | lower() | trim()`, "sample"},
		"the beginning":                        {`root.firstName[0:1] + "."`, "J."},
		"the beginning, in another script":     {`root.displayName[0:4]`, "Юлия"},
		"the end":                              {`root.firstName[-3:]`, "per"},
		"a part beyond the end":                {`root.firstName[4:400]`, "per"},
		"one character":                        {`root.displayName[0]`, "Ю"},
		"no such character":                    {`root.firstName[50]`, nil},
		"before the @":                         {`split(root.email, "@")[0]`, "juniper.sample"},
		"before the @, by a function":          {`first(split(root.email, "@"))`, "juniper.sample"},
		"after the @":                          {`root.email | split("@") | last()`, "example.com"},
		"replaced":                             {`replace(work.workPhone, " ", "")`, "+442079460001"},
		"without a prefix":                     {`trimPrefix(work.workPhone, "+44 ")`, "20 7946 0001"},
		"the label of a list":                  {`"Title: " + work.title`, "Title: Lighthouse Keeper"},
		"the label of a list with numbered id": {`work.department`, "Waves"},
		"a number":                             {`work.employeeIdInCompany`, "17"},
		"a number in a text":                   {`"E" + work.employeeIdInCompany`, "E17"},
		"numbers are added":                    {`work.employeeIdInCompany + 1000`, "1017"},
		"a number with leading zeros":          {`("0000" + work.employeeIdInCompany)[-5:]`, "00017"},
		"a number too long to count with":      {`work.custom.field_1`, "12345678901234567890"},
		"a fraction":                           {`work.custom.field_2`, "1.5"},
		"yes or no":                            {`work.isManager`, "true"},
		"a condition":                          {`work.isManager ? "Manager" : "Staff"`, "Manager"},
		"a comparison":                         {`work.employeeIdInCompany < 100 ? "early" : "late"`, "early"},
		"dates compare as text":                {`work.startDate >= "2026-01-01" ? "new" : "old"`, "new"},
		"one of several":                       {`work.title in ["Lighthouse Keeper", "Tea Taster"] ? "yes" : "no"`, "yes"},
		"a pattern":                            {`work.workPhone matches "^[+]44" ? "UK" : "other"`, "UK"},
		"contains":                             {`work.title contains "Keeper" ? "keeper" : "other"`, "keeper"},
		"let":                                  {`let name = root.firstName; name + name`, "JuniperJuniper"},
		"a name for a field":                   {`field("root.firstName")`, "Juniper"},
		"length":                               {`len(root.displayName)`, "12"},
		"index":                                {`indexOf(root.displayName, " ")`, "4"},
		"joined":                               {`join([root.firstName, root.secondName, root.surname], " ")`, "Juniper Sample"},
		"joined, all null":                     {`join([root.secondName], " ")`, nil},
		"put together by concat":               {`concat(root.firstName, root.secondName, root.surname)`, "JuniperSample"},
		"null alone":                           {`root.secondName`, nil},
		"a null in a concatenation":            {`root.firstName + root.secondName`, nil},
		"an optional part":                     {`root.firstName + ((" " + root.secondName) ?? "")`, "Juniper"},
		"a function of null":                   {`upper(root.secondName)`, nil},
		"null has no beginning":                {`root.secondName[0:1]`, nil},
		"null compared":                        {`root.secondName == "x" ? "yes" : "no"`, "no"},
		"null asked for":                       {`root.secondName == nil ? "none" : "some"`, "none"},
		"null contains nothing":                {`root.secondName contains "x" ? "yes" : "no"`, "no"},
		"a blank result":                       {`" "`, nil},
		"surrounding space":                    {`" x "`, "x"},
		"whole numbers of texts":               {`int("41") + 1`, "42"},
		"over several lines":                   {"root.firstName +\n  \" \" +\n  root.surname", "Juniper Sample"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, notes := comment(t, tt.formula, r)
			if got != tt.want || notes != "" {
				t.Errorf("%s = %v (%s), want %v", tt.formula, got, notes, tt.want)
			}
		})
	}
}

// What cannot be seen, and what makes no single value, leaves the attribute
// alone, and the note says why without the value.
func TestFormulaLeavesAlone(t *testing.T) {
	r := whole()
	r.Fields["root.secondName"] = nil
	r.Fields["work.custom.field_1"] = []any{"secret value"}
	r.Fields["work.custom.field_2"] = map[string]any{"value": "secret value"}
	r.Fields["work.custom.field_3"] = "secret value"
	r.Fields["work.custom.field_4"] = strings.Repeat("x", 20_000)
	r.Fields["work.custom.field_5"], r.Labels["work.custom.field_5"] = "31415", "secret value"
	delete(r.Labels, "work.department")
	tests := map[string]struct {
		formula string
		note    string
	}{
		"absent":                       {`root.displayName`, "Bob's answer lacks root.displayName"},
		"absent in a concatenation":    {`root.firstName + root.displayName`, "Bob's answer lacks root.displayName"},
		"absent before a fallback":     {`root.displayName ?? root.firstName`, "Bob's answer lacks root.displayName"},
		"absent behind a null":         {`root.secondName ?? root.displayName`, "Bob's answer lacks root.displayName"},
		"absent in concat":             {`concat(root.firstName, root.displayName)`, "Bob's answer lacks root.displayName"},
		"absent, asked for null":       {`root.displayName == nil ? "none" : "some"`, "Bob's answer lacks root.displayName"},
		"absent, by name":              {`field("root.displayName")`, "Bob's answer lacks root.displayName"},
		"a list":                       {`work.custom.field_1`, "holds a list or an object"},
		"an object":                    {`"x" + work.custom.field_2`, "holds a list or an object"},
		"a person":                     {`work.reportsTo`, "holds a list or an object"},
		"a list item without a label":  {`"x" + work.department`, "no label for work.department"},
		"perhaps a list item":          {`work.custom.field_5`, "it is not known whether work.custom.field_5 holds a list item"},
		"a list made by the formula":   {`true ? split(root.email, "@") : ""`, "the formula gives a list"},
		"no number":                    {`int(work.custom.field_3)`, "no whole number"},
		"a text taken for yes or no":   {`work.custom.field_3 ? "a" : "b"`, "does not fit what Bob has in work.custom.field_3"},
		"a text counted with":          {`work.custom.field_3 * 2`, "does not fit what Bob has in work.custom.field_3"},
		"null counted with":            {`root.secondName * 2`, "does not fit what Bob has in root.secondName"},
		"null compared with a number":  {`root.secondName > 2 ? "a" : "b"`, "does not fit what Bob has in root.secondName"},
		"too long a value":             {`work.custom.field_4`, "too long"},
		"a text that grows too long":   {`let a = work.custom.field_3 * 0 ?? ""; a`, "does not fit"},
		"a text doubled again & again": {"let a = root.email + root.email + root.email + root.email; let b = a + a + a + a + a + a; let c = b + b + b + b + b + b; let d = c + c + c + c + c + c; d + d + d + d", "makes a text that is too long"},
		"divided by nothing":           {`1 / 0`, "no number"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, notes := comment(t, tt.formula, r)
			if got != absent {
				t.Errorf("%s = %v", tt.formula, got)
			}
			if !strings.HasPrefix(notes, "comment is left alone: ") || !strings.Contains(notes, tt.note) || strings.Contains(notes, "secret") {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
		})
	}
	t.Run("absent behind a fallback that is not needed", func(t *testing.T) {
		if got, notes := comment(t, `root.firstName ?? root.displayName`, r); got != "Juniper" || notes != "" {
			t.Errorf("%v, %s", got, notes)
		}
	})
	t.Run("absent in a branch that is not taken", func(t *testing.T) {
		if got, notes := comment(t, `root.firstName == "Juniper" ? "yes" : root.displayName`, r); got != "yes" || notes != "" {
			t.Errorf("%v, %s", got, notes)
		}
	})
}

func TestFormulaMistakes(t *testing.T) {
	tests := map[string]struct{ formula, want string }{
		"nothing":                       {"", "the formula is empty"},
		"unfinished":                    {`root.firstName +`, "unexpected end of the formula"},
		"a field without its category":  {`firstName + "x"`, "did you mean root.firstName?"},
		"text without quotes":           {`Acme`, "fixed text stands in quotes"},
		"an unknown function":           {`uper(root.firstName)`, "no function uper; did you mean upper?"},
		"the time":                      {`now()`, "no function now"},
		"a loop":                        {`map([1], # + 1)`, "no function map"},
		"a repetition":                  {`repeat(root.firstName, 1000000)`, "no function repeat"},
		"a method":                      {`root.firstName.upper()`, "functions stand before what they work on: upper(…)"},
		"too few arguments":             {`replace(root.firstName)`, "replace is called as replace(text, old, new)"},
		"a pattern that is none":        {`root.firstName matches "["`, "the pattern does not compile"},
		"a pattern of Bob's":            {`root.firstName matches root.surname`, "matches takes a pattern in quotes"},
		"a range":                       {`1..1000000000`, "no operator .."},
		"a map":                         {`{"a": 1}`, "a formula cannot hold this"},
		"a list":                        {`[root.firstName]`, "gives a list"},
		"a field of a text":             {`upper(root.firstName).x`, "only a field of Bob can stand before .x"},
		"the environment":               {`$env`, "is no field of Bob"},
		"a function of the compiler":    {`$field("a.b")`, "no function $field"},
		"no id in field":                {`field(root.firstName)`, "field takes the id"},
		"no field in field":             {`field("title")`, "field takes the id"},
		"types that do not go together": {`"a" * 2`, "invalid operation"},
		"mixed fallbacks":               {`true or root.firstName ?? false and true`, "cannot be mixed"},
		"too long":                      {strings.Repeat("1+", 1200) + "1", "longer than 2000 bytes"},
		"too many parts":                {strings.Repeat("-", 900) + "1", "the formula does not compile"},
		"too deep":                      {strings.Repeat("(", 1900), "the formula does not compile"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := mapping.Parse(rule(tt.formula))
			var mistakes *mapping.FileError
			if !errors.As(err, &mistakes) {
				t.Fatalf("no mistake: %v", err)
			}
			if len(mistakes.Mistakes) != 1 || !strings.Contains(mistakes.Mistakes[0].Message, tt.want) || mistakes.Mistakes[0].Key != "mapping.comment.formula" {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestFormulaFieldsAreAskedFor(t *testing.T) {
	s := parse(t, string(rule(`(work.custom.field_1 ?? field("work.custom.field-2")) + root.firstName`)))
	fields := s.BobFields()
	for _, want := range []string{"work.custom.field_1", "work.custom.field-2", "root.firstName"} {
		if !slices.Contains(fields, want) {
			t.Errorf("%s is not asked for: %v", want, fields)
		}
	}
	if slices.Contains(fields, "work.title") {
		t.Errorf("a field is asked for that nothing needs: %v", fields)
	}
}

// FuzzFormula: whatever the formula, a report or a result, soon; and nothing is
// concluded from fields that Bob's answer lacks.
func FuzzFormula(f *testing.F) {
	for _, formula := range []string{
		`root.firstName + " " + root.surname`, `work.workMobile ?? work.workPhone`, `split(root.email, "@")[0]`, `root.firstName[-3:2]`,
		`join([root.firstName, nil, 1, true], ", ")`, `let a = root.email; a + a`, `work.title matches "^(a+)+$" ? 1.5 : -2`, `replace(root.email, "", root.email)`,
		`field("a.b") == nil or not (1 in [1, 2])`, `int("9223372036854775807") + 1`, `1 / 0 % 2`, `len(concat(1, "x", nil))`, `if true { 1 } else { 2 }`,
		`map(1..1000000, #)`, `root?.firstName`, `root.firstName.x()`, `"a" | upper() | lower()`, `{"a": [1]}.a[0]`, `indexOf("äöü", "ü")`, `((((1))))`, `$env`,
	} {
		f.Add(formula)
	}
	whole := whole()
	f.Fuzz(func(t *testing.T, formula string) {
		began := time.Now()
		s, err := mapping.Parse(rule(formula))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "provisioning file: ") {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		i := slices.IndexFunc(s.Rules, func(r mapping.Rule) bool { return r.Target == "comment" })
		fields := s.Rules[i].Fields()
		for _, r := range []employee.Record{whole, {ID: employeeID}} {
			d := s.Map(r)
			value, written := d.Attributes["comment"]
			if written && value != nil && (strings.TrimSpace(*value) == "" || len(*value) > 1<<15) {
				t.Errorf("a value of %d bytes", len(*value))
			}
			for _, note := range d.Notes {
				if strings.Contains(note, "Juniper") && !strings.Contains(formula, "Juniper") {
					t.Errorf("a note tells a value: %s", note)
				}
			}
		}
		nulls := employee.Record{ID: employeeID, Fields: map[string]any{}}
		for _, field := range fields {
			nulls.Fields[field] = nil
		}
		s.Map(nulls)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
