package registration_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clientkeeper/internal/cimd"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/registration"
)

// tenant answers from its fields and remembers what it was asked.
type tenant struct {
	registered  registration.Registered
	registerErr error
	preview     registration.Previewed
	previewErr  error
	annotateErr error
	asked       []string
	noted       map[string]string
}

func (t *tenant) Register(context.Context, cimd.ClientID) (registration.Registered, error) {
	t.asked = append(t.asked, "register")
	return t.registered, t.registerErr
}

func (t *tenant) Preview(context.Context, cimd.ClientID) (registration.Previewed, error) {
	t.asked = append(t.asked, "preview")
	return t.preview, t.previewErr
}

func (t *tenant) Annotate(_ context.Context, id string, metadata map[string]string) error {
	t.asked = append(t.asked, "annotate "+id)
	t.noted = metadata
	return t.annotateErr
}

func policy(t *testing.T, fatal, first bool, hosts ...string) registration.Policy {
	t.Helper()
	p, err := registration.NewPolicy(hosts, fatal, first)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func request(t *testing.T, mode registration.Mode, url string) registration.Request {
	t.Helper()
	id, err := cimd.ParseClientID(url)
	if err != nil {
		t.Fatal(err)
	}
	return registration.Request{ClientID: id, Mode: mode, RequestedBy: "ops", RequestID: "R-1"}
}

var (
	valid   = registration.Validation{Valid: true}
	warned  = registration.Validation{Valid: true, Warnings: []string{"a grant was ignored"}}
	invalid = registration.Validation{Violations: []string{"client_name is missing"}}
	created = registration.Registered{ClientID: "tpc_1", Created: true, Validation: warned}
	status4 = &fault.Error{Kind: fault.Invalid, Op: "auth0.register_cimd"}
	busy    = &fault.Error{Kind: fault.RateLimited, Op: "auth0.register_cimd"}
)

func TestDo(t *testing.T) {
	const R, P = registration.Register, registration.Preview
	tests := map[string]struct {
		mode         registration.Mode
		fatal, first bool
		tenant       tenant
		wantID       string
		wantErr      error  // a kind, or nil
		wantReason   string // with wantErr
		wantAsked    string
	}{
		"registered": {R, false, false, tenant{registered: created}, "tpc_1", nil, "", "register"},
		"registered after a gate": {R, false, true, tenant{registered: created, preview: registration.Previewed{Validation: warned}},
			"tpc_1", nil, "", "preview register"},
		"the gate finds violations": {R, false, true, tenant{preview: registration.Previewed{Validation: invalid}},
			"", fault.Invalid, "document_invalid", "preview"},
		"the gate cannot read it": {R, false, true, tenant{preview: registration.Previewed{Unreachable: []string{"404"}}},
			"", fault.Unavailable, "document_unreachable", "preview"},
		"the gate is busy": {R, false, true, tenant{previewErr: busy}, "", fault.RateLimited, "rate_limited", "preview"},
		"warnings are fatal": {R, true, false, tenant{preview: registration.Previewed{Validation: warned}},
			"", fault.Invalid, "document_has_warnings", "preview"},
		"warnings are fatal and there is none": {R, true, false, tenant{registered: created, preview: registration.Previewed{Validation: valid}},
			"tpc_1", nil, "", "preview register"},
		"refused for violations": {R, false, false, tenant{registerErr: status4, preview: registration.Previewed{Validation: invalid}},
			"", fault.Invalid, "document_invalid", "register preview"},
		"refused as unreadable": {R, false, false, tenant{registerErr: status4, preview: registration.Previewed{Unreachable: []string{"timeout"}}},
			"", fault.Unavailable, "document_unreachable", "register preview"},
		"said to be unreadable": {R, false, false, tenant{registerErr: &fault.Error{Kind: fault.Unavailable, Reason: "document_unreachable"},
			preview: registration.Previewed{Unreachable: []string{"timeout"}}}, "", fault.Unavailable, "document_unreachable", "register preview"},
		"refused, then found valid": {R, false, false, tenant{registerErr: status4, preview: registration.Previewed{Validation: valid}},
			"", fault.Unavailable, "verdict_changed", "register preview"},
		"refused, and so is the preview": {R, false, false, tenant{registerErr: status4, previewErr: status4},
			"", fault.Invalid, "invalid", "register preview"},
		"refused, and the preview refuses the URL": {R, false, false, tenant{registerErr: &fault.Error{Kind: fault.Invalid, Reason: "said_first"}, previewErr: status4},
			"", fault.Invalid, "said_first", "register preview"},
		"refused, and the preview is busy": {R, false, false, tenant{registerErr: status4, previewErr: busy},
			"", fault.RateLimited, "rate_limited", "register preview"},
		"answered with a verdict of invalid": {R, false, false, tenant{registered: registration.Registered{ClientID: "tpc_1", Validation: invalid}},
			"", fault.Invalid, "document_invalid", "register"},
		"the tenant is busy":     {R, false, false, tenant{registerErr: busy}, "", fault.RateLimited, "rate_limited", "register"},
		"an unclassified error":  {R, false, false, tenant{registerErr: errors.New("?")}, "", fault.Internal, "internal", "register"},
		"a preview":              {P, false, false, tenant{preview: registration.Previewed{ClientID: "tpc_1", Validation: warned}}, "tpc_1", nil, "", "preview"},
		"a preview of bad":       {P, true, false, tenant{preview: registration.Previewed{Validation: invalid}}, "", nil, "", "preview"},
		"a preview of what fled": {P, false, false, tenant{preview: registration.Previewed{Unreachable: []string{"404"}}}, "", fault.Unavailable, "document_unreachable", "preview"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := registration.Service{Tenant: &test.tenant, Policy: policy(t, test.fatal, test.first, "agents.example.com")}
			out, err := s.Do(t.Context(), request(t, test.mode, document))
			if (err == nil) != (test.wantErr == nil) || (err != nil && fault.KindOf(err) != test.wantErr) {
				t.Fatalf("err = %v, want %v", err, test.wantErr)
			}
			if err != nil && fault.Reason(err) != test.wantReason {
				t.Errorf("reason %q, want %q", fault.Reason(err), test.wantReason)
			}
			if out.ClientID != test.wantID {
				t.Errorf("client %q, want %q", out.ClientID, test.wantID)
			}
			if got := strings.Join(test.tenant.asked, " "); got != test.wantAsked {
				t.Errorf("asked %q, want %q", got, test.wantAsked)
			}
		})
	}
}

