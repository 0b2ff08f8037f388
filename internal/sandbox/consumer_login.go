package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/sync/errgroup"
)

// What a consumer of a rotated secret does, as package rotation asks of it:
// AWSCURRENT, then AWSPENDING, then AWSPREVIOUS, and again half a second later
// with freshly read values, for 30 seconds. Of a key that follows a key it reads
// AWSCURRENT alone, once.
var consumerLabels = []string{"AWSCURRENT", "AWSPENDING", "AWSPREVIOUS"}

const (
	consumerEvery      = 100 * time.Millisecond
	consumerRoundEvery = 500 * time.Millisecond
	// consumerRounds are 30 seconds. They are counted, for a machine that stands
	// still makes none, which is not the secret's fault.
	consumerRounds = 60
	consumerLogins = 50 // at once
)

// A consumer logs in with what is stored. It shares no code with the functions.
type consumer struct {
	secrets *awssecrets.Client
	tenant  *http.Client
	token   string // the tenant's token endpoint
	arn     string
	client  string // its id
	order   ConsumerOrder
	labels  []string
	rounds  int         // that a login may take
	runs    *sync.Mutex // one run of the schedule at a time

	mu     sync.Mutex
	report ConsumerReport
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
		for i, label := range c.labels {
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
		if round == c.rounds {
			c.giveUp(round, time.Since(start))
			return nil
		}
		if err := wait(ctx, consumerRoundEvery); err != nil {
			return err
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

func (c *consumer) giveUp(round int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.report
	r.Failed++
	r.Rounds, r.Longest = max(r.Rounds, round), max(r.Longest, took)
}

// try logs in with what has a label, until there is an answer that tells
// something.
func (c *consumer) try(ctx context.Context, label string) (accepted bool, err error) {
	for {
		began := time.Now()
		accepted, answered, err := c.ask(ctx, label)
		// Whoever holds a key for longer than the overlap may be refused.
		late := c.order.Strategy == ConsumerKey && time.Since(began) > c.order.Overlap-time.Second
		if err != nil || accepted || answered && !late {
			return accepted, err
		}
		c.mu.Lock()
		c.report.Unanswered++
		c.mu.Unlock()
	}
}

// ask logs in once with what has a label. That nothing has it, or that it has
// no value yet, is a refusal.
func (c *consumer) ask(ctx context.Context, label string) (accepted, answered bool, err error) {
	out, err := c.secrets.GetSecretValue(ctx, &awssecrets.GetSecretValueInput{SecretId: &c.arn, VersionStage: &label})
	if _, missing := errors.AsType[*types.ResourceNotFoundException](err); missing {
		return false, true, nil
	}
	if err != nil {
		return false, false, err
	}
	form, err := loginForm(*out.SecretString)
	if err != nil {
		return false, false, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.token, strings.NewReader(form.Encode()))
	if err != nil {
		return false, false, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("User-Agent", "consumer/1")
	resp, err := c.tenant.Do(r)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && ctx.Err() == nil {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // so that the connection is used again
	switch resp.StatusCode {
	case http.StatusOK:
		return true, true, nil
	case http.StatusUnauthorized:
		return false, true, nil
	}
	return false, false, fmt.Errorf("the token endpoint answered %d", resp.StatusCode)
}

// A consumed secret is what a consumer reads of the stored JSON.
type consumed struct {
	ID     string `json:"client_id"`
	Issuer string `json:"issuer"`
	Method string `json:"token_endpoint_auth_method"`
	Secret string `json:"client_secret"`
	Key    string `json:"private_key_pem"`
	KeyID  string `json:"kid"`
	Alg    string `json:"alg"`
}

// loginForm asks for a token in the way that the stored JSON says.
func loginForm(stored string) (url.Values, error) {
	var value consumed
	if err := json.Unmarshal([]byte(stored), &value); err != nil {
		return nil, errors.New("the stored secret is not JSON")
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {value.ID}, "audience": {audience}}
	if value.Method != "private_key_jwt" {
		form.Set("client_secret", value.Secret)
		return form, nil
	}
	assertion, err := value.assertion()
	if err != nil {
		return nil, fmt.Errorf("the stored key: %w", err)
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion)
	return form, nil
}

// assertion is good for one login. (RFC 7523, section 3.)
func (v consumed) assertion() (string, error) {
	block, _ := pem.Decode([]byte(v.Key))
	if block == nil {
		return "", errors.New("no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", errors.New("no PKCS #8")
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(v.Alg), Key: jose.JSONWebKey{Key: key, KeyID: v.KeyID}},
		new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return "", err
	}
	now := time.Now()
	return jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: v.ID, Subject: v.ID, Audience: jwt.Audience{v.Issuer}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)),
	}).Serialize()
}
