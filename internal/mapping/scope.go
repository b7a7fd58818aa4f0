package mapping

import (
	"fmt"
	"slices"
	"strings"

	"bob-onelogin/internal/employee"
	"bob-onelogin/internal/lifecycle"
)

// OutOfScope says what becomes of the OneLogin user of somebody who leaves the
// scope; the values are those of the key "scope.out_of_scope".
type OutOfScope string

const (
	// KeepOutOfScope leaves the user as it is.
	KeepOutOfScope OutOfScope = "keep"
	// SuspendOutOfScope suspends the user.
	SuspendOutOfScope OutOfScope = "suspend"
)

// Scope says who is provisioned at all: whoever meets every rule. An empty
// rule does not restrict.
type Scope struct {
	EmailDomains []string
	// Sites are Bob's plain site names.
	Sites []string
	// Departments and EmploymentTypes are labels, as Bob's pages show them.
	Departments     []string
	EmploymentTypes []string
	// EmploymentField is the Bob field that EmploymentTypes are held against;
	// empty for FieldEmploymentType.
	EmploymentField string
	// Expression gives yes or no; nil where there is none.
	Expression *Formula
	// Exclude holds Bob ids and e-mail addresses. Those people are left alone
	// whatever the other rules say: they are never suspended for being out of
	// scope.
	Exclude    []string
	OutOfScope OutOfScope

	// lists tells list fields; nil for the standard ones.
	lists ListFields
}

// ScopeDecision is what the scope says of a person.
type ScopeDecision struct {
	Admitted bool `json:"admitted"`
	// Rule says in a sentence which rule keeps the person out; empty where
	// none does.
	Rule string `json:"rule,omitempty"`
	// Certain: the decision rests on values that Bob gave. Where a field is
	// missing from Bob's answer, or is empty, the person is not seen to be in
	// scope, and not seen to be out of it either.
	Certain bool `json:"certain"`
	// Suspend: the person is certainly out of scope, not by being excluded,
	// and the settings want the OneLogin user of such a person suspended.
	Suspend bool `json:"suspend,omitempty"`
}

// Admits reports whether a person is in scope, or the rule that keeps them
// out. Somebody who cannot be seen to be in scope is not provisioned.
func (s Scope) Admits(r employee.Record) (rule string, ok bool) {
	d := s.Decide(r)
	return d.Rule, d.Admitted
}

// Decide holds a person against every rule. A rule that certainly keeps them
// out goes before one of which it cannot be told.
func (s Scope) Decide(r employee.Record) ScopeDecision {
	if s.excludes(r) {
		return ScopeDecision{Rule: "the person is listed under scope.exclude", Certain: true}
	}
	lists := s.lists
	if lists == nil {
		lists = standardLists()
	}
	doubt := ""
	for _, rule := range s.rules() {
		switch verdict, sentence := rule.holds(lists, r); verdict {
		case holdsNot:
			return ScopeDecision{Rule: sentence, Certain: true, Suspend: s.OutOfScope == SuspendOutOfScope}
		case cannotTell:
			if doubt == "" {
				doubt = sentence
			}
		case holds:
		}
	}
	if doubt != "" {
		return ScopeDecision{Rule: doubt}
	}
	return ScopeDecision{Admitted: true, Certain: true}
}

func (s Scope) excludes(r employee.Record) bool {
	email, _, _ := r.Text(FieldEmail)
	return slices.ContainsFunc(s.Exclude, func(excluded string) bool {
		return excluded == r.ID || (email != "" && strings.EqualFold(excluded, email))
	})
}

// fields lists the Bob fields that the scope decides from, by the rule that
// needs them.
func (s Scope) fields() []FieldUse {
	var uses []FieldUse
	for _, rule := range s.rules() {
		for _, field := range rule.fields {
			uses = append(uses, FieldUse{field, []string{rule.key}})
		}
	}
	return uses
}

// scopeRule is one rule that the settings have.
type scopeRule struct {
	key    string
	fields []string
	holds  func(ListFields, employee.Record) (verdict, string)
}

type verdict int

const (
	holds verdict = iota
	holdsNot
	cannotTell
)

func (s Scope) rules() []scopeRule {
	var rules []scopeRule
	listed := func(key, field, what string, allowed []string, value func(string) string, same func(a, b string) bool) {
		if len(allowed) == 0 {
			return
		}
		rules = append(rules, scopeRule{key: key, fields: []string{field}, holds: func(lists ListFields, r employee.Record) (verdict, string) {
			text, presence, err := readField(field, lists, r)
			switch {
			case err != nil:
				return cannotTell, fmt.Sprintf("%v, which %s asks for", err, key)
			case presence == employee.Absent:
				return cannotTell, fmt.Sprintf("Bob's answer lacks %s, which %s asks for; the service user needs permission to see that field", field, key)
			case presence == employee.Null:
				return cannotTell, fmt.Sprintf("Bob has no %s for this person, which %s asks for", field, key)
			case !slices.ContainsFunc(allowed, func(a string) bool { return same(a, value(text)) }):
				return holdsNot, fmt.Sprintf("%s is not under %s", what, key)
			}
			return holds, ""
		}})
	}
	whole := func(s string) string { return s }
	equal := func(a, b string) bool { return a == b }
	domain := func(address string) string {
		_, domain, _ := strings.Cut(address, "@")
		return domain
	}
	listed("scope.email_domains", FieldEmail, "the domain of the person's e-mail address", s.EmailDomains, domain, strings.EqualFold)
	listed("scope.sites", lifecycle.FieldSite, "the person's site", s.Sites, whole, equal)
	listed("scope.departments", FieldDepartment, "the person's department", s.Departments, whole, equal)
	listed("scope.employment_types", s.employmentField(), "the person's "+s.employmentField(), s.EmploymentTypes, whole, equal)
	if s.Expression != nil {
		rules = append(rules, scopeRule{key: "scope.expression", fields: s.Expression.Fields(), holds: s.expressionHolds})
	}
	return rules
}

func (s Scope) employmentField() string {
	if s.EmploymentField == "" {
		return FieldEmploymentType
	}
	return s.EmploymentField
}

// expressionHolds works the expression out. A no that stands on an empty field
// which the expression does not provide for proves nothing.
func (s Scope) expressionHolds(lists ListFields, r employee.Record) (verdict, string) {
	in := &reading{lists: lists, record: r}
	value, err := s.Expression.run(in)
	yes, isBool := value.(bool)
	switch {
	case err != nil:
		if unseen, ok := err.(*unseenError); ok {
			return cannotTell, unseen.Error() + ", which scope.expression asks for; the service user needs permission to see that field"
		}
		return cannotTell, "scope.expression cannot be told: " + err.Error()
	case !isBool:
		return cannotTell, "scope.expression gives no yes or no for this person"
	case yes:
		return holds, ""
	case in.nulls:
		return cannotTell, fmt.Sprintf("scope.expression does not hold for the person, of whom Bob has not everything that it asks for (%s)", strings.Join(s.Expression.Fields(), ", "))
	default:
		return holdsNot, "scope.expression does not hold for the person"
	}
}
