package sandbox

import (
	"slices"
	"time"

	"clientkeeper/internal/sandbox/secretsmanager"
)

// replica is the copy of the secret in another region, if there is one already.
func (c *crashChecker) replica() (secretsmanager.SecretView, bool) {
	all := c.w.secrets.Snapshot()
	i := slices.IndexFunc(all, func(s secretsmanager.SecretView) bool {
		return c.w.kind.replica && s.PrimaryRegion != "" && len(s.Versions) > 0
	})
	if i < 0 {
		return secretsmanager.SecretView{}, false
	}
	return all[i], true
}

// secretsNow is the clock by which copies follow.
func (w *crashWorld) secretsNow() time.Time {
	if at := w.stopped.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Now()
}

// crashCached is how long senders and verifiers of webhooks may go by what they
// have read: as much of the window as a minute is of 30 seconds.
const crashCached = 2 * crashWindow

// signing is what could be read of a signing secret, look by look.
type signing struct{ looks []signingLook }

type signingLook struct {
	at      time.Time
	current string   // what a sender signs with
	known   []string // what a verifier accepts
}

// lookSigned asks whether every verifier accepts what every sender signs with,
// each by what it has read within its time.
func (c *crashChecker) lookSigned(call string, s secretsmanager.SecretView) {
	look := signingLook{at: time.Now(), current: c.value(versionWith(s, "AWSCURRENT")).whsec}
	for _, v := range c.stored(s) {
		look.known = append(look.known, v.whsec)
	}
	all := append(c.signing.looks, look)
	for len(all) > 1 && look.at.Sub(all[1].at) > crashCached { // what it says was true until the next look
		all = all[1:]
	}
	c.signing.looks = all
	for _, sender := range all {
		for _, verifier := range all {
			if !slices.Contains(verifier.known, sender.current) {
				c.problem(&c.out.gaps, call, "a verifier does not know what a sender signs with")
				return
			}
		}
	}
}
