package secretsmanager

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Limits of the API reference and of the user guide's page "AWS Secrets
// Manager quotas".
const (
	maxName        = 512
	maxSecretID    = 2048
	maxValue       = 65536
	maxDescription = 2048
	maxKeyID       = 2048
	maxPolicy      = 20480
	maxLabel       = 256
	maxLabels      = 20
	maxTags        = 50
	maxTagKey      = 128
	maxTagValue    = 256
	minToken       = 32
	maxToken       = 64
	maxFunctionARN = 2048
	maxRegion      = 128
)

// A validation gathers breaches of the model's constraints. AWS reports them
// together, as one ValidationException, before it looks at anything else.
type validation struct{ breaches []string }

func (v *validation) add(member, constraint string) {
	v.breaches = append(v.breaches,
		fmt.Sprintf("Value at '%s' failed to satisfy constraint: %s", lowerFirst(member), constraint))
}

// size checks a number of characters, bytes or elements.
func (v *validation) size(member string, n, low, high int) {
	if n < low {
		v.add(member, fmt.Sprintf("Member must have length greater than or equal to %d", low))
	}
	if n > high {
		v.add(member, fmt.Sprintf("Member must have length less than or equal to %d", high))
	}
}

func (v *validation) text(member, s string, low, high int) {
	v.size(member, utf8.RuneCountInString(s), low, high)
}

// number checks an optional number.
func (v *validation) number(member string, n *int, low, high int) {
	if n != nil && (*n < low || *n > high) {
		v.add(member, fmt.Sprintf("Member must have value between %d and %d", low, high))
	}
}

// given checks that a list is there; an empty one is.
func (v *validation) given(member string, there bool) {
	if !there {
		v.add(member, "Member must not be null")
	}
}

// labels checks labels, if there are any. A list without any is refused.
func (v *validation) labels(member string, labels []string) {
	if labels != nil {
		v.size(member, len(labels), 1, maxLabels)
	}
	for _, l := range labels {
		v.text(member, l, 1, maxLabel)
	}
}

func (v *validation) versionID(member, id string) {
	if id != "" {
		v.text(member, id, minToken, maxToken)
	}
}

func (v *validation) err() error {
	if len(v.breaches) == 0 {
		return nil
	}
	noun := "error"
	if len(v.breaches) > 1 {
		noun = "errors"
	}
	return &failure{code: "ValidationException", message: fmt.Sprintf("%d validation %s detected: %s",
		len(v.breaches), noun, strings.Join(v.breaches, "; "))}
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

var (
	nameChars = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]*$`)
	// Secrets that other services own have a "!" in their names, so an id may.
	idChars = regexp.MustCompile(`^[A-Za-z0-9/_+=.@!:-]*$`)
)

func badName() error {
	return &failure{code: "ValidationException", message: "Invalid name. Must be a valid name containing " +
		"alphanumeric characters, or any of the following: -/_+=.@!"}
}

func checkName(name string) error {
	var v validation
	v.text("Name", name, 1, maxName)
	if err := v.err(); err != nil {
		return err
	}
	if !nameChars.MatchString(name) {
		return badName()
	}
	return nil
}

func checkSecretID(id string) error {
	var v validation
	v.text("SecretId", id, 1, maxSecretID)
	if err := v.err(); err != nil {
		return err
	}
	if !idChars.MatchString(id) {
		return badName()
	}
	return nil
}

const tokenMissing = "You must provide a ClientRequestToken value. We recommend a UUID-type value."

// checkToken wants the token that SDKs fill in and raw callers forget.
func checkToken(token string) error {
	if token == "" {
		return invalidRequest(tokenMissing)
	}
	return checkTokenLength(token)
}

func checkTokenLength(token string) error {
	if n := utf8.RuneCountInString(token); n < minToken || n > maxToken {
		return invalidParameter("ClientRequestToken must be %d-%d characters long.", minToken, maxToken)
	}
	return nil
}
