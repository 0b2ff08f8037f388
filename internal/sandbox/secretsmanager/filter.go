package secretsmanager

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

type filter struct {
	Key    string
	Values []string
}

var (
	filterKeys   = []string{"description", "name", "tag-key", "tag-value", "primary-region", "owning-service", "all"}
	filterValues = regexp.MustCompile(`^!?[a-zA-Z0-9 :_@/+=.!-]*$`)
)

func checkFilters(v *validation, filters []filter) {
	v.size("Filters", len(filters), 0, 10)
	for _, f := range filters {
		if !slices.Contains(filterKeys, f.Key) {
			v.add("Filters", "Member must satisfy enum value set: ["+strings.Join(filterKeys, ", ")+"]")
		}
		v.size("Values", len(f.Values), 1, 10)
		for _, value := range f.Values {
			v.text("Values", value, 0, 512)
			if !filterValues.MatchString(value) {
				v.add("Values", "Member must satisfy regular expression pattern: "+filterValues.String())
			}
		}
	}
}

func matchesAll(filters []filter, region string, s *secret) bool {
	for _, f := range filters {
		if !f.matches(region, s) {
			return false
		}
	}
	return true
}

// matches wants every negated value to hold, and one of the others.
func (f filter) matches(region string, s *secret) bool {
	wanted, found := false, false
	for _, value := range f.Values {
		if unwanted, negated := strings.CutPrefix(value, "!"); negated {
			if f.hits(unwanted, region, s) {
				return false
			}
			continue
		}
		wanted = true
		found = found || f.hits(value, region, s)
	}
	return found || !wanted
}

// hits compares a value with the attribute that the filter names: prefixes,
// and upper or lower case only where the API reference says so.
func (f filter) hits(value, region string, s *secret) bool {
	switch f.Key {
	case "name":
		return strings.HasPrefix(s.name, value)
	case "description":
		return strings.HasPrefix(strings.ToLower(s.description), strings.ToLower(value))
	case "tag-key":
		return slices.ContainsFunc(s.tags, func(t tag) bool { return strings.HasPrefix(t.Key, value) })
	case "tag-value":
		return slices.ContainsFunc(s.tags, func(t tag) bool { return strings.HasPrefix(t.Value, value) })
	case "primary-region":
		if s.primary != "" {
			region = regionIn(s.primary)
		}
		return strings.HasPrefix(region, value)
	case "all":
		return s.mentions(value)
	}
	return false // owning-service: no other service owns a secret here
}

// mentions reports whether every word of value begins a word of some attribute.
func (s *secret) mentions(value string) bool {
	have := words(s.name + " " + s.description)
	for _, t := range s.tags {
		have = append(have, words(t.Key+" "+t.Value)...)
	}
	asked := words(value)
	for _, w := range asked {
		if !slices.ContainsFunc(have, func(h string) bool { return strings.HasPrefix(h, w) }) {
			return false
		}
	}
	return len(asked) > 0
}

func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}
