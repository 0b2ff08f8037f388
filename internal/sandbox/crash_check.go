package sandbox

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"time"

	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/sandbox/tenant"
)

// A crashChecker looks at a world after every remote call. It trusts nobody: it
// reads what is stored and asks the tenant's own memory who may log in, and
// shares no code with what it watches. It is used with the turn held.
type crashChecker struct {
	w      *crashWorld
	values map[string]storedCredential // by version; they never change
	first  string                      // the version that was AWSCURRENT at the beginning
	now    string                      // the one that is
	moves  map[string]int              // how often AWSCURRENT came to a version
	before map[tenant.ChangeKind]int   // what happened while the world was made
	skip   int                         // of the tenant's changes, likewise
	pool   map[string]tenant.Key       // credentials that are not ours
	told   map[string]bool             // doubled changes
	since  time.Time                   // of an unstored secret
	errors []string                    // of steps that failed without being killed

	out crashOutcome
}

// A crashOutcome is what became of a try; see [CrashResult].
type crashOutcome struct {
	calls                                                                    []crashCall
	struck                                                                   bool
	checks, lost, gaps, doubled, unfinished, left, unstored, undone, waiting int
	restarts                                                                 int
	longestUnstored, recovery                                                time.Duration
	problems                                                                 []string
}

// A storedCredential is what a version of the secret holds.
type storedCredential struct {
	client, secret string
	key            *rsa.PrivateKey
}

func newCrashChecker(w *crashWorld) *crashChecker {
	c := &crashChecker{w: w, values: map[string]storedCredential{}, moves: map[string]int{}, told: map[string]bool{},
		before: w.tenant.ChangeCounts(w.client), skip: len(w.tenant.Changes(w.client)), pool: map[string]tenant.Key{}}
	c.first = versionWith(c.secret(), "AWSCURRENT")
	c.now = c.first
	for _, k := range w.tenant.Credentials(w.client) {
		if k.Public.Equal(&w.shared.keys[2].PublicKey) {
			c.pool[k.CredentialID] = k
		}
	}
	return c
}

func (c *crashChecker) secret() secretsmanager.SecretView {
	all := c.w.secrets.Snapshot()
	i := slices.IndexFunc(all, func(s secretsmanager.SecretView) bool { return s.ARN == c.w.arn })
	if i < 0 {
		return secretsmanager.SecretView{}
	}
	return all[i]
}

func versionWith(s secretsmanager.SecretView, label string) string {
	for _, v := range s.Versions {
		if slices.Contains(v.Stages, label) {
			return v.ID
		}
	}
	return ""
}

// stored are the credentials in the versions that a consumer can read.
func (c *crashChecker) stored(s secretsmanager.SecretView) []storedCredential {
	var out []storedCredential
	for _, v := range s.Versions {
		if v.HasValue && len(v.Stages) > 0 {
			out = append(out, c.value(v.ID))
		}
	}
	return out
}

// value reads a version once. One that is no credential logs nobody in.
func (c *crashChecker) value(version string) storedCredential {
	if v, known := c.values[version]; known {
		return v
	}
	var answer struct{ SecretString string }
	if err := c.w.ask("GetSecretValue", map[string]string{"SecretId": c.w.arn, "VersionId": version}, &answer); err != nil {
		c.out.problems = append(c.out.problems, "a stored version cannot be read: "+err.Error())
		return storedCredential{}
	}
	var members struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		PrivateKey   string `json:"private_key_pem"`
		Team         string `json:"team"`
	}
	if json.Unmarshal([]byte(answer.SecretString), &members) != nil {
		return storedCredential{}
	}
	if members.Team != "payments" {
		c.problem(&c.out.left, "", "a stored version lost the member that is not clientkeeper's")
	}
	v := storedCredential{client: members.ClientID, secret: members.ClientSecret}
	if block, _ := pem.Decode([]byte(members.PrivateKey)); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			v.key, _ = key.(*rsa.PrivateKey)
		}
	}
	c.values[version] = v
	return v
}

