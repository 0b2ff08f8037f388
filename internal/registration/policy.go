package registration

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/fault"
)

// A Policy says which clients may be registered. The zero Policy allows none.
type Policy struct {
	hosts            []string
	warningsAreFatal bool
	previewFirst     bool
}

// hostPattern is a host name, optionally behind "*." and before a port. A
// wildcard needs two labels behind it, so that *.com cannot be meant.
var hostPattern = regexp.MustCompile(`^(?:\*\.[a-z0-9-]+\.)?(?:[a-z0-9-]+\.)*[a-z0-9-]+(?::[0-9]{1,5})?$`)

// NewPolicy allows the clients whose document is on one of hosts. A host is an
// exact name (agents.example.com) or stands for everything below a name
// (*.example.com, which does not include example.com itself). It means port
// 443 unless it names another (agents.example.com:8443).
//
// With warningsAreFatal, a document about which the tenant warns is refused.
// With previewFirst, or with warningsAreFatal, the tenant is asked for its
// verdict before anything is written.
func NewPolicy(hosts []string, warningsAreFatal, previewFirst bool) (Policy, error) {
	p := Policy{warningsAreFatal: warningsAreFatal, previewFirst: previewFirst || warningsAreFatal}
	var bad []string
	for i, h := range hosts {
		h = strings.ToLower(strings.TrimSpace(h))
		if !hostPattern.MatchString(h) {
			bad = append(bad, strconv.Itoa(i+1))
		}
		p.hosts = append(p.hosts, strings.TrimSuffix(h, ":443"))
	}
	if len(bad) > 0 {
		return Policy{}, &fault.Error{Kind: fault.Invalid, Op: "registration.policy", Reason: "bad_host_pattern",
			Detail: fmt.Sprintf("allowed host %s of %d is neither a host name nor *. with a domain of at least two labels", strings.Join(bad, ", "), len(hosts)),
			Next:   "in ALLOWED_HOSTS, write hosts like agents.example.com or *.example.com, without https:// and without a path"}
	}
	return p, nil
}

// Judge refuses a document by the tenant's verdict on it: one that is not
// valid, and, where warnings are fatal, one with warnings.
func (p Policy) Judge(v Validation) error {
	switch {
	case !v.Valid:
		return refused("document_invalid", v)
	case p.warningsAreFatal && len(v.Warnings) > 0:
		return refused("document_has_warnings", v)
	}
	return nil
}

// Check refuses a client whose host nobody allowed.
func (p Policy) Check(id cimd.ClientID) error {
	host, err := authority(id)
	if err == nil && p.Allows(host) {
		return nil
	}
	return &fault.Error{Kind: fault.Denied, Op: "registration.policy", Reason: "host_not_allowed",
		Detail: "the policy does not allow the host " + quoted(host),
		Next:   "add it to ALLOWED_HOSTS if its clients are to be registered"}
}

// Allows reports whether the policy names a host, with its port unless it is 443.
func (p Policy) Allows(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ":443")
	return slices.ContainsFunc(p.hosts, func(pattern string) bool { return matches(pattern, host) })
}

// authority is the document's host in lower case, with its port unless it is
// 443.
func authority(id cimd.ClientID) (string, error) {
	u, err := url.Parse(id.String())
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.ToLower(u.Host), ":443"), nil
}

func matches(pattern, host string) bool {
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
	}
	return host == pattern
}
