package sandbox

import (
	"context"
	"net/http"
	"testing"
	"time"
)

func TestAConsumerSeesNoFailureWhileItsSecretIsRotated(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Plan: "private-500"}, nil)
	for _, o := range []ConsumerOrder{{Secrets: 2, Rotations: 6, Strategy: "local"}, {Secrets: 2, Rotations: 4, Strategy: "tenant-generated"}} {
		t.Run(o.Strategy, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			r, err := s.Consume(ctx, o)
			if err != nil || r.Bad() {
				t.Errorf("%+v, %v", r, err)
			}
			if r.Alone == 0 {
				t.Error("not even a consumer without the fallback noticed anything: there was no rotation to see")
			}
			t.Logf("%+v", r)
		})
	}
}

func TestAConsumerThatCannotLogInIsCounted(t *testing.T) {
	t.Parallel()
	s := open(t, Options{}, nil)
	transport := s.tenantTransport()
	defer transport.CloseIdleConnections()
	c, err := s.newConsumer("clients/refused", "local", http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	c.patience = 0
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
