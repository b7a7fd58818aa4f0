package mapping

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	yamlparser "github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"bob-onelogin/internal/lifecycle"
)

// What a provisioning file may be, so that reading one ends soon whatever is in
// it: its size in bytes, its words and signs (10,000 excluded people have twice
// as many), and how deep it nests (real ones four deep). The YAML package takes
// the square of the latter two.
const (
	maxFile   = 256 << 10
	maxTokens = 24_000
	maxDeep   = 20
)

// read makes settings of a file. It goes through the tree of the YAML itself,
// and not through a decoder, which would stop at the first mistake and not know
// where the others are.
func read(content []byte, known map[string]Field) (s Settings, err error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff")) // some editors begin a file so
	r := newReport(content)
	switch {
	case len(content) > maxFile:
		r.lines = nil
		r.mistake(place{1, 1}, "", "the file is larger than %d bytes", maxFile)
		return Settings{}, r.err()
	case !utf8.Valid(content):
		r.lines = nil
		r.mistake(place{1, 1}, "", "not UTF-8 text; save the file with that encoding")
		return Settings{}, r.err()
	}
	p := &fileParser{report: r, known: known, settings: Default()}
	// The YAML package panics on some malformed files.
	defer func() {
		if recover() != nil {
			r.hideSections()
			r.mistake(place{1, 1}, "", "not YAML")
			s, err = Settings{}, r.err()
		}
	}()
	tokens := lexer.Tokenize(string(content))
	if len(tokens) > maxTokens {
		r.lines = nil
		r.mistake(place{1, 1}, "", "the file holds more than %d words and signs", maxTokens)
		return Settings{}, r.err()
	}
	if at, deep := nestsTooDeep(tokens); deep {
		r.hideSections()
		r.mistake(p.locate(at), "", "nests more than %d deep", maxDeep)
		return Settings{}, r.err()
	}
	tree, err := yamlparser.Parse(tokens, 0, yamlparser.AllowDuplicateMapKey())
	if err != nil {
		r.hideSections()
		p.notYAML(err)
		return Settings{}, r.err()
	}
	p.file(tree)
	if err := r.err(); err != nil {
		return Settings{}, err
	}
	return p.settings, nil
}

// nestsTooDeep finds where a file nests deeper than it may. Depth by indentation
// is bounded by the size of the file.
func nestsTooDeep(tokens token.Tokens) (*token.Token, bool) {
	flow, inLine, line := 0, 0, 0
	for _, tk := range tokens {
		if tk.Position.Line != line {
			inLine, line = 0, tk.Position.Line
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			inLine++
		}
		if flow > maxDeep || inLine > maxDeep {
			return tk, true
		}
	}
	return nil, false
}

// fileParser reads the values of a file into settings.
type fileParser struct {
	*report
	known    map[string]Field
	settings Settings
}

// entry is one key of a section and its value.
type entry struct {
	// parent and path are those of the table of keys, shown is the path to
	// show.
	parent, path, shown string
	name                string
	at                  place // of the name
	value               ast.Node
}

func (p *fileParser) notYAML(err error) {
	at, message := place{1, 1}, "not YAML"
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) {
		if syntax.Token != nil && syntax.Token.Position != nil {
			at = p.locate(syntax.Token)
		}
		message = "not YAML: " + syntax.Message
		if strings.Contains(syntax.Message, "\t") {
			message = "not YAML: a tab; lines are indented by spaces"
		}
		if strings.Contains(syntax.Message, "not allowed in this context") {
			message += "; a formula that begins with a quote, or has a colon in it, needs quotes around the whole of it"
		}
	}
	p.mistake(at, "", "%s", message)
}

func (p *fileParser) file(tree *ast.File) {
	var body ast.Node
	for i, doc := range tree.Docs {
		switch {
		case doc.Body == nil:
		case i > 0:
			p.mistake(p.start(doc.Body), "", "a second YAML document; keep one, without a line of --- in between")
		default:
			body = doc.Body
		}
	}
	if body == nil || body.Type() == ast.NullType {
		return
	}
	entries, ok := p.entries(body, "", "")
	if !ok {
		p.mistake(p.start(body), "", "takes keys and values, such as status: follow_bob, not %s", describe(body))
		return
	}
	for _, e := range entries {
		if p.full() {
			return
		}
		p.entry(e)
	}
}

