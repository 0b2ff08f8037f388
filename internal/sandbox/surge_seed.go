package sandbox

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssecrets "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"clientkeeper/internal/sandbox/tenant"
)

// seedBatch is how many secrets are prepared at the same time. Each of them
// runs the rotation function once, for as long as the tenant's window.
const seedBatch = 250

// seedAge is how old the secrets are: older than their interval.
const seedAge = 60 * 24 * time.Hour

// seed makes the clients and their secrets, with rotation turned on as
// RotateSecret does it without rotating: Secrets Manager has the function test
// each of them, so the tenant has no limits meanwhile.
func (g *surge) seed(ctx context.Context) error {
	unlimited, err := tenant.PlanNamed("unlimited")
	if err != nil {
		return err
	}
	g.Tenant.SetPlan(unlimited)
	g.Tenant.AddAPI(audience)
	if err := g.Secrets.Idle(ctx); err != nil { // the management secret's test, before the clock is moved
		return err
	}
	g.past.Store(int64(seedAge))
	defer g.past.Store(0)
	for i := range g.order.Secrets {
		r := &Rotated{Name: fmt.Sprintf("clients/surge-%d", i), Kind: "client secret, made here"}
		if err := g.seedOne(r); err != nil {
			return err
		}
		g.secrets = append(g.secrets, r)
	}
	client, function := awssecrets.NewFromConfig(g.awsConfig()), g.functionARN("RotateSecretFunction")
	for i, r := range g.secrets {
		_, err := client.RotateSecret(ctx, &awssecrets.RotateSecretInput{SecretId: &r.ARN, RotationLambdaARN: &function, RotateImmediately: aws.Bool(false)})
		if err != nil {
			return err
		}
		if (i+1)%seedBatch > 0 && i+1 < len(g.secrets) {
			continue
		}
		if err := g.Secrets.Idle(ctx); err != nil {
			return err
		}
		if g.order.Progress != nil {
			g.order.Progress(SurgeProgress{Doing: "preparing", Rotated: i + 1, Secrets: len(g.secrets)})
		}
	}
	return nil
}

// secretsNow is Secrets Manager's clock.
func (s *Sandbox) secretsNow() time.Time { return s.now().Add(-time.Duration(s.past.Load())) }

// seedOne makes a client and its secret.
func (g *surge) seedOne(r *Rotated) (err error) {
	id, secret := g.Tenant.AddClient(r.Name)
	g.Tenant.AddGrant(id, audience, "read:orders")
	r.ClientID = id
	r.ARN, err = g.store(r, map[string]string{"client_secret": secret}, map[string]string{
		"clientkeeper:managed": "true", "clientkeeper:tenant": g.Tenant.Domain(), "clientkeeper:client-id": id,
		"clientkeeper:interval": "30d", "clientkeeper:audience": audience,
	})
	if err == nil {
		r.Before = g.current(r.ARN)
	}
	return err
}

// send puts n more registrations on the queue, ten at a time.
func (g *surge) send(ctx context.Context, n int) error {
	const valid, of = 13, 20 // of the soak's messages
	client, url := awssqs.NewFromConfig(g.awsConfig()), g.registrations().URL
	var batch []types.SendMessageBatchRequestEntry
	for i := range n {
		m, err := g.soaked(g.next/valid*of + g.next%valid)
		if err != nil {
			return err
		}
		g.next++
		g.messages = append(g.messages, m)
		batch = append(batch, types.SendMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), MessageBody: &m.body})
		if len(batch) < 10 && i < n-1 {
			continue
		}
		out, err := client.SendMessageBatch(ctx, &awssqs.SendMessageBatchInput{QueueUrl: &url, Entries: batch})
		if err == nil && len(out.Failed) > 0 {
			err = fmt.Errorf("%d messages could not be sent", len(out.Failed))
		}
		if err != nil {
			return err
		}
		batch = batch[:0]
	}
	return nil
}