func TestARefusalCarriesTheTenantsWords(t *testing.T) {
	s := registration.Service{Tenant: &tenant{registerErr: status4, preview: registration.Previewed{Validation: invalid}},
		Policy: policy(t, false, false, "agents.example.com")}
	_, err := s.Do(t.Context(), request(t, registration.Register, document))
	refusal, ok := errors.AsType[*registration.Refusal](err)
	if !ok || !cmp.Equal(refusal.Violations, invalid.Violations) {
		t.Errorf("err = %v carries %v, want the violations", err, refusal)
	}
}

func TestProvenance(t *testing.T) {
	r := request(t, registration.Register, document)
	r.RequestedBy = strings.Repeat("ä", 256)
	tn := &tenant{registered: created}
	s := registration.Service{Tenant: tn, Policy: policy(t, false, false, "agents.example.com"), Provenance: true}
	out, err := s.Do(registration.WithMessage(t.Context(), "m-1"), r)
	if err != nil || out.ClientID != "tpc_1" {
		t.Fatal(out, err)
	}
	want := map[string]string{"clientkeeper_requested_by": strings.Repeat("ä", 255), "clientkeeper_request_id": "R-1", "clientkeeper_message_id": "m-1"}
	if diff := cmp.Diff(want, tn.noted); diff != "" || tn.asked[1] != "annotate tpc_1" {
		t.Errorf("asked %v (-want +got)\n%s", tn.asked, diff)
	}

	tn.annotateErr = &fault.Error{Kind: fault.Denied}
	if _, err := s.Do(t.Context(), r); fault.KindOf(err) != fault.Denied || fault.Reason(err) != "provenance_not_stored" {
		t.Errorf("err = %v", err)
	}

	tn.asked = nil
	if _, err := s.Do(t.Context(), registration.Request{ClientID: r.ClientID, Mode: registration.Register}); err != nil || len(tn.asked) != 1 {
		t.Errorf("with nothing to note: asked %v, %v", tn.asked, err)
	}
}

