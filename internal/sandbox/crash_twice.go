package sandbox

import (
	"fmt"

	"clientkeeper/internal/sandbox/tenant"
)

// followCurrent counts AWSCURRENT's moves: to the new version, and that is it.
func (c *crashChecker) followCurrent(call, version string) {
	if version == c.now {
		return
	}
	c.now = version
	c.moves[version]++
	if c.loose {
		c.over = len(c.w.tenant.Changes(c.w.client))
	}
	if version == "" {
		c.problem(&c.out.gaps, call, "AWSCURRENT is on no version")
	}
	if len(c.moves) > 1 && !c.loose || c.moves[version] > 1 || version == c.first {
		c.problem(&c.out.doubled, call, "AWSCURRENT moved a second time")
	}
}

// lookTwice looks for what happened twice. What the caller repeats without
// effect does not count. A secret that the tenant made may be followed by
// another only after the tenant was made to forget it.
func (c *crashChecker) lookTwice(call string) {
	uploads, sets, made, undone := map[string]int{}, 0, 0, 0
	total := 0
	for i, change := range c.w.tenant.Changes(c.w.client) {
		if i < c.skip {
			continue
		}
		switch change.Kind {
		case tenant.CredentialCreated:
			uploads[change.KeyID]++
			total++
		case tenant.SecretGenerated:
			if change.By != "" && i >= c.over {
				made++
			}
		case tenant.SecretSet:
			sets++
			if made > 0 {
				made, undone = 0, undone+1
			}
		}
		if made > 1 {
			c.twice(call, "the tenant made a secret", made)
		}
	}
	c.out.undone = undone
	if c.w.kind.strategy != "tenant-generated" && !c.loose {
		c.twice(call, "a secret was set to something new", sets)
	}
	if !c.loose {
		c.twice(call, "a key was uploaded for one rotation", total)
	}
	for kid, n := range uploads {
		c.twice(call, "the key "+kid+" was uploaded", n)
	}
	for _, v := range c.w.tenant.Violations() {
		c.twice(call, v, 2)
	}
}

// twice reports something once, whatever it was.
func (c *crashChecker) twice(call, what string, n int) {
	if n > 1 && !c.told[what] {
		c.told[what] = true
		c.problem(&c.out.doubled, call, fmt.Sprintf("%s (%d times)", what, n))
	}
}
