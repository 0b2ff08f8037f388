package sandbox

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"golang.org/x/sync/errgroup"
)

// A ConsumerOrder says whose secrets are rotated while they are used.
type ConsumerOrder struct {
	Secrets   int    // each with a consumer of its own
	Rotations int    // of all of them together; a multiple of Secrets
	Strategy  string // local, or tenant-generated
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
	// too busy. They say nothing about the secret, and are made again.
	Unanswered int
	Rounds     int           // over all labels, the most that one login took
	Longest    time.Duration // that one login took
	Took       time.Duration
}

// Bad reports whether a consumer failed, or none was there.
func (r ConsumerReport) Bad() bool { return r.Failed > 0 || r.Logins == 0 }

// What a consumer of a rotated secret does, as package rotation asks of it:
// AWSCURRENT, then AWSPENDING, then AWSPREVIOUS, and again half a second later
// with freshly read values, for 30 seconds.
var consumerLabels = []string{"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"}

const (
	consumerEvery      = 100 * time.Millisecond
	consumerRoundEvery = 500 * time.Millisecond
	consumerPatience   = 30 * time.Second
	consumerLogins     = 50 // at once
)

// A consumer logs in with what is stored. It shares no code with the functions.
type consumer struct {
	secrets *awssecrets.Client
	tenant  *http.Client
	token   string // the tenant's token endpoint
	arn     string
	// patience is for one login.
	patience time.Duration

	mu     sync.Mutex
	report ConsumerReport
}

// Consume rotates the secrets of new clients, one after the other and all beside
// each other, while a consumer of each logs in ten times a second.
func (s *Sandbox) Consume(ctx context.Context, o ConsumerOrder) (ConsumerReport, error) {
	start := time.Now()
	total := ConsumerReport{Strategy: o.Strategy, Secrets: o.Secrets, Rotations: o.Rotations}
	s.Tenant.AddAPI(audience)
	transport := s.tenantTransport()
	defer transport.CloseIdleConnections()
	g, ctx := errgroup.WithContext(ctx)
	var mu sync.Mutex
	for i := range o.Secrets {
		c, err := s.newConsumer(fmt.Sprintf("clients/consumed-%s-%d", o.Strategy, i), o.Strategy, transport)
		if err != nil {
			return total, errors.Join(err, g.Wait())
		}
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
	for range rotations {
		if err = s.rotateOnce(ctx, c.arn); err != nil {
			break
		}
	}
	close(stop)
	return errors.Join(err, <-done)
}

func (s *Sandbox) newConsumer(name, strategy string, transport http.RoundTripper) (*consumer, error) {
	r := &Rotated{Name: name}
	var secret string
	r.ClientID, secret = s.Tenant.AddClient(r.Name)
	s.Tenant.AddGrant(r.ClientID, audience, "read:orders")
	arn, err := s.store(r, map[string]string{"client_secret": secret}, map[string]string{
		"clientkeeper:managed": "true", "clientkeeper:tenant": s.Tenant.Domain(), "clientkeeper:client-id": r.ClientID,
		"clientkeeper:strategy": strategy, "clientkeeper:interval": "30d", "clientkeeper:audience": audience,
	})
	return &consumer{
		secrets: awssecrets.NewFromConfig(s.awsConfig()),
		tenant:  &http.Client{Timeout: 20 * time.Second, Transport: transport},
		token:   "https://" + s.Tenant.Domain() + "/oauth/token", arn: arn, patience: consumerPatience,
	}, err
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
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.current(arn) == before {
		return errors.New("the secret was not rotated")
	}
	return nil
}

// run begins a login ten times a second, whether or not those before have
// ended, unless that are very many, until it is stopped, and returns when all
// have ended.
func (c *consumer) run(ctx context.Context, stop <-chan struct{}) error {
	tick := time.NewTicker(consumerEvery)
	defer tick.Stop()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(consumerLogins)
	for {
		select {
		case <-tick.C:
			g.TryGo(func() error { return c.once(ctx) })
		case <-stop:
			return g.Wait()
		case <-ctx.Done():
			return errors.Join(g.Wait(), ctx.Err())
		}
	}
}

// once is one login with the fallback.
func (c *consumer) once(ctx context.Context) error {
	start := time.Now()
	for round := 1; ; round++ {
		for i, label := range consumerLabels {
			accepted, err := c.try(ctx, label)
			if err != nil {
				return err
			}
			if first := round == 1 && i == 0; first || accepted {
				c.note(accepted, first, round, time.Since(start))
			}
			if accepted {
				return nil
			}
		}
		if time.Since(start) > c.patience {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.report.Failed++
			return nil
		}
		select {
		case <-time.After(consumerRoundEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// note counts a first try and a success, which may be the same one.
func (c *consumer) note(accepted, first bool, round int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.report
	if first {
		r.Logins++
	}
	if !accepted {
		r.Alone++
		return
	}
	r.Rounds = max(r.Rounds, round)
	r.Longest = max(r.Longest, took)
}

// try logs in with what has a label. That nothing has it, or that it has no
// value yet, is no error.
func (c *consumer) try(ctx context.Context, label string) (accepted bool, err error) {
	out, err := c.secrets.GetSecretValue(ctx, &awssecrets.GetSecretValueInput{SecretId: &c.arn, VersionStage: &label})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var value struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	if err := json.Unmarshal([]byte(*out.SecretString), &value); err != nil {
		return false, errors.New("the stored secret is not JSON")
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {value.ID}, "client_secret": {value.Secret}, "audience": {audience}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.token, strings.NewReader(form.Encode()))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", "consumer/1")
	resp, err := c.tenant.Do(r)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && ctx.Err() == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.report.Unanswered++
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // so that the connection is used again
	switch resp.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusUnauthorized:
		return false, nil
	}
	return false, fmt.Errorf("the token endpoint answered %d", resp.StatusCode)
}
