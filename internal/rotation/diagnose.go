package rotation

import (
	"fmt"
	"time"

	"clientkeeper/internal/fault"
)

// diagnose is the doctor's table. It is pure.
func (e exam) diagnose() []Finding {
	var out []Finding
	add := func(f ...Finding) { out = append(out, f...) }
	if e.secret.Deleted {
		return []Finding{e.find("secret_deleted", "the secret is scheduled for deletion", "restore it, or let it go")}
	}
	if e.tagsErr != nil {
		return []Finding{e.find("bad_tags", e.tagsErr.Error(), "correct the secret's tags")}
	}
	add(e.storeSide()...)
	add(e.pendingSide()...)
	switch {
	case e.tenantErr == nil:
		add(e.tenantSide()...)
		add(e.keySide()...)
	case fault.KindOf(e.tenantErr) == fault.NotFound:
		add(e.find("client_missing", "the tenant has no such client", "pause the secret, or delete it; or correct "+TagClientID))
	default:
		add(e.find("client_unreachable", "the client could not be looked at: "+e.tenantErr.Error(), "try again, and see the cause if it persists"))
	}
	return e.held(out)
}

// held leaves to a person what would rotate a secret that is paused, or whose
// rotation was cancelled: RotateSecret would switch it on again.
func (e exam) held(found []Finding) []Finding {
	for i, f := range found {
		switch {
		case f.act != repairRotate:
		case e.settings.Paused != "":
			found[i].Safe, found[i].act, found[i].Repair = false, repairNone, "it is paused; resume it, then "+f.Repair
		case !e.secret.RotationEnabled:
			found[i].Safe, found[i].act, found[i].Repair = false, repairNone, "if its rotation is to go on although somebody cancelled it, clientkeeper rotate"
		}
	}
	return found
}

func (e exam) find(slug, says, repair string) Finding {
	return Finding{SecretID: e.secret.ID, Slug: slug, Says: says, Repair: repair}
}

func (f Finding) safely(act repair, version string) Finding {
	f.Safe, f.act, f.version = true, act, version
	return f
}

// storeSide is what the labels, times and replicas show.
func (e exam) storeSide() (out []Finding) {
	if !e.secret.RotationEnabled {
		out = append(out, e.find("rotation_disabled", "rotation is not enabled, or was cancelled", "start a rotation, which enables it; without a rotation function, adopt the secret, which gives it one"))
	}
	switch {
	case e.current.version == "" || !e.current.present:
		out = append(out, e.find("no_current", "AWSCURRENT has no value", "adopt the client, which stores its credential"))
	case !e.current.usable(e.settings.ClientID):
		out = append(out, e.find("current_unusable", "AWSCURRENT holds no credential of this client", "store the client's credential, or correct "+TagClientID))
	}
	for _, r := range e.secret.Replicas {
		if r.State == ReplicaFailed {
			out = append(out, e.find("replica_failed", "the replica in "+r.Region+" has failed, and rotations wait for it", "replicate the secret there again, or remove that replica"))
		}
	}
	if e.shared {
		out = append(out, e.find("duplicate_client", "two managed secrets rotate the same client, and each would undo the other", "keep one, and remove "+TagManaged+" from the other"))
	}
	if e.recent > ManyVersions {
		out = append(out, e.find("too_many_versions", fmt.Sprintf("%d versions were made in a day, and Secrets Manager keeps about 100", e.recent), "lengthen "+TagInterval))
	}
	if due := dueAt(e.secret, e.settings, Policy{}); e.settings.Interval > 0 && e.settings.Paused == "" && e.now.Sub(due) > overdueAfter(e.settings.Interval) {
		out = append(out, e.find("overdue", "it should have been rotated by "+due.UTC().Format(time.RFC3339), "see why the schedule does not start it, or clientkeeper rotate"))
	}
	return out
}

// overdueAfter leaves the schedule some runs and a few failures.
func overdueAfter(interval time.Duration) time.Duration {
	return min(max(interval/4, time.Hour), 7*24*time.Hour)
}

// pendingSide is the table of what may be wrong with AWSPENDING.
func (e exam) pendingSide() []Finding {
	version := e.pending.version
	const drop = "remove the label AWSPENDING from that version"
	switch {
	case version == "":
		return nil
	case version == e.current.version:
		return []Finding{e.find("label_leftover", "AWSPENDING is still on the version that is AWSCURRENT", drop).safely(repairDrop, version)}
	case e.pending.present && !e.pending.usable(e.settings.ClientID): // which no rotation would store
		return []Finding{e.find("pending_foreign", "AWSPENDING holds a value that is no credential of this client, and no rotation can begin", "see whose it is, then "+drop)}
	case e.secret.pendingSince(e.now) < stuckAfter:
		return nil // a rotation is under way
	case !e.pending.present:
		return []Finding{e.find("pending_empty", "AWSPENDING has no value: a rotation was given up before its first step ended", drop).safely(repairDrop, version)}
	}
	return []Finding{e.stuck(version, drop)}
}

