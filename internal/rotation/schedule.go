package rotation

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// A Policy bounds what one scheduled run may start.
type Policy struct {
	// MaxStarts and MaxShare are the fuse: where more secrets are due than
	// this number, or this share of all that are managed, none is started, for
	// that looks like a mistake. Zero: no such limit. A share never trips for
	// five or fewer.
	MaxStarts int
	MaxShare  float64

	// Force starts them all the same.
	Force bool

	// Budget is how many are started in this run, the most overdue first; the
	// rest waits for the next. Zero: all.
	Budget int

	// Floor is the shortest time between two rotations of a secret, whatever
	// its tag says; default and minimum [CadenceFloor].
	Floor time.Duration
}

// CadenceFloor is the shortest time between two rotations of a secret that
// nobody started by hand. Secrets Manager keeps every version of the last day
// and about 100 in all ("AWS Secrets Manager quotas"), and refuses one more.
const CadenceFloor = 15 * time.Minute

// ManyVersions are so many within a day that the quota is near.
const ManyVersions = 80

// Recent is how many versions were made within a day before now, which Secrets
// Manager keeps.
func Recent(now time.Time, history []Version) int {
	n := 0
	for _, v := range history {
		if !v.Created.IsZero() && now.Sub(v.Created) < 24*time.Hour {
			n++
		}
	}
	return n
}

const fuseSpares = 5

// stuckAfter is how long a rotation may take. A function runs for 15 minutes at
// most, and Secrets Manager tries a failed rotation several times.
const stuckAfter = time.Hour

// A Start is a rotation to start now.
type Start struct {
	Secret Secret
	Due    time.Time
	// Token makes starts that mean the same rotation the same: two schedules
	// and a retried run ask for one version.
	Token string
}

// A Skip is a secret that is left alone, and why: a slug.
type Skip struct {
	Secret Secret
	Why    string
	Due    time.Time // zero: never
}

// A Plan is what a scheduled run does.
type Plan struct {
	Start []Start
	Skip  []Skip
	Stuck []Secret // for the doctor: their rotation should have ended long ago
	Late  []Secret // for the doctor: their key should have been replaced an overlap ago, and may be about to expire
	// Fuse says why nothing is started although something is due; empty: it
	// did not trip.
	Fuse string
}

// PlanRotations decides which secrets are due. It is pure: the same secrets at
// the same time give the same plan.
func PlanRotations(now time.Time, secrets []Secret, policy Policy) Plan {
	var plan Plan
	owners := clients(secrets)
	for _, s := range secrets {
		due, why := judge(now, s, policy, owners)
		if late(now, s, policy) {
			plan.Late = append(plan.Late, s)
		}
		switch why {
		case "":
			plan.Start = append(plan.Start, Start{s, due, startToken(now, s)})
		case "stuck":
			plan.Stuck = append(plan.Stuck, s)
		default:
			plan.Skip = append(plan.Skip, Skip{s, why, due})
		}
	}
	slices.SortFunc(plan.Start, func(a, b Start) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Secret.ID, b.Secret.ID))
	})
	plan.Fuse = policy.fuse(len(plan.Start), len(secrets))
	cut, why := len(plan.Start), ""
	switch {
	case plan.Fuse != "":
		cut, why = 0, "fuse"
	case policy.Budget > 0 && policy.Budget < cut:
		cut, why = policy.Budget, "budget"
	}
	for _, s := range plan.Start[cut:] {
		plan.Skip = append(plan.Skip, Skip{s.Secret, why, s.Due})
	}
	plan.Start = plan.Start[:cut]
	return plan
}

// Due reads a secret and decides for it alone, as [PlanRotations] does. An empty
// why means that its rotation is to be started.
func (d *Doctor) Due(ctx context.Context, now time.Time, id string, policy Policy) (start Start, why string, err error) {
	s, err := d.dated(ctx, id)
	if err != nil {
		return Start{}, "", err
	}
	due, why := judge(now, s, policy, clients([]Secret{s}))
	return Start{s, due, startToken(now, s)}, why, nil
}

// late reports whether a key should have been replaced an overlap ago. Pausing
// a secret stops its rotation, not its key's expiry.
func late(now time.Time, s Secret, policy Policy) bool {
	settings, err := ParseTags(s.Tags)
	return err == nil && settings.Managed && !s.Deleted && settings.Kind == KindKey && settings.Interval > 0 &&
		now.Sub(dueAt(s, settings, policy)) > settings.Overlap
}

func (p Policy) fuse(due, managed int) string {
	switch {
	case p.Force:
		return ""
	case p.MaxStarts > 0 && due > p.MaxStarts:
		return fmt.Sprintf("%d rotations are due, and more than %d look like a mistake", due, p.MaxStarts)
	case p.MaxShare > 0 && due > fuseSpares && float64(due) > p.MaxShare*float64(managed):
		return fmt.Sprintf("%d of %d rotations are due, and a share above %s looks like a mistake",
			due, managed, strconv.FormatFloat(p.MaxShare, 'g', 3, 64))
	}
	return ""
}

