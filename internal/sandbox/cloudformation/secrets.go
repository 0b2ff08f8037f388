package cloudformation

import "clientkeeper/internal/secret"

// secret reads an AWS::SecretsManager::Secret.
func (r *resolver) secret(res *resource) Secret {
	p := r.propertiesOf(res)
	name, _ := r.name(res)
	p.read["Name"] = true
	s := Secret{LogicalID: res.id, Name: name, ARN: r.options.SecretARN(name)}
	s.Description, _ = p.string("Description")
	value, _ := p.string("SecretString")
	s.Value = secret.New(value)
	p.done()
	return s
}