// stuck is a pending credential of ours that nobody is working on.
func (e exam) stuck(version, drop string) Finding {
	same := e.current.usable(e.settings.ClientID) && sameCredential(e.pending.value, e.current.value)
	older := e.made(e.current.version).After(e.made(version))
	f := e.find("pending_stuck", "a rotation stopped half-way", "let Secrets Manager go on with it")
	switch {
	case same:
		f.Slug, f.Says, f.Repair = "pending_stale", "AWSPENDING holds the credential that AWSCURRENT has already", drop
		return f.safely(repairDrop, version)
	case e.tenantErr != nil:
		return f // nothing is known of the tenant: no advice can be safe
	case e.pendingWorks == worksYes:
		f.Says, f.Repair = "a rotation stopped before its last step: the tenant accepts AWSPENDING", "make AWSPENDING current"
		if e.secret.labelled(Current) == "" {
			return f
		}
		return f.safely(repairFinish, version)
	case older && e.currentWorks == worksYes:
		f.Slug, f.Says, f.Repair = "pending_stale", "AWSCURRENT is newer than AWSPENDING, which the tenant refuses", drop
		return f.safely(repairDrop, version)
	case e.currentWorks == worksYes || e.previousWorks == worksYes:
		return f.safely(repairRotate, version)
	case e.currentWorks == worksUnknown || e.pendingWorks == worksUnknown:
		f.Says, f.Repair = f.Says+", and what the tenant accepts cannot be told", "grant read:client_keys to the management client"
	default:
		f.Says, f.Repair = f.Says+", and the tenant accepts nothing that is stored: somebody changed it there", e.adopt()
	}
	return f
}

// adopt is the way back where nothing stored logs in. It takes a person, who
// knows that the client is this secret's: tags alone do not prove it.
func (e exam) adopt() string {
	return "find out who changed it, then clientkeeper adopt -secret " + e.secret.Name + " " + e.settings.ClientID
}

func (e exam) made(version string) time.Time {
	for _, v := range e.secret.Versions {
		if v.ID == version {
			return v.Created
		}
	}
	return time.Time{}
}

// tenantSide is what the tenant makes of the stored values.
func (e exam) tenantSide() (out []Finding) {
	if !e.current.usable(e.settings.ClientID) {
		return nil
	}
	if e.currentWorks != worksNo || e.secret.inFlight() && !e.hopeless() || kindOf(e.current.value) == KindKey && e.method == KindKey {
		return nil // a rotation, or the doctor of keys, sees to it
	}
	if e.previousWorks == worksYes {
		return append(out, e.find("login_refused", "the tenant refuses AWSCURRENT and accepts AWSPREVIOUS", "rotate, which sets a new one in both").safely(repairRotate, e.current.version))
	}
	return append(out, e.find("login_refused", "the tenant accepts nothing that is stored: somebody changed it there, and rotations are refused", e.adopt()))
}

// hopeless reports whether a rotation that is under way cannot help: it has
// stored its credential, and the tenant shows a secret that is stored nowhere. A
// login would prove nothing while the tenant may accept the old or the new one.
// After stuckAfter, pending_stuck says it.
func (e exam) hopeless() bool {
	return e.shown && e.pending.usable(e.settings.ClientID) && e.pendingWorks == worksNo && e.previousWorks != worksYes &&
		e.secret.pendingSince(e.now) < stuckAfter
}

// keySide is what is wrong with the client's keys.
func (e exam) keySide() (out []Finding) {
	p := e.keys
	if e.pending.usable(e.settings.ClientID) {
		p.want = keyID(e.pending) // stored, too
	}
	if p.current != "" && e.method == KindKey && !e.secret.inFlight() {
		out = append(out, e.currentKey()...)
	}
	for _, k := range p.credentials {
		name := "the key " + k.KeyID + " (" + k.ID + ")"
		var f Finding
		switch {
		case !p.ours(k):
			if p.isAttached(k) && len(p.attached) == maxAttached {
				out = append(out, e.find("foreign_key", name+" is not clientkeeper's, and leaves no place for a rotation", "detach it in the tenant when nobody uses it any more"))
			}
			continue
		case !p.disposable(k) || p.stored(k) && k.KeyID != p.previous:
			continue
		case k.KeyID == p.previous:
			f = e.find("overlap_over", name+" is attached after its overlap", "detach and delete it")
		case p.isAttached(k):
			f = e.find("key_unstored", name+" is attached, and no version stores its private half", "detach and delete it")
		default:
			f = e.find("orphan_credential", name+" was uploaded here, is attached nowhere and stored nowhere", "delete it")
		}
		if p.old(k) && !e.secret.inFlight() && e.currentWorks == worksYes {
			f = f.safely(repairTidy, k.ID)
		}
		out = append(out, f)
	}
	return out
}

// currentKey is what is wrong with the key in AWSCURRENT. Where AWSPREVIOUS
// works it is replaced; it may have been taken away on purpose. Where nothing
// that is stored does, a person decides.
func (e exam) currentKey() []Finding {
	p := e.keys
	k, pooled := p.byKeyID(p.current)
	expiring := pooled && !k.Expires.IsZero() && k.Expires.Before(p.renewBy)
	var f Finding
	switch {
	case !pooled:
		f = e.find("key_missing", "the key in AWSCURRENT is not in the tenant", e.adopt())
	case !p.isAttached(k):
		f = e.find("key_unattached", "the key in AWSCURRENT is in the tenant but not attached", e.adopt())
	case expired(k, p.now):
		f = e.find("key_expired", "the key in AWSCURRENT has expired", e.adopt())
	case e.currentWorks != worksYes:
		return []Finding{e.find("login_refused", "the tenant's key of that kid is another than the one in AWSCURRENT", e.adopt())}
	case expiring:
		f = e.find("key_expiring", "the key in AWSCURRENT expires on "+k.Expires.UTC().Format(time.RFC3339), "renew its expiry, and rotate")
		return []Finding{f.safely(repairPlace, p.current)}
	default:
		return nil
	}
	p.want = "" // a new key needs a place
	_, err := p.next()
	switch {
	case err != nil:
		f.Repair = "make room first (" + fault.Reason(err) + "), then " + f.Repair
	case e.previousWorks == worksYes:
		f.Repair = "rotate, which makes a new one: this one may have been taken away on purpose"
		return []Finding{f.safely(repairRotate, p.current)}
	}
	return []Finding{f}
}
