package rotation

import (
	"context"
	"slices"
	"time"

	"clientkeeper/internal/fault"
)

// A Finding is something wrong with a secret, in a sentence, and the one safe
// thing to do about it.
type Finding struct {
	SecretID string
	Slug     string // stable, see the package comment
	Says     string
	Repair   string // what to do
	Safe     bool   // Repair may be done without a person

	act     repair
	version string // that it is about
}

type repair int

const (
	repairNone   repair = iota
	repairDrop          // take AWSPENDING off a version
	repairFinish        // make AWSPENDING current
	repairRotate        // ask Secrets Manager to go on with, or begin, a rotation
	repairPlace         // renew the expiry of the current key
	repairTidy          // Retire
)

// A Doctor finds what is wrong and repairs what is safe to repair.
type Doctor struct {
	*Rotator
	Catalog Catalog
}

// An exam is everything that is known about a secret.
type exam struct {
	now      time.Time
	secret   Secret
	settings Settings
	tagsErr  error

	current, pending, previous stored
	tenantErr                  error // nothing is known of the tenant's side
	currentWorks, pendingWorks works
	previousWorks              works
	keys                       pool
	method                     string
	shown                      bool // the tenant shows the client's secret, so that no login had to tell
	recent                     int  // versions of the last day
	shared                     bool
}

// works says whether the tenant accepts a stored credential.
type works int

const (
	worksUnknown works = iota
	worksYes
	worksNo
)

// Examine reads a secret and its client and names what is wrong; nothing is
// changed. An error means that Secrets Manager could not be read; a tenant that
// could not is a finding.
func (d *Doctor) Examine(ctx context.Context, id string) ([]Finding, error) {
	e, err := d.inspect(ctx, id)
	if err != nil {
		return nil, err
	}
	return e.diagnose(), nil
}

// ExamineAll examines every secret of a list, and tells of clients that two of
// them rotate. It goes on where one cannot be read, and returns the first such
// error at the end.
func (d *Doctor) ExamineAll(ctx context.Context, secrets []Secret) (all []Finding, err error) {
	owners := clients(secrets)
	for _, s := range secrets {
		e, failed := d.inspect(ctx, s.ID)
		if failed != nil {
			if err == nil {
				err = failed
			}
			continue
		}
		e.shared = e.tagsErr == nil && owners.shared(e.settings)
		all = append(all, e.diagnose()...)
	}
	return all, err
}

// Repair does what a finding asks for, if it is safe and if a new examination
// still finds it. It reports whether anything was done.
func (d *Doctor) Repair(ctx context.Context, f Finding) (done bool, err error) {
	if !f.Safe {
		return false, refuse("rotation.repair", "not_safe", f.Says, f.Repair)
	}
	e, err := d.inspect(ctx, f.SecretID)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(e.diagnose(), func(now Finding) bool {
		return now.Slug == f.Slug && now.Safe && now.act == f.act && now.version == f.version
	})
	if i < 0 {
		return false, nil
	}
	return true, d.do(ctx, e, f)
}

func (d *Doctor) do(ctx context.Context, e exam, f Finding) error {
	switch f.act {
	case repairDrop:
		return ignoreConflict(d.Store.RemoveLabel(ctx, f.SecretID, Pending, f.version))
	case repairFinish:
		w := &work{Rotator: d.Rotator, event: Event{SecretID: f.SecretID, Token: f.version}, secret: e.secret, settings: e.settings}
		// First, for the overlap of the key that goes begins now.
		if err := d.Catalog.Tag(ctx, f.SecretID, map[string]string{TagFinished: time.Now().UTC().Format(time.RFC3339)}); err != nil {
			return err
		}
		if err := w.move(ctx, e.secret.labelled(Current)); err != nil {
			return err
		}
		return w.clearPending(ctx)
	case repairRotate:
		return d.Catalog.Rotate(ctx, f.SecretID, startToken(time.Now(), e.secret))
	case repairPlace:
		w := &work{Rotator: d.Rotator, event: Event{SecretID: f.SecretID, Token: e.current.version}, secret: e.secret, settings: e.settings}
		_, err := w.place(ctx, e.current)
		return err
	case repairTidy:
		_, err := d.retire(ctx, f.SecretID, func(*pool) {})
		return err
	}
	return nil
}

