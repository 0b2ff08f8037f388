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
//	Put or Update, no stages       moves to the new one   where it was       leaves the version AWSCURRENT left
//	Put with stages                moves only if named    follows AWSCURRENT moves only if named
//	UpdateSecretVersionStage       moves only if named,   follows AWSCURRENT stays where it is
//	                               never goes away
//
// # What it does not know
//
// Who calls: signatures are accepted unchecked and only the region is read
// from them. It keeps secrets in memory, in clear, and never prints one.
//
// # Divergences from the real thing
//
//   - Rotation is not imitated yet. RotateSecret refuses what AWS refuses, then
//     answers InvalidRequestException; so does CancelRotateSecret.
//   - Replication, cross-account replicas, managed external secrets and KMS are
//     not imitated: a key id is stored and repeated, never used. Nobody is
//     denied anything; resource policies are stored and checked for their form.
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
}

// New returns a Service without secrets.
func New(o Options) *Service {
	return &Service{options: o.withDefaults(), regions: map[string]*region{}}
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
