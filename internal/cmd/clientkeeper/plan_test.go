package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"clientkeeper/internal/rotation"
)

// due gives a secret an interval that has passed long ago.
func (c *cloud) due(t *testing.T, name string) {
	t.Helper()
	c.tag(t, name, map[string]string{rotation.TagAdopted: "2020-01-02T03:04:05Z"})
}

func TestPlanSaysWhatARunWouldDo(t *testing.T) {
	c := openCloud(t)
	c.adopted(t, "b/due")
	c.adopted(t, "a/later", "-interval", "90d")
	c.adopted(t, "c/paused")
	c.adopted(t, "d/never", "-interval", "0")
	c.adopted(t, "e/running")
	c.ok(t, "pause", "c/paused", "-reason", "the freeze of December")
	c.givenUp(t, "e/running", "setSecret")
	out := c.ok(t, "plan")
	wantLines(t, out, `^RUN +SECRET +KIND +DUE +WHY$`,
		`^leave +a/later +client_secret +\d{4}-\d\d-\d\d \d\d:\d\d \(in 8\dd\) +not due yet$`,
		`^leave +b/due +client_secret +.* \(in 2\dd\) +not due yet$`,
		`^leave +c/paused +client_secret +- +paused: the freeze of December$`,
		`^leave +d/never +client_secret +- +it has no clientkeeper:interval`,
		`^leave +e/running .* a rotation is under way$`,
		`^5 secrets managed: a run now would start 0, repair 0 and leave 5 alone$`)
	var p plan
	if err := json.Unmarshal([]byte(c.ok(t, "plan", "-json")), &p); err != nil {
		t.Fatal(err)
	}
	if p.Managed != 5 || len(p.Start) != 0 || len(p.Skip) != 5 || p.Skip[0].Why != "not_due" || p.Skip[0].Due == nil || p.Skip[2].Says != "paused: the freeze of December" {
		t.Errorf("%+v", p)
	}
	c.hunt(t)
}

var tagged = map[string]string{rotation.TagManaged: "true", rotation.TagInterval: "30d"}

func aSecret(name string, tags ...string) rotation.Secret {
	s := rotation.Secret{ID: "arn:" + name, Name: name, Tags: map[string]string{rotation.TagClientID: name}, Created: time.Now().Add(-365 * 24 * time.Hour),
		Versions: []rotation.Version{{ID: "v", Labels: []string{rotation.Current}}}, RotationEnabled: true}
	for k, v := range tagged {
		s.Tags[k] = v
	}
	for i := 0; i+1 < len(tags); i += 2 {
		s.Tags[tags[i]] = tags[i+1]
	}
	return s
}

// Every reason that the schedule knows has words of its own.
func TestEveryReasonHasWords(t *testing.T) {
	now := time.Now()
	pending := func(age time.Duration) rotation.Secret {
		s := aSecret("p")
		s.Versions = append(s.Versions, rotation.Version{ID: "p", Labels: []string{rotation.Pending}, Created: now.Add(-age)})
		return s
	}
	with := func(change func(*rotation.Secret)) rotation.Secret {
		s := aSecret("s")
		change(&s)
		return s
	}
	for why, secrets := range map[string][]rotation.Secret{
		"":                  {aSecret("a")},
		"stuck":             {pending(3 * time.Hour)},
		"in_flight":         {pending(time.Minute)},
		"not_due":           {aSecret("a", rotation.TagInterval, "3000d")},
		"paused":            {aSecret("a", rotation.TagPaused, "true")},
		"no_interval":       {aSecret("a", rotation.TagInterval, "")},
		"no_current":        {with(func(s *rotation.Secret) { s.Versions = nil })},
		"floor":             {with(func(s *rotation.Secret) { s.Versions[0].Created = now })},
		"bad_tags":          {aSecret("a", rotation.TagKind, "password")},
		"deleted":           {with(func(s *rotation.Secret) { s.Deleted = true })},
		"not_managed":       {aSecret("a", rotation.TagManaged, "false")},
		"rotation_disabled": {with(func(s *rotation.Secret) { s.RotationEnabled = false })},
		"duplicate_client":  {aSecret("a"), aSecret("b", rotation.TagClientID, "a")},
	} {
		p := planOf(now, secrets, rotation.Policy{})
		all := append(append(p.Start, p.Stuck...), p.Skip...)
		if len(all) != len(secrets) || all[0].Why != why || all[0].Says != reasons[why] || reasons[why] == "" {
			t.Errorf("%q: %+v", why, all)
		}
	}
}

func TestPlanShowsTheFuse(t *testing.T) {
	var secrets []rotation.Secret
	for i := range 8 {
		secrets = append(secrets, aSecret(fmt.Sprint("secret", i)))
	}
	p := planOf(time.Now(), secrets, rotation.Policy{MaxStarts: 50, MaxShare: 0.5})
	var out strings.Builder
	if err := p.show(&out, time.Now()); err != nil {
		t.Fatal(err)
	}
	wantLines(t, out.String(), `^leave +secret0 .* due, but the fuse has tripped$`, `^8 secrets managed: a run now would start 0, `,
		`^the fuse has tripped: 8 of 8 `, `FUSE_COUNT and FUSE_SHARE`)
}

func TestPlanStartsTheMostOverdueFirst(t *testing.T) {
	old := aSecret("old")
	old.Created = time.Now().Add(-900 * 24 * time.Hour)
	p := planOf(time.Now(), []rotation.Secret{aSecret("a\x1b[31m"), old}, rotation.Policy{})
	var out strings.Builder
	if err := p.show(&out, time.Now()); err != nil {
		t.Fatal(err)
	}
	wantLines(t, out.String(), `^start +old +client_secret +.*\(\d+d ago\) +it is due$`, `^start +a\?\[31m +`)
}

func TestPlanReadsTheFuseFromTheEnvironment(t *testing.T) {
	c := openCloud(t)
	if out := c.ok(t, "plan"); !strings.Contains(out, "no managed secrets") {
		t.Errorf("with none: %q", out)
	}
	c.adopted(t, "a")
	c.adopted(t, "b")
	c.env["FUSE_COUNT"] = "1"
	for _, name := range []string{"a", "b"} {
		c.due(t, name)
	}
	out := c.ok(t, "plan")
	if strings.Contains(out, "moment ago") {
		t.Fatalf("the floor is in the way of this test:\n%s", out)
	}
	wantLines(t, out, `fuse has tripped: 2 rotations are due`)
	c.env["FUSE_COUNT"] = "none"
	c.fails(t, "FUSE_COUNT", "plan")
	c.misused(t, "usage: clientkeeper plan", "plan", "a")
}
