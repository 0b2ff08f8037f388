package handler

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
// the configuration is right and the tenant is ready for it, so that else the
// stack fails to deploy. (AWS CloudFormation User Guide, "Custom resource
// reference".) Invoked with any other event it answers with what it has found,
// for people.
//
// The resource's id is a digest of its properties. So it changes with every
// one of them, and with it the versions of functions whose description it is;
// and what has passed is not asked again when a later failure brings it back.
type CheckDeployment struct {
	// Look says what there is to know of the tenant.
	Look func(context.Context) []auth0.Fact
	// Wrong says what a function would refuse of the variables that the
	// template gives it; getenv reads them. Nil refuses nothing.
	Wrong func(getenv func(string) string) error
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
	return cfn.LambdaWrap(h.resource)(ctx, ev)
}

func (h *CheckDeployment) resource(ctx context.Context, ev cfn.Event) (string, map[string]any, error) {
	text, err := json.Marshal(ev.ResourceProperties)
	if err != nil {
		return ev.PhysicalResourceID, nil, err
	}
	sum := sha256.Sum256(text)
	id := "configuration-" + hex.EncodeToString(sum[:8])
	if ev.RequestType == cfn.RequestDelete || id == ev.PhysicalResourceID {
		return cmp.Or(ev.PhysicalResourceID, id), nil, nil
	}
	if err := h.refuse(ctx, ev.ResourceProperties); err != nil {
		return cmp.Or(ev.PhysicalResourceID, id), nil, err
	}
	return id, nil, nil
}

// refuse is why the deployment has to fail, or nil.
func (h *CheckDeployment) refuse(ctx context.Context, properties map[string]any) error {
	variables, _ := properties["Variables"].(map[string]any)
	if h.Wrong != nil && h.Broken == nil {
		err := h.Wrong(func(name string) string { v, _ := variables[name].(string); return v })
		if err != nil {
			h.Log.ErrorContext(ctx, "deployment", "err", err)
			return errors.New(cut(telemetry.ErrorText(err), maxReason))
		}
	}
	if properties["CheckTenant"] == "false" && h.Broken == nil {
		return nil
	}
	_, err := h.check(ctx)
	return err
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