// entry reads one key of the table.
func (p *fileParser) entry(e entry) {
	k, ok := findKey(e)
	if !ok {
		p.unknownKey(e)
		return
	}
	if k.private() {
		p.hideTree(e.value)
	}
	if e.value.Type() == ast.NullType {
		return // a key without a value is the default
	}
	value, ok := p.value(k, e)
	if ok && k.set != nil {
		k.set(&p.settings, value)
	}
}

// entries lists the entries of a section. Repetitions are mistakes and left
// out.
func (p *fileParser) entries(n ast.Node, path, shown string) ([]entry, bool) {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		return nil, false
	}
	var entries []entry
	lines := map[string]int{} // of the names
	for _, pair := range pairs {
		if p.full() {
			break
		}
		at := p.start(pair.Key)
		name, ok := scalar(pair.Key)
		if !ok {
			p.hideTree(pair.Value)
			p.hide(at.line, at.column, 0)
			p.mistake(at, shown, "a key is a plain name; no ?, anchor or << is taken here")
			continue
		}
		e := entry{parent: path, path: joined(path, name), shown: joined(shown, name), name: name, at: at, value: pair.Value}
		line, repeated := lines[name]
		if !repeated {
			lines[name] = at.line
		} else {
			if mayNamePeople(e) {
				p.hideTree(e.value)
			}
			p.mistake(at, e.shown, "given already in line %d", line)
			continue
		}
		if isReference(e.value) {
			p.hideTree(pair.Value)
			p.mistake(p.start(e.value), e.shown, "anchors, aliases and tags are not taken in this file; write the value out")
			continue
		}
		entries = append(entries, e)
	}
	return entries, true
}

