package sandbox

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"golang.org/x/sync/errgroup"
)

// How the secrets of consumers are rotated.
const (
	ConsumerLocal     = "local"            // client secrets that are made here
	ConsumerGenerated = "tenant-generated" // client secrets that the tenant makes
	ConsumerKey       = "private_key_jwt"  // keys, whose consumers have no fallback
	// ConsumerMigrated are client secrets that keys follow, and client secrets
	// these.
	ConsumerMigrated = "back-and-forth"
)

// A ConsumerOrder says whose secrets are rotated while they are used.
type ConsumerOrder struct {
	Secrets   int    // each with a consumer of its own
	Rotations int    // of all of them together; a multiple of Secrets
	Strategy  string // such as ConsumerLocal
	// Overlap is how long a key stays attached after it was replaced; zero is
	// ten seconds. The next rotation of a key waits for its end.
	Overlap time.Duration
}

// A ConsumerReport is what the consumers of secrets met while these were
// rotated.
type ConsumerReport struct {
	Strategy           string
	Secrets, Rotations int
	Logins             int
	Failed             int // although the consumer did as it should
	// Alone is how many would have failed with AWSCURRENT and no second try.
	Alone int
	// Unanswered is how many requests got no answer, as on a machine that is
	// too busy, or were refused so late that the overlap of a key was over. They
	// say nothing about the secret, and are made again.
	Unanswered int
	Rounds     int           // over all labels, the most that one login took
	Longest    time.Duration // that one login took
	Took       time.Duration
}

// Bad reports whether a consumer failed, or none was there.
func (r ConsumerReport) Bad() bool { return r.Failed > 0 || r.Logins == 0 }

// Consume rotates the secrets of new clients, one after the other and all beside
// each other, while a consumer of each logs in ten times a second.
func (s *Sandbox) Consume(ctx context.Context, o ConsumerOrder) (ConsumerReport, error) {
	start := time.Now()
	total := ConsumerReport{Strategy: o.Strategy, Secrets: o.Secrets, Rotations: o.Rotations}
	s.Tenant.AddAPI(audience)
	transport := s.tenantTransport()
	defer transport.CloseIdleConnections()
	g, ctx := errgroup.WithContext(ctx)
	var mu, runs sync.Mutex
	for i := range o.Secrets {
		c, err := s.newConsumer(fmt.Sprintf("clients/consumed-%s-%d", o.Strategy, i), o, transport)
		if err != nil {
			return total, errors.Join(err, g.Wait())
		}
		c.runs = &runs
		g.Go(func() error {
			err := s.consume(ctx, c, o.Rotations/o.Secrets)
			mu.Lock()
			defer mu.Unlock()
			total.add(c.report)
			return err
		})
	}
	err := g.Wait()
	total.Took = time.Since(start)
	return total, err
}

func (r *ConsumerReport) add(other ConsumerReport) {
	r.Logins += other.Logins
	r.Failed += other.Failed
	r.Alone += other.Alone
	r.Unanswered += other.Unanswered
	r.Rounds = max(r.Rounds, other.Rounds)
	r.Longest = max(r.Longest, other.Longest)
}

func (s *Sandbox) tenantTransport() *http.Transport {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Tenant.CAPEM())
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 64}
}

// consume rotates one secret while its consumer is at work.
func (s *Sandbox) consume(ctx context.Context, c *consumer, rotations int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		err := c.run(ctx, stop)
		if err != nil {
			cancel()
		}
		done <- err
	}()
	var err error
	for i := range rotations {
		if err = s.makeReady(ctx, c, i); err != nil {
			break
		}
		if err = s.rotateOnce(ctx, c.arn); err != nil {
			break
		}
	}
	close(stop)
	return errors.Join(err, <-done)
}

// makeReady does what comes before a rotation. The place of a key whose overlap
// is over comes free in two ways: the schedule detaches it, or the next rotation
// puts its own key there. They take turns.
func (s *Sandbox) makeReady(ctx context.Context, c *consumer, rotation int) error {
	switch {
	case c.order.Strategy == ConsumerMigrated:
		kind := []string{"private_key_jwt", "client_secret"}[rotation%2]
		_, err := c.secrets.TagResource(ctx, &awssecrets.TagResourceInput{SecretId: &c.arn,
			Tags: []types.Tag{{Key: aws.String("clientkeeper:kind"), Value: &kind}}})
		return err
	case c.order.Strategy != ConsumerKey || rotation == 0:
		return nil
	}
	if err := wait(ctx, c.order.Overlap+time.Second); err != nil || rotation%2 == 0 {
		return err
	}
	c.runs.Lock()
	defer c.runs.Unlock()
	for len(s.Tenant.AttachedKeys(c.client)) > 1 {
		if _, err := (&surge{Sandbox: s}).schedule(ctx); err != nil {
			return err
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Sandbox) newConsumer(name string, o ConsumerOrder, transport http.RoundTripper) (*consumer, error) {
	if o.Overlap == 0 {
		o.Overlap = 10 * time.Second
	}
	c := &consumer{
		secrets: awssecrets.NewFromConfig(s.awsConfig()),
		tenant:  &http.Client{Timeout: 20 * time.Second, Transport: transport},
		token:   "https://" + s.Tenant.Domain() + "/oauth/token", order: o, labels: consumerLabels, rounds: consumerRounds,
	}
	r := &Rotated{Name: name}
	var secret string
	r.ClientID, secret = s.Tenant.AddClient(r.Name)
	s.Tenant.AddGrant(r.ClientID, audience, "read:orders")
	tags := map[string]string{
		"clientkeeper:managed": "true", "clientkeeper:tenant": s.Tenant.Domain(), "clientkeeper:client-id": r.ClientID,
		"clientkeeper:interval": "30d", "clientkeeper:audience": audience, "clientkeeper:overlap": o.Overlap.String(),
	}
	value := map[string]string{"client_secret": secret}
	var err error
	switch o.Strategy {
	case ConsumerKey:
		tags["clientkeeper:kind"], c.labels, c.rounds = "private_key_jwt", consumerLabels[:1], 1
		if value, err = s.giveKey(r.ClientID); err != nil {
			return nil, err
		}
	case ConsumerGenerated:
		tags["clientkeeper:strategy"] = "tenant-generated"
	}
	c.client = r.ClientID
	c.arn, err = s.store(r, value, tags)
	return c, err
}

// rotateOnce rotates a secret and waits for the end of it.
func (s *Sandbox) rotateOnce(ctx context.Context, arn string) error {
	before, function := s.current(arn), s.functionARN("RotateSecretFunction")
	_, err := awssecrets.NewFromConfig(s.awsConfig()).RotateSecret(ctx, &awssecrets.RotateSecretInput{SecretId: &arn, RotationLambdaARN: &function,
		RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)}})
	if err != nil {
		return err
	}
	for s.secretView(arn).Rotating {
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	if s.current(arn) == before {
		return errors.New("the secret was not rotated")
	}
	return nil
}
