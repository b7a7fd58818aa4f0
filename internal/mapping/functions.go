package mapping

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// function is one that formulas may call.
type function struct {
	name string
	// usage shows how it is called, meaning says what comes of it.
	usage, meaning string
	// least and most bound the number of arguments; a most of 0 does not.
	least, most int
	call        func(args ...any) (any, error)
}

// nameField is the function that reads a field by its id in quotes. It is
// resolved when the formula is compiled.
const nameField = "field"

// Functions that only the compiler calls. A formula cannot name them.
const (
	fnField = "$field"
	fnAdd   = "$add"
	fnAt    = "$at"
	fnSlice = "$slice"
)

var internalFunctions = []function{
	{name: fnField, call: func(args ...any) (any, error) {
		return args[0].(*reading).field(args[1].(string), args[2].(bool))
	}},
	{name: fnAdd, call: func(args ...any) (any, error) { return add(args[0], args[1]) }},
	{name: fnAt, call: func(args ...any) (any, error) { return at(args[0], args[1]) }},
	{name: fnSlice, call: func(args ...any) (any, error) { return slice(args[0], args[1], args[2]) }},
}

// functions work on texts, by characters and not by bytes. What they are given
// as null they give back as null, but for concat, join, len and the
// comparisons. None of them may ask for the time or the environment: mapping
// is a function of the record alone.
var functions = []function{
	{
		name: nameField, usage: `field("work.title")`, least: 1, most: 1,
		meaning: "The field of that id, for ids that are no names in a formula, such as those with a hyphen.",
	},
	{
		name: "upper", usage: "upper(text)", least: 1, most: 1,
		meaning: "The text in capitals.",
		call:    onText(func(s string) any { return strings.ToUpper(s) }),
	},
	{
		name: "lower", usage: "lower(text)", least: 1, most: 1,
		meaning: "The text in small letters.",
		call:    onText(func(s string) any { return strings.ToLower(s) }),
	},
	{
		name: "trim", usage: "trim(text)", least: 1, most: 1,
		meaning: "The text without surrounding space.",
		call:    onText(func(s string) any { return strings.TrimSpace(s) }),
	},
	{
		name: "trimPrefix", usage: "trimPrefix(text, prefix)", least: 2, most: 2,
		meaning: "The text without a beginning, where it has that.",
		call:    onTexts(func(s []string) (any, error) { return strings.TrimPrefix(s[0], s[1]), nil }),
	},
	{
		name: "trimSuffix", usage: "trimSuffix(text, suffix)", least: 2, most: 2,
		meaning: "The text without an end, where it has that.",
		call:    onTexts(func(s []string) (any, error) { return strings.TrimSuffix(s[0], s[1]), nil }),
	},
	{
		name: "replace", usage: "replace(text, old, new)", least: 3, most: 3,
		meaning: "The text with every `old` replaced.",
		call:    onTexts(replace),
	},
	{
		name: "split", usage: "split(text, separator)", least: 2, most: 2,
		meaning: "The list of what stands between the separators.",
		call:    onTexts(split),
	},
	{
		name: "join", usage: "join(list, separator)", least: 2, most: 2,
		meaning: "One text of a list; members that are null or blank are left out.",
		call:    join,
	},
	{
		name: "concat", usage: "concat(a, b, …)", least: 1,
		meaning: "The texts put together; null counts as nothing.",
		call:    concat,
	},
	{
		name: "first", usage: "first(list)", least: 1, most: 1,
		meaning: "The first member of a list; null of an empty one.",
		call:    func(args ...any) (any, error) { return at(args[0], 0) },
	},
	{
		name: "last", usage: "last(list)", least: 1, most: 1,
		meaning: "The last one.",
		call:    func(args ...any) (any, error) { return at(args[0], -1) },
	},
	{
		name: "len", usage: "len(text)", least: 1, most: 1,
		meaning: "How many characters a text, or members a list has; 0 for null.",
		call:    length,
	},
	{
		name: "indexOf", usage: "indexOf(text, part)", least: 2, most: 2,
		meaning: "Where a part begins, counted from 0; -1 where it is not there.",
		call:    onTexts(func(s []string) (any, error) { return characters(s[0], strings.Index(s[0], s[1])), nil }),
	},
	{
		name: "lastIndexOf", usage: "lastIndexOf(text, part)", least: 2, most: 2,
		meaning: "Where it begins for the last time.",
		call:    onTexts(func(s []string) (any, error) { return characters(s[0], strings.LastIndex(s[0], s[1])), nil }),
	},
	{
		name: "hasPrefix", usage: "hasPrefix(text, prefix)", least: 2, most: 2,
		meaning: "Whether a text begins so; no for null.",
		call:    test(strings.HasPrefix),
	},
	{
		name: "hasSuffix", usage: "hasSuffix(text, suffix)", least: 2, most: 2,
		meaning: "Whether it ends so.",
		call:    test(strings.HasSuffix),
	},
	{
		name: "string", usage: "string(value)", least: 1, most: 1,
		meaning: "A number, or yes or no, as text.",
		call:    onText(func(s string) any { return s }),
	},
	{
		name: "int", usage: "int(value)", least: 1, most: 1,
		meaning: "A whole number out of a text.",
		call:    toInt,
	},
	{
		name: "float", usage: "float(value)", least: 1, most: 1,
		meaning: "A number out of a text.",
		call:    toFloat,
	},
}

// onText makes a function of one text.
func onText(f func(string) any) func(...any) (any, error) {
	return onTexts(func(s []string) (any, error) { return f(s[0]), nil })
}

