package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"regexp"
	"strings"
	"time"

	"clientkeeper/internal/app"
	"clientkeeper/internal/fault"
	"clientkeeper/internal/rotation"
)

const aboutAdopt = `Takes over a live client. Its secret is read from the tenant, which takes the scope
read:client_keys, and stored as a managed secret; a client with keys gets one more
beside its own. With -secret, a secret that holds the client's credential already is
taken over as it is, and an empty one is given it. What is stored has to log in, or it
is not taken over; nor is a client that another secret manages.

It is also the way back after somebody changed the credential in the dashboard, which
stops rotations: a secret that is managed for the client already, and holds nothing that
the tenant accepts any more, is given what the client has, or a new key. Be sure that the
client is the secret's.

No rotation is started: the first is due after -interval. Secrets Manager learns the
rotation function, and tries no more than its testSecret step. Adopting again goes on
where an earlier try ended, and changes what flags were given for.` + aboutKeeping + `
ROTATE_SECRET_FUNCTION_ARN is the rotation function, where -rotation-function is not
given: the ARN of the function rotate-secret.`

// An adoption is what the command line asks for.
type adoption struct {
	name, secret, function string
	tags                   map[string]string // only those that were given
	clientID               string
}

// tagFlags are the flags that become tags.
var tagFlags = []struct{ flag, tag, about, wants string }{
	{"interval", rotation.TagInterval, "the `time` between two rotations, such as 12h or 30d; 0 for no schedule (default 30d)", "a time such as 12h or 30d"},
	{"kind", rotation.TagKind, "the `kind` of credential that rotations make: client_secret or private_key_jwt (default: the kind that the client has; the other is a migration)", "client_secret or private_key_jwt"},
	{"strategy", rotation.TagStrategy, "`how` a client secret is made: local or tenant-generated (default local)", "local or tenant-generated"},
	{"overlap", rotation.TagOverlap, "the `time` that an old key stays attached, such as 36h (default 24h)", "a time such as 24h"},
}

const defaultInterval = "30d"

func runAdopt(ctx context.Context, inv *invocation) error {
	a, err := inv.adoption()
	if err != nil {
		return helped(err)
	}
	ctx, cancel := context.WithTimeout(ctx, quickly)
	defer cancel()
	k, err := inv.keeping(ctx)
	if err != nil {
		return err
	}
	id, err := k.adopt(ctx, a)
	if err != nil {
		return err
	}
	s, err := k.describe(ctx, id)
	if err != nil {
		return err
	}
	before, err := app.EnableRotation(ctx, s.ID, a.function)
	if err != nil {
		return fmt.Errorf("%s is stored, but its rotation is not switched on; adopt again to go on: %w", s.Name, err)
	}
	a.tell(inv.out, s, before)
	return nil
}

// tell says what was done. The secret is as it was before Secrets Manager began
// to test the function.
func (a adoption) tell(out io.Writer, s rotation.Secret, before string) {
	name := printable(s.Name)
	if a.secret != "" {
		fmt.Fprintf(out, "%s is managed now: what it holds logs in as client %s\n", name, a.clientID)
	} else {
		fmt.Fprintf(out, "the credential of client %s is stored in %s\n", a.clientID, name)
	}
	fmt.Fprintf(out, "%s\n", printable(s.ID))
	if before != "" && before != a.function {
		fmt.Fprintf(out, "it was rotated by %s before, and is not any more\n", printable(before))
	}
	fmt.Fprintf(out, "nothing is rotated now; %s\n-> let its consumers read %s, then see clientkeeper doctor %s and clientkeeper plan\n",
		printable(next(time.Now(), s)), name, name)
}

// adoption reads the command line, and checks all of it before anything is done.
func (inv *invocation) adoption() (adoption, error) {
	a := adoption{tags: map[string]string{}}
	given := map[string]*string{}
	f, err := inv.flags("adopt", "[flags] <client_id>", aboutAdopt, func(f *flag.FlagSet) {
		f.StringVar(&a.name, "name", "", "the `name` of the secret to make (default clientkeeper/<client_id>)")
		f.StringVar(&a.secret, "secret", "", "take over this secret (`name` or ARN) instead of making one")
		f.StringVar(&a.function, "rotation-function", inv.getenv("ROTATE_SECRET_FUNCTION_ARN"), "the `ARN` of the function rotate-secret")
		for _, t := range tagFlags {
			given[t.flag] = f.String(t.flag, "", t.about)
		}
	})
	var args []string
	if err == nil {
		args, err = inv.arguments(f, 1, 1)
	}
	if err != nil {
		return a, err
	}
	a.clientID = args[0]
	f.Visit(func(set *flag.Flag) {
		for _, t := range tagFlags {
			if t.flag == set.Name {
				a.tags[t.tag] = *given[t.flag]
			}
		}
	})
	if wrong := a.wrong(); len(wrong) > 0 {
		fmt.Fprintf(inv.errOut, "clientkeeper: %s\n", strings.Join(wrong, "\nclientkeeper: "))
		return a, errUsage
	}
	return a, nil
}

