package cloudformation

import (
	"clientkeeper/internal/secret"
)

// A Secret is an AWS::SecretsManager::Secret.
type Secret struct {
	LogicalID   string
	Name        string
	ARN         string
	Description string
	Tags        map[string]string
	// Value is SecretString; the zero Value means that the secret is created
	// without a version, unless one is to be generated.
	Value    secret.Value
	Generate *Generate
	Rotation *Rotation
}

// A Generate is GenerateSecretString: a password, alone or as a member of the
// JSON object Template.
type Generate struct {
	Template, Key                                                          string
	Length                                                                 int
	Exclude                                                                string
	NoLowercase, NoUppercase, NoNumbers, NoPunctuation, Space, NotEachType bool
}

// A Rotation is an AWS::SecretsManager::RotationSchedule of a secret.
type Rotation struct {
	FunctionARN string
	Days        int    // zero: see Expression
	Expression  string // such as rate(30 days)
	Immediately bool
}

// secret reads an AWS::SecretsManager::Secret.
func (r *resolver) secret(res *resource) Secret {
	p := r.propertiesOf(res)
	name, _ := r.name(res)
	p.read["Name"] = true
	s := Secret{LogicalID: res.id, Name: name, ARN: r.options.SecretARN(name)}
	s.Description, _ = p.string("Description")
	s.Tags = p.tags()
	value, given := p.string("SecretString")
	s.Value = secret.New(value)
	s.Generate = generate(p.object("GenerateSecretString"))
	if given && s.Generate != nil {
		r.mistakes.add(res.line, "%s: either SecretString or GenerateSecretString", res.id)
	}
	p.done()
	return s
}

func generate(p *properties) *Generate {
	if p.node == nil {
		return nil
	}
	g := &Generate{Length: p.int("PasswordLength", 32, 1, 4096)}
	g.Template, _ = p.string("SecretStringTemplate")
	g.Key, _ = p.string("GenerateStringKey")
	g.Exclude, _ = p.string("ExcludeCharacters")
	g.NoLowercase, g.NoUppercase = p.bool("ExcludeLowercase", false), p.bool("ExcludeUppercase", false)
	g.NoNumbers, g.NoPunctuation = p.bool("ExcludeNumbers", false), p.bool("ExcludePunctuation", false)
	g.Space, g.NotEachType = p.bool("IncludeSpace", false), !p.bool("RequireEachIncludedType", true)
	if (g.Template == "") != (g.Key == "") {
		p.r.mistakes.add(p.line, "%s needs both SecretStringTemplate and GenerateStringKey, or neither", p.path)
	}
	p.done()
	return g
}

// tags is a list of keys and values, nil if there is none.
func (p *properties) tags() map[string]string {
	v := p.get("Tags")
	if v == nil {
		return nil
	}
	out := map[string]string{}
	for _, item := range v.Content {
		key, value := scalar(lookupOr(item, "Key")), scalar(lookupOr(item, "Value"))
		if key == "" {
			p.wrong(p.at("Tags"), "Tags", "must be a list of Key and Value")
			return nil
		}
		out[key] = value
	}
	return out
}

// addRotation gives a schedule to its secret.
func (r *resolver) addRotation(s *Stack, res *resource) {
	p := r.propertiesOf(res)
	id, _ := p.string("SecretId")
	rotation := &Rotation{Immediately: p.bool("RotateImmediatelyOnUpdate", true)}
	rotation.FunctionARN, _ = p.string("RotationLambdaARN")
	rules := p.object("RotationRules")
	rotation.Days = rules.int("AutomaticallyAfterDays", 0, 1, 1000)
	rotation.Expression, _ = rules.string("ScheduleExpression")
	rules.done()
	p.done()
	for i := range s.Secrets {
		if s.Secrets[i].ARN == id {
			s.Secrets[i].Rotation = rotation
			return
		}
	}
	r.ignore(res.line, "%s: the rotation of a secret that is not of this template", res.id)
}
