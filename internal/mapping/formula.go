package mapping

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"bob-onelogin/internal/employee"
)

// What a formula may cost. It has no loops, so its length bounds its steps, and
// maxText what each of them works on.
const (
	maxFormula = 2000 // bytes
	maxNodes   = 500
	maxText    = 16 << 10 // bytes, of every value on the way
)

// Formula is an expression over Bob fields, checked and compiled. It may be
// used from several goroutines at once.
//
// Fields are named by their ids. A null field makes null of whatever is made
// of it, except where the formula says what a null becomes (??, concat, join).
// A field that Bob's answer lacks, and that the formula comes to, leaves the
// whole without a result: nothing may be concluded from what cannot be seen.
type Formula struct {
	source  string
	fields  []string
	program *vm.Program
}

// String returns the formula as it was written.
func (f *Formula) String() string {
	if f == nil {
		return ""
	}
	return f.source
}

// Fields lists the Bob fields that the formula names, in the order in which it
// does.
func (f *Formula) Fields() []string {
	if f == nil {
		return nil
	}
	return slices.Clone(f.fields)
}

// Equal reports whether two formulas were written alike.
func (f *Formula) Equal(g *Formula) bool {
	return f == g || (f != nil && g != nil && f.source == g.source)
}

// Text works the formula out for a person. Null and Absent mean what they mean
// for a field; an error says in words why there is no result, and tells no
// value.
func (f *Formula) Text(lists ListFields, r employee.Record) (string, employee.Presence, error) {
	return f.text(&reading{lists: lists, record: r})
}

func (f *Formula) text(in *reading) (string, employee.Presence, error) {
	value, err := f.run(in)
	if err != nil {
		return "", employee.Absent, err
	}
	text, null, err := textOf(value)
	if err != nil {
		return "", employee.Absent, fmt.Errorf("the formula gives %w", err)
	}
	if text = strings.TrimSpace(text); null || text == "" {
		return "", employee.Null, nil
	}
	return text, employee.Present, nil
}

// run evaluates the program. Errors of the expression language may quote
// values and are replaced.
func (f *Formula) run(in *reading) (any, error) {
	value, err := vm.Run(f.program, in)
	var unseen *unseenError
	var unfit *unfitError
	switch {
	case err == nil:
		return value, nil
	case errors.As(err, &unseen):
		return nil, unseen
	case errors.As(err, &unfit):
		return nil, unfit
	case len(f.fields) == 0:
		return nil, errors.New("the formula cannot be worked out")
	default:
		return nil, fmt.Errorf("the formula does not fit what Bob has in %s for this person", strings.Join(f.fields, ", "))
	}
}

// reading is one evaluation: what the fields of a formula are read from.
type reading struct {
	lists  ListFields
	record employee.Record
	// references: a reference to somebody counts as their id.
	references bool
	// nulls: a null was read that the formula does not provide for.
	nulls bool
}

// unseenError: Bob's answer lacks a field.
type unseenError struct{ Field string }

func (e *unseenError) Error() string { return "Bob's answer lacks " + e.Field }

// unfitError: a value is of no use to the formula. The text tells none.
type unfitError struct{ text string }

func (e *unfitError) Error() string { return e.text }

func unfit(format string, args ...any) error { return &unfitError{fmt.Sprintf(format, args...)} }

// field reads a field for a formula: text, int, float64, bool, or nil for null.
func (in *reading) field(id string, provided bool) (any, error) {
	value, err := in.value(id)
	if err != nil {
		return nil, err
	}
	if value == nil && !provided {
		in.nulls = true
	}
	return value, nil
}

func (in *reading) value(id string) (any, error) {
	isList := in.lists[id] != ""
	text, presence, err := readField(id, in.lists, in.record)
	if err != nil && in.references && !isList {
		text, presence, err = in.record.Reference(id)
	}
	switch {
	case err != nil:
		return nil, &unfitError{err.Error()}
	case presence == employee.Absent:
		return nil, &unseenError{id}
	case presence == employee.Null:
		return nil, nil
	case len(text) > maxText:
		return nil, unfit("%s is too long", id)
	case isList:
		return text, nil
	}
	switch raw, _ := in.record.Get(id); raw := raw.(type) {
	case string:
		return text, nil
	case bool:
		return raw, nil
	default:
		return number(text), nil
	}
}