// works reports whether the tenant lets a credential in: now and, if nothing
// changes any more, for good.
func (c *crashChecker) works(v storedCredential) (now, later bool) {
	switch {
	case v.client != c.w.client:
		return false, false
	case v.key != nil:
		is := slices.ContainsFunc(c.w.tenant.AttachedKeys(v.client), func(k tenant.Key) bool {
			return !k.Expired && k.Public != nil && k.Public.Equal(&v.key.PublicKey)
		})
		return is, is
	}
	return c.w.tenant.Accepts(v.client, v.secret), c.w.tenant.WillAccept(v.client, v.secret)
}

// look asks the questions that have to be answered with yes at every instant.
func (c *crashChecker) look(call string) {
	c.out.checks++
	s := c.secret()
	now, later := false, false
	for _, v := range c.stored(s) {
		n, l := c.works(v)
		now, later = now || n, later || l
	}
	c.countUnstored(now && later)
	switch {
	case now && later, c.generatedUnstored():
	case later && c.w.kind.fromKey && !c.w.kind.toKey && c.w.kind.accept == tenant.AcceptOld:
		c.out.waiting++
	default:
		what := "no stored credential logs in"
		if now {
			what = "no stored credential will log in once the change has spread"
		}
		c.problem(&c.out.gaps, call, what)
	}
	c.followCurrent(call, versionWith(s, "AWSCURRENT"))
	c.lookTwice(call)
}

// generatedUnstored reports whether the tenant has just made a secret: it can
// only be stored afterwards.
func (c *crashChecker) generatedUnstored() bool {
	if c.w.kind.strategy != "tenant-generated" {
		return false
	}
	last := tenant.ChangeKind("")
	for _, change := range c.w.tenant.Changes(c.w.client)[c.skip:] {
		switch change.Kind {
		case tenant.SecretGenerated, tenant.SecretSet:
			last = change.Kind
		}
	}
	return last == tenant.SecretGenerated
}

func (c *crashChecker) countUnstored(fine bool) {
	switch {
	case fine && !c.since.IsZero():
		c.out.longestUnstored = max(c.out.longestUnstored, time.Since(c.since))
		c.since = time.Time{}
	case fine || !c.generatedUnstored():
	case c.since.IsZero():
		c.since = time.Now()
		c.out.unstored++
	default:
		c.out.unstored++
	}
}

// followCurrent counts AWSCURRENT's moves: to the new version, and that is it.
func (c *crashChecker) followCurrent(call, version string) {
	if version == c.now {
		return
	}
	c.now = version
	c.moves[version]++
	if version == "" {
		c.problem(&c.out.gaps, call, "AWSCURRENT is on no version")
	}
	if len(c.moves) > 1 || c.moves[version] > 1 || version == c.first {
		c.problem(&c.out.doubled, call, "AWSCURRENT moved a second time")
	}
}

// lookTwice looks for what happened twice. What the caller repeats without
// effect does not count. A secret that the tenant made may be followed by
// another only after the tenant was made to forget it.
func (c *crashChecker) lookTwice(call string) {
	uploads, sets, made, undone := map[string]int{}, 0, 0, 0
	total := 0
	for _, change := range c.w.tenant.Changes(c.w.client)[c.skip:] {
		switch change.Kind {
		case tenant.CredentialCreated:
			uploads[change.KeyID]++
			total++
		case tenant.SecretGenerated:
			made++
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
	if c.w.kind.strategy != "tenant-generated" {
		c.twice(call, "a secret was set to something new", sets)
	}
	c.twice(call, "a key was uploaded for one rotation", total)
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

// problem counts something once for each call after which it is seen, and keeps
// a line for the first of each kind.
func (c *crashChecker) problem(count *int, call, text string) {
	*count++
	if call != "" {
		text = "after " + call + ": " + text
	}
	const enough = 12
	if len(c.out.problems) < enough {
		c.out.problems = append(c.out.problems, text)
	}
}

// heard keeps what a step that lived on gave as its error.
func (c *crashChecker) heard(step string, err error) {
	c.w.stage.turn.Lock()
	defer c.w.stage.turn.Unlock()
	c.errors = append(c.errors, step+": "+err.Error())
}

func (c *crashChecker) restarted() { c.out.restarts++ }

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
