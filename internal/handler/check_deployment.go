package handler

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/cfn"

	"clientkeeper/internal/auth0"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/telemetry"
)

// CheckDeployment handles a custom resource of CloudFormation that exists if
// the tenant is ready for the stack, so that a stack with a wrong
// configuration fails to deploy. (AWS CloudFormation User Guide, "Custom
// resource reference".) Invoked with any other event it answers with what it
// has found, for people.
type CheckDeployment struct {
	// Look says what there is to know of the tenant.
	Look func(context.Context) []auth0.Fact
	// Broken, if set, is why there is nothing to look with, and the answer. A
	// function that does not start would keep CloudFormation waiting.
	Broken error
	Log    *slog.Logger
}

// CheckAnswer is what people get.
type CheckAnswer struct {
	Ready bool         `json:"ready"`
	Facts []auth0.Fact `json:"facts"`
}

// maxReason bounds a reason, which CloudFormation shows beside the failed
// resource; it takes 4 KB of answer.
const maxReason = 1500

// Handle answers CloudFormation at the address that its event names, or the
// caller. The resource is deleted whatever the tenant is like.
func (h *CheckDeployment) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var ev cfn.Event
	if json.Unmarshal(raw, &ev) != nil || ev.RequestType == "" {
		facts, err := h.check(ctx)
		if h.Broken != nil {
			return nil, err
		}
		return CheckAnswer{Ready: err == nil, Facts: facts}, nil
	}
	return cfn.LambdaWrap(func(ctx context.Context, ev cfn.Event) (string, map[string]any, error) {
		id := ev.PhysicalResourceID
		if id == "" {
			id = ev.LogicalResourceID
		}
		if ev.RequestType == cfn.RequestDelete {
			return id, nil, nil
		}
		_, err := h.check(ctx)
		return id, nil, err
	})(ctx, ev)
}

// check looks, leaves a line in the log, and returns why the deployment has to
// fail, if it has to.
func (h *CheckDeployment) check(ctx context.Context) ([]auth0.Fact, error) {
	if h.Broken != nil {
		h.Log.ErrorContext(ctx, "deployment", "err", h.Broken)
		return nil, errors.New(cut(telemetry.ErrorText(h.Broken), maxReason))
	}
	ctx, cancel := keepBack(ctx)
	defer cancel()
	facts := h.Look(ctx)
	var wrong []string
	for _, f := range facts {
		h.Log.InfoContext(ctx, "deployment", "finding", f.Name, "outcome", string(f.Status), "says", f.Detail, "next", f.Next)
		if f.Status == auth0.Fail {
			wrong = append(wrong, strings.TrimSpace(f.Name+": "+f.Detail+" "+f.Next))
		}
	}
	if len(wrong) == 0 {
		return facts, nil
	}
	return facts, &fault.Error{Kind: fault.Conflict, Op: "the tenant is not ready", Reason: "not_ready", Detail: cut(strings.Join(wrong, " "), maxReason)}
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
