package tenant

// rotateSecret makes a new secret and answers with the whole client. Every
// call makes another one. Clients that use keys are refused, as published, and
// so are those that no secret could log in, unless a quirk lets them through.
func (t *Tenant) rotateSecret(c *call) answer {
	return t.inClient(c, func(cl *client) answer {
		unused := t.opts.Quirks.UnusedSecrets
		switch {
		case cl.slots != nil:
			return t.refuse("rotate_refused")
		case cl.isCIMD() && !unused:
			return t.refuse("rotate_refused_cimd")
		case cl.text("token_endpoint_auth_method") == "none" && !unused:
			return t.refuse("rotate_refused_public")
		}
		t.noteSecret(cl, c, true, t.setSecret(cl, newSecret()))
		c.applied = true
		return ok(t.render(cl))
	})
}