// number gives a number of Bob's its value where that is exact enough to count
// with, else the text that Bob wrote.
func number(text string) any {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	if strings.ContainsAny(text, ".eE") {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	}
	return text
}

// textOf writes a value as text; null tells nil.
func textOf(v any) (text string, null bool, err error) {
	switch v := v.(type) {
	case nil:
		return "", true, nil
	case string:
		return v, false, nil
	case bool:
		return strconv.FormatBool(v), false, nil
	case int:
		return strconv.Itoa(v), false, nil
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return "", false, unfit("no number")
		}
		return strconv.FormatFloat(v, 'f', -1, 64), false, nil
	default:
		return "", false, unfit("a list, not a single value")
	}
}

// mention is a field that a formula names, and the offset in characters.
type mention struct {
	field  string
	offset int
}

// flaw is a mistake in a formula, and its offset in characters.
type flaw struct {
	message string
	offset  int
}

// wanted is what a formula has to give.
type wanted int

const (
	wantText wanted = iota
	wantBool
)

// compile checks a formula and makes it ready. known are Bob's fields, nil
// where they could not be read.
func compile(source string, want wanted, known map[string]Field) (f *Formula, flaws []flaw) {
	if len(source) > maxFormula {
		return nil, []flaw{{message: fmt.Sprintf("the formula is longer than %d bytes", maxFormula)}}
	}
	// A panic of the expression language must not take the worker with it.
	defer func() {
		if recover() != nil {
			f, flaws = nil, []flaw{{message: "the formula does not compile"}}
		}
	}()
	config := configuration()
	tree, err := parser.ParseWithConfig(source, config)
	if err != nil {
		return nil, []flaw{flawOf(err)}
	}
	c := compilation{known: known}
	tree.Node = c.rewrite(tree.Node)
	if len(c.flaws) > 0 {
		return nil, c.flaws
	}
	result, err := checker.Check(tree, config)
	if err != nil {
		return nil, []flaw{flawOf(err)}
	}
	if message := refuseResult(result, want); message != "" {
		return nil, []flaw{{message: message}}
	}
	program, err := compiler.Compile(tree, config)
	if err != nil {
		return nil, []flaw{flawOf(err)}
	}
	f = &Formula{source: source, program: program}
	for _, m := range c.mentions {
		if !slices.Contains(f.fields, m.field) {
			f.fields = append(f.fields, m.field)
		}
	}
	return f, nil
}

func configuration() *conf.Config {
	config := conf.New(&reading{})
	config.MaxNodes = maxNodes
	for name := range config.Builtins {
		config.Disabled[name] = true
	}
	clear(config.Builtins)
	for _, fn := range slices.Concat(functions, internalFunctions) {
		config.Functions[fn.name] = &builtin.Function{Name: fn.name, Func: fn.call}
	}
	return config
}

func refuseResult(t reflect.Type, want wanted) string {
	kind := reflect.Interface // not known before the run
	if t != nil {
		kind = t.Kind()
	}
	switch {
	case kind == reflect.Interface:
		return ""
	case want == wantBool && kind != reflect.Bool:
		return `the expression gives no yes or no; write a comparison such as work.site == "London"`
	case kind == reflect.Slice || kind == reflect.Map || kind == reflect.Array:
		return `the formula gives a list, not a single value; join(list, ", ") makes one of it`
	default:
		return ""
	}
}

// jargon is how the expression language names a word of the formula.
var jargon = regexp.MustCompile(`\b(?:Identifier|Operator|Bracket|Number|String|Bytes)\((".*?")\)`)

func flawOf(err error) flaw {
	var at *file.Error
	if !errors.As(err, &at) {
		return flaw{message: "the formula does not compile"}
	}
	message := strings.TrimSuffix(at.Message, ".")
	message = jargon.ReplaceAllString(message, "$1")
	message = strings.ReplaceAll(message, "unexpected token EOF", "unexpected end of the formula")
	if strings.HasPrefix(message, "unexpected token") {
		message += "; fixed text stands in quotes"
	}
	if message == "" {
		return flaw{message: "the formula does not compile", offset: at.From}
	}
	return flaw{message: "the formula does not compile: " + lowerFirst(message), offset: at.From}
}