func joined(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func isReference(n ast.Node) bool {
	switch n.Type() {
	case ast.AnchorType, ast.AliasType, ast.TagType:
		return true
	default:
		return false
	}
}

// mayNamePeople tells the entries that people may be named under though their
// key is none that the table knows: a mistyped one.
func mayNamePeople(e entry) bool {
	_, single := scalar(e.value)
	return e.parent == "scope" || e.parent == "protected" || e.parent == "" && !single
}

func (p *fileParser) unknownKey(e entry) {
	if mayNamePeople(e) {
		p.hideTree(e.value)
	}
	siblings := below(e.parent)
	suggestion := didYouMean(e.name, siblings)
	for _, k := range keys {
		switch {
		case strings.Contains(k.path, "<"):
		case k.path == e.name:
			section, name, nested := strings.Cut(k.path, ".")
			if suggestion = "; did you mean " + k.path + "?"; nested {
				suggestion = fmt.Sprintf("; write it as %s: {%s: …}", section, name)
			}
		case k.name() == e.name && suggestion == "":
			suggestion = "; did you mean " + k.path + "?"
		}
	}
	if suggestion == "" {
		suggestion = "; the keys here are " + strings.Join(siblings, ", ")
	}
	p.mistake(e.at, e.shown, "no such key%s", suggestion)
}

// section reads the keys below a key.
func (p *fileParser) section(e entry) {
	entries, ok := p.entries(e.value, e.path, e.shown)
	if !ok {
		if e.path == "scope" || e.path == "protected" {
			p.hideTree(e.value)
		}
		p.mistake(p.start(e.value), e.shown, "takes the keys %s, not %s", strings.Join(below(e.path), ", "), describe(e.value))
		return
	}
	for _, e := range entries {
		if p.full() {
			return
		}
		p.entry(e)
	}
}

// value reads the value of a key; false where there is none to set.
func (p *fileParser) value(k key, e entry) (any, bool) {
	switch k.kind {
	case kindSection:
		p.section(e)
	case kindAttributes:
		p.mapping(e)
	case kindEmploymentTypes:
		if _, isList := e.value.(*ast.SequenceNode); isList {
			return p.list(k, e)
		}
		p.section(e)
	case kindList:
		return p.list(k, e)
	case kindZones:
		return p.sites(e)
	case kindBool:
		if b, ok := e.value.(*ast.BoolNode); ok {
			return b.Value, true
		}
		p.mistake(p.start(e.value), e.shown, "takes true or false, not %s", describe(e.value))
	case kindInteger:
		return p.integer(k, e)
	default:
		text, ok := scalar(e.value)
		if !ok {
			p.mistake(p.start(e.value), e.shown, "takes %s, not %s", kindNames[k.kind], describe(e.value))
			return nil, false
		}
		return p.text(k, e, strings.TrimSpace(text))
	}
	return nil, false
}

var kindNames = map[kind]string{
	kindField: "the id of a Bob field", kindFormula: "a formula", kindText: "a text", kindExpression: "a formula that says yes or no",
	kindChoice: "one word", kindDuration: "a duration such as 10m", kindClock: `a time of day such as "08:30"`, kindZone: "a time zone such as Europe/London",
}

// text reads a value that is written as text.
func (p *fileParser) text(k key, e entry, text string) (any, bool) {
	at := p.start(e.value)
	switch k.kind {
	case kindChoice:
		if slices.Contains(k.choices, text) {
			return text, true
		}
		suggestion := didYouMean(text, k.choices)
		p.mistake(at, e.shown, "%q is not one of %s%s", text, strings.Join(k.choices, ", "), suggestion)
	case kindClock:
		t, err := lifecycle.ParseTimeOfDay(text)
		if err == nil {
			return t, true
		}
		p.mistake(at, e.shown, `%v; write it as "08:30", with quotes`, err)
	case kindDuration:
		d, err := time.ParseDuration(text)
		if err == nil && d >= k.shortest && d <= k.longest && text != "0" {
			return d, true
		}
		p.mistake(at, e.shown, "takes a duration between %s and %s, written as %s", SpellDuration(k.shortest), SpellDuration(k.longest), k.standard)
	case kindZone:
		return p.zone(e, text)
	case kindField:
		if message := refuseField(text, p.known); message != "" {
			p.mistake(at, e.shown, "%s", message)
			return nil, false
		}
		return text, true
	case kindFormula:
		return p.formula(e, text, wantText)
	case kindExpression:
		return p.formula(e, text, wantBool)
	case kindText:
		if text != "" {
			return text, true
		}
		p.mistake(at, e.shown, "is empty; leave it out, and when_null decides")
	}
	return nil, false
}

// SpellDuration writes a duration as the file does: without the parts that are
// nothing, as in 24h.
func SpellDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// formula compiles a formula and places its flaws in the file.
func (p *fileParser) formula(e entry, text string, want wanted) (any, bool) {
	if text == "" {
		p.mistake(p.start(e.value), e.shown, "the formula is empty")
		return nil, false
	}
	f, flaws := compile(text, want, p.known)
	for _, flaw := range flaws {
		p.mistake(p.within(e.value, flaw.offset), e.shown, "%s", flaw.message)
	}
	return f, len(flaws) == 0
}

func (p *fileParser) integer(k key, e entry) (any, bool) {
	if n, ok := e.value.(*ast.IntegerNode); ok {
		if i, err := strconv.Atoi(n.GetToken().Value); err == nil && i >= k.least && i <= k.most {
			return i, true
		}
	}
	p.mistake(p.start(e.value), e.shown, "takes a whole number from %d to %d", k.least, k.most)
	return nil, false
}

func (p *fileParser) zone(e entry, name string) (any, bool) {
	loc, err := time.LoadLocation(name)
	if err == nil && name != "" && name != "Local" {
		return loc, true
	}
	suggestion := "; write it as Europe/London or America/New_York"
	if len(name) > 2 {
		names := zoneNames()
		if i := slices.IndexFunc(names, func(zone string) bool {
			return simplified(zone[strings.LastIndexByte(zone, '/')+1:]) == simplified(name)
		}); i >= 0 {
			suggestion = "; did you mean " + names[i] + "?"
		} else if best, ok := nearest(name, names); ok {
			suggestion = "; did you mean " + best + "?"
		}
	}
	p.mistake(p.start(e.value), e.shown, "%q is not an IANA time zone%s", name, suggestion)
	return nil, false
}

func (p *fileParser) sites(e entry) (any, bool) {
	entries, ok := p.entries(e.value, e.path, e.shown)
	if !ok {
		p.mistake(p.start(e.value), e.shown, `takes the zone of each site, such as {"New York": America/New_York}, not %s`, describe(e.value))
		return nil, false
	}
	sites := make(map[string]*time.Location, len(entries))
	for _, site := range entries {
		if p.full() {
			break
		}
		if site.name == "" || strings.TrimSpace(site.name) != site.name {
			p.mistake(site.at, site.shown, "not the plain name of a site in Bob")
		}
		name, ok := scalar(site.value)
		if !ok {
			p.mistake(p.start(site.value), site.shown, "takes a time zone such as Europe/London, not %s", describe(site.value))
			continue
		}
		if loc, ok := p.zone(site, name); ok {
			sites[site.name] = loc.(*time.Location)
		}
	}
	return sites, true
}

// itemWants says what the members of a list are, and checks one. An entry that
// can match nobody is a mistake: whoever wrote it believes that it does. The
// entry itself is not quoted, it may name somebody.
var itemWants = map[item]struct {
	what, mistake string
	valid         func(string) bool
}{
	itemName: {"names", "not the plain name that Bob shows", func(s string) bool { return s != "" && strings.TrimSpace(s) == s }},
	itemDomain: {"domains", "not a domain; write it as example.com, without the @", func(s string) bool {
		return !strings.ContainsAny(s, "@ \t\n") && strings.Contains(strings.Trim(s, "."), ".")
	}},
	itemAddress: {"e-mail addresses", "not an e-mail address", isAddress},
	itemPerson: {"Bob ids and e-mail addresses", "neither a Bob id nor an e-mail address", func(s string) bool {
		return isAddress(s) || (s != "" && strings.Trim(s, "0123456789") == "")
	}},
	itemUserID: {"ids of OneLogin users", "not the id of a OneLogin user", func(s string) bool {
		n, err := parseUserID(s)
		return err == nil && n > 0
	}},
}

func isAddress(s string) bool {
	name, domain, ok := strings.Cut(s, "@")
	return ok && name != "" && domain != "" && !strings.ContainsAny(s, " \t\n")
}

func parseUserID(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }

func (p *fileParser) list(k key, e entry) (any, bool) {
	wants := itemWants[k.item]
	sequence, ok := e.value.(*ast.SequenceNode)
	if !ok {
		p.mistake(p.start(e.value), e.shown, "takes a list of %s in [], not %s", wants.what, describe(e.value))
		return nil, false
	}
	list := []string{}
	for i, member := range sequence.Values {
		if p.full() {
			break
		}
		text, isText := scalar(member)
		if !isText || !wants.valid(text) {
			p.mistake(p.start(member), fmt.Sprintf("%s[%d]", e.shown, i), "%s", wants.mistake)
			continue
		}
		list = append(list, text)
	}
	return list, true
}

// mapping reads the rules of the mapping.
func (p *fileParser) mapping(e entry) {
	entries, ok := p.entries(e.value, e.path, e.shown)
	if !ok {
		p.mistake(p.start(e.value), e.shown, "takes a Bob field for each OneLogin attribute, such as title: work.title, not %s", describe(e.value))
		return
	}
	p.settings.Rules = nil
	for i, attribute := range entries {
		if p.full() {
			return
		}
		alike := slices.IndexFunc(entries[:i], func(other entry) bool { return strings.EqualFold(other.name, attribute.name) })
		if alike >= 0 {
			p.mistake(attribute.at, attribute.shown, "the same attribute as %s in line %d, in other letters", entries[alike].name, entries[alike].at.line)
		} else if message := refuseTarget(attribute.name); message != "" {
			p.mistake(attribute.at, attribute.shown, "%s", message)
		}
		if rule, ok := p.rule(attribute); ok {
			p.settings.Rules = append(p.settings.Rules, rule)
		}
	}
	slices.SortFunc(p.settings.Rules, func(a, b Rule) int { return strings.Compare(a.Target, b.Target) })
	var missing []string
	for _, m := range mandatory {
		if !slices.ContainsFunc(entries, func(e entry) bool { return e.name == m }) {
			missing = append(missing, m)
		}
	}
	if len(missing) > 0 {
		p.mistake(e.at, e.shown, "%s missing; OneLogin users need %s", strings.Join(missing, ", "), strings.Join(mandatory, ", "))
	}
}

// shortname is what OneLogin takes as the shortname of a custom attribute.
var shortname = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func refuseTarget(target string) string {
	if short, custom := CustomShortname(target); custom {
		switch {
		case short == "":
			return "the shortname of the custom attribute is missing"
		case !shortname.MatchString(short):
			return "a shortname has letters, digits and _ alone"
		}
		return ""
	}
	if _, ok := writable[target]; ok {
		return ""
	}
	if reason := reserved[target]; reason != "" {
		return reason
	}
	names := writableNames()
	if suggestion := didYouMean(target, names); suggestion != "" {
		return "OneLogin has no such attribute" + suggestion
	}
	return fmt.Sprintf("OneLogin has no such attribute that can be written; it has %s, and %s<shortname>", strings.Join(names, ", "), CustomPrefix)
}

// fieldID is what a mapping takes for the id of a field where it could be a
// formula as well.
var fieldID = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_-]+)+$`)

func validFieldID(id string) bool {
	return !strings.ContainsAny(id, " \t\r\n") && strings.Contains(id, ".") && !slices.Contains(strings.Split(id, "."), "")
}

// rule reads what fills an attribute.
func (p *fileParser) rule(e entry) (Rule, bool) {
	rule := Rule{Target: e.name, WhenNull: ClearOnNull}
	at, before := p.start(e.value), len(p.mistakes)
	switch n := e.value.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		text, _ := scalar(n)
		p.source(&rule, e, strings.TrimSpace(text))
	case *ast.MappingNode, *ast.MappingValueNode:
		p.longRule(&rule, e)
	case *ast.NullNode:
		p.mistake(e.at, e.shown, "give the id of a Bob field, such as work.title, or a formula")
	default:
		p.mistake(at, e.shown, "takes the id of a Bob field, such as work.title, or a formula, not %s; a fixed text has quotes within quotes: '\"42\"'", describe(n))
	}
	if len(p.mistakes) > before {
		return Rule{}, false
	}
	if rule.Formula != nil && len(rule.Formula.fields) == 0 && isUnique(rule.Target) {
		p.mistake(at, e.shown, "would be the same for everybody, and OneLogin takes each %s once; name a Bob field", rule.Target)
		return Rule{}, false
	}
	return rule, true
}

// source reads the short form: a field or a formula.
func (p *fileParser) source(rule *Rule, e entry, text string) {
	if fieldID.MatchString(text) {
		if message := refuseField(text, p.known); message != "" {
			p.mistake(p.start(e.value), e.shown, "%s", message)
		}
		rule.Field = text
		return
	}
	if f, ok := p.formula(e, text, wantText); ok {
		rule.Formula = f.(*Formula)
	}
}

// longRule reads the form with keys.
func (p *fileParser) longRule(rule *Rule, e entry) {
	entries, _ := p.entries(e.value, keyAttribute, e.shown)
	given := map[string]entry{}
	for _, sub := range entries {
		k, ok := findKey(sub)
		if !ok {
			p.unknownKey(sub)
			continue
		}
		given[sub.name] = sub
		if sub.value.Type() == ast.NullType {
			continue
		}
		value, ok := p.value(k, sub)
		if !ok {
			continue
		}
		switch value := value.(type) {
		case *Formula:
			rule.Formula = value
		case bool:
			rule.OnCreateOnly = value
		case string:
			switch sub.name {
			case "field":
				rule.Field = value
			case "when_null":
				rule.WhenNull = NullRule(value)
			case "default":
				rule.Default = value
			}
		}
	}
	_, field := given["field"]
	formula, both := given["formula"]
	if both = both && field; both {
		p.mistake(formula.at, formula.shown, "a field and a formula; keep one")
	} else if !field && formula.name == "" {
		p.mistake(p.start(e.value), e.shown, "give a field or a formula")
	}
	p.refuseOptions(rule, e, given)
}

// refuseOptions finds what cannot be meant.
func (p *fileParser) refuseOptions(rule *Rule, e entry, given map[string]entry) {
	whenNull, hasWhenNull := given["when_null"]
	if hasWhenNull && rule.WhenNull == ClearOnNull && isMandatory(e.name) && whenNull.value.Type() != ast.NullType {
		p.mistake(whenNull.at, whenNull.shown, "OneLogin users need %s; it is never emptied", e.name)
	}
	if create := given["on_create_only"]; rule.OnCreateOnly && e.name == AttrManagerUserID {
		p.mistake(create.at, create.shown, "the manager often comes later than the user; this attribute is kept up to date")
	}
	if rule.Default == "" {
		return
	}
	def := given["default"]
	_, err := strconv.ParseInt(rule.Default, 10, 64)
	switch {
	case hasWhenNull:
		p.mistake(whenNull.at, whenNull.shown, "the default says already what becomes of an empty value; keep one of them")
	case isUnique(e.name):
		p.mistake(def.at, def.shown, "would be the same for everybody, and OneLogin takes each %s once", e.name)
	case e.name == AttrManagerUserID:
		p.mistake(def.at, def.shown, "a manager has no default")
	case IsInteger(e.name) && err != nil:
		p.mistake(p.start(def.value), def.shown, "%s takes a whole number", e.name)
	}
}

// isUnique tells the attributes that no two users of OneLogin share.
func isUnique(attribute string) bool { return attribute == AttrEmail || attribute == AttrUsername }

// scalar gives a single value as it was written, without its quotes.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}

// describe names what stands where something else belongs.
func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	default:
		return "this"
	}
}
