package mapping

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// start is where a node begins.
func (p *fileParser) start(n ast.Node) place {
	switch m := n.(type) {
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return p.start(m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return p.start(m.Key)
	}
	tk := n.GetToken()
	if tk == nil || tk.Position == nil {
		return place{1, 1}
	}
	return p.locate(tk)
}

// locate corrects the column of a token, which is off by a few in flow style.
func (p *fileParser) locate(tk *token.Token) place {
	at := place{tk.Position.Line, max(tk.Position.Column, 1)}
	written, _, _ := strings.Cut(strings.TrimSpace(tk.Origin), "\n")
	first := []rune(written)
	if at.line < 1 || at.line > len(p.lines) || len(first) == 0 {
		return at
	}
	line := p.characters(at.line)
	begins := func(column int) bool {
		from, to := column-1, column-1+len(first)
		return from >= 0 && to <= len(line) && slices.Equal(line[from:to], first)
	}
	for _, column := range []int{at.column, at.column + 1, at.column - 1, at.column + 2, at.column - 2} {
		if begins(column) {
			at.column = column
			return at
		}
	}
	return at
}

// within is the place of a character of a text: n is the text's node and
// offset counts its characters as the formula has them.
func (p *fileParser) within(n ast.Node, offset int) place {
	at := p.start(n)
	style := byte(0)
	switch n := n.(type) {
	case *ast.LiteralNode:
		at = place{at.line + 1, 1}
	case *ast.StringNode:
		switch n.GetToken().Type {
		case token.SingleQuoteType:
			style, at.column = '\'', at.column+1
		case token.DoubleQuoteType:
			style, at.column = '"', at.column+1
		}
	}
	for skip := true; at.line <= len(p.lines); {
		line := p.characters(at.line)
		i := min(at.column-1, len(line))
		// Blanks around the text are no part of the formula, nor is the
		// indentation of a further line.
		for skip && i < len(line) && (line[i] == ' ' || line[i] == '\t') {
			i++
		}
		skip = false
		for ; i < len(line); i++ {
			if offset == 0 {
				return place{at.line, i + 1}
			}
			offset--
			if c := line[i]; i+1 < len(line) && (style == '"' && c == '\\' || style == '\'' && c == '\'' && line[i+1] == '\'') {
				i++ // two characters of the file make one
			}
		}
		if offset == 0 {
			return place{at.line, len(line) + 1}
		}
		// The end of the line is one character as well.
		offset, at, skip = offset-1, place{at.line + 1, 1}, true
	}
	return p.start(n)
}

// hideTree marks every text below a node as naming people.
func (p *fileParser) hideTree(n ast.Node) {
	if n == nil {
		return
	}
	switch m := n.(type) {
	case *ast.MappingNode:
		for _, v := range m.Values {
			p.hideTree(v)
		}
	case *ast.MappingValueNode:
		p.hideTree(m.Key)
		p.hideTree(m.Value)
	case *ast.SequenceNode:
		for _, v := range m.Values {
			p.hideTree(v)
		}
	default:
		tk := n.GetToken()
		if tk == nil || tk.Position == nil {
			return
		}
		at := p.locate(tk)
		written := strings.TrimSpace(tk.Origin)
		if literal, ok := n.(*ast.LiteralNode); ok {
			written += "\n" + literal.Value.Value
		}
		if lines := strings.Count(written, "\n"); lines > 0 || isReference(n) {
			for i := range lines + 1 {
				p.hide(at.line+i, at.column, 0)
				at.column = 1
			}
			return
		}
		p.hide(at.line, at.column, at.column+utf8.RuneCountInString(written))
	}
}
