package secretsmanager

import "encoding/json"

type policyInput struct {
	SecretId          string
	PolicyName        *string
	ResourcePolicy    string
	BlockPublicPolicy bool
}

type policyOutput struct {
	reference
	PolicyName     string
	ResourcePolicy string `json:",omitempty"`
}

const defaultPolicy = "default"

func (s *secret) policyOutput() policyOutput {
	return policyOutput{reference: s.reference(), PolicyName: defaultPolicy}
}

func (in *policyInput) named() bool { return in.PolicyName != nil && *in.PolicyName != defaultPolicy }

func (c *call) putResourcePolicy(in *policyInput) (any, error) {
	if in.named() {
		return nil, invalidParameter("You can only attach the default policy.")
	}
	p, err := readPolicy(in.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	if in.BlockPublicPolicy && p.public() {
		return nil, &failure{code: "PublicPolicyException", message: publicPolicy}
	}
	c.change(s)
	s.policy = in.ResourcePolicy
	return s.policyOutput(), nil
}

func (c *call) getResourcePolicy(in *policyInput) (any, error) {
	s, err := c.seen(in.SecretId)
	switch {
	case err != nil:
		return nil, err
	case s.deleted():
		return nil, markedForDeletion()
	case in.named():
		return nil, notFound("Secrets Manager can't find the specified resource policy.")
	}
	out := s.policyOutput()
	out.ResourcePolicy = s.policy
	return out, nil
}

func (c *call) deleteResourcePolicy(in *policyInput) (any, error) {
	if in.named() {
		return nil, invalidParameter("You can only delete the default policy.")
	}
	s, err := c.live(in.SecretId)
	if err != nil {
		return nil, err
	}
	c.change(s)
	s.policy = ""
	return s.policyOutput(), nil
}

type policyFinding struct{ CheckName, ErrorMessage string }

type validateOutput struct {
	PolicyValidationPassed bool
	ValidationErrors       []policyFinding
}

const publicPolicy = "The resource policy grants broad access to the secret."

func (c *call) validateResourcePolicy(in *policyInput) (any, error) {
	p, err := readPolicy(in.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	if in.SecretId != "" {
		if _, err := c.live(in.SecretId); err != nil {
			return nil, err
		}
	}
	if p.public() {
		return validateOutput{ValidationErrors: []policyFinding{{"BlockPublicPolicy", publicPolicy}}}, nil
	}
	return validateOutput{PolicyValidationPassed: true, ValidationErrors: []policyFinding{}}, nil
}

// A policy is the part of an IAM policy document that can be judged here.
type policy struct{ Statement statements }

type statement struct {
	Effect                  string
	Principal, NotPrincipal json.RawMessage
	Action, NotAction       json.RawMessage
	Resource, NotResource   json.RawMessage
	Condition               json.RawMessage
}

// statements may be written without the brackets if there is only one.
type statements []statement

// UnmarshalJSON reads one statement or several.
func (s *statements) UnmarshalJSON(text []byte) error {
	var one statement
	if err := json.Unmarshal(text, &one); err == nil {
		*s = statements{one}
		return nil
	}
	return json.Unmarshal(text, (*[]statement)(s))
}

func readPolicy(text string) (policy, error) {
	var v validation
	v.text("ResourcePolicy", text, 1, maxPolicy)
	if err := v.err(); err != nil {
		return policy{}, err
	}
	bad := &failure{code: "MalformedPolicyDocumentException", message: "This resource policy contains invalid Json."}
	var p policy
	if json.Unmarshal([]byte(text), &p) != nil {
		return policy{}, bad
	}
	bad.message = "This resource policy contains a syntax error."
	if len(p.Statement) == 0 {
		return policy{}, bad
	}
	for _, s := range p.Statement {
		effect := s.Effect == "Allow" || s.Effect == "Deny"
		if !effect || !one(s.Principal, s.NotPrincipal) || !one(s.Action, s.NotAction) || !one(s.Resource, s.NotResource) {
			return policy{}, bad
		}
	}
	return p, nil
}

func one(a, b json.RawMessage) bool { return (a == nil) != (b == nil) }

// public reports whether some statement lets everybody in, unconditionally.
func (p policy) public() bool {
	for _, s := range p.Statement {
		if s.Effect == "Allow" && s.Condition == nil && (s.NotPrincipal != nil || anybody(s.Principal)) {
			return true
		}
	}
	return false
}

// anybody looks for "*" as a principal: alone, in a list, or under AWS.
func anybody(principal json.RawMessage) bool {
	var name string
	if json.Unmarshal(principal, &name) == nil {
		return name == "*"
	}
	var list []json.RawMessage
	if json.Unmarshal(principal, &list) == nil {
		for _, p := range list {
			if anybody(p) {
				return true
			}
		}
		return false
	}
	var kinds struct{ AWS json.RawMessage }
	return json.Unmarshal(principal, &kinds) == nil && kinds.AWS != nil && anybody(kinds.AWS)
}
