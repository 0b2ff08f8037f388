// Package secretsmanager is AWS Secrets Manager on the wire: an [http.Handler]
// with state that the AWS CLI and every AWS SDK can talk to. A mock repeats
// what we believe about staging labels; this contradicts it.
//
// # What it promises
//
// The JSON 1.1 protocol, per region and account: secrets, versions and staging
// labels, names, sizes, tokens and quotas, tags, resource policies, deletion
// with a recovery window, listing and filters. The API reference decides; what
// it leaves open follows responses that others recorded from AWS.
//
// A version is an immutable value and a set of labels, and a label sits on one
// version at most:
//
//	call                           AWSCURRENT             AWSPREVIOUS        AWSPENDING
//	first value of a secret        on it, always          -                  if asked for
//	Put or Update, no stages       moves to the new one   where it was       leaves the version AWSCURRENT left,
//	                                                                         and that of an unfinished rotation
//	Put with stages                moves only if named    follows AWSCURRENT moves only if named
//	UpdateSecretVersionStage       moves only if named,   follows AWSCURRENT stays where it is
//	                               never goes away
//	RotateSecret                   stays                  stays              moves to a new version without a value
//	end of a rotation              where the function     follows AWSCURRENT goes away beside AWSCURRENT
//	                               moved it
//
// # Rotation
//
// RotateSecret answers, and then the engine calls the function that
// [Rotation.Invoke] reaches: createSecret, setSecret, testSecret, finishSecret.
// The service itself never moves AWSCURRENT. When a step fails, the rest is not
// called, no label moves, and later everything begins again at createSecret with
// the same version, a few times. After that the version stays pending, and a
// RotateSecret is refused and makes the engine try once more; so does a schedule.
//
//	RotateSecret finds AWSPENDING          does
//	nowhere, or on the current version     starts a rotation
//	elsewhere, a rotation in progress      refuses
//	elsewhere, rotation on                 refuses, and tries that version again
//	elsewhere, rotation off                refuses, until somebody removes the label
//
// All waiting is by the clock of [Options.Now]: whoever moves it calls
// [Service.Wake]. [Service.Idle] waits for rotations, [Service.Close] stops the
// engine and all it has started; a Service that has never rotated a secret has
// nothing to stop.
//
// # What it does not know
//
// Who calls: signatures are accepted unchecked and only the region is read
// from them. It keeps secrets in memory, in clear, and never prints one.
//
// # Divergences from the real thing
//
//   - How often and when AWS tries a rotation again is not documented; here it is
//     [Rotation.Attempts] and RetryDelay. A rotation that a schedule starts begins
//     when its window opens; AWS takes any time in it. Windows that pass while the
//     clock jumps count as one.
//   - The version that is tested for RotateImmediately=false has the current
//     value. AWS says only that there is one; its templates could not test
//     another. The test is made once, and its failure changes nothing.
//   - Whether AWSPENDING leaves the version that became current is told both ways:
//     a maintainer of AWS's templates says that the service removes it, responses
//     that others recorded shortly after a rotation still have it. Here it goes,
//     or stays with [Rotation.KeepPending].
//   - A version made by hand takes AWSPENDING from the version of a rotation,
//     finished or not, as the user guide says of RotationAbandoned; a label that
//     somebody attached by hand stays. A rotation is also abandoned if its version
//     has neither AWSPENDING nor AWSCURRENT when a try ends.
//   - RotateSecret with the token of a rotation that is over answers as before and
//     does nothing; with the id of any other version it is refused.
//   - Rotation may be turned on without a schedule. Managed rotation and managed
//     external secrets are not imitated.
//   - A replica follows its primary after [Options.ReplicationLag], all at once and
//     in the order of the changes, and is InProgress meanwhile. It takes no writes
//     at all; it has the tags and the description of its primary, and the policy
//     that the primary had at the beginning. Replicas in other accounts are not
//     imitated.
//   - Any other operation is answered as AWS answers one that it does not know:
//     UnknownOperationException.
//   - KMS is not imitated: a key id is stored and repeated, never used. Nobody is
//     denied anything but the rotation function; resource policies are stored and
//     checked for their form.
//   - Whether ListSecretVersionIds lists a version without a value is not
//     documented. It does here as long as that has a label.
//   - Everything is consistent at once, unless [Fault.Delay] says otherwise, and
//     forced deletion and the end of a recovery window take effect immediately.
//   - Request rates are limited only with [Options.Rates].
//   - Whether a policy is public is decided by a wildcard principal without a
//     condition; AWS uses automated reasoning. CheckName is our own word.
//   - PutSecretValue of a value for a version that has none yet adds AWSCURRENT
//     if no version has it. AWS documents this for the first version only.
//   - That AWSPENDING leaves the version AWSCURRENT left was recorded for
//     PutSecretValue without stages; here it holds for every put that moves
//     AWSCURRENT.
//   - Several values of one filter: every one that starts with "!" must hold,
//     and one of the others. The description filter is a prefix of the whole
//     text, as documented; AWS is said to match single words as well.
//   - Without SortOrder, lists run from the oldest to the newest.
//   - The texts of errors that nobody recorded are our own; their codes are not.
package secretsmanager

