package handler

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"clientkeeper/internal/credential"
	"clientkeeper/internal/event"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/jsonobject"
	"clientkeeper/internal/queue"
	"clientkeeper/internal/registration"
)

// maxWait is the longest that a registration is waited for. API Gateway waits
// 30 s for the whole answer.
const maxWait = 20 * time.Second

// queuing is kept back of the time for the message, when waiting was in vain.
const queuing = 3 * time.Second

// readMessage reads a registration message, and no other mode than the one.
func readMessage(body []byte, mode registration.Mode) (registration.Request, error) {
	o, err := jsonobject.Parse(body)
	if err != nil {
		return registration.Request{}, err
	}
	asked := o.Has("mode")
	m, err := registration.ParseRequest(string(body))
	if err != nil {
		return registration.Request{}, err
	}
	if asked && m.Mode != mode {
		return registration.Request{}, apiFault(fault.Invalid, "mode_mismatch", "the mode is "+string(m.Mode)+", and this path is for "+string(mode),
			"leave mode out; POST /v1/registrations registers, POST /v1/registrations/preview does not")
	}
	m.Mode = mode
	return m, nil
}

// register has a client registered: later, by a message, or at once if the
// caller would rather wait. A host that nobody allowed is refused in both.
func (h *API) register(r *httpRequest) (work, error) {
	m, err := readMessage(r.body, registration.Register)
	if err != nil {
		return nil, err
	}
	if m.RequestedBy == "" {
		m.RequestedBy = cutRunes(r.caller.subject, 256)
	}
	if m.RequestID == "" {
		m.RequestID = r.ev.RequestContext.RequestID
	}
	r.message = m
	if err := h.Policy.Check(m.ClientID); err != nil {
		return nil, err
	}
	wait := waitPreference(r.header("prefer"))
	return func(ctx context.Context, op credential.Operation) (reply, error) {
		if wait > 0 {
			if out, done, err := h.registerNow(ctx, r, m, wait); done {
				return out.with("Preference-Applied", "wait="+strconv.Itoa(int(wait.Seconds()))), err
			}
		}
		if err := h.Queue.Send(ctx, h.QueueURL, messageOf(h.QueueURL, m, op.ID)); err != nil {
			return reply{}, err
		}
		return reply{status: 202, body: map[string]string{"status": "queued", "external_client_id": m.ClientID.String(), "request_id": m.RequestID}}, nil
	}, nil
}

// registerNow tries it within the time. It is not done where a later try may
// help; the message is tried until it is settled, and a registration whose
// answer was lost is brought up to date by it.
func (h *API) registerNow(ctx context.Context, r *httpRequest, m registration.Request, wait time.Duration) (out reply, done bool, err error) {
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end)-queuing)
	}
	if wait <= 0 {
		return reply{}, false, nil
	}
	trying, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	o, err := h.Registrar.Do(trying, m)
	if err != nil {
		return reply{}, fault.KindOf(err).Permanent(), err
	}
	out = reply{status: 200, body: registered{
		ExternalClientID: m.ClientID.String(), ClientID: o.ClientID, RequestID: m.RequestID,
		Created: o.Created, Mapped: o.Mapped, Warnings: o.Warnings,
	}}
	var what event.Data = event.ClientChanged(clientOf(m, o))
	if o.Created {
		out.status, what = 201, event.ClientRegistered(clientOf(m, o))
	}
	announce(ctx, h.Events, r.log, h.Metrics, r.ev.RequestContext.RequestID, what)
	return out, true, nil
}

type registered struct {
	ExternalClientID string              `json:"external_client_id"`
	ClientID         string              `json:"client_id"`
	RequestID        string              `json:"request_id"`
	Created          bool                `json:"created"`
	Mapped           registration.Mapped `json:"mapped_fields"`
	Warnings         []string            `json:"warnings,omitempty"`
}

// messageOf is a registration as a message. In a FIFO queue those for one
// document keep their order, and one that is sent twice is one.
func messageOf(queueURL string, m registration.Request, id string) queue.Message {
	out := queue.Message{Body: m.Message()}
	if isFIFO(queueURL) {
		out.Group, out.Deduplication = m.ClientID.String(), id
	}
	return out
}

func cutRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// waitPreference is the time of a wait preference, of RFC 7240, sections 2 and
// 4.3, up to [maxWait], or zero. The first one counts; what is malformed is
// passed over, as the RFC has it for all that is not understood.
func waitPreference(header string) time.Duration {
	if !preferText.MatchString(header) {
		return 0
	}
	for _, part := range preferenceText.FindAllString(header, -1) {
		preference, _, _ := strings.Cut(part, ";") // its parameters
		name, value, _ := strings.Cut(preference, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		digits := secondsText.FindStringSubmatch(strings.TrimSpace(value))
		if digits == nil {
			return 0
		}
		n, err := strconv.ParseUint(digits[1]+digits[2], 10, 16)
		if err != nil { // more than that
			return maxWait
		}
		return min(time.Duration(n)*time.Second, maxWait)
	}
	return 0
}

// What stands in quotes is one text: a comma there ends nothing.
var (
	preferText     = regexp.MustCompile(`^(?:[^"]|"(?:[^"\\]|\\.)*")*$`)
	preferenceText = regexp.MustCompile(`(?:[^",]|"(?:[^"\\]|\\.)*")+`)
	secondsText    = regexp.MustCompile(`^(?:"([0-9]+)"|([0-9]+))$`)
)

// preview says what a registration would come to. That it would be refused is
// an answer like any other.
func (h *API) preview(r *httpRequest) (work, error) {
	m, err := readMessage(r.body, registration.Preview)
	if err != nil {
		return nil, err
	}
	r.message = m
	return func(ctx context.Context, _ credential.Operation) (reply, error) {
		out := previewed{ExternalClientID: m.ClientID.String()}
		err := h.Policy.Check(m.ClientID)
		if err == nil {
			var o registration.Outcome
			if o, err = h.Registrar.Do(ctx, m); err == nil {
				out.ClientID, out.Mapped, out.Violations, out.Warnings = o.ClientID, &o.Mapped, o.Violations, o.Warnings
				out.Outcome = "create"
				if o.ClientID != "" {
					out.Outcome = "update"
				}
				err = h.Policy.Judge(o.Validation)
			}
		}
		if err != nil && !out.refuse(err) {
			return reply{}, err
		}
		return reply{status: 200, body: out}, nil
	}, nil
}

type previewed struct {
	ExternalClientID string               `json:"external_client_id"`
	Outcome          string               `json:"outcome"`             // create, update, refuse or unreachable
	ClientID         string               `json:"client_id,omitempty"` // of a client that is there already
	Reason           string               `json:"reason,omitempty"`
	Detail           string               `json:"detail,omitempty"`
	Next             string               `json:"next,omitempty"`
	Violations       []string             `json:"violations,omitempty"`
	Warnings         []string             `json:"warnings,omitempty"`
	Mapped           *registration.Mapped `json:"mapped_fields,omitempty"`
}

// refuse takes in why a registration would not be made; false means that err
// is another failure.
func (p *previewed) refuse(err error) bool {
	switch fault.Reason(err) {
	case "host_not_allowed", "document_invalid", "document_has_warnings":
		p.Outcome = "refuse"
	case "document_unreachable":
		p.Outcome = "unreachable"
	default:
		return false
	}
	p.Reason = fault.Reason(err)
	if e, ok := errors.AsType[*fault.Error](err); ok {
		p.Detail, p.Next = e.Detail, e.Next
	}
	return true
}