func TestPolicy(t *testing.T) {
	allow := func(pattern, url string) [3]string { return [3]string{pattern, url, "allow"} }
	deny := func(pattern, url string) [3]string { return [3]string{pattern, url, "deny"} }
	for _, test := range [][3]string{
		allow("agents.example.com", "https://agents.example.com/c"),
		allow("AGENTS.example.com", "https://agents.EXAMPLE.com/c"),
		allow("agents.example.com", "https://agents.example.com:443/c"),
		allow("agents.example.com:443", "https://agents.example.com/c"),
		allow("agents.example.com:8443", "https://agents.example.com:8443/c"),
		allow("*.example.com", "https://a.example.com/c"),
		allow("*.example.com", "https://a.b.example.com/c"),
		deny("agents.example.com", "https://agents.example.com:8443/c"),
		deny("agents.example.com:8443", "https://agents.example.com/c"),
		deny("agents.example.com", "https://example.com/c"),
		deny("agents.example.com", "https://x.agents.example.com/c"),
		deny("agents.example.com", "https://agents.example.com.evil.example/c"),
		deny("agents.example.com", "https://evilagents.example.com/c"),
		deny("*.example.com", "https://example.com/c"),
		deny("*.example.com", "https://evilexample.com/c"),
		deny("*.example.com", "https://a.example.com:8443/c"),
		deny("*.example.com", "https://a.example.com.evil.example/c"),
	} {
		tn := &tenant{registered: created}
		s := registration.Service{Tenant: tn, Policy: policy(t, false, false, test[0])}
		_, err := s.Do(t.Context(), request(t, registration.Register, test[1]))
		if got := map[bool]string{true: "allow", false: "deny"}[err == nil]; got != test[2] {
			t.Errorf("%s: %s %s (%v), want %s", test[0], got, test[1], err, test[2])
		}
		if test[2] == "deny" && (fault.Reason(err) != "host_not_allowed" || len(tn.asked) > 0) {
			t.Errorf("%s, %s: reason %q after asking %v", test[0], test[1], fault.Reason(err), tn.asked)
		}
	}
}

func TestAllowsTakesAHostAsItIsWritten(t *testing.T) {
	p := policy(t, false, false, "agents.example.com", "*.example.org")
	for host, want := range map[string]bool{
		"AGENTS.example.com": true, "agents.example.com:443": true, "a.example.org": true,
		"agents.example.com:8443": false, "example.org": false, ".example.org": false, "": false,
	} {
		if got := p.Allows(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}

func TestTheZeroPolicyAllowsNobody(t *testing.T) {
	tn := &tenant{registered: created}
	s := registration.Service{Tenant: tn}
	for _, mode := range []registration.Mode{registration.Register, registration.Preview} {
		if _, err := s.Do(t.Context(), request(t, mode, document)); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: err = %v, want denied", mode, err)
		}
	}
	if len(tn.asked) > 0 {
		t.Errorf("the tenant was asked %v", tn.asked)
	}
}

func TestHostPatternsThatMeanTooMuchAreRefused(t *testing.T) {
	for _, host := range []string{"*", "*.com", "*example.com", "a.*.example.com", "https://example.com", "example.com/x",
		"exa mple.com", "**.example.com", ".example.com", "example.com.", "", "example.com:99999999", "user@example.com", "[::1]"} {
		p, err := registration.NewPolicy([]string{"fine.example.com", host}, false, false)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "host 2 of 2") {
			t.Errorf("%q: %+v, %v; want the second refused", host, p, err)
		}
	}
}

func TestEveryBadHostIsNamed(t *testing.T) {
	_, err := registration.NewPolicy([]string{"*", "fine.example.com", "https://agents.example.com", "*.com"}, false, false)
	if err == nil || !strings.Contains(err.Error(), "allowed host 1, 3, 4 of 4 ") {
		t.Errorf("%v", err)
	}
}