import (
	"context"
	"sync"
	"time"
)

// Options configure a [Service]. The zero Options are ready for use.
type Options struct {
	// AccountID appears in every ARN. Empty means 123456789012.
	AccountID string
	// Region is for requests whose signature names none, and for
	// [Service.Put]. Empty means us-east-1.
	Region string
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// MaxVersions is how many versions a secret may have. Zero means 100, the
	// documented quota.
	MaxVersions int
	// Rates enforces the documented requests per second.
	Rates bool
	// ReplicationLag is how long a change takes to reach a replica.
	ReplicationLag time.Duration
	// Rotation says how secrets are rotated.
	Rotation Rotation
}

// Rotation configures the rotation engine. Its functions may be called
// concurrently.
type Rotation struct {
	// Invoke calls a Lambda function and waits for it. functionError is what
	// Lambda says of a function that failed or timed out, such as "Unhandled";
	// err says that there was no answer of the function. It has to return when
	// ctx ends. Nil means that no function can be invoked.
	Invoke func(ctx context.Context, functionARN string, event []byte) (functionError string, err error)
	// MayInvoke reports whether there is such a function, and whether its policy
	// lets Secrets Manager call it. It must not call the Service. Nil means yes.
	MayInvoke func(functionARN string) bool
	// OnStep is told of every step, before the next begins.
	OnStep func(StepEvent)
	// OnRotation is told how each rotation goes, one event after the other. An
	// attempt's first step waits until it was told what led to the attempt. It
	// must not wait for a step, nor for the Service to be idle.
	OnRotation func(RotationEvent)
	// Attempts is how often a rotation is tried before it is given up. Zero
	// means 5; AWS says "multiple times".
	Attempts int
	// RetryDelay is the time before the second attempt, by the room's clock;
	// it doubles every time. Zero means one second.
	RetryDelay time.Duration
	// InvokeTimeout is when the engine gives an invocation up, in real time.
	// Zero means 15 minutes, the longest that Lambda lets a function run.
	InvokeTimeout time.Duration
	// KeepPending leaves AWSPENDING beside AWSCURRENT after a rotation whose
	// function left it there. Both are documented as good ends of a rotation.
	KeepPending bool
}

func (o Rotation) mayInvoke(functionARN string) bool {
	return o.Invoke != nil && (o.MayInvoke == nil || o.MayInvoke(functionARN))
}

func (o Rotation) withDefaults() Rotation {
	if o.Attempts == 0 {
		o.Attempts = 5
	}
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Second
	}
	if o.InvokeTimeout == 0 {
		o.InvokeTimeout = 15 * time.Minute
	}
	return o
}

func (o Options) withDefaults() Options {
	if o.AccountID == "" {
		o.AccountID = "123456789012"
	}
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxVersions == 0 {
		o.MaxVersions = 100
	}
	o.Rotation = o.Rotation.withDefaults()
	return o
}

// A Service is all of Secrets Manager: every region of one account. It is safe
// for concurrent use; requests are carried out one after the other.
type Service struct {
	options Options

	mu       sync.Mutex
	regions  map[string]*region
	seq      int64 // orders what was created at the same time
	rates    rates
	mischief func(op, secret string) Fault
	engine   engine

	replicating bool // there is, or was, a replica
}

// New returns a Service without secrets.
func New(o Options) *Service {
	return &Service{options: o.withDefaults(), regions: map[string]*region{}, engine: newEngine()}
}

// region returns the named region, which exists as soon as it is named. The
// caller holds s.mu.
func (s *Service) region(name string) *region {
	r, ok := s.regions[name]
	if !ok {
		r = &region{name: name, account: s.options.AccountID, secrets: map[string]*secret{}}
		s.regions[name] = r
	}
	return r
}

// next numbers things in the order of their creation. The caller holds s.mu.
func (s *Service) next() int64 {
	s.seq++
	return s.seq
}
