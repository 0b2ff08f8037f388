package tenant

// rotateSecret makes a new secret and answers with the whole client. Every
// call makes another one. Clients that use keys are refused.
func (t *Tenant) rotateSecret(c *call) answer {
	return t.inClient(c, func(cl *client) answer {
		if cl.slots != nil {
			return t.refuse("rotate_refused")
		}
		t.setSecret(cl, newSecret())
		c.applied = true
		return ok(t.render(cl))
	})
}