// onTexts makes a function of texts; a null among them gives null.
func onTexts(f func([]string) (any, error)) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		texts := make([]string, len(args))
		for i, arg := range args {
			text, null, err := textOf(arg)
			if err != nil {
				return nil, unfit("the formula is given %v", err)
			}
			if null {
				return nil, nil
			}
			texts[i] = text
		}
		return f(texts)
	}
}

// test makes a comparison, in which null is neither here nor there.
func test(f func(string, string) bool) func(...any) (any, error) {
	compare := onTexts(func(s []string) (any, error) { return f(s[0], s[1]), nil })
	return func(args ...any) (any, error) {
		result, err := compare(args...)
		if result == nil && err == nil {
			return false, nil
		}
		return result, err
	}
}

// add adds numbers and puts texts together.
func add(a, b any) (any, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	x, isInt := a.(int)
	y, areInts := b.(int)
	if isInt && areInts {
		return x + y, nil
	}
	f, isNumber := asFloat(a)
	g, areNumbers := asFloat(b)
	if isNumber && areNumbers {
		return f + g, nil
	}
	return concat(a, b)
}

func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	default:
		return 0, false
	}
}

// concat puts texts together; null counts as nothing.
func concat(args ...any) (any, error) {
	var b strings.Builder
	for _, arg := range args {
		text, _, err := textOf(arg)
		if err != nil {
			return nil, unfit("the formula puts together %v", err)
		}
		if b.Len()+len(text) > maxText {
			return nil, unfit("the formula makes a text that is too long")
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// join puts the members of a list together; those that are null or blank are
// left out, with their separator.
func join(args ...any) (any, error) {
	list, ok := args[0].([]any)
	if args[0] == nil {
		return nil, nil
	}
	if !ok {
		return nil, unfit("join is given no list")
	}
	separator, _, err := textOf(args[1])
	if err != nil {
		return nil, unfit("join is given %v", err)
	}
	var parts []any
	for _, member := range list {
		text, null, err := textOf(member)
		if err != nil {
			return nil, unfit("join is given %v", err)
		}
		if null || strings.TrimSpace(text) == "" {
			continue
		}
		if len(parts) > 0 {
			parts = append(parts, separator)
		}
		parts = append(parts, text)
	}
	return concat(parts...)
}

func replace(s []string) (any, error) {
	text, from, to := s[0], s[1], s[2]
	if len(text)+strings.Count(text, from)*len(to) > maxText {
		return nil, unfit("the formula makes a text that is too long")
	}
	return strings.ReplaceAll(text, from, to), nil
}

func split(s []string) (any, error) {
	parts := []any{}
	for part := range strings.SplitSeq(s[0], s[1]) {
		parts = append(parts, part)
	}
	return parts, nil
}

func length(args ...any) (any, error) {
	if list, ok := args[0].([]any); ok {
		return len(list), nil
	}
	text, _, err := textOf(args[0])
	if err != nil {
		return nil, err
	}
	return utf8.RuneCountInString(text), nil
}

// characters turns an index of bytes into one of characters.
func characters(s string, index int) int {
	if index < 0 {
		return index
	}
	return utf8.RuneCountInString(s[:index])
}

// at takes one member of a list or one character of a text, counted from 0, or
// from -1 backwards. Where there is none, it is null.
func at(v, index any) (any, error) {
	i, ok := index.(int)
	if v == nil || index == nil {
		return nil, nil
	}
	if !ok {
		return nil, unfit("the formula counts with something that is no whole number")
	}
	if list, ok := v.([]any); ok {
		if i < 0 {
			i += len(list)
		}
		if i < 0 || i >= len(list) {
			return nil, nil
		}
		return list[i], nil
	}
	text, _, err := textOf(v)
	if err != nil {
		return nil, err
	}
	all := []rune(text)
	if i < 0 {
		i += len(all)
	}
	if i < 0 || i >= len(all) {
		return nil, nil
	}
	return string(all[i]), nil
}

// slice takes the part of a text or a list from one index up to another one,
// which is left out; what lies outside is cut off.
func slice(v, from, to any) (any, error) {
	if v == nil {
		return nil, nil
	}
	list, isList := v.([]any)
	text, _, err := "", false, error(nil)
	if !isList {
		if text, _, err = textOf(v); err != nil {
			return nil, err
		}
	}
	all := []rune(text)
	size := len(all)
	if isList {
		size = len(list)
	}
	bound := func(v any, otherwise int) (int, bool) {
		if v == nil {
			return otherwise, true
		}
		i, ok := v.(int)
		if i < 0 {
			i += size
		}
		return min(max(i, 0), size), ok
	}
	i, ok := bound(from, 0)
	j, alsoOK := bound(to, size)
	if !ok || !alsoOK {
		return nil, unfit("the formula counts with something that is no whole number")
	}
	j = max(i, j)
	if isList {
		return slices.Clone(list[i:j]), nil
	}
	return string(all[i:j]), nil
}

func toInt(args ...any) (any, error) {
	if f, ok := args[0].(float64); ok {
		return int(f), nil
	}
	return onTexts(func(s []string) (any, error) {
		n, err := strconv.Atoi(strings.TrimSpace(s[0]))
		if err != nil {
			return nil, unfit("int is given something that is no whole number")
		}
		return n, nil
	})(args...)
}

func toFloat(args ...any) (any, error) {
	return onTexts(func(s []string) (any, error) {
		f, err := strconv.ParseFloat(strings.TrimSpace(s[0]), 64)
		if err != nil {
			return nil, unfit("float is given something that is no number")
		}
		return f, nil
	})(args...)
}
