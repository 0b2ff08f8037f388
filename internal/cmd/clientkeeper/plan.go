package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"clientkeeper/internal/rotation"
)

const aboutPlan = `Shows what a scheduled run would do now, and why: which rotations it would start,
which secrets it would leave alone, which rotation should have ended long ago.
Nothing is changed, and the tenant is not asked. A run also ends the overlap of
keys that were rotated before; clientkeeper doctor shows one that is over.

FUSE_COUNT (default 50) and FUSE_SHARE (default 0.5) are the fuse: a run that would
start more rotations than that starts none.` + aboutKeeping

func runPlan(ctx context.Context, inv *invocation) error {
	var asJSON bool
	f, err := inv.flags("plan", "[-json]", aboutPlan, func(f *flag.FlagSet) {
		f.BoolVar(&asJSON, "json", false, "print JSON")
	})
	if err == nil {
		_, err = inv.arguments(f, 0, 0)
	}
	if err != nil {
		return helped(err)
	}
	ctx, cancel := context.WithTimeout(ctx, quickly)
	defer cancel()
	k, err := inv.keeping(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	p, err := k.plan(ctx, now)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(inv.out).Encode(p)
	}
	return p.show(inv.out, now)
}

// A planned is one secret of a plan, in words.
type planned struct {
	Secret   string     `json:"secret"` // ARN
	Name     string     `json:"name"`
	ClientID string     `json:"client_id,omitempty"`
	Kind     string     `json:"kind,omitempty"`
	Due      *time.Time `json:"due,omitempty"`
	Why      string     `json:"why,omitempty"` // a slug
	Says     string     `json:"says"`
}

// A plan is a scheduled run that has not been made.
type plan struct {
	Managed int       `json:"managed"`
	Start   []planned `json:"start"`
	Stuck   []planned `json:"stuck"`
	Skip    []planned `json:"skip"`
	Fuse    string    `json:"fuse,omitempty"`
}

func (k keeping) plan(ctx context.Context, now time.Time) (plan, error) {
	secrets, err := k.catalog.List(ctx)
	if err != nil {
		return plan{}, err
	}
	byName(secrets)
	if err := k.dateRotations(ctx, secrets); err != nil {
		return plan{}, err
	}
	return planOf(now, secrets, k.policy), nil
}

// dateRotations reads since when rotations are under way, which a list does not
// tell: without it every one of them counts as stuck.
func (k keeping) dateRotations(ctx context.Context, secrets []rotation.Secret) error {
	for _, s := range secrets {
		pending := underWay(s)
		if pending == "" {
			continue
		}
		history, err := k.catalog.History(ctx, s.ID)
		if err != nil {
			return err
		}
		for i, v := range s.Versions {
			for _, h := range history {
				if v.ID == pending && h.ID == pending {
					s.Versions[i].Created = h.Created
				}
			}
		}
	}
	return nil
}

func planOf(now time.Time, secrets []rotation.Secret, policy rotation.Policy) plan {
	decided := rotation.PlanRotations(now, secrets, policy)
	out := plan{Managed: len(secrets), Fuse: decided.Fuse, Start: []planned{}, Stuck: []planned{}, Skip: []planned{}}
	for _, s := range decided.Start {
		out.Start = append(out.Start, inWords(s.Secret, "", s.Due))
	}
	for _, s := range decided.Stuck {
		out.Stuck = append(out.Stuck, inWords(s, "stuck", time.Time{}))
	}
	for _, s := range decided.Skip {
		out.Skip = append(out.Skip, inWords(s.Secret, s.Why, s.Due))
	}
	return out
}

// reasons say why a secret is left alone, for each slug of the schedule.
var reasons = map[string]string{
	"":                  "it is due",
	"stuck":             "its rotation should have ended long ago: the run repairs what is safe to repair (clientkeeper doctor)",
	"in_flight":         "a rotation is under way",
	"not_due":           "not due yet",
	"paused":            "paused",
	"no_interval":       "it has no " + rotation.TagInterval + ", so nothing starts it but clientkeeper rotate",
	"no_current":        "AWSCURRENT has no value (clientkeeper doctor)",
	"rotation_disabled": "its rotation is not enabled, or was cancelled; clientkeeper rotate enables it",
	"floor":             "it was rotated or changed a moment ago",
	"bad_tags":          "its tags are wrong (clientkeeper doctor)",
	"deleted":           "it is scheduled for deletion",
	"not_managed":       "it is not managed",
	"duplicate_client":  "another secret rotates the same client (clientkeeper doctor)",
	"fuse":              "due, but the fuse has tripped",
	"budget":            "due, and left to the next run",
}

func inWords(s rotation.Secret, why string, due time.Time) planned {
	out := planned{Secret: s.ID, Name: s.Name, ClientID: s.Tags[rotation.TagClientID],
		Kind: cmp.Or(s.Tags[rotation.TagKind], rotation.KindSecret), Why: why, Says: reasons[why]}
	if out.Says == "" {
		out.Says = strings.ReplaceAll(why, "_", " ")
	}
	if reason := s.Tags[rotation.TagPaused]; why == "paused" && reason != "true" {
		out.Says += ": " + reason
	}
	if !due.IsZero() {
		out.Due = &due
	}
	return out
}

// next says when a secret is rotated next, or why it is not.
func next(now time.Time, s rotation.Secret) string {
	p := planOf(now, []rotation.Secret{s}, rotation.Policy{})
	switch {
	case len(p.Start) > 0:
		return "it is due: the next scheduled run starts its rotation"
	case len(p.Skip) > 0 && p.Skip[0].Due != nil:
		return "its next rotation is due on " + about(now, *p.Skip[0].Due)
	case len(p.Skip) > 0:
		return "no scheduled run rotates it: " + p.Skip[0].Says
	}
	return "clientkeeper doctor says what is wrong with it"
}

func (p plan) show(out io.Writer, now time.Time) error {
	if p.Managed == 0 {
		_, err := fmt.Fprintln(out, "there are no managed secrets of this tenant here; clientkeeper adopt takes one over")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUN\tSECRET\tKIND\tDUE\tWHY")
	for _, part := range []struct {
		does string
		rows []planned
	}{{"start", p.Start}, {"repair", p.Stuck}, {"leave", p.Skip}} {
		for _, r := range part.rows {
			due := "-"
			if r.Due != nil {
				due = about(now, *r.Due)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", part.does, printable(r.Name), printable(r.Kind), due, printable(r.Says))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s managed: a run now would start %d, repair %d and leave %d alone\n",
		plural(p.Managed, "secret", "secrets"), len(p.Start), len(p.Stuck), len(p.Skip))
	if p.Fuse != "" {
		fmt.Fprintf(out, "the fuse has tripped: %s\n-> if that is meant, invoke schedule-rotations with {\"force\": true}, or raise FUSE_COUNT and FUSE_SHARE\n", p.Fuse)
	}
	return nil
}