// judge is the table of the schedule: the first row that fits decides.
func judge(now time.Time, s Secret, policy Policy, owners claims) (due time.Time, why string) {
	settings, err := ParseTags(s.Tags)
	if err != nil {
		return due, "bad_tags"
	}
	due = dueAt(s, settings, policy)
	switch {
	case !settings.Managed:
		return time.Time{}, "not_managed"
	case s.Deleted:
		return time.Time{}, "deleted"
	case owners.shared(settings):
		return time.Time{}, "duplicate_client"
	case s.inFlight() && s.pendingSince(now) >= stuckAfter:
		return due, "stuck"
	case s.inFlight():
		return due, "in_flight"
	case settings.Paused != "":
		return time.Time{}, "paused"
	case settings.Interval == 0:
		return time.Time{}, "no_interval"
	case s.labelled(Current) == "":
		return time.Time{}, "no_current"
	case now.Sub(s.newest()) < policy.floor():
		return latest(due, s.newest().Add(policy.floor())), "floor"
	case now.Before(due):
		return due, "not_due"
	case !s.RotationEnabled:
		return due, "rotation_disabled" // RotateSecret would switch on again what somebody has cancelled
	}
	return due, ""
}

func (p Policy) floor() time.Duration { return max(p.Floor, CadenceFloor) }

// dueAt is when a secret should be rotated: its interval after the last time,
// less a part of it that its name decides, so that secrets which were made
// together do not stay together.
func dueAt(s Secret, settings Settings, policy Policy) time.Time {
	since := latest(Rotated(s, settings), settings.Adopted)
	if since.IsZero() {
		since = s.Created
	}
	interval := max(settings.Interval, policy.floor())
	if settings.Kind == KindKey {
		interval = max(interval, settings.Overlap) // a third key has no place before
	}
	return since.Add(interval - jitter(s.ID, interval))
}

// Ages are the age of the oldest of the secrets that rotate by a schedule, since
// its last rotation, and the time until the next of them is due, negative where
// one is overdue. Without such a secret some is false.
func Ages(now time.Time, secrets []Secret, policy Policy) (oldest, next time.Duration, some bool) {
	for _, s := range secrets {
		settings, err := ParseTags(s.Tags)
		if err != nil || !settings.Managed || s.Deleted || settings.Paused != "" || settings.Interval == 0 {
			continue
		}
		due, age := dueAt(s, settings, policy).Sub(now), now.Sub(latest(Rotated(s, settings), s.Created))
		if !some || due < next {
			next = due
		}
		oldest, some = max(oldest, age), true
	}
	return oldest, next, some
}

// jitter is less than a tenth of the interval and than a day.
func jitter(id string, interval time.Duration) time.Duration {
	span := min(interval/10, 24*time.Hour)
	if span <= 0 {
		return 0
	}
	sum := sha256.Sum256([]byte(id))
	return time.Duration(binary.BigEndian.Uint64(sum[:8]) % uint64(span))
}

// startToken is the same for everybody who starts the rotation that follows
// the present version within the same quarter of an hour, and another for a
// later try: a version that was given up must not be asked for again.
func startToken(now time.Time, s Secret) string {
	sum := sha256.Sum256([]byte(s.ID + "\n" + s.labelled(Current) + "\n" + now.UTC().Truncate(CadenceFloor).Format(time.RFC3339)))
	return hex.EncodeToString(sum[:16])
}

// Rotated is when the last rotation of a secret ended: by Secrets Manager, or
// where the doctor did its last step, which Secrets Manager does not count. Zero:
// never.
func Rotated(s Secret, settings Settings) time.Time { return latest(s.LastRotated, settings.Finished) }

// newest is when the last version was made or rotated, also by hand.
func (s Secret) newest() time.Time {
	at := s.LastRotated
	for _, v := range s.Versions {
		at = latest(at, v.Created)
	}
	return at
}

// pendingSince is for how long a version has been AWSPENDING. Secrets Manager
// tells no time of a version that has no value yet; the last change of the
// secret is never earlier than that, so a rotation is rather taken for younger
// than it is. Where nothing is known it counts as long under way.
func (s Secret) pendingSince(now time.Time) time.Duration {
	for _, v := range s.Versions {
		if v.ID == s.labelled(Pending) && !v.Created.IsZero() {
			return now.Sub(v.Created)
		}
	}
	if !s.Changed.IsZero() {
		return now.Sub(s.Changed)
	}
	return stuckAfter
}

// claims counts the secrets of each client, by its id and then by its tenant.
// Two secrets of one client would take each other's place in the tenant at
// every rotation.
type claims map[string]map[string]int

func clients(secrets []Secret) claims {
	out := claims{}
	for _, s := range secrets {
		settings, err := ParseTags(s.Tags)
		if err != nil || s.Deleted || settings.ClientID == "" {
			continue
		}
		if out[settings.ClientID] == nil {
			out[settings.ClientID] = map[string]int{}
		}
		out[settings.ClientID][settings.Tenant]++
	}
	return out
}

// shared reports whether another secret is of the same client. One that names
// no tenant may be of any.
func (c claims) shared(s Settings) bool {
	n := 0
	for tenant, secrets := range c[s.ClientID] {
		if tenant == s.Tenant || tenant == "" || s.Tenant == "" {
			n += secrets
		}
	}
	return n > 1
}
