package sandbox

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"slices"
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
	kept   int                         // of the secrets that the tenant made: those that were stored, or undone
	loose  bool                        // there may be several rotations, and people
	over   int                         // of the tenant's changes: those before the last rotation's end, if loose
	errors []string                    // of steps that failed without being killed

	signing signing
	out     crashOutcome
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
	whsec          string
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
	return c.learn(version, answer.SecretString)
}

// written notes a value that was put, which readers may not see yet.
func (c *crashChecker) written(body []byte) {
	var put struct{ SecretId, ClientRequestToken, SecretString string }
	if json.Unmarshal(body, &put) == nil && put.SecretId == c.w.arn {
		c.learn(put.ClientRequestToken, put.SecretString)
	}
}

func (c *crashChecker) learn(version, text string) storedCredential {
	var members struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		PrivateKey   string `json:"private_key_pem"`
		Team         string `json:"team"`
		Whsec        string `json:"whsec"`
	}
	if json.Unmarshal([]byte(text), &members) != nil {
		return storedCredential{}
	}
	if members.Team != "payments" {
		c.problem(&c.out.left, "", "a stored version lost the member that is not clientkeeper's")
	}
	v := storedCredential{client: members.ClientID, secret: members.ClientSecret, whsec: members.Whsec}
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
	case c.w.kind.webhook:
		return v.whsec != "", v.whsec != ""
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
	now, later := c.anyWorks(s)
	if copied, is := c.replica(); is && now && later {
		if now, later = c.anyWorks(copied); !now || !later {
			call += ", in the replica's region"
		}
	}
	if c.w.kind.webhook {
		c.lookSigned(call, s)
	}
	c.countUnstored(now && later)
	switch {
	case now && later, c.generatedUnstored(), c.changedByHand():
	case later && c.w.kind.fromKey && !c.w.kind.toKey && !c.w.kind.early:
		c.out.waiting++
	default:
		what := "no stored credential logs in"
		if now {
			what = "no stored credential will log in once the change has spread"
		}
		c.problem(&c.out.gaps, call, what)
	}
	current := versionWith(s, "AWSCURRENT")
	if c.w.kind.fromKey && c.w.kind.toKey && current != "" {
		// A key comes beside another: not even who reads AWSCURRENT alone notices.
		if is, _ := c.works(c.value(current)); !is {
			c.problem(&c.out.gaps, call, "the key in AWSCURRENT does not log in")
		}
	}
	c.followCurrent(call, current)
	c.lookTwice(call)
}

// anyWorks reports whether a credential in a secret logs in.
func (c *crashChecker) anyWorks(s secretsmanager.SecretView) (now, later bool) {
	for _, v := range c.stored(s) {
		n, l := c.works(v)
		now, later = now || n, later || l
	}
	return now, later
}

// generated counts the secrets that the tenant has made so far, and reports
// whether the latest of them is the client's.
func (c *crashChecker) generated() (n int, latest bool) {
	for _, change := range c.w.tenant.Changes(c.w.client)[c.skip:] {
		switch change.Kind {
		case tenant.SecretGenerated:
			n, latest = n+1, true
		case tenant.SecretSet:
			latest = false
		}
	}
	return n, latest
}

// generatedUnstored reports whether the tenant has just made a secret: it can
// only be stored afterwards. Once it was, there is no excuse any more.
func (c *crashChecker) generatedUnstored() bool {
	n, latest := c.generated()
	return c.w.kind.strategy == "tenant-generated" && latest && n > c.kept
}

// changedByHand reports whether the client's secret is one that a person has
// chosen and that nobody has told us.
func (c *crashChecker) changedByHand() bool {
	by := "nobody"
	for _, change := range c.w.tenant.Changes(c.w.client)[c.skip:] {
		switch change.Kind {
		case tenant.SecretGenerated, tenant.SecretSet:
			by = change.By
		}
	}
	return by == "" && c.w.tenant.AttachedKeys(c.w.client) == nil
}

// countUnstored counts the looks at which a secret that the tenant made was
// not stored yet, and the time that took.
func (c *crashChecker) countUnstored(fine bool) {
	if fine {
		c.kept, _ = c.generated()
		if !c.since.IsZero() {
			c.out.longestUnstored = max(c.out.longestUnstored, time.Since(c.since))
			c.since = time.Time{}
		}
		return
	}
	if !c.generatedUnstored() {
		return
	}
	c.out.unstored++
	if c.since.IsZero() {
		c.since = time.Now()
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
