package cimd

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"clientkeeper/internal/fault"
)

// Rules names the rule book of a judgement.
type Rules int

// The rule books. The zero Rules is the stricter one.
const (
	// Auth0 is what an Auth0 tenant accepts in a manual registration.
	Auth0 Rules = iota
	// Draft is the IETF draft with the standards that it leans on.
	Draft
)

// String is "auth0" or "draft".
func (r Rules) String() string {
	if r == Draft {
		return "draft"
	}
	return "auth0"
}

// Severity says what a finding means for what was judged.
type Severity int

// The severities. The zero Severity is none: the book does not mind.
const (
	Warning   Severity = iota + 1 // valid, but somebody should look at it
	Violation                     // must be refused
)

// String is "warning" or "violation".
func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Violation:
		return "violation"
	}
	return "none"
}

// Verdict is what the findings of a judgement come to.
type Verdict int

// The verdicts, from best to worst.
const (
	Accept Verdict = iota
	Warn
	Reject
)

// String is "accept", "warn" or "reject".
func (v Verdict) String() string {
	switch v {
	case Accept:
		return "accept"
	case Warn:
		return "warn"
	}
	return "reject"
}

// A Finding is one thing that a rule book has to say about what was judged.
type Finding struct {
	// Rule is a stable slug, such as "client_id_has_query".
	Rule     string
	Severity Severity
	// Member is where in the document or key set, such as "redirect_uris[1]";
	// empty for a finding about the whole.
	Member string
	// Text is a sentence about what is wrong and where.
	Text string
	// Next is the next action, for whoever owns the document.
	Next string
	// Source is what the rule rests on.
	Source string
	// Open is set where Auth0's documentation leaves the question open, so that
	// Severity is only this package's reading.
	Open bool
}

// String is one line: "rule at member: text; next".
func (f Finding) String() string {
	at := ""
	if f.Member != "" {
		at = " at " + f.Member
	}
	return fmt.Sprintf("%s%s: %s; %s", f.Rule, at, f.Text, f.Next)
}

// Findings are all that one judgement found, in the order of the reading. One
// rule contributes a few at most, so a hostile document cannot make them grow.
type Findings []Finding

// Verdict is Reject with any violation, else Warn with any warning.
func (fs Findings) Verdict() Verdict {
	v := Accept
	for _, f := range fs {
		switch f.Severity {
		case Violation:
			return Reject
		case Warning:
			v = Warn
		}
	}
	return v
}

// Violations are those findings that refuse.
func (fs Findings) Violations() Findings { return fs.only(Violation) }

// Warnings are those findings that only flag.
func (fs Findings) Warnings() Findings { return fs.only(Warning) }

// Has reports whether a rule of this slug found anything.
func (fs Findings) Has(rule string) bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return f.Rule == rule })
}

// Err is the first violation as a [fault.Error] of kind Invalid, or nil if
// there is none.
func (fs Findings) Err(op string) error {
	for _, f := range fs {
		if f.Severity == Violation {
			detail := f.Text
			if f.Member != "" {
				detail = f.Member + ": " + detail
			}
			return &fault.Error{Kind: fault.Invalid, Op: op, Reason: f.Rule, Detail: detail, Next: f.Next}
		}
	}
	return nil
}

func (fs Findings) only(s Severity) Findings {
	var out Findings
	for _, f := range fs {
		if f.Severity == s {
			out = append(out, f)
		}
	}
	return out
}

// A reading is what one book makes of one rule.
type reading uint8

const (
	silent      reading = iota
	warns               // a warning
	refuses             // a violation
	warnsOpen           // a warning, where Auth0's pages leave it open
	refusesOpen         // a violation, where Auth0's pages leave it open
)

func (r reading) severity() Severity {
	switch r {
	case warns, warnsOpen:
		return Warning
	case refuses, refusesOpen:
		return Violation
	}
	return 0
}

// A rule is one line of both books.
type rule struct {
	slug         string
	draft, auth0 reading
	source       string
	next         string
}

func (r rule) in(book Rules) reading {
	if book == Draft {
		return r.draft
	}
	return r.auth0
}

func (r rule) finding(book Rules) Finding {
	reads := r.in(book)
	return Finding{
		Rule: r.slug, Severity: reads.severity(), Source: r.source, Next: r.next,
		Open: reads == warnsOpen || reads == refusesOpen,
	}
}

// A judge collects findings under one book.
type judge struct {
	book     Rules
	findings Findings
}

// perRule is how many findings of one rule are kept. All of them have the same
// severity, so the verdict does not suffer.
const perRule = 8

func (j *judge) find(r rule, member, format string, args ...any) {
	f := r.finding(j.book)
	if f.Severity == 0 {
		return
	}
	n := 0
	for _, old := range j.findings {
		if old.Rule == r.slug {
			n++
		}
	}
	if n >= perRule {
		return
	}
	f.Member, f.Text = member, fmt.Sprintf(format, args...)
	j.findings = append(j.findings, f)
}

// quoted is how much of a stranger's text a sentence repeats.
const quoted = 64

// quote makes a stranger's text safe for a log line: escaped, ASCII and short.
func quote(s string) string {
	if len(s) <= quoted {
		return strconv.QuoteToASCII(s)
	}
	cut := quoted
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.QuoteToASCII(s[:cut]) + "..."
}
