package sandbox

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"clientkeeper/internal/sandbox/secretsmanager"
	"clientkeeper/internal/sandbox/tenant"
)

func TestAConsumerSeesNoFailureWhileItsSecretIsRotated(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Plan: "private-500"}, nil)
	for _, o := range []ConsumerOrder{
		{Secrets: 2, Rotations: 6, Strategy: ConsumerLocal},
		{Secrets: 2, Rotations: 4, Strategy: ConsumerGenerated},
		{Secrets: 2, Rotations: 6, Strategy: ConsumerKey, Overlap: 4 * time.Second},
		{Secrets: 2, Rotations: 4, Strategy: ConsumerMigrated},
	} {
		t.Run(o.Strategy, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			r, err := s.Consume(ctx, o)
			if err != nil || r.Bad() {
				t.Errorf("%+v, %v", r, err)
			}
			if keys := o.Strategy == ConsumerKey; keys != (r.Alone == 0) {
				t.Errorf("AWSCURRENT alone was refused %d times, and should have been so at rotations of secrets and never of keys", r.Alone)
			}
			t.Logf("%+v", r)
		})
	}
}

// A key that is taken away before its successor is AWSCURRENT is noticed.
func TestAConsumerNoticesThatItsKeyIsGone(t *testing.T) {
	t.Parallel()
	var s *Sandbox
	var taken error
	s = open(t, Options{Plan: "private-500", Step: func(e secretsmanager.StepEvent) {
		if e.Name == "clients/consumed-private_key_jwt-0" && e.Step == "setSecret" {
			taken = takeOldKey(t.Context(), s, e.ARN)
		}
	}}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	r, err := s.Consume(ctx, ConsumerOrder{Secrets: 1, Rotations: 1, Strategy: ConsumerKey})
	if err != nil || taken != nil || r.Failed == 0 || !r.Bad() {
		t.Errorf("%+v, %v, %v: want failures", r, err, taken)
	}
}

// takeOldKey leaves a client the newest of its keys, and waits until somebody
// was refused.
func takeOldKey(ctx context.Context, s *Sandbox, arn string) error {
	var client string
	for _, v := range s.Secrets.Snapshot() {
		if v.ARN == arn {
			client = v.Tags["clientkeeper:client-id"]
		}
	}
	keys := s.Tenant.AttachedKeys(client)
	if err := s.Tenant.Attach(client, keys[len(keys)-1].CredentialID); err != nil {
		return err
	}
	before := s.Tenant.Counts().Requests
	for !slices.ContainsFunc(s.Tenant.Log(), func(e tenant.Entry) bool {
		return e.N > before && e.Route == "token" && e.Status == http.StatusUnauthorized
	}) {
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func TestAConsumerThatCannotLogInIsCounted(t *testing.T) {
	t.Parallel()
	s := open(t, Options{}, nil)
	transport := s.tenantTransport()
	defer transport.CloseIdleConnections()
	c, err := s.newConsumer("clients/refused", ConsumerOrder{Strategy: ConsumerLocal}, http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	c.rounds = 1
	if err := c.once(t.Context()); err == nil || c.report.Logins > 0 || !c.report.Bad() {
		t.Errorf("%+v, %v: a tenant that cannot be reached is no refusal, and a consumer that never logged in no success", c.report, err)
	}
	id, _ := s.Tenant.AddClient("clients/wrong")
	if c.arn, err = s.store(&Rotated{Name: "clients/wrong", ClientID: id}, map[string]string{"client_secret": "wrong"}, nil); err != nil {
		t.Fatal(err)
	}
	c.tenant.Transport = transport
	if err := c.once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.report.Failed != 1 || c.report.Alone != 1 || !c.report.Bad() {
		t.Errorf("%+v, want one failure", c.report)
	}
}

// With a key the first refusal counts, and one that comes after the overlap
// does not.
func TestAConsumerWhoseKeyIsRefusedIsCounted(t *testing.T) {
	t.Parallel()
	s := open(t, Options{}, nil)
	transport := s.tenantTransport()
	defer transport.CloseIdleConnections()
	s.Tenant.AddAPI(audience)
	c, err := s.newConsumer("clients/keyed", ConsumerOrder{Strategy: ConsumerKey, Overlap: time.Hour}, transport)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // an assertion of its own each time, or the second were refused
		if err := c.once(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if c.report.Logins != 2 || c.report.Bad() || c.report.Alone > 0 {
		t.Errorf("%+v, want two logins", c.report)
	}
	for _, k := range s.Tenant.AttachedKeys(c.client) {
		if err := s.Tenant.DeleteCredential(c.client, k.CredentialID); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.report.Failed != 1 || c.report.Alone != 1 || !c.report.Bad() {
		t.Errorf("%+v, want one failure", c.report)
	}
	c.order.Overlap = 0
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	go func() {
		for c.unanswered() == 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	if err := c.once(ctx); err == nil || c.unanswered() == 0 || c.report.Failed != 1 {
		t.Errorf("%+v, %v, want a refusal that is not counted", c.report, err)
	}
}

func (c *consumer) unanswered() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.report.Unanswered
}
