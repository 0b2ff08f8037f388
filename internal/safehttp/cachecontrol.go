package safehttp

import (
	"strings"
	"time"
)

// A cacheControl holds the directives of RFC 9111 section 5.2.2 that matter to a
// cache of documents.
type cacheControl struct {
	noStore, noCache, private bool
	maxAge, sMaxAge           seconds
}

// seconds is an argument. One that cannot be read, or is given twice with
// different values, is given and zero: section 4.2.1 has such answers be stale.
type seconds struct {
	given bool
	d     time.Duration
}

func (s *seconds) set(arg string) {
	d, _ := delta(arg)
	if s.given && s.d != d {
		d = 0
	}
	*s = seconds{given: true, d: d}
}

// parseCacheControl reads the field lines one by one. A line whose quotes do not
// close could hide anything, so it counts as no-store.
func parseCacheControl(lines []string) cacheControl {
	var cc cacheControl
	for _, line := range lines {
		for rest, more := line, true; more; {
			var directive string
			var ok bool
			directive, rest, more, ok = nextDirective(rest)
			if !ok {
				cc.noStore = true
				break
			}
			cc.apply(directive)
		}
	}
	return cc
}

// apply reads one directive. Names are case-insensitive, and an argument may be
// a token or a quoted string, whatever the directive (section 5.2).
func (cc *cacheControl) apply(directive string) {
	name, arg, _ := strings.Cut(directive, "=")
	arg = strings.TrimSpace(arg)
	if len(arg) >= 2 && arg[0] == '"' {
		arg = strings.Trim(arg, `"`)
	}
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "no-store":
		cc.noStore = true
	case "no-cache":
		cc.noCache = true
	case "private":
		cc.private = true
	case "max-age":
		cc.maxAge.set(arg)
	case "s-maxage":
		cc.sMaxAge.set(arg)
	}
}

// nextDirective cuts s at the first comma outside quotes.
func nextDirective(s string) (directive, rest string, more, ok bool) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ',' && !quoted:
			return s[:i], s[i+1:], true, true
		}
	}
	return s, "", false, !quoted
}