func lowerFirst(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return strings.ToLower(string(r)) + s[size:]
}

// compilation turns the tree of a formula into one over functions of ours:
// fields become reads that tell null from absent, and texts are cut and joined
// by characters and null by rule. What is not provided for is refused.
type compilation struct {
	known    map[string]Field
	scope    []string // names given by let
	mentions []mention
	flaws    []flaw
}

func (c *compilation) flaw(n ast.Node, format string, args ...any) {
	c.flaws = append(c.flaws, flaw{fmt.Sprintf(format, args...), n.Location().From})
}

// operators that mean what they mean in the expression language.
var operators = []string{
	"-", "*", "/", "%", "==", "!=", "<", ">", "<=", ">=", "and", "&&", "or", "||", "??",
	"in", "contains", "startsWith", "endsWith",
}

func (c *compilation) rewrite(n ast.Node) ast.Node {
	if at, id, ok := c.fieldPath(n); ok {
		return c.read(at, id, false)
	}
	switch n := n.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode:
		return n
	case *ast.IdentifierNode:
		if !slices.Contains(c.scope, n.Value) {
			c.unknownName(n)
		}
		return n
	case *ast.UnaryNode:
		n.Node = c.rewrite(n.Node)
		return n
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ChainNode:
		return c.rewrite(n.Node)
	case *ast.MemberNode:
		if name, isName := n.Property.(*ast.StringNode); isName {
			c.flaw(n, "only a field of Bob can stand before .%s", name.Value)
			return n
		}
		return call(n, fnAt, c.rewrite(n.Node), c.rewrite(n.Property))
	case *ast.SliceNode:
		from, to := ast.Node(&ast.NilNode{}), ast.Node(&ast.NilNode{})
		if n.From != nil {
			from = c.rewrite(n.From)
		}
		if n.To != nil {
			to = c.rewrite(n.To)
		}
		return call(n, fnSlice, c.rewrite(n.Node), from, to)
	case *ast.CallNode:
		return c.call(n)
	case *ast.BuiltinNode:
		c.unknownFunction(n, n.Name)
		return n
	case *ast.ConditionalNode:
		n.Cond, n.Exp1, n.Exp2 = c.rewrite(n.Cond), c.rewrite(n.Exp1), c.rewrite(n.Exp2)
		return n
	case *ast.ArrayNode:
		for i := range n.Nodes {
			n.Nodes[i] = c.rewrite(n.Nodes[i])
		}
		return n
	case *ast.VariableDeclaratorNode:
		n.Value = c.rewrite(n.Value)
		c.scope = append(c.scope, n.Name)
		n.Expr = c.rewrite(n.Expr)
		c.scope = c.scope[:len(c.scope)-1]
		return n
	default:
		c.flaw(n, "a formula cannot hold this; it knows texts, numbers, lists in [], operators, conditions and the functions of docs/settings.md")
		return n
	}
}

func (c *compilation) binary(n *ast.BinaryNode) ast.Node {
	switch n.Operator {
	case "+":
		return call(n, fnAdd, c.rewrite(n.Left), c.rewrite(n.Right))
	case "matches":
		pattern, ok := n.Right.(*ast.StringNode)
		if !ok {
			c.flaw(n.Right, "matches takes a pattern in quotes")
			return n
		}
		if _, err := regexp.Compile(pattern.Value); err != nil {
			c.flaw(n.Right, "the pattern does not compile")
		}
		n.Left = c.rewrite(n.Left)
		return n
	}
	if !slices.Contains(operators, n.Operator) {
		c.flaw(n, "a formula has no operator %s", n.Operator)
		return n
	}
	isNil := func(n ast.Node) bool { _, ok := n.(*ast.NilNode); return ok }
	comparison := n.Operator == "==" || n.Operator == "!="
	// A null that the formula provides for is a value like any other.
	n.Left = c.operand(n.Left, n.Operator == "??" || comparison && isNil(n.Right))
	n.Right = c.operand(n.Right, comparison && isNil(n.Left))
	return n
}

func (c *compilation) operand(n ast.Node, provided bool) ast.Node {
	if at, id, ok := c.fieldPath(n); ok && provided {
		return c.read(at, id, true)
	}
	if named, ok := n.(*ast.CallNode); ok && provided && isNamedField(named) {
		return c.namedField(named, true)
	}
	return c.rewrite(n)
}