var (
	secretName   = regexp.MustCompile(`^[A-Za-z0-9/_+=.@-]{1,512}$`)
	ambiguousEnd = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)
	clientIDText = regexp.MustCompile(`^[!-~]{1,256}$`)
	functionARN  = regexp.MustCompile(`^arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_$-]+)?$`)
)

// wrong lists every mistake, not only the first.
func (a *adoption) wrong() (out []string) {
	if !clientIDText.MatchString(a.clientID) {
		out = append(out, "the client's id is not one")
	}
	switch {
	case a.name != "" && a.secret != "":
		out = append(out, "-name is for a secret to make, -secret for one that exists: give one of them")
	case a.secret == "":
		a.name = cmp.Or(a.name, "clientkeeper/"+a.clientID)
		if !secretName.MatchString(a.name) {
			out = append(out, "-name takes 1 to 512 letters, digits and /_+=.@-")
		} else if ambiguousEnd.MatchString(a.name) {
			out = append(out, "-name may not end in a hyphen and six characters, for that is how ARNs end")
		}
	}
	switch {
	case a.function == "":
		out = append(out, "give the rotation function with -rotation-function ARN, or in ROTATE_SECRET_FUNCTION_ARN")
	case !functionARN.MatchString(a.function):
		out = append(out, "the rotation function is not the ARN of a Lambda function")
	}
	for _, t := range tagFlags {
		value, given := a.tags[t.tag]
		if _, err := rotation.ParseTags(map[string]string{rotation.TagClientID: "any", t.tag: value}); given && (err != nil || value == "") {
			out = append(out, "-"+t.flag+" takes "+t.wants)
		}
	}
	return out
}

func (k keeping) adopt(ctx context.Context, a adoption) (id string, err error) {
	s, err := k.describe(ctx, cmp.Or(a.secret, a.name))
	if err != nil && (a.secret != "" || fault.KindOf(err) != fault.NotFound) {
		return "", err
	}
	if err := k.elsewhere(ctx, a.clientID, s.ID); err != nil {
		return "", err
	}
	adopter := &rotation.Adopter{Rotator: k.rotator, Catalog: k.catalog}
	tags := map[string]string{rotation.TagInterval: defaultInterval}
	if a.secret == "" && !a.again(s) {
		maps.Copy(tags, a.tags)
		return adopter.Adopt(ctx, rotation.Adoption{ClientID: a.clientID, Name: a.name, Tags: tags})
	}
	if owner := s.Tags[rotation.TagClientID]; s.Tags[rotation.TagManaged] == "true" && owner != "" && owner != a.clientID {
		return "", fmt.Errorf("%s is managed already, for client %s; choose another secret, or remove the tag %s", s.Name, owner, rotation.TagManaged)
	}
	for _, t := range tagFlags { // what it says already stays, unless a flag says otherwise
		if v := s.Tags[t.tag]; v != "" {
			tags[t.tag] = v
		}
	}
	maps.Copy(tags, a.tags)
	return s.ID, adopter.AdoptSecret(ctx, s.ID, a.clientID, tags)
}

// elsewhere refuses a client that another secret than own manages: each would
// undo what the other does, and the schedule would start neither.
func (k keeping) elsewhere(ctx context.Context, clientID, own string) error {
	all, err := k.catalog.List(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Deleted || s.ID == own || s.Tags[rotation.TagClientID] != clientID || !rotation.OfTenant(s.Tags, k.rotator.Domain) {
			continue
		}
		return fmt.Errorf("%s manages client %s already, and two secrets would undo each other's rotations; "+
			"adopt with -secret %[1]s, or remove its tag %[3]s first", printable(s.Name), clientID, rotation.TagManaged)
	}
	return nil
}

// again reports whether the secret to make was made and tagged by an earlier
// adoption, so that flags have to change its tags.
func (a adoption) again(s rotation.Secret) bool {
	return len(a.tags) > 0 && s.Tags[rotation.TagManaged] == "true" && s.Tags[rotation.TagClientID] == a.clientID && !s.Deleted
}