func ignoreConflict(err error) error {
	if err != nil && fault.KindOf(err) == fault.Conflict {
		return nil
	}
	return err
}

// inspect reads all that diagnose decides upon.
func (d *Doctor) inspect(ctx context.Context, id string) (exam, error) {
	e := exam{now: time.Now()}
	var err error
	if e.secret, err = d.Store.Describe(ctx, id); err != nil || e.secret.Deleted { // then its values cannot be read
		return e, err
	}
	history, err := d.Catalog.History(ctx, id)
	if err != nil {
		return e, err
	}
	e.secret.date(history)
	e.recent = Recent(e.now, history)
	for _, each := range []struct {
		label string
		at    *stored
	}{{Current, &e.current}, {Pending, &e.pending}, {Previous, &e.previous}} {
		if *each.at, err = d.load(ctx, e.secret, each.label); err != nil {
			return e, err
		}
	}
	e.settings, e.tagsErr = d.settingsOf(e.secret)
	switch {
	case e.tagsErr != nil:
	case e.settings.Kind == KindWebhook:
		e.trustSigning()
	default:
		e.tenantErr = d.ask(ctx, &e)
	}
	return e, nil
}

// trustSigning says what works of a signing secret, of which there is nobody to
// ask: whatever is stored, but a pending one that is older than the current.
func (e *exam) trustSigning() {
	e.currentWorks, e.pendingWorks = worksYes, worksYes
	if e.made(e.current.version).After(e.made(e.pending.version)) {
		e.pendingWorks = worksNo
	}
}

// dated describes a secret with the times of its versions.
func (d *Doctor) dated(ctx context.Context, id string) (Secret, error) {
	s, err := d.Store.Describe(ctx, id)
	if err != nil {
		return s, err
	}
	history, err := d.Catalog.History(ctx, id)
	s.date(history)
	return s, err
}

// date fills in when versions were made, where it is not known yet.
func (s *Secret) date(history []Version) {
	for i, v := range s.Versions {
		for _, h := range history {
			if h.ID == v.ID && v.Created.IsZero() {
				s.Versions[i].Created = h.Created
			}
		}
	}
}

// ask reads the tenant's side.
func (d *Doctor) ask(ctx context.Context, e *exam) error {
	p, c, err := d.look(ctx, e.secret, e.settings)
	if err != nil {
		return err
	}
	e.keys, e.method, e.shown = p, c.AuthMethod, !c.Secret.IsZero()
	w := &work{Rotator: d.Rotator, secret: e.secret, settings: e.settings}
	previous := e.previous.sentAs(w.next(e.current, e.pending))
	for _, each := range []struct {
		stored
		works *works
	}{{e.current, &e.currentWorks}, {e.pending, &e.pendingWorks}, {previous, &e.previousWorks}} {
		if !each.usable(e.settings.ClientID) || each.version == e.current.version && e.currentWorks != worksUnknown {
			continue
		}
		if *each.works, err = w.working(ctx, c, p, each.stored); err != nil {
			return err
		}
	}
	return nil
}

// working finds out whether the tenant takes a credential: by what was read
// where that says it, else by a trial login.
func (w *work) working(ctx context.Context, c Client, p pool, s stored) (works, error) {
	switch {
	case kindOf(s.value) == KindKey && c.AuthMethod == KindKey:
		return toWorks(w.proveKey(ctx, c, p.credentials, s))
	case kindOf(s.value) == KindKey, !usesSecret(c.AuthMethod):
		return worksNo, nil
	case !c.Secret.IsZero() && !holds(s, c.Secret):
		return worksNo, nil
	case !c.Secret.IsZero() && sameMethod(s, c):
		return worksYes, nil
	}
	login, err := w.prove(ctx, s.value)
	if login == undecided && !c.Secret.IsZero() {
		login = proven // it is shown, and setSecret goes by that, too
	}
	return toWorks(login, err)
}

func toWorks(p proof, err error) (works, error) {
	switch {
	case err != nil || p == undecided:
		return worksUnknown, err
	case p == proven:
		return worksYes, nil
	}
	return worksNo, nil
}
