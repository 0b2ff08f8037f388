package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/google/uuid"

	"clientkeeper/internal/fault"
	"clientkeeper/internal/rotation"
)

const aboutRotate = `Starts a rotation through Secrets Manager and follows it. It ends with status 0 only
when the new version is AWSCURRENT and no other one is AWSPENDING. Secrets Manager
makes the rotation, whether or not anybody follows: Ctrl-C and -timeout end nothing
but the watching. One that is under way already is followed instead of a second.
With -json it prints one step a line.` + aboutKeeping

func runRotate(ctx context.Context, inv *invocation) error {
	var asJSON bool
	var timeout time.Duration
	f, err := inv.flags("rotate", "[-timeout 10m] [-json] <secret>", aboutRotate, func(f *flag.FlagSet) {
		f.DurationVar(&timeout, "timeout", 10*time.Minute, "how long to follow it")
		f.BoolVar(&asJSON, "json", false, "print JSON, a step a line")
	})
	var names []string
	if err == nil {
		names, err = inv.arguments(f, 1, 1)
	}
	if err != nil {
		return helped(err)
	}
	if timeout <= 0 {
		fmt.Fprintln(inv.errOut, "clientkeeper: -timeout takes a time above zero, such as 10m")
		return errUsage
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	k, err := inv.keeping(ctx)
	if err != nil {
		return err
	}
	s, _, err := k.ours(ctx, names[0])
	if err != nil {
		return err
	}
	w := &follower{keeping: k, inv: inv, asJSON: asJSON, secret: s, token: uuid.NewString(), begun: time.Now(), timeout: timeout}
	w.warnOfVersions(ctx)
	return w.follow(ctx)
}

// warnOfVersions tells of a quota that is near: nothing keeps an operator from
// rotating again and again, as it does callers and the schedule.
func (w *follower) warnOfVersions(ctx context.Context) {
	history, err := w.catalog.History(ctx, w.secret.ID)
	if n := rotation.Recent(time.Now(), history); err == nil && n > rotation.ManyVersions {
		fmt.Fprintf(w.inv.errOut, "clientkeeper: %s has %d versions of the last day, and Secrets Manager refuses more than about 100; rotate it no more than is needed\n", printable(w.secret.Name), n)
	}
}

const (
	lookEvery   = 500 * time.Millisecond
	remindEvery = 30 * time.Second
	// patientLooks is how often the version that was asked for may be unseen
	// before it is asked for again, with the same token.
	patientLooks = 6
)

// A follower follows one rotation.
type follower struct {
	keeping
	inv     *invocation
	asJSON  bool
	secret  rotation.Secret // as it was before
	token   string          // of the version that was asked for
	begun   time.Time
	timeout time.Duration

	seen   string // the version that was AWSPENDING last
	stored string // the version whose value has been seen
	unseen int    // looks since then
	state  string
	said   string
	saidAt time.Time
}

func (w *follower) follow(ctx context.Context) error {
	if other := underWay(w.secret); other != "" {
		w.say("joined", other, "a rotation is under way already: Secrets Manager goes on with it")
	}
	if err := w.ask(ctx); err != nil {
		return w.ended(ctx, err)
	}
	for {
		s, err := w.rotator.Store.Describe(ctx, w.secret.ID)
		done := false
		if err == nil {
			done, err = w.look(ctx, s)
		}
		if done || err != nil && !fault.KindOf(err).Transient() {
			return err
		}
		if time.Since(w.saidAt) > remindEvery {
			w.say(w.state, w.seen, w.said)
		}
		select {
		case <-ctx.Done():
			return w.ended(ctx, err)
		case <-time.After(lookEvery):
		}
	}
}

// ask starts the rotation. Secrets Manager takes a token once, so asking again
// starts no second one.
func (w *follower) ask(ctx context.Context) error {
	err := w.catalog.Rotate(ctx, w.secret.ID, w.token)
	if fault.Reason(err) == "no_rotation_function" {
		return fmt.Errorf("%s has no rotation function; clientkeeper adopt -secret %[1]s -rotation-function ARN %s gives it one",
			w.secret.Name, w.secret.Tags[rotation.TagClientID])
	}
	if err == nil && w.state == "" {
		w.say("asked", "", "Secrets Manager was asked to rotate "+printable(w.secret.Name))
	}
	return err
}

// look is the table of what a look at the labels shows.
func (w *follower) look(ctx context.Context, s rotation.Secret) (done bool, err error) {
	pending, current := underWay(s), labelled(s, rotation.Current)
	switch {
	case pending != "":
		w.seen, w.unseen = pending, 0
		w.sayPending(ctx, pending)
	case current != labelled(w.secret, rotation.Current):
		w.say("current", current, "the new version is AWSCURRENT, and the one before is AWSPREVIOUS")
		w.say("done", current, next(time.Now(), s))
		return true, nil
	case w.seen == w.token:
		return false, fmt.Errorf("the rotation was given up: its version is AWSPENDING no more, and AWSCURRENT has not moved; "+
			"clientkeeper doctor %s says whether anything is wrong, then rotate again", w.secret.Name)
	default: // not seen yet, or what was under way was but a test of the function
		if w.unseen++; w.unseen%patientLooks == 0 || w.seen != "" {
			w.seen, w.state = "", ""
			return false, w.ask(ctx)
		}
	}
	return false, nil
}

func (w *follower) sayPending(ctx context.Context, version string) {
	if w.stored != version {
		if _, err := w.rotator.Store.Value(ctx, w.secret.ID, version); err == nil {
			w.stored = version
		}
	}
	if w.stored == version {
		w.say("stored", version, "the new credential is stored as AWSPENDING; it is being set in the tenant and tried out")
		return
	}
	w.say("pending", version, "the new version is AWSPENDING and has no value yet")
}

// ended is what becomes of a rotation that was followed long enough.
func (w *follower) ended(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	detail := "the rotation has not ended within " + w.timeout.String()
	if errors.Is(ctx.Err(), context.Canceled) {
		detail = "the rotation is no longer followed"
	}
	if w.said != "" {
		detail += "; the last that was seen: " + w.said
	}
	return fmt.Errorf("%s; it may go on all the same: clientkeeper rotate %s follows it again, the rotation function's log says "+
		"why a step fails, and clientkeeper doctor %[2]s what is wrong", detail, w.secret.Name)
}

// say tells a step once, and again now and then while nothing else happens.
func (w *follower) say(state, version, text string) {
	if state == w.state && time.Since(w.saidAt) < remindEvery {
		return
	}
	again := state == w.state
	w.state, w.said, w.saidAt = state, text, time.Now()
	after := time.Since(w.begun)
	if w.asJSON {
		_ = json.NewEncoder(w.inv.out).Encode(map[string]any{"secret": w.secret.ID, "state": state, "version_id": version, "says": text, "after_ms": after.Milliseconds()})
		return
	}
	if again {
		text = "still: " + text
	}
	fmt.Fprintf(w.inv.out, "%6.1fs  %s\n", after.Seconds(), text)
	if version != "" && !again && state != "done" {
		fmt.Fprintf(w.inv.out, "%7s  version %s\n", "", printable(version))
	}
}
