package sandbox

import (
	"slices"
	"strings"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// outcome looks at how everything ended.
func (w *crashWorld) outcome() *crashOutcome {
	w.stage.turn.Lock()
	defer w.stage.turn.Unlock()
	c := w.check
	c.out.calls, c.out.struck = w.stage.calls, !w.stage.struck.IsZero()
	c.out.recovery = w.events.recovered(w.stage.struck)
	s := c.secret()
	c.ending(s)
	c.leftOvers(s)
	if len(c.out.problems) > 0 && len(c.errors) > 0 {
		c.out.problems = append(c.out.problems, "steps said: "+strings.Join(c.errors, "; "))
	}
	return &c.out
}

// ending asks whether the secret was rotated, and whether anything logs in.
func (c *crashChecker) ending(s secretsmanager.SecretView) {
	any := slices.ContainsFunc(c.stored(s), func(v storedCredential) bool { _, later := c.works(v); return later })
	if !any {
		c.problem(&c.out.lost, "the end", "no stored credential logs in")
	}
	current, pending := versionWith(s, "AWSCURRENT"), versionWith(s, "AWSPENDING")
	switch {
	case current == c.first || current == "":
		c.problem(&c.out.unfinished, "the end", "AWSCURRENT is the credential from before")
		return
	case pending != "" && pending != current:
		c.problem(&c.out.unfinished, "the end", "AWSPENDING is on another version")
	case s.Rotating:
		c.problem(&c.out.unfinished, "the end", "a rotation is still in progress")
	}
	v := c.value(current)
	if _, later := c.works(v); !later {
		c.problem(&c.out.lost, "the end", "AWSCURRENT does not log in")
	}
	if v.key != nil != c.w.kind.toKey {
		c.problem(&c.out.unfinished, "the end", "AWSCURRENT is a credential of the wrong kind")
	}
}

// leftOvers asks what is still at the tenant, and whether what is not ours was
// left alone.
func (c *crashChecker) leftOvers(s secretsmanager.SecretView) {
	stored := c.stored(s)
	strangers := 0
	for _, k := range c.w.tenant.Credentials(c.w.client) {
		if before, known := c.pool[k.CredentialID]; known {
			strangers++
			if k.Attached != before.Attached || !k.Expires.Equal(before.Expires) || k.Name != before.Name {
				c.problem(&c.out.left, "the end", "somebody else's key was changed")
			}
			continue
		}
		if !slices.ContainsFunc(stored, func(v storedCredential) bool {
			return v.key != nil && k.Public != nil && k.Public.Equal(&v.key.PublicKey)
		}) {
			c.problem(&c.out.left, "the end", "a key of ours is in the tenant that no version stores")
		}
	}
	if strangers != len(c.pool) {
		c.problem(&c.out.left, "the end", "somebody else's key is gone")
	}
}