// fieldPath reads a chain of names as the id of a field, and returns the node
// that it begins with.
func (c *compilation) fieldPath(n ast.Node) (ast.Node, string, bool) {
	switch n := n.(type) {
	case *ast.ChainNode:
		return c.fieldPath(n.Node)
	case *ast.MemberNode:
		name, ok := n.Property.(*ast.StringNode)
		if !ok || n.Method || name.Value == "" {
			return nil, "", false
		}
		if first, ok := n.Node.(*ast.IdentifierNode); ok {
			return first, first.Value + "." + name.Value, !slices.Contains(c.scope, first.Value)
		}
		at, id, ok := c.fieldPath(n.Node)
		return at, id + "." + name.Value, ok
	default:
		return nil, "", false
	}
}

// read is the call that reads a field; provided tells that the formula says
// what becomes of a null.
func (c *compilation) read(at ast.Node, id string, provided bool) ast.Node {
	c.mentions = append(c.mentions, mention{id, at.Location().From})
	if message := refuseField(id, c.known); message != "" {
		c.flaw(at, "%s", message)
	}
	return call(at, fnField, &ast.IdentifierNode{Value: "$env"}, &ast.StringNode{Value: id}, &ast.BoolNode{Value: provided})
}

func call(at ast.Node, name string, arguments ...ast.Node) ast.Node {
	callee := &ast.IdentifierNode{Value: name}
	n := &ast.CallNode{Callee: callee, Arguments: arguments}
	for _, made := range append([]ast.Node{n, callee}, arguments...) {
		if made.Location() == (file.Location{}) {
			made.SetLocation(at.Location())
		}
	}
	return n
}

func (c *compilation) call(n *ast.CallNode) ast.Node {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		if method, isMethod := n.Callee.(*ast.MemberNode); isMethod {
			name, _ := method.Property.(*ast.StringNode)
			if name != nil {
				c.flaw(method, "functions stand before what they work on: %s(…)", name.Value)
				return n
			}
		}
		c.flaw(n, "this cannot be called")
		return n
	}
	if isNamedField(n) {
		return c.namedField(n, false)
	}
	i := slices.IndexFunc(functions, func(f function) bool { return f.name == callee.Value })
	if i < 0 {
		c.unknownFunction(n, callee.Value)
		return n
	}
	fn := functions[i]
	if len(n.Arguments) < fn.least || (fn.most > 0 && len(n.Arguments) > fn.most) {
		c.flaw(n, "%s is called as %s", fn.name, fn.usage)
	}
	for i := range n.Arguments {
		n.Arguments[i] = c.rewrite(n.Arguments[i])
	}
	return n
}

func isNamedField(n *ast.CallNode) bool {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	return ok && callee.Value == nameField
}

// namedField is field("…"), for ids that are no names in a formula.
func (c *compilation) namedField(n *ast.CallNode, provided bool) ast.Node {
	if len(n.Arguments) == 1 {
		if id, ok := n.Arguments[0].(*ast.StringNode); ok && validFieldID(id.Value) {
			return c.read(id, id.Value, provided)
		}
	}
	c.flaw(n, `field takes the id of a Bob field in quotes: field("work.title")`)
	return n
}

func (c *compilation) unknownFunction(n ast.Node, name string) {
	var names []string
	for _, f := range functions {
		names = append(names, f.name)
	}
	c.flaw(n, "a formula has no function %s%s", name, didYouMean(name, names))
}

func (c *compilation) unknownName(n *ast.IdentifierNode) {
	suggestion := suggestField(n.Value, c.known)
	if suggestion == "" {
		suggestion = "; fixed text stands in quotes"
	}
	c.flaw(n, "%s is no field of Bob; their ids have a dot, as work.title has%s", n.Value, suggestion)
}

// refuseField says why a field cannot be asked for; known are Bob's fields,
// nil where they could not be read.
func refuseField(id string, known map[string]Field) string {
	if !validFieldID(id) {
		return fmt.Sprintf("%q is not the id of a Bob field, such as work.title", id)
	}
	if _, ok := known[id]; known != nil && !ok {
		return fmt.Sprintf("Bob has no field %s%s", id, suggestField(id, known))
	}
	return ""
}
