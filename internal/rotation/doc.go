// Package rotation brings a new credential into a tenant and a secret so that,
// whatever crashes, some stored version logs in.
//
// # Promises
//
// A new value is stored before it is applied, and nothing that a stored version
// needs is taken away before its successor works. Every step finds out how far
// an earlier try got and may be repeated at any time; a change whose answer was
// lost is looked at, not made again. A credential that is not ours is never
// touched. Two promises have limits, told below: a secret that the tenant makes
// has an instant in which it is nowhere stored, and a client that changes its
// way to log in has no moment in which both ways work.
//
// # What a consumer does
//
// Read AWSCURRENT and log in. Where it is refused (401), try AWSPENDING, then
// AWSPREVIOUS, then begin again half a second later with freshly read values,
// for 30 seconds. For that long after a change the tenant may accept the old
// secret, the new one, or now this and now that ("Rotate Client Secrets"), and
// from setSecret to finishSecret what it accepts is AWSPENDING. Look at
// token_endpoint_auth_method each time: it says how the value logs in. A
// consumer that reads AWSCURRENT alone fails between setSecret and
// finishSecret, some 30 seconds, with every secret, and never with a key that
// follows a key. The management client's own users do the same.
//
// # Which steps are let in
//
// The first row that fits decides, here and below.
//
//	labels of the version    rotation    result
//	AWSCURRENT               -           success, without effects; finishSecret
//	                                     takes a left-over AWSPENDING off it
//	-                        deleted     secret_deleted
//	-                        disabled    rotation_disabled
//	none, or unknown         enabled     token_unknown
//	not AWSPENDING           enabled     not_pending
//	AWSPENDING               enabled     on to the step
//
// Where the tags do not say that the secret is managed, are wrong, or name
// another tenant, no step is let in but by the first row: not_managed, bad_tags,
// other_tenant.
//
// # createSecret
//
// Secrets Manager labels the version before it has a value, so the labels alone
// do not tell.
//
//	value of AWSPENDING          AWSCURRENT       do
//	of no client, or another's   -                pending_foreign
//	AWSCURRENT's credential      ours             pending_stale
//	ours, of either kind         -                nothing: an earlier try did it
//	none                         no value         no_current
//	none                         not an object    secret_malformed
//	none                         another client's wrong_client
//	none                         a signing secret make another: see below
//	none                         ours, kind key   see that there is room, make a key, store it
//	none                         ours, generated  let the tenant make it, store it; but of the
//	                                              management client itself as in the next row
//	none                         ours             make 64 random characters, store them
//
// The value, not the tag, decides how the later steps go on. Keys of the JSON
// that we do not know are AWSCURRENT's.
//
// # setSecret
//
// It first waits for the replicas, for from here on AWSCURRENT may be dead in
// every region. Then it finds out which stored credential the client has, and
// changes nothing for a secret that stores none of them.
//
//	client logs in with  the tenant has        pending  do
//	none, mutual TLS     -                     -        other_method
//	either               none that is stored   -        not_held
//	either               cannot be told        -        not_told
//	either               any that is stored    a key    place it, see below
//	either               pending's             secret   nothing
//	private_key_jwt      current's, previous's secret   switch to the secret, see below
//	a secret             current's             secret   PATCH
//	a secret             previous's            secret   PATCH, and note the drift
//	a secret             one that it made for  secret   PATCH, and note the drift
//	                     us, not stored
//
// Which secret it has is read where the scope allows (read:client_keys), else
// found out by trial logins, until the tenant's window is over. Each counts
// with pending's login method, and where that is not the client's it has to log
// in as well: not every tenant minds. A key is the client's where the
// thumbprint of the stored private half is that of an attached credential;
// where the tenant knows it by another kid, it has to log in. So what a person
// has changed in the tenant stays: the rotation stops, the doctor says why, and
// [Adopter] is the way back. A client whose secret is not shown, and which is
// refused its grant before its credential is looked at, is not rotated at all:
// it takes read:client_keys, or the client_credentials grant.
//
// The labels are read again before and after the PATCH. Where AWSPENDING was
// taken away in between, the tenant gets AWSCURRENT's secret back, or the client
// the keys or the secret that it was switched from.
//
// # setSecret, of a key
//
// One call at a time, each safe to be the last; two keys may be attached and
// four be in the pool.
//
//	the new key       attached     pool   do
//	attached          -            -      nothing
//	expires too soon  -            -      renew its expiry
//	anywhere else     2, kept      -      overlap_running, or slots_taken
//	in the pool       less than 2  -      attach it beside the others, in one PATCH
//	in the pool       2            -      attach it in place of one that is disposable, in one PATCH
//	nowhere           -            < 4    upload it, with an expiry
//	nowhere           -            4      delete a disposable one that is not attached,
//	                                      else detach one, else pool_full
//
// Ours is a key that a version stores or whose name begins with [NamePrefix].
// Disposable is one of ours that is neither pending's nor current's and that
// has expired, that no version stores, or that is previous's after its overlap.
// One client has one managed secret; the keys of a second would count as left
// over. Interval, overlap and a margin are the time until a key expires, so a
// rotation that keeps failing has to be noticed within the margin; the doctor
// renews a key that is about to expire, and so does the schedule for one whose
// rotation is paused or an overlap late. Without an interval a key does not
// expire, for nobody knows when it will be replaced. Nothing is moved while
// AWSCURRENT cannot be read: current_unseen.
//
// # testSecret
//
//	AWSPENDING     do
//	no value       Secrets Manager only tests the configuration: AWSCURRENT has to log in
//	not ours       pending_foreign
//	a secret       so many logins in a row, spread over the tenant's 30 seconds
//	a key          two logins, two seconds apart; where the client had no key, as a secret
//
// A client may be refused the client_credentials grant, with 403, by a tenant
// that has accepted its credential. Whether that is so is tried out with a
// credential that cannot be right: where it gets 401, a 403 is a pass. Where it
// gets 403 too, a login tells nothing, and the step waits for the window, reads
// the tenant's side back and notes read_back. Where the scope does not show that
// either: not_told.
//
// # finishSecret
//
//	AWSPENDING  tenant               AWSCURRENT         do
//	ours        does not accept it   -                  not_applied: a step came out of order
//	ours        is read to have      -                  not_applied, too
//	            another, and a login
//	            proves nothing
//	ours        cannot be told       -                  not_told
//	ours        has or accepts it    on the old         move it, compare-and-swap; take AWSPENDING off
//	ours        has or accepts it    moved meanwhile    read: ours is success, another's is the Conflict
//
// A key that was current stays attached for the overlap, and so does the other
// place: a second rotation in that time is refused. [Doctor.Retire] detaches it
// and deletes it afterwards. That of a client which went back to a secret is
// deleted before a second secret becomes current, for no version would name it.
//
// # A secret that the tenant makes
//
// POST rotate-secret kills the old secret and tells the new one, in its answer.
// No order of calls can store it before it is applied; between the two,
// nothing that is stored logs in, but for the tenant's 30 seconds. What can be
// done is to keep that time at one call, and to end it after any crash:
//
//   - The POST is sent only when a read shows a secret that is stored, and a
//     login with it is accepted. Just before, the client is given a mark, in
//     client_metadata, where only those can write who may change it.
//   - A secret that is not stored was made by an earlier try where the client
//     has the mark of this secret and its AWSCURRENT, and is stored without a
//     POST. Without the mark it is somebody's: not_held.
//   - So the client's secret has to be readable (read:client_keys), or the
//     strategy is refused before anything happens.
//   - It is never repeated. After a lost answer the client is read until the new
//     secret shows; if it does not, the next try begins with the read.
//   - If the answer cannot be stored, the tenant gets the stored secret back,
//     unless it has another one by then. What was read back, and may have been
//     set by a person meanwhile, is never overwritten.
//   - Versions are immutable, so of two tries at once the first to store wins,
//     and setSecret PATCHes the tenant to what is stored; until then that does
//     not log in.
//   - The management client itself gets a secret that is made here: to read
//     what was made, one has to log in.
//
// The strategy local has none of this and is the default.
//
// # From a secret to a key and back
//
// Tag the secret with the other kind and rotate. The tenant takes either a
// secret or keys, never both, and switches in one PATCH, which setSecret makes
// when the new credential is stored as AWSPENDING; until finishSecret a consumer
// finds it there. A key cannot be tried before the switch. A secret is set first,
// while the keys still work, and left to spread for the tenant's 30 seconds.
// Whether a tenant takes one of a client that uses keys is not documented; where
// it does not, the secret is set with the switch, noted as migrated_at_once, and
// may not be accepted by every part of the tenant for those 30 seconds. The key
// of a client that went back to a secret stays in the pool for the overlap, or
// until finishSecret of the next rotation, after which no version would hold it.
//
// # A signing secret of webhooks
//
// The kind webhook_secret has no client and no side in a tenant. Its value is
// {"whsec": "whsec_..."}, as Standard Webhooks hands it out, with whatever else is
// there kept as it is. Senders sign with AWSCURRENT; verifiers accept what is
// AWSCURRENT, AWSPREVIOUS and AWSPENDING; both read at least once a minute.
//
//	step          do
//	createSecret  by its table above: 32 random bytes, stored as AWSPENDING
//	setSecret     nothing
//	testSecret    read it, and wait 75 seconds, until every verifier has
//	finishSecret  wait for the replicas, move AWSCURRENT, compare-and-swap
//
// Doctor.Revoke takes AWSPREVIOUS away: then what was current before dies.
//
// # What the doctor finds
//
//	secret_deleted, bad_tags, rotation_disabled, no_current, current_unusable,
//	replica_failed, duplicate_client, too_many_versions, overdue,
//	client_missing, client_unreachable, pending_foreign, foreign_key:
//	                    a person has to decide
//	label_leftover      AWSPENDING is on AWSCURRENT: take it off
//	pending_empty       given up before it had a value: take the label off
//	pending_stale       older than AWSCURRENT or the same, and not applied: take it off
//	pending_stuck       applied: make it current; not applied: let it go on;
//	                    the tenant accepts nothing that is stored: a person
//	login_refused, key_missing, key_unattached, key_expired
//	                    AWSPREVIOUS works: rotate; nothing does: a person, who
//	                    knows whose client it is, adopts it again
//	key_expiring        renew its expiry
//	overlap_over, key_unstored, orphan_credential
//	                    retire it, if it is older than an hour and AWSCURRENT works
//
// A rotation that began less than an hour ago is left alone, unless AWSPENDING
// holds what no rotation stores, or the tenant shows a secret that is stored
// nowhere. None is started of a secret that is paused, or whose rotation was
// cancelled: a person has to resume it, or to start it, first.
//
// # Who has to be trusted
//
// The tags and the value of a secret say whose credential it is, and they are
// not believed: a client is changed only for a secret that stores a credential
// with which it logs in now, and its secret is stored only where that was so
// before. Whoever may write and tag other secrets, and has no credential of a
// client, comes by none. Who has one could log in anyway; rotating it for a
// secret of their own would lock out its owner, until a person adopts the
// client. And who may put values into the client's own secret chooses its next
// credential, for nothing tells a value that is AWSPENDING from one that an
// earlier try made. So allow PutSecretValue on managed secrets, TagResource with
// clientkeeper's tags, and InvokeFunction on the rotation function, to those
// alone who administer managed secrets. The management client is rotated only
// for the one secret that the function itself reads, and by the same rules.
//
// [Adopter] believes the person who calls it: it stores the credential of the
// client that is named in the secret that is named.
//
// The package knows nothing of AWS, of HTTP, nor of how the management client
// logs in.
package rotation
